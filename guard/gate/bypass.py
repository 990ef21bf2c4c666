"""Pushes that went past the gate on purpose: who, when, what and why, and what is settled of it.

Each is one JSON file in ``guard/bypasses`` of the superproject's common git dir. It is settled once
what it let through has passed, which is a question for the verdicts and the rules, asked anew each
time; once ``guard recover`` went back from it; or once somebody says what came of it, which is all
that is ever added to a record.
"""

import os
import pwd
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from shlex import quote
from typing import Any, Final, Literal, NamedTuple

from guard import __version__
from guard.errors import GitError, GuardError, UsageError, without_secret
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.files import unwritable, write_whole
from guard.git.objects import ObjectPool
from guard.git.pushes import RefUpdate, is_judged, meant
from guard.git.remotes import Asking
from guard.git.repository import Repository, find_here
from guard.model import (
    RECOVERS,
    TESTED,
    Decision,
    Outcome,
    ShapeError,
    Tested,
    VerdictState,
    as_plain,
    from_json,
    outcome_of,
    to_json,
)
from guard.screen import counted, moment
from guard.situation.branches import default_branch
from guard.situation.gitlinks import Destination
from guard.situation.workspace import find_workspace, repositories_of, repository_name

_SHOWN: Final = 3
_PASSED: Final = "what it let through has passed"
_FAILED: Final = (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST)
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
    remote, url = (*arguments, "", "")[:2]
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
        trouble=trouble,
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
        what = "the bypass cannot be recorded, so nothing is let through"
        raise unwritable(what, folder, error) from error
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
        tuple(f"{each.rule}: {each.message}" for each in blocking),
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
    return without_secret(to_json(fields, indent=1)).encode() + b"\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Standing(NamedTuple):
    """A bypass, and which of its refs are not settled yet.

    Args:
        how: how it was settled, or what settles it.
    """

    bypass: Bypass
    unsettled: tuple[PushedRef, ...]
    how: str

    @property
    def settled(self) -> bool:
        """Whether nothing of it is left to look after."""
        return not self.unsettled

    def lines(self) -> list[str]:
        """Who, when and why; then what is not settled, and how it would be."""
        bypass = self.bypass
        word = "bypass, settled since" if self.settled else "bypass"
        lines = [f"{word}  {moment(bypass.when)}  {bypass.who}: {' '.join(bypass.reason.split())}"]
        to = f" to {bypass.remote}" if bypass.remote else ""
        if not bypass.refs:
            lines.append(f"  {bypass.repository}{to}: what was pushed is not known")
        if bypass.trouble:
            lines.append(f"  there was no judgement: {bypass.trouble.splitlines()[0]}")
        shown = self.unsettled or bypass.refs
        for ref in shown[:_SHOWN]:
            lines.append(f"  {bypass.repository} {ref.commit[:12]} {ref.ref}{to}: {ref.outcome}")
            lines += [f"    {text}" for text in ref.findings]
        if len(shown) > _SHOWN:
            lines.append(f"  and {counted(len(shown) - _SHOWN, 'more ref')}")
        if self.settled:
            return [*lines, f"    settled: {self.how}"]
        by_hand = f"guard log --settle {bypass.name} --why '...'"
        return [*lines, f"    to settle it: {self.how}", f"    or say what came of it: {by_hand}"]

    def json(self) -> dict[str, Any]:
        """The fields of the bypass, with what is settled of it."""
        fields = {**self.bypass._asdict(), "name": self.bypass.name, "settled": self.settled}
        refs = self.bypass.refs
        fields["refs"] = [
            {**each._asdict(), "settled": each not in self.unsettled} for each in refs
        ]
        del fields["version"]  # of the file
        return fields


class Damaged(NamedTuple):
    """A file among the bypasses that is none."""

    path: str
    problem: str


class Bypassed(NamedTuple):
    """What is to be shown: bypasses, the newest first, and files that cannot be read as one."""

    found: tuple[Standing, ...] = ()
    damaged: tuple[Damaged, ...] = ()

    def lines(self) -> list[str]:
        """All of it for a person; nothing where there is nothing."""
        lines = [line for standing in self.found for line in standing.lines()]
        for path, problem in self.damaged:
            lines.append(f"damaged bypass  {path}: {problem}")
            lines.append(f"  once you have looked at it: rm {quote(path)}")
        return [*lines, ""] if lines else []

    def json(self) -> dict[str, Any]:
        """The keys of ``guard status --json`` and ``guard log --json``."""
        return {
            "bypasses": [standing.json() for standing in self.found],
            "damaged_bypasses": as_plain(self.damaged),
        }


