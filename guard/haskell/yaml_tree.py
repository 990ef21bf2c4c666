"""YAML as a tree that remembers lines and how each scalar was written.

A manifest's numbers are versions (``0.10`` is not 0.1) and its evidence is lines, so the usual
loading into Python values will not do: the tree is made from the events that PyYAML parses, by
libyaml where PyYAML has it. What a plain scalar means is decided as the Haskell tools' YAML library
decides it (``Data.Yaml``): a number, a boolean, null or a string. ``!include PATH`` stands for what
is in that file (``Data.Yaml.Include``, in hpack and from stack 3.11.1).

Aliases share their node, so a "billion laughs" file stays as small as its text; one whose aliases
stand for too many values is refused. Whoever reads a text has to bound how often.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from guard.haskell.model import MAX_SHOWN, Further, Manifest, Said, Unread, text_of
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
# How many it may have with what its aliases stand for.
MAX_WITH_ALIASES = 250_000
# What can begin a value.
_INDICATORS = (":", ",", "- ", "-\n", "?", "[", "{")
_MERGE = "<<"
_INCLUDE = "!include"
# The lines of a manifest's n-th file are counted from n times this.
_STRIDE = 1_000_000_000


class YamlFiles:
    """The YAML of one manifest: its own file, and those whose content belongs to it.

    The lines of all are one row of numbers, so that a node need not name its file; `placed` gives
    the file and its own line back.
    """

    def __init__(self, further: Further) -> None:
        self.further = further
        self.unread: list[Unread] = []
        self.values = 0
        self._texts: list[tuple[str, str]] = []
        self._size = 0

    def mapping(self, data: bytes, chain: tuple[str, ...]) -> Mapping | None:
        """The map that a file consists of; where it is none, None and a note in `unread`.

        Args:
            chain: the file's path, behind those of the files that led to it.
        """
        try:
            root, second = self.documents(data, chain)
        except YamlError as error:
            self.unread.append(Unread(error.line, self._shown(error.line), error.reason))
            return None
        if not isinstance(root, Mapping):
            line, kind = (root.line, root.kind) if root else (self._behind + 1, Kind.NULL)
            self.unread.append(Unread(line, "", f"expected a map, found {kind.value}"))
            return None
        if second is not None:
            self.unread.append(Unread(second.line, "---", "a second document"))
        return root

    def documents(
        self, data: bytes, chain: tuple[str, ...], outer: _Composer | None = None
    ) -> tuple[Node | None, Node | None]:
        """The first two documents of one more file. Raises YamlError."""
        text, conflict = text_of(data)
        self._texts.append((chain[-1], text))
        behind = self._behind
        self.unread += (one._replace(line=one.line + behind) for one in conflict)
        self._size += _size(text)
        if self._size > MAX_VALUES:
            raise YamlError(behind + 1, f"more than {MAX_VALUES} values")
        trees = _Composer(text, behind, chain, self, outer).documents()
        return next(trees, None), next(trees, None)

    @property
    def _behind(self) -> int:
        """The number that the lines of the newest file are counted from."""
        return (len(self._texts) - 1) * _STRIDE

    def placed(self, manifest: Manifest) -> Manifest:
        """A manifest with each line as in its file, and with what could not be read."""
        unread = sorted((*self.unread, *manifest.unread), key=lambda one: one.line)
        return manifest._replace(
            requirements=self._placed(manifest.requirements),
            sources=self._placed(manifest.sources),
            unread=self._placed(dict.fromkeys(unread)),
            allow_newer=self._placed(manifest.allow_newer),
            tools=self._placed(manifest.tools),
        )

    def _placed(self, several: Iterable[Said]) -> tuple[Said, ...]:
        return tuple(
            one._replace(line=one.line % _STRIDE, file=self._texts[one.line // _STRIDE][0])
            if one.line > _STRIDE
            else one
            for one in several
        )

    def _shown(self, line: int) -> str:
        number, line = divmod(line, _STRIDE)
        lines = self._texts[number][1].splitlines()
        return lines[line - 1].strip()[:MAX_SHOWN] if 0 < line <= len(lines) else ""


def documents(text: str) -> Iterator[Node]:
    """The documents of a text that includes no other. Raises YamlError."""
    if _size(text) > MAX_VALUES:
        raise YamlError(1, f"more than {MAX_VALUES} values")
    return _Composer(text).documents()


def _size(text: str) -> int:
    """How many values a text has at most."""
    return sum(map(text.count, _INDICATORS))


class _Composer:
    """Makes the trees of one file; what several aliases share is made once.

    The tree of an included file stands where that is asked for, and shares all anchors.
    """

    def __init__(
        self,
        text: str,
        behind: int = 0,
        chain: tuple[str, ...] = (),
        files: YamlFiles | None = None,
        outer: _Composer | None = None,
    ) -> None:
        self.events = _events(text, behind)
        self.behind = behind
        self.chain = chain
        self.files = files
        self.depth: int = outer.depth if outer else 0
        self.values = 0
        self.counter: YamlFiles | _Composer = files or self
        self.anchors: dict[str, tuple[Node, int] | None] = outer.anchors if outer else {}

    def documents(self) -> Iterator[Node]:
        """The documents, one after the other. Raises YamlError."""
        for event in self.events:
            if _is(event, "DocumentStart"):
                yield self.node(next(self.events))

    def node(self, event: Any) -> Node:
        """node ::= alias | scalar | included | sequence | mapping. Raises YamlError."""
        line = event.start_mark.line + 1 + self.behind
        if _is(event, "Alias"):
            return self._alias(event.anchor, line)
        before = self.counter.values
        self._count(1, line)
        if _is(event, "Scalar") and (event.tag != _INCLUDE or self.files is None):
            kind = Kind.STRING if event.style else _kind(event.value)
            node: Node = Scalar(event.value, kind, line, block=event.style in ("|", ">"))
        else:
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise YamlError(line, f"nested more than {MAX_NESTING} deep")
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            node = self._collection(event, line)
            self.depth -= 1
        if event.anchor is not None:
            self.anchors[event.anchor] = node, self.counter.values - before
        return node

    def _count(self, values: int, line: int) -> None:
        self.counter.values += values
        if self.counter.values > MAX_WITH_ALIASES:
            raise YamlError(line, f"more than {MAX_WITH_ALIASES} values, with those of aliases")

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor not in self.anchors:
            raise YamlError(line, f'found undefined alias "{anchor}"')
        anchored = self.anchors[anchor]
        if anchored is None:
            raise YamlError(line, "this contains itself, by an alias")
        node, values = anchored
        if self.files is not None:  # others look at each node once
            self._count(values, line)
        return node

    def _collection(self, event: Any, line: int) -> Node:
        if _is(event, "Scalar"):
            return self._included(event.value, line)
        if _is(event, "SequenceStart"):
            return Sequence([self.node(each) for each in self._until("SequenceEnd")], line)
        return self._mapping(line)

    def _until(self, end: str) -> Iterator[Any]:
        """The events that begin the nodes of a collection."""
        for event in self.events:
            if _is(event, end):
                return
            yield event

    def _mapping(self, line: int) -> Mapping:
        pairs: dict[str, tuple[Scalar, Node]] = {}
        merged: list[Node] = []
        for event in self._until("MappingEnd"):
            key, value = self.node(event), self.node(next(self.events))
            if not isinstance(key, Scalar):
                raise YamlError(key.line, "a key that is no scalar")
            if key.text == _MERGE and key.kind is Kind.STRING:
                merged.extend(value.items if isinstance(value, Sequence) else [value])
            else:
                pairs[key.text] = key, value
        for other in merged:
            self._count(len(other.pairs) if isinstance(other, Mapping) else 0, line)
            for key, value in other.items() if isinstance(other, Mapping) else ():
                pairs.setdefault(key.text, (key, value))
        return Mapping(line, pairs)

    def _included(self, reference: str, line: int) -> Node:
        """The one document of another file. hpack loses an anchor on it, which guard does not."""
        assert self.files is not None  # else it is a scalar
        try:
            path, data = self.files.further.read(reference, self.chain)
        except LookupError as error:
            raise YamlError(line, str(error)) from None
        root, second = self.files.documents(data, (*self.chain, path), self)
        if root is None or second is not None:
            raise YamlError(line, f"{path} holds not one document")
        return root


def _is(event: Any, name: str) -> bool:
    """Whether an event of PyYAML, which is imported late, is of that class."""
    return type(event).__name__ == f"{name}Event"


def _events(text: str, behind: int) -> Iterator[Any]:
    """The events of a text whose lines are counted from one that is behind those of others."""
    import yaml

    try:
        yield from yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlError(behind + line, error.problem or "no YAML") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(behind + line, "a character that YAML does not allow") from None
    except yaml.YAMLError as error:
        raise YamlError(behind + 1, str(error).split("\n")[0]) from None


def _kind(text: str) -> Kind:
    if text in _NULL:
        return Kind.NULL
    if text in _TRUE or text in _FALSE:
        return Kind.BOOLEAN
    return Kind.NUMBER if _NUMBER.match(text) else Kind.STRING


def is_true(node: Node | None) -> bool:
    """Whether the node is the boolean true, in any of its spellings."""
    return isinstance(node, Scalar) and node.kind is Kind.BOOLEAN and node.text in _TRUE


def is_false(node: Node | None) -> bool:
    """The same for false."""
    return isinstance(node, Scalar) and node.kind is Kind.BOOLEAN and not is_true(node)


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
