"""The entries of ``constraints`` and ``allow-newer`` in a cabal.project.

Source: Cabal user guide, "cabal.project reference"; cabal-install's ``UserConstraint`` and
``RelaxDeps``.

    constraint ::= scope name property
    scope      ::= "" | "any." | "setup." | name ":setup."
    property   ::= flag { flag } | range | "installed" | "source" | "test" | "bench"
    flag       ::= ( "+" | "-" ) word
    relaxed    ::= "all" | "none" | [ ( name [ "-" version ] | "*" ) ":" ] [ "^" ] ( name | "*" )
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from guard.haskell.dependency import leading_name, parse_name
from guard.haskell.model import AllowNewer
from guard.haskell.ranges import VersionRange, parse_numbers, parse_range
from guard.haskell.scanner import Scanner

_NEWEST = (3, 4)
_FLAG = re.compile(r"[+-](?:[^\W_]|_)[\w-]*")
_NAME_BEFORE_VERSION = re.compile(r"([^\W_]+(?:-[^\W_]+)*?)-(?=[0-9.]+:)")
_WORDS = ("installed", "source", "test", "bench")
_SCOPED = re.compile(r"\s*(?:any\.|setup\.|[\w-]+:setup\.)")


class Property(Enum):
    """What a constraint asks of a package."""

    RANGE = "range"
    FLAGS = "flags"
    WORD = "word"


class Constraint(NamedTuple):
    """One constraint; ``range`` is "any" where it asks for something else than a version."""

    scope: str
    package: str
    property: Property
    range: VersionRange
    start: int
    end: int


def parse_constraint(scanner: Scanner) -> Constraint:
    """constraint ::= scope name property. Raises ParseError."""
    start = scanner.position
    scope, package = _parse_scoped_name(scanner)
    scanner.spaces()
    if scanner.peek() in ("+", "-"):
        _parse_flags(scanner)
        return Constraint(
            scope, package, Property.FLAGS, VersionRange.any(), start, scanner.position
        )
    for word in _WORDS:
        if scanner.take(word):
            any_version = VersionRange.any()
            return Constraint(scope, package, Property.WORD, any_version, start, scanner.position)
    found = parse_range(scanner, _NEWEST)
    end = start + len(scanner.text[start : scanner.position].rstrip())
    return Constraint(scope, package, Property.RANGE, found, start, end)


def _parse_scoped_name(scanner: Scanner) -> tuple[str, str]:
    """scope name ::= name | ( "any" | "setup" ) "." name | name ":setup." name"""
    start = scanner.position
    first = parse_name(scanner)
    if scanner.take(":"):
        if not scanner.take("setup."):
            scanner.fail('expected "setup." after the colon')
        return f"{first}:setup", parse_name(scanner)
    if not scanner.take("."):
        return "toplevel", first
    if first not in ("any", "setup"):
        scanner.fail("expected any. or setup.", start)
    return "any" if first == "any" else "setup.*", parse_name(scanner)


def _parse_flags(scanner: Scanner) -> None:
    """flags ::= flag { flag }"""
    while scanner.peek() in ("+", "-"):
        if scanner.match(_FLAG) is None:
            scanner.fail("expected the name of a flag")
        scanner.spaces()


def constrained_package(text: str) -> str | None:
    """The package that a broken constraint is about, if it says so."""
    scoped = _SCOPED.match(text)
    return leading_name(text[scoped.end() :] if scoped else text)


def parse_relaxed(scanner: Scanner) -> tuple[str, str, bool]:
    """relaxed ::= [ scope ":" ] [ "^" ] subject; scope, subject, and whether "^" stands there."""
    caret = scanner.take("^")
    first = _parse_subject(scanner, versioned=True)
    if not scanner.take(":"):
        return "*", first, caret
    caret = scanner.take("^")
    return first, _parse_subject(scanner, versioned=False), caret


def _parse_subject(scanner: Scanner, versioned: bool) -> str:
    """subject ::= "*" | name [ "-" numbers ]"""
    if scanner.take("*"):
        return "*"
    start = scanner.position
    found = _NAME_BEFORE_VERSION.match(scanner.text, start)
    if versioned and found is not None:
        parse_name(Scanner(found.group(1)))
        scanner.position = found.end()
        parse_numbers(scanner)
        return scanner.text[start : scanner.position]
    return parse_name(scanner)


def allow_newer(found: tuple[str, str, bool], line: int, text: str, older: bool) -> AllowNewer:
    """What a relaxed dependency lifts: upper bounds, or with ``older`` lower ones."""
    scope, subject, caret = found
    package = "*" if (scope, subject) == ("*", "all") else subject
    return AllowNewer(scope, package, line, text, not older, older, caret)