def _read_all(gate: Gate) -> tuple[list[Bypass], list[Damaged]]:
    """Every bypass of the superproject and of its consumer, newest first, and what is damaged."""
    places = (gate.workspace.superproject, gate.workspace.here, *_consumers(gate))
    bypasses: list[Bypass] = []
    damaged: list[Damaged] = []
    for folder in dict.fromkeys(map(folder_of, places)):
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            continue
        except OSError as error:
            # A file may stand where the folder, or the one around it, has to be.
            path = folder if os.path.lexists(folder) else os.path.dirname(folder)
            damaged.append(Damaged(path, error.strerror or str(error)))
            continue
        # What a kill has left of one that was being written let nothing through.
        for path in (os.path.join(folder, name) for name in names if name.endswith(".json")):
            try:
                with open(path, "rb") as file:
                    bypasses.append(from_json(Bypass, file.read())._replace(path=path))
            except OSError as error:
                damaged.append(Damaged(path, error.strerror or str(error)))
            except ShapeError as error:
                damaged.append(Damaged(path, str(error)))
    return sorted(bypasses, key=lambda bypass: bypass.when, reverse=True), damaged


def _consumers(gate: Gate) -> tuple[Repository, ...]:
    """The repositories of the consumer, where the settings say which that is."""
    with suppress(GuardError):
        config = gate.present_config()
        return repositories_of(gate.workspace, config, config.consumer)
    return ()


def bypassed(gate: Gate, wants_settled: bool = False) -> Bypassed:
    """What is to be shown of them."""
    bypasses, damaged = _read_all(gate)
    workspace = gate.workspace
    # The order of a release is asked in the superproject alone.
    at_top = workspace._replace(here=workspace.superproject, inside="")
    with (
        ObjectPool(Asking()) as pool,
        Gate(workspace, pool=pool) as own,
        Gate(at_top, pool=pool) as top,
    ):
        settling = _Settling(own, top)
        states = [settling.standing(bypass) for bypass in bypasses]
    return Bypassed(
        tuple(each for each in states if wants_settled or not each.settled), tuple(damaged)
    )


def settle_by_hand(gate: Gate, name: str, why: str) -> Standing:
    """Close the one bypass of a name, for a reason."""
    shown = bypassed(gate, wants_settled=True)
    named = [each for each in shown.found if each.bypass.is_named(name)]
    if not named:
        damaged = (each for each in shown.damaged if name and name in os.path.basename(each.path))
        for path, problem in damaged:
            raise UsageError(f"the bypass {path} is damaged: {problem}", f"rm {quote(path)}")
        raise UsageError(f"no bypass is named {name!r}", "guard log --all")
    first = named[0]
    if len(named) > 1:
        names = ", ".join(each.bypass.name for each in named)
        remedy = f"guard log --settle {first.bypass.name} --why {quote(why)}"
        raise UsageError(f"{name} names several bypasses: {names}", remedy)
    if first.settled:
        problem = f"the bypass {first.bypass.name} is settled already: {first.how}"
        raise UsageError(problem, "guard log --all")
    return _closed(settle(first.bypass, why))


def _closed(bypass: Bypass) -> Standing:
    who, when, why = bypass.settlement or ("", "", "")
    return Standing(bypass, (), f"{moment(when)} by {who}: {' '.join(why.split())}")


