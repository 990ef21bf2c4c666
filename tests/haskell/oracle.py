"""The answers of the real Haskell tools: a choice of them in `cases/`, all of them where present.

The full set lies beside the repository, or where GUARD_ORACLE points.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
FULL = Path(os.environ.get("GUARD_ORACLE", Path(__file__).parents[2] / ".." / "shared" / "oracle"))
PLACES = [CASES, *([FULL] if FULL.is_dir() else [])]
NAMES = [place.name for place in PLACES]

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(.))")
_PLAIN = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_COMPONENTS = {"sublibrary": "library"}


def rows(path: Path) -> list[list[str]]:
    """The rows of a table, its escapes resolved."""
    text = path.read_bytes().decode("utf-8")
    return [[_plain(cell) for cell in line.split("\t")] for line in text.split("\n") if line]


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file with one a line."""
    text = path.read_bytes().decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def cases(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["cases"]
    return found


def expected_requirements(expected: dict[str, Any]) -> list[str]:
    """What a reader should give, one text each, own libraries left out."""
    found = [_shown("custom-setup", one) for one in expected["setup-depends"] or []]
    for component in expected["components"]:
        kind = _COMPONENTS.get(component["component"], component["component"])
        label = f"{kind} {component['name'] or ''}".rstrip()
        for one in component.get("build-depends", []):
            if one["name"] != expected["name"] or not one.get("libs"):
                found.append(_shown(label, one))
    return sorted(found)


def _shown(label: str, one: dict[str, Any]) -> str:
    parts = [label, one["name"], one["intervals"], one.get("when", []), one.get("libs", [])]
    return json.dumps(parts)


def _plain(cell: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _PLAIN[m[2]], cell)
