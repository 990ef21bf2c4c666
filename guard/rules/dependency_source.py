"""Rule `dependency-source`: consumer and superproject agree on where the dependency comes from.

A path into the dependency needs its gitlink and a package in that folder; a git source must name
the gitlink's own commit; a package cannot come from Hackage and from the gitlink at once.
Source: the second harmful push, 13 July 2016, which removed the gitlink that aula's stack.yaml
still led into.
"""

from collections.abc import Iterator
from typing import Final

from guard.haskell import Manifest, Source, SourceKind
from guard.haskell.model import AllowNewer
from guard.model import Evidence, Finding, Severity
from guard.rules.asked import in_family
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Consumer, Facts, PathSource, PathState, Pin

NAME: Final = "dependency-source"


def check(facts: Facts) -> list[Finding]:
    """One finding for each source that contradicts the superproject."""
    consumer = facts.consumer
    if not isinstance(consumer, Consumer) or isinstance(facts.pin, Unknown):
        return []  # release-tag and dependency-match say what could not be read
    findings: list[Finding] = []
    for path in consumer.paths:
        findings += _of_path(facts, consumer, path)
    for manifest in consumer.manifests:
        for source in manifest.sources:
            if source.kind in (SourceKind.GIT, SourceKind.ARCHIVE):
                findings += _of_repository(facts, consumer, manifest, source)
            elif source.kind is SourceKind.HACKAGE:
                findings += _of_hackage(facts, consumer, manifest, source)
        findings += _bounds_lifted(facts, consumer, manifest)
    return findings


def _of_path(facts: Facts, consumer: Consumer, path: PathSource) -> Iterator[Finding]:
    if path.state in (PathState.PRESENT, PathState.NESTED):
        return
    names = facts.names
    folder = f"{names.dependency_path}/{path.target}".rstrip("/")
    if path.state is PathState.NOWHERE:
        folder = path.target
    evidence = _evidence(facts, consumer, path.manifest, path.source)
    if path.state is PathState.UNKNOWN:
        what = f"{folder} cannot be looked up at the gitlink of {names.dependency}"
        yield undecided(NAME, Unknown(what, evidence=(evidence,)))
        return
    lacking, expected = {
        PathState.NO_GITLINK: (
            f"{names.superproject} has no gitlink at {names.dependency_path}",
            f"a gitlink at {names.dependency_path}, or an extra-dep from Hackage",
        ),
        PathState.NOWHERE: (
            f"{names.superproject} holds nothing there",
            f"a folder or a submodule {path.target} in {names.superproject}",
        ),
        PathState.ABSENT: (
            f"{names.dependency} has no such folder at its gitlink",
            f"a folder {path.target} in {names.dependency}",
        ),
        PathState.NO_PACKAGE: (
            f"there is no package in that folder of {names.dependency}",
            f"a .cabal file or package.yaml in {path.target or 'the root'}",
        ),
    }[path.state]
    where = f"{path.manifest}:{path.source.line}"
    yield Finding(
        NAME,
        Severity.ERROR,
        f"{names.consumer} takes {path.source.path} by path ({where}), but {lacking}",
        found=f"{folder}: {path.state.value}",
        expected=expected,
        evidence=(evidence, facts.superproject),
    )


def _of_repository(
    facts: Facts, consumer: Consumer, manifest: Manifest, source: Source
) -> Iterator[Finding]:
    pin = facts.pin if isinstance(facts.pin, Pin) else None
    if not _is_dependency(facts, source, pin):
        return
    names = facts.names
    evidence = _evidence(facts, consumer, manifest.path, source)
    where = f"{manifest.path}:{source.line}"
    if pin is None:
        what = (
            f"{names.consumer} takes {names.dependency} from {source.url} ({where}), and "
            f"{names.superproject} has no gitlink to compare it with"
        )
        yield undecided(NAME, Unknown(what, evidence=(evidence,)))
    elif source.commit != pin.commit:
        yield Finding(
            NAME,
            Severity.ERROR,
            f"{names.consumer} takes {names.dependency} at {source.commit or 'its newest commit'} "
            f"from {source.url} ({where}), not at the gitlink",
            found=source.commit or "no commit",
            expected=pin.commit,
            evidence=(evidence, facts.superproject),
        )


def _is_dependency(facts: Facts, source: Source, pin: Pin | None) -> bool:
    name = facts.names.dependency
    packages = pin.packages if pin else ()
    if source.package is not None and in_family(source.package, name, packages):
        return True
    steps = (source.url or "").replace(":", "/").rstrip("/").split("/")
    # An archive of a forge names the repository in the middle: .../thentos/archive/<commit>.zip
    candidates = steps[-1:] if source.kind is SourceKind.GIT else steps
    return any(step.removesuffix(".git").lower() == name.lower() for step in candidates)


def _of_hackage(
    facts: Facts, consumer: Consumer, manifest: Manifest, source: Source
) -> Iterator[Finding]:
    packages, names = facts.pin.packages if isinstance(facts.pin, Pin) else (), facts.names
    own = next((each for each in packages if each.name == source.package), None)
    if own is None:
        return
    yield Finding(
        NAME,
        Severity.ERROR,
        f"{names.consumer} takes {source.package} {source.version} from Hackage "
        f"({manifest.path}:{source.line}), but {names.superproject} holds {names.dependency} as a "
        "submodule",
        found=source.text,
        expected=f"{source.package} {own.version} by path from {names.dependency_path}/, or no "
        "submodule",
        evidence=(_evidence(facts, consumer, manifest.path, source), facts.superproject),
    )


def _bounds_lifted(facts: Facts, consumer: Consumer, manifest: Manifest) -> Iterator[Finding]:
    packages, name = (
        facts.pin.packages if isinstance(facts.pin, Pin) else (),
        facts.names.dependency,
    )
    for lifted in manifest.allow_newer:
        if lifted.package == "*" or in_family(lifted.package, name, packages):
            yield Finding(
                NAME,
                Severity.WARNING,
                f"{manifest.path}:{lifted.line} lifts bounds ({lifted.text}): the declared ranges "
                "are not in force for the build",
                found=lifted.text,
                expected="declared bounds that the build keeps to",
                evidence=(_evidence(facts, consumer, manifest.path, lifted),),
            )


def _evidence(
    facts: Facts, consumer: Consumer, manifest: str, source: Source | AllowNewer
) -> Evidence:
    return Evidence(facts.names.consumer, consumer.commit, manifest, source.line, source.text)
