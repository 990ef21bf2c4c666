"""What a build and a test tell while they go on, the same from both builders; and a transfer."""

from __future__ import annotations

from codecs import getincrementaldecoder
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


class Transfer(NamedTuple):
    """How a push to a registry or a pull from one gets on.

    Args:
        layer: short id of the layer, "" for the whole image.
        status: the engine's words, such as ``Pushing``, ``Pushed`` or ``Layer already exists``.
        done: bytes so far, 0 where that says nothing.
        total: about how many there will be, 0 where that is not known.
    """

    layer: str
    status: str
    done: int = 0
    total: int = 0


Event = Sending | Step | StepDone | Testing | Output
OnEvent = Callable[[Event], None]
OnTransfer = Callable[[Transfer], None]


class Lines:
    """Joins pieces of one stream of output into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = ""
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def take(self, piece: bytes) -> None:
        """As `feed`; a piece may end within a character."""
        self.feed(self._decoder.decode(piece))

    def feed(self, text: str) -> None:
        """Pass on every line that has come to its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._on_line(line.removesuffix("\r"))

    def flush(self) -> None:
        """Pass on what has no end yet."""
        self._rest += self._decoder.decode(b"", final=True)
        if self._rest:
            rest, self._rest = self._rest, ""
            self._on_line(rest)
