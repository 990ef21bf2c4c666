"""Base images float: which ones a build started from, and which are others by now."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

from docker.errors import APIError

from guard.config import Recipe
from guard.engine.build import Base
from guard.engine.client import Engine

_ARGUMENT: Final = re.compile(r"(?im)^\s*ARG\s+(\w+)=[\"']?([^\s\"']*)")
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")


class Moved(NamedTuple):
    """A name under which the engine has another image than a build started from.

    Args:
        was, now: ids.
    """

    name: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.name} was {_brief(self.was)} and is {_brief(self.now)} now"


def as_named(
    engine: Engine, bases: Iterable[Base], dockerfile: str, recipe: Recipe
) -> tuple[Base, ...]:
    """The bases of a build; ``name@id`` for one that its name does not say.

    So it is where the Dockerfile names the very digest, and where the builder took another image
    than the engine has under that name.

    Raises:
        EngineError: the engine could not be asked.
    """

    def value(match: re.Match[str]) -> str:
        argument = arguments.get(match[1] or match[2], "")
        if match[3] == "+":
            return match[4] if argument else ""
        return argument or match[4] or ""

    arguments = {**dict(_ARGUMENT.findall(dockerfile)), **dict(recipe.build_args)}
    texts = (dockerfile, *arguments.values())
    named = []
    for name, image in bases:
        name = _VARIABLE.sub(value, name)
        ids = _ids(engine, name)
        is_fixed = any(image.partition(":")[2] in text for text in texts)
        if "@" not in name and image and (is_fixed or (ids and image not in ids)):
            name = f"{name}@{image}"
        named.append(Base(name, image))
    return tuple(named)


def moved_bases(
    engine: Engine, place: tuple[str, str], bases: Iterable[tuple[str, str]]
) -> tuple[Moved, ...]:
    """Those of a verdict's bases under whose names the engine that built it has others by now.

    Of another engine nothing is said: it has what somebody pulled there some day, and may know the
    same image by another id.

    Args:
        place: id and address of the engine that built it.
        bases: name and id of each, as of `as_named`.

    Raises:
        EngineError: the engine could not be asked.
    """
    floating = [(name, image) for name, image in bases if image and "@" not in name]
    if not floating or not all(place) or place != (engine.id, engine.facts.host):
        return ()
    present = [(name, image, _ids(engine, name)) for name, image in floating]
    return tuple(
        Moved(name, image, ids[0]) for name, image, ids in present if ids and image not in ids
    )


def _ids(engine: Engine, name: str) -> tuple[str, ...]:
    """All that the engine knows the image by; nothing where it has none of that name."""
    with engine.speaking(f"look up the image {name}"):
        try:
            image: dict[str, Any] = cast(Any, engine.api).inspect_image(name)
        except APIError as error:
            if error.status_code is None or error.status_code >= 500:
                raise
            return ()  # it has none, or this is no name
    digests = (str(each).partition("@")[2] for each in image.get("RepoDigests") or ())
    return str(image["Id"]), *digests


def _brief(image: str) -> str:
    return image.removeprefix("sha256:")[:12]
