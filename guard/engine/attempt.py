"""One attempt at a verdict: build the combination, run its test, say what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from docker.utils import version_lt

from guard.config import Recipe
from guard.engine.build import Build, OnEvent, Options, Outcome, Output, Testing
from guard.engine.buildkit import CliBuild, buildkit_build
from guard.engine.classic import classic_build
from guard.engine.cli import BuildkitCli, InUse, InUseQuestion, find_cli, why_none
from guard.engine.client import Engine, Facts
from guard.engine.context import Context, Prepared
from guard.engine.endings import DeadlinePassed, deadline, terminable
from guard.engine.failures import BaseImageError
from guard.engine.leftovers import remove_leftovers
from guard.engine.run import TestPlan, run_test
from guard.engine.settings import default_platform
from guard.errors import EngineError
from guard.model import Result

_USUAL: Final = Options()
# What the last CLI that builds without buildx speaks at the most.
_LAST_API: Final = "1.41"
_INSTALL: Final = "install docker buildx (Debian and Ubuntu: docker-buildx or docker-buildx-plugin)"
_OTHERWISE: Final = (
    'set builder = "auto" in [image] of .guard.toml, or DOCKER_HOST to an engine of Docker'
)


class Builder(NamedTuple):
    """One of the two builders, ready for an engine.

    Args:
        name: ``classic`` or ``buildkit``: what a verdict records.
        driven_by: e.g. ``docker 20.10.24``, of buildx with the builder that is in use.
        in_use: that one.
        build: raises `EngineError` for anything but a failure that is the combination's own.
        hint: how to have the other one, "" for no way or no need.
    """

    name: str
    driven_by: str
    in_use: InUse
    build: Callable[[Engine, Context, Recipe, Options, OnEvent], Build]
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.driven_by})"


class Attempt(NamedTuple):
    """What building and testing gave, with what it was done by.

    Args:
        test: None where it never came to that.
        context_digest: SHA-256 of what is in the build context, 64 hexadecimal digits.
        platform: what was built for, e.g. ``linux/amd64``.
    """

    build: Build
    test: Outcome | None
    context_digest: str
    engine: Facts
    builder: Builder
    platform: str

    @property
    def last(self) -> Outcome:
        """Of the phase that ended last."""
        return self.test or self.build.outcome

    @property
    def result(self) -> Result:
        """The verdict."""
        if self.test is None:
            return Result.FAILED_BUILD
        return Result.FAILED_TEST if self.test.failure else Result.PASSED


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
        KeyboardInterrupt: interrupted or terminated; everything is cleaned up.
    """
    recipe, context = prepared.recipe, prepared.context
    with terminable():
        remove_leftovers(engine)
        builder = choose_builder(engine, prepared.builder, find, begun)
        if begun is not None and builder.name != "buildkit":
            begun.close()
        if (options.cache_from or options.cache_to) and not builder.in_use.name:
            raise EngineError(
                f"[image] cache-from and cache-to are for buildx; this would build with {builder}",
                "install docker buildx, or take them out of .guard.toml",
            )
        on_event(Output(f"builder: {builder}"))
        if builder.hint:
            on_event(Output(builder.hint))
        build = _built(engine, builder, prepared, on_event, options)
        test = None
        if build.image:
            on_event(Testing(build.image, recipe.command))
            plan = TestPlan(
                *(build.image, recipe.command, recipe.entrypoint, prepared.timeout),
                recipe.platform,
                *(recipe.source, prepared.source),
            )
            test = run_test(engine, plan, on_event)
    platform = recipe.platform or default_platform() or engine.facts.platform
    if build.image:
        platform = engine.image_platform(build.image)
    return Attempt(build, test, context.digest, engine.facts, builder, platform)


