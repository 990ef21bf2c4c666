"""What both builders are given, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import Recipe
from guard.engine.context import Context
from guard.engine.events import OnEvent, Sending

if TYPE_CHECKING:
    # Whoever only shows a build needs no docker SDK.
    from guard.engine.client import Engine

# The annotations of the OCI image specification that do not change from one build to the next:
# `created` would give every build another id.
REVISION: Final = "org.opencontainers.image.revision"
SOURCE: Final = "org.opencontainers.image.source"


class StepRecord(NamedTuple):
    """One step of a build that has ended.

    Args:
        text: the instruction as the builder shows it.
        image: id of what it made, as far as the builder tells, else "".
    """

    number: int
    text: str
    seconds: float
    cached: bool
    image: str = ""


class Base(NamedTuple):
    """An image that the build started from: its name in the Dockerfile and its id."""

    name: str
    id: str


class Build(NamedTuple):
    """What a build came to.

    Args:
        image: id of the image, "" where it failed.
        failure: why it failed, "" where it did not.
        status: exit status of the RUN that failed, None where none did.
        tail: the last lines of output.
        words: those of the output that tell why it failed.
    """

    image: str
    failure: str
    status: int | None
    steps: tuple[StepRecord, ...]
    bases: tuple[Base, ...]
    tail: tuple[str, ...]
    words: str = ""


class Options(NamedTuple):
    """How to build, beside the recipe.

    Args:
        fresh: use no cache and pull the bases.
        labels: put on the image; they cost no cached layer.
    """

    fresh: bool = False
    labels: tuple[tuple[str, str], ...] = ()


def sent(context: Context, on_event: OnEvent) -> Iterator[bytes]:
    """The context's stream, with an event for every piece."""
    total = context.content_size
    for piece in context.stream():
        yield piece
        on_event(Sending(context.size, max(total, context.size)))


class Builder(NamedTuple):
    """One of the two builders, ready for an engine.

    Args:
        name: ``classic`` or ``buildkit``: what a verdict records.
        version: what drives it, e.g. ``docker 20.10.24``.
        build: raises `EngineError` for anything but a failure that is the combination's own, and
            what `Context.stream` raises.
    """

    name: str
    version: str
    build: Callable[[Engine, Context, Recipe, Options, OnEvent], Build]

    def __str__(self) -> str:
        return f"{self.name} ({self.version})"
