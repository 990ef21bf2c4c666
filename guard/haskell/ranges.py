"""Ranges of versions: what a dependency accepts.

Source: Cabal user guide, "Package descriptions", field ``build-depends`` (operators, ``==x.*``,
``^>=``, sets); the library's ``Distribution.Types.VersionRange``.

    range  ::= term { "||" term }
    term   ::= factor { "&&" factor }
    factor ::= "(" range ")" | "-any" | "-none" | operator version
             | "==" version ".*" | ("==" | "^>=") "{" numbers { "," numbers } "}"

White space is free between tokens, and there is none inside of an operator or a version.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from guard.haskell import intervals as sets
from guard.haskell.intervals import Interval, Intervals, Numbers
from guard.haskell.scanner import Scanner
from guard.haskell.version import (
    MAX_DIGITS,
    Version,
    parse_number,
    parse_numbers,
    parse_tags,
    show_numbers,
)

Spec = tuple[int, ...]
"""A version of the cabal format, as ``cabal-version`` names it, e.g. ``(2, 0)``."""


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
    comparison: Comparison
    numbers: Numbers


class Compound(NamedTuple):
    junction: Junction
    parts: tuple[Bound | Compound, ...]


_OPERATOR = re.compile(r"[<>=^-]+")
_PLAIN = {c.value: c for c in Comparison if c is not Comparison.WILDCARD}
_ANY = Bound(Comparison.LATER_OR_EQUAL, sets.ZERO)
_NONE = Bound(Comparison.EARLIER, sets.ZERO)
_WITH_UPPER = frozenset(
    {
        Comparison.EQUAL,
        Comparison.WILDCARD,
        Comparison.CARET,
        Comparison.EARLIER,
        Comparison.EARLIER_OR_EQUAL,
    }
)
_WITHOUT_LOWER = frozenset({Comparison.EARLIER, Comparison.EARLIER_OR_EQUAL})


class VersionRange:
    """A set of versions as it was written. Immutable and hashable; equal when written alike."""

    __slots__ = ("_intervals", "_text", "_tree")

    _tree: Bound | Compound
    _intervals: Intervals | None
    _text: str | None

    def __init__(self, tree: Bound | Compound) -> None:
        self._tree = tree
        self._intervals = None
        self._text = None

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read a range in the union of what the versions of the cabal format accept.

        Raises ParseError.
        """
        scanner = Scanner(text)
        found = parse_range(scanner)
        scanner.expect_end('"&&", "||" or the end of the range')
        return found

    @classmethod
    def any(cls) -> VersionRange:
        """Every version: what a dependency without a range accepts."""
        return cls(_ANY)

    @property
    def intervals(self) -> Intervals:
        """The range as ascending intervals that neither touch nor overlap; none if it is empty."""
        if self._intervals is None:
            self._intervals = _intervals(self._tree)
        return self._intervals

    @property
    def has_upper_bound(self) -> bool:
        """Whether the text bounds from above: ``||`` needs a bound on each side, ``&&`` on one."""
        return _bounded_above(self._tree)

    @property
    def has_lower_bound(self) -> bool:
        """Whether the text bounds from below; a lower bound of 0 is none."""
        return _bounded_below(self._tree)

    @property
    def is_any(self) -> bool:
        """Whether every version is in the range."""
        return self.intervals == sets.EVERYTHING

    @property
    def is_none(self) -> bool:
        """Whether no version can be in the range."""
        return not self.intervals

    @property
    def exact(self) -> Version | None:
        """The version of a range that is written ``==x`` and nothing else."""
        tree = self._tree
        if isinstance(tree, Bound) and tree.comparison is Comparison.EQUAL:
            return Version(tree.numbers)
        return None

    def __contains__(self, version: Version) -> bool:
        return sets.holds(self.intervals, version.numbers)

    def __and__(self, other: VersionRange) -> VersionRange:
        """The versions in both; a side that was written as "any" leaves no trace."""
        if self._tree == _ANY:
            return other
        if other._tree == _ANY:
            return self
        return VersionRange(Compound(Junction.AND, (*_factors(self), *_factors(other))))

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, VersionRange) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """The range as Cabal prints it; `parse` reads it again."""
        text = self._text
        if text is None:
            text = self._text = _show(self._tree, 0)
        return text

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
    comparison = _PLAIN.get(operator)
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
    numbers = [parse_number(scanner)]
    while scanner.take("."):
        if scanner.take("*"):
            if comparison is not Comparison.EQUAL:
                scanner.fail("a wildcard stands after == only", scanner.position - 1)
            return Bound(Comparison.WILDCARD, tuple(numbers))
        scanner.count_part()
        numbers.append(parse_number(scanner))
    parse_tags(scanner)
    return Bound(comparison, tuple(numbers))


