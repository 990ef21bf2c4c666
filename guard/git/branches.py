"""Where HEAD is, and how commits lie to each other."""

from __future__ import annotations

from typing import NamedTuple

from guard.git.refs import head_of
from guard.git.repository import Repository

_HEADS = "refs/heads/"


class Stand(NamedTuple):
    """Where HEAD is.

    Args:
        commit: None before the first one.
        branch: its short name, "" where HEAD is detached.
    """

    commit: str | None
    branch: str


def stand(repository: Repository) -> Stand:
    """Where HEAD is, by its full name."""
    ref = repository.text("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
    return Stand(head_of(repository), ref.removeprefix(_HEADS))


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether a commit is another one or lies before it."""
    if old == new:
        return True
    counted = repository.text("rev-list", "--count", "--max-count=1", old, f"^{new}")
    return counted == "0"


def only_in(repository: Repository, commits: str, *without: str) -> list[str]:
    """The commits that lead to one and not to others, the newest first."""
    return repository.lines("rev-list", commits, *(f"^{one}" for one in without))
