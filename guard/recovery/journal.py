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

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from shlex import quote
from typing import Final, Literal, NamedTuple

from guard.errors import GuardError
from guard.git.ancestry import has_commit
from guard.git.checkouts import is_between, put_right, strays, uncommitted
from guard.git.files import write_whole
from guard.git.locate import checkout_at
from guard.git.refs import stand
from guard.git.repository import Repository
from guard.model import ShapeError, from_json, to_json

_FILE: Final = "recover.json"


class Move(NamedTuple):
    """A checkout on its way.

    Args:
        path: of the submodule, "" for the superproject.
        old: the commit that it leaves.
        new: the one that it goes to.
        stays: whether it stays on its branch, which moves before index and files do.
    """

    path: str
    old: str
    new: str
    stays: bool = False


class Home(NamedTuple):
    """Where a checkout was before ``--local``.

    Args:
        path: of the submodule, "" for the superproject.
        branch: "" where HEAD was detached.
    """

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
    """The journal of a working tree, empty where there is none.

    Raises:
        GuardError: it cannot be read.
    """
    path = _file(superproject)
    try:
        with open(path, "rb") as file:
            return from_json(Journal, file.read())
    except FileNotFoundError:
        return NOTHING
    except NotADirectoryError as error:
        folder = os.path.dirname(path)
        raise GuardError(
            f"{folder}, where guard keeps what it needs, is no folder", f"move away {folder}"
        ) from error
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
        raise GuardError(
            f"cannot write {path}: {error.strerror}", f"ls -ld {quote(path)}"
        ) from error


def half_way(superproject: Repository) -> list[tuple[Repository, Move]]:
    """The checkouts that a killed call has left on their way.

    Raises:
        GuardError: the journal cannot be read.
    """
    moves = read_journal(superproject).moves
    checkouts = [(checkout_at(superproject, move.path), move) for move in moves]
    return [(one, move) for one, move in checkouts if one is not None and _is_half_way(one, move)]


def finish(superproject: Repository, interrupted: Sequence[tuple[Repository, Move]]) -> None:
    """Put right the checkouts that are `half_way`.

    Raises:
        GuardError: the journal cannot be read or written, or git refuses.
    """
    for checkout, move in interrupted:
        put_right(checkout, move.new)
    journal = read_journal(superproject)
    checkouts = [checkout_at(superproject, move.path) for move in journal.moves]
    # What somebody has changed since is theirs to look at; then the next call puts it right.
    if journal.moves and not any(one is not None and uncommitted(one) for one in checkouts):
        write_journal(superproject, journal._replace(moves=()))


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
    return os.path.join(superproject.git_dir, "guard", _FILE)
