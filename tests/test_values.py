"""What a push has in place of the standard library's behaves as that does."""

from __future__ import annotations

import copy
import enum
import pickle
import typing
from collections.abc import Callable
from typing import Any

import pytest

from guard.values import Enum, NamedTuple


class Ours(NamedTuple):
    """One of ours."""

    name: str
    size: int = 1
    parts: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.name}!"


class Theirs(typing.NamedTuple):
    """The same of theirs."""

    name: str
    size: int = 1
    parts: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.name}!"


class Colour(Enum):
    """One of ours."""

    RED = "red"
    BLUE = "blue"

    @property
    def loud(self) -> str:
        return str(self.value).upper()


class TheirColour(enum.Enum):
    """The same of theirs."""

    RED = "red"
    BLUE = "blue"


TUPLES: dict[str, Callable[[Any], object]] = {
    "in order": lambda kind: tuple(kind("a", 2, ("x",))),
    "by name": lambda kind: tuple(kind(parts=("x",), name="a")),
    "defaults": lambda kind: tuple(kind("a")),
    "fields": lambda kind: (kind("a", 2).name, kind("a", 2).size, kind("a").parts),
    "names": lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__),
    "property": lambda kind: kind("a").shown,
    "replaced": lambda kind: tuple(kind("a")._replace(size=3)),
    "same kind": lambda kind: isinstance(kind("a")._replace(size=3), kind),
    "as a dict": lambda kind: kind("a")._asdict(),
    "made": lambda kind: tuple(kind._make(["a", 2, ()])),
    "shown": lambda kind: repr(kind("a")).partition("(")[2],
    "equal": lambda kind: (kind("a") == ("a", 1, ()), kind("a") == kind("b")),
    "hashed": lambda kind: hash(kind("a")) == hash(("a", 1, ())),
    "is a tuple": lambda kind: isinstance(kind("a"), tuple),
    "matched": lambda kind: [name for case in [kind("a")] for name, *_ in [case]],
    "copied": lambda kind: copy.deepcopy(kind("a", 2, ("x",))) == kind("a", 2, ("x",)),
    "pickled": lambda kind: pickle.loads(pickle.dumps(kind("a"))).shown,
    "documented": lambda kind: bool(kind.__doc__),
}


@pytest.mark.parametrize("what", TUPLES)
def test_a_tuple_does_as_theirs(what: str) -> None:
    assert TUPLES[what](Ours) == TUPLES[what](Theirs)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda kind: kind(),
        lambda kind: kind("a", 1, (), 4),
        lambda kind: kind("a", name="b"),
        lambda kind: kind("a", colour="b"),
        lambda kind: kind("a")._replace(colour="b"),
        lambda kind: kind._make([]),
    ],
)
def test_wrong_values_are_refused(wrong: Callable[[Any], object]) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises((TypeError, ValueError)):
            wrong(kind)


@pytest.mark.parametrize("name", ["name", "colour"])
def test_a_tuple_cannot_be_changed(name: str) -> None:
    for value in (Ours("a"), Theirs("a")):
        with pytest.raises(AttributeError):
            setattr(value, name, "b")


def test_a_default_before_a_field_without_one_is_refused() -> None:
    with pytest.raises(TypeError, match="default"):
        exec("class Bad(NamedTuple):\n    __annotations__ = dict(a=1, b=2)\n    a = 1")


MEMBERS: dict[str, Callable[[Any], object]] = {
    "listed": lambda kind: [(item.name, item.value) for item in kind],
    "counted": lambda kind: len(kind),
    "by value": lambda kind: kind("blue") is kind.BLUE,
    "identity": lambda kind: (kind.RED is kind.RED, kind.RED == kind.BLUE, kind.RED == "red"),
    "kind": lambda kind: isinstance(kind.RED, kind),
    "hashed": lambda kind: {kind.RED: 1, kind.BLUE: 2}[kind.BLUE],
    "copied": lambda kind: copy.deepcopy(kind.RED) is kind.RED and copy.copy(kind.RED) is kind.RED,
    "pickled": lambda kind: pickle.loads(pickle.dumps(kind.RED)) is kind.RED,
    "shown": lambda kind: (str(kind.RED).partition(".")[2], repr(kind.RED).partition(".")[2]),
}


@pytest.mark.parametrize("what", MEMBERS)
def test_members_do_as_theirs(what: str) -> None:
    assert MEMBERS[what](Colour) == MEMBERS[what](TheirColour)


@pytest.mark.parametrize("value", ["green", None, []])
def test_no_member_is_made_of_another_value(value: object) -> None:
    for kind in (Colour, TheirColour):
        with pytest.raises(ValueError, match="is not a valid"):
            kind(value)


def test_a_member_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Colour.RED.value = "green"  # type: ignore[misc]
    assert Colour.RED.loud == "RED"


def test_two_members_of_one_value_are_refused() -> None:
    with pytest.raises(TypeError, match="same value"):
        exec("class Bad(Enum):\n    A = 1\n    B = 1")