def _require(scanner: Scanner, spec: Spec | None, needed: Spec, what: str, start: int) -> None:
    if spec is not None and spec < needed:
        scanner.fail(f"{what} needs cabal-version {show_numbers(needed)} or later", start)


def _compound(junction: Junction, parts: list[Bound | Compound]) -> Bound | Compound:
    """Parts under one operator. Both operators group to the right: the last part is spliced."""
    if len(parts) == 1:
        return parts[0]
    last = parts[-1]
    if isinstance(last, Compound) and last.junction is junction:
        parts = [*parts[:-1], *last.parts]
    return Compound(junction, tuple(parts))


def _factors(found: VersionRange) -> tuple[Bound | Compound, ...]:
    """What a range is the conjunction of: many ranges joined one by one stay flat."""
    tree = found._tree
    joined = isinstance(tree, Compound) and tree.junction is Junction.AND
    return tree.parts if isinstance(tree, Compound) and joined else (tree,)


def _next_major(numbers: Numbers) -> Numbers:
    """The first version that ``^>=`` refuses: 0.4.1 -> 0.5, and 1 -> 1.1."""
    return (numbers[0], numbers[1] + 1) if len(numbers) > 1 else (numbers[0], 1)


def _next_sibling(numbers: Numbers) -> Numbers:
    """The first version that ``==x.*`` refuses: 0.3 -> 0.4."""
    return (*numbers[:-1], numbers[-1] + 1)


def _intervals(tree: Bound | Compound) -> Intervals:
    if isinstance(tree, Bound):
        return _bound_intervals(tree)
    combine = sets.union if tree.junction is Junction.OR else sets.intersection
    return combine([_intervals(part) for part in tree.parts])


def _bound_intervals(bound: Bound) -> Intervals:
    numbers = bound.numbers
    match bound.comparison:
        case Comparison.EQUAL:
            return sets.interval(numbers, True, numbers, True)
        case Comparison.WILDCARD:
            return sets.interval(numbers, True, _next_sibling(numbers), False)
        case Comparison.CARET:
            return sets.interval(numbers, True, _next_major(numbers), False)
        case Comparison.EARLIER:
            return sets.interval(sets.ZERO, True, numbers, False)
        case Comparison.EARLIER_OR_EQUAL:
            return sets.interval(sets.ZERO, True, numbers, True)
        case Comparison.LATER:
            return (Interval(numbers, False, None, False),)
        case Comparison.LATER_OR_EQUAL:
            return (Interval(numbers, True, None, False),)


def _bounded_above(tree: Bound | Compound) -> bool:
    if isinstance(tree, Bound):
        return tree.comparison in _WITH_UPPER
    enough = all if tree.junction is Junction.OR else any
    return enough(_bounded_above(part) for part in tree.parts)


def _bounded_below(tree: Bound | Compound) -> bool:
    if isinstance(tree, Bound):
        return tree.comparison not in _WITHOUT_LOWER and _starts_above_zero(tree)
    enough = all if tree.junction is Junction.OR else any
    return enough(_bounded_below(part) for part in tree.parts)


def _starts_above_zero(bound: Bound) -> bool:
    """``>=0`` is how Cabal writes "any": no bound. ``==0`` and ``>0`` are bounds."""
    open_ended = bound.comparison not in (Comparison.EQUAL, Comparison.LATER)
    return not (open_ended and bound.numbers == sets.ZERO)


def _show(tree: Bound | Compound, precedence: int) -> str:
    """Cabal's print: parentheses where the operators alone would group differently."""
    if isinstance(tree, Bound):
        return _show_bound(tree, precedence)
    own = 0 if tree.junction is Junction.OR else 1
    texts = [_show(part, own + 1) for part in tree.parts[:-1]]
    texts.append(_show(tree.parts[-1], own))
    text = f" {tree.junction.value} ".join(texts)
    return f"({text})" if precedence > own else text


def _show_bound(bound: Bound, precedence: int) -> str:
    numbers = bound.numbers
    if bound.comparison is not Comparison.WILDCARD:
        return f"{bound.comparison.value}{show_numbers(numbers)}"
    end = _next_sibling(numbers)
    # Cabal prints a number of ten digits here and cannot read it again; the wildcard itself can be.
    if len(str(end[-1])) > MAX_DIGITS:
        return f"=={show_numbers(numbers)}.*"
    text = f">={show_numbers(numbers)} && <{show_numbers(end)}"
    return f"({text})" if precedence > 1 else text
