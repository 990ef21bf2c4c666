"""Findings and state -> text or JSON. The only place that knows colours and widths."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from guard.errors import GuardError

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


class Screen:
    """Where a command speaks to a person: results on `out`, troubles on `errors`."""

    def __init__(self, out: IO[str], errors: IO[str], colour: bool) -> None:
        self._out = out
        self._errors = errors
        self.colour = colour

    @classmethod
    def for_terminal(cls) -> Screen:
        """Standard output and error; colour only on a terminal and without ``NO_COLOR``."""
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        return cls(sys.stdout, sys.stderr, colour and os.environ.get("TERM") != "dumb")

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches, so that lines may be drawn again."""
        return self._out.isatty()

    def say(self, text: str = "") -> None:
        """One line or more of result."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def warn(self, text: str) -> None:
        """One line or more beside the result."""
        self._errors.write(f"{text}\n")
        self._errors.flush()

    def failure(self, error: GuardError) -> None:
        """What went wrong and what to do."""
        self.warn(f"guard: {self.paint('error', 'red')}: {error.problem}")
        if error.remedy:
            self.warn(f"  to mend it: {error.remedy}")

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour (or ``bold``, ``dim``), where colours are wanted."""
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self.colour else text
