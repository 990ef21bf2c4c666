"""The verdicts that others recorded: what ``guard sync`` has brought, and whose each of them is.

A remote's verdicts stand at ``refs/guard/remotes/<remote>/verdicts``, a history like one's own in
which merges join what several people recorded. A verdict is of whoever committed it: of the commit
that brought its file, never of a merge, so that nobody's merge vouches for it.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import ConfigError, GitError
from guard.git.memo import Memo
from guard.git.objects import GitObject, ObjectPool
from guard.git.remotes import Pairs
from guard.git.repository import Repository
from guard.model import Result, ShapeError
from guard.verdicts import SETTING, record_path
from guard.verdicts.record import AHEAD, Record, parse_all
from guard.verdicts.salvage import LostError, Salvage, is_whole, record_at

# git-log(1), %G?: a good signature of somebody known. For SSH: of the allowed signers.
_GOOD: Final = "G"
_SIGNERS: Final = "gpg.ssh.allowedSignersFile"
# What a user may have set for git log, and would be in the way of reading it.
_PLAIN: Final = ("-c", "log.showSignature=false", "-c", "log.follow=false")


class Trust(Enum):
    """Which of the verdicts that others recorded count as one's own do."""

    NONE = "none"
    ALL = "all"
    SIGNED = "signed"


def trust_in(settings: Pairs) -> Trust:
    """What this clone trusts; nobody else where nothing is said.

    Raises:
        ConfigError: the setting is none of those words.
    """
    word = dict(settings).get(SETTING, "").strip().lower()
    try:
        return Trust(word) if word else Trust.NONE
    except ValueError:
        words = ", ".join(trust.value for trust in Trust)
        raise ConfigError(
            f"git config {SETTING} is {word!r}, which is none of {words}",
            f"git config {SETTING} none",
        ) from None


class Theirs(NamedTuple):
    """One verdict that somebody else recorded.

    Args:
        by: the committer, ``Name <address>``; "" where this clone has recorded it.
        signed: whether the commit has a good signature of somebody whom git knows.
        trusted: whether it counts here.
    """

    record: Record
    by: str
    signed: bool
    trusted: bool

    @property
    def weight(self) -> tuple[bool, str, bool]:
        """By what the one that decides is chosen of several clones' newest."""
        has_failed = self.record.result is not Result.PASSED
        is_certain = has_failed or not self.by
        since = self.record.finished if is_certain else _certain_since(self.record.finished)
        return self.trusted, since, has_failed


def _certain_since(finished: str) -> str:
    """What another clock showed before a time of this one, however much they differ."""
    try:
        # Either clock may be that far off.
        since = datetime.fromisoformat(finished[:-1]) - timedelta(seconds=2 * AHEAD)
    except (ValueError, OverflowError):
        return ""  # there is no such time: it outweighs nothing
    return f"{since.isoformat()}Z"


def deciding(verdicts: Iterable[Theirs]) -> Theirs | None:
    """The one of a combination's that decides, of those that count, else of those that do not.

    Of one clone it is the newest, of two at one second the one that did not pass. Clocks differ:
    what another clone saw fail is outweighed by what is certain to have passed later.
    """

    def newness(each: Theirs) -> tuple[str, bool]:
        return each.record.finished, each.record.result is not Result.PASSED

    ordered = sorted(verdicts, key=newness)
    newest = {(each.trusted, each.by, each.record.clone): each for each in ordered}
    return max(newest.values(), key=lambda each: each.weight, default=None)


class _Brought(NamedTuple):
    """A commit that brought a record's file."""

    commit: str
    by: str
    blob: str


