"""Joining one's own verdicts with a remote's: by union, so that nobody's are ever lost."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.commits import Entry, changed_index, moved, new_commit
from guard.git.objects import ObjectPool, ObjectReader
from guard.git.refs import REMOTES, list_refs, tip_in
from guard.git.remotes import fetch, ls_remote, read_remotes
from guard.git.repository import Repository
from guard.git.sending import PushError, Refusal, push
from guard.git.trees import REGULAR, entries
from guard.verdicts import LOST
from guard.verdicts.record import parse_all
from guard.verdicts.recording import Made, mended, settled
from guard.verdicts.salvage import Losses, is_whole, parse_losses
from guard.verdicts.verdicts import NAME, REF, URL

_RACES: Final = 10


class Synced(NamedTuple):
    """What came of it, in verdicts; and what was lost and came back, one line each."""

    came: int
    went: int
    troubles: tuple[str, ...] = ()


def sync(repository: Repository, pool: ObjectPool, remote: str, dry_run: bool) -> Synced:
    """Bring a remote's verdicts here and one's own there. One's own ref is left as it is.

    What the remote has is kept at ``refs/guard/remotes/<remote>/verdicts``, even where somebody
    has taken it away there. Nothing is forced: where the remote moves meanwhile, it is joined anew.
    What is lost of either ref is fetched again, as far as the remote has it.

    Raises:
        GuardError: the remote does not answer, refuses, or moves all the time.
    """
    tracking = f"{REMOTES}{remote}{NAME}"
    incoming = f"{REMOTES}{remote}/incoming"
    troubles: list[str] = []
    if not dry_run:
        # Git would say of one's own damage that the remote cannot be fetched from.
        _delete(repository, incoming)
        for ref in (REF, tracking):
            troubles += mended(repository, pool, ref)[1]
    for _ in range(_RACES):
        is_there = _fetched(repository, remote, incoming, _lost(repository, pool, REF, tracking))
        if not dry_run:
            _keep_place(repository, pool, remote)
            troubles += _restored(repository, pool, REF)
            _restored(repository, pool, tracking)
        refs = list_refs(repository, REF, tracking, incoming)
        # One's own, what the remote was last seen to have, and what it has now.
        own, earlier, now = (
            refs[name].id if name in refs else None for name in (REF, tracking, incoming)
        )
        now = now if is_there else None
        tops = _maximal(repository, (now, earlier, own))
        if not tops:
            return Synced(0, 0, (*troubles,))
        came = _count(repository, (now,), (earlier, own))
        went = _count(repository, tops, (now,))
        if dry_run:
            _delete(repository, incoming)
            return Synced(came, went)
        joined = _joined(repository, pool, tops, incoming)
        if joined != now and not _pushed(repository, remote, joined):
            continue
        if joined == earlier or moved(repository, tracking, joined, earlier):
            _delete(repository, incoming)
            return Synced(came, went, (*troubles,))
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


def _fetched(repository: Repository, remote: str, incoming: str, anew: bool) -> bool:
    """Have the remote's verdicts at a ref; False where the remote has none.

    Args:
        anew: whether all of them come, those that should be here as well.
    """
    options = ("--no-filter", *(["--refetch"] if anew else []))
    try:
        if not ls_remote(repository, remote, REF, seconds=None):
            return False
        fetch(repository, remote, f"+{REF}:{incoming}", options=options)
    except GitError as error:
        raise _trouble("asked for its verdicts", remote, error) from error
    return True


def _keep_place(repository: Repository, pool: ObjectPool, name: str) -> None:
    """Keep where a remote is, and drop what was brought from where it was before."""
    remotes = read_remotes(pool.settings.of(repository), repository)
    remote, url = remotes.named(name), f"{REMOTES}{name}{URL}"
    (kept,) = pool.reader(repository).read_refs([url])
    place = remotes.kept_place(remote) if remote is not None else b""
    if remote is None or (kept is not None and kept.data == place):
        return
    if kept is not None:
        _delete(repository, f"{REMOTES}{name}{NAME}")
    blob = repository.text("hash-object", "-w", "--stdin", data=place)
    repository.run("update-ref", url, blob)


def _losses(repository: Repository, pool: ObjectPool, ref: str) -> Losses:
    """What was lost of a ref's verdicts."""
    (marker,) = pool.reader(repository).read_refs([f"{ref}:{LOST}"])
    return parse_losses(marker)


def _lost(repository: Repository, pool: ObjectPool, *refs: str) -> bool:
    return any(_losses(repository, pool, ref).losses for ref in refs)


def _restored(repository: Repository, pool: ObjectPool, ref: str) -> list[str]:
    """Join what was lost of a ref and is here again; in words, one line each."""
    losses = _losses(repository, pool, ref).losses
    back = [loss for loss in losses if is_whole(repository, loss.tip)]
    if not back:
        return []
    left = Losses(tuple(loss for loss in losses if loss not in back))

    def make(scratch: Repository) -> Made:
        tip = list_refs(repository, ref)[ref].id
        tops = _maximal(repository, (tip, *(loss.tip for loss in back)))
        return Made(_union(scratch, pool, tops, left), tip, tops)

    settled(repository, ref, make)
    return [f"what was lost of {ref} by {loss.noticed} is back" for loss in back]


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


def _joined(repository: Repository, pool: ObjectPool, tips: list[str], ref: str) -> str:
    """The tip, or a merge of all, to which a ref leads then; without what was lost here."""
    if len(tips) == 1 and pool.reader(repository).read(f"{tips[0]}:{LOST}") is None:
        return tips[0]

    def make(scratch: Repository) -> Made:
        old = tip_in(repository, list_refs(repository, ref), ref)
        return Made(_union(scratch, pool, tips, Losses()), old, tips)

    settled(repository, ref, make)
    return list_refs(repository, ref)[ref].id


def _union(scratch: Repository, pool: ObjectPool, tips: list[str], losses: Losses) -> str:
    """A merge of all, whose tree has every file of each, the newer record where they differ."""
    first, *others = tips
    files, reader = (
        entries(scratch, first),
        pool.reader(scratch._replace(index_file="", new_objects="")),
    )
    changed: dict[str, Entry | None] = {}
    for other in others:
        for path, entry in entries(scratch, other).items():
            present = files.get(path)
            if present is None or (present != entry and _is_newer(reader, entry, present)):
                files[path] = changed[path] = entry
    changed[LOST] = None
    if losses.losses:
        blob = scratch.text("hash-object", "-w", "--stdin", data=losses.to_json())
        changed[LOST] = REGULAR, blob
    return new_commit(scratch, changed_index(scratch, first, changed), tips, "Join verdicts")


def _is_newer(reader: ObjectReader, entry: Entry, present: Entry) -> bool:
    """Whether a record is newer than the present one; a damaged one is older than any."""
    records = parse_all(reader.read_all([entry[1], present[1]]))
    times = [record.finished if record is not None else "" for record in records]
    return times[0] > times[1]


def _delete(repository: Repository, ref: str) -> None:
    if list_refs(repository, ref):
        repository.run("update-ref", "-d", ref)
