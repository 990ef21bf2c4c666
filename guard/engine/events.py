"""What a build and a test tell while they go on. The same from both builders."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Sending(NamedTuple):
    """The context is on its way.

    Args:
        sent: bytes so far.
        total: about how many there will be.
    """

    sent: int
    total: int


class Step(NamedTuple):
    """A step of the build begins.

    Args:
        number: 1-based; steps of BuildKit may begin and end in any order.
        total: how many there are, as far as is known.
        text: the instruction.
    """

    number: int
    total: int
    text: str


class StepDone(NamedTuple):
    """A step has ended well.

    Args:
        cached: whether the engine had its result already.
    """

    number: int
    seconds: float
    cached: bool


class Testing(NamedTuple):
    """The image is there, the test command starts."""

    image: str
    command: tuple[str, ...]


class Output(NamedTuple):
    """One line that the engine, a step or the test command wrote, without its end.

    Args:
        number: the step that wrote it, 0 for the engine itself and the test.
    """

    text: str
    number: int = 0


Event = Sending | Step | StepDone | Testing | Output
OnEvent = Callable[[Event], None]


class Lines:
    """Joins pieces of output into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = ""

    def feed(self, text: str) -> None:
        """Pass on every line that has come to its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._on_line(line.removesuffix("\r"))

    def flush(self) -> None:
        """Pass on what has no end yet."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._on_line(rest)
