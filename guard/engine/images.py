"""What an image is called, what is written on it, and what it is made of."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, cast

from docker.errors import APIError, ImageNotFound

from guard.engine.client import Engine

# The grammar of a tag in the OCI distribution specification.
_TAG_LENGTH: Final = 128
_IN_USE: Final = 409
_NOT_IN_TAGS: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Layer(NamedTuple):
    """One layer of an image.

    Args:
        text: the instruction that made it, as the image's history has it.
        size: bytes it takes on disk; 0 for one that only changes settings.
    """

    text: str
    size: int


def combination_tag(consumer: str, describe: str, dependency: str, release: str) -> str:
    """A tag that says what is in the image, e.g. ``aula-0.38-2-g1116b35-thentos-v0.5.0``.

    Args:
        describe: what ``git describe --always`` says of the consumer's commit.
        release: the dependency's release tag, "" where it stands at none.
    """
    words = [consumer, describe, dependency, release or "unreleased"]
    tag = "-".join(_NOT_IN_TAGS.sub("-", word).strip("-") for word in words if word)
    return tag[:_TAG_LENGTH].lstrip(".-")


def put_tag(engine: Engine, image: str, name: str, tag: str) -> None:
    """Call an image ``name:tag``; one that was called so before loses the name and is kept.

    Raises:
        EngineError: there is no such image, or the engine refuses the name.
    """
    with engine.speaking(f"call the image {name}:{tag}"):
        cast(Any, engine.api).tag(image, name, tag=tag, force=True)


def layers(engine: Engine, image: str) -> tuple[Layer, ...]:
    """The image's layers, the base's first; none where it is gone.

    Raises:
        EngineError: the engine could not be asked.
    """
    with engine.speaking(f"look up the layers of {image}"):
        try:
            history = cast(Any, engine.api).history(image)
        except ImageNotFound:
            return ()
    return tuple(
        Layer(_instruction(str(each.get("CreatedBy") or "")), int(each.get("Size") or 0))
        for each in reversed(history)
    )


def remove_image(engine: Engine, image: str) -> bool:
    """Remove an image with its own layers; whether it is gone.

    One that somebody else has named, or that a container uses, stays.

    Raises:
        EngineError: the engine could not be asked.
    """
    with engine.speaking(f"remove the image {image}"):
        try:
            cast(Any, engine.api).remove_image(image)
        except ImageNotFound:
            return True
        except APIError as error:
            if error.status_code != _IN_USE:
                raise
            return False
    return True


def _instruction(created_by: str) -> str:
    """A history's line in the words of a Dockerfile."""
    text = created_by.removesuffix(" # buildkit").strip()
    shell = re.match(r"(?:RUN )?/bin/sh -c (#\(nop\)\s+)?", text)
    if shell is None:
        return text
    rest = text[shell.end() :].strip()
    return rest if shell[1] else f"RUN {rest}"