class _Settling:
    """Holds bypasses against the verdicts, the rules and the branches as they are now."""

    def __init__(self, gate: Gate, top: Gate) -> None:
        self._gate = gate
        self._top = top
        self._orders: dict[Destination, Order] = {}

    def standing(self, bypass: Bypass) -> Standing:
        """What of a bypass is not settled yet; one without a judgement is judged now."""
        if bypass.settlement is not None:
            return _closed(bypass)
        refs = (ref for ref in bypass.refs if ref.refused or bypass.trouble)
        judged = [ref for ref in refs if is_judged(ref.ref)]
        judged = [ref for ref in judged if ref.commit.strip("0")]
        left = [ref for ref in judged if not self._is_recovered(bypass, ref)]
        unsettled = tuple(ref for ref in left if not self._has_passed(bypass, ref))
        if unsettled:
            return Standing(bypass, unsettled, self._remedy(bypass, unsettled[0]))
        return Standing(bypass, (), _PASSED if left or not judged else "guard recover went back")

    def _is_recovered(self, bypass: Bypass, ref: PushedRef) -> bool:
        """Whether ``guard recover`` went back from what was pushed, and not to it or beyond."""
        words = ("log", "--format=%H %T", "--basic-regexp", f"--grep=^{RECOVERS}: ")
        tips = ("--ancestry-path", f"^{ref.commit}", "HEAD", "--branches", "--remotes", "--")
        for each in self._repositories(bypass):
            # A repository that lacks the commit knows of no way back from it.
            for line in each.lines(*words, *tips, ok=(0, 128)):
                restoring, _, tree = line.partition(" ")
                # What it went back to has its tree.
                since = (f"{ref.commit}^!", f"{restoring}^@")
                if tree not in each.lines("log", "--format=%T", *since):
                    return True
        return False

    def _repositories(self, bypass: Bypass) -> tuple[Repository, ...]:
        """Where what was pushed may be."""
        if not self._is_of_consumer(bypass):
            return (self._gate.workspace.superproject,)
        return _consumers(self._gate) or (self._gate.workspace.here,)

    def _is_of_consumer(self, bypass: Bypass) -> bool:
        # One that was recorded where it was made knew of no superproject.
        usual = folder_of(self._gate.workspace.superproject)
        return bool(bypass.submodule) or os.path.dirname(bypass.path) != usual

    def _has_passed(self, bypass: Bypass, ref: PushedRef) -> bool:
        def applied(decision: Decision) -> Decision:
            asked = (ref.combination, ref.recipe)
            if not ref.combination or asked == (decision.combination, decision.recipe):
                return decision
            # Judged in another superproject than then: what counts is the combination of then.
            if self._verdict(ref).state is not VerdictState.PASSED:
                return decision._replace(outcome=Outcome.UNDECIDED)
            others = tuple(each for each in decision.findings if each.rule != TESTED)
            return decision._replace(findings=others, outcome=outcome_of(others))

        if self._is_of_consumer(bypass):
            destination = Destination(bypass.remote, bypass.url, asks=False)
            consumer = self._repositories(bypass)[0]
            order = Order(self._gate, consumer=consumer, destination=destination)
            decisions = order.superprojects.decisions(ref.commit, meant(ref.ref))
            return any(applied(each).outcome is Outcome.ALLOWED for _, each in decisions)
        decision = applied(self._top.superproject(ref.commit, ref.ref))
        if decision.outcome is not Outcome.ALLOWED:
            return False
        # Many bypasses are of one push that was tried again: their remote is asked once.
        destination = Destination(bypass.remote, bypass.url)
        if destination not in self._orders:
            self._orders[destination] = Order(self._top, self._top.links_to(destination))
        judged = self._orders[destination].superproject([decision])
        return all(each.outcome is Outcome.ALLOWED for each in judged)

    def _verdict(self, ref: PushedRef) -> Tested:
        return self._gate.verdicts.look_up(ref.combination, ref.recipe)

    def _remedy(self, bypass: Bypass, ref: PushedRef) -> str:
        """What settles it, but for a person's word."""
        verdict = self._verdict(ref) if ref.combination else None
        if verdict is not None and verdict.state in _FAILED:
            places, settings = self._repositories(bypass)[:1], self._gate.pool.settings
            is_default = any(default_branch(each, settings).ref == ref.ref for each in places)
            return "guard recover --push" if is_default else f"guard log {verdict.verdict}"
        if [text.partition(":")[0] for text in ref.findings] == [TESTED]:
            of_consumer = "--consumer " if bypass.submodule else ""
            return f"guard test {of_consumer}{ref.commit[:12]}"
        return f"guard check {ref.commit[:12]} (in {bypass.repository})"
