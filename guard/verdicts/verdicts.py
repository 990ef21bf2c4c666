"""The verdicts: one ref whose history holds every attempt, and whose tree the newest of each.

``refs/guard/verdicts`` is a commit whose tree maps ``<key, fanned out>/<recipe>.json`` to a record.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from guard.errors import GuardError
from guard.git.objects import GitObject, ObjectPool
from guard.git.refs import REMOTES, VERDICTS, list_refs
from guard.git.remotes import read_remotes
from guard.git.repository import Repository
from guard.git.store import Part, Store
from guard.git.trees import entries
from guard.model import Result, ShapeError, Tested, VerdictState

if TYPE_CHECKING:
    from guard.verdicts.colleagues import Colleagues, Theirs
    from guard.verdicts.record import Record

REF: Final = VERDICTS
NAME: Final = "/verdicts"


class _BrokenRefError(GuardError):
    """The ref is there and cannot be read."""


class Verdicts:
    """The store in one superproject's repository. Where git cannot be asked, a GitError says so."""

    def __init__(self, repository: Repository, pool: ObjectPool) -> None:
        # A private index's objects are of no use here, and another process would be.
        self._repository = repository
        self._pool = pool
        self._tips: tuple[str | None, dict[str, str]] | None = None

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
        own, record = self._own(key, digest)
        # Where sync has brought nothing, nothing more is imported.
        if own.state is VerdictState.UNREADABLE or not self._where()[1]:
            return own, record
        theirs = self._colleagues().newest(record_path(key, digest))
        if theirs is None or (theirs.record.key, theirs.record.recipe) != (key, digest):
            return own, record
        if not theirs.trusted:
            if own.state is not VerdictState.UNTESTED:
                return own, record
            what = f"{theirs.record.name} ({theirs.record.result.value}) of {theirs.by}"
            uncounted = f"{what} does not count: git config guard.trust"
            return own._replace(uncounted=uncounted), record
        if record is not None and not _outweighs(theirs.record, record):
            return own, record
        # The log is on the machine of whoever recorded it.
        return _tested(theirs.record)._replace(log="", by=theirs.by), theirs.record

    def is_newest(self, tested: Tested) -> bool:
        """Whether one's own record, as it was read, is the newest, and nobody else's are here.

        Refs are asked for by their names: git lists none, however many there are.
        """
        own = f"{REF}:{record_path(tested.key, tested.recipe)}"
        names = [own, *self._their_refs()]
        record, *theirs = self._pool.reader(self._repository).read_refs(names)
        return record is not None and record.id == tested.blob and not any(theirs)

    def others(self) -> list[Theirs]:
        """What others recorded and ``guard sync`` brought, newest first, trusted or not.

        Raises:
            ConfigError: ``guard.trust`` is no word that guard knows.
        """
        return self._colleagues().all() if self._where()[1] else []

    def counted(self) -> list[Record]:
        """As `newest`, with those of `others` that count: what `look_up` goes by."""
        records = {record_path(each.key, each.recipe): each for each in self.newest()}
        for theirs in self.others():
            path = record_path(theirs.record.key, theirs.record.recipe)
            if theirs.trusted and (path not in records or _outweighs(theirs.record, records[path])):
                records[path] = theirs.record
        return sorted(records.values(), key=lambda record: record.finished, reverse=True)

    def _colleagues(self) -> Colleagues:
        # Most clones share nothing.
        from guard.verdicts.colleagues import Colleagues, trust_in

        own, theirs = self._where()
        return Colleagues(self._repository, self._pool, theirs, own, trust_in(self._repository))

    def _own(self, key: str, digest: str) -> tuple[Tested, Record | None]:
        """What one's own newest record says, and that record where it can be read."""
        tested, path = Tested(VerdictState.UNTESTED, key, digest), record_path(key, digest)
        try:
            tip = self._where()[0]
        except _BrokenRefError as error:
            return _unreadable(tested, error), None
        if tip is None:
            return tested, None
        reader = self._pool.reader(self._repository)
        tree, blob = reader.read_all([f"{tip}^{{tree}}", f"{tip}:{path}"])
        if tree is None:
            return _unreadable(tested, _points_nowhere(tip)), None
        if blob is None:
            return self._without_record(tested, tree, path), None

        from guard.verdicts.record import parse_record

        try:
            record = parse_record(blob.data)
        except ShapeError as error:
            return _unreadable(tested, f"the verdict {path} is damaged: {error}"), None
        if (record.key, record.recipe) != (key, digest):
            detail = f"the verdict {path} is one of another combination ({record.name})"
            return _unreadable(tested, detail), None
        log = os.path.join(self.logs, record.log) if record.log else ""
        log = log if log and os.path.exists(log) else ""
        return _tested(record)._replace(log=log, blob=blob.id), record

    def _without_record(self, tested: Tested, tree: GitObject, path: str) -> Tested:
        """Untested, unless the record is named in the tree and only its object is not here."""
        try:
            entry = Store(self._pool, (self._repository,)).walk(tree, path)
        except LookupError as error:
            return _unreadable(tested, f"tree {error} of {REF} is missing")
        if entry is None:
            return tested
        return _unreadable(tested, f"the verdict {path} is missing (blob {entry[0].id})")

    def newest(self) -> list[Record]:
        """One's own newest record of each combination and recipe, newest first; no damaged ones."""
        tip = self._whole_tip()
        files = entries(self._repository, tip) if tip is not None else {}
        return self._records(blob for _, blob in files.values())

    def history(self) -> list[Record]:
        """Every attempt that was ever recorded, newest first."""
        tip = self._whole_tip()
        shown = ("--root", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=")
        listed = self._repository.text("log", *shown, tip) if tip is not None else ""
        blobs = (line.split()[3] for line in listed.splitlines() if line.startswith(":"))
        return self._records(blobs)

    def _records(self, blobs: Iterable[str]) -> list[Record]:
        from guard.verdicts.record import parse_all

        names = [name for name in dict.fromkeys(blobs) if name.strip("0")]
        records = parse_all(self._pool.reader(self._repository).read_all(names))
        whole = (record for record in records if record is not None)
        return sorted(whole, key=lambda record: record.finished, reverse=True)

    def rehearse(self) -> None:
        """Do all that recording needs but moving the ref, in a private place: before the hour.

        Raises:
            GuardError: there is no identity, no signing key, no room, or the ref is damaged.
        """
        from guard.verdicts.recording import rehearse

        rehearse(self._repository, lambda: self._where()[0])

    def record(self, record: Record, parts: Iterable[Part]) -> list[str]:
        """Add a record; a passed one also keeps its submodules' commits from being pruned.

        What could not be kept is returned, one line each: the verdict stands all the same.

        Raises:
            GuardError: the record could not be written; the ref is as it was.
        """
        from guard.verdicts.recording import add, keep

        def tip() -> str | None:
            self.look_again()
            return self._where()[0]

        add(self._repository, record, record_path(record.key, record.recipe), tip)
        self.look_again()
        return keep(record, parts)

    def _where(self) -> tuple[str | None, dict[str, str]]:
        """The tips, read once until somebody looks again: one's own, and others' by their refs."""
        if self._tips is not None:
            return self._tips
        # By its full name: what abbreviates would also find a tag of that name. The object need
        # not be there: that is for the caller to find out.
        refs = list_refs(self._repository, REF, REMOTES)
        # Git leaves out a ref whose file it cannot read, which is not the same as no ref.
        path = os.path.join(self._repository.common_dir, *REF.split("/"))
        if REF not in refs and os.path.isfile(path):
            raise _BrokenRefError(
                f"{path} names no commit (reference broken); what it named is still there, and "
                "git fsck --lost-found lists it",
                f"rm {shlex.quote(path)}",
            )
        # Most clones share nothing, and then nobody asks which remotes there are.
        names = self._their_refs() if refs.keys() - {REF} else []
        own = refs[REF].id if REF in refs else None
        self._tips = own, {name: refs[name].id for name in names if name in refs}
        return self._tips

    def _their_refs(self) -> list[str]:
        """Where the verdicts of others stand that can count: those of the remotes there are."""
        remotes = read_remotes(self._pool.settings.of(self._repository), self._repository).remotes
        return [f"{REMOTES}{remote.name}{NAME}" for remote in remotes]

    def _whole_tip(self) -> str | None:
        """The tip, with a look at whether it is one."""
        tip = self._where()[0]
        if tip and self._pool.reader(self._repository).read_all([f"{tip}^{{tree}}"]) == [None]:
            raise _points_nowhere(tip)
        return tip


def record_path(key: str, recipe: str) -> str:
    """Where a record stands in the tree."""
    return f"{key[:2]}/{key[2:]}/{recipe}.json"


def _points_nowhere(tip: str) -> GuardError:
    return GuardError(
        f"{REF} points at {tip}, which is no commit with a tree", f"git update-ref -d {REF}"
    )


def _outweighs(theirs: Record, own: Record) -> bool:
    """The newest verdict counts; of two at one second the one that did not pass."""
    if theirs.finished != own.finished:
        return theirs.finished > own.finished
    return theirs.result is not Result.PASSED


def _unreadable(tested: Tested, why: GuardError | str) -> Tested:
    error = GuardError(why, "guard test --again") if isinstance(why, str) else why
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
        log=record.log,
        published=bool(record.published),
    )
