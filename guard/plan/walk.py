"""The six steps of a release: what is done, what comes next, what is in the way.

Pure functions of what is known; nothing of it is kept. Source of the steps and of their order: the
team's own list, "push thentos; build the image locally; test aula on it; push the image to the
registry; push aula; push aula-docker". Source of what a new release of the dependency promises:
https://pvp.haskell.org: of ``A.B.C``, the same ``A.B`` and a ``C`` that is not lower take nothing
away.
"""

import os
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from guard.git.commands import ALONE, Command, git, guard, in_turn, told
from guard.git.releases import numbers
from guard.model import Evidence, Severity, Tested, VerdictState
from guard.rules import published
from guard.rules.asked import ranges_on_gitlink, requirements
from guard.situation.publication import Publication, Unknown
from guard.situation.release import Before, Published, Reach, ReleaseFacts, Spot, Trouble
from guard.situation.values import ASK, Consumer, Pin, Publications


class Kind(Enum):
    """What a step does, in the order in which it is done."""

    PUSH_DEPENDENCY = "push-dependency"
    BUILD = "build"
    TEST = "test"
    PUBLISH = "publish"
    PUSH_CONSUMER = "push-consumer"
    PUSH_SUPERPROJECT = "push-superproject"


# What chooses a release of the dependency.
ALIGN: Final = "guard align"
# What others will see.
SEEN_BY_OTHERS: Final = frozenset(
    {Kind.PUSH_DEPENDENCY, Kind.PUBLISH, Kind.PUSH_CONSUMER, Kind.PUSH_SUPERPROJECT}
)
# What a remote of git may refuse.
PUSHES: Final = SEEN_BY_OTHERS - {Kind.PUBLISH}


class StepState(Enum):
    """Where a step stands."""

    DONE = "done"
    NEXT = "next"
    BLOCKED = "blocked"


class Step(NamedTuple):
    """One step.

    Args:
        reason: how it is seen to be done, or what is in the way.
        remedy: what mends that; "" where another step has to come first.
        after: the step that has to come first, 0 for none.
        is_persons: whether the remedy only shows what a person has to mend.
    """

    number: int
    kind: Kind
    title: str
    state: StepState
    commands: tuple[Command, ...] = ()
    reason: str = ""
    remedy: str = ""
    after: int = 0
    undecided: bool = False
    is_persons: bool = False

    @property
    def typed(self) -> str:
        """The commands as text, one a line."""
        return "\n".join(command.text for command in self.commands)


class _Done(NamedTuple):
    how: str


class _Open(NamedTuple):
    commands: tuple[Command, ...]


_Own = _Done | _Open | Trouble


def steps(facts: ReleaseFacts) -> tuple[Step, ...]:
    """All six steps.

    What is in the way of any of them holds up all that are not done: half a release is worse than
    none, and what cannot be pushed in the end need not be begun.
    """
    names = facts.names
    titles = {
        Kind.PUSH_DEPENDENCY: f"push {names.dependency}",
        Kind.BUILD: "build the image",
        Kind.TEST: f"test {names.consumer} on it",
        Kind.PUBLISH: "push the image",
        Kind.PUSH_CONSUMER: f"push {names.consumer}",
        Kind.PUSH_SUPERPROJECT: f"push {names.superproject}",
    }
    own: tuple[_Own, ...] = (
        _fetchable(facts, _dependency(facts), names.dependency_path),
        *(*_tried(facts), _image(facts)),
        _fetchable(facts, _consumer(facts), names.consumer_path),
        _fetchable(facts, _superproject(facts)),
    )
    stuck = next((at for at, item in enumerate(own, 1) if isinstance(item, Trouble)), 0)
    first = next((at for at, item in enumerate(own, 1) if isinstance(item, _Open)), 0)
    found = []
    for number, (kind, item) in enumerate(zip(Kind, own, strict=True), 1):
        step = _step(number, kind, titles[kind], item)
        if isinstance(item, _Open) and (number != first or stuck):
            earlier = [at for at in (first, stuck) if 0 < at < number]
            after = min(earlier, default=stuck)
            why = f"after step {after}" if after < number else f"step {after} is in the way"
            step = step._replace(state=StepState.BLOCKED, reason=why, after=after)
        found.append(step)
    return tuple(found)


