"""The judgement of one push: every ref that it updates, in the order that git gives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from guard.config import FILE
from guard.errors import EXIT_ALLOWED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.gate.policy import policy_for
from guard.git.locate import find_here
from guard.git.objects import ObjectPool
from guard.git.pushes import (
    Pushed,
    RefUpdate,
    is_judged,
    parse_updates,
    peel,
    pre_commit_updates,
)
from guard.git.refs import resolve
from guard.git.repository import Repository
from guard.model import Decision, Finding, Outcome, Severity
from guard.screen import Screen, exit_status, named
from guard.situation.gitlinks import Destination
from guard.situation.workspace import find_workspace


class _Passed(NamedTuple):
    """Refs of a push that are let through unjudged, and what was weakened for that."""

    unjudged: list[str]
    unprotected: list[str]
    weaker: list[Finding]


class Judged(NamedTuple):
    """What a push's judgement came to.

    Args:
        trouble: why there was none, "" where there was one.
        others: what is to be said of the refs that are not to blame.
    """

    status: int
    decisions: tuple[Decision, ...] = ()
    trouble: str = ""
    others: str = ""


def judge(
    arguments: Sequence[str],
    refs: bytes,
    screen: Screen,
    pool: ObjectPool,
    here: Repository | None,
) -> Judged:
    """Decide about each ref of a push, and tell of it.

    Args:
        arguments: git's own; none under a framework that keeps them to itself.
        refs: the lines that git gives.
        pool: readers, some of them started.
        here: the repository whose hook this is, where that is known.

    Raises:
        GuardError: something is wrong that is no matter of a single ref.
    """
    updates = updates_of(arguments, refs)
    probes = [update.local_id for update in updates if not update.deletes]
    if not probes:
        return Judged(EXIT_ALLOWED)
    remote, url = arguments or (
        os.environ.get("PRE_COMMIT_REMOTE_NAME", ""),
        os.environ.get("PRE_COMMIT_REMOTE_URL", ""),
    )
    passed = _Passed([], [], [])
    workspace = find_workspace(probes[:1], pool, here)
    pushed = peel(pool.reader(workspace.here), updates)
    with Gate(workspace, pool=pool) as gate:
        order = Order(gate, Destination(remote, url))
        if _is_of_dependency(gate):
            # As in a hook that many repositories share: its release goes before all else.
            screen.say(f"guard: a push of {workspace.name(workspace.inside)} is not judged")
            return Judged(EXIT_ALLOWED)
        found = [_decide(gate, item, remote, passed) for item in pushed]
        decisions = order.judged([decision for decision in found if decision is not None])
        _tell(gate, decisions, passed, screen)
    refused = sum(item.outcome is not Outcome.ALLOWED for item in decisions)
    allowed = len(decisions) - refused
    others = f"; {allowed} other refs are allowed by themselves" if allowed else ""
    return Judged(exit_status(decisions), tuple(decisions), others=others)


def updates_of(arguments: Sequence[str], refs: bytes) -> list[RefUpdate]:
    """The updates of a push, from git or from the framework that runs the hook.

    Raises:
        UsageError: neither tells them.
        GuardError: what the framework names is no commit.
    """
    if len(arguments) == 2:
        return parse_updates(refs)
    updates = pre_commit_updates(os.environ, lambda name: resolve(find_here(), name))
    if updates is None:
        raise UsageError(
            f"guard pre-push takes the two arguments that git gives to a hook, not "
            f"{len(arguments)}",
            "run it through git push; to ask by hand: guard check",
        )
    return updates


def _is_of_dependency(gate: Gate) -> bool:
    """Whether this is the dependency's checkout in the superproject, as far as that is known."""
    workspace = gate.workspace
    if workspace.in_superproject or not workspace.inside:
        return False
    try:
        return gate.gatherer.config(gate.present()).dependency == workspace.inside
    except GuardError:
        return False  # and so it is judged, and undecided


def _decide(gate: Gate, pushed: Pushed, remote: str, passed: _Passed) -> Decision | None:
    """The decision for one ref, None where there is nothing to judge."""
    ref = pushed.update.remote_ref
    if pushed.update.deletes:
        return None
    if pushed.commit is None or not is_judged(ref):
        passed.unjudged.append(ref)
        return None
    policy = policy_for(gate, pushed, remote)
    if policy is not None and not policy.protected:
        passed.unprotected.append(ref)
        passed.weaker.extend(policy.weaker)
        return None
    if gate.workspace.in_superproject:
        decision = gate.superproject(pushed.commit, ref)
        return decision if policy is None else policy.applied(decision)
    if policy is None:
        return gate.consumer(pushed.commit, ref)
    return gate.consumer(pushed.commit, ref, policy.applied)


def _tell(gate: Gate, decisions: list[Decision], passed: _Passed, screen: Screen) -> None:
    if passed.unjudged:
        names = named(passed.unjudged)
        screen.warn(f"guard: {names} is not judged: no commit to a branch or a tag")
    if passed.unprotected:
        names = named(passed.unprotected)
        screen.warn(f"guard: {names} is not judged: {FILE} does not protect it")
    for message in dict.fromkeys(finding.message for finding in passed.weaker):
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {message}")
    refused = [item for item in decisions if item.outcome is not Outcome.ALLOWED]
    if not refused:
        _tell_allowed(decisions, screen)
        return
    from guard.gate.refused import missing_commit

    # Many refs at one commit are one matter.
    matters: dict[Decision, list[str]] = {}
    for decision in refused:
        matters.setdefault(decision._replace(ref=None), []).append(decision.ref or "")
    for decision, refs in matters.items():
        following = missing_commit(gate, decision) if gate.workspace.in_superproject else ""
        screen.decision(decision._replace(ref=named(refs)), following)
    screen.explanation(refused)


def _tell_allowed(decisions: list[Decision], screen: Screen) -> None:
    if not decisions:
        return
    first = decisions[0]
    what = (
        f"{first.commit[:12]} to {first.ref}" if len(decisions) == 1 else f"{len(decisions)} refs"
    )
    screen.say(f"guard: {first.repository}: {what} allowed")
    warnings = (
        finding.message
        for decision in decisions
        for finding in decision.findings
        if finding.severity is Severity.WARNING
    )
    for message in dict.fromkeys(warnings):
        screen.say(f"guard: {screen.paint('warning', 'yellow')}: {message}")
