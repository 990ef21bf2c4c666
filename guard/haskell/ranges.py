"""Versions of Haskell packages, and ranges of them: what a dependency accepts.

Source: Cabal user guide, "Package descriptions", fields ``version`` and ``build-depends``
(operators, ``==x.*``, ``^>=``, sets); the library's ``Distribution.Types.Version`` and
``Distribution.Types.VersionRange``.

    version ::= numbers { "-" letters or digits }
    numbers ::= number { "." number }
    range   ::= term { "||" term }
    term    ::= factor { "&&" factor }
    factor  ::= "(" range ")" | "-any" | "-none" | operator version
              | "==" numbers ".*" | ("==" | "^>=") "{" numbers { "," numbers } "}"

White space is free between tokens, and there is none inside of an operator or a version.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from guard.haskell.scanner import Scanner

Spec = tuple[int, ...]
"""A version of the cabal format, as ``cabal-version`` names it, e.g. ``(2, 0)``."""

Numbers = tuple[int, ...]

# A letter or digit of any script, as Haskell's `isAlphaNum`.
ALPHANUMERIC = r"[^\W_]"
# More digits do not surely fit a machine integer, so Cabal refuses them.
MAX_DIGITS = 9
_DIGITS = re.compile(r"[0-9]+")
_TAG = re.compile(f"{ALPHANUMERIC}+")
_OPERATOR = re.compile(r"[<>=^-]+")
_ZERO: Numbers = (0,)


class Version(NamedTuple):
    """A version: numbers, compared from left to right, and nothing else.

    A longer version is later than its own beginning (0.4 < 0.4.0), as Cabal orders them and unlike
    PEP 440.
    """

    numbers: Numbers

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version: ``0.4.0``; tags (``1.0-rc1``) are dropped, as Cabal drops them.

        Trailing white space is allowed, leading is not. Raises ParseError.
        """
        scanner = Scanner(text)
        numbers = parse_numbers(scanner)
        _parse_tags(scanner)
        scanner.expect_end('a digit, "." or the end of the version')
        return cls(numbers)

    def __str__(self) -> str:
        return _show_numbers(self.numbers)


class Interval(NamedTuple):
    """Versions from ``lower`` to ``upper``; ``upper`` None: without an upper end.

    Versions are taken as dense points, as Cabal's ``Distribution.Types.VersionInterval`` takes
    them: between 0.4 and 0.4.0 lies no version, yet ``>0.4 && <0.4.0`` counts as an interval.
    """

    lower: Numbers
    lower_inclusive: bool
    upper: Numbers | None
    upper_inclusive: bool


# Ascending, none of them empty, no two that touch or overlap.
Intervals = tuple[Interval, ...]
_EVERYTHING: Intervals = (Interval(_ZERO, True, None, False),)


class Comparison(Enum):
    """How a bound compares; the value is Cabal's operator."""

    EQUAL = "=="
    WILDCARD = "==.*"
    CARET = "^>="
    LATER = ">"
    LATER_OR_EQUAL = ">="
    EARLIER = "<"
    EARLIER_OR_EQUAL = "<="


class Junction(Enum):
    """How the parts of a compound range hold together; the value is Cabal's operator."""

    AND = "&&"
    OR = "||"


class Bound(NamedTuple):
    """A comparison with one version."""

    comparison: Comparison
    numbers: Numbers

    @property
    def intervals(self) -> Intervals:
        numbers = self.numbers
        match self.comparison:
            case Comparison.EQUAL:
                return _interval(numbers, True, numbers, True)
            case Comparison.WILDCARD:
                return _interval(numbers, True, _next_sibling(numbers), False)
            case Comparison.CARET:  # up to the next major version: 0.4.1 -> 0.5, and 1 -> 1.1
                return _interval(numbers, True, _next_sibling((*numbers, 0)[:2]), False)
            case Comparison.EARLIER:
                return _interval(_ZERO, True, numbers, False)
            case Comparison.EARLIER_OR_EQUAL:
                return _interval(_ZERO, True, numbers, True)
            case Comparison.LATER:
                return _interval(numbers, False, None, False)
            case Comparison.LATER_OR_EQUAL:
                return _interval(numbers, True, None, False)

    @property
    def is_bounded_above(self) -> bool:
        return self.comparison not in (Comparison.LATER, Comparison.LATER_OR_EQUAL)

    @property
    def is_bounded_below(self) -> bool:
        """``>=0`` is how Cabal writes "any": no bound. ``==0`` and ``>0`` are bounds."""
        if self.comparison in (Comparison.EARLIER, Comparison.EARLIER_OR_EQUAL):
            return False
        return self.comparison in (Comparison.EQUAL, Comparison.LATER) or self.numbers != _ZERO

    def show(self, precedence: int) -> str:
        """Cabal's print; a wildcard is two bounds there, in parentheses beside others."""
        numbers = self.numbers
        if self.comparison is not Comparison.WILDCARD:
            return f"{self.comparison.value}{_show_numbers(numbers)}"
        end = _next_sibling(numbers)
        # Cabal prints a number of ten digits here and cannot read it again; the wildcard can be.
        if len(str(end[-1])) > MAX_DIGITS:
            return f"=={_show_numbers(numbers)}.*"
        text = f">={_show_numbers(numbers)} && <{_show_numbers(end)}"
        return f"({text})" if precedence > 1 else text


