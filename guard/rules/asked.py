"""What the consumer asks of the dependency's packages, and which releases would satisfy it.

The rule `dependency-match` and ``guard align`` both stand on this computation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from guard.haskell import (
    Manifest,
    Requirement,
    Role,
    Source,
    SourceKind,
    Version,
    VersionRange,
    leads_to,
)
from guard.rules.conditions import Asked, Conditions, TooManyError
from guard.situation.values import Consumer, Facts, Package, PathSource, Pin, ReleasePackages


class Given(NamedTuple):
    """One version that a package would be built in.

    Args:
        origin: ``hackage``, ``constraint`` or ``gitlink``.
        version: None where the package's manifest has none that can be read.
    """

    origin: str
    version: Version | None
    path: str
    line: int | None
    text: str


def in_family(package: str, dependency: str, packages: Iterable[Package]) -> bool:
    """Whether a package belongs to the dependency, present or not.

    Package names change from release to release (thentos-core, thentos-frontend-session,
    thentos-cookie-session): besides those at hand, ``<dependency>`` and ``<dependency>-...`` count.
    """
    lowered = package.lower()
    name = dependency.lower()
    if lowered == name or lowered.startswith(f"{name}-"):
        return True
    return any(found.name == package for found in packages)


class Answer(NamedTuple):
    """What is asked of the dependency's packages under one assignment of the conditions.

    Args:
        asked: package -> what is asked of it.
        refused: what else would be asked, and fails: under the usual assignment where another one
            fits; where it is not decided whether one does, all that may fail.
        unusual: what is unusual in the assignment.
        fits: None where that is not decided.
    """

    asked: dict[str, list[Asked]]
    refused: tuple[Asked, ...] = ()
    unusual: tuple[str, ...] = ()
    fits: bool | None = True

    @property
    def ranges(self) -> dict[str, VersionRange]:
        """The whole range of each package."""
        return {package: whole_range(asked) for package, asked in self.asked.items()}


class Fit(NamedTuple):
    """A release that fits, and what is asked of it."""

    release: ReleasePackages
    ranges: Mapping[str, VersionRange]


class Question:
    """Whether some assignment of the conditions builds the consumer and fits a dependency."""

    def __init__(self, facts: Facts) -> None:
        consumer = facts.consumer
        manifests = consumer.manifests if isinstance(consumer, Consumer) else ()
        self._all = _declared(facts, manifests)
        self._given = {each: given(facts, each) for each in _by_package(self._all)}
        self._conditions = Conditions(manifests, self._all)
        self.undeclared = list(self._conditions.undeclared())
        self._candidates = [
            each._replace(packages=taken(each, consumer)) for each in facts.candidates or ()
        ]

    def of_pin(self) -> Answer:
        """With what the packages would be built in now; what cannot be read refuses nothing."""
        return self._answer(self._all, self._is_refused)

    def of(self, candidate: ReleasePackages) -> Answer:
        """With a release at the gitlink, whatever comes from Hackage."""
        asked = [one for one in self._all if self.is_from_gitlink(one.requirement.package)]
        return self._answer(
            asked,
            lambda one: not _admits(candidate, one.requirement.package, one.requirement.range),
        )

    def is_from_gitlink(self, package: str) -> bool:
        """Whether no version of a package is named that Hackage has."""
        return all(each.origin != "hackage" for each in self._given[package])

    def fits(self) -> list[Fit]:
        """The releases that fit, oldest first; under an unusual assignment where none else does."""
        answers = [(each, self.of(each)) for each in self._candidates]
        fitting = [(each, answer) for each, answer in answers if answer.fits]
        usual = [(each, answer) for each, answer in fitting if not answer.unusual]
        return [Fit(each, answer.ranges) for each, answer in usual or fitting]

    def _is_refused(self, asked: Asked) -> bool:
        package, wanted = asked.requirement.package, asked.requirement.range
        versions = [each.version for each in self._given[package]]
        return not versions or any(each is not None and each not in wanted for each in versions)

    def _answer(self, asked: Sequence[Asked], is_refused: Callable[[Asked], bool]) -> Answer:
        refused = [one for one in asked if is_refused(one)]
        try:
            usual = self._conditions.usual
            failing = tuple(one for one in refused if self._conditions.asks(one, usual))
            assignment = self._conditions.without(refused) if failing else usual
        except TooManyError:
            others = _by_package(one for one in asked if not is_refused(one))
            return Answer(others, tuple(refused), fits=None if refused else True)
        chosen = assignment or usual
        answer = Answer(_by_package(one for one in asked if self._conditions.asks(one, chosen)))
        if assignment is None:
            return answer._replace(fits=False)
        unusual = self._conditions.unusual(chosen)
        return answer._replace(refused=failing if unusual else (), unusual=unusual)


def requirements(facts: Facts) -> dict[str, list[Asked]]:
    """Package of the dependency -> what the consumer asks of it, as it would be built."""
    return Question(facts).of_pin().asked


def _declared(facts: Facts, manifests: Iterable[Manifest]) -> list[Asked]:
    """All that the consumer's manifests say about packages of the dependency."""
    packages = taken(facts.pin, facts.consumer) if isinstance(facts.pin, Pin) else ()
    # What it holds of the dependency itself is judged by `dependency-source`.
    own = {manifest.package for manifest in manifests} - {each.name for each in packages}
    return [
        Asked(manifest.path, requirement)
        for manifest in manifests
        for requirement in (*manifest.requirements, *manifest.tools)
        if requirement.package not in own
        and not _only_for_setup(requirement)
        and in_family(requirement.package, facts.names.dependency, packages)
    ]


