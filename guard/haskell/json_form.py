"""A manifest as plain data for ``json``: the shape that ``python -m guard.haskell`` prints."""

from __future__ import annotations

from typing import Any

from guard.haskell.model import Manifest, Requirement, Source, Unread
from guard.haskell.ranges import Interval


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """One object for a file."""
    return {
        "path": manifest.path,
        "package": manifest.package,
        "version": _text(manifest.version),
        "lenient": manifest.lenient,
        "requirements": [requirement_json(one) for one in manifest.requirements],
        "sources": [source_json(one) for one in manifest.sources],
        "unread": [unread_json(one) for one in manifest.unread],
    }


def requirement_json(one: Requirement) -> dict[str, Any]:
    """A requirement, its range both as text and as intervals."""
    return {
        "package": one.package,
        "range": str(one.range),
        "intervals": [interval_json(interval) for interval in one.range.intervals],
        "line": one.line,
        "section": one.section,
        "when": [condition.to_json() for condition in one.when],
    }


def interval_json(interval: Interval) -> list[Any]:
    """``[lower, inclusive, null | [upper, inclusive]]`` over version numbers."""
    upper = None
    if interval.upper is not None:
        upper = [list(interval.upper), interval.upper_inclusive]
    return [list(interval.lower), interval.lower_inclusive, upper]


def source_json(one: Source) -> dict[str, Any]:
    return {
        "package": one.package,
        "kind": one.kind.value,
        "version": _text(one.version),
        "path": one.path,
        "url": one.url,
        "commit": one.commit,
        "subdir": one.subdir,
        "line": one.line,
    }


def unread_json(one: Unread) -> dict[str, Any]:
    return {"line": one.line, "text": one.text, "reason": one.reason}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
