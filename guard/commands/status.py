"""``guard status``: the combination as it stands, whether pushes would pass, what to type next."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, NamedTuple

from guard.commands.check import show_hooks
from guard.commands.hooked import find_targets
from guard.config import Config
from guard.errors import EXIT_ALLOWED, EngineError, GuardError
from guard.gate.bypasses import Bypassed, bypassed
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.commands import git, in_turn
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.install.targets import Proof, prove_hooks
from guard.model import Combination, Decision, Outcome, Tested, VerdictState
from guard.plan.following import PERSON, following
from guard.plan.preparation import preparation
from guard.rules import merged
from guard.rules.asked import requirements, whole_range
from guard.screen import JSON_VERSION, Screen, decision_json, first_remedies
from guard.situation.checkouts import Checkouts, Relation, checkouts
from guard.situation.gitlinks import usual_destination
from guard.situation.progress import Asking, Progress
from guard.situation.release import ReleaseFacts
from guard.situation.values import Facts, Unknown
from guard.situation.workspace import find_workspace, repositories_of


class _State(NamedTuple):
    """All that the command shows."""

    facts: Facts
    combination: Combination
    staged: bool
    standing: Decision
    superproject: Decision | None
    consumer: Decision | None
    proof: Proof
    engine: str
    bypassed: Bypassed
    release: ReleaseFacts
    checkouts: Checkouts

    @property
    def next(self) -> str:
        """What brings the work on, or the person who has to; "" where there is nothing to do."""
        missing = (hook for hook in self.proof.hooks if not hook.health.effective)
        hook = next((each.health.remedy or "guard install" for each in missing), "")
        findings = self.consumer.findings if self.consumer is not None else ()
        others = next((each.remedy for each in findings if each.rule == merged.NAME), "")
        return following(self.release, self.checkouts, hook, others) or self._of_sibling

    @property
    def _of_sibling(self) -> str:
        """What brings on a consumer whose only checkout is a clone beside the superproject."""
        consumer, path = self.consumer, self.release.names.consumer_path
        links = [link.commit for link in self.standing.gitlinks]
        if consumer is None or self.checkouts.at(path) is not None or consumer.commit in links:
            return ""
        if consumer.outcome is not Outcome.ALLOWED:
            remedies = first_remedies(consumer.findings)
            return remedies[0] if remedies else "guard check"
        entry = f"160000,{consumer.commit},{path}"
        return git(self.release.top, "update-index", "--cacheinfo", entry).text

    @property
    def done(self) -> str:
        """What is said where nothing comes next."""
        tested = self.facts.tested
        if isinstance(tested, Tested) and tested.state is VerdictState.PASSED:
            return "nothing: this combination is tested, published and pushed"
        return "nothing: this is what others have; it was not tested here"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """Show the state. The exit status is 0 whatever it is: this is a question, not a gate."""
    with Gate(find_workspace()) as gate:
        try:
            state = _state(gate)
        except GuardError as error:
            unfinished = preparation(checkouts(gate.workspace.superproject, {}), "", "")
            if options.json or unfinished is None or not unfinished.person:
                raise
            screen.failure(error)
            screen.say(f"next: {PERSON}{unfinished.person}: {in_turn(unfinished.commands)}")
            return EXIT_ALLOWED
        if options.json:
            screen.json(_json(state))
        else:
            _show(gate, state, screen)
    return EXIT_ALLOWED


def _state(gate: Gate) -> _State:
    combination = gate.present()
    config = gate.gatherer.config(combination)
    name = gate.workspace.name("")
    facts = gate.gatherer.gather(combination, tested=True)
    head = gate.head()
    order = Order(gate, usual_destination(gate.workspace, asks=False))
    pushes = [gate.superproject(head.commit)] if head is not None and head.commit else []
    consumers = _consumer(gate, repositories_of(gate.workspace, config, config.consumer))
    return _State(
        facts,
        combination,
        head is None or head.tree != combination.tree,
        gate.decide(name, combination.commit or "", None, combination),
        next(iter(order.superproject(pushes)), None),
        next(iter(order.consumer(consumers)), None),
        prove_hooks(find_targets()),
        _engine(config),
        bypassed(gate),
        _progress(gate, combination).look().release,
        checkouts(gate.workspace.superproject, _gitlinks(gate, combination, config)),
    )


def _gitlinks(gate: Gate, combination: Combination, config: Config) -> dict[str, str]:
    """Path -> commit of the consumer and the dependency, as far as they have a gitlink."""
    paths = (config.consumer, config.dependency)
    commits = ((path, gate.gatherer.gitlink(combination, path)) for path in paths)
    return {path: commit for path, commit in commits if commit is not None}


def _progress(gate: Gate, combination: Combination) -> Progress:
    faults = gate.faults(combination)
    return Progress(gate.gatherer, combination, gate.head(), faults, Asking())


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


def _consumer(gate: Gate, repositories: tuple[Repository, ...]) -> list[Decision]:
    """The decision for the consumer's HEAD, in the first checkout that there is."""
    for repository in repositories:
        if repository.work_tree is not None:
            commit = head_of(repository)
            if commit is not None:
                return [gate.consumer(commit)]
    return []


def _show(gate: Gate, state: _State, screen: Screen) -> None:
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
            if gate.workspace.name(each.path) == path and each.relation is not Relation.SAME:
                where = f"checked out at {each.head[:12]}, {each.relation.value}"
                screen.say(f"  {'':<11} {screen.paint(where, 'yellow')}")
    for text in _asked(facts):
        screen.say(f"  {'requires':<12}{text}")
    screen.say(f"  {'verdict':<12}{_verdict(facts)}")
    screen.say(f"  {'engine':<12}{state.engine}")
    screen.say()
    show_hooks(state.proof, screen)
    screen.say()
    decisions = [each for each in (state.superproject, state.consumer) if each is not None]
    for decision in decisions:
        screen.say("push of " + screen.decision_text(decision))
    screen.explanation(decisions)
    screen.say()
    for line in state.bypassed.lines():
        screen.say(screen.paint(line, "yellow"))
    screen.say(f"next: {screen.paint(state.next or state.done, 'bold')}")


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


def _first(decision: Decision) -> str:
    remedies = first_remedies(decision.findings)
    return remedies[0] if remedies else "guard check"


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
            "superproject": decision_json(state.superproject) if state.superproject else None,
            "consumer": decision_json(state.consumer) if state.consumer else None,
        },
        "hooks": [hook.json() for hook in state.proof.hooks],
        "hooks_missing": state.proof.missing,
        "engine": state.engine,
        **state.bypassed.json(),
        "next": state.next or None,
    }
