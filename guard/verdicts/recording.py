"""Recording a verdict: a commit whose tree has one file more, and the ref moved to it.

The ref moves by compare-and-swap; a loser of the race adds its record to the winner's tree. What it
is added to is whole: where a part of that is lost, a commit goes around it first.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.commits import Entry, changed_index, lasting, moved, new_commit
from guard.git.files import move_away, unwritable
from guard.git.index import private_index
from guard.git.objects import ObjectPool
from guard.git.refs import NOWHERE, VERDICTS, list_refs, tip_in
from guard.git.remotes import FETCHING
from guard.git.repository import Repository
from guard.git.store import Part
from guard.git.trees import REGULAR
from guard.model import Result
from guard.screen import counted
from guard.verdicts import CLONE, LOST
from guard.verdicts.record import Record, stamp
from guard.verdicts.salvage import Contents, Loss, Losses, Salvage, is_whole, parse_losses

# Of a submodule's commit that a passed verdict is of, in the submodule.
KEEP: Final = "refs/guard/keep/"
_RACES: Final = 50
# How often what git fails over is done anew: a clean-up may take new objects away.
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.2  # seconds


def rehearse(repository: Repository) -> None:
    """As `Verdicts.rehearse`."""
    with private_index(repository, private_objects=True) as scratch:
        try:
            blob = scratch.text("hash-object", "-w", "--stdin", data=b"{}\n")
            tree = changed_index(scratch, None, {"rehearsal.json": (REGULAR, blob)})
            commit = new_commit(scratch, tree, [], "rehearsal")
            tip = tip_in(repository, list_refs(repository, VERDICTS), VERDICTS)
            if tip != NOWHERE:
                # Lock the ref as an update would, and let go of it.
                old = tip or "0" * len(commit)
                words = ("start", f"verify {VERDICTS} {old}", "prepare", "abort")
                data = "".join(f"{word}\n" for word in words).encode()
                repository.run("update-ref", "--stdin", data=data)
        except GitError as error:
            raise GuardError(
                f"a verdict could not be recorded after the build: {error.problem}",
                "git config user.name and user.email; git config commit.gpgsign; git fsck",
            ) from error


def named_clone(repository: Repository) -> str:
    """Give this clone a name, and return it; "" where its configuration cannot be written."""
    name = os.urandom(8).hex()
    try:
        repository.run("config", "--add", CLONE, name)
    except GitError:
        return ""
    return name


def add(repository: Repository, pool: ObjectPool, record: Record, path: str) -> list[str]:
    """Add a record to the tree at a path; as `Verdicts.record`."""
    troubles: list[str] = []

    def made(scratch: Repository) -> Made:
        tip, lines = mended(repository, pool, VERDICTS)
        troubles.extend(lines)
        blob = scratch.text("hash-object", "-w", "--stdin", data=record.to_json())
        changes: dict[str, Entry | None] = {path: (REGULAR, blob)}
        reader = pool.reader(repository)
        marker = reader.read(f"{tip}:{LOST}") if tip is not None else None
        if marker is not None:
            left = parse_losses(marker).without(path, blob)
            note = scratch.text("hash-object", "-w", "--stdin", data=left.to_json())
            changes[LOST] = (REGULAR, note) if left.losses else None
        tree, base = changed_index(scratch, tip, changes), [tip] if tip else []
        return Made(new_commit(scratch, tree, base, record.title), tip, base)

    if not settled(repository, VERDICTS, made):
        raise GuardError(
            f"{VERDICTS} moved {_RACES} times while the verdict {record.name} was being recorded",
            "guard test",
        )
    return troubles


class Made(NamedTuple):
    """A new commit for a ref.

    Args:
        old: where the ref was before, as for `guard.git.commits.moved`.
        base: commits that it is made on, of which nothing is missing.
    """

    commit: str
    old: str | None
    base: Sequence[str]


def settled(repository: Repository, ref: str, make: Callable[[Repository], Made]) -> bool:
    """Move a ref to a new commit, anew for as long as others move it or clean up meanwhile.

    Args:
        make: makes the commit in a repository with private objects.

    Raises:
        GitError: git cannot, however often.
    """
    attempts = _ATTEMPTS
    for _ in range(_RACES):
        try:
            with private_index(repository, private_objects=True) as scratch:
                made = make(scratch)
                with lasting(repository, scratch, made.commit, made.base):
                    is_done = moved(repository, ref, made.commit, made.old)
                if is_done and is_whole(repository, made.commit, made.base):
                    return True
        except GitError:
            attempts -= 1
            if not attempts:
                raise
            time.sleep(_PAUSE)
    return False


def mended(repository: Repository, pool: ObjectPool, ref: str) -> tuple[str | None, list[str]]:
    """The tip of a ref of verdicts, of which nothing is missing; and what was lost, in words.

    Where something is, the ref goes to a new commit first: on the newest whole one, with all that
    can be read of the newer ones, and with a note of what was lost.

    Raises:
        GuardError: this user may not read an object, git cannot write, or was ended.
    """
    tip = tip_in(repository, list_refs(repository, ref), ref)
    if tip is None or is_whole(repository, tip):
        return tip, []
    # What a partial clone was promised comes now; and git may have been at work on its packs.
    with suppress(GitError):
        repository.run_as_user("rev-list", "--objects", "--quiet", tip, seconds=FETCHING, asks=True)
    time.sleep(_PAUSE)
    if is_whole(repository, tip):
        return tip, []
    salvage = Salvage(pool.reader(repository))
    contents, base = salvage.newest(tip), salvage.base(tip)
    damaged = _damaged(repository, salvage.unread)
    # Of others' a fetch brings what there is; until then any may be missing.
    paths = contents.lost if ref == VERDICTS else ("",)
    older = tuple(blob.id for path, blob in contents.files.items() if path.startswith(paths))
    loss = Loss(paths, stamp(time.time()), tip, older)

    def make(scratch: Repository) -> Made:
        changes = _noted(scratch, contents, loss)
        parents = [base] if base is not None else []
        tree = changed_index(scratch, None, changes)
        return Made(new_commit(scratch, tree, parents, "Go around lost verdicts"), tip, parents)

    settled(repository, ref, make)
    for path in damaged:
        # Git would write no like of it beside one that is damaged.
        move_away(path, os.path.join(repository.common_dir, "guard", "lost"))
    with suppress(GitError):  # it leads to what is lost, and git gc would fail over that
        repository.run("reflog", "expire", "--expire=all", ref)
    return tip_in(repository, list_refs(repository, ref), ref), _told(ref, contents)


def _damaged(repository: Repository, ids: Iterable[str]) -> list[str]:
    """The files of objects that git cannot read.

    Raises:
        GuardError: one is closed to this user, and so may be whole.
    """
    folder = os.path.join(repository.common_dir, "objects")
    paths = [os.path.join(folder, each[:2], each[2:]) for each in ids]
    for path in paths:
        try:
            with suppress(FileNotFoundError):
                open(path, "rb").close()
        except OSError as error:
            raise unwritable(f"{path} cannot be read", path, error) from error
    return paths


def _noted(scratch: Repository, contents: Contents, loss: Loss) -> dict[str, Entry | None]:
    """What can be read, with a note of what was lost now and before."""
    files = {path: (REGULAR, blob.id) for path, blob in contents.files.items()}
    before = parse_losses(contents.files.get(LOST)).losses
    if loss.paths:
        data = Losses((*before, loss)).to_json()
        files[LOST] = (REGULAR, scratch.text("hash-object", "-w", "--stdin", data=data))
    return {**files}


def _told(ref: str, contents: Contents) -> list[str]:
    left = counted(len(contents.files.keys() - {LOST}), "verdict")
    if not contents.lost:
        return [f"earlier attempts in {ref} were lost; the newest of each is there ({left})"]
    which = "any combination" if "" in contents.lost else "some combinations"
    return [
        f"a part of {ref} was lost; {left} could be read. The newest of {which} may be among the "
        "lost: such a combination is tested anew (guard test), unless guard sync brings it back"
    ]


def keep(record: Record, parts: Iterable[Part]) -> list[str]:
    """Keep a passed combination's commits from being pruned; what could not be, one line each."""
    troubles = []
    for part in parts:
        if part.path and record.result is Result.PASSED:
            try:
                part.repository.run("update-ref", f"{KEEP}{part.commit}", part.commit)
            except GitError as error:
                troubles.append(f"{part.path} {part.commit} is not kept: {error.problem}")
    return troubles
