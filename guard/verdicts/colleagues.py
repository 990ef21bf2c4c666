"""The verdicts that others recorded: what ``guard sync`` has brought, and whose each of them is.

A remote's verdicts stand at ``refs/guard/remotes/<remote>/verdicts``, a history like one's own in
which merges join what several people recorded. A verdict is of whoever committed it: of the commit
that brought its file, never of a merge, so that nobody's merge vouches for it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import ConfigError
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.repository import Repository
from guard.model import Result
from guard.verdicts.record import Record, parse_all

# Whose verdicts count: a person's own choice, and never the tree's.
SETTING: Final = "guard.trust"
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


def trust_in(repository: Repository) -> Trust:
    """What this clone trusts; nobody else where nothing is said.

    Raises:
        ConfigError: the setting is none of those words.
    """
    word = repository.text("config", "--get", SETTING, ok=(0, 1)).strip().lower()
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
        by: the committer, ``Name <address>``.
        signed: whether the commit has a good signature of somebody whom git knows.
    """

    record: Record
    by: str
    signed: bool
    trusted: bool


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
    """

    def __init__(
        self,
        repository: Repository,
        pool: ObjectPool,
        tips: Mapping[str, str],
        own: str | None,
        trust: Trust,
    ) -> None:
        self._repository = repository
        self._pool = pool
        self._tips = dict(tips)
        self._own = own
        self._trust = trust

    def newest(self, path: str) -> Theirs | None:
        """The newest verdict in a file, of those that count, else of those that do not.

        Of two at one second it is the one that did not pass. Damaged ones count as none: they open
        no gate, and one's own stay.
        """
        reader = self._pool.reader(self._repository)
        blobs = reader.read_all([f"{tip}:{path}" for tip in self._tips.values()])
        own = reader.read(f"{self._own}:{path}") if self._own is not None else None
        if not {blob.id for blob in blobs if blob} - {own.id if own is not None else ""}:
            return None
        # What a history says of a file never changes; walking it takes long.
        memo = Memo(self._repository.common_dir)
        ids = ("brought", path, self._own or "", *sorted(self._tips.values()))
        brought = memo.read(tuple[_Brought, ...], *ids)
        if brought is None:
            brought = self._brought(path)
            memo.write(brought, *ids)

        def weight(each: Theirs) -> tuple[bool, str, bool]:
            return each.trusted, each.record.finished, each.record.result is not Result.PASSED

        verdicts = sorted(self._theirs(brought), key=weight)
        return verdicts[-1] if verdicts else None

    def all(self) -> list[Theirs]:
        """Every one, newest first."""
        verdicts = self._theirs(self._brought(""))
        return sorted(verdicts, key=lambda each: each.record.finished, reverse=True)

    def _brought(self, path: str) -> tuple[_Brought, ...]:
        own = [f"^{self._own}"] if self._own else []
        shown = ("-z", "--raw", "--root", "--no-abbrev", "--no-renames", "--no-merges")
        brings = ("--full-history", "--diff-filter=AM", "--format=commit %H %cn <%ce>")
        within = [f":(literal){path}"] if path else []
        words = (*_PLAIN, "log", *shown, *brings, *self._tips.values(), *own, "--", *within)
        output = self._repository.run(*words)
        return tuple(_parsed(output))

    def _theirs(self, brought: Iterable[_Brought]) -> list[Theirs]:
        signed = self._well_signed({each.commit for each in brought})
        blobs = self._pool.reader(self._repository).read_all([each.blob for each in brought])
        verdicts = []
        for each, record in zip(brought, parse_all(blobs), strict=True):
            if record is not None:
                is_signed = each.commit in signed
                trusted = self._trust is Trust.ALL or (self._trust is Trust.SIGNED and is_signed)
                verdicts.append(Theirs(record, each.by, is_signed, trusted))
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
