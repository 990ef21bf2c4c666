"""What an attempt sends, looked up before the engine is asked for anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guard.config import Config, Recipe
from guard.engine.context import Context
from guard.engine.selection import build_context, source_context
from guard.errors import UsageError
from guard.git.objects import ObjectPool
from guard.git.store import Part


class Prepared(NamedTuple):
    """What an attempt sends, checked: every object is there."""

    context: Context
    source: Context | None
    recipe: Recipe
    timeout: int
    builder: str = "auto"


def prepare(parts: Sequence[Part], pool: ObjectPool, config: Config) -> Prepared:
    """Look up everything that will be sent, before the engine is asked for anything.

    Args:
        parts: the superproject's first, then every submodule, nested ones too.
        pool: must stay open until the attempt is over.

    Raises:
        UsageError: no test command is set.
        MissingObjectError: an object is not at hand; names the submodule and what fetches it.
        GuardError: the combination holds what guard refuses to send.
    """
    recipe = config.recipe
    if not recipe.command:
        raise UsageError("no test command is set", "guard init proposes one")
    context = build_context(parts, pool, recipe, config.consumer)
    context.check()
    source = source_context(parts, pool, config.consumer) if recipe.source else None
    if source is not None:
        source.check()
    return Prepared(context, source, recipe, config.test.timeout, config.image.builder)
