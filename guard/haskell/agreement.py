"""Whether a ``.cabal`` file and the ``package.yaml`` it is made from ask for the same.

Both are checked in, and one is edited without the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guard.haskell.model import Manifest, Requirement
from guard.haskell.ranges import VersionRange


class Disagreement(NamedTuple):
    """A package for which two manifests accept different versions, with what each declares."""

    package: str
    cabal: tuple[Requirement, ...]
    package_yaml: tuple[Requirement, ...]


def disagreements(
    cabal: Manifest, package_yaml: Manifest, packages: Iterable[str]
) -> tuple[Disagreement, ...]:
    """The packages of ``packages`` that only one of both requires, or in another range.

    All requirements on a package hold together, whatever the component: their intersection counts.
    """
    found: list[Disagreement] = []
    for package in packages:
        ours = _on(cabal, package)
        theirs = _on(package_yaml, package)
        if bool(ours) != bool(theirs) or _together(ours) != _together(theirs):
            found.append(Disagreement(package, ours, theirs))
    return tuple(found)


def _on(manifest: Manifest, package: str) -> tuple[Requirement, ...]:
    return tuple(one for one in manifest.requirements if one.package == package)


def _together(requirements: tuple[Requirement, ...]) -> object:
    bound = VersionRange.any()
    for one in requirements:
        bound &= one.range
    return bound.intervals
