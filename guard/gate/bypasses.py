"""The bypasses of a workspace, and which of them are settled: asked anew each time.

Nobody edits a record: what it let through has passed since, or it has not, and that is a question
for the verdicts and the rules.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from typing import Any, Final, NamedTuple

from guard.errors import GuardError
from guard.gate.bypass import Bypass, PushedRef, folder_of, parse_bypass
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.model import Decision, Outcome, ShapeError, as_plain, outcome_of
from guard.rules.tested import NAME as TESTED
from guard.screen import moment
from guard.situation.gitlinks import Destination
from guard.situation.workspace import repositories_of

_SHOWN: Final = 3


class Standing(NamedTuple):
    """A bypass, and which of its refs are not settled yet."""

    bypass: Bypass
    unsettled: tuple[PushedRef, ...]

    @property
    def settled(self) -> bool:
        """Whether everything that it let through has passed by now."""
        return not self.unsettled


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
        lines = []
        for item in self.found:
            lines += _told(item)
        for path, problem in self.damaged:
            lines.append(f"damaged bypass  {path}: {problem}")
            lines.append(f"  once you have looked at it: rm {shlex.quote(path)}")
        return [*lines, ""] if lines else []

    def json(self) -> dict[str, Any]:
        """The keys of ``guard status --json`` and ``guard log --json``."""
        return {
            "bypasses": [_to_json(item) for item in self.found],
            "damaged_bypasses": as_plain(self.damaged),
        }


def _read_all(gate: Gate) -> tuple[list[Bypass], list[Damaged]]:
    """Every bypass of the superproject and of its consumer, newest first, and what is damaged."""
    top = gate.workspace.superproject
    places = [top, gate.workspace.here]
    with suppress(GuardError):
        config = gate.gatherer.config(gate.present())
        places += repositories_of(gate.workspace, config, config.consumer)
    found: list[Bypass] = []
    damaged: list[Damaged] = []
    for folder in dict.fromkeys(map(folder_of, places)):
        for path in _files(folder, damaged):
            try:
                with open(path, "rb") as file:
                    found.append(parse_bypass(file.read())._replace(path=path))
            except OSError as error:
                damaged.append(Damaged(path, error.strerror or str(error)))
            except ShapeError as error:
                damaged.append(Damaged(path, str(error)))
    return sorted(found, key=lambda item: item.when, reverse=True), damaged


def bypassed(gate: Gate, wants_settled: bool = False) -> Bypassed:
    """What is to be shown of them.

    Args:
        wants_settled: whether those that have passed since are shown, too.
    """
    found, damaged = _read_all(gate)
    workspace = gate.workspace
    # The order of a release is asked in the superproject alone.
    with Gate(workspace._replace(here=workspace.superproject, inside="")) as top:
        orders: dict[Destination, Order] = {}
        states = [_standing(gate, top, item, orders) for item in found]
    return Bypassed(
        tuple(item for item in states if wants_settled or not item.settled), tuple(damaged)
    )


def _standing(gate: Gate, top: Gate, bypass: Bypass, orders: dict[Destination, Order]) -> Standing:
    """What of a bypass has not passed since, by the verdicts and the rules as they are now.

    A bypass without a judgement is held against what can be judged now.
    """
    refs = (item for item in bypass.refs if item.refused or bypass.trouble)
    judged = [item for item in refs if item.ref.startswith(("refs/heads/", "refs/tags/"))]
    open_ones = (item for item in judged if not _settled(gate, top, bypass, item, orders))
    return Standing(bypass, tuple(open_ones))


def _settled(
    gate: Gate, top: Gate, bypass: Bypass, item: PushedRef, orders: dict[Destination, Order]
) -> bool:
    if not item.commit.strip("0"):
        return True

    def applied(decision: Decision) -> Decision:
        asked = (item.combination, item.recipe)
        if not item.combination or asked == (decision.combination, decision.recipe):
            return decision
        # Judged in another superproject than then: what counts is the combination of then.
        if not gate.gatherer.verdicts.has_passed(*asked):
            return decision._replace(outcome=Outcome.UNDECIDED)
        left = tuple(one for one in decision.findings if one.rule != TESTED)
        return decision._replace(findings=left, outcome=outcome_of(left))

    # One that was recorded where it was made knew of no superproject.
    usual = folder_of(gate.workspace.superproject)
    if bypass.submodule or os.path.dirname(bypass.path) != usual:
        return gate.consumer(item.commit, item.ref, applied).outcome is Outcome.ALLOWED
    decision = applied(top.superproject(item.commit, item.ref))
    if decision.outcome is not Outcome.ALLOWED:
        return False
    # Many bypasses are of one push that was tried again: what they ask of a remote is asked once.
    destination = Destination(bypass.remote, bypass.url)
    if destination not in orders:
        orders[destination] = Order(top, destination)
    order = orders[destination]
    return all(one.outcome is Outcome.ALLOWED for one in order.judged([decision]))


def _told(item: Standing) -> list[str]:
    """A bypass in lines: who, when and why; then what is not settled, and how it would be."""
    bypass = item.bypass
    word = "bypass, settled since" if item.settled else "bypass"
    lines = [f"{word}  {moment(bypass.when)}  {bypass.who}: {' '.join(bypass.reason.split())}"]
    to = f" to {bypass.remote}" if bypass.remote else ""
    if not bypass.refs:
        lines.append(f"  {bypass.repository}{to}: what was pushed is not known")
    if bypass.trouble:
        lines.append(f"  there was no judgement: {bypass.trouble.splitlines()[0]}")
    shown = item.unsettled or bypass.refs
    for one in shown[:_SHOWN]:
        lines.append(f"  {bypass.repository} {one.commit[:12]} {one.ref}{to}: {one.outcome}")
        lines += [f"    {text}" for text in one.findings]
    if item.unsettled:
        lines.append(f"    to settle it: {_remedy(bypass, item.unsettled[0])}")
    if len(shown) > _SHOWN:
        lines.append(f"  and {len(shown) - _SHOWN} more refs")
    return lines


def _remedy(bypass: Bypass, ref: PushedRef) -> str:
    if [text.partition(":")[0] for text in ref.findings] == [TESTED]:
        return f"guard test {'--consumer ' if bypass.submodule else ''}{ref.commit[:12]}"
    return f"guard check {ref.commit[:12]} (in {bypass.repository})"


def _to_json(item: Standing) -> dict[str, Any]:
    fields = item.bypass._asdict()
    unsettled = set(item.unsettled)
    fields["refs"] = [
        {**ref._asdict(), "settled": ref not in unsettled} for ref in item.bypass.refs
    ]
    return {**fields, "settled": item.settled}


def _files(folder: str, damaged: list[Damaged]) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        damaged.append(Damaged(folder, error.strerror or str(error)))
        return []
    # What a kill has left of one that was being written let nothing through.
    return [os.path.join(folder, name) for name in names if name.endswith(".json")]