class Compound(NamedTuple):
    """Ranges under one operator."""

    junction: Junction
    parts: tuple[Bound | Compound, ...]

    @property
    def intervals(self) -> Intervals:
        combine = _union if self.junction is Junction.OR else _intersection
        return combine([part.intervals for part in self.parts])

    @property
    def is_bounded_above(self) -> bool:
        return self._enough(part.is_bounded_above for part in self.parts)

    @property
    def is_bounded_below(self) -> bool:
        return self._enough(part.is_bounded_below for part in self.parts)

    @property
    def _enough(self) -> Callable[[Iterable[bool]], bool]:
        return all if self.junction is Junction.OR else any

    def show(self, precedence: int) -> str:
        """Cabal's print: parentheses where the operators alone would group differently."""
        own = 0 if self.junction is Junction.OR else 1
        texts = [part.show(own + 1) for part in self.parts[:-1]]
        texts.append(self.parts[-1].show(own))
        text = f" {self.junction.value} ".join(texts)
        return f"({text})" if precedence > own else text


_OPERATORS = {c.value: c for c in Comparison if c is not Comparison.WILDCARD}
_ANY = Bound(Comparison.LATER_OR_EQUAL, _ZERO)
_NONE = Bound(Comparison.EARLIER, _ZERO)


class VersionRange:
    """A set of versions as it was written. Immutable and hashable; equal when written alike."""

    def __init__(self, tree: Bound | Compound) -> None:
        self._tree = tree

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read a range in the union of what the versions of the cabal format accept.

        Raises ParseError.
        """
        scanner = Scanner(text)
        version_range = parse_range(scanner)
        scanner.expect_end('"&&", "||" or the end of the range')
        return version_range

    @classmethod
    def any(cls) -> VersionRange:
        """Every version: what a dependency without a range accepts."""
        return cls(_ANY)

    @cached_property
    def intervals(self) -> Intervals:
        """The range as ascending intervals that neither touch nor overlap; none if it is empty."""
        return self._tree.intervals

    @property
    def has_upper_bound(self) -> bool:
        """Whether the text bounds from above: ``||`` needs a bound on each side, ``&&`` on one."""
        return self._tree.is_bounded_above

    @property
    def has_lower_bound(self) -> bool:
        """Whether the text bounds from below; a lower bound of 0 is none."""
        return self._tree.is_bounded_below

    @property
    def is_any(self) -> bool:
        """Whether every version is in the range."""
        return self.intervals == _EVERYTHING

    @property
    def exact(self) -> Version | None:
        """The version of a range that is written ``==x`` and nothing else."""
        tree = self._tree
        if isinstance(tree, Bound) and tree.comparison is Comparison.EQUAL:
            return Version(tree.numbers)
        return None

    def __contains__(self, version: Version) -> bool:
        numbers = version.numbers
        before = bisect_right(self.intervals, (numbers, False), key=_lower_key)
        return before > 0 and _upper_key(self.intervals[before - 1]) >= (False, numbers, True)

    def __and__(self, other: VersionRange) -> VersionRange:
        """The versions in both; a side that was written as "any" leaves no trace."""
        if self._tree == _ANY:
            return other
        if other._tree == _ANY:
            return self
        return VersionRange(Compound(Junction.AND, (*self._factors, *other._factors)))

    @property
    def _factors(self) -> tuple[Bound | Compound, ...]:
        """What the range is the conjunction of: many ranges joined one by one stay flat."""
        tree = self._tree
        if isinstance(tree, Compound) and tree.junction is Junction.AND:
            return tree.parts
        return (tree,)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, VersionRange) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    @cached_property
    def _text(self) -> str:
        return self._tree.show(0)

    def __str__(self) -> str:
        """The range as Cabal prints it; `parse` reads it again."""
        return self._text

    def __repr__(self) -> str:
        return f"VersionRange.parse({str(self)!r})"


def parse_range(scanner: Scanner, spec: Spec | None = None) -> VersionRange:
    """Read the range that stands here; ``spec`` None accepts what any format version accepts.

    Raises ParseError.
    """
    scanner.spaces()
    return VersionRange(_parse_range(scanner, spec))


def _parse_range(scanner: Scanner, spec: Spec | None) -> Bound | Compound:
    """range ::= term { "||" term }"""
    terms = [_parse_term(scanner, spec)]
    while scanner.take("||"):
        scanner.count_part()
        scanner.spaces()
        terms.append(_parse_term(scanner, spec))
    return _compound(Junction.OR, terms)


def _parse_term(scanner: Scanner, spec: Spec | None) -> Bound | Compound:
    """term ::= factor { "&&" factor }"""
    factors = [_parse_factor(scanner, spec)]
    scanner.spaces()
    while scanner.take("&&"):
        scanner.count_part()
        scanner.spaces()
        factors.append(_parse_factor(scanner, spec))
        scanner.spaces()
    return _compound(Junction.AND, factors)


def _parse_factor(scanner: Scanner, spec: Spec | None) -> Bound | Compound:
    """factor ::= "(" range ")" | bound"""
    start = scanner.position
    if not scanner.take("("):
        return _parse_bound(scanner, spec)
    scanner.enter()
    scanner.spaces()
    inner = _parse_range(scanner, spec)
    if not scanner.take(")"):
        scanner.fail('expected ")"', start)
    scanner.leave()
    return inner


def _parse_bound(scanner: Scanner, spec: Spec | None) -> Bound | Compound:
    """bound ::= "-any" | "-none" | operator version | "==" version ".*" | set"""
    start = scanner.position
    operator = scanner.match(_OPERATOR)
    if operator is None:
        scanner.fail("expected an operator such as >=, ==, <, ^>=")
    if operator == "-":
        return _parse_word(scanner, spec, start)
    comparison = _OPERATORS.get(operator)
    if comparison is None:
        scanner.fail(f"there is no operator {operator}", start)
    if comparison is Comparison.CARET:
        _require(scanner, spec, (2, 0), "^>=", start)
    scanner.spaces()
    if scanner.peek() == "{" and comparison in (Comparison.EQUAL, Comparison.CARET):
        _require(scanner, spec, (3, 0), "a set of versions", scanner.position)
        return _parse_set(scanner, comparison)
    return _parse_version(scanner, comparison)


def _parse_word(scanner: Scanner, spec: Spec | None, start: int) -> Bound:
    """ "-any" (up to 3.0), "-none" (from 1.22 up to 3.0); both are gone in 3.4."""
    if spec is not None and spec >= (3, 4):
        scanner.fail("-any and -none are not in cabal-version 3.4 and later", start)
    if scanner.take("any"):
        return _ANY
    if not scanner.take("none"):
        scanner.fail("expected -any or -none", start)
    _require(scanner, spec, (1, 22), "-none", start)
    return _NONE


def _parse_set(scanner: Scanner, comparison: Comparison) -> Bound | Compound:
    """set ::= "{" numbers { "," numbers } "}": neither empty nor with tags or wildcards."""
    scanner.take("{")
    bounds: list[Bound | Compound] = []
    while True:
        scanner.spaces()
        scanner.count_part()
        bounds.append(Bound(comparison, parse_numbers(scanner)))
        scanner.spaces()
        if not scanner.take(","):
            break
    if not scanner.take("}"):
        scanner.fail('expected "," or "}" in a set of versions')
    return _compound(Junction.OR, bounds)


def _parse_version(scanner: Scanner, comparison: Comparison) -> Bound:
    """version ::= numbers tags | numbers ".*", the wildcard after "==" only."""
    numbers = [_parse_number(scanner)]
    while scanner.take("."):
        if scanner.take("*"):
            if comparison is not Comparison.EQUAL:
                scanner.fail("a wildcard stands after == only", scanner.position - 1)
            return Bound(Comparison.WILDCARD, tuple(numbers))
        scanner.count_part()
        numbers.append(_parse_number(scanner))
    _parse_tags(scanner)
    return Bound(comparison, tuple(numbers))


def _require(scanner: Scanner, spec: Spec | None, needed: Spec, what: str, start: int) -> None:
    if spec is not None and spec < needed:
        scanner.fail(f"{what} needs cabal-version {_show_numbers(needed)} or later", start)


def _compound(junction: Junction, parts: list[Bound | Compound]) -> Bound | Compound:
    """Parts under one operator. Both operators group to the right: the last part is spliced."""
    if len(parts) == 1:
        return parts[0]
    last = parts[-1]
    if isinstance(last, Compound) and last.junction is junction:
        parts = [*parts[:-1], *last.parts]
    return Compound(junction, tuple(parts))


def _show_numbers(numbers: Numbers) -> str:
    return ".".join(map(str, numbers))


def parse_numbers(scanner: Scanner) -> Numbers:
    """numbers ::= number { "." number }"""
    numbers = [_parse_number(scanner)]
    while scanner.take("."):
        scanner.count_part()
        numbers.append(_parse_number(scanner))
    return tuple(numbers)


def _parse_number(scanner: Scanner) -> int:
    """number ::= "0" | digit1-9 { digit }, at most nine digits, ASCII only."""
    start = scanner.position
    digits = scanner.match(_DIGITS)
    if digits is None:
        scanner.fail("expected a number of a version")
    if len(digits) > MAX_DIGITS:
        scanner.fail(f"a number of a version has at most {MAX_DIGITS} digits", start)
    if len(digits) > 1 and digits[0] == "0":
        scanner.fail("a number of a version has no leading zero", start)
    return int(digits)


def _parse_tags(scanner: Scanner) -> None:
    """tags ::= { "-" letter-or-digit+ }: read and dropped, a relic of old versions."""
    while scanner.take("-"):
        if scanner.match(_TAG) is None:
            scanner.fail("expected the letters or digits of a version tag")


def _next_sibling(numbers: Numbers) -> Numbers:
    """The first version that ``==x.*`` refuses: 0.3 -> 0.4."""
    return (*numbers[:-1], numbers[-1] + 1)


def _interval(
    lower: Numbers, lower_inclusive: bool, upper: Numbers | None, upper_inclusive: bool
) -> Intervals:
    """The interval between two ends, or none if nothing can lie there."""
    both = lower_inclusive and upper_inclusive
    if upper is not None and (lower > upper or (lower == upper and not both)):
        return ()
    return (Interval(lower, lower_inclusive, upper, upper_inclusive),)


def _union(parts: list[Intervals]) -> Intervals:
    """The versions in any of the parts: sort by the lower end, then merge what touches."""
    merged: list[Interval] = []
    for one in sorted((i for part in parts for i in part), key=_lower_key):
        if merged and _touches(merged[-1], one):
            last = merged[-1]
            merged[-1] = Interval(*last[:2], *max(last, one, key=_upper_key)[2:])
        else:
            merged.append(one)
    return tuple(merged)


def _intersection(parts: list[Intervals]) -> Intervals:
    """The versions in all of the parts; pairwise in rounds, so that many parts stay cheap."""
    while len(parts) > 1:
        pairs = [_intersect(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def _intersect(left: Intervals, right: Intervals) -> Intervals:
    shared: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        start = max(a, b, key=_lower_key)
        end = min(a, b, key=_upper_key)
        shared.extend(_interval(*start[:2], *end[2:]))
        if end is a:
            i += 1
        else:
            j += 1
    return tuple(shared)


def _lower_key(one: Interval) -> tuple[Numbers, bool]:
    return one.lower, not one.lower_inclusive


def _upper_key(one: Interval) -> tuple[bool, Numbers, bool]:
    return one.upper is None, one.upper or _ZERO, one.upper_inclusive


def _touches(left: Interval, right: Interval) -> bool:
    """Whether nothing lies between them; an end excluded by both leaves a gap."""
    if left.upper is None or right.lower < left.upper:
        return True
    return right.lower == left.upper and (left.upper_inclusive or right.lower_inclusive)
