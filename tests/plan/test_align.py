"""Which release `guard align` chooses, and why."""

from __future__ import annotations

from collections.abc import Sequence

from guard.haskell import VersionRange
from guard.plan.align import Choice, Nearness, Reason, choose, unsatisfied
from guard.rules.asked import fitting_releases
from guard.situation.values import Facts, Pin, ReleasePackages
from tests.rules.case import a_pin, aula_cabal, facts, packages, releases

HELD = releases(
    **{
        f"v{version.replace('.', '_')}": {"thentos-core": version, "servant-session": session}
        for version, session in (
            ("0.2.1", "0.5"),
            ("0.3.0", "0.5"),
            ("0.3.1", "0.5"),
            ("0.4.0", "0.5"),
            ("0.10.0", "0.7"),
        )
    }
)
NOWHERE = Nearness(frozenset(), frozenset())
UNRELEASED = a_pin({"thentos-core": "0.2.1", "servant-session": "0.5"}, tags=[], described="x")


def asking(*depends: str, pin: Pin = UNRELEASED) -> Facts:
    return facts(aula_cabal(*depends), pin, candidates=HELD)


def pinned_to(tag: str) -> Pin:
    (held,) = (item for item in HELD if item.release.tag == tag)
    return Pin(held.release.commit, held.packages, (held.release,))


def chosen(
    given: Facts, near: Nearness = NOWHERE, newest: bool = False
) -> tuple[str, Reason] | None:
    choice = choose(given, near, newest)
    return None if choice is None else (choice.chosen.release.tag, choice.reason)


def tags(held: Sequence[ReleasePackages]) -> list[str]:
    return [item.release.tag for item in held]


def test_the_newest_within_what_is_asked() -> None:
    assert chosen(asking("thentos-core >=0.3 && <0.4")) == ("v0.3.1", Reason.NEWEST_WITHIN)
    assert chosen(asking("thentos-core ==0.2.*")) == ("v0.2.1", Reason.NEWEST_WITHIN)


def test_an_open_end_is_read_as_compatible() -> None:
    # After the incident aula asked for >=0.3.0; 0.4 would have broken it as well.
    assert chosen(asking("thentos-core >=0.3.0")) == ("v0.3.1", Reason.NEWEST_COMPATIBLE)
    assert chosen(asking("thentos-core >0.3.0")) == ("v0.3.1", Reason.NEWEST_COMPATIBLE)
    assert chosen(asking("thentos-core ==0.2.1 || >=0.4")) == ("v0.4.0", Reason.NEWEST_COMPATIBLE)


def test_newest_reads_an_open_end_as_written() -> None:
    assert chosen(asking("thentos-core >=0.3.0"), newest=True) == ("v0.10.0", Reason.NEWEST_WITHIN)
    assert chosen(asking("thentos-core"), newest=True) == ("v0.10.0", Reason.NEWEST_WITHIN)
    assert chosen(asking("thentos-core <0.4"), newest=True) == ("v0.3.1", Reason.NEWEST_WITHIN)


def test_a_release_that_fits_stays() -> None:
    for wanted in (">=0.3", ">=0.3 && <0.4", "", "<9"):
        given = asking(f"thentos-core {wanted}".strip(), pin=pinned_to("v0.3.0"))
        assert chosen(given) == ("v0.3.0", Reason.STAYS)


def test_a_release_that_does_not_fit_is_left() -> None:
    given = asking("thentos-core >=0.3 && <0.4", pin=pinned_to("v0.4.0"))
    assert chosen(given) == ("v0.3.1", Reason.NEWEST_WITHIN)


def test_an_open_end_beyond_which_nothing_is_compatible() -> None:
    given = asking("thentos-core >=0.5")
    assert chosen(given) is None
    assert tags(fitting_releases(given)) == ["v0.10.0"]
    assert chosen(given, newest=True) == ("v0.10.0", Reason.NEWEST_WITHIN)


def test_none_fits() -> None:
    assert chosen(asking("thentos-core ==0.9.*")) is None
    assert chosen(asking("thentos-gone")) is None
    assert chosen(asking("thentos-core ==0.3.*", "servant-session ==0.7")) is None
    assert chosen(asking("thentos-core")._replace(candidates=())) is None


def test_all_requirements_count() -> None:
    given = asking("thentos-core >=0.2", "servant-session ==0.7")
    assert chosen(given) is None  # compatible with 0.2 is 0.2.1 alone, which has 0.5
    assert chosen(given, newest=True) == ("v0.10.0", Reason.NEWEST_WITHIN)


