"""The journal of `guard recover`: which checkouts are on their way, and where the home is.

One file for each working tree of the superproject, since each has submodules of its own. A call may
be killed anywhere, and the disk may be full; it goes in this order:

1. Commits and their objects are made. No ref leads to them: who calls again makes them anew.
2. The journal is written, whole: from which commit each checkout goes to which, and with
   ``--local`` where everything was before. Where that fails, nothing has moved yet. The home is
   known from here until everything is there again.
3. Branches move, each at once and only from where they were. The index and files of a checkout on
   such a branch are still those of the old commit: that is a move that `stays`.
4. Checkouts move, one after the other. One that is killed has only files of its two commits, and
   lacks some; the next call tells by that (`is_between`), and brings it to the new commit. What a
   person has changed since is never between the two, and is refused as everywhere.
5. The journal forgets the moves. Before that a call finds everything in place and does nothing
   but this. On the way home it forgets the home next, and then there is no journal.

What comes before, an image that is built again, and after, pushes, only goes from one whole state
to another: the next call finds the good tree at the tip, and makes no second commit.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from shlex import quote
from typing import Final, Literal, NamedTuple

from guard.errors import GuardError
from guard.git.checkouts import (
    follow,
    is_between,
    put_right,
    strays,
    switch,
    take_over,
    uncommitted,
    update_below,
)
from guard.git.commits import advance, has_commit
from guard.git.files import unwritable, write_whole
from guard.git.refs import Stand, stand
from guard.git.repository import Repository, checkout_at
from guard.model import ShapeError, from_json, to_json
from guard.situation.branches import DefaultBranch
from guard.verdicts.recording import KEEP

_WHY: Final = "guard recover"

Say = Callable[[str], None]


class Goal(NamedTuple):
    """A checkout that moves, and where it goes.

    Args:
        branch: what is checked out then, "" for a detached HEAD.
        source: a repository that has the commit, None where the checkout's own has it.
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


class Move(NamedTuple):
    """A checkout on its way.

    Args:
        stays: whether it stays on its branch, which moves before index and files do.
    """

    path: str
    old: str
    new: str
    stays: bool = False


class Home(NamedTuple):
    """Where a checkout was before ``--local``; `branch` is "" where HEAD was detached."""

    path: str
    branch: str
    commit: str


class Journal(NamedTuple):
    """Where everything was before ``--local``, and what is on its way; both may be empty."""

    version: Literal[1]
    home: tuple[Home, ...]
    moves: tuple[Move, ...]


NOTHING: Final = Journal(1, (), ())


def read_journal(superproject: Repository) -> Journal:
    """The journal of a working tree, empty where there is none."""
    path = _file(superproject)
    try:
        with open(path, "rb") as file:
            return from_json(Journal, file.read())
    except FileNotFoundError:
        return NOTHING
    except NotADirectoryError as error:
        raise unwritable(f"{path} cannot be read", path, error) from error
    except (OSError, ShapeError) as error:
        raise GuardError(
            f"{path}, which says where everything was, cannot be read: {error}",
            f"check out your branches by hand, then rm {quote(path)}",
        ) from error


