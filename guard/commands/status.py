"""``guard status``: the combination as it stands, whether pushes would pass, what to type next."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from guard.commands.check import show_hooks
from guard.commands.hooked import targets_of
from guard.config import FILE
from guard.engine.ahead import PATIENCE, Ahead, connect
from guard.errors import EXIT_ALLOWED, EngineError, GitError, GuardError
from guard.gate.bypass import Bypassed, bypassed
from guard.gate.gate import Gate, gate_here
from guard.gate.refused import placed
from guard.gate.situation import Situation
from guard.git.commands import PERSON, as_next, told
from guard.git.commits import is_named
from guard.git.objects import ObjectPool
from guard.git.remotes import Asking
from guard.install.targets import Proof, prove_hooks
from guard.model import STATIC_RULES, Decision, Finding, Outcome, Severity, Tested, VerdictState
from guard.plan.following import following, preparation
from guard.recovery.journal import read_journal
from guard.recovery.plan import goals_home
from guard.rules import release_tag
from guard.rules.asked import requirements, whole_range
from guard.screen import JSON_VERSION, Screen, column, counted, decision_json
from guard.situation.branches import tracking_ref, usual_remote
from guard.situation.checkouts import Relation, Settings, checkouts, stage_settings
from guard.situation.gitlinks import Destination
from guard.situation.publication import Unknown
from guard.situation.release import Reach, Spot
from guard.situation.values import Consumer, Facts, Pin

if TYPE_CHECKING:
    from guard.engine.bases import Moved
    from guard.engine.client import Engine

# Seconds that a remote has to answer where the next step is to push to it.
_PATIENCE: Final = 2.0
_AWAY: Final = f"{PERSON}go back when you have seen enough: guard recover --local -"
# What comes to nothing without an engine.
_OF_ENGINE: Final = ("guard test", "guard publish")
# Packages that are named unless all are asked for.
_REQUIREMENTS: Final = 4


class _Push(NamedTuple):
    """A push of what HEAD is at.

    Args:
        remote: which has it already, "" for none.
        is_bad: whether it is known to be broken, and not only untested.
    """

    decision: Decision
    remote: str
    is_bad: bool


class _Status(NamedTuple):
    """All that the command shows."""

    now: Situation
    superproject: _Push | None
    consumer: _Push | None
    proof: Proof
    engine: str
    moved: tuple[Moved, ...]
    bypassed: Bypassed
    is_away: bool
    next: str

    @property
    def pushes(self) -> list[_Push]:
        """Those of which something can be said."""
        return [push for push in (self.superproject, self.consumer) if push is not None]

    def beside(self, push: _Push) -> str:
        """What is said of a push beside the gate's word."""
        if not push.remote:
            return ""
        top = self.superproject
        # A commit of the consumer is bad for others in the superproject that they have.
        is_theirs = push is top or (
            top is not None
            and bool(top.remote)
            and (top.is_bad or top.decision.outcome is Outcome.ALLOWED)
            and not self.now.is_staged
        )
        if not (push.is_bad and is_theirs):
            return ", nothing to push"
        way_back = "" if self.now.checkouts.is_feature else ": guard recover --push"
        return f", already on {push.remote}{way_back}"

    @property
    def done(self) -> str:
        """What is said where nothing comes next."""
        tested = self.now.facts.tested
        if isinstance(tested, Tested) and tested.state is VerdictState.PASSED:
            published = ", published" if self.now.config.image.publish else ""
            return f"nothing: this combination is tested{published} and pushed"
        return "nothing: this is what others have; it was not tested here"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--short",
        action="store_true",
        help="print one line, and ask neither engine nor remotes: for a prompt",
    )
    forms.add_argument(
        "--verbose", action="store_true", help="print every finding in full, notes as well"
    )
    forms.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """Show the state. The exit status is 0 whatever it is: this is a question, not a gate."""
    with gate_here() as gate:
        try:
            status = _status(gate, options.short)
        except GuardError as error:
            if options.json:
                raise
            _show_undecided(gate, error, options.short, screen)
            return EXIT_ALLOWED
        if options.json:
            screen.json(_json(status))
        elif options.short:
            screen.say(_short(status, screen))
        else:
            _show(status, options.verbose, screen)
    return EXIT_ALLOWED


