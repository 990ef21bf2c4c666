"""The entries of a dependency field: as Cabal reads them, or one by one where Cabal refuses.

This is where exactness ends and honesty begins. A field that its grammar does not accept is cut at
its commas: an entry that reads by itself is kept, any other is handed on as `Unread`, with the
package it is about where that is certain.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.haskell.dependency import (
    Dependency,
    Piece,
    leading_name,
    parse_dependency,
    parse_list,
    parse_single_dependency,
    parse_tool,
    pieces,
)
from guard.haskell.layout import Field, FieldText
from guard.haskell.model import MAX_SHOWN, Unread
from guard.haskell.ranges import Spec
from guard.haskell.scanner import ParseError, Scanner


class Entry(NamedTuple):
    """One dependency with the line and text it was written in."""

    dependency: Dependency
    line: int
    text: str


class Entries(NamedTuple):
    """What a field gave; ``unread`` is empty where Cabal accepts the field."""

    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...]


def one_line(text: str) -> str:
    """The text with each run of white space as one space."""
    return " ".join(text.split())


def read_entries(field: Field, spec: Spec | None) -> Entries:
    """The dependencies of a field in the cabal format ``spec``. Raises nothing."""
    value = FieldText(field)
    try:
        scanner = Scanner(value.text)
        scanner.spaces()
        outer_comma = spec is None or spec >= (2, 2)
        found = parse_list(scanner, lambda s: parse_dependency(s, spec), outer_comma)
    except ParseError as error:
        return _read_leniently(field.name, value, error)
    return Entries(tuple(_entry(value, one) for one in found), ())


def read_tools(field: Field, spec: Spec | None) -> Entries:
    """The packages of ``build-tool-depends`` (``package:executable range``). Raises nothing."""
    value = FieldText(field)
    outer_comma = spec is None or spec >= (2, 2)
    try:
        found = parse_list(Scanner(value.text), lambda s: parse_tool(s, spec), outer_comma)
    except ParseError as error:
        shown = one_line(f"{field.name}: {value.text}")[:MAX_SHOWN]
        line = value.line_at(error.start)
        return Entries((), (Unread(line, shown, error.reason, None, False),))
    return Entries(tuple(_entry(value, one) for one in found), ())


def _read_leniently(name: str, value: FieldText, error: ParseError) -> Entries:
    entries: list[Entry] = []
    unread: list[Unread] = []
    for piece in pieces(value.text):
        read = _read_piece(value, piece)
        if isinstance(read, Entry):
            entries.append(read)
        else:
            unread.append(read)
    if not unread:
        # Every entry reads by itself: a comma too many, or a format too old for an operator.
        shown = one_line(f"{name}: {value.text}")[:MAX_SHOWN]
        line = value.line_at(error.start)
        unread.append(Unread(line, shown, error.reason, None, concerns_requirements=False))
    return Entries(tuple(entries), tuple(unread))


def _read_piece(value: FieldText, piece: Piece) -> Entry | Unread:
    line = value.line_at(piece.start)
    shown = one_line(piece.text)[:MAX_SHOWN]
    package = leading_name(piece.text)
    if _after_dashes(value.text, piece.start):
        return Unread(line, shown, "after --, which begins no comment here", package)
    try:
        found = parse_single_dependency(piece.text)
    except ParseError as error:
        return Unread(line, shown, error.reason, package)
    return Entry(found, line, shown)


def _after_dashes(text: str, position: int) -> bool:
    """Whether ``--`` stands earlier on the line: its author meant a comment, and Cabal does not."""
    return "--" in text[text.rfind("\n", 0, position) + 1 : position]


def _entry(value: FieldText, found: Dependency) -> Entry:
    text = one_line(value.text[found.start : found.end])
    return Entry(found, value.line_at(found.start), text)
