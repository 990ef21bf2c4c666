"""Files and folders inside a commit's tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from guard.errors import MissingObjectError
from guard.git.objects import GitObject
from guard.git.store import Store
from guard.git.trees import FOLDER, GITLINK, SYMLINK, TreeEntry


class File(NamedTuple):
    """A regular file in a tree: its folder ("" for the root), its name and its blob."""

    folder: str
    name: str
    blob: str

    @property
    def path(self) -> str:
        """Folder and name."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


def files_in(tree: GitObject, folder: str) -> list[File]:
    """The regular files of one tree object."""
    return [
        File(folder, os.fsdecode(entry.name), entry.id)
        for entry in tree.entries
        if entry.mode not in (FOLDER, GITLINK, SYMLINK)
    ]


def all_files(store: Store, tree: GitObject, wanted: Callable[[str], bool]) -> list[File]:
    """Every file below a tree whose name is wanted; folders are read level by level.

    Raises:
        MissingObjectError: a tree on the way is in no repository.
    """
    found: list[File] = []
    level: list[tuple[str, GitObject]] = [("", tree)]
    while level:
        below: list[tuple[str, str]] = []
        for folder, current in level:
            found += (item for item in files_in(current, folder) if wanted(item.name))
            below += (
                (_join(folder, entry), entry.id)
                for entry in current.entries
                if entry.mode == FOLDER
            )
        answers = store.read_all([name for _, name in below])
        level = []
        for (folder, name), answer in zip(below, answers, strict=True):
            if answer is None:
                raise MissingObjectError(
                    f"tree {name} ({folder}) is missing", "git fetch --refetch --no-filter"
                )
            level.append((folder, answer))
    return found


def matching_folders(
    store: Store, tree: GitObject, pattern: str
) -> Iterator[tuple[str, GitObject]]:
    """The folders that a path with ``*``, ``?`` and ``[]`` in its steps leads to.

    Raises:
        MissingObjectError: a tree on the way is in no repository.
    """
    level = [("", tree)]
    for step in pattern.split("/"):
        if step in ("", "."):
            continue
        level = [
            (_join(folder, entry), _tree(store, entry, _join(folder, entry)))
            for folder, current in level
            for entry in current.entries
            if entry.mode == FOLDER and fnmatchcase(os.fsdecode(entry.name), step)
        ]
    yield from level


def _tree(store: Store, entry: TreeEntry, folder: str) -> GitObject:
    found = store.tree(entry.id)
    if found is None:
        raise MissingObjectError(
            f"tree {entry.id} ({folder}) is missing", "git fetch --refetch --no-filter"
        )
    return found


def _join(folder: str, entry: TreeEntry) -> str:
    name = os.fsdecode(entry.name)
    return f"{folder}/{name}" if folder else name