def _show_undecided(gate: Gate, error: GuardError, is_short: bool, screen: Screen) -> None:
    """What is wrong with what the superproject would commit next, and what mends that."""
    top = gate.workspace.superproject
    step = as_next(error.problem, told(error.remedy))
    with suppress(GitError):  # an index that cannot be read is what is wrong
        at = checkouts(top, {}, gate.pool)
        unfinished = preparation(at, "", "")
        if unfinished is not None and unfinished.person:
            step = unfinished.text
        elif FILE in error.problem and at.settings is Settings.CHANGED:
            step = stage_settings(top, at.settings).text
    if is_short:
        line = f"{error.problem}; next: {screen.paint(step, 'bold')}"
        screen.say(line.replace("\n", " "))
        return
    screen.failure(error)
    screen.say(f"next: {screen.paint(step, 'bold')}")


def _status(gate: Gate, is_short: bool) -> _Status:
    # The docker SDK takes longer to import than all the rest.
    connecting = None if is_short else Ahead(connect)
    now = Situation(gate)
    targets = targets_of(gate.workspace, now.config)
    proof = prove_hooks(*targets, gate.pool.settings, now.hook_health)
    is_away, text = _way_home(gate)
    engine, moved = _engine(now, connecting) if connecting is not None else ("", ())
    if not text:
        now, text = _next(now, proof, 0 if is_short else _PATIENCE)
        if isinstance(engine, Unknown) and text.startswith(_OF_ENGINE):
            # A person has to start one first.
            text = as_next(str(engine.remedy or engine.what), text, is_persons=True)
    pushes = _superproject(now), _consumer(now)
    engine = f"none: {engine.what}" if isinstance(engine, Unknown) else engine
    return _Status(now, *pushes, proof, engine, moved, bypassed(gate), is_away, text)


def _next(now: Situation, proof: Proof, patience: float) -> tuple[Situation, str]:
    """The situation as it was last looked at, and what brings the work on, or the person who has
    to; "" where there is nothing to do.
    """
    missing = (hook for hook in proof.hooks if not hook.health.effective)
    hook = next((each.health.remedy or "guard install" for each in missing), "")
    step = following(now.release, now.checkouts, hook, now.pushes)
    if step.depends and patience:
        # A remote that has moved on refuses a push, and git would learn nothing from that.
        pool = now.gate.enter_context(ObjectPool(Asking(patience)))
        to = Destination(asks=False)
        gate = now.gate.enter_context(Gate(now.gate.workspace, pool=pool, destination=to))
        now = Situation(gate, asks=True)
        step = following(now.release, now.checkouts, hook, now.pushes)
    return now, step.text


def _superproject(now: Situation) -> _Push | None:
    decision, spot = now.pushes.superproject, now.release.superproject
    if decision is None:
        return None
    if not isinstance(spot, Spot) or not spot.is_there:
        return _Push(decision, "", False)
    # What others have put on top of it may have mended it: a pull comes first.
    return _Push(decision, spot.remote, spot.reach is Reach.SAME and _is_bad(now, decision))


def _consumer(now: Situation) -> _Push | None:
    decision, checkout = now.pushes.consumer, now.consumer_checkout
    if decision is None or checkout is None:
        return None
    remote = usual_remote(checkout, now.gate.pool.settings)
    is_there = remote and is_named(checkout, decision.commit, tracking_ref(remote, ""))
    (told,) = placed(now.gate, [decision])
    return _Push(told, remote if is_there else "", _is_bad(now, decision))


def _is_bad(now: Situation, decision: Decision) -> bool:
    """Whether what was found will not change by testing it or by pushing something else.

    That a pin is no release is known where the dependency's remote has none that is not here.
    """
    errors = {each.rule for each in decision.findings if each.severity is Severity.ERROR}
    if errors & {*STATIC_RULES} - {release_tag.NAME}:
        return True
    if release_tag.NAME in errors and now.has_every_release:
        return True
    if not decision.combination or decision.recipe is None:
        return False
    tested = now.gate.verdicts.look_up(decision.combination, decision.recipe)
    return tested.state in (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST)


