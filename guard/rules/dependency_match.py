"""Rule `dependency-match`: what the consumer requires holds for what it would be built with.

Every requirement on a package of the dependency, in any manifest and under any condition, must
admit that package's own version at the gitlink (or the version that it is taken in from Hackage).
"""

from __future__ import annotations

from typing import Final

from guard.haskell import Manifest
from guard.haskell.model import Disagreement, disagreements
from guard.model import Evidence, Finding, Severity
from guard.rules.asked import (
    Asked,
    Given,
    fitting_releases,
    given,
    in_family,
    requirements,
    whole_range,
)
from guard.situation.values import Consumer, Facts, PathState, Pin, Unknown, undecided

NAME: Final = "dependency-match"


def check(facts: Facts) -> list[Finding]:
    """One finding for each package, and for each manifest that could not be read in full."""
    consumer = facts.consumer
    if consumer is None:
        return [undecided(NAME, _no_consumer(facts))]
    if isinstance(consumer, Unknown):
        return [undecided(NAME, consumer)]
    findings = [undecided(NAME, unknown) for unknown in consumer.unknown]
    for manifest in consumer.manifests:
        findings += _of_manifest(facts, consumer, manifest)
    findings += _disagreements(facts, consumer)
    if isinstance(facts.pin, Unknown):
        return [*findings, undecided(NAME, facts.pin)]
    if facts.pin is not None:
        findings += [undecided(NAME, unknown) for unknown in facts.pin.unknown]
    asked = requirements(facts)
    for package, items in asked.items():
        findings += _of_package(facts, consumer, package, items)
    if not asked:
        findings.append(_nothing_asked(facts, consumer))
    return findings


def _of_package(
    facts: Facts, consumer: Consumer, package: str, asked: list[Asked]
) -> list[Finding]:
    versions = given(facts, package)
    findings = []
    if not versions:
        findings += _absent(facts, consumer, package, asked)
    for item in versions:
        if item.version is None:
            findings.append(_version_unreadable(facts, package, item))
            continue
        refused = [one for one in asked if item.version not in one.requirement.range]
        if refused:
            findings.append(_mismatch(facts, consumer, package, item, refused))
    if len({item.version for item in versions if item.origin == "gitlink"}) > 1:
        findings.append(_several_versions(facts, package, versions))
    if not any(one.requirement.range.has_upper_bound for one in asked):
        findings.append(_open_ended(facts, consumer, package, asked))
    return findings


def _mismatch(
    facts: Facts, consumer: Consumer, package: str, item: Given, refused: list[Asked]
) -> Finding:
    wanted = whole_range(refused)
    first = refused[0]
    evidence = _evidence(facts, consumer, refused)
    where = f"{first.manifest}:{first.requirement.line}"
    more = f" and {len(evidence) - 1} more" if len(evidence) > 1 else ""
    return Finding(
        NAME,
        Severity.ERROR,
        f"{package} is {item.version}, but {facts.names.consumer} requires {wanted} "
        f"({where}{more})",
        found=f"{package} {item.version} ({_origin(facts, item)})",
        expected=f"{package} {wanted}{_what_would_fit(facts)}",
        evidence=evidence,
    )


def _absent(facts: Facts, consumer: Consumer, package: str, asked: list[Asked]) -> list[Finding]:
    evidence = _evidence(facts, consumer, asked)
    names = facts.names
    if isinstance(facts.pin, Pin) and facts.pin.unknown:
        return []  # it may stand in what could not be read; that is said already
    if facts.pin is not None:
        at = f"{names.dependency} at {_pinned(facts)}"
        return [
            Finding(
                NAME,
                Severity.ERROR,
                f"{names.consumer} requires {package}, which {at} does not have",
                found=f"no package {package} in {at}",
                expected=f"{package} {whole_range(asked)}{_what_would_fit(facts)}",
                evidence=evidence,
            )
        ]
    if any(path.state is PathState.NO_GITLINK for path in consumer.paths):
        return []  # dependency-source says so, and it is the cause
    what = (
        f"{names.consumer} requires {package}, but neither a gitlink of {names.dependency} nor an "
        "extra-dep says in which version"
    )
    return [undecided(NAME, Unknown(what, evidence=(facts.superproject, *evidence)))]


def _what_would_fit(facts: Facts) -> str:
    """What to expect besides the range."""
    if facts.candidates is None or facts.pin is None:
        return ""
    fitting = fitting_releases(facts)
    name = facts.names.dependency
    seen = f"the {len(facts.candidates)} likeliest of {facts.others + len(facts.candidates)}"
    if not fitting and facts.others:
        return f"; none of {seen} releases of {name} satisfies all requirements together"
    if not fitting:
        return f"; no release of {name} satisfies all requirements together"
    tags = ", ".join(item.release.tag for item in fitting)
    more = f" (of {seen} releases)" if facts.others else ""
    what = "pre-releases alone, " if fitting[0].release.is_pre else ""
    return f"; satisfied by {name} {what}{tags}{more}"


def _open_ended(facts: Facts, consumer: Consumer, package: str, asked: list[Asked]) -> Finding:
    return Finding(
        NAME,
        Severity.WARNING,
        f"{facts.names.consumer} sets no upper bound on {package}: any later "
        f"{facts.names.dependency} would be accepted",
        found=f"{package} {whole_range(asked)}",
        expected="an upper bound, as in ^>=x.y or >=x.y && <x.z",
        evidence=_evidence(facts, consumer, asked[:1]),
    )


