"""Which release the dependency should stand at: the computation behind ``guard align``."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from guard.git.commands import Command, Remedy, guard, in_turn
from guard.haskell import VersionRange
from guard.rules.asked import Fit, Question, fitting_releases, satisfying
from guard.situation.values import Facts, Pin, ReleasePackages


class Reason(Enum):
    """Why a release was chosen."""

    ASKED_FOR = "you asked for it"
    STAYS = "the present pin is a release within every requirement"
    NEWEST_WITHIN = "the newest release within every requirement"
    NEWEST_COMPATIBLE = (
        "the newest release within every requirement, an open-ended >=x read as ^>=x"
    )
    SAME_CONTENT = "its content is identical to the present pin's"
    FIRST_CONTAINING = "the first release that contains the present pin"
    LAST_BEFORE = "the last release before the present pin"


class Choice(NamedTuple):
    """The release to stand at."""

    chosen: ReleasePackages
    reason: Reason
    others: tuple[ReleasePackages, ...]


class Nearness(NamedTuple):
    """How releases lie around the present pin, in git's history.

    Args:
        containing: tags of releases of which the pin is an ancestor.
        before: tags of releases that are ancestors of the pin.
    """

    containing: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()


_UNKNOWN: Final = Nearness()


def choose(facts: Facts, near: Nearness = _UNKNOWN, newest: bool = False) -> Choice | None:
    """The release that the consumer asks for, None where none satisfies it.

    Args:
        facts: with `candidates`, oldest first.
        newest: take the newest within every requirement, an open end read as it is written.
    """
    fits = Question(facts).fits()
    within = [each.release for each in fits]
    # At a pre-release it stays, for somebody has put it there; it goes to none by itself.
    fitting = [item for item in within if not item.release.is_pre]
    pin = facts.pin
    assert isinstance(pin, Pin)  # who asks for candidates has a gitlink
    here = [item for item in within if item.release.commit == pin.commit]
    if here and not newest:
        return _choice(here[-1], Reason.STAYS, fitting)
    if not fitting:
        return None
    if newest:
        return _choice(fitting[-1], Reason.NEWEST_WITHIN, fitting)
    if not any(wanted.has_lower_bound for each in fits for wanted in each.ranges.values()):
        return _nearest(pin, near, fitting)
    compatible = [each for each in fits if each.release in fitting and _is_compatible(each)]
    if not compatible:
        return None
    best = compatible[-1]
    is_closed = all(wanted == _closed(wanted) for wanted in best.ranges.values())
    reason = Reason.NEWEST_WITHIN if is_closed else Reason.NEWEST_COMPATIBLE
    return _choice(best.release, reason, fitting)


def _is_compatible(fit: Fit) -> bool:
    """Whether a release fits with open ends read as closed."""
    return bool(satisfying([fit.release], {name: _closed(r) for name, r in fit.ranges.items()}))


def move(facts: Facts) -> Remedy:
    """What brings the dependency to a release that fits, "" where it stands at one.

    A person is named where none is here.
    """
    pin, names = facts.pin, facts.names
    assert isinstance(pin, Pin)  # there is something to move
    fitting = fitting_releases(facts)
    if any(each.release.commit == pin.commit for each in fitting):
        return ""
    fetch = fetching_tags(pin)[:1]
    if facts.candidates is None or facts.others:
        return (guard("align"),)
    if choose(facts):
        # It may be a release of which only the remote has the tag.
        return (*fetch, guard("align")) if _is_newer(facts, pin) else (guard("align"),)
    if fitting:
        # It goes neither to a pre-release nor past an open end unasked.
        tag = fitting[-1 if fitting[0].release.is_pre else 0].release.tag
        return (guard("align", "--to", tag),)
    if not facts.candidates:
        return fetch
    return (
        f"fetch what there is ({in_turn(fetch)}); if no release fits then, release "
        f"{names.dependency} in a version that does, or change the requirements of {names.consumer}"
    )


def fetching_tags(pin: Pin, *words: str) -> tuple[Command, ...]:
    """What brings release tags that are not here, a command for each repository."""
    fetch = ("git", "fetch", "--tags", *words)
    return tuple(Command(fetch, each) for each in pin.repositories or (None,))


def _is_newer(facts: Facts, pin: Pin) -> bool:
    """Whether a pin that is no release has versions of which no tag is here."""
    tags = {each.release.tag for each in facts.candidates or ()}
    form = facts.names.release_tag
    versions = {form.replace("{version}", str(each.version)) for each in pin.packages}
    return not pin.releases and bool(versions) and not tags & versions


def _closed(wanted: VersionRange) -> VersionRange:
    """A range with an upper bound: an open end is closed at the next major version (PVP)."""
    if wanted.has_upper_bound or not wanted.has_lower_bound:
        return wanted
    lower = wanted.intervals[-1].lower
    return wanted & VersionRange.parse(f"^>={'.'.join(map(str, lower))}")


def _nearest(pin: Pin, near: Nearness, fitting: list[ReleasePackages]) -> Choice:
    same = {release.tag for release in pin.same_content}
    for tags, reason, index in (
        (same, Reason.SAME_CONTENT, -1),
        (near.containing, Reason.FIRST_CONTAINING, 0),
        (near.before, Reason.LAST_BEFORE, -1),
    ):
        found = [item for item in fitting if item.release.tag in tags]
        if found:
            return _choice(found[index], reason, fitting)
    return _choice(fitting[-1], Reason.NEWEST_WITHIN, fitting)


def _choice(chosen: ReleasePackages, reason: Reason, fitting: list[ReleasePackages]) -> Choice:
    return Choice(chosen, reason, tuple(item for item in fitting if item is not chosen))


def unsatisfied(candidate: ReleasePackages, ranges: Mapping[str, VersionRange]) -> list[str]:
    """What a release lacks, one text a package: for a release that somebody insists on."""
    lacking = []
    for package, wanted in ranges.items():
        if not satisfying([candidate], {package: wanted}):
            has = [str(item.version) for item in candidate.packages if item.name == package]
            lacking.append(f"{package} {wanted} (it has {', '.join(has) or 'no such package'})")
    return lacking
