"""The engines that every case of the matrix is tried on, each with a builder."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from tests.engine.own import NEWER, NEWER_CONTAINERD, NEWER_GRAPH, OLDER, Spec, own_engine

BUILDX: Final = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"


class Column(NamedTuple):
    """An engine and a builder.

    Args:
        name: what a test's name says.
        version: how the engine's version begins.
        builder: what a verdict calls it.
        driver: a pattern of how what drives it begins.
        spec: the engine to be started, None for the one that `scripts/engine` brought.
    """

    name: str
    version: str
    builder: str
    driver: str
    spec: Spec | None = None

    def __str__(self) -> str:
        return self.name

_DEFAULT: Final = r"buildx [\d.]+, builder default \(docker\)$"
COLUMNS: Final = (
    Column("20.10-classic", "20.10.", "classic", r"engine 20\.10\."),
    Column("20.10-buildkit", "20.10.", "buildkit", r"docker 20\.10\."),
    Column("28-containerd", "28.", "buildkit", _DEFAULT, NEWER_CONTAINERD),
    Column("28-graph", "28.", "buildkit", _DEFAULT, NEWER_GRAPH),
)


DEMO: Final = COLUMNS[2]


class Engines:
    """The engines of a test session, each started when the first test needs it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._hosts: dict[Spec, str] = {}

    def environment(self, column: Column, folder: Path) -> dict[str, str]:
        """What leads the docker CLI, and guard, to a column's engine and builder.

        Args:
            folder: for the configuration of the CLI.
        """
        plugins = folder / "cli-plugins"
        plugins.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        environment = {"DOCKER_CONFIG": str(folder)}
        if column.spec is None and OLDER.exists():
            environment["PATH"] = f"{OLDER}/usr/bin:{os.environ['PATH']}"
        if column.spec is not None:
            (plugins / BUILDX.name).symlink_to(BUILDX)
            if column.spec not in self._hosts:
                engine = self._stack.enter_context(own_engine(column.spec))
                self._hosts[column.spec] = engine.host
            environment["DOCKER_HOST"] = self._hosts[column.spec]
        return environment
