"""The way back to a known-good combination, as a plan: what becomes of each repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.config import FILE, Config
from guard.gate.gate import Gate
from guard.git.branches import Stand
from guard.git.commits import Changes, gitlink, regular
from guard.git.repository import Repository
from guard.git.store import Part
from guard.recovery.known_good import Good
from guard.situation.branches import DefaultBranch

# In the message of a restoring commit, with the verdict's name.
TRAILER: Final = "Guard-Recovers"


class Side(NamedTuple):
    """One of the two repositories that get a new commit.

    Args:
        path: of the submodule, "" for the superproject.
        good: the commit whose tree comes back, "" where only the tree is known.
        described: that commit as people name it.
        tree: the tree that comes back; of the superproject as far as it is known before aula's
            new commit is made.
        parents: of the new commit: the tip, and the remote's where both have gone on.
        why: which tip that is, in words.
        needed: whether a commit is made at all.
        undone: the commits whose changes go, as people name them.
        stat: what changes, as ``git diff --stat`` says it.
    """

    path: str
    name: str
    checkout: Repository
    branch: DefaultBranch
    stand: Stand
    good: str
    described: str
    tree: str
    parents: tuple[str, ...]
    why: str
    needed: bool
    undone: tuple[str, ...] = ()
    stat: str = ""

    @property
    def on_branch(self) -> bool:
        """Whether the default branch is checked out."""
        return self.stand.branch == self.branch.name


class Pinned(NamedTuple):
    """A submodule that only moves: no commit is made in it.

    Args:
        checkout: None where it is not checked out.
        tag: the release, "" where the commit is none.
        source: a repository that has the commit.
    """

    path: str
    name: str
    commit: str
    tag: str
    checkout: Repository | None
    source: Repository


class Plan(NamedTuple):
    """What `guard recover` would do.

    Args:
        blob: the id of the `.guard.toml` that holds afterwards, None for none.
        notes: what a person should know.
    """

    good: Good
    config: Config
    blob: str | None
    consumer: Side
    superproject: Side
    pinned: tuple[Pinned, ...]
    notes: tuple[str, ...]

    @property
    def checkouts(self) -> tuple[tuple[str, Repository], ...]:
        """Name and checkout of everything that may move."""
        sides = (self.superproject, self.consumer)
        pinned = ((each.name, each.checkout) for each in self.pinned if each.checkout is not None)
        return tuple((side.name, side.checkout) for side in sides) + tuple(pinned)


def submodules_of(gate: Gate, good: Good) -> list[Part]:
    """The submodules of the superproject itself, not those of its submodules.

    Raises:
        MissingObjectError: a tree of the superproject is missing.
    """
    if good.base is None:
        return []
    tree = good.base._replace(replaced=())
    return [part for part in good.parts if part.path and gate.gatherer.gitlink(tree, part.path)]


def changes_of(consumer: str, commit: str, pinned: Iterable[Pinned], blob: str | None) -> Changes:
    """What differs from the good tree in that of the restored superproject.

    Args:
        consumer: its path.
        commit: of the consumer.
        blob: the content of ``.guard.toml``, None for no such file.
    """
    return {
        consumer: gitlink(commit),
        **{each.path: gitlink(each.commit) for each in pinned},
        FILE: regular(blob) if blob is not None else None,
    }
