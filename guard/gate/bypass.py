"""One push that went past the gate on purpose: who, when, what and why, as a value and as a file.

Each is one JSON file in ``guard/bypasses`` of the superproject's common git dir.
"""

import os
import pwd
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from shlex import quote
from typing import Final, Literal, NamedTuple

from guard import __version__
from guard.errors import GitError, GuardError
from guard.git.files import write_whole
from guard.git.pushes import RefUpdate
from guard.git.remotes import without_secret
from guard.git.repository import Repository, find_here
from guard.model import Decision, Outcome, ShapeError, from_json, to_json
from guard.situation.workspace import find_workspace, repository_name

_NOT_JUDGED: Final = "not judged"


class PushedRef(NamedTuple):
    """One ref of a push that went past the gate.

    Args:
        commit: what was pushed, zeros for a deletion.
        outcome: the gate's word for it, or "not judged".
        combination: the key, "" where it was not known; so is `recipe`, its digest.
    """

    ref: str
    commit: str
    outcome: str
    combination: str = ""
    recipe: str = ""
    judged_with: str = ""
    findings: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether this ref would have stopped the push."""
        return self.outcome in (Outcome.BLOCKED.value, Outcome.UNDECIDED.value)


class Settlement(NamedTuple):
    """Who closed a bypass by hand, when (as of `Bypass`) and why."""

    who: str
    when: str
    why: str


class Bypass(NamedTuple):
    """One push that went past the gate.

    Args:
        who: git's committer identity, or the login name where git knows none.
        when: UTC, ISO 8601 with seconds.
        submodule: the path of the pushed repository in the superproject, "" for that itself.
        trouble: why there was no judgement, "" where there was one.
    """

    version: Literal[1]
    who: str
    when: str
    reason: str
    repository: str
    submodule: str
    remote: str
    url: str
    trouble: str
    guard: str
    refs: tuple[PushedRef, ...]
    settlement: Settlement | None = None
    path: str = ""

    @property
    def name(self) -> str:
        """What people call it: the end of its file's name, which is random."""
        return self._stem.rpartition("-")[2]

    def is_named(self, start: str) -> bool:
        """Whether it is meant by the start of its name, or of its file's."""
        return bool(start) and (self.name.startswith(start) or self._stem.startswith(start))

    @property
    def _stem(self) -> str:
        return os.path.basename(self.path).removesuffix(".json")


def record(
    reason: str,
    arguments: Sequence[str],
    updates: Iterable[RefUpdate],
    decisions: Iterable[Decision],
    trouble: str,
) -> str:
    """Write down a bypass, whole and synced, before anything is let through; return the file.

    Args:
        arguments: the remote's name and URL.

    Raises:
        GuardError: it cannot be written; nothing is left of it.
    """
    here = find_here()
    place, submodule, name = here, "", repository_name(here)
    # Without its superproject the push is recorded where it was made.
    with suppress(GuardError):
        pushed = [update.local_id for update in updates if not update.deletes]
        workspace = find_workspace(pushed[:1])
        place, submodule = workspace.superproject, "" if workspace.in_superproject else name
        if workspace.inside:
            submodule, name = workspace.inside, workspace.name(workspace.inside)
    remote, url = (*map(without_secret, arguments), "", "")[:2]
    judged = {decision.ref: decision for decision in decisions}
    bypass = Bypass(
        version=1,
        who=_who(here),
        when=_now(),
        reason=reason,
        repository=name,
        submodule=submodule,
        remote=remote,
        url=url,
        trouble=without_secret(trouble),
        guard=__version__,
        refs=tuple(_pushed(update, judged.get(update.remote_ref)) for update in updates),
    )
    fields = bypass._asdict()
    del fields["path"]
    folder, stamp = folder_of(place), re.sub("[^0-9TZ]", "", bypass.when)
    path = os.path.join(folder, f"{stamp}-{os.urandom(4).hex()}.json")
    try:
        os.makedirs(folder, exist_ok=True)
        write_whole(path, _as_file(fields))
    except OSError as error:
        raise GuardError(
            f"the bypass cannot be recorded, so nothing is let through: {folder}: {error.strerror}",
            f"ls -ld {folder}; df {os.path.dirname(os.path.dirname(folder))}",
        ) from error
    return path


def settle(bypass: Bypass, why: str) -> Bypass:
    """Note in a bypass' file who closes it, when and why; all else in it stays as it is.

    Raises:
        GuardError: it cannot be read any more, or written; it is as it was.
    """
    settlement = Settlement(_who(find_here()), _now(), why)
    try:
        with open(bypass.path, "rb") as file:
            fields = from_json(dict[str, object], file.read())
        fields["settlement"] = settlement._asdict()
        write_whole(bypass.path, _as_file(fields))
    except (OSError, ShapeError) as error:
        raise GuardError(
            f"the bypass cannot be settled: {bypass.path}: {error}",
            f"ls -ld {quote(os.path.dirname(bypass.path))}",
        ) from error
    return bypass._replace(settlement=settlement)


def folder_of(repository: Repository) -> str:
    """Where a repository's bypasses lie; its worktrees share it."""
    return os.path.join(repository.common_dir, "guard", "bypasses")


def _pushed(update: RefUpdate, decision: Decision | None) -> PushedRef:
    if decision is None:
        return PushedRef(update.remote_ref, update.local_id, _NOT_JUDGED)
    blocking = (finding for finding in decision.findings if finding.blocks)
    return PushedRef(
        update.remote_ref,
        decision.commit,
        decision.outcome.value,
        decision.combination or "",
        decision.recipe or "",
        decision.judged_with,
        tuple(f"{each.rule}: {without_secret(each.message)}" for each in blocking),
    )


def _who(repository: Repository) -> str:
    try:
        ident = repository.text("var", "GIT_COMMITTER_IDENT")
        return ident.rsplit(" ", 2)[0]  # without the time
    except GitError:
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"user {os.getuid()}"


def _as_file(fields: dict[str, object]) -> bytes:
    return to_json(fields, indent=1).encode() + b"\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
