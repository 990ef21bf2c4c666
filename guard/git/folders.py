"""Files and folders inside a commit's tree."""

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
    """Every file below a tree whose name is wanted; folders are read level by level."""
    files: list[File] = []
    level = [("", tree)]
    while level:
        for folder, current in level:
            files += (file for file in files_in(current, folder) if wanted(file.name))
        level = _below(store, level, "*")
    return files


def matching_folders(
    store: Store, tree: GitObject, pattern: str
) -> Iterator[tuple[str, GitObject]]:
    """The folders that a path with ``*``, ``?`` and ``[]`` in its steps leads to."""
    level = [("", tree)]
    for step in pattern.split("/"):
        if step not in ("", "."):
            level = _below(store, level, step)
    yield from level


def matching_files(store: Store, tree: GitObject, pattern: str) -> list[File]:
    """The regular files that a path with ``*``, ``?`` and ``[]`` in its steps leads to."""
    folder, _, name = pattern.rpartition("/")
    return [
        file
        for where, found in matching_folders(store, tree, folder)
        for file in files_in(found, where)
        if fnmatchcase(file.name, name)
    ]


def _below(
    store: Store, level: list[tuple[str, GitObject]], pattern: str
) -> list[tuple[str, GitObject]]:
    """The folders in those of a level whose names fit, read side by side."""
    below = [
        (_join(folder, entry), entry.id)
        for folder, tree in level
        for entry in tree.entries
        if entry.mode == FOLDER and fnmatchcase(os.fsdecode(entry.name), pattern)
    ]
    trees = []
    for (folder, name), tree in zip(
        below, store.read_all([name for _, name in below]), strict=True
    ):
        if tree is None:
            raise MissingObjectError(f"tree {name} ({folder}) is missing", store.refetch.text)
        trees.append((folder, tree))
    return trees


def _join(folder: str, entry: TreeEntry) -> str:
    name = os.fsdecode(entry.name)
    return f"{folder}/{name}" if folder else name