def _way_home(gate: Gate) -> tuple[bool, str]:
    """Whether ``guard recover --local`` has gone somewhere to look, and what comes next for that.

    Nothing where nobody is there; where that cannot be read, what mends it.
    """
    try:
        home = read_journal(gate.workspace.superproject).home
    except GuardError as error:
        return False, as_next(error.problem, told(error.remedy))
    if not home:
        return False, ""
    try:
        goals_home(gate, home)
    except GuardError as error:
        what = ", ".join(line.strip() for line in error.problem.splitlines()[1:])
        return True, as_next(what, error.remedy)
    return True, _AWAY


def _engine(now: Situation, connecting: Ahead[Engine]) -> tuple[str | Unknown, tuple[Moved, ...]]:
    """The engine that `guard test` would use, with its builder, or why there is none; and which
    bases of the verdict are others there by now.
    """
    record, wanted = now.record, now.config.image.builder

    def look() -> tuple[str, tuple[Moved, ...]]:
        from guard.engine.attempt import choose_builder
        from guard.engine.bases import moved_bases

        with connecting.result() as engine:
            moved: tuple[Moved, ...] = ()
            if record is not None:
                moved = moved_bases(engine, record.engine.place, record.image.bases)
            return f"{engine.facts}, {choose_builder(engine, wanted)}", moved

    try:
        return Ahead(look).result(PATIENCE)
    except EngineError as error:
        return Unknown(error.problem, error.remedy), ()
    except TimeoutError:
        what = f"the engine has not answered within {PATIENCE:g} seconds"
        return Unknown(what, "look why it does not: docker version"), ()


def _show(status: _Status, verbose: bool, screen: Screen) -> None:
    now, facts, superproject = status.now, status.now.facts, status.now.top
    stands = "index, with staged changes" if now.is_staged else "index, as in HEAD"
    if now.combination.source != "the index":
        stands = now.combination.source
    name = screen.paint(facts.names.superproject, "bold")
    screen.say(f"{name} ({stands})  {superproject.place}")
    for label, text in _rows(status, verbose, screen):
        screen.say(f"  {column(label, 12)}{text}")
    screen.say()
    show_hooks(status.proof, screen)
    screen.say()
    _show_pushes(status, verbose, screen)
    screen.say()
    for line in status.bypassed.lines():
        screen.say(screen.paint(line, "yellow"))
    screen.say(f"next: {screen.paint(status.next or status.done, 'bold')}")


def _rows(status: _Status, verbose: bool, screen: Screen) -> Iterator[tuple[str, str]]:
    """What stands, what is required of it and known of it, each with what it is."""
    now = status.now
    for name, text in _parts(now.facts):
        yield name, text
        for each in now.checkouts.submodules:
            is_elsewhere = each.head and each.relation is not Relation.SAME
            if now.gate.workspace.name(each.path) == name and is_elsewhere:
                where = f"checked out at {each.head[:12]}, {each.relation.value}"
                yield "", screen.paint(where, "yellow")
    if status.is_away:
        yield "", screen.paint("as guard recover --local has checked it out, to look at", "yellow")
    ranges = [
        f"{package} {whole_range(asked)}  ({asked[0].file}:{asked[0].requirement.line})"
        for package, asked in requirements(now.facts).items()
    ]
    shown = ranges if verbose else ranges[:_REQUIREMENTS]
    yield from (("requires", text) for text in shown)
    if len(ranges) > len(shown):
        yield "", f"and {counted(len(ranges) - len(shown), 'package')} more (--verbose)"
    yield "verdict", _verdict(now.facts)
    for base in status.moved:
        yield "", screen.paint(f"its base {base}: guard test builds and tests again", "yellow")
    yield "engine", status.engine


