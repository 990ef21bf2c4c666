"""The dependency's releases with their packages: what a consumer could be built with instead."""

from __future__ import annotations

from guard.errors import MissingObjectError
from guard.git.releases import in_order, release_version
from guard.haskell import Version, VersionRange
from guard.rules.facts import ReleasePackages
from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Final

    from guard.git.store import Store
    from guard.manifests import Library
    from guard.model import Release

# As Cabal has it: more than nine digits are no number of a version.
_GREATEST: Final = 999_999_999
# What is behind that many characters orders nothing, and Python refuses to read endless numbers.
_LONG: Final = 400


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

    def likelihood(release: Release) -> tuple[int, tuple[int, ...]]:
        named = release_version(release.tag, form) or "0"
        numbers = tuple(map(int, named[:_LONG].strip(".").split(".")))
        if max(numbers) > _GREATEST:
            return 0, numbers
        version = Version(numbers)
        return sum(version in wanted for wanted in ranges), numbers

    return sorted(releases, key=likelihood, reverse=True)[:most]


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
