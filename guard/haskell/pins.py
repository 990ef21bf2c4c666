"""How stack names one package: the texts and objects of ``extra-deps``.

Source: stack docs, "Package location"; ``Pantry.Types``. A text is tried as an archive, then as a
package on Hackage, and is a directory otherwise; so nothing is a syntax error, and a mistyped pin
is the name of a directory that is not there.

    hackage ::= name "-" numbers [ "@rev:" digits | "@sha256:" hex64 [ "," digits ] ]
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.haskell.dependency import parse_name
from guard.haskell.ranges import Version, parse_numbers
from guard.haskell.scanner import ParseError, Scanner

_ARCHIVES = (".zip", ".tar", ".tar.gz")
_URLS = ("http://", "https://")
_NAME_AND_VERSION = re.compile(r"[^@]*-")
_DIGITS = re.compile(r"[0-9]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Pin(NamedTuple):
    """A package on Hackage in one version."""

    package: str
    version: Version


def parse_pin(text: str) -> Pin:
    """hackage ::= name "-" numbers [ revision ]. Raises ParseError for what is no such pin."""
    scanner = Scanner(text)
    if scanner.match(_NAME_AND_VERSION) is None:
        scanner.fail('expected "-" and a version after the name')
    name = Scanner(text[: scanner.position - 1])
    package = parse_name(name)
    if not name.at_end():
        scanner.fail("expected the name of a package", 0, scanner.position - 1)
    version = Version(parse_numbers(scanner))
    if scanner.take("@"):
        _parse_revision(scanner)
    if not scanner.at_end():
        scanner.fail("expected the end of the pin")
    return Pin(package, version)


def _parse_revision(scanner: Scanner) -> None:
    """revision ::= "rev:" digits | "sha256:" hex64 [ "," digits ]"""
    if scanner.take("rev:"):
        if scanner.match(_DIGITS) is None:
            scanner.fail("expected the number of a revision")
        return
    if not scanner.take("sha256:") or scanner.match(_SHA256) is None:
        scanner.fail("expected rev:NUMBER or sha256: with 64 hexadecimal digits")
    if scanner.take(",") and scanner.match(_DIGITS) is None:
        scanner.fail("expected the size in bytes")


def is_url(text: str) -> bool:
    return text.startswith(_URLS)


def is_archive(text: str) -> bool:
    """Whether a text names an archive: a URL, or a file that ends like one."""
    return is_url(text) or text.endswith(_ARCHIVES)


def pin_or_none(text: str) -> Pin | None:
    try:
        return parse_pin(text)
    except ParseError:
        return None
