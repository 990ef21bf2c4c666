"""Package names, dependencies, lists of them, and the fields that hold such a list.

Source: Cabal user guide, "Package descriptions", field ``build-depends``; the library's
``Distribution.Types.Dependency`` and ``Distribution.Parsec`` (the comma lists).

    name        ::= part { "-" part }, each of letters and digits with one letter at least
    dependency  ::= name [ ":" ( name | "{" name { "," name } "}" ) ] [ range ]
    list        ::= [ dependency { "," dependency } ], from spec 2.2 with one comma more at one end

A field that its grammar does not accept is cut at its commas: an entry that reads by itself is
kept, any other is handed on as `Unread`, with the package it is about where that is certain.
"""

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

    @property
    def sublibraries(self) -> tuple[str, ...]:
        return tuple(library for library in self.libraries if library is not None)


class Entry(NamedTuple):
    """One dependency with the line and text it was written in; ``is_tool``: on an executable."""

    dependency: Dependency
    line: int
    text: str
    is_tool: bool = False


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


def parse_single_name(text: str) -> str:
    """A text that is a name and nothing else. Raises ParseError."""
    scanner = Scanner(text)
    name = parse_name(scanner)
    scanner.expect_end("the end of the name")
    return name


def parse_dependency(
    scanner: Scanner, spec: Spec | None = None, is_tool: bool = False
) -> Dependency:
    """dependency ::= name [ ":" libraries ] [ range ]; tool ::= name ":" name [ range ]"""
    start = scanner.position
    name = parse_name(scanner)
    libraries: tuple[str | None, ...] = (None,)
    if is_tool:
        if not scanner.take(":"):
            scanner.fail('expected ":" and the name of an executable')
        parse_name(scanner)
    elif scanner.take(":"):
        if spec is not None and spec < (3, 0):
            scanner.fail("a sublibrary (name:library) needs cabal-version 3.0 or later")
        libraries = _parse_libraries(scanner, name)
    end = scanner.position
    scanner.spaces()
    if scanner.at_end() or scanner.peek() not in _RANGE_START:
        return Dependency(name, libraries, VersionRange.any(), start, end)
    bound = parse_range(scanner, spec)
    end = start + len(scanner.text[start : scanner.position].rstrip())
    return Dependency(name, libraries, bound, start, end)


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


def parse_dependencies(
    text: str, spec: Spec | None = None, is_tool: bool = False
) -> list[Dependency]:
    """The value of ``build-depends`` or ``build-tool-depends``. Raises ParseError."""
    outer_comma = spec is None or spec >= (2, 2)
    return parse_list(Scanner(text), lambda s: parse_dependency(s, spec, is_tool), outer_comma)


def parse_single_dependency(
    text: str, spec: Spec | None = None, is_tool: bool = False
) -> Dependency:
    """A text that is one dependency and nothing else. Raises ParseError."""
    scanner = Scanner(text)
    dependency = parse_dependency(scanner, spec, is_tool)
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


def pieces(text: str) -> list[tuple[int, str]]:
    """Cut a broken list at its commas outside of brackets; a piece that starts with no name (``*``
    is one where scopes are) is the rest of the one before it (``foo >=1, <2``). Each with the
    offset that it begins at."""
    if text.count(",") > MAX_PIECES:
        return [(0, text)]
    spans: list[tuple[int, int]] = []
    for start, end in _between_commas(text):
        trimmed = text[start:end].strip()
        if not trimmed:
            continue
        begin = text.index(trimmed, start)
        end = begin + len(trimmed)
        names = trimmed[0].isalpha() or trimmed[0] == "*" or leading_name(trimmed) is not None
        if spans and not names:
            begin, _ = spans.pop()
        spans.append((begin, end))
    return [(start, text[start:end]) for start, end in spans]


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


def one_line(text: str) -> str:
    """The text with each run of white space as one space."""
    return " ".join(text.split())


def refused(line: int, text: str, reason: str) -> Unread:
    """Something that the real tool refuses and that hides no requirement."""
    return Unread(line, one_line(text)[:MAX_SHOWN], reason, None, concerns_requirements=False)


def read_entries(
    field: Field, spec: Spec, is_tool: bool = False
) -> tuple[list[Entry], list[Unread]]:
    """The dependencies of a field in the cabal format ``spec``. Raises nothing.

    What is unread is empty where Cabal accepts the field.
    """
    value = FieldText(field)
    try:
        dependencies = parse_dependencies(value.text, spec, is_tool)
    except ParseError as error:
        refusal = refused(value.line_at(error.start), f"{field.name}: {value.text}", error.reason)
        return _read_leniently(value, refusal, is_tool)
    return [
        Entry(one, value.line_at(one.start), one_line(value.text[one.start : one.end]), is_tool)
        for one in dependencies
    ], []


def _read_leniently(
    value: FieldText, refusal: Unread, is_tool: bool
) -> tuple[list[Entry], list[Unread]]:
    entries: list[Entry] = []
    unread: list[Unread] = []
    for start, text in pieces(value.text):
        line = value.line_at(start)
        shown = one_line(text)
        # Its author meant a comment, and Cabal does not.
        if "--" in value.text[value.text.rfind("\n", 0, start) + 1 : start]:
            reason = "after --, which begins no comment here"
            unread.append(Unread(line, shown, reason, leading_name(text)))
            continue
        try:
            dependency = parse_single_dependency(text, is_tool=is_tool)
            entries.append(Entry(dependency, line, shown[:MAX_SHOWN], is_tool))
        except ParseError as error:
            unread.append(Unread(line, shown, error.reason, leading_name(text)))
    # Where every entry reads by itself: a comma too many, or a format too old for an operator.
    return entries, unread or [refusal]
