"""Joining one's own verdicts with a remote's: by union, so that nobody's are ever lost."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.commits import Entry, moved, new_commit, tree_with
from guard.git.objects import ObjectPool, ObjectReader
from guard.git.refs import REMOTES, list_refs
from guard.git.remotes import fetch, ls_remote
from guard.git.repository import Repository
from guard.git.sending import PushError, Refusal, push
from guard.git.trees import entries
from guard.verdicts.record import parse_all
from guard.verdicts.verdicts import NAME, REF

_RACES: Final = 10


class Synced(NamedTuple):
    """What came of it, in verdicts."""

    came: int
    went: int


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
        _fetch(repository, remote, incoming)
        refs = list_refs(repository, REF, tracking, incoming)
        # One's own, what the remote was last seen to have, and what it has now.
        tips = (refs[name].id if name in refs else None for name in (REF, tracking, incoming))
        own, earlier, now = tips
        tops = _maximal(repository, (now, earlier, own))
        if not tops:
            return Synced(0, 0)
        came = _count(repository, (now,), (earlier, own))
        went = _count(repository, tops, (now,))
        if dry_run:
            _delete(repository, incoming)
            return Synced(came, went)
        joined = tops[0] if len(tops) == 1 else _joined(repository, pool, tops)
        if joined != now and not _pushed(repository, remote, joined):
            continue
        if joined == earlier or moved(repository, tracking, joined, earlier):
            _delete(repository, incoming)
            return Synced(came, went)
    raise GuardError(f"{remote} moved its verdicts {_RACES} times meanwhile", "guard sync")


def ways_to_verdicts(repository: Repository, remote: str) -> str:
    """How a clone that has none comes by verdicts."""
    remotes = repository.lines("remote")
    if not remotes:
        return "guard test makes a verdict"
    sync = f"guard sync brings the verdicts of {remote}"
    if not remote:
        sync = f"guard sync {remotes[0]} brings the verdicts of a remote"
    return f"{sync}, guard test makes one"


def _fetch(repository: Repository, remote: str, incoming: str) -> None:
    """Have the remote's verdicts at a ref; no such ref where the remote has none."""
    try:
        if ls_remote(repository, remote, REF, seconds=None):
            fetch(repository, remote, f"+{REF}:{incoming}")
        else:
            _delete(repository, incoming)
    except GitError as error:
        raise _trouble("asked for its verdicts", remote, error) from error


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
    commits = list(dict.fromkeys(tip for tip in tips if tip))
    if len(commits) < 2:
        return commits
    independent = set(repository.text("merge-base", "--independent", *commits).split())
    return [tip for tip in commits if tip in independent]


def _count(
    repository: Repository, tips: Iterable[str | None], without: Iterable[str | None]
) -> int:
    commits = [tip for tip in tips if tip]
    excluded = [f"^{tip}" for tip in without if tip]
    if not commits:
        return 0
    return int(repository.text("rev-list", "--count", "--no-merges", *commits, *excluded))


def _joined(repository: Repository, pool: ObjectPool, tips: list[str]) -> str:
    """A merge of all, whose tree has every file of each, the newer record where they differ."""
    first, *others = tips
    files, reader = entries(repository, first), pool.reader(repository)
    changed: dict[str, Entry] = {}
    for other in others:
        for path, entry in entries(repository, other).items():
            present = files.get(path)
            if present is None or (present != entry and _is_newer(reader, entry, present)):
                files[path] = changed[path] = entry
    return new_commit(repository, tree_with(repository, first, changed), tips, "Join verdicts")


def _is_newer(reader: ObjectReader, entry: Entry, present: Entry) -> bool:
    """Whether a record is newer than the present one; a damaged one is older than any."""
    records = parse_all(reader.read_all([entry[1], present[1]]))
    times = [record.finished if record is not None else "" for record in records]
    return times[0] > times[1]


def _delete(repository: Repository, ref: str) -> None:
    repository.run("update-ref", "-d", ref)
