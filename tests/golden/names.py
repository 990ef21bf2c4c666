"""Names for what differs from run to run or from format to format: ids, keys and folders."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ID = re.compile(r"(?<![0-9A-Za-z])(?P<described>g?)(?P<id>[0-9a-f]{7,64})(?![0-9A-Za-z])")


class Names:
    """Replaces every id by its name; one that has none is numbered by its first appearance.

    Args:
        known: full id -> name.
    """

    def __init__(self, known: Mapping[str, str], root: str) -> None:
        self._known = dict(known)
        self._root = root
        self._numbered: list[str] = []

    def in_text(self, text: str) -> str:
        """The text without ids and without the folder that it was made in."""
        return _ID.sub(self._name, text.replace(self._root, "<root>"))

    def of(self, identity: str | None) -> str:
        """The name of one id, `absent` for none."""
        return self.in_text(identity) if identity else "absent"

    def _name(self, match: re.Match[str]) -> str:
        start = match["id"]
        for full, name in self._known.items():
            if full.startswith(start):
                return f"{match['described']}<{name}>"
        # An id may appear in full after it has appeared in short, and the other way round.
        for number, seen in enumerate(self._numbered, 1):
            if seen.startswith(start) or start.startswith(seen):
                return f"{match['described']}<id {number}>"
        self._numbered.append(start)
        return f"{match['described']}<id {len(self._numbered)}>"
