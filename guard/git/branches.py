"""The branch on which a repository's work comes together, here and on its remote."""

from __future__ import annotations

from typing import NamedTuple

from guard.git.refs import head_of, refs_below
from guard.git.repository import Repository

_HEADS = "refs/heads/"


class Branch(NamedTuple):
    """The default branch of a repository.

    Args:
        remote: the remote's name, "" where the repository has none.
        name: without ``refs/heads/``.
        tracked: what the remote had when it was last asked, None where that is not known.
        local: the commit of the local branch, None where there is none.
        checked_out: the working trees that have the local branch checked out.
    """

    remote: str
    name: str
    tracked: str | None
    local: str | None
    checked_out: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """The full name."""
        return f"{_HEADS}{self.name}"


class Stand(NamedTuple):
    """Where HEAD is.

    Args:
        commit: None before the first one.
        branch: its short name, "" where HEAD is detached.
    """

    commit: str | None
    branch: str


def default_branch(repository: Repository) -> Branch:
    """The branch that the remote's HEAD names; else ``main`` or ``master``; else the own one.

    Raises:
        GitError: git cannot list remotes or refs.
    """
    remote = _remote(repository)
    tracked = refs_below(repository, f"refs/remotes/{remote}/") if remote else {}
    prefix = f"refs/remotes/{remote}/"
    head = repository.text("symbolic-ref", "--quiet", f"{prefix}HEAD", ok=(0, 1, 128))
    names = [head.removeprefix(prefix)] if head.startswith(prefix) else []
    names += ["main", "master"]
    own = stand(repository).branch
    name = next((each for each in names if prefix + each in tracked), "")
    name = name or own or next((each for each in names), "master")
    asked = ("--format=%(objectname) %(refname) %(worktreepath)", f"{_HEADS}{name}")
    found = (line.split(" ", 2) for line in repository.lines("for-each-ref", *asked))
    local, place = next(
        ((commit, place) for commit, ref, place in found if ref == f"{_HEADS}{name}"), (None, "")
    )
    return Branch(remote, name, tracked.get(prefix + name), local, (place,) if place else ())


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


def _remote(repository: Repository) -> str:
    remotes = repository.lines("remote")
    if "origin" in remotes:
        return "origin"
    return remotes[0] if len(remotes) == 1 else ""
