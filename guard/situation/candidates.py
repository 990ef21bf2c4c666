"""The dependency's releases with their packages: what a consumer could be built with instead."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final

from guard.errors import MissingObjectError
from guard.git.releases import in_order, numbers
from guard.git.store import Store
from guard.haskell import VersionRange
from guard.model import Release
from guard.situation.manifests import Library
from guard.situation.values import ReleasePackages

# As Cabal has it: more than nine digits are no number of a version.
_GREATEST: Final = 999_999_999


def likeliest(
    ranges: Collection[VersionRange], releases: Sequence[Release], form: str, most: int
) -> Sequence[Release]:
    """Those whose own versions fit the most ranges, the newest of them; all where they are few.

    A release is nearly always named by the version of its packages, and reading what each of ten
    thousand holds would take seconds.

    Args:
        form: the setting ``release-tag``.
        most: how many at most, 0 for all.
    """
    if not most or len(releases) <= most:
        return releases
    numbered = sorted(((numbers(each.tag, form), each) for each in releases), key=itemgetter(0))
    counts = _fitting(ranges, [version for version, _ in numbered])
    # A pre-release is of interest only where no other release fits.
    ranked = sorted(range(len(numbered)), key=lambda at: (counts[at], not numbered[at][1].is_pre))
    return [numbered[at][1] for at in ranked[: -most - 1 : -1]]


def _fitting(ranges: Collection[VersionRange], versions: Sequence[tuple[int, ...]]) -> list[int]:
    """For each of the ascending versions, how many ranges it lies in; by the ranges' ends."""
    changes = [0] * (len(versions) + 1)
    for wanted in ranges:
        for one in wanted.intervals:
            begin = bisect_left if one.lower_inclusive else bisect_right
            end = bisect_right if one.upper_inclusive else bisect_left
            changes[begin(versions, one.lower)] += 1
            changes[end(versions, one.upper) if one.upper is not None else -1] -= 1
    counts = accumulate(changes[:-1])
    # What is no version for Cabal fits nothing.
    return [
        count if max(version) <= _GREATEST else 0
        for version, count in zip(versions, counts, strict=True)
    ]


def with_packages(
    store: Store, library: Library, releases: Sequence[Release], form: str, path: str
) -> tuple[ReleasePackages, ...]:
    """Releases with their packages, in the order of their versions.

    Args:
        path: where the dependency stands in the superproject.
    """
    found = []
    for release in in_order(releases, form):
        root = store.root(release.commit)
        if root is None:
            continue
        try:
            packages, _ = library.packages(store, root.tree, path)
        except MissingObjectError:
            continue  # a release that is not here in full cannot be proposed
        found.append(ReleasePackages(release._replace(tree=root.tree.id), tuple(packages)))
    return tuple(found)
