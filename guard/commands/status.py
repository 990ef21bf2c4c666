"""``guard status``: the combination as it stands, whether pushes would pass, what to type next."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, Final, NamedTuple

from guard.commands.check import show_hooks
from guard.commands.hooked import find_targets
from guard.config import Config
from guard.errors import EXIT_ALLOWED, EngineError, GuardError
from guard.gate.bypasses import Bypassed, bypassed
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.ancestry import is_named
from guard.git.commands import PERSON, git, in_turn, told
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.install.targets import Proof, prove_hooks
from guard.model import (
    STATIC_RULES,
    Combination,
    Decision,
    Finding,
    Outcome,
    Severity,
    Tested,
    VerdictState,
)
from guard.plan.following import Next, Refused, as_next, following
from guard.plan.preparation import preparation
from guard.recovery.journal import read_journal
from guard.rules import merged
from guard.rules.asked import requirements, whole_range
from guard.screen import JSON_VERSION, Screen, counted, decision_json
from guard.situation.branches import tracking_ref, usual_remote
from guard.situation.checkouts import Checkouts, Link, Relation, checkouts
from guard.situation.gitlinks import usual_destination
from guard.situation.progress import Asking, Progress
from guard.situation.release import Reach, ReleaseFacts, Spot
from guard.situation.values import Facts, Unknown
from guard.situation.workspace import find_workspace, repositories_of

# Seconds that a remote has to answer where the next step is to push to it.
_PATIENCE: Final = 2.0
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


class _State(NamedTuple):
    """All that the command shows."""

    facts: Facts
    combination: Combination
    staged: bool
    standing: Decision
    superproject: _Push | None
    consumer: _Push | None
    proof: Proof
    engine: str
    bypassed: Bypassed
    release: ReleaseFacts
    checkouts: Checkouts
    is_away: bool

    @property
    def next(self) -> str:
        """What brings the work on, or the person who has to; "" where there is nothing to do."""
        if self.is_away:
            return f"{PERSON}go back when you have seen enough: guard recover --local -"
        return self.following.text or self._of_sibling

    @property
    def following(self) -> Next:
        """What the plan says of it."""
        missing = (hook for hook in self.proof.hooks if not hook.health.effective)
        hook = next((each.health.remedy or "guard install" for each in missing), "")
        findings = self.consumer.decision.findings if self.consumer is not None else ()
        others = next((each.remedy for each in findings if each.rule == merged.NAME), "")
        refused = Refused(
            self.superproject.decision if self.superproject else None,
            self.consumer.decision if self.consumer else None,
        )
        return following(self.release, self.checkouts, hook, others, refused)

    @property
    def _of_sibling(self) -> str:
        """What brings on a consumer whose only checkout is a clone beside the superproject."""
        path = self.release.names.consumer_path
        if self.consumer is None or self.checkouts.at(path) is not None:
            return ""
        consumer, links = self.consumer.decision, dict(self.standing.gitlinks)
        if consumer.commit in links.values():
            return ""
        if consumer.outcome is not Outcome.ALLOWED:
            severe = (Severity.ERROR, Severity.UNDECIDED)
            finding = next(each for each in consumer.findings if each.severity in severe)
            return as_next(finding.message, finding.remedy)
        entry = f"160000,{consumer.commit},{path}"
        return git(self.release.top, "update-index", "--cacheinfo", entry).text

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
            and not self.staged
        )
        if not (push.is_bad and is_theirs):
            return ", nothing to push"
        way_back = "" if self.checkouts.is_feature else ": guard recover --push"
        return f", already on {push.remote}{way_back}"

    @property
    def done(self) -> str:
        """What is said where nothing comes next."""
        tested = self.facts.tested
        if isinstance(tested, Tested) and tested.state is VerdictState.PASSED:
            return "nothing: this combination is tested, published and pushed"
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
    with Gate(find_workspace()) as gate:
        try:
            state = _state(gate, options.short)
        except GuardError as error:
            unfinished = preparation(checkouts(gate.workspace.superproject, {}), "", "")
            if options.json or unfinished is None or not unfinished.person:
                raise
            screen.failure(error)
            what = f"{unfinished.person}: {in_turn(unfinished.commands)}"
            screen.say(f"next: {told(what)}")
            return EXIT_ALLOWED
        if options.json:
            screen.json(_json(state))
        elif options.short:
            screen.say(_short(state, screen))
        else:
            _show(gate, state, options.verbose, screen)
    return EXIT_ALLOWED


def _state(gate: Gate, is_short: bool) -> _State:
    combination = gate.present()
    config = gate.gatherer.config(combination)
    facts = gate.gatherer.gather(combination, tested=True)
    head = gate.head()
    release = _release(gate, combination, Asking())
    order = Order(gate, usual_destination(gate.workspace, asks=False))
    state = _State(
        facts,
        combination,
        release.staged,
        gate.decide(gate.workspace.name(""), combination.commit or "", None, combination),
        _superproject(gate, order, head, release),
        _consumer(gate, order, config),
        prove_hooks(find_targets()),
        "" if is_short else _engine(config),
        bypassed(gate),
        release,
        checkouts(gate.workspace.superproject, _gitlinks(gate, combination, config)),
        _is_away(gate.workspace.superproject),
    )
    # A prompt waits for no network.
    if is_short or not state.following.depends:
        return state
    # A remote that has moved on refuses a push, and git would learn nothing from that.
    return state._replace(release=_release(gate, combination, Asking(_PATIENCE)))


def _superproject(
    gate: Gate, order: Order, head: Combination | None, release: ReleaseFacts
) -> _Push | None:
    if head is None or not head.commit:
        return None
    (decision,) = order.superproject([gate.superproject(head.commit)])
    spot = release.superproject
    reaches = (Reach.SAME, Reach.AHEAD_THERE)
    remote = spot.remote if isinstance(spot, Spot) and spot.reach in reaches else ""
    # What others have put on top of it may have mended it: a pull comes first.
    is_tip = isinstance(spot, Spot) and spot.reach is Reach.SAME
    return _Push(decision, remote, is_tip and _is_bad(gate, decision))


def _consumer(gate: Gate, order: Order, config: Config) -> _Push | None:
    """The consumer's HEAD, in the first checkout that there is."""
    for repository in repositories_of(gate.workspace, config, config.consumer):
        commit = head_of(repository) if repository.work_tree is not None else None
        if commit is not None:
            (decision,) = order.consumer([gate.consumer(commit)])
            remote = usual_remote(repository, gate.pool.settings)
            is_there = remote and is_named(repository, commit, tracking_ref(remote, ""))
            return _Push(decision, remote if is_there else "", _is_bad(gate, decision))
    return None