class Colleagues:
    """The verdicts of others in one superproject's repository; a GitError where git fails.

    Args:
        tips: remote-tracking ref -> commit.
        own: the tip of one's own verdicts: what it holds is nobody else's.
        names: the clone's own, where its records are among those of others.
    """

    def __init__(
        self,
        repository: Repository,
        pool: ObjectPool,
        tips: Mapping[str, str],
        own: str | None,
        trust: Trust,
        names: Collection[str],
    ) -> None:
        self._repository = repository
        self._reader = pool.reader(repository)
        self._tips = [*tips.values()]
        self._own = own
        self._trust = trust
        self._names = names

    def newest(self, path: str) -> Theirs | None:
        """As `deciding`, of the verdicts in a file.

        Damaged ones count as none: they open no gate, and one's own stay.

        Raises:
            LostError: a part is lost that may have a verdict which counts.
        """
        try:
            if not self._has_some(path):
                return None
            # What a history says of a file never changes; walking it takes long.
            memo = Memo(self._repository.common_dir)
            ids = ("brought", path, self._own or "", *sorted(self._tips))
            brought = memo.read(tuple[_Brought, ...], *ids)
            if brought is None:
                brought = self._brought(path)
                memo.write(brought, *ids)
            blobs = self._reader.read_all([each.blob for each in brought])
            if None in blobs:
                raise LostError("a record is missing or damaged")
            verdicts = self._theirs(brought, blobs)
        except (GitError, LostError) as error:
            if self._trust is Trust.NONE:
                return None
            raise LostError(f"of the verdicts of others: {error.problem}", "guard sync") from error

        # A record may have been copied to another combination's path.
        there = (
            each for each in verdicts if record_path(each.record.key, each.record.recipe) == path
        )
        return deciding(there)

    def _has_some(self, path: str) -> bool:
        """Whether anything stands at a path that is not one's own.

        Raises:
            LostError: it cannot be read, or what was there is lost.
        """
        own = self._reader.read(f"{self._own}:{path}") if self._own is not None else None
        blobs = {own.id if own is not None else ""}
        is_other = False
        for tip in self._tips:
            try:
                record, blob, losses = record_at(self._reader, tip, path)
            except ShapeError:
                continue
            finished = record.finished if record is not None else ""
            if any(loss.may_hide(path, blob, finished) for loss in losses.losses):
                raise LostError(f"a part of them was lost by {losses.losses[-1].noticed}")
            is_other = is_other or blob not in blobs
        return is_other

    def all(self) -> list[Theirs]:
        """Every one that can be read, newest first."""
        try:
            brought = self._brought("")
        except GitError:
            salvage, whole = Salvage(self._reader), []
            for tip in self._tips:
                base = tip if is_whole(self._repository, tip) else salvage.base(tip)
                whole += [base] if base is not None else []
            self._tips = whole
            if self._own is not None and not is_whole(self._repository, self._own):
                self._own = None
            brought = self._brought("") if whole else ()
        blobs = Salvage(self._reader).read([each.blob for each in brought])
        verdicts = self._theirs(brought, blobs)
        return sorted(verdicts, key=lambda each: each.record.finished, reverse=True)

    def _brought(self, path: str) -> tuple[_Brought, ...]:
        own = [f"^{self._own}"] if self._own else []
        shown = ("-z", "--raw", "--root", "--no-abbrev", "--no-renames", "--no-merges")
        brings = ("--full-history", "--diff-filter=AM", "--format=commit %H %cn <%ce>")
        within = [f":(literal){path}"] if path else []
        words = (*_PLAIN, "log", *shown, *brings, *self._tips, *own, "--", *within)
        output = self._repository.run(*words)
        return tuple(_parsed(output))

    def _theirs(
        self, brought: Sequence[_Brought], blobs: Iterable[GitObject | None]
    ) -> list[Theirs]:
        signed = self._well_signed({each.commit for each in brought})
        verdicts = []
        for each, record in zip(brought, parse_all(blobs), strict=True):
            if record is not None:
                is_own, is_signed = record.clone in self._names, each.commit in signed
                counts = is_own or self._trust is Trust.ALL
                counts = counts or (self._trust is Trust.SIGNED and is_signed)
                by = "" if is_own else each.by
                verdicts.append(Theirs(record, by, is_signed, counts and not record.is_ahead))
        return verdicts

    def _well_signed(self, commits: set[str]) -> set[str]:
        if self._trust is not Trust.SIGNED or not commits:
            return set()
        data = "".join(f"{commit}\n" for commit in sorted(commits)).encode()
        shown = ("log", "--no-walk=unsorted", "--stdin", "--format=%H %G?")
        output = self._repository.run(*_PLAIN, *self._signers(), *shown, data=data).decode()
        lines = (line.split(" ") for line in output.splitlines())
        return {words[0] for words in lines if words[1:] == [_GOOD]}

    def _signers(self) -> list[str]:
        """A relative path of the allowed signers' file is meant from the working tree."""
        path = self._repository.text("config", "--type=path", "--get", _SIGNERS, ok=(0, 1))
        if not path or os.path.isabs(path):
            return []
        base = self._repository.work_tree or self._repository.git_dir
        return ["-c", f"{_SIGNERS}={os.path.join(base, path)}"]


def _parsed(output: bytes) -> Iterator[_Brought]:
    """What ``git log -z --raw`` prints: a commit's line, then ``:modes ids letter`` and a path."""
    commit = by = ""
    words = iter(output.split(b"\0"))
    for word in words:
        line = word.removeprefix(b"\n")
        if line.startswith(b":"):
            yield _Brought(commit, by, line.split(b" ")[3].decode())
            next(words, None)  # the path, which may look like anything
        elif line:
            _, commit, by = line.decode(errors="replace").split(" ", 2)
