"""Values go into JSON and come back as they were; anything else is refused, and says where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Config
from guard.gate.bypass import Bypass
from guard.model import Finding, ShapeError, as_plain, from_json, read_as, to_json
from guard.model import Tested as Known
from guard.recovery.journal import Journal
from guard.verdicts.record import Record


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Ref(NamedTuple):
    name: str
    commit: str | None = None


class Everything(NamedTuple):
    """Each kind of field that a value may have."""

    text: str
    number: int
    seconds: float
    flag: bool
    colour: Colour
    version: Literal[1]
    refs: tuple[Ref, ...]
    pair: tuple[str, int]
    urls: dict[str, dict[str, str]]
    ref: Ref | None = None


OURS = (Everything, Finding, Bypass, Record, Journal)
SHAPES = (*OURS, Config, Known)
VALUES: st.SearchStrategy[Any] = st.sampled_from(SHAPES).flatmap(st.from_type)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
)
WHOLE = Everything(
    *("x", 1, 2.5, True, Colour.RED, 1),
    refs=(Ref("a"), Ref("b", "c")),
    pair=("x", 2),
    urls={"aula": {"name": "url"}},
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and list in a tree, with each of its keys or indices."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        yield value, key
        if isinstance(below, dict | list):
            yield from places(below)


@given(VALUES)
def test_every_value_comes_back(value: Any) -> None:
    shape = type(value)
    again = from_json(shape, to_json(value).encode())
    assert repr(again) == repr(value)  # NaN is not itself
    assert type(again) is shape
    assert repr(read_as(shape, as_plain(value))) == repr(again)


@given(VALUES, JSON, st.data())
def test_a_changed_tree_is_read_or_refused_and_nothing_else(
    value: Any, other: Any, data: st.DataObject
) -> None:
    tree = as_plain(value)
    within, key = data.draw(st.sampled_from([*places(tree)]))
    if data.draw(st.booleans()):
        within[key] = other
    else:
        del within[key]
    try:
        again = from_json(type(value), json.dumps(tree).encode())
    except ShapeError as error:
        assert str(error).isprintable()
        return
    # What was read is made of what the fields say, to the bottom of it.
    assert read_as(type(value), as_plain(again)) == again or again != again


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(OURS))
def test_any_data_is_refused(data: bytes, shape: type[object]) -> None:
    with pytest.raises(ShapeError):
        from_json(shape, data)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"text": 7}, "text: 7 is no text"),
        ({"number": True}, "number: True is no whole number"),
        ({"number": 1.0}, "number: 1.0 is no whole number"),
        ({"seconds": "1"}, "seconds: '1' is no number"),
        ({"seconds": False}, "seconds: False is no number"),
        ({"flag": 1}, "flag: 1 is neither true nor false"),
        ({"colour": "green"}, "colour: 'green' is none of 'red', 'blue'"),
        ({"colour": ["red"]}, "colour: ['red'] is none of 'red', 'blue'"),
        ({"version": 2}, "version: 2 is not 1"),
        ({"version": True}, "version: True is not 1"),
        ({"refs": {}}, "refs: {} is no list"),
        ({"refs": [{"name": "a"}, {}]}, "refs[1].name is missing"),
        ({"refs": [{"name": "a", "commit": 7}]}, "refs[0].commit: 7 is no text"),
        ({"pair": ["x"]}, "pair: ['x'] is no list of 2"),
        ({"pair": ["x", "y"]}, "pair[1]: 'y' is no whole number"),
        ({"urls": {"a b": {"c": None}}}, "urls['a b']['c']: None is no text"),
        ({"urls": {"x": []}}, "urls['x']: [] is no object"),
        ({"ref": []}, "ref: [] is no object"),
        ({"text": "x" * 5000, "flag": "x" * 5000}, "flag: 'xxxxxxxxxxxx...xxxxxxxxxxxxx' is"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read_as(Everything, {**as_plain(WHOLE), **changes})
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is no JSON: "),
        (b"[" * 100_000, "it is no JSON: "),
        (b"1" * 5000, "it is no JSON: "),
        (b"\xff\xfe", "it is no JSON: "),
        (b"[]", "it: [] is no object"),
        (b"{}", "name is missing"),
    ],
)
def test_what_is_no_such_value_at_all_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(ShapeError) as caught:
        from_json(Ref, data)
    assert str(caught.value).startswith(problem)


def test_a_field_with_a_default_may_be_missing_and_others_may_come() -> None:
    assert read_as(Ref, {"name": "a", "newer": [1]}) == Ref("a")
