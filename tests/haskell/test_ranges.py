"""Versions and ranges by themselves."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.haskell import Interval, ParseError, Version, VersionRange

numbers = st.lists(st.integers(0, 12), min_size=1, max_size=4)
versions = numbers.map(lambda one: Version(tuple(one)))
bounds = st.tuples(st.sampled_from(["==", "^>=", ">", ">=", "<", "<="]), versions).map(
    lambda pair: f"{pair[0]}{pair[1]}"
)
wildcards = versions.map(lambda one: f"=={one}.*")
sets = st.lists(versions, min_size=1, max_size=3).map(lambda s: f"^>={{{', '.join(map(str, s))}}}")
ranges = st.recursive(
    st.one_of(bounds, wildcards, sets, st.sampled_from(["-any", "-none"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" && ", "||"]), inner).map("".join),
        inner.map(lambda text: f"( {text} )"),
    ),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(text=ranges, probes=st.lists(versions, min_size=1, max_size=8))
def test_print_and_parse_keep_membership(text: str, probes: list[Version]) -> None:
    found = VersionRange.parse(text)
    again = VersionRange.parse(str(found))
    assert again == found
    assert again.intervals == found.intervals
    assert [one in again for one in probes] == [one in found for one in probes]
    assert (again.has_upper_bound, again.has_lower_bound) == (
        found.has_upper_bound,
        found.has_lower_bound,
    )


@settings(max_examples=50, deadline=None)
@given(left=ranges, right=ranges, probe=versions)
def test_intersection(left: str, right: str, probe: Version) -> None:
    a, b = VersionRange.parse(left), VersionRange.parse(right)
    assert (probe in (a & b)) == (probe in a and probe in b)


@settings(max_examples=50, deadline=None)
@given(left=ranges, right=ranges, probe=versions)
def test_union(left: str, right: str, probe: Version) -> None:
    a, b = VersionRange.parse(left), VersionRange.parse(right)
    assert (probe in VersionRange.parse(f"({left}) || ({right})")) == (probe in a or probe in b)


@settings(max_examples=50, deadline=None)
@given(text=ranges)
def test_intervals_are_in_normal_form(text: str) -> None:
    found = VersionRange.parse(text).intervals
    for before, after in itertools.pairwise(found):
        assert before.upper is not None
        assert before.upper <= after.lower
        assert before.upper < after.lower or not (before.upper_inclusive or after.lower_inclusive)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("==0.3.*", ">=0.3 && <0.4"),
        ("==1.2.* && <1.2.5", "(>=1.2 && <1.3) && <1.2.5"),
        ("<2 && ( ==1.* )", "<2 && >=1 && <2"),
        ("(>=1||<2)&&>3", "(>=1 || <2) && >3"),
        ("-any", ">=0"),
        ("-none", "<0"),
        ("==999999999.*", "==999999999.*"),
        ("== { 1, 2.0 }", "==1 || ==2.0"),
        ("^>=1.0-rc1", "^>=1.0"),
    ],
)
def test_print(text: str, shown: str) -> None:
    assert str(VersionRange.parse(text)) == shown


def test_properties() -> None:
    assert VersionRange.any().is_any
    assert not VersionRange.any().has_upper_bound
    assert not VersionRange.any().has_lower_bound
    assert VersionRange.parse(">=2 && <1").intervals == ()
    assert VersionRange.parse("<0").intervals == ()
    assert VersionRange.parse(">0.4 && <0.4.0").intervals != ()
    assert VersionRange.parse("==1.0").exact == Version((1, 0))
    assert VersionRange.parse("==1.0.*").exact is None
    assert VersionRange.parse(">=1 && <2").intervals == (Interval((1,), True, (2,), False),)
    assert (
        VersionRange.parse(">=1 && <3 && <2").intervals == VersionRange.parse(">=1 && <2").intervals
    )
    assert VersionRange.any() & VersionRange.parse("<2") == VersionRange.parse("<2")


def test_a_longer_version_is_later() -> None:
    texts = ["0.4", "0.4.0", "0.4.0.0", "0.4.1", "0.10"]
    found = [Version.parse(text) for text in texts]
    shuffled = [found[2], found[4], found[0], found[3], found[1]]
    assert sorted(shuffled) == found
    assert Version.parse("1.0-rc1") == Version((1, 0))
    assert found[0] < found[1] <= found[2] > found[1] >= found[0]


def test_an_error_shows_where() -> None:
    with pytest.raises(ParseError) as raised:
        VersionRange.parse(">=1 && ~>2")
    error = raised.value
    assert (error.start, error.end) == (7, 8)
    assert str(error).split("\n") == [
        "expected an operator such as >=, ==, <, ^>=",
        "    >=1 && ~>2",
        "           ^",
    ]


def test_the_caret_stands_in_its_own_line() -> None:
    with pytest.raises(ParseError) as raised:
        VersionRange.parse(">=1\n\t&& =>2")
    assert str(raised.value).endswith("    \t&& =>2\n    \t   ^^")
