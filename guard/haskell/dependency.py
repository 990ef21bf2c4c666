"""Package names, dependencies, lists of them, and the fields that hold such a list.

Source: Cabal user guide, "Package descriptions", field ``build-depends``; the library's
``Distribution.Types.Dependency`` and ``Distribution.Parsec`` (the comma lists).

    name        ::= part { "-" part }, each of letters and digits with one letter at least
    dependency  ::= name [ ":" ( name | "{" name { "," name } "}" ) ] [ range ]
    list        ::= [ dependency { "," dependency } ], from spec 2.2 with one comma more at one end

A field that its grammar does not accept is cut at its commas: an entry that reads by itself is
kept, any other is handed on as `Unread`, with the package it is about where that is certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from guard.haskell.layout import Field, FieldText
from guard.haskell.model import MAX_SHOWN, Unread
from guard.haskell.ranges import ALPHANUMERIC, Spec, VersionRange, parse_range
from guard.haskell.scanner import ParseError, Scanner

_NAME = re.compile(f"{ALPHANUMERIC}+(?:-{ALPHANUMERIC}+)*")
# What can follow a name: all but this starts a range.
_RANGE_START = frozenset("<>=^-(")

# A broken list of more entries than this is no list that someone wrote.
MAX_PIECES = 2000

Item = TypeVar("Item")


class Dependency(NamedTuple):
    """One entry of a list; ``start`` and ``end`` are its span in the text that was read.

    ``libraries`` are the sublibraries asked for; None stands for the package's main library.
    """

    name: str
    libraries: tuple[str | None, ...]
    range: VersionRange
    start: int
    end: int


class Piece(NamedTuple):
    """What lies between two commas, by its span without the white space around it."""

    start: int
    end: int
    text: str


class Entry(NamedTuple):
    """One dependency with the line and text it was written in."""

    dependency: Dependency
    line: int
    text: str


class Entries(NamedTuple):
    """What a field gave; ``unread`` is empty where Cabal accepts the field."""

    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...]


def parse_name(scanner: Scanner) -> str:
    """name ::= part { "-" part }: a part of digits alone would be taken for a version."""
    start = scanner.position
    name = scanner.match(_NAME)
    if name is None:
        scanner.fail("expected the name of a package")
    for part in name.split("-"):
        if part.isascii() and part.isdigit():
            scanner.fail(f'"{part}" in a package name lacks a letter', start)
    return name


def parse_dependency(scanner: Scanner, spec: Spec | None = None) -> Dependency:
    """dependency ::= name [ ":" libraries ] [ range ]. Raises ParseError."""
    start = scanner.position
    name = parse_name(scanner)
    libraries: tuple[str | None, ...] = (None,)
    if scanner.take(":"):
        if spec is not None and spec < (3, 0):
            scanner.fail("a sublibrary (name:library) needs cabal-version 3.0 or later")
        libraries = _parse_libraries(scanner, name)
    end = scanner.position
    scanner.spaces()
    if scanner.peek() not in _RANGE_START or scanner.at_end():
        return Dependency(name, libraries, VersionRange.any(), start, end)
    bound = parse_range(scanner, spec)
    return Dependency(name, libraries, bound, start, _trimmed_end(scanner))


def parse_tool(scanner: Scanner, spec: Spec | None = None) -> Dependency:
    """tool ::= name ":" name [ range ], of ``build-tool-depends``. Raises ParseError."""
    start = scanner.position
    name = parse_name(scanner)
    if not scanner.take(":"):
        scanner.fail('expected ":" and the name of an executable')
    parse_name(scanner)
    end = scanner.position
    scanner.spaces()
    if scanner.at_end() or scanner.peek() not in _RANGE_START:
        return Dependency(name, (None,), VersionRange.any(), start, end)
    bound = parse_range(scanner, spec)
    return Dependency(name, (None,), bound, start, _trimmed_end(scanner))


def _parse_libraries(scanner: Scanner, package: str) -> tuple[str | None, ...]:
    """libraries ::= name | "{" name { "," name } "}"; the package's own is its main library."""
    if not scanner.take("{"):
        return _library_set([parse_name(scanner)], package)
    names: list[str] = []
    while True:
        scanner.count_part()
        scanner.spaces()
        names.append(parse_name(scanner))
        scanner.spaces()
        if not scanner.take(","):
            break
    if not scanner.take("}"):
        scanner.fail('expected "," or "}" in a set of libraries')
    return _library_set(names, package)


def _library_set(names: list[str], package: str) -> tuple[str | None, ...]:
    """Cabal's order: the main library first, the others by name."""
    main: list[str | None] = [None] if package in names else []
    return (*main, *sorted(set(names) - {package}))


