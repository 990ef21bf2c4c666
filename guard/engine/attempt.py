"""One attempt at a verdict: build the combination, run its test, say what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from guard.engine.build import Base, Builder, Options, StepRecord
from guard.engine.builders import choose_builder
from guard.engine.buildkit import CliBuild
from guard.engine.client import Engine, Facts
from guard.engine.context import Context
from guard.engine.endings import DeadlinePassed, deadline, terminable
from guard.engine.events import OnEvent, Testing
from guard.engine.failures import BaseImageError
from guard.engine.leftovers import remove_leftovers
from guard.engine.prepared import Prepared, prepare
from guard.engine.profile import instructions
from guard.engine.programs import BuildkitCli, find_cli
from guard.engine.run import TestPlan, run_test
from guard.errors import EngineError
from guard.model import Result

__all__ = ["Attempt", "Prepared", "attempt", "prepare"]

_USUAL: Final = Options()


class Attempt(NamedTuple):
    """What building and testing gave, with what it was done by.

    Args:
        reason: why it failed, one line; "" where it passed.
        exit_status: of the failing RUN or of the test command; None where there is none.
        image: id of the image, "" where there is none.
        bases: the images that the build started from.
        context_digest: SHA-256 of the build context's tar, 64 hexadecimal digits.
        context_size: bytes of that tar.
        source_digest: the same for what was put at ``[test] source``, "" without.
        build_seconds: from the first byte of the context to the image.
        test_seconds: how long the test command ran; 0.0 where it did not.
        builder: ``classic`` or ``buildkit``.
        platform: what was built for, e.g. ``linux/amd64``.
        tail: the last lines of output of the phase that ended last.
        words: those of its output that tell why it failed.
    """

    result: Result
    reason: str
    exit_status: int | None
    image: str
    bases: tuple[Base, ...]
    context_digest: str
    context_size: int
    source_digest: str
    build_seconds: float
    test_seconds: float
    engine: Facts
    builder: str
    platform: str
    steps: tuple[StepRecord, ...]
    tail: tuple[str, ...]
    words: str


def attempt(
    engine: Engine,
    prepared: Prepared,
    on_event: OnEvent,
    options: Options = _USUAL,
    find: Callable[[], BuildkitCli | None] = find_cli,
    begun: CliBuild | None = None,
) -> Attempt:
    """Build and test. Removes what a killed guard left behind first, and leaves nothing itself.

    Args:
        on_event: told of every step and every line, in the thread that calls.
        find: gives the CLI that drives BuildKit; for those who have looked for it already.
        begun: the build of just this by the CLI, where it was begun; the caller closes it.

    Raises:
        EngineError: trouble of the engine, which is no verdict.
        MissingObjectError, GitError: what was checked has gone since.
        KeyboardInterrupt: interrupted or terminated; everything is cleaned up.
    """
    with terminable():
        remove_leftovers(engine)
        builder = choose_builder(engine, prepared.builder, find, begun)
        if begun is not None and builder.name != "buildkit":
            begun.close()
        return _attempt(engine, builder, prepared, on_event, options)


def _attempt(
    engine: Engine, builder: Builder, prepared: Prepared, on_event: OnEvent, options: Options
) -> Attempt:
    recipe, context = prepared.recipe, prepared.context
    begun = time.monotonic()
    try:
        with deadline(prepared.timeout):
            build = builder.build(engine, context, recipe, options, on_event)
    except BaseImageError as error:
        raise (_only_here(engine, context, error) if options.fresh else error) from None
    except DeadlinePassed:
        raise EngineError(
            f"the build did not end within {prepared.timeout} seconds",
            "raise [test] timeout; finished steps are kept in the engine's cache",
        ) from None
    made = Attempt(
        result=Result.FAILED_BUILD,
        reason=build.failure,
        exit_status=build.status,
        image=build.image,
        bases=build.bases,
        context_digest=context.digest,
        context_size=context.size,
        source_digest="",
        build_seconds=time.monotonic() - begun,
        test_seconds=0.0,
        engine=engine.facts,
        builder=builder.name,
        platform=recipe.platform or engine.facts.platform,
        steps=build.steps,
        tail=build.tail,
        words=build.words,
    )
    return made if build.failure else _tested(engine, prepared, on_event, made)


def _only_here(engine: Engine, context: Context, error: EngineError) -> EngineError:
    """What to say of a fresh build whose base nobody gives, where this engine has one."""
    dockerfile = context.dockerfile().decode(errors="replace")
    words = (each.text.split() for each in instructions(dockerfile))
    froms = (
        [word for word in line[1:] if not word.startswith("--")]
        for line in words
        if line[0].upper() == "FROM"
    )
    names = [line[0] for line in froms if line and engine.image_id(line[0])]
    if not names:
        return error
    return EngineError(
        f"--fresh pulls base images, and {' or '.join(names)} could not be pulled. This engine "
        f"has it; without --fresh it would be built on as it is here. {error.problem}",
        "guard test --again",
    )


def _tested(engine: Engine, prepared: Prepared, on_event: OnEvent, made: Attempt) -> Attempt:
    recipe = prepared.recipe
    on_event(Testing(made.image, recipe.command))
    plan = TestPlan(
        made.image,
        recipe.command,
        prepared.timeout,
        recipe.platform,
        recipe.source,
        prepared.source,
    )
    run = run_test(engine, plan, on_event)
    return made._replace(
        result=Result.FAILED_TEST if run.failure else Result.PASSED,
        reason=run.failure,
        exit_status=run.status,
        source_digest=prepared.source.digest if prepared.source is not None else "",
        test_seconds=run.seconds,
        tail=run.tail,
        words=run.words,
    )
