"""Rule `dependency-match`: what the consumer requires holds for what it would be built with.

Under some assignment of the conditions (flags, system, architecture, compiler) every requirement on
a package of the dependency, in any manifest, must admit that package's own version at the gitlink
(or the version that it is taken in from Hackage).
"""

import re
from typing import Final

from guard.haskell import Manifest, Unread, tool_for
from guard.model import Evidence, Finding, Severity
from guard.rules.asked import (
    Answer,
    Given,
    Question,
    fitting_releases,
    given,
    in_family,
    whole_range,
)
from guard.rules.conditions import Asked
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Consumer, Facts, PathState, Pin

NAME: Final = "dependency-match"
# How much that is unusual is named.
_SHOWN: Final = 4


def check(facts: Facts) -> list[Finding]:
    """One finding for each package, and for each manifest that could not be read in full."""
    consumer = facts.consumer
    if consumer is None:
        what = f"{facts.names.superproject} has no gitlink at {facts.names.consumer_path}"
        return [undecided(NAME, Unknown(what, evidence=(facts.superproject,)))]
    if isinstance(consumer, Unknown):
        return [undecided(NAME, consumer)]
    findings = [undecided(NAME, unknown) for unknown in consumer.unknown]
    for manifest in consumer.manifests:
        findings += _of_manifest(facts, consumer, manifest)
    question = Question(facts)
    answer = question.of_pin()
    findings += _disagreements(facts, consumer, answer)
    findings += [_undeclared(facts, consumer, *each) for each in question.undeclared]
    if isinstance(facts.pin, Unknown):
        return [*findings, undecided(NAME, facts.pin)]
    if facts.pin is not None:
        findings += [undecided(NAME, unknown) for unknown in facts.pin.unknown]
    for package, items in answer.asked.items():
        findings += _of_package(facts, consumer, package, items)
    findings += _conditional(facts, consumer, answer)
    if not (answer.asked or answer.refused):
        findings.append(_nothing_asked(facts, consumer))
    return findings


def _of_package(
    facts: Facts, consumer: Consumer, package: str, asked: list[Asked]
) -> list[Finding]:
    versions, name = given(facts, package), facts.names.dependency
    findings: list[Finding] = []
    if not versions:
        findings += _absent(facts, consumer, package, asked)
    for each in versions:
        if each.version is None:
            what = f"the version of {package} cannot be read ({name}/{each.path})"
            findings.append(undecided(NAME, Unknown(what, evidence=_held(facts, [each]))))
            continue
        refused = [one for one in asked if each.version not in one.requirement.range]
        if refused:
            findings.append(_mismatch(facts, consumer, package, each, refused))
    if len({each.version for each in versions if each.origin == "gitlink"}) > 1:
        texts = ", ".join(f"{each.version} ({each.path})" for each in versions)
        what = f"{name} holds {package} in several versions: {texts}"
        findings.append(undecided(NAME, Unknown(what, evidence=_held(facts, versions))))
    if not any(one.requirement.range.has_upper_bound for one in asked):
        findings.append(
            Finding(
                NAME,
                Severity.WARNING,
                f"{facts.names.consumer} sets no upper bound on {package}: any later {name} would "
                "be accepted",
                found=f"{package} {whole_range(asked)}",
                expected="an upper bound, as in ^>=x.y or >=x.y && <x.z",
                evidence=_evidence(facts, consumer, asked[:1]),
            )
        )
    return findings


