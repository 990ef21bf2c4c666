"""YAML as a tree that remembers lines and how each scalar was written.

A manifest's numbers are versions (``0.10`` is not 0.1) and its evidence is lines, so the usual
loading into Python values will not do: the tree is made from the nodes that PyYAML composes, by
libyaml where PyYAML has it. What a plain scalar means is decided as the Haskell tools' YAML library
decides it (``Data.Yaml``): a number, a boolean, null or a string.

Aliases share their node, so a "billion laughs" file stays as small as its text; whoever walks a
tree has to bound the walk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from guard.haskell.model import MAX_SHOWN, Unread, text_of
from guard.haskell.scanner import MAX_NESTING, ParseError


class Kind(Enum):
    """What a node is; the value is for messages."""

    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NULL = "null"
    LIST = "a list"
    MAP = "a map"


class Scalar(NamedTuple):
    """One scalar; ``text`` is its content, ``line`` that of its first character, from 1.

    ``block`` tells a block scalar (``|`` or ``>``), whose content begins one line further down.
    """

    text: str
    kind: Kind
    line: int
    block: bool = False


class Sequence(NamedTuple):
    items: list[Node]
    line: int

    @property
    def kind(self) -> Kind:
        return Kind.LIST


class Mapping(NamedTuple):
    """Keys and values. Of equal keys the last counts, at the place of the first; ``<<`` is merged
    in, behind the keys that are written out."""

    line: int
    pairs: dict[str, tuple[Scalar, Node]]

    @property
    def kind(self) -> Kind:
        return Kind.MAP

    def get(self, name: str) -> Node | None:
        _, value = self.pairs.get(name, (None, None))
        return value

    def items(self) -> Iterable[tuple[Scalar, Node]]:
        return self.pairs.values()


Node = Scalar | Sequence | Mapping


class YamlError(ValueError):
    """Text that is no YAML, or that nests too deep; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER = re.compile(r"(?:[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+)\Z")
# A number of more characters than this is no version, and could be very large (1e999999999).
MAX_NUMBER = 60
# How many values a file may have: ten times those of a snapshot with all of Stackage.
MAX_VALUES = 50_000
# What can begin a value; and values that nest on one line, which libyaml composes without a bound.
_INDICATORS = (":", ",", "- ", "-\n", "?", "[", "{")
_DEEP = re.compile(rf"(?:[-?][ \t]+){{{MAX_NESTING}}}")
_MERGE = "<<"


def load_mapping(data: bytes) -> tuple[Mapping | None, tuple[Unread, ...]]:
    """The map that a manifest consists of, or None, and what cannot be read. Raises nothing."""
    text, unread = text_of(data)
    trees = documents(text)
    try:
        root = next(trees, Scalar("", Kind.NULL, 1))
        second = next(trees, None)
    except YamlError as error:
        lines = text.splitlines()
        shown = lines[error.line - 1].strip()[:MAX_SHOWN] if 0 < error.line <= len(lines) else ""
        return None, (*unread, Unread(error.line, shown, error.reason))
    if not isinstance(root, Mapping):
        reason = f"expected a map, found {root.kind.value}"
        return None, (*unread, Unread(root.line, "", reason))
    if second is not None:
        unread = (*unread, Unread(second.line, "---", "a second document"))
    return root, unread


def documents(text: str) -> Iterator[Node]:
    """The documents of a text, one after the other. Raises YamlError."""
    import yaml

    if sum(map(text.count, _INDICATORS)) > MAX_VALUES:
        raise YamlError(1, f"more than {MAX_VALUES} values")
    if _DEEP.search(text) or text.count("[") + text.count("{") > MAX_VALUES // 10:
        raise YamlError(1, f"nested more than {MAX_NESTING} deep")
    try:
        for root in yaml.compose_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            yield _Tree().node(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        twice = error.problem == "second occurrence"  # of an anchor, which YAML itself allows
        reason = "this anchor is defined already" if twice else error.problem or "no YAML"
        raise YamlError(mark.line + 1 if mark else 1, reason) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, "a character that YAML does not allow") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlError(1, str(error).split("\n")[0]) from None