def _step(number: int, kind: Kind, title: str, own: _Own) -> Step:
    """A step by itself, whatever the others are."""
    if isinstance(own, _Done):
        return Step(number, kind, title, StepState.DONE, reason=own.how)
    if isinstance(own, _Open):
        return Step(number, kind, title, StepState.NEXT, own.commands)
    stuck = Step(number, kind, title, StepState.BLOCKED, (), own.reason, own.remedy)
    return stuck._replace(undecided=own.undecided, is_persons=own.is_persons)


def pending(found: Sequence[Step]) -> Step | None:
    """What has to be dealt with now: what is in the way, else the next; None at the end."""
    own = [step for step in found if step.state is not StepState.DONE and not step.after]
    return min(own, key=lambda step: step.state is StepState.NEXT, default=None)


def next_command(found: Sequence[Step]) -> str:
    """The one command that brings the release on; "" where all is done."""
    step = pending(found)
    if step is None:
        return ""
    return step.commands[0].text if step.commands else step.remedy.partition("\n")[0]


def _dependency(facts: ReleaseFacts) -> _Own:
    if facts.faults:
        fault = facts.faults[0]
        undecided = bool(fault.missing)
        reason = f"{fault.rule}: {fault.message}"
        if facts.new_tags is not None:
            return Trouble(reason, facts.new_tags.text, undecided)
        if fault.remedy == ALIGN and facts.fits_none:
            what = f"{reason}, and no release of {facts.names.dependency} fits"
            return Trouble(what, ALIGN, undecided, is_persons=True)
        return Trouble(reason, fault.remedy or "guard check", undecided)
    if facts.dependency is None:
        return _Done(f"there is no gitlink: {facts.names.dependency} comes from elsewhere")
    return _pushed(facts, facts.dependency, facts.names.dependency)


def own_branch(facts: ReleaseFacts) -> Step | None:
    """The push of a consumer's feature branch that belongs to no release yet; None for nothing."""
    if not isinstance(facts.beside, Spot):
        return None
    own = _pushed(facts, facts.beside, facts.names.consumer)
    title = f"push {facts.names.consumer}"
    return None if isinstance(own, _Done) else _step(0, Kind.PUSH_CONSUMER, title, own)


def _tried(facts: ReleaseFacts) -> tuple[_Own, _Own]:
    """Building and testing, which one verdict tells of."""
    tested = facts.tested
    to_test = _Open((guard("test"),))
    if tested is not None and not isinstance(tested, Tested) and facts.unfetchable:
        # What is missing may be nowhere, and then nobody brings it here.
        trouble = _unfetchable(facts, facts.unfetchable[0])
        return trouble, trouble
    if not isinstance(tested, Tested):
        what = tested.what if tested is not None else "nobody asked for the verdict"
        remedy = told(tested.remedy) if tested is not None else "guard check"
        trouble = Trouble(what, remedy, True)
        return trouble, trouble
    verdict = f"verdict {tested.verdict}"
    if tested.state is VerdictState.PASSED:
        return _Done(verdict), _Done(verdict)
    if tested.state is VerdictState.UNTESTED:
        return to_test, to_test
    if tested.state is VerdictState.FAILED_TEST:
        return _Done(verdict), _failed("its tests fail", tested)
    if tested.state is VerdictState.FAILED_BUILD:
        trouble = _failed("it does not build", tested)
    elif tested.state is VerdictState.NO_COMMAND:
        remedy = told(tested.remedy) or "guard init"
        trouble = Trouble("no test command is set, so nothing can have passed", remedy)
    else:
        trouble = Trouble(tested.detail, told(tested.remedy) or "guard test --again", True)
    return trouble, to_test


def _failed(what: str, tested: Tested) -> Trouble:
    return Trouble(
        f"{what}: {tested.detail} (verdict {tested.verdict})",
        f"guard log {tested.verdict}",
        is_persons=True,
    )


