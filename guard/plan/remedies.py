"""What mends a finding: decided here for all rules, a pure function of the facts they saw.

Two kinds of fact bring their remedy: what could not be read, and how a push stands to the remotes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from guard.git.commands import Remedy, git, guard, told
from guard.model import Finding, Severity, Tested, VerdictState
from guard.plan.align import fetching_tags, move
from guard.rules import image_pin
from guard.situation.values import (
    Apart,
    Consumer,
    Facts,
    Merge,
    OldImage,
    OtherRecipe,
    PathState,
    Pin,
    Publications,
    SharedState,
    Stale,
    StepBack,
)

Saw = Facts | OldImage | Publications | Merge | Stale | Apart | StepBack | OtherRecipe


def mended(findings: Iterable[Finding], facts: Saw) -> tuple[Finding, ...]:
    """Findings with what mends each, as it is typed where the user stands."""
    return tuple(
        each._replace(remedy=each.remedy or told(_remedy(each, facts))) for each in findings
    )


def _remedy(finding: Finding, facts: Saw) -> Remedy:
    if isinstance(facts, Stale | Apart | StepBack | OtherRecipe):
        return facts.remedy
    if isinstance(facts, Merge):
        return (facts.elsewhere,) if facts.merged else facts.remedy
    if isinstance(facts, Publications):
        gitlink = (finding.evidence[0].path, finding.evidence[0].text)
        link = next(each for each in facts.links if (each.path, each.commit) == gitlink)
        return facts.ask_command if link.awaits_answer else link.remedy
    if isinstance(facts, OldImage):
        return (guard("publish", facts.verdict),)
    if not finding.evidence:
        return ""  # it could not be read, and nothing is known to mend that
    return _DECIDED.get((finding.rule, finding.severity), _edit)(finding, facts)


def _move(finding: Finding, facts: Facts) -> Remedy:
    if not isinstance(facts.pin, Pin):
        return _edit(finding, facts)
    return move(facts) or _edit(finding, facts)


def _release(finding: Finding, facts: Facts) -> Remedy:
    """What makes the commit a release, or brings the dependency to one."""
    shared = facts.pin.shared if isinstance(facts.pin, Pin) else None
    if shared is None or shared.repository is None or not (shared.own or shared.moved):
        return _move(finding, facts)
    if shared.own:
        return (git(shared.repository, "push", shared.target, shared.own[0]),)
    (tag, _), *_ = shared.moved
    fetch = git(shared.repository, "fetch", "--force", shared.target, "tag", tag)
    return (
        f"a release is never moved: release {facts.names.dependency} with another tag, or take "
        f"theirs ({fetch.text}) and then a release that fits ({guard('align').text})"
    )


def _ask(finding: Finding, facts: Facts) -> Remedy:
    shared = facts.pin.shared if isinstance(facts.pin, Pin) else None
    if shared is None or shared.state is SharedState.UNASKED:
        return _fetch_tags(finding, facts)
    return shared.remedy or facts.ask_command


def _take_release(finding: Finding, facts: Facts) -> Remedy:
    return (guard("align", "--to", finding.expected.partition(",")[0]),)


def _fetch_tags(finding: Finding, facts: Facts) -> Remedy:
    # Which of them is wrong nobody here can know.
    assert isinstance(facts.pin, Pin)  # else it has no tags
    return fetching_tags(facts.pin, "--force")


def _source(finding: Finding, facts: Facts) -> Remedy:
    place, consumer, pin = finding.evidence[0], facts.consumer, facts.pin
    assert isinstance(consumer, Consumer)  # else no source was read
    states = {
        (each.manifest, each.source.line): each.state
        for each in consumer.paths
        if each.state is not PathState.PRESENT
    }
    state = states.get((place.path or "", place.line or 0))
    if state in (PathState.ABSENT, PathState.NO_PACKAGE):
        return _move(finding, facts)
    if state is PathState.UNKNOWN and isinstance(pin, Pin):
        refetch = (git(at, "fetch", "--refetch", "--no-filter") for at in pin.repositories[:1])
        return pin.unknown[0].remedy if pin.unknown else tuple(refetch)
    is_nowhere = pin is None and state is not PathState.NOWHERE
    return _no_gitlink(facts) if is_nowhere else _edit(finding, facts)


def _unread(finding: Finding, facts: Facts) -> Remedy:
    is_whole = finding.evidence[0] == facts.superproject
    return _no_gitlink(facts) if is_whole else _edit(finding, facts)


def _no_gitlink(facts: Facts) -> Remedy:
    names = facts.names
    if facts.consumer is None:
        path, instead = names.consumer_path, "correct guard.consumer in .guard.toml"
    else:
        path = names.dependency_path
        instead = f"name its packages in the extra-deps of {names.consumer}"
    return f"add a submodule at {path} of {names.superproject}, or {instead}"


def _pins(finding: Finding, facts: Facts) -> Remedy:
    """What to change, a line for each: to what most of them say that say something good."""
    assert facts.image_pins is not None  # else nothing was found in them
    mentions, name = facts.image_pins.mentions, facts.image_pins.name
    good = Counter(each.reference for each in mentions if image_pin.stays(each))
    names = Counter(each.name for each in mentions)
    usual = name if name in names else names.most_common(1)[0][0]
    wanted = good.most_common(1)[0][0] if good else f"{usual}:<tag>"
    return "edit " + "\n".join(
        f"{each.path}:{each.line}: {each.reference} -> {wanted}"
        for each in mentions
        if each.reference != wanted
    )


def _publish(finding: Finding, facts: Facts) -> Remedy:
    assert facts.old_image is not None  # else there is nothing to publish
    return _remedy(finding, facts.old_image)


def _test(finding: Finding, facts: Facts) -> Remedy:
    assert isinstance(facts.tested, Tested)
    if facts.tested.state is VerdictState.NO_COMMAND:
        return facts.tested.remedy or (guard("init"),)
    if facts.tested.state is VerdictState.UNTESTED:
        return facts.test_command
    if facts.tested.state is VerdictState.UNREADABLE:
        return facts.test_command.replace(" test", " test --again", 1)
    return f"mend what fails: {guard('log', facts.tested.verdict).text}"


def _edit(finding: Finding, facts: Facts) -> Remedy:
    """A person has to change what the evidence shows."""
    place = finding.evidence[0]
    line = f":{place.line}" if place.line else ""
    where = f"{place.path}{line} of {place.repository}" if place.path else place.repository
    wanted = f" (wanted: {finding.expected})" if finding.expected else ""
    # It writes one of two manifests out of the other.
    files = [each.path for each in finding.evidence if each.path]
    is_made = len(set(files)) > 1 and any(each.endswith("package.yaml") for each in files)
    return f"{'run hpack, or ' if is_made else ''}edit {where}{wanted}"


_DECIDED: Final[Mapping[tuple[str, Severity], Callable[[Finding, Facts], Remedy]]] = {
    ("release-tag", Severity.ERROR): _release,
    ("release-tag", Severity.UNDECIDED): _ask,
    ("release-tag", Severity.NOTE): _take_release,
    ("dependency-match", Severity.ERROR): _move,
    ("dependency-match", Severity.UNDECIDED): _unread,
    ("dependency-source", Severity.ERROR): _source,
    ("dependency-source", Severity.UNDECIDED): _source,
    ("image-pin", Severity.ERROR): _pins,
    ("image-pin", Severity.WARNING): _pins,
    ("image-published", Severity.ERROR): _publish,
    ("image-published", Severity.WARNING): _publish,
    ("tested", Severity.ERROR): _test,
    ("tested", Severity.UNDECIDED): _test,
}
