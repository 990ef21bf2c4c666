"""The verdicts: one ref whose history holds every attempt, and whose tree the newest of each.

``refs/guard/verdicts`` is a commit whose tree maps ``<key, fanned out>/<recipe>.json`` to a record.
What of it is lost is read around (`guard.verdicts.salvage`); recording links a whole tree on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from guard.errors import GitError, GuardError
from guard.git.objects import GitObject, ObjectPool, ObjectReader
from guard.git.refs import REMOTES, VERDICTS, list_refs, tip_in
from guard.git.remotes import Pairs, fetched_over, read_remotes
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import Result, ShapeError, Tested, VerdictState
from guard.verdicts import CLONE, LOST, SETTING
from guard.verdicts import record_path as record_path

if TYPE_CHECKING:
    from guard.verdicts.colleagues import Colleagues, Theirs
    from guard.verdicts.record import Record
    from guard.verdicts.salvage import Loss

REF: Final = VERDICTS
NAME: Final = "/verdicts"
# Beside a remote's: a blob that says at which place it was when they were brought.
URL: Final = "/url"


class Verdicts:
    """The store in one superproject's repository. Where git cannot be asked, a GitError says so."""

    def __init__(self, repository: Repository, pool: ObjectPool) -> None:
        # A private index's objects are of no use here, and another process would be.
        self._repository = repository
        self._pool = pool
        self._tips: tuple[str | None, dict[str, str]] | None = None
        self._named: list[tuple[str, str]] = []

    @property
    def logs(self) -> str:
        """The folder of the logs, in the common git dir; worktrees share it."""
        return os.path.join(self._repository.common_dir, "guard", "logs")

    def refusal_file(self, verdict: str) -> str:
        """Where it is noted why the image of a verdict did not get into its registry."""
        return os.path.join(self.logs, f"{verdict}.unpublished")

    def look_again(self) -> None:
        """Go by what is there now: another process may have recorded something meanwhile."""
        self._tips = None

    def look_up(self, key: str, digest: str) -> Tested:
        """What the newest record says of a combination and a recipe; never raises for bad data."""
        return self._counting(key, digest)[0]

    def record_of(self, key: str, digest: str) -> Record | None:
        """The record that `look_up` goes by, None where there is none, or it is damaged."""
        return self._counting(key, digest)[1]

    def _counting(self, key: str, digest: str) -> tuple[Tested, Record | None]:
        from guard.verdicts.salvage import Losses, LostError, record_at

        tested, path = Tested(VerdictState.UNTESTED, key, digest), record_path(key, digest)
        tip, tips = self._where()
        own, blob, losses = None, "", Losses()
        try:
            if tip is not None:
                own, blob, losses = record_at(self._reader, tip, path, REF)
            if tip is not None and own is not None and not self._is_own(own):
                own, tips = None, {**tips, REF: tip}
            # Where sync has brought nothing, nothing more is imported.
            theirs = self._colleagues(tips).newest(path) if tips else None
        except LostError as error:
            return _unreadable(tested, error), None
        except ShapeError as error:
            return _unreadable(tested, f"the verdict {path} is damaged: {error}"), None
        record, by = _newest(own, theirs)
        blob = blob if record is own else ""
        for loss in losses.losses:
            if loss.may_hide(path, blob, record.finished if record is not None else ""):
                return _unreadable(tested, _hidden(loss)), None
        if record is None:
            return tested._replace(uncounted=_why_not(own, theirs)), None
        # The log is on the machine of whoever recorded it.
        log = "" if by or not record.log else os.path.join(self.logs, record.log)
        log = log if log and os.path.exists(log) else ""
        return _tested(record)._replace(log=log, by=by, blob=blob), record

    def is_newest(self, tested: Tested, standing: tuple[str, ...]) -> bool:
        """Whether one's own record, as it was read, still is the newest that counts.

        Refs are asked for by their names: git lists none, however many there are.

        Args:
            standing: what `standing` was when it was read.
        """
        asked = (f"{REF}:{record_path(tested.key, tested.recipe)}", f"{REF}:{LOST}")
        try:
            names = self._their_refs()
            commits = (f"{name}^{{commit}}" for name in names)
            record, lost, *theirs = self._reader.read_refs([*asked, *commits])
        except GitError:
            return False  # git ends over some kinds of damage; whoever looks it up says so
        tips = {name: tip.id for name, tip in zip(names, theirs, strict=True) if tip is not None}
        # Of a ref whose commit is lost git says what it says of no ref.
        is_read = not any(
            os.path.lexists(os.path.join(self._repository.common_dir, name))
            for name in names
            if name not in tips
        )
        is_same = record is not None and record.id == tested.blob and lost is None
        return is_same and is_read and self._standing(tips) == standing

    @property
    def standing(self) -> tuple[str, ...]:
        """What others' verdicts are here and whether they count, in a form to compare."""
        return self._standing(self._where()[1])

    def _standing(self, tips: dict[str, str]) -> tuple[str, ...]:
        trust = dict(self._settings).get(SETTING, "")
        theirs = (trust, *(f"{name} {tip}" for name, tip in sorted(tips.items()))) if tips else ()
        return (*theirs, *self._mirrors)

    def others(self) -> list[Theirs]:
        """What others recorded and ``guard sync`` brought, newest first, trusted or not.

        Raises:
            ConfigError: ``guard.trust`` is no word that guard knows.
        """
        tip, tips = self._where()
        if tip is not None and not all(map(self._is_own, self._records(self._files(tip)))):
            tips = {**tips, REF: tip}
        return [each for each in self._colleagues(tips).all() if each.by] if tips else []

    def counted(self) -> list[Record]:
        """As `newest`, with those of `others` that count: what `look_up` goes by."""
        own = (each for each in self.newest() if not each.is_ahead)
        records = {record_path(each.key, each.recipe): each for each in own}
        groups: dict[str, list[Theirs]] = {}
        for each in self.others():
            groups.setdefault(record_path(each.record.key, each.record.recipe), []).append(each)
        for path, group in groups.items():
            record, by = _newest(records.get(path), _deciding(group))
            if record is not None and by:
                records[path] = record
        return sorted(records.values(), key=lambda record: record.finished, reverse=True)

    def _colleagues(self, tips: dict[str, str]) -> Colleagues:
        # Most clones share nothing.
        from guard.verdicts.colleagues import Colleagues, trust_in

        # What a mirror's fetch brought under one's own ref is among one's own there.
        settings = self._settings if REF in tips else ()
        names = {value for key, value in settings if key == CLONE}
        own = None if REF in tips else self._where()[0]
        trust = trust_in(self._settings)
        return Colleagues(self._repository, self._pool, tips, own, trust, names)

    def _is_own(self, record: Record) -> bool:
        """Whether what stands under one's own ref is one's own: a mirror's fetch moves that."""
        return not self._mirrors or (CLONE, record.clone) in self._settings

    @property
    def _mirrors(self) -> list[str]:
        return fetched_over(self._settings, REF)

    def newest(self) -> list[Record]:
        """One's own newest record of each combination and recipe, newest first.

        Of one that is damaged or missing an earlier one, where there is any.
        """
        tip = self._where()[0]
        files = self._files(tip) if tip is not None else ()
        return [*filter(self._is_own, self._records(files))]

    def history(self) -> list[Record]:
        """Every attempt that was ever recorded and can be read, newest first."""
        from guard.verdicts.salvage import Salvage

        tip = self._where()[0]
        blobs = Salvage(self._reader).every(tip) if tip is not None else ()
        return [*filter(self._is_own, self._records(blobs))]

    def _files(self, tip: str) -> Iterable[GitObject]:
        from guard.verdicts.salvage import Salvage

        return Salvage(self._reader).newest(tip).files.values()

    def _records(self, blobs: Iterable[GitObject]) -> list[Record]:
        from guard.verdicts.salvage import parse_all

        records = parse_all(blobs)
        whole = (record for record in records if record is not None)
        return sorted(whole, key=lambda record: record.finished, reverse=True)

    def rehearse(self) -> None:
        """Do all that recording needs but moving the ref, in a private place: before the hour.

        Raises:
            GuardError: there is no identity, no signing key, no room, or the ref cannot be moved.
        """
        from guard.verdicts.recording import rehearse

        rehearse(self._repository)

    def record(self, record: Record, parts: Iterable[Part]) -> list[str]:
        """Add a record; a passed one also keeps its submodules' commits from being pruned.

        What could not be kept, and what was found to be lost, is returned, one line each: the
        verdict stands all the same.

        Raises:
            GuardError: the record could not be written; the ref is as it was.
        """
        from guard.verdicts.recording import add, keep, named_clone

        clones = [value for key, value in self._settings if key == CLONE]
        if not clones:
            clones = [named_clone(self._repository)]
            self._named = [(CLONE, clones[0])]
        path = record_path(record.key, record.recipe)
        troubles = add(self._repository, self._pool, record._replace(clone=clones[0]), path)
        self.look_again()
        drops = f"drops what is recorded here from {REF}; guard sync shares it before"
        troubles += [f"each git fetch {remote} {drops}" for remote in self._mirrors]
        return [*troubles, *keep(record, parts)]

    @property
    def _reader(self) -> ObjectReader:
        return self._pool.reader(self._repository)

    @property
    def _settings(self) -> Pairs:
        return [*self._pool.settings.of(self._repository), *self._named]

    def _where(self) -> tuple[str | None, dict[str, str]]:
        """The tips, read once until somebody looks again: one's own, and others' by their refs."""
        if self._tips is None:
            refs = list_refs(self._repository, REF, REMOTES)
            # Most clones share nothing, and then nobody asks which remotes there are.
            is_shared = refs.keys() - {REF} or os.path.isdir(
                os.path.join(self._repository.common_dir, REMOTES)
            )
            names = self._their_refs() if is_shared else []
            tips = ((name, tip_in(self._repository, refs, name)) for name in names)
            own = tip_in(self._repository, refs, REF)
            self._tips = own, {name: tip for name, tip in tips if tip is not None}
        return self._tips

    def _their_refs(self) -> list[str]:
        """Where the verdicts of others stand that can count: those of the remotes there are.

        Those that ``guard sync`` brought from where a remote is no more do not.
        """
        remotes = read_remotes(self._pool.settings.of(self._repository), self._repository)
        urls = self._reader.read_refs([f"{REMOTES}{each.name}{URL}" for each in remotes.remotes])
        return [
            f"{REMOTES}{remote.name}{NAME}"
            for remote, url in zip(remotes.remotes, urls, strict=True)
            if url is None or url.data == remotes.kept_place(remote)
        ]