def taken(held: Pin | ReleasePackages, consumer: object) -> tuple[Package, ...]:
    """What a dependency's project builds, and what a path of the consumer takes besides."""
    paths = consumer.paths if isinstance(consumer, Consumer) else ()
    return (*held.packages, *named_by(paths, held.others))


def named_by(paths: Iterable[PathSource], packages: Iterable[Package]) -> list[Package]:
    """The packages of the dependency that paths of the consumer lead to, wildcards allowed."""
    targets = {path.target for path in paths}
    return [each for each in packages if any(leads_to(target, each.path) for target in targets)]


def _by_package(asked: Iterable[Asked]) -> dict[str, list[Asked]]:
    packages: dict[str, list[Asked]] = {}
    for one in asked:
        packages.setdefault(one.requirement.package, []).append(one)
    return packages


def _only_for_setup(requirement: Requirement) -> bool:
    # cabal.project: "setup." and "pkg:setup." constrain what Setup.hs is built with, no more.
    scope = requirement.scope or ""
    return scope.startswith("setup") or scope.endswith(":setup")


def whole_range(asked: Iterable[Asked]) -> VersionRange:
    """All ranges together: every one must hold. Those that stand in several stanzas count once."""
    ranges = dict.fromkeys(
        item.requirement.range for item in asked if not item.requirement.range.is_any
    )
    result: VersionRange | None = None
    for each in ranges:
        result = each if result is None else result & each
    return VersionRange.any() if result is None else result


def pinned_sources(
    manifests: Iterable[Manifest], package: str, *kinds: SourceKind
) -> list[tuple[str, Source]]:
    """(file, source) of each exact version that the manifests name for a package."""
    return [
        (source.file or manifest.path, source)
        for manifest in manifests
        for source in manifest.sources
        if source.kind in kinds and source.package == package and source.version is not None
    ]


def given(facts: Facts, package: str) -> list[Given]:
    """The versions that a package would have: of its extra-dep, else at the gitlink, else frozen.

    Several where manifests or folders disagree; none where nobody says one.
    """
    consumer = facts.consumer
    manifests = consumer.manifests if isinstance(consumer, Consumer) else ()
    paths = consumer.paths if isinstance(consumer, Consumer) else ()
    held = taken(facts.pin, consumer) if isinstance(facts.pin, Pin) else ()
    found = [item for item in held if item.name == package]
    local = {path.source for path in paths if named_by([path], found)}
    hackage = [item for manifest in manifests for item in _pins(manifest, package, local)]
    if hackage:
        return [_of_source("hackage", *item) for item in hackage]
    if isinstance(facts.pin, Pin):
        return [
            Given("gitlink", item.version, item.path, item.line, f"{item.name} {item.version}")
            for item in _chosen(found, paths)
        ]
    frozen = pinned_sources(manifests, package, SourceKind.CONSTRAINT)
    return [_of_source("constraint", *item) for item in frozen]


def _pins(manifest: Manifest, package: str, local: set[Source]) -> list[tuple[str, Source]]:
    """What a project pins a package at: stack looks in a snapshot last, layer by layer."""
    pins = pinned_sources([manifest], package, SourceKind.HACKAGE, SourceKind.ARCHIVE)
    nearer = [pin for pin in pins if pin[1].role is not Role.SNAPSHOT]
    return nearer or [pin for pin in pins[:1] if local.isdisjoint(manifest.sources)]


def _of_source(origin: str, manifest: str, source: Source) -> Given:
    return Given(origin, source.version, manifest, source.line, source.text)


def _chosen(packages: list[Package], paths: Sequence[PathSource]) -> list[Package]:
    """Of several folders with one package, those that the consumer's paths name."""
    return (named_by(paths, packages) if len(packages) > 1 else []) or packages


def satisfying(
    candidates: Iterable[ReleasePackages], ranges: Mapping[str, VersionRange]
) -> list[ReleasePackages]:
    """The releases in which every package is there, in a version that its range admits."""
    return [
        candidate
        for candidate in candidates
        if all(_admits(candidate, package, wanted) for package, wanted in ranges.items())
    ]


def fitting_releases(facts: Facts) -> Sequence[ReleasePackages]:
    """Every release within every requirement as written, oldest first.

    Pre-releases stand there only where no other fits: nobody is led to one unasked.
    """
    fitting = [each.release for each in Question(facts).fits()]
    return [each for each in fitting if not each.release.is_pre] or fitting


def _admits(candidate: ReleasePackages, package: str, wanted: VersionRange) -> bool:
    versions = [each.version for each in candidate.packages if each.name == package]
    return bool(versions) and all(each is not None and each in wanted for each in versions)


def ranges_on_gitlink(facts: Facts) -> dict[str, VersionRange]:
    """The whole range of each package that comes from the gitlink, not from Hackage."""
    question = Question(facts)
    ranges = question.of_pin().ranges
    return {each: wanted for each, wanted in ranges.items() if question.is_from_gitlink(each)}
