"""Versions of Haskell packages.

Source: Cabal user guide, "Package descriptions", field ``version``; the library's
``Distribution.Types.Version``.
"""

from __future__ import annotations

import re

from guard.haskell.scanner import Scanner

# A number of a version: more than nine digits do not surely fit a machine integer, so Cabal
# refuses them.
DIGITS = re.compile(r"[0-9]+")
MAX_DIGITS = 9
# A letter or digit of any script, as Haskell's `isAlphaNum`.
ALPHANUMERIC = r"[^\W_]"
_TAG = re.compile(f"{ALPHANUMERIC}+")


class Version:
    """A version: numbers, compared from left to right, and nothing else.

    A longer version is later than its own beginning (0.4 < 0.4.0), as Cabal orders them and unlike
    PEP 440. Immutable and hashable.
    """

    __slots__ = ("numbers",)

    numbers: tuple[int, ...]

    def __init__(self, numbers: tuple[int, ...]) -> None:
        if not numbers or min(numbers) < 0:
            raise ValueError(f"a version needs at least one number, none below 0: {numbers}")
        self.numbers = numbers

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version: ``0.4.0``; tags (``1.0-rc1``) are dropped, as Cabal drops them.

        Trailing white space is allowed, leading is not. Raises ParseError.
        """
        scanner = Scanner(text)
        numbers = parse_numbers(scanner)
        parse_tags(scanner)
        scanner.expect_end('a digit, "." or the end of the version')
        return cls(numbers)

    def __eq__(self, other: object) -> bool:
        return self.numbers == other.numbers if isinstance(other, Version) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.numbers)

    def __lt__(self, other: Version) -> bool:
        return self.numbers < other.numbers

    def __le__(self, other: Version) -> bool:
        return self.numbers <= other.numbers

    def __gt__(self, other: Version) -> bool:
        return self.numbers > other.numbers

    def __ge__(self, other: Version) -> bool:
        return self.numbers >= other.numbers

    def __str__(self) -> str:
        return show_numbers(self.numbers)

    def __repr__(self) -> str:
        return f"Version({self.numbers!r})"


def show_numbers(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def parse_numbers(scanner: Scanner) -> tuple[int, ...]:
    """numbers ::= number { "." number }"""
    numbers = [parse_number(scanner)]
    while scanner.take("."):
        scanner.count_part()
        numbers.append(parse_number(scanner))
    return tuple(numbers)


def parse_number(scanner: Scanner) -> int:
    """number ::= "0" | digit1-9 { digit }, at most nine digits, ASCII only."""
    start = scanner.position
    digits = scanner.match(DIGITS)
    if digits is None:
        scanner.fail("expected a number of a version")
    if len(digits) > MAX_DIGITS:
        scanner.fail(f"a number of a version has at most {MAX_DIGITS} digits", start)
    if len(digits) > 1 and digits[0] == "0":
        scanner.fail("a number of a version has no leading zero", start)
    return int(digits)


def parse_tags(scanner: Scanner) -> None:
    """tags ::= { "-" letter-or-digit+ }: read and dropped, a relic of old versions."""
    while scanner.take("-"):
        if scanner.match(_TAG) is None:
            scanner.fail("expected the letters or digits of a version tag")