def _image(facts: ReleaseFacts) -> _Own:
    image = facts.image
    if isinstance(image, Trouble):
        return image
    if image.state is Published.NOWHERE:
        return _Done("[image] publish = false: it stays on the machines that build it")
    if image.state is Published.YES:
        return _Done(f"{image.reference} is {image.digest}")
    if image.state is Published.OTHER:
        return Trouble(
            f"{image.reference} means another image in the registry: {image.digest}",
            "guard publish",
        )
    return _Open((guard("publish"),))


def _consumer(facts: ReleaseFacts) -> _Own:
    if facts.consumer is None:
        return _Done(f"there is no gitlink for {facts.names.consumer}")
    return _pushed(facts, facts.consumer, facts.names.consumer)


def _superproject(facts: ReleaseFacts) -> _Own:
    spot, name = facts.superproject, facts.names.superproject
    if isinstance(spot, Spot) and facts.staged and spot.reach is Reach.AHEAD_THERE:
        what = f"{name} is behind {spot.remote}/{spot.branch}, which is at {spot.there[:12]}, and "
        return _on_top(facts, spot, f"{what}something is staged", name)
    pushed = _pushed(facts, spot, name)
    if isinstance(spot, Trouble) or isinstance(pushed, Trouble) or not facts.staged:
        return pushed
    what = spot.branch if spot.local == spot.ref else f"HEAD:{spot.ref}"
    return spot.trouble or _Open((_commit(facts, spot), spot.git("push", spot.remote, what)))


def _commit(facts: ReleaseFacts, spot: Spot) -> Command:
    shown = ("-c", "diff.ignoreSubmodules=none") if facts.hides_gitlinks else ()
    return spot.git(*shown, *facts.commit)


def _on_top(facts: ReleaseFacts, spot: Spot, reason: str, name: str) -> Trouble:
    """That a branch has to be put on top of what others pushed, or what keeps it from that."""
    if spot.rebase_obstacle:
        what = f"{reason}; commit or move away first, in {name}: {spot.rebase_obstacle}"
        return Trouble(what, spot.git("status", "--ignored").text, is_persons=True)
    commands = rebase(facts, spot)
    if spot == facts.superproject and facts.staged:
        # A pull or a rebase would take a staged gitlink back, without a word.
        commands = (_commit(facts, spot), *commands)
    return Trouble(reason, in_turn(commands))


def rebase(facts: ReleaseFacts, spot: Spot) -> tuple[Command, ...]:
    """What puts a branch on top of what others pushed, and stages it as a gitlink."""
    own = ALONE if spot == facts.superproject else ()
    fetch = spot.git("fetch", *own, spot.remote)
    commands = (fetch, spot.git("rebase", f"{spot.remote}/{spot.branch}"))
    path = facts.names.consumer_path
    # What a clone elsewhere is at then has an id that nobody knows yet: it is staged afterwards.
    if spot == facts.consumer and spot.repository.work_tree == os.path.join(facts.top.place, path):
        return (*commands, git(facts.top, "add", path))
    return commands


def _fetchable(facts: ReleaseFacts, own: _Own, path: str = "") -> _Own:
    """A push, unless others could not fetch what it pins.

    Args:
        path: of what is pushed, where that is a submodule; else all count that are in neither.
    """
    names = facts.names
    for publication in () if isinstance(own, Trouble) else facts.unfetchable:
        inside = (names.dependency_path, names.consumer_path)
        around = next((each for each in inside if publication.path.startswith(f"{each}/")), "")
        if around == path:
            return _unfetchable(facts, publication)
    return own


def _unfetchable(facts: ReleaseFacts, publication: Publication) -> Trouble:
    (finding,) = published.check(Publications(Evidence(facts.names.superproject), (publication,)))
    if publication.awaits_answer:
        return Trouble(finding.message, ASK, True)
    is_undecided = finding.severity is Severity.UNDECIDED
    return Trouble(finding.message, told(publication.remedy), is_undecided)


