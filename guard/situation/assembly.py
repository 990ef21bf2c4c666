"""A combination put together: its parts, and the key that stands for all of their content."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from guard.config import FILE, is_below
from guard.errors import ConfigError, GitError, MissingObjectError
from guard.git.commands import git
from guard.git.objects import GitObject
from guard.git.store import Part, Store
from guard.git.trees import FOLDER, GITLINK, TreeEntry, tree_id
from guard.model import Combination
from guard.situation.contents import Submodules


class Assembly(NamedTuple):
    """What `assemble` found.

    Args:
        key: id of the superproject's tree, without what is no content, in which every gitlink
            stands with the id of its commit's tree. Its mode stays: attributes end at it, so a
            folder with the same files is other content. Git would refuse to make such a tree.
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
        left_out = () if prefix else (FILE, *self._submodules.config.image.ignore)
        top = {os.fsdecode(entry.name) for entry in tree.entries if entry.mode == GITLINK}
        changes: dict[tuple[str, ...], str] = {tuple(path.split("/")): "" for path in left_out}
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
        if not changes:
            return tree.id
        return tree_id(self._changed(store, tree, changes), len(tree.id) // 2)

    def _submodule(
        self, parent: Store, prefix: str, path: str, names: list[str], commit: str
    ) -> str | None:
        whole = prefix + path
        if prefix:
            store = self._submodules.nested(parent, path, names)
        else:
            store = self._submodules.store(path, names)
        root = store.root(commit)
        if root is None:
            self.missing.append(f"commit {commit} of {whole}")
            return None
        self.parts.append(Part(whole, commit, root.tree.id, root.repository))
        return self._content(store, root.tree, f"{whole}/", {})

    def _changed(
        self, store: Store, tree: GitObject, changes: Mapping[tuple[str, ...], str]
    ) -> list[TreeEntry]:
        """The entries of a tree with other ids at some paths; "" takes an entry away.

        A folder in which nothing is left goes, too, as in a checkout.
        """
        entries = []
        for entry in tree.entries:
            name = os.fsdecode(entry.name)
            below = {path[1:]: new for path, new in changes.items() if path[0] == name}
            if () in below:
                entries += [entry._replace(id=below[()])] if below[()] else []
            elif below and entry.mode == FOLDER:
                folder = store.tree(entry.id)
                if folder is None:
                    self.missing.append(f"tree {entry.id} of the superproject")
                elif inside := self._changed(store, folder, below):
                    entries.append(entry._replace(id=tree_id(inside, len(tree.id) // 2)))
            else:
                entries.append(entry)
        return entries


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
    paths = [part.path for part in assembler.parts[1:]]
    for ignored in submodules.config.image.ignore:
        for path in paths:
            if is_below(path, ignored) or is_below(ignored, path):
                problem = f"{FILE}: image.ignore must leave {path} alone, and names {ignored!r}"
                raise ConfigError(problem, f"correct {FILE}")
    if assembler.missing:
        raise MissingObjectError(
            "missing: " + "; ".join(assembler.missing),
            git(store.repositories[0], "submodule", "update", "--init", "--recursive").text,
        )
    if len({len(part.tree) for part in assembler.parts}) > 1:
        raise GitError("the combination mixes SHA-1 and SHA-256 repositories")
    return Assembly(key, tuple(assembler.parts))
