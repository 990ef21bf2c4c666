"""A base image for the tests that build."""

from __future__ import annotations

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine


@pytest.fixture(scope="session")
def base() -> str:
    """The name of an image with a shell, on the engine that `scripts/engine` brought."""
    with Engine.connect() as engine:
        return base_image(engine)