def _version_unreadable(facts: Facts, package: str, item: Given) -> Finding:
    what = f"the version of {package} cannot be read ({facts.names.dependency}/{item.path})"
    return undecided(NAME, Unknown(what, evidence=_held(facts, [item])))


def _several_versions(facts: Facts, package: str, versions: list[Given]) -> Finding:
    texts = ", ".join(f"{item.version} ({item.path})" for item in versions)
    what = f"{facts.names.dependency} holds {package} in several versions: {texts}"
    return undecided(NAME, Unknown(what, evidence=_held(facts, versions)))


def _held(facts: Facts, versions: list[Given]) -> tuple[Evidence, ...]:
    """Where the versions of a package stand in the dependency."""
    assert isinstance(facts.pin, Pin)  # a version of an extra-dep can be read, and is one
    name, commit = facts.names.dependency, facts.pin.commit
    return tuple(Evidence(name, commit, each.path, each.line, each.text) for each in versions)


def _of_manifest(facts: Facts, consumer: Consumer, manifest: Manifest) -> list[Finding]:
    packages = facts.pin.packages if isinstance(facts.pin, Pin) else ()
    findings = []
    for unread in manifest.unread:
        evidence = Evidence(
            facts.names.consumer, consumer.commit, manifest.path, unread.line, unread.text
        )
        what = f"{manifest.path}:{unread.line} cannot be read: {unread.reason}"
        concerned = unread.package is None or in_family(
            unread.package, facts.names.dependency, packages
        )
        if unread.concerns_requirements and concerned:
            findings.append(undecided(NAME, Unknown(what, evidence=(evidence,))))
    if manifest.lenient and not findings:
        first = manifest.unread[0] if manifest.unread else None
        why = f": line {first.line}, {first.reason}" if first else ""
        line, text = (first.line, first.text) if first else (None, "")
        findings.append(
            Finding(
                NAME,
                Severity.NOTE,
                f"{manifest.path} would be refused by the Haskell tools and was read leniently"
                f"{why}",
                found=text,
                expected="a file that cabal and hpack accept",
                evidence=(
                    Evidence(facts.names.consumer, consumer.commit, manifest.path, line, text),
                ),
            )
        )
    return findings


def _disagreements(facts: Facts, consumer: Consumer) -> list[Finding]:
    """Where a .cabal file and the package.yaml beside it ask for different things."""
    by_path = {manifest.path: manifest for manifest in consumer.manifests}
    packages = sorted(requirements(facts))
    findings = []
    for cabal in consumer.manifests:
        folder = cabal.path.rpartition("/")[0]
        beside = by_path.get(f"{folder}/package.yaml" if folder else "package.yaml")
        if beside is None or not cabal.path.endswith(".cabal"):
            continue
        for found in disagreements(cabal, beside, packages):
            findings.append(_disagreement(facts, consumer, cabal, beside, found))
    return findings


def _disagreement(
    facts: Facts, consumer: Consumer, cabal: Manifest, beside: Manifest, found: Disagreement
) -> Finding:
    ours = [Asked(cabal.path, one) for one in found.cabal]
    theirs = [Asked(beside.path, one) for one in found.package_yaml]

    def text(asked: list[Asked]) -> str:
        return str(whole_range(asked)) if asked else "no requirement"

    return Finding(
        NAME,
        Severity.WARNING,
        f"{cabal.path} and {beside.path} of {facts.names.consumer} disagree about {found.package}: "
        f"{text(ours)}, {text(theirs)}",
        found=f"{cabal.path}: {text(ours)}; {beside.path}: {text(theirs)}",
        expected="the same requirement in both",
        evidence=_evidence(facts, consumer, [*ours, *theirs]),
    )


def _nothing_asked(facts: Facts, consumer: Consumer) -> Finding:
    names = facts.names
    read = ", ".join(manifest.path for manifest in consumer.manifests) or "none"
    evidence = (Evidence(names.consumer, consumer.commit),)
    if not consumer.manifests:
        what = f"{names.consumer} at {consumer.commit[:12]} has no manifest that guard can read"
        return undecided(NAME, Unknown(what, evidence=evidence))
    if facts.pin is None:
        what = (
            f"{names.superproject} has no gitlink at {names.dependency_path} and {names.consumer} "
            f"requires no package of {names.dependency}: nothing is known of it"
        )
        return undecided(NAME, Unknown(what, evidence=(facts.superproject,)))
    return Finding(
        NAME,
        Severity.WARNING,
        f"{names.consumer} requires no package of {names.dependency}",
        found=f"no requirement in {read}",
        expected=f"a requirement on a package of {names.dependency}",
        evidence=evidence,
    )


def _no_consumer(facts: Facts) -> Unknown:
    names = facts.names
    return Unknown(
        f"{names.superproject} has no gitlink at {names.consumer_path}",
        evidence=(facts.superproject,),
    )


def _evidence(facts: Facts, consumer: Consumer, asked: list[Asked]) -> tuple[Evidence, ...]:
    # One line of a package.yaml may reach several components.
    places = (
        Evidence(
            facts.names.consumer,
            consumer.commit,
            item.manifest,
            item.requirement.line,
            item.requirement.text,
        )
        for item in asked
    )
    return tuple(dict.fromkeys(places))


def _origin(facts: Facts, item: Given) -> str:
    if item.origin == "gitlink":
        return f"{facts.names.dependency} at {_pinned(facts)}, {item.path}:{item.line}"
    return f"{item.text}, {item.path}:{item.line}"


def _pinned(facts: Facts) -> str:
    pin = facts.pin
    if not isinstance(pin, Pin):
        return "no gitlink"
    return pin.releases[0].tag if pin.releases else pin.described or pin.commit[:12]