class _Tree:
    """Makes the tree of one document; what several aliases share is made once."""

    def __init__(self) -> None:
        self.depth = 0
        self.made: dict[int, Node | None] = {}

    def node(self, node: Any) -> Node:
        """node ::= scalar | sequence | mapping. Raises YamlError."""
        line = node.start_mark.line + 1
        if node.id == "scalar":
            kind = Kind.STRING if node.style else _kind(node.value)
            return Scalar(node.value, kind, line, block=node.style in ("|", ">"))
        if id(node) not in self.made:
            self.made[id(node)] = None
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise YamlError(line, f"nested more than {MAX_NESTING} deep")
            if node.id == "sequence":
                self.made[id(node)] = Sequence([self.node(item) for item in node.value], line)
            else:
                self.made[id(node)] = self._mapping(node, line)
            self.depth -= 1
        tree = self.made[id(node)]
        if tree is None:
            raise YamlError(line, "this contains itself, by an alias")
        return tree

    def _mapping(self, node: Any, line: int) -> Mapping:
        pairs: dict[str, tuple[Scalar, Node]] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            key, value = self.node(key_node), self.node(value_node)
            if not isinstance(key, Scalar):
                raise YamlError(key.line, "a key that is no scalar")
            if key.text == _MERGE and key.kind is Kind.STRING:
                merged.extend(value.items if isinstance(value, Sequence) else [value])
            else:
                pairs[key.text] = key, value
        for other in merged:
            for key, value in other.items() if isinstance(other, Mapping) else ():
                pairs.setdefault(key.text, (key, value))
        return Mapping(line, pairs)


def _kind(text: str) -> Kind:
    if text in _NULL:
        return Kind.NULL
    if text in _TRUE or text in _FALSE:
        return Kind.BOOLEAN
    return Kind.NUMBER if _NUMBER.match(text) else Kind.STRING


def is_true(node: Node | None) -> bool:
    """Whether the node is the boolean true, in any of its spellings."""
    return isinstance(node, Scalar) and node.kind is Kind.BOOLEAN and node.text in _TRUE


def listed(node: Node | None) -> list[Node]:
    """Those of a list, or the one that stands for a list of one."""
    if isinstance(node, Sequence):
        return node.items
    return [] if node is None else [node]


def string_of(node: Mapping, key: str) -> str | None:
    """The string of a key; a commit of digits alone is a number to YAML. Raises ParseError."""
    value = node.get(key)
    if value is None:
        return None
    if not isinstance(value, Scalar) or value.kind is not Kind.STRING:
        raise refused_node(
            value, f'expected a text for "{key}", found {value.kind.value} (quote it)'
        )
    return value.text


def refused_node(node: Node, reason: str) -> ParseError:
    """The error for what a tool refuses, though it is YAML."""
    text = show(node)
    return ParseError(text, 0, len(text), reason)


def show(node: Node) -> str:
    """A short text of a node on one line, for evidence."""
    if isinstance(node, Scalar):
        return " ".join(node.text.split())
    if isinstance(node, Sequence):
        return f"[{', '.join(_brief(item) for item in node.items[:5])}]"
    pairs = [f"{key.text}: {_brief(value)}" for key, value in node.items()]
    return f"{{{', '.join(pairs[:8])}}}"


def _brief(node: Node) -> str:
    return " ".join(node.text.split()) if isinstance(node, Scalar) else "..."


def number_text(text: str) -> str | None:
    """A YAML number as the digits of a version: ``0.10`` stays, ``010`` is 10, ``1e3`` is 1000.

    None for a number that has no such form of a reasonable length.
    """
    if len(text) > MAX_NUMBER:
        return None
    if text[:2] == "0x":
        return str(int(text, 16))
    if text[:2] == "0o":
        return str(int(text, 8))
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or "0") - len(fraction)
    if abs(shift) > MAX_NUMBER:
        return None
    value = int(whole + fraction)
    if shift >= 0:
        return str(value * 10**shift)
    digits = str(abs(value)).rjust(1 - shift, "0")
    return f"{'-' if value < 0 else ''}{digits[:shift]}.{digits[shift:]}"
