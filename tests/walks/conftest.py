"""What the walks build on."""

from tests.commands.conftest import base

__all__ = ["base"]
