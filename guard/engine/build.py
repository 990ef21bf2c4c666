"""What a build and its test are given, what they tell while they go on, and how they ended."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final, NamedTuple

# The annotations of the OCI image specification that do not change from one build to the next:
# `created` would give every build another id.
REVISION: Final = "org.opencontainers.image.revision"
SOURCE: Final = "org.opencontainers.image.source"


class Options(NamedTuple):
    """How to build, beside the recipe.

    Args:
        fresh: use no cache and pull the bases.
        labels: put on the image; they cost no cached layer.
        cache_from, cache_to: where else layers are kept, in buildx's words.
    """

    fresh: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()


class Step(NamedTuple):
    """A step of the build begins.

    Args:
        number: 1-based; steps of BuildKit may begin and end in any order.
        total: how many there are, as far as is known.
        text: the instruction, as the builder shows it.
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
    text: str
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


Event = Step | StepDone | Testing | Output
OnEvent = Callable[[Event], None]


class Outcome(NamedTuple):
    """How a build or a test ended.

    Args:
        failure: why it failed, one line; "" where it did not.
        status: exit status of the failing RUN or of the test command; None where there is none.
        tail: the last lines of output.
        words: those of the output that tell why it failed.
    """

    failure: str
    status: int | None
    tail: tuple[str, ...]
    words: str
    seconds: float = 0.0


class Base(NamedTuple):
    """An image that the build started from: its name in the Dockerfile and its id."""

    name: str
    id: str


class Build(NamedTuple):
    """What a build came to: an image, by its id, or nothing where it failed."""

    outcome: Outcome
    steps: tuple[StepDone, ...]
    image: str = ""
    bases: tuple[Base, ...] = ()


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