def choose_builder(
    engine: Engine,
    wanted: str,
    find: Callable[[], BuildkitCli | None] = find_cli,
    begun: CliBuild | None = None,
) -> Builder:
    """The builder for ``[image] builder``: BuildKit where it can be driven, else the classic one.

    Args:
        wanted: ``auto``, ``buildkit`` or ``classic``.
        begun: the build that BuildKit goes on with, None to begin it.

    Raises:
        EngineError: BuildKit is asked for and nothing here drives it, or buildx's own builder does
            not answer.
    """
    facts = engine.facts
    usable, lack = wanted == "buildkit", ""
    if facts.is_podman:
        usable, lack = False, f"the engine at {facts.host} is Podman, which has none"
    elif wanted == "auto":
        # Without the engine's usual network BuildKit runs no step.
        with engine.speaking("look up its networks"):
            networks = engine.api.networks(names=["bridge"])
        usable = any(network["Name"] == "bridge" for network in networks)
    cli = find() if usable else None
    if cli is not None and not cli.is_buildx and version_lt(_LAST_API, facts.oldest_api):
        lack = f"the engine speaks no API before {facts.oldest_api}, {cli.version} none that new"
        cli = None
    elif usable and cli is None:
        lack = f"no docker CLI here speaks it: {why_none()}"
    if cli is not None:
        question = begun.in_use if begun is not None else None
        in_use = (question or InUseQuestion(cli, engine.given_host)).answer()
        build = partial(buildkit_build, cli, in_use, begun)
        driven_by = f"{cli.version}, {in_use}" if in_use.name else cli.version
        return Builder("buildkit", driven_by, in_use, build)
    remedy = _OTHERWISE if facts.is_podman else _INSTALL
    if wanted == "buildkit":
        raise EngineError(f"[image] builder is buildkit, but {lack}", remedy)
    version = f"{'Buildah of Podman' if facts.is_podman else 'engine'} {facts.version}"
    hint = f"to build with BuildKit, {_INSTALL}: {lack}" if usable else ""
    return Builder("classic", version, InUse(), classic_build, hint)


def _built(
    engine: Engine, builder: Builder, prepared: Prepared, on_event: OnEvent, options: Options
) -> Build:
    began = time.monotonic()
    try:
        with deadline(prepared.timeout):
            build = builder.build(engine, prepared.context, prepared.recipe, options, on_event)
    except BaseImageError as error:
        raise _only_here(engine, builder.in_use, options, prepared.recipe, error) from None
    except EngineError as error:
        if not builder.in_use.endpoint:
            raise
        problem = f"{builder.in_use}: {error.problem}"
        raise EngineError(problem, builder.in_use.remedy) from error
    except DeadlinePassed:
        raise EngineError(
            f"the build did not end within {prepared.timeout} seconds",
            "raise [test] timeout; finished steps are kept in the engine's cache",
        ) from None
    return build._replace(outcome=build.outcome._replace(seconds=time.monotonic() - began))


def _only_here(
    engine: Engine, in_use: InUse, options: Options, recipe: Recipe, error: BaseImageError
) -> EngineError:
    """What to say where a base could not be pulled; the engine may have it all the same."""
    if not error.image or not engine.image_id(error.image):
        return error
    if in_use.endpoint:
        return EngineError(
            f"{in_use} cannot pull {error.image}, which only this engine has: {error.problem}",
            in_use.remedy,
        )
    if options.fresh:
        return EngineError(
            f"--fresh pulls base images, and {error.image} could not be pulled. This engine "
            f"has it; without --fresh it would be built on as it is here. {error.problem}",
            "guard test --again",
        )
    has = engine.image_platform(error.image)
    wanted = recipe.platform or default_platform()
    if not wanted or f"{wanted}/".startswith(f"{has}/"):
        return error
    return EngineError(
        f"the engine has {error.image} for {has} alone, and this builds for {wanted}: "
        f"{error.problem}",
        "correct [image] platform in .guard.toml"
        if recipe.platform
        else "unset DOCKER_DEFAULT_PLATFORM",
    )
