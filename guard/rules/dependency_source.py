"""Rule `dependency-source`: consumer and superproject agree on where the dependency comes from.

A path into the dependency needs its gitlink and a package in that folder; a repository must be at
the gitlink's own commit, by whichever ref; a package cannot come from Hackage or an archive and
from the gitlink at once, nor in another version from another folder.
Source: the second harmful push, 13 July 2016, which removed the gitlink that aula's stack.yaml
still led into.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from guard.haskell import Checkout, Manifest, Source, SourceKind, checkout_of, leads_to
from guard.haskell.model import STACKAGE, AllowNewer
from guard.model import Evidence, Finding, Severity
from guard.rules.asked import in_family, named_by, requirements
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Consumer, Facts, Package, PathSource, PathState, Pin

NAME: Final = "dependency-source"
# Git takes no shorter beginning of an id (core.abbrev), and a full one has so many digits.
_ID: Final = re.compile(r"[0-9a-fA-F]{4,64}")


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
            findings += _of_source(facts, consumer, source.file or manifest.path, source)
        findings += _bounds_lifted(facts, consumer, manifest)
    return findings


def _of_source(
    facts: Facts, consumer: Consumer, manifest: str, source: Source
) -> Iterator[Finding]:
    checkout = checkout_of(source)
    if checkout is not None:
        yield from _of_checkout(facts, consumer, manifest, source, checkout)
    elif source.kind in (SourceKind.HACKAGE, SourceKind.ARCHIVE) and source.package is not None:
        yield from _of_version(facts, consumer, manifest, source)
    elif source.kind is SourceKind.SNAPSHOT and source.path is None:
        yield from _of_snapshot(facts, consumer, manifest, source)


def _of_path(facts: Facts, consumer: Consumer, path: PathSource) -> Iterator[Finding]:
    if path.checkout is not None:
        yield from _of_checkout(facts, consumer, path.manifest, path.source, path.checkout)
    for package in path.packages:
        yield from _of_vendored(facts, consumer, path, package)
    if path.state in (PathState.PRESENT, PathState.NESTED):
        return
    names = facts.names
    folder = f"{names.dependency_path}/{path.target}".rstrip("/")
    if path.state in (PathState.NOWHERE, PathState.UNREAD):
        folder = path.target
    evidence = _evidence(facts, consumer, path.manifest, path.source)
    if path.state in (PathState.UNKNOWN, PathState.UNREAD):
        where = f" at the gitlink of {names.dependency}" if path.state is PathState.UNKNOWN else ""
        what = f"{folder} cannot be looked up{where}"
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
    where = f"{evidence.path}:{evidence.line}"
    yield Finding(
        NAME,
        Severity.ERROR,
        f"{names.consumer} takes {path.source.path} by path ({where}), but {lacking}",
        found=f"{folder}: {path.state.value}",
        expected=expected,
        evidence=(evidence, facts.superproject),
    )


def _of_checkout(
    facts: Facts, consumer: Consumer, manifest: str, source: Source, checkout: Checkout
) -> Iterator[Finding]:
    """A repository counts by the commit that its ref means."""
    pin = facts.pin if isinstance(facts.pin, Pin) else None
    if not _is_dependency(facts, consumer, source, checkout):
        return
    names, (url, ref) = facts.names, checkout
    origin = source.url or source.path if ref is None else url
    evidence = _evidence(facts, consumer, manifest, source)
    where = f"{evidence.path}:{evidence.line}"
    if pin is None:
        what = (
            f"{names.consumer} takes {names.dependency} from {url} ({where}), and "
            f"{names.superproject} has no gitlink to compare it with"
        )
        yield undecided(NAME, Unknown(what, evidence=(evidence,)))
        return
    commits = _meant(consumer, pin, checkout)
    if commits == {pin.commit}:
        return
    if ref is None or (commits and pin.commit not in commits):
        yield Finding(
            NAME,
            Severity.ERROR,
            f"{names.consumer} takes {names.dependency} at {ref or 'a commit that nothing names'} "
            f"from {origin} ({where}), not at the gitlink",
            found=ref or "no commit",
            expected=pin.commit,
            evidence=(evidence, facts.superproject),
        )
    else:
        why = "is several commits" if commits else "is not known here"
        what = (
            f"{names.consumer} takes {names.dependency} at {ref} from {url} ({where}), and which "
            f"commit that is {why}"
        )
        finding = undecided(NAME, Unknown(what, evidence=(evidence, facts.superproject)))
        yield finding._replace(found=ref or "", expected=pin.commit)


def _supplied(source: Source, pin: Pin) -> list[Package]:
    """The packages of the dependency that a checkout of the gitlink's commit gives."""
    target = posixpath.normpath(source.subdir or ".").strip("/")
    return [each for each in (*pin.packages, *pin.others) if leads_to(target, each.path)]


def _is_dependency(facts: Facts, consumer: Consumer, source: Source, checkout: Checkout) -> bool:
    """Whether a repository is the dependency's, by its name or place, or supplies its packages."""
    name = facts.names.dependency
    packages = facts.pin.packages if isinstance(facts.pin, Pin) else ()
    folder = posixpath.basename((source.subdir or source.path or "").rstrip("/"))
    if any(in_family(each, name, packages) for each in (source.package, folder) if each):
        return True
    if not {name, *(each.name for each in packages)}.isdisjoint(_called(source, checkout)):
        return True
    return any(each.is_own for each in consumer.meanings if each.checkout == checkout)


