"""The judgement of one push: every ref that it updates, in the order that git gives."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guard.config import FILE
from guard.errors import EXIT_ALLOWED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.gate.policy import Policy, policy_of, policy_of_consumer
from guard.git.objects import ObjectPool
from guard.git.pushes import (
    Pushed,
    RefUpdate,
    is_judged,
    meant,
    parse_updates,
    peel,
    pre_commit_updates,
)
from guard.git.refs import resolve
from guard.git.repository import Repository, find_here
from guard.model import MERGED, Decision, Finding, Outcome, Severity
from guard.screen import Screen, counted, exit_status, named
from guard.situation.gitlinks import Destination
from guard.situation.workspace import find_workspace


class Judged(NamedTuple):
    """What a push's judgement came to.

    Args:
        others: what is to be said of the refs that are not to blame.
    """

    status: int
    decisions: tuple[Decision, ...] = ()
    trouble: str = ""
    others: str = ""


def judge(
    arguments: Sequence[str], refs: bytes, screen: Screen, pool: ObjectPool, here: Repository | None
) -> Judged:
    """Decide about each ref of a push, and tell of it.

    Args:
        arguments: git's own; none under a framework that keeps them to itself.
    """
    updates = updates_of(arguments, refs)
    probes = [update.local_id for update in updates if not update.deletes]
    if not probes:
        return Judged(EXIT_ALLOWED)
    remote, url = arguments or (
        os.environ.get("PRE_COMMIT_REMOTE_NAME", ""),
        os.environ.get("PRE_COMMIT_REMOTE_URL", ""),
    )
    workspace = find_workspace(probes[:1], pool, here)
    pushed = [
        item for item in peel(pool.reader(workspace.here), updates) if not item.update.deletes
    ]
    targets = {meant(each.update.remote_ref) for each in pushed}
    tips = tuple((each.update.remote_ref, each.update.remote_id) for each in pushed)
    ref = targets.pop() if len(targets) == 1 else ""
    destination = Destination(remote, url, ref, tips=tips)
    with Gate(workspace, pool=pool, destination=destination) as gate:
        if _is_of_dependency(gate):
            # As in a hook that many repositories share: its release goes before all else.
            screen.say(f"guard: a push of {workspace.name(workspace.inside)} is not judged")
            return Judged(EXIT_ALLOWED)
        decided = decide_push(gate, destination, pushed)
        decided.tell_unjudged(screen)
        decisions = decided.decisions
        _tell(gate, decisions, screen)
    refused = sum(item.outcome is not Outcome.ALLOWED for item in decisions)
    allowed = len(decisions) - refused
    words = "other ref is allowed by itself", "other refs are allowed by themselves"
    others = f"; {counted(allowed, *words)}" if allowed else ""
    return Judged(exit_status(decisions), tuple(decisions), others=others)


class Decided(NamedTuple):
    """What the gate says of each ref of a push.

    Args:
        unjudged: the refs that are not judged, by the reason.
    """

    decisions: list[Decision]
    unjudged: Mapping[str, Sequence[str]]

    def tell_unjudged(self, screen: Screen) -> None:
        """Say what is let through unjudged."""
        for reason, refs in self.unjudged.items():
            screen.warn(f"guard: {named(refs)} is not judged: {reason}")


def decide_push(gate: Gate, destination: Destination, pushed: Sequence[Pushed]) -> Decided:
    """Decide about each ref of a push that brings something to a remote."""
    consumer = None if gate.workspace.in_superproject else gate.workspace.here
    is_gates = consumer is not None or destination == gate.links.destination
    links = gate.links if is_gates else gate.links_to(destination)
    order = Order(gate, links, consumer, destination)
    policies: dict[Pushed, Policy] = {}
    unjudged: dict[str, list[str]] = {}
    for each in pushed:
        if reason := _why_not(each):
            unjudged.setdefault(reason, []).append(each.update.remote_ref)
        else:
            policies[each] = _policy(gate, order, each)
    loose = [each for each, policy in policies.items() if not policy.protected]
    if loose:
        unjudged[f"{FILE} does not protect it"] = [each.update.remote_ref for each in loose]
    decisions = _decided(gate, order, policies)
    # What is allowed anyway does not wait for the question.
    refused = (each for each in decisions if each.outcome is not Outcome.ALLOWED)
    known, tracked = order.nothing_new(refused)
    if known:
        decisions = [each for each in decisions if each.ref not in known]
        unjudged[f"it brings nothing new, {tracked} leads to it"] = sorted(known)
    return Decided(decisions, unjudged)


def _policy(gate: Gate, order: Order, pushed: Pushed) -> Policy:
    """The policy for one ref."""
    ref = meant(pushed.update.remote_ref)
    if gate.workspace.in_superproject:
        return policy_of(gate, order.replaced, pushed.commit or "", ref)
    return policy_of_consumer(gate, ref)


def _why_not(pushed: Pushed) -> str:
    """Why a ref is not judged, whatever the policy says; "" where it is."""
    if pushed.commit is None:
        return "it is no commit"
    if not is_judged(pushed.update.remote_ref):
        return "nobody builds notes, a stash or what guard keeps"
    return ""


def _decided(gate: Gate, order: Order, policies: Mapping[Pushed, Policy]) -> list[Decision]:
    """The decisions about the refs that are protected, as their policies have them."""
    protected = [(each, policy) for each, policy in policies.items() if policy.protected]
    if not gate.workspace.in_superproject:
        return [
            order.consumer(each.commit or "", each.update.remote_ref, policy.applied)
            for each, policy in protected
        ]
    return order.superproject(
        [
            policy.applied(
                gate.superproject(each.commit or "", each.update.remote_ref, policy.settings)
            )
            for each, policy in protected
        ]
    )


def updates_of(arguments: Sequence[str], refs: bytes) -> list[RefUpdate]:
    """The updates of a push, from git or from the framework that runs the hook."""
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
        present = gate.held(gate.present(), gate.published)
        return gate.config(present).dependency == workspace.inside
    except GuardError:
        return False  # and so it is judged, and undecided


def _tell(gate: Gate, decisions: list[Decision], screen: Screen) -> None:
    refused = [item for item in decisions if item.outcome is not Outcome.ALLOWED]
    if not refused:
        _tell_allowed(decisions, screen)
        return
    from guard.gate.refused import next_steps, placed

    # Many refs at one commit are one matter.
    matters: dict[Decision, list[str]] = {}
    for decision in refused:
        matters.setdefault(decision._replace(ref=None), []).append(decision.ref or "")
    decisions = [decision._replace(ref=refs[0]) for decision, refs in matters.items()]
    decisions = placed(gate, decisions)
    following = next_steps(gate, decisions)
    for decision, refs, step in zip(decisions, matters.values(), following, strict=True):
        screen.decision(decision._replace(ref=named(refs)), step)
    screen.explanation(refused)


def _tell_allowed(decisions: list[Decision], screen: Screen) -> None:
    if not decisions:
        return
    first = decisions[0]
    what = (
        f"{first.commit[:12]} to {first.ref}" if len(decisions) == 1 else f"{len(decisions)} refs"
    )
    judges = dict.fromkeys(each.judge for each in decisions if each.judge)
    by = f", judged with {' and '.join(judges)}" if judges else ""
    screen.say(f"guard: {first.repository}: {what} allowed{by}")
    findings = (each for decision in decisions for each in decision.findings if _is_told(each))
    told = dict.fromkeys((each.severity, each.message) for each in findings)
    for severity, message in told:
        screen.say(f"guard: {screen.paint(severity.value, 'yellow')}: {message}")


def _is_told(finding: Finding) -> bool:
    """Whether a finding is shown of a push that is allowed."""
    is_guess = finding.rule == MERGED and finding.severity is Severity.NOTE
    return is_guess or finding.severity is Severity.WARNING
