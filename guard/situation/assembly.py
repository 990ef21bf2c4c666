"""A combination put together: its parts, and the key that stands for all of their content."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from guard.config import FILE
from guard.errors import GitError, MissingObjectError
from guard.git.commands import git
from guard.git.objects import GitObject
from guard.git.repository import distinct, submodule_repositories
from guard.git.store import Part, Store
from guard.git.trees import FOLDER, GITLINK, TreeEntry, tree_id
from guard.model import Combination
from guard.situation.contents import Submodules


class Assembly(NamedTuple):
    """What `assemble` found.

    Args:
        key: id of the superproject's tree with every gitlink replaced by its commit's tree.
        parts: the superproject first, then every submodule, nested ones behind their parent.
    """

    key: str
    parts: tuple[Part, ...]


class _Assembler:
    """Puts a combination together."""

    def __init__(self, submodules: Submodules) -> None:
        self._submodules = submodules
        self.parts: list[Part] = []
        self.missing: list[str] = []

    def superproject(self, store: Store, tree: GitObject, combination: Combination) -> str:
        self.parts.append(Part("", combination.commit or "", tree.id, store.repositories[0]))
        config = self._submodules.config
        present: dict[str, str | None] = dict.fromkeys((config.consumer, config.dependency))
        replaced = {link.path: link.commit for link in combination.replaced}
        return self._content(store, tree, "", {**present, **replaced})

    def _content(
        self, store: Store, tree: GitObject, prefix: str, known: Mapping[str, str | None]
    ) -> str:
        """The id of the tree with its gitlinks replaced, as far down as ``.gitmodules`` names.

        Args:
            known: gitlinks that need no such name, with the commit that takes the place of theirs.
        """
        names = self._submodules.named(store, tree)
        top = {os.fsdecode(entry.name) for entry in tree.entries if entry.mode == GITLINK}
        changes: dict[tuple[str, ...], str] = {}
        for path in sorted({*top, *known, *filter(_is_plain, names)}):
            try:
                found = store.walk(tree, path)
            except LookupError as error:
                self.missing.append(f"tree {error} in {prefix or 'the superproject'}")
                continue
            if found is None or found[0].mode != GITLINK or found[1]:
                continue
            commit = known.get(path) or found[0].id
            below = self._submodule(store, prefix, path, names.get(path, []), commit)
            if below is not None:
                changes[tuple(path.split("/"))] = below
        return self._rewritten(store, tree, changes, drop=FILE.encode() if not prefix else b"")

    def _submodule(
        self, parent: Store, prefix: str, path: str, names: list[str], commit: str
    ) -> str | None:
        whole = prefix + path
        if prefix:
            nested = submodule_repositories(
                parent.repositories, path, dict.fromkeys((*names, path))
            )
            store = Store(self._submodules.pool, distinct(nested))
        else:
            store = self._submodules.store(path, names)
        root = store.root(commit)
        if root is None:
            self.missing.append(f"commit {commit} of {whole}")
            return None
        self.parts.append(Part(whole, commit, root.tree.id, root.repository))
        return self._content(store, root.tree, f"{whole}/", {})

    def _rewritten(
        self, store: Store, tree: GitObject, changes: dict[tuple[str, ...], str], drop: bytes = b""
    ) -> str:
        if not changes and not drop:
            return tree.id
        entries = []
        for entry in tree.entries:
            name = os.fsdecode(entry.name)
            below = {path[1:]: new for path, new in changes.items() if path[0] == name}
            if entry.name == drop:
                continue
            if () in below:
                entries.append(TreeEntry(FOLDER, entry.name, below[()]))
            elif below:
                folder = store.tree(entry.id)
                assert folder is not None  # the walk to the gitlink has read it
                entries.append(entry._replace(id=self._rewritten(store, folder, below)))
            else:
                entries.append(entry)
        return tree_id(entries, len(tree.id) // 2)


def _is_plain(path: str) -> bool:
    return not {"", ".", ".."}.intersection(path.split("/"))


def assemble(submodules: Submodules, store: Store, combination: Combination) -> Assembly:
    """Find every part of a combination and compute its key.

    Args:
        store: the superproject's objects.

    Raises:
        MissingObjectError: a commit or a tree is in no repository; all of them are named.
        GitError: git cannot be asked, or a ``.gitmodules`` is malformed.
    """
    assembler = _Assembler(submodules)
    tree = store.tree(combination.tree)
    if tree is None:
        raise MissingObjectError(f"tree {combination.tree} of the superproject is missing")
    try:
        key = assembler.superproject(store, tree, combination)
    except RecursionError as error:
        raise GitError("the submodules are nested too deeply to be read") from error
    if assembler.missing:
        raise MissingObjectError(
            "missing: " + "; ".join(assembler.missing),
            git(store.repositories[0], "submodule", "update", "--init", "--recursive").text,
        )
    if len({len(part.tree) for part in assembler.parts}) > 1:
        raise GitError("the combination mixes SHA-1 and SHA-256 repositories")
    return Assembly(key, tuple(assembler.parts))
