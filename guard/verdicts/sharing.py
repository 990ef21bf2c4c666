"""Joining one's own verdicts with a remote's: by union, so that nobody's are ever lost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.commits import new_commit, regular, tree_with
from guard.git.network import fetch, ls_remote
from guard.git.objects import ObjectPool
from guard.git.refs import REMOTES, list_refs
from guard.git.repository import Repository
from guard.git.sending import PushError, Refusal, push
from guard.model import ShapeError
from guard.verdicts.record import parse_record
from guard.verdicts.verdicts import NAME, REF

_RACES: Final = 10


class Synced(NamedTuple):
    """What came of it, in verdicts.

    Args:
        came: those that this clone had not seen.
        went: those that the remote had not.
    """

    came: int
    went: int


class Tips(NamedTuple):
    """The commits that are joined; None where there is no such ref.

    Args:
        own: one's own verdicts.
        known: what the remote was last seen to have.
        remote: what it has now.
    """

    own: str | None
    known: str | None
    remote: str | None


def sync(repository: Repository, pool: ObjectPool, remote: str, dry_run: bool) -> Synced:
    """Bring a remote's verdicts here and one's own there. One's own ref is left as it is.

    What the remote has is kept at ``refs/guard/remotes/<remote>/verdicts``, even where somebody
    has taken it away there. Nothing is forced: where the remote moves meanwhile, it is joined anew.

    Raises:
        GuardError: the remote does not answer, refuses, or moves all the time.
    """
    tracking = f"{REMOTES}{remote}{NAME}"
    incoming = f"{REMOTES}{remote}/incoming"
    for _ in range(_RACES):
        tips = _tips(repository, remote, tracking, incoming)
        found = _maximal(repository, (tips.remote, tips.known, tips.own))
        if not found:
            return Synced(0, 0)
        seen = [tip for tip in (tips.known, tips.own) if tip]
        came = _count(repository, [tips.remote] if tips.remote else [], seen)
        went = _count(repository, found, [tips.remote] if tips.remote else [])
        if dry_run:
            _delete(repository, incoming)
            return Synced(came, went)
        joined = found[0] if len(found) == 1 else _joined(repository, pool, found)
        if joined != tips.remote and not _pushed(repository, remote, joined):
            continue
        if _move(repository, tracking, joined, tips.known):
            _delete(repository, incoming)
            return Synced(came, went)
    raise GuardError(f"{remote} moved its verdicts {_RACES} times meanwhile", "guard sync")


def ways_to_verdicts(repository: Repository, remote: str) -> str:
    """How a clone that has none comes by verdicts.

    Args:
        remote: the usual one, "" where nothing says which.
    """
    remotes = repository.lines("remote")
    if not remotes:
        return "guard test makes a verdict"
    sync = f"guard sync brings the verdicts of {remote}"
    if not remote:
        sync = f"guard sync {remotes[0]} brings the verdicts of a remote"
    return f"{sync}, guard test makes one"


def _tips(repository: Repository, remote: str, tracking: str, incoming: str) -> Tips:
    try:
        if ls_remote(repository, remote, REF, seconds=None):
            fetch(repository, remote, f"+{REF}:{incoming}")
        else:
            _delete(repository, incoming)
    except GitError as error:
        raise _trouble("asked for its verdicts", remote, error) from error
    refs = list_refs(repository, REF, tracking, incoming)
    return Tips(*(refs[name].id if name in refs else None for name in (REF, tracking, incoming)))


def _pushed(repository: Repository, remote: str, commit: str) -> bool:
    """Move a remote's verdicts forward; False where somebody else moved them meanwhile."""
    try:
        push(repository, remote, commit, REF, verify=False)
    except PushError as error:
        if error.refusal is Refusal.BEHIND:
            return False
        raise _trouble("given verdicts", remote, error) from error
    return True


def _trouble(what: str, remote: str, error: GuardError) -> GitError:
    return GitError(
        f"{remote} could not be {what}: {error.problem}",
        f"git ls-remote {remote}, to see what is wrong; then: guard sync",
    )


def _maximal(repository: Repository, tips: Iterable[str | None]) -> list[str]:
    """Those that none of the others contains, in their order."""
    found = list(dict.fromkeys(tip for tip in tips if tip))
    if len(found) < 2:
        return found
    independent = set(repository.text("merge-base", "--independent", *found).split())
    return [tip for tip in found if tip in independent]


def _count(repository: Repository, of: list[str], without: list[str]) -> int:
    if not of:
        return 0
    excluded = [f"^{tip}" for tip in without]
    return int(repository.text("rev-list", "--count", "--no-merges", *of, *excluded))


def _joined(repository: Repository, pool: ObjectPool, tips: list[str]) -> str:
    """A merge of all, whose tree has every file of each, the newer record where they differ."""
    first, *others = tips
    files = _files(repository, first)
    changed: dict[str, str] = {}
    for other in others:
        for path, blob in _files(repository, other).items():
            present = files.get(path)
            if present is None or (present != blob and _finished(repository, pool, blob, present)):
                files[path] = changed[path] = blob
    tree = tree_with(repository, first, {path: regular(blob) for path, blob in changed.items()})
    return new_commit(repository, tree, tips, "Join verdicts")


def _files(repository: Repository, tip: str) -> dict[str, str]:
    listed = repository.run("ls-tree", "-r", "-z", "--full-tree", tip)
    found = {}
    for entry in listed.split(b"\0"):
        if entry:
            meta, _, path = entry.partition(b"\t")
            found[os.fsdecode(path)] = meta.split()[2].decode()
    return found


def _finished(repository: Repository, pool: ObjectPool, blob: str, present: str) -> bool:
    """Whether a record is newer than the present one; a damaged one is older than any."""
    times = []
    for found in pool.reader(repository).read_all([blob, present]):
        try:
            times.append(parse_record(found.data).finished if found is not None else "")
        except ShapeError:
            times.append("")
    return times[0] > times[1]


def _move(repository: Repository, ref: str, commit: str, old: str | None) -> bool:
    if commit == old:
        return True
    try:
        repository.run("update-ref", ref, commit, old or "0" * len(commit))
    except GitError:
        now = repository.text("for-each-ref", "--format=%(objectname)", ref)
        if now == (old or ""):
            raise  # nobody else moved it: a full disk, a read-only folder
        return False
    return True


def _delete(repository: Repository, ref: str) -> None:
    repository.run("update-ref", "-d", ref)
