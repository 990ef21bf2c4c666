"""``.cabal-sandbox/add-source-timestamps``: directories that a sandbox of cabal v1 is linked to.

Source: cabal-install 1.18 to 2.4, ``Distribution.Client.Sandbox.Timestamp``; Haskell's own print of
a list of pairs.

    file  ::= "[" { "(" string "," links ")" } "]"
    links ::= "[" { "(" string "," digits ")" } "]"
"""

from __future__ import annotations

import re

from guard.haskell.model import Manifest, Source, SourceKind, Unread
from guard.haskell.scanner import ParseError, Scanner

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_DIGITS = re.compile(r"-?[0-9]+")
_ESCAPE = re.compile(r"\\(.)")


def read(data: bytes, path: str) -> Manifest:
    """The linked directories, as sources of kind PATH. Raises nothing."""
    scanner = Scanner(data.decode("utf-8", errors="replace").strip())
    sources: list[Source] = []
    try:
        _parse_file(scanner, sources)
    except ParseError as error:
        line = scanner.text.count("\n", 0, error.start) + 1
        shown = scanner.text[:200].split("\n")[0]
        return Manifest(path, lenient=True, unread=(Unread(line, shown, error.reason),))
    return Manifest(path, sources=tuple(sources))


def _parse_file(scanner: Scanner, sources: list[Source]) -> None:
    """file ::= "[" { "(" string "," links ")" } "]" """
    _expect(scanner, "[")
    while not scanner.take("]"):
        scanner.take(",")
        _expect(scanner, "(")
        _parse_string(scanner)
        _expect(scanner, ",")
        _parse_links(scanner, sources)
        _expect(scanner, ")")
    scanner.expect_end("the end of the list")


def _parse_links(scanner: Scanner, sources: list[Source]) -> None:
    """links ::= "[" { "(" string "," digits ")" } "]" """
    _expect(scanner, "[")
    while not scanner.take("]"):
        scanner.take(",")
        _expect(scanner, "(")
        line = scanner.text.count("\n", 0, scanner.position) + 1
        text = _parse_string(scanner)
        _expect(scanner, ",")
        if scanner.match(_DIGITS) is None:
            scanner.fail("expected a time")
        _expect(scanner, ")")
        sources.append(Source(None, SourceKind.PATH, None, text, None, None, None, line, text))


def _parse_string(scanner: Scanner) -> str:
    found = scanner.match(_STRING)
    if found is None:
        scanner.fail("expected a string")
    return _ESCAPE.sub(r"\1", found[1:-1])


def _expect(scanner: Scanner, literal: str) -> None:
    if not scanner.take(literal):
        scanner.fail(f'expected "{literal}"')