def _pushed(facts: ReleaseFacts, spot: Spot | Trouble | Publication, name: str) -> _Own:
    """Whether something is where it has to be."""
    if isinstance(spot, Trouble):
        return spot
    if isinstance(spot, Publication) and isinstance(facts.superproject, Trouble):
        return facts.superproject  # a relative URL counts from its remote
    if isinstance(spot, Publication):
        return _unfetchable(facts, spot)
    what = spot.branch if spot.source == spot.ref else spot.source[:12]
    if spot.is_there:
        seen = "has" if spot.asked else "is known to have"
        on = "" if spot.source == spot.ref or not spot.there else f" on {spot.branch}"
        return _Done(f"{spot.remote} {seen} {what}{on}")
    if spot.reach is Reach.APART:
        return _on_top(
            facts,
            spot,
            f"somebody else pushed to {name} first: {spot.branch} of {spot.remote} is at "
            f"{spot.there[:12]}, which does not lead to {what}, nor {what} to it",
            name,
        )
    return spot.trouble or _Open((spot.push,))


class Order(NamedTuple):
    """Whether it matters when the dependency is pushed.

    Args:
        matters: None where that cannot be told.
        evidence: the requirements that it rests on.
    """

    matters: bool | None
    why: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()


def order(before: Before | Unknown) -> Order:
    """Whether the consumer that others have admits the new release, and its number promises it."""
    if isinstance(before, Unknown):
        return Order(None, (before.what,))
    facts, now = before.facts, before.facts.pin
    name, form = facts.names.dependency, facts.names.release_tag
    if isinstance(facts.consumer, Unknown):
        return Order(None, (facts.consumer.what,))
    if not isinstance(now, Pin):
        return Order(None, (now.what if now else f"there is no gitlink for {name}",))
    if now.commit == before.pin.commit:
        at = now.releases[0].tag if now.releases else now.commit[:12]
        return Order(False, (f"{name} stays at {at}",))
    old, new = _number(before.pin, form), _number(now, form)
    if old is None or new is None:
        which = "is pinned now" if new is None else "was pinned before"
        releases = (now if new is None else before.pin).releases
        what = f"the pre-release {releases[0].tag}" if releases else "no release"
        return Order(True, (f"the {name} that {which} is {what}, so nothing is promised",))
    tags = before.pin.releases[0].tag, now.releases[0].tag
    major_old, major_new = ((*version, 0)[:2] for version in (old, new))
    is_compatible = major_old == major_new and old <= new
    change = f"{tags[1]} after {tags[0]} is {'a' if is_compatible else 'no'} compatible change"
    refused, evidence = _refused(before, now)
    if is_compatible and not refused:
        admits = f"{facts.names.consumer} at {before.branch} admits it"
        return Order(False, (f"{change} by its number (PVP), and {admits}",), evidence)
    reasons = refused if is_compatible else [f"{change} by its number (PVP)", *refused]
    return Order(True, tuple(reasons), evidence)


def _number(pin: Pin, form: str) -> tuple[int, ...] | None:
    for release in pin.releases:
        if not release.is_pre:
            return numbers(release.tag, form)
    return None


def _refused(before: Before, now: Pin) -> tuple[list[str], tuple[Evidence, ...]]:
    """Why the consumer that others have would not build with it, and the requirements asked."""
    reasons, evidence = [], []
    facts = before.facts
    consumer = facts.names.consumer
    commit = facts.consumer.commit if isinstance(facts.consumer, Consumer) else None
    from_gitlink = ranges_on_gitlink(facts)
    for package, asked in requirements(facts).items():
        if package not in from_gitlink:
            continue
        versions = [each.version for each in now.packages if each.name == package]
        wanted = from_gitlink[package]
        places = [
            Evidence(consumer, commit, each.file, each.requirement.line, each.requirement.text)
            for each in asked
        ]
        evidence += places
        if versions and all(each is not None and each in wanted for each in versions):
            continue
        has = ", ".join(map(str, versions)) or "not in it"
        at = f"{places[0].path}:{places[0].line}"
        reasons.append(
            f"{consumer} at {before.branch} asks for {package} {wanted} ({at}); "
            f"in {now.releases[0].tag} it is {has}"
        )
    return reasons, tuple(evidence)