def _is_bad(gate: Gate, decision: Decision) -> bool:
    """Whether what was found will not change by testing it or by pushing something else."""
    errors = [each.rule for each in decision.findings if each.severity is Severity.ERROR]
    if any(rule in STATIC_RULES for rule in errors):
        return True
    if not decision.combination or decision.recipe is None:
        return False
    tested = gate.gatherer.verdicts.by_digest(decision.combination, decision.recipe)
    return tested.state in (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST)


def _is_away(superproject: Repository) -> bool:
    """Whether ``guard recover --local`` has taken the checkouts to where somebody only looks."""
    try:
        return bool(read_journal(superproject).home)
    except GuardError:
        return True  # and the way back says what is wrong with it


def _gitlinks(gate: Gate, combination: Combination, config: Config) -> dict[str, Link]:
    """Those of the consumer and the dependency, as far as they have one, by their paths."""
    paths = (config.consumer, config.dependency)
    commits = {path: gate.gatherer.gitlink(combination, path) for path in paths}
    submodules = gate.gatherer.submodules(config)
    return {
        path: Link(commit, submodules.store(path).repositories)
        for path, commit in commits.items()
        if commit is not None
    }


def _release(gate: Gate, combination: Combination, asking: Asking) -> ReleaseFacts:
    faults = gate.faults(combination)
    return Progress(gate.gatherer, combination, gate.head(), faults, asking).look().release


def _engine(config: Config) -> str:
    """The engine that `guard test` would use, with its builder; or why there is none."""
    # The docker SDK takes longer to import than all the rest.
    from guard.engine.builders import choose_builder
    from guard.engine.client import Engine

    try:
        with Engine.connect() as engine:
            return f"{engine.facts}, {choose_builder(engine, config.image.builder)}"
    except EngineError as error:
        return f"none: {error.problem}"


