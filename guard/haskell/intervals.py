"""Sets of versions as lists of intervals, and their algebra.

Versions are taken as dense points, as Cabal's ``Distribution.Types.VersionInterval`` takes them:
between 0.4 and 0.4.0 lies no version, yet ``>0.4 && <0.4.0`` counts as an interval.

Every list here is in normal form: ascending, no interval empty, no two that touch or overlap.
"""

from __future__ import annotations

from typing import NamedTuple

Numbers = tuple[int, ...]
ZERO: Numbers = (0,)


class Interval(NamedTuple):
    """Versions from ``lower`` to ``upper``; ``upper`` None: without an upper end."""

    lower: Numbers
    lower_inclusive: bool
    upper: Numbers | None
    upper_inclusive: bool


Intervals = tuple[Interval, ...]
EVERYTHING: Intervals = (Interval(ZERO, True, None, False),)


def holds(intervals: Intervals, numbers: Numbers) -> bool:
    """Whether the version lies in one of the intervals; by halving, for long lists."""
    low, high = 0, len(intervals)
    while low < high:
        middle = (low + high) // 2
        interval = intervals[middle]
        if numbers < interval.lower or (numbers == interval.lower and not interval.lower_inclusive):
            high = middle
        elif (
            interval.upper is None
            or numbers < interval.upper
            or (numbers == interval.upper and interval.upper_inclusive)
        ):
            return True
        else:
            low = middle + 1
    return False


def interval(lower: Numbers, lower_inclusive: bool, upper: Numbers, inclusive: bool) -> Intervals:
    """The interval between two ends, or none if nothing can lie there."""
    empty = lower > upper or (lower == upper and not (lower_inclusive and inclusive))
    return () if empty else (Interval(lower, lower_inclusive, upper, inclusive),)


def union(parts: list[Intervals]) -> Intervals:
    """The versions in any of the parts: sort by the lower end, then merge what touches."""
    merged: list[Interval] = []
    for one in sorted((i for part in parts for i in part), key=_lower_key):
        if merged and _touches(merged[-1], one):
            last = merged[-1]
            end = max(last, one, key=_upper_key)
            merged[-1] = Interval(*last[:2], *end[2:])
        else:
            merged.append(one)
    return tuple(merged)


def intersection(parts: list[Intervals]) -> Intervals:
    """The versions in all of the parts; pairwise in rounds, so that many parts stay cheap."""
    rest = list(parts) or [EVERYTHING]
    while len(rest) > 1:
        pairs = [_intersect(a, b) for a, b in zip(rest[::2], rest[1::2], strict=False)]
        rest = pairs + rest[len(pairs) * 2 :]
    return rest[0]


def _intersect(left: Intervals, right: Intervals) -> Intervals:
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        start = max(a, b, key=_lower_key)
        end = min(a, b, key=_upper_key)
        if end.upper is None:
            found.append(Interval(start.lower, start.lower_inclusive, None, False))
        else:
            ends = (end.upper, end.upper_inclusive)
            found.extend(interval(start.lower, start.lower_inclusive, *ends))
        if end is a:
            i += 1
        else:
            j += 1
    return tuple(found)


def _lower_key(one: Interval) -> tuple[Numbers, bool]:
    return one.lower, not one.lower_inclusive


def _upper_key(one: Interval) -> tuple[bool, Numbers, bool]:
    return one.upper is None, one.upper or ZERO, one.upper_inclusive


def _touches(left: Interval, right: Interval) -> bool:
    """Whether nothing lies between them; an end excluded by both leaves a gap."""
    if left.upper is None or right.lower < left.upper:
        return True
    return right.lower == left.upper and (left.upper_inclusive or right.lower_inclusive)