def _deciding(theirs: Iterable[Theirs]) -> Theirs | None:
    from guard.verdicts.colleagues import deciding

    return deciding(theirs)


def _outweighs(theirs: Theirs, own: Record) -> bool:
    """As of `guard.verdicts.colleagues.deciding`; of two that say the same, the newer counts."""
    if theirs.record.result is own.result:
        return theirs.record.finished > own.finished
    return theirs.weight > (True, own.finished, own.result is not Result.PASSED)


def _newest(own: Record | None, theirs: Theirs | None) -> tuple[Record | None, str]:
    """The record that counts, and whose it is, "" for one's own."""
    counting = None if own is None or own.is_ahead else own
    if theirs is None or not theirs.trusted:
        return counting, ""
    if counting is not None and not _outweighs(theirs, counting):
        return counting, ""
    return theirs.record, theirs.by


def _why_not(own: Record | None, theirs: Theirs | None) -> str:
    """Which record there is that does not count, and why; "" for none."""
    if theirs is not None and not theirs.trusted:
        record, why = theirs.record, f"git config {SETTING}"
        start, end = "no verdict of yours; ", f" of {theirs.by}"
    elif own is not None:
        record, why, start, end = own, "", "verdict ", ""
    else:
        return ""
    if record.is_ahead:
        why = f"{record.finished} is more than ten minutes ahead of this clock"
    return f"{start}{record.name} ({record.result.value}){end} does not count: {why}"


def _hidden(loss: Loss) -> str:
    return (
        f"a newer verdict on this combination may be among those that were lost by {loss.noticed}; "
        "guard sync brings it back where it was shared"
    )


def _unreadable(tested: Tested, why: GuardError | str) -> Tested:
    error = why if isinstance(why, GuardError) else GuardError(why)
    state = VerdictState.UNREADABLE
    return tested._replace(state=state, detail=error.problem, remedy=error.remedy)


def _tested(record: Record) -> Tested:
    """What a record says; its log by the file's name."""
    return Tested(
        VerdictState[record.result.name],
        record.key,
        record.recipe,
        record.detail,
        verdict=record.name,
        published=bool(record.published),
    )