def _conditional(facts: Facts, consumer: Consumer, answer: Answer) -> list[Finding]:
    """What is only said where the answer hangs on conditions."""
    if not answer.refused:
        return []
    names, first = facts.names, answer.refused[0]
    evidence = _evidence(facts, consumer, list(answer.refused))
    package, where = first.requirement.package, f"{first.file}:{first.requirement.line}"
    wanted = whole_range(one for one in answer.refused if one.requirement.package == package)
    versions = ", ".join(str(each.version) for each in given(facts, package))
    built = f"with {package} {versions}" if versions else f"without {package}"
    if answer.fits is None:
        what = (
            f"whether {names.consumer} can be built {built} hangs on conditions that are too many, "
            f"or that exclude each other ({where} requires {package} {first.requirement.range})"
        )
        return [undecided(NAME, Unknown(what, evidence=evidence))]
    more = len(answer.unusual) - _SHOWN
    unusual = [*answer.unusual[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
    return [
        Finding(
            NAME,
            Severity.NOTE,
            f"{names.consumer} can be built {built} only with {', '.join(unusual)}; else it "
            f"requires {package} {wanted} ({where})",
            found=f"{package} {versions}" if versions else f"no package {package}",
            expected=f"{package} {wanted}, or another range",
            evidence=evidence,
        )
    ]


def _mismatch(
    facts: Facts, consumer: Consumer, package: str, version: Given, refused: list[Asked]
) -> Finding:
    wanted, names = whole_range(refused), facts.names
    evidence = _evidence(facts, consumer, refused)
    where = f"{refused[0].file}:{refused[0].requirement.line}"
    more = f" and {len(evidence) - 1} more" if len(evidence) > 1 else ""
    is_pinned = version.origin == "gitlink"
    origin = f"{names.dependency} at {_pinned(facts)}" if is_pinned else version.text
    return Finding(
        NAME,
        Severity.ERROR,
        f"{package} is {version.version}, but {names.consumer} requires {wanted} ({where}{more})",
        found=f"{package} {version.version} ({origin}, {version.path}:{version.line})",
        expected=f"{package} {wanted}{_what_would_fit(facts)}",
        evidence=evidence,
    )


def _absent(facts: Facts, consumer: Consumer, package: str, asked: list[Asked]) -> list[Finding]:
    evidence, names = _evidence(facts, consumer, asked), facts.names
    if isinstance(facts.pin, Pin) and facts.pin.unknown:
        return []  # it may stand in what could not be read; that is said already
    if facts.pin is not None:
        at = f"{names.dependency} at {_pinned(facts)}"
        finding = Finding(
            NAME,
            Severity.ERROR,
            f"{names.consumer} requires {package}, which {at} does not have",
            found=f"no package {package} in {at}",
            expected=f"{package} {whole_range(asked)}{_what_would_fit(facts)}",
            evidence=evidence,
        )
        return [finding]
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


def _held(facts: Facts, versions: list[Given]) -> tuple[Evidence, ...]:
    """Where the versions of a package stand in the dependency."""
    assert isinstance(facts.pin, Pin)  # a version of an extra-dep can be read, and is one
    name, commit = facts.names.dependency, facts.pin.commit
    return tuple(Evidence(name, commit, each.path, each.line, each.text) for each in versions)


def _of_manifest(facts: Facts, consumer: Consumer, manifest: Manifest) -> list[Finding]:
    packages, names = facts.pin.packages if isinstance(facts.pin, Pin) else (), facts.names

    def at(unread: Unread) -> Evidence:
        path = unread.file or manifest.path
        return Evidence(names.consumer, consumer.commit, path, unread.line, unread.shown)

    findings = []
    for unread in manifest.unread:
        what = f"{unread.file or manifest.path}:{unread.line} cannot be read: {unread.reason}"
        # Where a comma is missing, a name may stand anywhere in it.
        words = set(re.findall(r"[\w-]+", unread.text)) if unread.package is not None else ()
        concerned = any(in_family(each, names.dependency, packages) for each in words)
        if unread.concerns_requirements and (unread.package is None or concerned):
            findings.append(undecided(NAME, Unknown(what, evidence=(at(unread),))))
    if manifest.unread and not findings:
        first = manifest.unread[0]
        findings.append(
            Finding(
                NAME,
                Severity.NOTE,
                f"{first.file or manifest.path} would be refused by {tool_for(manifest.path)} and "
                f"was read leniently: line {first.line}, {first.reason}",
                found=first.shown,
                expected="a file that cabal and hpack accept",
                evidence=(at(first),),
            )
        )
    return findings


def _undeclared(facts: Facts, consumer: Consumer, manifest: Manifest, flag: str) -> Finding:
    """What Cabal refuses; requirements on both sides of the condition count."""
    name = facts.names.consumer
    return Finding(
        NAME,
        Severity.NOTE,
        f"{manifest.path} of {name} names the flag {flag}, which it does not declare: Cabal "
        "refuses the file",
        found=f"flag({flag})",
        expected=f"a flag {flag} of {manifest.package or name}",
        evidence=(Evidence(name, consumer.commit, manifest.path),),
    )


def _disagreements(facts: Facts, consumer: Consumer, answer: Answer) -> list[Finding]:
    """Where a .cabal file and the package.yaml beside it ask for different things."""
    paths = {manifest.path for manifest in consumer.manifests}
    findings = []
    for cabal in consumer.manifests:
        folder = cabal.path.rpartition("/")[0]
        beside = f"{folder}/package.yaml" if folder else "package.yaml"
        if beside not in paths or not cabal.path.endswith(".cabal"):
            continue
        for package, asked in sorted(answer.asked.items()):
            ours, theirs = (
                [one for one in asked if one.manifest == path] for path in (cabal.path, beside)
            )
            if (
                bool(ours) == bool(theirs)
                and whole_range(ours).intervals == whole_range(theirs).intervals
            ):
                continue
            texts = [str(whole_range(one)) if one else "no requirement" for one in (ours, theirs)]
            findings.append(
                Finding(
                    NAME,
                    Severity.WARNING,
                    f"{cabal.path} and {beside} of {facts.names.consumer} disagree about "
                    f"{package}: {', '.join(texts)}",
                    found=f"{cabal.path}: {texts[0]}; {beside}: {texts[1]}",
                    expected="the same requirement in both",
                    evidence=_evidence(facts, consumer, [*ours, *theirs]),
                )
            )
    return findings


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


def _evidence(facts: Facts, consumer: Consumer, asked: list[Asked]) -> tuple[Evidence, ...]:
    # One line of a package.yaml may reach several components.
    lines = dict.fromkeys(
        (each.file, each.requirement.line, each.requirement.text) for each in asked
    )
    return tuple(Evidence(facts.names.consumer, consumer.commit, *line) for line in lines)


def _pinned(facts: Facts) -> str:
    pin = facts.pin
    if not isinstance(pin, Pin):
        return "no gitlink"
    return pin.releases[0].tag if pin.releases else pin.described or pin.commit[:12]
