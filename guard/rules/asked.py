"""What the consumer asks of the dependency's packages, and which releases would satisfy it.

The rule `dependency-match` and ``guard align`` both stand on this computation.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from guard.haskell import Manifest, Requirement, Source, SourceKind, Version, VersionRange
from guard.situation.values import Consumer, Facts, Package, PathSource, Pin, ReleasePackages


class Asked(NamedTuple):
    """One requirement and the file that declares it."""

    manifest: str
    requirement: Requirement


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


def requirements(facts: Facts) -> dict[str, list[Asked]]:
    """Package of the dependency -> all that the consumer's manifests say about it."""
    consumer = facts.consumer
    if not isinstance(consumer, Consumer):
        return {}
    packages = facts.pin.packages if isinstance(facts.pin, Pin) else ()
    # What it holds of the dependency itself is judged by `dependency-source`.
    own = {each.package for each in consumer.manifests} - {each.name for each in packages}
    found: dict[str, list[Asked]] = {}
    for manifest in consumer.manifests:
        for requirement in (*manifest.requirements, *manifest.tools):
            name = requirement.package
            if name in own or _only_for_setup(requirement):
                continue
            if in_family(name, facts.names.dependency, packages):
                at = requirement.file or manifest.path
                found.setdefault(name, []).append(Asked(at, requirement))
    return found


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
    hackage = pinned_sources(manifests, package, SourceKind.HACKAGE, SourceKind.ARCHIVE)
    if hackage:
        return [_of_source("hackage", *item) for item in hackage]
    if isinstance(facts.pin, Pin):
        paths = consumer.paths if isinstance(consumer, Consumer) else ()
        found = [item for item in facts.pin.packages if item.name == package]
        return [
            Given("gitlink", item.version, item.path, item.line, f"{item.name} {item.version}")
            for item in _chosen(found, paths)
        ]
    frozen = pinned_sources(manifests, package, SourceKind.CONSTRAINT)
    return [_of_source("constraint", *item) for item in frozen]


def _of_source(origin: str, manifest: str, source: Source) -> Given:
    return Given(origin, source.version, manifest, source.line, source.text)


def _chosen(packages: list[Package], paths: Sequence[PathSource]) -> list[Package]:
    """Of several folders with one package, those that the consumer's paths name."""
    folders = {path.target for path in paths}
    named = [item for item in packages if item.folder in folders]
    return named if len(packages) > 1 and named else packages


def satisfying(
    candidates: Iterable[ReleasePackages], ranges: Mapping[str, VersionRange]
) -> list[ReleasePackages]:
    """The releases in which every package is there, in a version that its range admits."""
    return [candidate for candidate in candidates if _satisfies(candidate, ranges)]


def fitting_releases(facts: Facts) -> Sequence[ReleasePackages]:
    """Every release within every requirement as written, oldest first.

    Pre-releases stand there only where no other fits: nobody is led to one unasked.
    """
    fitting = satisfying(facts.candidates or (), ranges_on_gitlink(facts))
    return [each for each in fitting if not each.release.is_pre] or fitting


def _satisfies(candidate: ReleasePackages, ranges: Mapping[str, VersionRange]) -> bool:
    for package, wanted in ranges.items():
        versions = [item.version for item in candidate.packages if item.name == package]
        if not versions or not all(
            version is not None and version in wanted for version in versions
        ):
            return False
    return True


def ranges_on_gitlink(facts: Facts) -> dict[str, VersionRange]:
    """The whole range of each package that comes from the gitlink, not from Hackage."""
    return {
        package: whole_range(asked)
        for package, asked in requirements(facts).items()
        if not any(item.origin == "hackage" for item in given(facts, package))
    }