def parse_list(
    scanner: Scanner, parse_item: Callable[[Scanner], Item], outer_comma: bool
) -> list[Item]:
    """list ::= [ item { "," item } ], with ``outer_comma`` also one before or one after it."""
    items: list[Item] = []
    if scanner.at_end():
        return items
    leading = outer_comma and scanner.take(",")
    if leading:
        scanner.spaces()
    while True:
        scanner.count_part()
        items.append(parse_item(scanner))
        scanner.spaces()
        if not scanner.take(","):
            break
        scanner.spaces()
        if outer_comma and not leading and scanner.at_end():
            break
    scanner.expect_end('"," or the end of the list')
    return items


def parse_dependencies(text: str, spec: Spec | None = None) -> list[Dependency]:
    """The value of a ``build-depends`` field in the cabal format ``spec``. Raises ParseError."""
    outer_comma = spec is None or spec >= (2, 2)
    return parse_list(Scanner(text), lambda s: parse_dependency(s, spec), outer_comma)


def parse_single_dependency(text: str, spec: Spec | None = None) -> Dependency:
    """A text that is one dependency and nothing else. Raises ParseError."""
    scanner = Scanner(text)
    dependency = parse_dependency(scanner, spec)
    scanner.expect_end("the end of the dependency")
    return dependency


def leading_name(text: str) -> str | None:
    """The package that a broken entry is about, if it begins with a name; None if it does not."""
    scanner = Scanner(text)
    scanner.spaces()
    try:
        name = parse_name(scanner)
    except ParseError:
        # `thentos-core-0.3` and `foo-1.0` are no names, but what stands before the digits is one.
        before = re.match(rf"\s*({_NAME.pattern}?)-[0-9]", text)
        return before.group(1) if before and not before.group(1).isdigit() else None
    # A name that runs on (`foo_bar`, `foo.bar`) is no package's.
    return None if re.match(r"[\w.]", scanner.peek()) else name


def pieces(text: str) -> list[Piece]:
    """Cut a broken list at its commas outside of brackets; a piece that starts with no name is
    the rest of the one before it (``foo >=1, <2``)."""
    if text.count(",") > MAX_PIECES:
        return [Piece(0, len(text), text)]
    spans: list[tuple[int, int]] = []
    for start, end in _between_commas(text):
        trimmed = text[start:end].strip()
        begin = text.index(trimmed, start) if trimmed else end
        if trimmed and spans and not trimmed[0].isalpha() and leading_name(trimmed) is None:
            begin, _ = spans.pop()
        if trimmed:
            spans.append((begin, text.index(trimmed, start) + len(trimmed)))
    return [Piece(start, end, text[start:end]) for start, end in spans]


def _between_commas(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start = depth = 0
    for position, character in enumerate(text):
        if character in "({":
            depth += 1
        elif character in ")}":
            depth = max(0, depth - 1)
        elif character == "," and depth == 0:
            spans.append((start, position))
            start = position + 1
    return [*spans, (start, len(text))]


def _trimmed_end(scanner: Scanner) -> int:
    """Where the text that was consumed ends, the white space after it left out."""
    end = scanner.position
    while end and scanner.text[end - 1].isspace():
        end -= 1
    return end


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
        dependencies = parse_list(scanner, lambda s: parse_dependency(s, spec), outer_comma)
    except ParseError as error:
        return _read_leniently(field.name, value, error)
    return Entries(tuple(_entry(value, one) for one in dependencies), ())


def read_tools(field: Field, spec: Spec | None) -> Entries:
    """The packages of ``build-tool-depends`` (``package:executable range``). Raises nothing."""
    value = FieldText(field)
    outer_comma = spec is None or spec >= (2, 2)
    try:
        tools = parse_list(Scanner(value.text), lambda s: parse_tool(s, spec), outer_comma)
    except ParseError as error:
        shown = one_line(f"{field.name}: {value.text}")[:MAX_SHOWN]
        line = value.line_at(error.start)
        return Entries((), (Unread(line, shown, error.reason, None, False),))
    return Entries(tuple(_entry(value, one) for one in tools), ())


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
        dependency = parse_single_dependency(piece.text)
    except ParseError as error:
        return Unread(line, shown, error.reason, package)
    return Entry(dependency, line, shown)


def _after_dashes(text: str, position: int) -> bool:
    """Whether ``--`` stands earlier on the line: its author meant a comment, and Cabal does not."""
    return "--" in text[text.rfind("\n", 0, position) + 1 : position]


def _entry(value: FieldText, dependency: Dependency) -> Entry:
    text = one_line(value.text[dependency.start : dependency.end])
    return Entry(dependency, value.line_at(dependency.start), text)