def _show(gate: Gate, state: _State, verbose: bool, screen: Screen) -> None:
    facts = state.facts
    superproject = gate.workspace.superproject
    stands = "index, with staged changes" if state.staged else "index, as in HEAD"
    if state.combination.source != "the index":
        stands = state.combination.source
    where = superproject.work_tree or superproject.git_dir
    screen.say(f"{screen.paint(facts.names.superproject, 'bold')} ({stands})  {where}")
    for path, text in _parts(facts):
        screen.say(f"  {path:<11} {text}")
        for each in state.checkouts.submodules:
            is_elsewhere = each.head and each.relation is not Relation.SAME
            if gate.workspace.name(each.path) == path and is_elsewhere:
                where = f"checked out at {each.head[:12]}, {each.relation.value}"
                screen.say(f"  {'':<11} {screen.paint(where, 'yellow')}")
    if state.is_away:
        what = "as guard recover --local has checked it out, to look at"
        screen.say(f"  {'':<11} {screen.paint(what, 'yellow')}")
    asked = _asked(facts)
    shown = asked if verbose else asked[:_REQUIREMENTS]
    for text in shown:
        screen.say(f"  {'requires':<12}{text}")
    if len(asked) > len(shown):
        screen.say(f"  {'':<12}and {counted(len(asked) - len(shown), 'package')} more (--verbose)")
    screen.say(f"  {'verdict':<12}{_verdict(facts)}")
    screen.say(f"  {'engine':<12}{state.engine}")
    screen.say()
    show_hooks(state.proof, screen)
    screen.say()
    _show_pushes(state, verbose, screen)
    screen.say()
    for line in state.bypassed.lines():
        screen.say(screen.paint(line, "yellow"))
    screen.say(f"next: {screen.paint(state.next or state.done, 'bold')}")


def _show_pushes(state: _State, verbose: bool, screen: Screen) -> None:
    above: tuple[Finding, ...] = ()
    decisions = []
    for push in state.pushes:
        decision = push.decision if verbose else _brief(push.decision)
        screen.say(f"push of {screen.decision_text(decision, state.beside(push), above)}")
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


def _short(state: _State, screen: Screen) -> str:
    """One line: what stands, what is known of it, what comes next."""
    parts = [f"{name} {text.split('  ')[-1]}" for name, text in _parts(state.facts)]
    words = [_verdict(state.facts).split("  ")[0]]
    outcomes = [push.decision.outcome for push in state.pushes]
    worst = [each for each in (Outcome.BLOCKED, Outcome.UNDECIDED) if each in outcomes]
    words += [f"push {outcome.value}" for outcome in worst[:1]]
    if state.bypassed.found:
        words.append(counted(len(state.bypassed.found), "open bypass", "open bypasses"))
    following = f"next: {state.next}" if state.next else "nothing to do"
    line = f"{', '.join(parts)}: {', '.join(words)}; {screen.paint(following, 'bold')}"
    return line.replace("\n", " ")  # what is not known may be told in several


def _parts(facts: Facts) -> list[tuple[str, str]]:
    names = facts.names
    consumer, pin = facts.consumer, facts.pin
    shown = "no gitlink"
    if isinstance(consumer, Unknown):
        shown = consumer.what
    elif consumer is not None:
        shown = consumer.commit[:12]
    parts = [(names.consumer, shown)]
    if isinstance(pin, Unknown):
        parts.append((names.dependency, pin.what))
    elif pin is None:
        parts.append((names.dependency, "no gitlink"))
    elif pin.releases:
        tags = ", ".join(release.tag for release in pin.releases)
        word = "pre-release" if pin.releases[0].is_pre else "release"
        parts.append((names.dependency, f"{pin.commit[:12]}  {word} {tags}"))
    else:
        parts.append((names.dependency, f"{pin.commit[:12]}  {pin.described}, no release"))
    return parts


def _asked(facts: Facts) -> list[str]:
    texts = []
    for package, asked in requirements(facts).items():
        first = asked[0]
        where = f"{first.manifest}:{first.requirement.line}"
        texts.append(f"{package} {whole_range(asked)}  ({where})")
    return texts


def _verdict(facts: Facts) -> str:
    tested = facts.tested
    if isinstance(tested, Unknown):
        return f"unknown: {tested.what}"
    if not isinstance(tested, Tested):
        return "not asked"
    whose = f"by {tested.by}" if tested.by else ""
    return "  ".join(word for word in (tested.state.value, tested.verdict, whose) if word)


def _json(state: _State) -> dict[str, Any]:
    facts, tested = state.facts, state.facts.tested
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
        }
    return {
        "version": JSON_VERSION,
        "source": state.combination.source,
        "staged": state.staged,
        "gitlinks": {link.path: link.commit for link in state.standing.gitlinks},
        "release": state.standing.release,
        "requirements": [
            {"package": package, "range": str(whole_range(asked))}
            for package, asked in requirements(facts).items()
        ],
        "verdict": verdict,
        "standing": decision_json(state.standing),
        "pushes": {
            "superproject": _push_json(state.superproject),
            "consumer": _push_json(state.consumer),
        },
        "hooks": [hook.json() for hook in state.proof.hooks],
        "hooks_missing": state.proof.missing,
        "engine": state.engine,
        **state.bypassed.json(),
        "next": state.next or None,
    }


def _push_json(push: _Push | None) -> dict[str, Any] | None:
    return None if push is None else {**decision_json(push.decision), "on": push.remote or None}
