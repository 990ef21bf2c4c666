"""The pieces that a combination is made of: the superproject's tree and each submodule's."""

from __future__ import annotations

from typing import NamedTuple

from guard.git.repository import Repository


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
