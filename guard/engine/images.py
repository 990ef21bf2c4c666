"""Images that are no longer wanted."""

from __future__ import annotations

from typing import Any, cast

from docker.errors import APIError, ImageNotFound

from guard.engine.client import Engine

_IN_USE = 409


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
