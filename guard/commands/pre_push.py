"""``guard pre-push``: what the hook runs. A person waits for it at every push.

Git's arguments are the remote's name and URL, its standard input a line for each ref; under
pre-commit both are empty and the environment tells of the first ref.
"""

from __future__ import annotations

import os
import sys

from guard.config import FILE
from guard.errors import EXIT_ALLOWED, EXIT_UNDECIDED, GuardError, UsageError, mistake
from guard.gate import Gate
from guard.git.combinations import resolve
from guard.git.hooks.chain import joined, run_chained, take_chained
from guard.git.objects import ObjectPool
from guard.git.pushes import (
    Pushed,
    RefUpdate,
    is_judged,
    parse_updates,
    peel,
    pre_commit_updates,
)
from guard.git.workspace import Workspace, find_here, find_workspace
from guard.gitlinks import Destination
from guard.model import Decision, Finding, Outcome, Severity
from guard.order import Order
from guard.policy import policy_for
from guard.report import Screen, exit_status, named
from guard.values import TYPE_CHECKING, NamedTuple
from guard.verdicts import REF, REMOTES

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence


class _Passed(NamedTuple):
    """Refs of a push that are let through unjudged, and what was weakened for that."""

    unjudged: list[str]
    unprotected: list[str]
    weaker: list[Finding]


class _Judged(NamedTuple):
    """What a push's judgement came to.

    Args:
        trouble: why there was none, "" where there was one.
        others: what is to be said of the refs that are not to blame.
    """

    status: int
    decisions: tuple[Decision, ...] = ()
    trouble: str = ""
    others: str = ""


def arguments(parser: ArgumentParser) -> None:
    """Declare what git gives to a pre-push hook."""
    parser.add_argument("remote", nargs="?", help="the remote's name, or its URL")
    parser.add_argument("url", nargs="?", help="the remote's URL")


def run(options: Namespace, screen: Screen) -> int:
    """As `main`, for a call through the general parser."""
    return main([word for word in (options.remote, options.url) if word is not None])


def main(words: Sequence[str]) -> int:
    """Judge a push, run the hook that was there before, and return the joined exit status.

    Never raises a `GuardError`: the other hook runs, whatever the judgement came to.
    """
    if list(words) in (["-h"], ["--help"]):
        sys.stdout.write("usage: guard pre-push REMOTE URL < ref lines  (see githooks(5))\n")
        return EXIT_ALLOWED
    chained, arguments = take_chained(words)
    # All of it, before anything can fail: git hangs up on a hook that does not read.
    refs = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    screen = Screen.for_hook()
    judged = _judged(arguments, refs, screen)
    status = judged.status
    if len(arguments) != 2:
        _tell_uncovered(screen)
    reason = os.environ.get("GUARD_BYPASS")
    if reason is not None:
        status = _bypassed(judged, reason.strip(), arguments, refs, screen)
    if status != EXIT_ALLOWED:
        screen.say(
            f"guard: the push is blocked{judged.others}. GUARD_BYPASS='why' git push goes past "
            "guard alone, and leaves a trace."
        )
    return joined(status, run_chained(chained, arguments, refs))


def _judged(arguments: Sequence[str], refs: bytes, screen: Screen) -> _Judged:
    """What the judgement came to, told already; whatever fails, the rest of the push goes on."""
    try:
        return _judge(arguments, refs, screen)
    except GuardError as error:
        screen.failure(error)
        return _Judged(error.status, trouble=error.problem)
    except Exception as error:
        if os.environ.get("GUARD_DEBUG"):
            raise
        told = mistake(error)
        screen.warn(told.rstrip())
        return _Judged(EXIT_UNDECIDED, trouble=told)


def _tell_uncovered(screen: Screen) -> None:
    """What a framework does not show to guard, where git does not run guard as well."""
    if "PRE_COMMIT_REMOTE_NAME" not in os.environ:
        return
    from contextlib import suppress

    from guard.git.hooks.health import hook_health

    with suppress(GuardError):
        health = hook_health(find_here())
        if not health.effective:
            screen.warn(
                f"guard: {health.by or 'pre-commit'} shows it only the first ref of a push, and no "
                "deletions, tags on known commits or new branches without new commits; guard "
                "install makes git itself show all"
            )


def _bypassed(
    judged: _Judged, reason: str, arguments: Sequence[str], refs: bytes, screen: Screen
) -> int:
    """The exit status of a push whose user wants to go past guard: 0 once that is written down."""
    if judged.status == EXIT_ALLOWED:
        if reason:
            screen.say("guard: GUARD_BYPASS was not needed; nothing is recorded")
        return EXIT_ALLOWED
    if not reason:
        screen.say("guard: GUARD_BYPASS is empty, and an empty reason is no reason")
        return judged.status
    from guard.bypass import record

    updates: list[RefUpdate] = []
    try:
        updates = _updates(arguments, refs)
    except GuardError:
        pass
    try:
        path = record(reason, arguments, updates, judged.decisions, judged.trouble)
    except GuardError as error:
        screen.failure(error)
        return judged.status
    screen.say(f"guard: this would be blocked; it goes past guard, for: {' '.join(reason.split())}")
    screen.say(f"guard: guard status shows that until it has passed ({path})")
    return EXIT_ALLOWED


def _judge(arguments: Sequence[str], refs: bytes, screen: Screen) -> _Judged:
    updates = _updates(arguments, refs)
    probes = [update.local_id for update in updates if not update.deletes]
    if not probes:
        return _Judged(EXIT_ALLOWED)
    remote, url = arguments or (
        os.environ.get("PRE_COMMIT_REMOTE_NAME", ""),
        os.environ.get("PRE_COMMIT_REMOTE_URL", ""),
    )
    passed = _Passed([], [], [])
    with ObjectPool() as pool:
        workspace = find_workspace(probes[:1], pool)
        pool.refs.ask(workspace.superproject, *_refs_of(workspace, updates, remote))
        pushed = peel(pool.reader(workspace.here), updates)
        with Gate(workspace, pool=pool) as gate:
            order = Order(gate, Destination(remote, url))
            order.ask_ahead(dict.fromkeys(item.commit for item in pushed if item.commit))
            found = [_decide(gate, item, remote, passed) for item in pushed]
            decisions = [decision for decision in found if decision is not None]
            decisions = order.judged(decisions)
    _tell(decisions, passed, screen)
    refused = sum(item.outcome is not Outcome.ALLOWED for item in decisions)
    allowed = len(decisions) - refused
    others = f"; {allowed} other refs are allowed by themselves" if allowed else ""
    return _Judged(exit_status(decisions), tuple(decisions), others=others)


def _refs_of(workspace: Workspace, updates: Sequence[RefUpdate], remote: str) -> list[str]:
    """The superproject's refs that this push will ask for, whatever comes of it."""
    refs = [REF, REMOTES]
    is_new = any(not update.remote_id.strip("0") for update in updates)
    if workspace.in_superproject and remote and is_new:
        refs.append(f"refs/remotes/{remote}/")
    return refs


def _updates(arguments: Sequence[str], refs: bytes) -> list[RefUpdate]:
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


def _tell(decisions: list[Decision], passed: _Passed, screen: Screen) -> None:
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
    # Many refs at one commit are one matter.
    matters: dict[Decision, list[str]] = {}
    for decision in refused:
        matters.setdefault(decision._replace(ref=None), []).append(decision.ref or "")
    for decision, refs in matters.items():
        screen.decision(decision._replace(ref=named(refs)))


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
