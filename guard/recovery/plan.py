"""The way back to a known-good combination as values: what becomes of each repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guard.config import FILE, Config
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.commits import Changes
from guard.git.refs import Stand
from guard.git.repository import Repository
from guard.git.store import Part
from guard.git.trees import GITLINK, REGULAR
from guard.model import Combination
from guard.recovery.known_good import Good
from guard.situation.branches import DefaultBranch


class Goal(NamedTuple):
    """A checkout that moves, and where it goes. With ``--local`` that is all of a plan.

    Args:
        path: of the submodule, "" for the superproject.
        branch: what is checked out then, "" for a detached HEAD.
        source: a repository that has the commit, None where the checkout's own has it.
        tag: of that commit, "" for none.
        moves: the branch that is moved to the commit first.
        arrival: what is said once it is there.
    """

    path: str
    name: str
    checkout: Repository
    commit: str
    branch: str = ""
    source: Repository | None = None
    tag: str = ""
    moves: DefaultBranch | None = None
    arrival: tuple[str, ...] = ()


class Side(NamedTuple):
    """One of the two repositories that get a new commit.

    Args:
        path: of the submodule, "" for the superproject.
        good: the commit whose tree comes back, "" where only the tree is known.
        described: that commit as people name it.
        tree: the tree that comes back; of the superproject as far as it is known before the
            consumer's new commit is made.
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

    def goal(self, commit: str) -> Goal:
        """Where its checkout goes, given the commit that was made; on the branch it stays on it."""
        is_on_branch = self.stand.branch == self.branch.name
        lines = []
        if self.needed:
            lines.append(f"{self.branch.name} is at the new commit {commit[:12]}, on {self.why}")
        elif is_on_branch:
            lines.append(f"{self.branch.name} has the good tree already ({commit[:12]})")
        if not is_on_branch:
            lines += leaving(self.stand, commit)
        return Goal(
            *(self.path, self.name, self.checkout, commit),
            branch=self.branch.name if is_on_branch else "",
            moves=self.branch if self.needed or is_on_branch else None,
            arrival=tuple(lines),
        )


class Pinned(NamedTuple):
    """A submodule that only moves: no commit is made in it.

    Args:
        tag: the release, "" where the commit is none.
        goal: None where it is not checked out.
    """

    path: str
    name: str
    commit: str
    tag: str
    goal: Goal | None


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


def leaving(stand: Stand, commit: str) -> tuple[str, ...]:
    """What is said of a checkout that is detached at a commit, if that takes it off a branch."""
    if not stand.branch:
        return ()
    return (f"checked out at {commit[:12]}, and no longer on {stand.branch}",)


def whole(good: Good) -> Combination:
    """The tree and the gitlinks that give the content which passed.

    Raises:
        GuardError: it cannot be put together any more.
    """
    if good.base is None:
        raise GuardError(
            f"the combination of verdict {good.record.name} cannot be put together any more: "
            f"{good.missing}",
            good.remedy,
        )
    return good.base


def submodules_of(gate: Gate, good: Good) -> list[Part]:
    """The submodules of the superproject itself, not those of its submodules.

    Raises:
        GuardError: a tree of the superproject is missing.
    """
    tree = whole(good)._replace(replaced=())
    return [part for part in good.parts if part.path and gate.gatherer.gitlink(tree, part.path)]


def changes_of(consumer: str, commit: str, pinned: Iterable[Pinned], blob: str | None) -> Changes:
    """What differs from the good tree in that of the restored superproject.

    Args:
        consumer: its path.
        commit: of the consumer.
        blob: the content of ``.guard.toml``, None for no such file.
    """
    return {
        consumer: (GITLINK, commit),
        **{each.path: (GITLINK, each.commit) for each in pinned},
        FILE: (REGULAR, blob) if blob is not None else None,
    }