def _called(source: Source, checkout: Checkout) -> Iterator[str]:
    """What a repository may be called after, or a file that a package was packed into."""
    place = re.sub(r"[?#].*|(?:\.git)?/*\Z", "", checkout.url)
    yield re.split(r"[/:]", place)[-1].lower()
    if checkout.ref is None and source.kind is SourceKind.ARCHIVE:
        archive = posixpath.basename(source.url or source.path or "").lower()
        words = re.split(r"[-_.]", archive)
        yield from ("-".join(words[:count]) for count in range(1, len(words)))


def _meant(consumer: Consumer, pin: Pin, checkout: Checkout) -> frozenset[str]:
    """The commits that a ref means; none where that is not known here."""
    ref = (checkout.ref or "").removeprefix("refs/tags/")
    meaning = next(each for each in consumer.meanings if each.checkout == checkout)
    if meaning.commits:
        return meaning.commits
    # What others call so in a fork is not known here.
    is_release = meaning.is_own and ref in [release.tag for release in pin.releases[:1]]
    if is_release or (_ID.fullmatch(ref) and pin.commit.startswith(ref.lower())):
        return frozenset({pin.commit})
    return frozenset({ref} if _ID.fullmatch(ref) else ())


def _of_version(
    facts: Facts, consumer: Consumer, manifest: str, source: Source
) -> Iterator[Finding]:
    """A package in a version, from Hackage or in an archive of its name."""
    own, names = _own(facts, source.package), facts.names
    if own is None:
        return
    evidence = _evidence(facts, consumer, manifest, source)
    origin = "Hackage" if source.kind is SourceKind.HACKAGE else source.url or source.path
    yield Finding(
        NAME,
        Severity.ERROR,
        f"{names.consumer} takes {source.package} {source.version} from {origin} "
        f"({evidence.path}:{evidence.line}), but {names.superproject} holds {names.dependency} as "
        "a submodule",
        found=source.text,
        expected=_by_path(facts, own),
        evidence=(evidence, facts.superproject),
    )


def _of_vendored(
    facts: Facts, consumer: Consumer, path: PathSource, package: Package
) -> Iterator[Finding]:
    """A package of the dependency in a folder elsewhere: no harm in the same version."""
    own, names = _own(facts, package.name), facts.names
    if own is None or own.version == package.version:
        return
    evidence = _evidence(facts, consumer, path.manifest, path.source)
    yield Finding(
        NAME,
        Severity.ERROR,
        f"{names.consumer} takes {package.name} {package.version} from {path.target} "
        f"({evidence.path}:{evidence.line}), but {names.dependency} has {own.version} at the "
        "gitlink",
        found=f"{package.name} {package.version} ({path.target})",
        expected=_by_path(facts, own),
        evidence=(evidence, facts.superproject),
    )


def _of_snapshot(
    facts: Facts, consumer: Consumer, manifest: str, source: Source
) -> Iterator[Finding]:
    """What stands behind a URL may pin what nothing else supplies, unless it is of Stackage."""
    name, packages = source.name or "", facts.pin.packages if isinstance(facts.pin, Pin) else ()
    if not (source.url or name.startswith("github:")) or STACKAGE.match(name):
        return
    supplied = {each.name for each in named_by(consumer.paths, packages)}
    supplied |= {each.name for path in consumer.paths for each in path.packages}
    for each in (one for manifest in consumer.manifests for one in manifest.sources):
        checkout = checkout_of(each)
        if each.kind is not SourceKind.CONSTRAINT:
            supplied.add(each.package or "")
        if checkout and isinstance(facts.pin, Pin):
            # At another commit it is an error of its own.
            is_own = _is_dependency(facts, consumer, each, checkout)
            supplied |= {one.name for one in _supplied(each, facts.pin) if is_own}
    lacking = ", ".join(package for package in requirements(facts) if package not in supplied)
    if lacking:
        evidence = _evidence(facts, consumer, manifest, source)
        what = (
            f"{facts.names.consumer} builds on the snapshot {name} ({manifest}:{source.line}), and "
            f"whether that pins {lacking} is not known here"
        )
        finding = undecided(NAME, Unknown(what, evidence=(evidence,)))
        yield finding._replace(expected=f"a path or a version for {lacking}")


def _own(facts: Facts, package: str | None) -> Package | None:
    packages = facts.pin.packages if isinstance(facts.pin, Pin) else ()
    return next((each for each in packages if each.name == package), None)


def _by_path(facts: Facts, own: Package) -> str:
    folder = facts.names.dependency_path
    return f"{own.name} {own.version} by path from {folder}/, or no submodule"


def _bounds_lifted(facts: Facts, consumer: Consumer, manifest: Manifest) -> Iterator[Finding]:
    packages, name = (
        facts.pin.packages if isinstance(facts.pin, Pin) else (),
        facts.names.dependency,
    )
    for lifted in manifest.allow_newer:
        if lifted.package == "*" or in_family(lifted.package, name, packages):
            evidence = _evidence(facts, consumer, lifted.file or manifest.path, lifted)
            yield Finding(
                NAME,
                Severity.WARNING,
                f"{evidence.path}:{evidence.line} lifts bounds ({lifted.text}): the declared "
                "ranges are not in force for the build",
                found=lifted.text,
                expected="declared bounds that the build keeps to",
                evidence=(evidence,),
            )


def _evidence(
    facts: Facts, consumer: Consumer, manifest: str, source: Source | AllowNewer
) -> Evidence:
    return Evidence(facts.names.consumer, consumer.commit, manifest, source.line, source.text)
