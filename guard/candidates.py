"""The dependency's releases with their packages: what a consumer could be built with instead."""

from __future__ import annotations

from guard.errors import MissingObjectError
from guard.git.releases import in_order, release_version
from guard.haskell import Version
from guard.rules.asked import ranges_on_gitlink
from guard.rules.facts import Facts, ReleasePackages
from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from guard.git.store import Store
    from guard.manifests import Library
    from guard.model import Release

# As Cabal has it: more digits are no number of a version.
_DIGITS: Final = 9


def likeliest(facts: Facts, releases: Sequence[Release], form: str, most: int) -> Sequence[Release]:
    """Those whose own versions fit the most requirements, the newest of them; all where few.

    A release is nearly always named by the version of its packages, and reading what each of ten
    thousand holds would take seconds.

    Args:
        form: the setting ``release-tag``.
        most: how many at most, 0 for all.
    """
    if not most or len(releases) <= most:
        return releases
    ranges = ranges_on_gitlink(facts).values()

    def likelihood(release: Release) -> tuple[int, list[tuple[int, str]]]:
        numbers = (release_version(release.tag, form) or "0").split(".")
        # By length first, as no number is too long to be compared then.
        order = [(len(bare), bare) for bare in (number.lstrip("0") for number in numbers)]
        if any(digits > _DIGITS for digits, _ in order):
            return 0, order
        version = Version(tuple(map(int, numbers)))
        return sum(version in wanted for wanted in ranges), order

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