def write_journal(superproject: Repository, journal: Journal) -> None:
    """Write the journal, or remove it where it says nothing.

    Raises:
        GuardError: it cannot be written; it is as it was.
    """
    path = _file(superproject)
    try:
        if journal == NOTHING:
            with suppress(FileNotFoundError):
                os.unlink(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Of two calls the second waits for the first: one draft is enough, and none is left.
            write_whole(path, to_json(journal, indent=1).encode() + b"\n", draft=f"{path}.new")
    except OSError as error:
        raise unwritable(f"cannot write {path}", path, error) from error


def finish(superproject: Repository, only_shows: bool, say: Say) -> None:
    """Put right the checkouts that a killed call has left on their way.

    Args:
        only_shows: nothing is to be done; what would come after it nobody can show before.

    Raises:
        GuardError: the journal cannot be read or written, git refuses, or something would be done.
    """
    journal = read_journal(superproject)
    places = ((checkout_at(superproject, move.path), move) for move in journal.moves)
    ways = [(checkout, move) for checkout, move in places if checkout is not None]
    interrupted = [(checkout, move) for checkout, move in ways if _is_half_way(checkout, move)]
    if only_shows and interrupted:
        folders = " and ".join(checkout.place for checkout, _ in interrupted)
        raise GuardError(
            f"an interrupted call has left {folders} on the way",
            "call it without --dry-run, which puts that right first",
        )
    if only_shows or not journal.moves:
        return
    for checkout, move in interrupted:
        put_right(checkout, move.new)
    # What somebody has changed since is theirs to look at; then the next call puts it right.
    if not any(uncommitted(checkout) for checkout, _ in ways):
        write_journal(superproject, journal._replace(moves=()))
    for checkout, _ in interrupted:
        say(f"{checkout.place}: put right after an interrupted call")


def travel(
    superproject: Repository, goals: Sequence[Goal], say: Say, is_outing: bool = False
) -> None:
    """Bring checkouts to where they go, each with its submodules.

    Args:
        is_outing: whether the journal remembers where they were, unless it does already.

    Raises:
        GuardError: a branch was moved meanwhile, or git refuses. Running it again goes on.
    """
    for goal in goals:
        if goal.source is not None:
            bring(goal.checkout, goal.commit, goal.source, goal.tag)
    ways = [(goal, stand(goal.checkout)) for goal in goals]
    home = {place.path: place for place in read_journal(superproject).home}
    if is_outing:
        left = (Home(goal.path, before.branch, before.commit or "") for goal, before in ways)
        home = {**{place.path: place for place in left}, **home}
    moves = [
        Move(goal.path, before.commit, goal.commit, _stays(goal, before))
        for goal, before in ways
        if before.commit not in (None, goal.commit)
    ]
    write_journal(superproject, Journal(1, (*home.values(),), (*moves,)))
    for goal in goals:
        branch = goal.moves
        if branch is not None and branch.local != goal.commit:
            advance(goal.checkout, branch.ref, goal.commit, branch.local, _WHY)
    for goal, before in ways:
        for line in (*_check_out(goal, before), *goal.arrival):
            say(f"{goal.name}: {line}")
    write_journal(superproject, Journal(1, (*home.values(),), ()))


def bring(checkout: Repository, commit: str, source: Repository, tag: str = "") -> None:
    """Have a commit in a checkout's repository: as `take_over`, by what may name it there."""
    take_over(checkout, commit, source, f"{KEEP}{commit}", *([f"refs/tags/{tag}"] if tag else []))


def _stays(goal: Goal, before: Stand) -> bool:
    return bool(goal.branch) and goal.branch == before.branch


def _check_out(goal: Goal, before: Stand) -> list[str]:
    """Move a checkout, and its submodules after it; where those cannot follow, that is returned."""
    if not _stays(goal, before):
        if before != (goal.commit, goal.branch):
            switch(goal.checkout, goal.commit, goal.branch)
    elif before.commit not in (None, goal.commit):
        follow(goal.checkout, before.commit, goal.commit)
    if goal.path:
        try:
            update_below(goal.checkout)
        except GuardError as error:
            # They may need a network, and the three repositories are what counts.
            return [f"its own submodules stay where they are: {error.problem}"]
    return []


def _is_half_way(checkout: Repository, move: Move) -> bool:
    if not has_commit(checkout, move.old) or not has_commit(checkout, move.new):
        return False
    commit = stand(checkout).commit or ""
    # A branch that moves does so before its files; any other HEAD after them.
    if commit != move.new and (commit != move.old or move.stays):
        return False
    other = move.old if commit == move.new else move.new
    is_touched = bool(uncommitted(checkout) or strays(checkout, commit, other))
    return is_touched and is_between(checkout, move.old, move.new)


def _file(superproject: Repository) -> str:
    return os.path.join(superproject.git_dir, "guard", "recover.json")
