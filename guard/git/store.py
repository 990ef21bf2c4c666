"""The pieces of a combination, and one submodule's objects, wherever on this machine they are."""

import os
from typing import NamedTuple

from guard.errors import GitError
from guard.git.commands import Command, git
from guard.git.objects import GitObject, ObjectPool
from guard.git.repository import Repository
from guard.git.trees import FOLDER, GITLINK, TreeEntry


class Root(NamedTuple):
    """A commit's tree, and a repository that has it."""

    commit: str
    tree: GitObject
    repository: Repository


class Part(NamedTuple):
    """One repository's share of a combination.

    Args:
        path: where it stands in the superproject, "" for the superproject itself, with slashes,
            decoded as `os.fsdecode` does; nested submodules have the whole path.
        commit: the commit at the gitlink, "" for the superproject's index.
        tree: the id of its tree.
        repository: one that has the objects.
    """

    path: str
    commit: str
    tree: str
    repository: Repository


class Store:
    """Reads from several repositories as if they were one; the first that has an object serves.

    Args:
        repositories: in the order in which they are asked.
    """

    def __init__(self, pool: ObjectPool, repositories: tuple[Repository, ...]) -> None:
        self._pool = pool
        self.repositories = repositories
        self._trees: dict[str, GitObject] = {}
        self._entries: dict[str, dict[bytes, TreeEntry]] = {}

    @property
    def refetch(self) -> Command:
        """What fetches the objects that a partial clone lacks."""
        return git(self.repositories[0], "fetch", "--refetch", "--no-filter")

    def root(self, commit: str) -> Root | None:
        """The tree of a commit, None where no repository has both.

        What is no commit (a tag may name a tree, and a gitlink anything) has no root.
        """
        for repository in self.repositories:
            found, tree = self._pool.reader(repository).read_all(
                [f"{commit}^{{commit}}", f"{commit}^{{tree}}"]
            )
            if tree is not None and found is not None and found.id == commit:
                self._trees[tree.id] = tree
                return Root(commit, tree, repository)
        return None

    def with_tree(self, tree_id: str, commits: list[str]) -> set[str]:
        """Those of many commits that have a tree, asked for all at once."""
        found: set[str] = set()
        for repository in self.repositories:
            reader = self._pool.reader(repository)
            try:
                kinds = reader.kinds([f"{commit}^{{tree}}" for commit in commits])
            except GitError:
                # An object that is only promised ends git: one after another, then.
                roots = (self.root(commit) for commit in commits)
                return {item.commit for item in roots if item and item.tree.id == tree_id}
            found.update(
                commit
                for commit, kind in zip(commits, kinds, strict=True)
                if kind is not None and kind.id == tree_id
            )
        # A tag may name a tree itself, which is no commit.
        return {commit for commit in found if self.root(commit) is not None}

    def read(self, object_id: str) -> GitObject | None:
        """An object by its id, None where no repository has it."""
        return self.read_all([object_id])[0]

    def read_all(self, ids: list[str]) -> list[GitObject | None]:
        """Objects in the order of their ids, None for those that no repository has."""
        found: dict[str, GitObject] = {}
        for repository in self.repositories:
            open_ids = [name for name in dict.fromkeys(ids) if name not in found]
            if not open_ids:
                break
            answers = self._pool.reader(repository).read_all(open_ids)
            found.update(
                (name, answer)
                for name, answer in zip(open_ids, answers, strict=True)
                if answer is not None
            )
        return [found.get(name) for name in ids]

    def tree(self, tree_id: str) -> GitObject | None:
        """A tree by its id; kept, because several questions walk the same ones."""
        if tree_id not in self._trees:
            found = self.read(tree_id)
            if found is None:
                return None
            self._trees[tree_id] = found
        return self._trees[tree_id]

    def walk(self, tree: GitObject, path: str) -> tuple[TreeEntry, str] | None:
        """The entry at a path, or the gitlink that the path runs into.

        Args:
            path: with slashes; "" and "." are no steps.

        Returns:
            The entry and what is left of the path behind it (only a gitlink leaves anything), or
            None where there is no such entry.

        Raises:
            LookupError: a tree on the way is in no repository; its id is the argument.
        """
        steps = [step for step in path.split("/") if step not in ("", ".")]
        current = tree
        for index, step in enumerate(steps):
            name = os.fsencode(step)
            entry = self._named(current).get(name)
            if entry is None:
                return None
            rest = steps[index + 1 :]
            if not rest or entry.mode == GITLINK:
                return entry, "/".join(rest)
            if entry.mode != FOLDER:
                return None
            below = self.tree(entry.id)
            if below is None:
                raise LookupError(entry.id)
            current = below
        return TreeEntry(FOLDER, b"", tree.id), ""

    def _named(self, tree: GitObject) -> dict[bytes, TreeEntry]:
        """A tree's entries by their names; the refs of a push walk the same trees."""
        found = self._entries.get(tree.id)
        if found is None:
            # Of two with one name, which git never writes, the first.
            found = {entry.name: entry for entry in reversed(tree.entries)}
            self._entries[tree.id] = found
        return found