class TestPreReleases:
    """One is never chosen; who asks for one with --to stays there."""

    MORE = releases(v0_4_1rc1={"thentos-core": "0.4.1"}, v0_11_0rc1={"thentos-core": "0.11"})

    def asking(self, wanted: str, pin: Pin = UNRELEASED) -> Facts:
        return asking(f"thentos-core {wanted}", pin=pin)._replace(candidates=(*HELD, *self.MORE))

    def test_a_release_is_chosen_before_a_later_one(self) -> None:
        given = self.asking(">=0.4 && <0.5")
        assert chosen(given) == ("v0.4.0", Reason.NEWEST_WITHIN)
        assert chosen(given, newest=True) == ("v0.4.0", Reason.NEWEST_WITHIN)
        assert tags(fitting_releases(given)) == ["v0.4.0"]

    def test_alone_it_is_named_and_not_chosen(self) -> None:
        given = self.asking(">=0.11")
        assert chosen(given) is None
        assert chosen(given, newest=True) is None
        assert tags(fitting_releases(given)) == ["v0.11.0rc1"]

    def test_nor_is_it_for_being_near(self) -> None:
        near = Nearness(frozenset({"v0.11.0rc1"}), frozenset({"v0.4.1rc1"}))
        same = UNRELEASED._replace(same_content=(self.MORE[0].release,))
        assert chosen(self.asking("", same), near) == ("v0.10.0", Reason.NEWEST_WITHIN)

    def test_a_pin_at_one_that_fits_stays_and_its_release_is_named(self) -> None:
        held = self.MORE[0]
        given = self.asking(">=0.4 && <0.5", Pin(held.release.commit, (), (held.release,)))
        choice = choose(given, NOWHERE, False)
        assert choice is not None
        assert (choice.chosen, choice.reason) == (held, Reason.STAYS)
        assert tags(choice.others) == ["v0.4.0"]
        assert chosen(given, newest=True) == ("v0.4.0", Reason.NEWEST_WITHIN)


class TestWithoutAnyLowerBound:
    """14de04ee asked for thentos-core and nothing else: the nearest to the present pin."""

    NEAR = Nearness(frozenset({"v0.3.1", "v0.4.0"}), frozenset({"v0.2.1", "v0.3.0"}))

    def test_the_same_content(self) -> None:
        given = asking(
            "thentos-core", pin=UNRELEASED._replace(same_content=(HELD[0].release, HELD[1].release))
        )
        assert chosen(given, self.NEAR) == ("v0.3.0", Reason.SAME_CONTENT)

    def test_the_first_that_contains_it(self) -> None:
        assert chosen(asking("thentos-core"), self.NEAR) == ("v0.3.1", Reason.FIRST_CONTAINING)

    def test_the_last_before_it(self) -> None:
        near = self.NEAR._replace(containing=frozenset())
        assert chosen(asking("thentos-core"), near) == ("v0.3.0", Reason.LAST_BEFORE)

    def test_of_those_that_fit(self) -> None:
        assert chosen(asking("thentos-core <0.3.1"), self.NEAR) == ("v0.3.0", Reason.LAST_BEFORE)

    def test_where_none_is_near(self) -> None:
        assert chosen(asking("thentos-core <0.4")) == ("v0.3.1", Reason.NEWEST_WITHIN)

    def test_one_lower_bound_is_enough_to_tell(self) -> None:
        given = asking("thentos-core", "servant-session >=0.5 && <0.6")
        assert chosen(given, self.NEAR) == ("v0.4.0", Reason.NEWEST_WITHIN)


def test_the_others_are_named_oldest_first() -> None:
    choice = choose(asking("thentos-core >=0.3"), NOWHERE, False)
    assert isinstance(choice, Choice)
    assert choice.chosen.release.tag == "v0.3.1"
    assert tags(choice.others) == ["v0.3.0", "v0.4.0", "v0.10.0"]


def test_what_a_release_lacks() -> None:
    ranges = {
        "thentos-core": VersionRange.parse(">=0.3"),
        "servant-session": VersionRange.parse("==0.5"),
        "thentos-gone": VersionRange.any(),
    }
    held = HELD[0]._replace(packages=packages({"thentos-core": "0.2.1", "servant-session": "0.5"}))
    assert unsatisfied(held, ranges) == [
        "thentos-core >=0.3 (it has 0.2.1)",
        "thentos-gone >=0 (it has no such package)",
    ]
