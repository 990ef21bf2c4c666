"""Which builder builds: BuildKit where it can be driven, else the classic one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from guard.engine.build import Builder
from guard.engine.buildkit import CliBuild, buildkit_build
from guard.engine.classic import classic_build
from guard.engine.client import Engine
from guard.engine.programs import BuildkitCli, find_cli
from guard.errors import EngineError


def choose_builder(
    engine: Engine,
    wanted: str,
    find: Callable[[], BuildkitCli | None] = find_cli,
    begun: CliBuild | None = None,
) -> Builder:
    """The builder for ``[image] builder``.

    Args:
        wanted: ``auto``, ``buildkit`` or ``classic``.
        find: gives the CLI; for those who have looked for it already.
        begun: the build that BuildKit goes on with, None to begin it.

    Raises:
        EngineError: BuildKit is asked for and nothing here drives it.
    """
    usable = wanted == "buildkit" or (wanted == "auto" and _has_bridge(engine))
    cli = find() if usable else None
    if cli is not None:
        return Builder("buildkit", cli.version, partial(buildkit_build, cli, begun))
    if wanted == "buildkit":
        raise EngineError(
            "[image] builder is buildkit, but no docker CLI here speaks it",
            "install docker buildx, or a docker CLI of version 18.09 to 20.10 (docker.io)",
        )
    return Builder("classic", f"engine {engine.facts.version}", classic_build)


def _has_bridge(engine: Engine) -> bool:
    """Whether the engine has its usual network, without which BuildKit runs no step."""
    with engine.speaking("look up its networks"):
        found = engine.api.networks(names=["bridge"])
    return any(network["Name"] == "bridge" for network in found)
