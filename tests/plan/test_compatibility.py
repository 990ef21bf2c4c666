"""Whether it matters when thentos is pushed: the numbers of its releases, and aula's ranges."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from guard.plan.compatibility import Order, order
from guard.situation.release import Before
from guard.situation.values import Pin, Unknown
from tests.rules.case import a_pin, aula_cabal, facts

RANGE = "thentos-core >=0.3 && <0.4"


def before(tag: str = "v0.3.0", asked: str = RANGE, now: Pin | None = None) -> Before:
    """What others have: a release, and an aula that asks for a range of it."""
    pin = a_pin(tags=[tag])._replace(commit="0" * 40)
    return Before(pin, facts(aula_cabal(asked), pin=now), "origin/master")


def found(
    old: str, new: str, asked: str = RANGE, versions: Mapping[str, str | None] | None = None
) -> Order:
    number = new.removeprefix("v")
    pin = a_pin({"thentos-core": number} if versions is None else versions, tags=[new])
    return order(before(old, asked, pin))


@pytest.mark.parametrize(
    ("old", "new"), [("v0.3.0", "v0.3.1"), ("v0.3", "v0.3.0"), ("v0.3.9", "v0.3.10")]
)
def test_a_compatible_release_may_go_whenever(old: str, new: str) -> None:
    told = found(old, new)
    assert told.matters is False
    assert told.why == (
        f"{new} after {old} is a compatible change by its number (PVP), and aula at "
        "origin/master admits it",
    )
    assert [(item.path, item.line, item.text) for item in told.evidence] == [
        ("aula.cabal", 9, RANGE)
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("v0.3.0", "v0.4.0"), ("v0.3.0", "v1.3.0"), ("v0.3.1", "v0.3.0"), ("v1", "v2")]
)
def test_a_number_that_promises_nothing(old: str, new: str) -> None:
    told = found(old, new, "thentos-core >=0")
    assert told.matters is True
    assert told.why == (f"{new} after {old} is no compatible change by its number (PVP)",)


def test_a_range_that_does_not_admit_it() -> None:
    told = found("v0.3.0", "v0.3.1", "thentos-core ==0.3.0")
    assert told.matters is True
    assert told.why == (
        "aula at origin/master asks for thentos-core ==0.3.0 (aula.cabal:9); in v0.3.1 it is 0.3.1",
    )


def test_both_reasons_and_a_package_that_is_gone() -> None:
    told = found("v0.3.0", "v0.4.0", versions={})
    assert told.matters is True
    assert told.why == (
        "v0.4.0 after v0.3.0 is no compatible change by its number (PVP)",
        "aula at origin/master asks for thentos-core >=0.3 && <0.4 (aula.cabal:9); "
        "in v0.4.0 it is not in it",
    )


def test_what_comes_from_hackage_is_not_asked_for() -> None:
    files = {**aula_cabal("thentos-core ==0.3.0"), "stack.yaml": "extra-deps: [thentos-core-0.3.0]"}
    now = a_pin({"thentos-core": "0.3.1"}, tags=["v0.3.1"])
    old = before()._replace(facts=facts(files, pin=now))
    assert order(old).matters is False


def test_the_same_commit_is_no_change() -> None:
    now = a_pin()._replace(commit="0" * 40)
    assert order(before(now=now)) == Order(False, ("thentos stays at v0.3.0",))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("v0.3.0", "v0.3.1-rc1", "is pinned now is the pre-release v0.3.1-rc1"),
        ("v0.3.1rc1", "v0.3.1", "was pinned before is the pre-release v0.3.1rc1"),
    ],
)
def test_a_pre_release_promises_nothing(old: str, new: str, why: str) -> None:
    told = found(old, new, versions={"thentos-core": "0.3.1"})
    assert told.matters is True
    assert told.why == (f"the thentos that {why}, so nothing is promised",)


def test_no_release_promises_nothing() -> None:
    now = a_pin(tags=())
    assert order(before(now=now)).why == (
        "the thentos that is pinned now is no release, so nothing is promised",
    )
    old = before()._replace(pin=a_pin(tags=())._replace(commit="0" * 40))
    assert order(old).why == (
        "the thentos that was pinned before is no release, so nothing is promised",
    )


def test_what_cannot_be_told() -> None:
    unread = Unknown("origin has no branch yet")
    assert order(unread) == Order(None, ("origin has no branch yet",))
    none = before()._replace(facts=facts(no_pin=True))
    assert order(none) == Order(None, ("there is no gitlink for thentos",))
    missing = before()._replace(facts=facts(pin=Unknown("thentos is missing")))
    assert order(missing) == Order(None, ("thentos is missing",))
    old = before()._replace(facts=facts(consumer=Unknown("aula is missing")))
    assert order(old) == Order(None, ("aula is missing",))