def _show_pushes(status: _Status, verbose: bool, screen: Screen) -> None:
    above: tuple[Finding, ...] = ()
    decisions = []
    for push in status.pushes:
        decision = push.decision if verbose else _brief(push.decision)
        screen.say(f"push of {screen.decision_text(decision, status.beside(push), above)}")
        above += decision.findings
        decisions.append(decision)
    screen.explanation(decisions)


def _brief(decision: Decision) -> Decision:
    """The decision without notes, and with the warnings' messages alone."""
    findings = (
        each._replace(found="", expected="", evidence=(), remedy="")
        if each.severity is Severity.WARNING
        else each
        for each in decision.findings
        if each.severity is not Severity.NOTE
    )
    return decision._replace(findings=tuple(findings))


def _short(status: _Status, screen: Screen) -> str:
    """One line: what stands, what is known of it, what comes next."""
    parts = [f"{name} {text.split('  ')[-1]}" for name, text in _parts(status.now.facts)]
    words = [_verdict(status.now.facts).split("  ")[0]]
    outcomes = [push.decision.outcome for push in status.pushes]
    worst = [each for each in (Outcome.BLOCKED, Outcome.UNDECIDED) if each in outcomes]
    words += [f"push {outcome.value}" for outcome in worst[:1]]
    if status.bypassed.found:
        words.append(counted(len(status.bypassed.found), "open bypass", "open bypasses"))
    following = f"next: {status.next}" if status.next else "nothing to do"
    line = f"{', '.join(parts)}: {', '.join(words)}; {screen.paint(following, 'bold')}"
    return line.replace("\n", " ")  # what is not known may be told in several


def _parts(facts: Facts) -> list[tuple[str, str]]:
    """The consumer and the dependency, with what each stands at."""
    consumer, pin = facts.consumer, facts.pin
    at = consumer.what if isinstance(consumer, Unknown) else "no gitlink"
    if isinstance(consumer, Consumer):
        at = consumer.commit[:12]
    pinned = pin.what if isinstance(pin, Unknown) else "no gitlink"
    if isinstance(pin, Pin) and pin.releases:
        word = "pre-release" if pin.releases[0].is_pre else "release"
        tags = ", ".join(release.tag for release in pin.releases)
        pinned = f"{pin.commit[:12]}  {word} {tags}"
    elif isinstance(pin, Pin):
        pinned = f"{pin.commit[:12]}  {pin.described}, no release"
    return [(facts.names.consumer, at), (facts.names.dependency, pinned)]


def _verdict(facts: Facts) -> str:
    tested = facts.tested
    if isinstance(tested, Unknown):
        return f"unknown: {tested.what}"
    if not isinstance(tested, Tested):
        return "not asked"
    whose = f"by {tested.by}" if tested.by else ""
    return "  ".join(word for word in (tested.state.value, tested.verdict, whose) if word)


def _json(status: _Status) -> dict[str, Any]:
    now, facts, tested = status.now, status.now.facts, status.now.facts.tested
    verdict = None
    if isinstance(tested, Tested):
        verdict = {
            "state": tested.state.value,
            "name": tested.verdict or None,
            "by": tested.by or None,
            "combination": tested.key or None,
            "recipe": tested.recipe or None,
            "detail": tested.detail,
            "log": tested.log or None,
            "moved_bases": [base._asdict() for base in status.moved],
        }
    return {
        "version": JSON_VERSION,
        "source": now.combination.source,
        "staged": now.is_staged,
        "gitlinks": now.gitlinks,
        "release": now.standing.release,
        "requirements": [
            {"package": package, "range": str(whole_range(asked))}
            for package, asked in requirements(facts).items()
        ],
        "verdict": verdict,
        "standing": decision_json(now.standing),
        "pushes": {
            "superproject": _push_json(status.superproject),
            "consumer": _push_json(status.consumer),
        },
        "hooks": [hook.json() for hook in status.proof.hooks],
        "hooks_missing": status.proof.missing,
        "engine": status.engine,
        **status.bypassed.json(),
        "next": status.next or None,
    }


def _push_json(push: _Push | None) -> dict[str, Any] | None:
    return None if push is None else {**decision_json(push.decision), "on": push.remote or None}
