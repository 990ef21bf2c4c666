"""Facts out of texts: what a consumer's files say, and what a dependency holds. No repository."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from guard.haskell import Manifest, ParseError, SourceKind, Version, checkout_of, reader_for
from guard.model import Evidence, Finding, Release
from guard.plan.remedies import Saw, mended
from guard.situation.publication import Unknown
from guard.situation.sources import is_named
from guard.situation.values import (
    Consumer,
    Facts,
    Meaning,
    Names,
    Package,
    PathSource,
    PathState,
    Pin,
    ReleasePackages,
)

AULA, THENTOS, DOCKER = "a" * 40, "7" * 40, "d" * 40
NAMES = Names("aula-docker", "aula", "thentos", "aula", "thentos", "v{version}")
SUPERPROJECT = Evidence("aula-docker", DOCKER, text="commit dddddddddddd")
CORE = {"thentos-core": "0.3.0", "servant-session": "0.5"}


def manifest(path: str, text: str) -> Manifest:
    """A file of the consumer, read by the reader for its name."""
    reader = reader_for(path)
    assert reader is not None
    return reader(text.encode(), path)


def aula_cabal(*depends: str, head: str = "name: aula\nversion: 0.1\n") -> dict[str, str]:
    """A .cabal file with these dependencies, the first at line 9."""
    lines = "".join(f"    , {item}\n" for item in depends)
    rest = "cabal-version: 2.0\nbuild-type: Simple\n\nlibrary\n  build-depends:\n      base\n"
    return {"aula.cabal": f"{head}{rest}{lines}  default-language: Haskell2010\n"}


def packages(versions: Mapping[str, str | None]) -> tuple[Package, ...]:
    """Packages of the dependency, each in a folder of its own; a key may name another folder."""
    found = []
    for key, version in versions.items():
        name, _, folder = key.partition("@")
        folder = folder or name
        parsed = Version.parse(version) if version is not None else None
        found.append(Package(name, parsed, folder, posixpath.join(folder, f"{name}.cabal"), 2))
    return tuple(found)


def a_pin(
    versions: Mapping[str, str | None] | None = None,
    tags: Iterable[str] = ("v0.3.0",),
    same: Iterable[str] = (),
    described: str = "",
    contradicting: Iterable[str] = (),
    unknown: Iterable[Unknown] = (),
) -> Pin:
    return Pin(
        THENTOS,
        packages(CORE if versions is None else versions),
        tuple(Release(tag, THENTOS, is_pre="rc" in tag) for tag in tags),
        tuple(Release(tag, "8" * 40) for tag in same),
        described,
        tuple(contradicting),
        tuple(unknown),
    )


def a_consumer(
    files: Mapping[str, str],
    states: Mapping[str, PathState] | None = None,
    unknown: Iterable[Unknown] = (),
) -> Consumer:
    """The consumer with these files; its paths into the dependency are there unless told."""
    manifests, unread = [], list(unknown)
    for path, text in files.items():
        try:
            manifests.append(manifest(path, text))
        except ParseError as error:
            unread.append(Unknown(f"aula/{path} cannot be read: {error}"))
    paths = []
    for item in manifests:
        for source in item.sources:
            if source.kind is SourceKind.PATH and (source.path or "").startswith("../thentos"):
                target = posixpath.relpath(source.path or "", "../thentos")
                target = "" if target == "." else target
                state = (states or {}).get(target, PathState.PRESENT)
                paths.append(PathSource(item.path, source, target, state))
    named = (checkout_of(source) for item in manifests for source in item.sources)
    meanings = (Meaning(each, is_named(each.url, "thentos"), frozenset()) for each in named if each)
    return Consumer(AULA, tuple(manifests), tuple(paths), tuple(unread), tuple(meanings))


def releases(**versions: Mapping[str, str]) -> tuple[ReleasePackages, ...]:
    """Releases in the order given: ``releases(v0_3_0={"thentos-core": "0.3.0"})``."""
    found = []
    for number, (name, held) in enumerate(versions.items()):
        tag = name.replace("_", ".")
        release = Release(tag, f"{number:040x}", is_pre="rc" in tag)
        found.append(ReleasePackages(release, packages(held)))
    return tuple(found)


def facts(
    files: Mapping[str, str] | None = None,
    pin: Pin | Unknown | None = None,
    consumer: Consumer | Unknown | None = None,
    no_pin: bool = False,
    candidates: tuple[ReleasePackages, ...] | None = None,
) -> Facts:
    """Facts with a released pin unless another one, or none, is given."""
    if consumer is None:
        consumer = a_consumer(aula_cabal("thentos-core >=0.3 && <0.4") if files is None else files)
    held = None if no_pin else pin or a_pin()
    return Facts(NAMES, SUPERPROJECT, consumer, held, candidates)


_Facts = TypeVar("_Facts", bound=Saw)


def with_remedies(check: Callable[[_Facts], list[Finding]]) -> Callable[[_Facts], list[Finding]]:
    """A rule's check, with the remedies that the plan adds."""
    return lambda seen: list(mended(check(seen), seen))


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """(severity, message) of each finding."""
    return [(item.severity.value, item.message) for item in findings]
