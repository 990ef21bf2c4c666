"""YAML as a tree that remembers lines and how each scalar was written.

A manifest's numbers are versions (``0.10`` is not 0.1) and its evidence is lines, so the usual
loading into Python values will not do. The tree is built from PyYAML's parser events alone, of
libyaml where PyYAML has it. What a plain scalar means is decided as the Haskell tools' YAML library
decides it (``Data.Yaml``): a number, a boolean, null or a string.

Aliases share their node, so a "billion laughs" file stays as small as its text; whoever walks a
tree has to bound the walk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.haskell.scanner import MAX_NESTING

if TYPE_CHECKING:
    from yaml.events import Event


class Kind(Enum):
    """What a scalar is."""

    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NULL = "null"


class Scalar:
    """One scalar; ``text`` is its content, ``line`` that of its first character, from 1.

    ``block`` tells a block scalar (``|`` or ``>``), whose content begins one line further down.
    """

    __slots__ = ("block", "kind", "line", "text")

    def __init__(self, text: str, kind: Kind, line: int, block: bool = False) -> None:
        self.text = text
        self.kind = kind
        self.line = line
        self.block = block


class Sequence:
    """A list of nodes."""

    __slots__ = ("items", "line")

    def __init__(self, items: list[Node], line: int) -> None:
        self.items = items
        self.line = line


class Mapping:
    """Keys and values. Of equal keys the last counts, at the place of the first; ``<<`` is merged
    in, behind the keys that are written out."""

    __slots__ = ("keys", "line", "values")

    def __init__(self, line: int) -> None:
        self.keys: dict[str, Scalar] = {}
        self.values: dict[str, Node] = {}
        self.line = line

    def get(self, name: str) -> Node | None:
        return self.values.get(name)

    def items(self) -> Iterator[tuple[Scalar, Node]]:
        return ((self.keys[name], value) for name, value in self.values.items())


Node = Scalar | Sequence | Mapping


class YamlError(ValueError):
    """Text that is no YAML, or that nests too deep; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Document(NamedTuple):
    """The first document of a file; ``second_line``: where a second one begins, if any does."""

    root: Node
    second_line: int | None


_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER = re.compile(r"(?:[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+)\Z")
# A number of more characters than this is no version, and could be very large (1e999999999).
MAX_NUMBER = 60
# How many nodes a file may have: ten times those of a snapshot with all of Stackage.
MAX_NODES = 50_000
_STRING_TAG = "tag:yaml.org,2002:str"
_MERGE = "<<"


def load(text: str) -> Document:
    """Parse the text. Raises YamlError."""
    import yaml

    in_c: Any = getattr(yaml, "cyaml", None)
    parser = in_c.CParser if in_c is not None else _pure_parser(yaml)
    try:
        return _TreeBuilder(parser(text)).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, error.problem or "no YAML") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, "a character that YAML does not allow") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlError(1, str(error).split("\n")[0]) from None


def _pure_parser(yaml: Any) -> Any:
    """PyYAML's parser in Python, for an installation without libyaml."""

    class PureParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[misc]
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)

    return PureParser


class _TreeBuilder:
    """Turns events into nodes; one method for each production of YAML's representation."""

    __slots__ = ("anchors", "depth", "nodes", "parser")

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.anchors: dict[str, Node] = {}
        self.depth = 0
        self.nodes = 0

    def build(self) -> Document:
        """stream ::= { document }, of which the first is read."""
        from yaml import events

        self._next()
        if isinstance(self.parser.peek_event(), events.StreamEndEvent):
            return Document(Scalar("", Kind.NULL, 1), None)
        self._next()
        root = self._parse_node(self._next())
        self._next()
        following = self.parser.peek_event()
        another = isinstance(following, events.DocumentStartEvent)
        return Document(root, _line(following) if another else None)

    def _next(self) -> Event:
        event: Event = self.parser.get_event()
        return event

    def _parse_node(self, event: Event) -> Node:
        """node ::= alias | scalar | sequence | mapping"""
        from yaml import events

        if isinstance(event, events.AliasEvent):
            found = self.anchors.get(event.anchor or "")
            if found is None:
                raise YamlError(_line(event), f"there is no anchor {event.anchor}")
            return found
        if self.depth >= MAX_NESTING:
            raise YamlError(_line(event), f"nested more than {MAX_NESTING} deep")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise YamlError(_line(event), f"more than {MAX_NODES} nodes")
        self.depth += 1
        if isinstance(event, events.ScalarEvent):
            node: Node = _scalar(event)
        elif isinstance(event, events.SequenceStartEvent):
            node = self._parse_sequence(event)
        else:
            node = self._parse_mapping(event)
        self.depth -= 1
        # An anchor counts from the end of its node on: nothing can contain itself.
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def _parse_sequence(self, start: Event) -> Sequence:
        from yaml import events

        items: list[Node] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            items.append(self._parse_node(event))
        return Sequence(items, _line(start))

    def _parse_mapping(self, start: Event) -> Mapping:
        from yaml import events

        mapping = Mapping(_line(start))
        merged: list[Node] = []
        while not isinstance(event := self._next(), events.MappingEndEvent):
            key = self._parse_node(event)
            value = self._parse_node(self._next())
            if not isinstance(key, Scalar):
                raise YamlError(key.line, "a key that is no scalar")
            if key.text == _MERGE and key.kind is Kind.STRING:
                merged.extend(value.items if isinstance(value, Sequence) else [value])
            else:
                mapping.keys[key.text] = key
                mapping.values[key.text] = value
        for other in merged:
            _merge(mapping, other)
        return mapping


def _merge(mapping: Mapping, other: Node) -> None:
    """Add what is not there yet."""
    if isinstance(other, Mapping):
        for key, value in other.items():
            if key.text not in mapping.values:
                mapping.keys[key.text] = key
                mapping.values[key.text] = value


def _scalar(event: Any) -> Scalar:
    style = event.style
    if style in (None, "") and event.tag != _STRING_TAG:
        return Scalar(event.value, _kind(event.value), _line(event))
    return Scalar(event.value, Kind.STRING, _line(event), block=style in ("|", ">"))


def _kind(text: str) -> Kind:
    if text in _NULL:
        return Kind.NULL
    if text in _TRUE or text in _FALSE:
        return Kind.BOOLEAN
    if _NUMBER.match(text):
        return Kind.NUMBER
    return Kind.STRING


def is_true(node: Node | None) -> bool:
    """Whether the node is the boolean true, in any of its spellings."""
    return isinstance(node, Scalar) and node.kind is Kind.BOOLEAN and node.text in _TRUE


def describe(node: Node) -> str:
    """What a node is, for a message."""
    if isinstance(node, Scalar):
        return node.kind.value
    return "a list" if isinstance(node, Sequence) else "a map"


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


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
