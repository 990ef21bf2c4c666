"""The engines that every case of the matrix is tried on, each with a builder."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.engine.own import NEWER_CONTAINERD, NEWER_GRAPH, OLDER, Spec, own_engine

# Where `make engines` unpacks it.
DOCKER_26: Final = Path(sys.prefix) / "docker-26"
_BUILDX: Final = Path("usr/libexec/docker/cli-plugins/docker-buildx")
_CERTIFICATES: Final = Path(__file__).parents[1] / "engine/certificates.sh"


class Column(NamedTuple):
    """An engine and a builder.

    Args:
        name: what a test's name says.
        version: how the engine's version begins.
        builder: what a verdict calls it.
        driver: a pattern of how what drives it begins.
        spec: the engine to be started, None for the one that `scripts/engine` brought.
        tls: whether it is behind a port, with TLS, and wants a certificate of its clients.
    """

    name: str
    version: str
    builder: str
    driver: str
    spec: Spec | None = None
    tls: bool = False

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

_BEHIND_TLS: Final = NEWER_CONTAINERD._replace(letter="j")
# What `make engines` has besides.
MORE_COLUMNS: Final = (
    Column("26-containerd", "26.", "buildkit", _DEFAULT, Spec("h", DOCKER_26, True)),
    Column("26-graph", "26.", "buildkit", _DEFAULT, Spec("i", DOCKER_26)),
    Column("28-classic", "28.", "classic", r"engine 28\.", NEWER_CONTAINERD),
    Column("28-tls", "28.", "buildkit", _DEFAULT, _BEHIND_TLS, tls=True),
)
# And what it has not, with the reason.
NOT_RUN: Final = {
    "Podman 5": "its service is tried in tests/engine",
    "a remote builder": "tried in tests/engine/test_builders.py",
    "an engine by ssh": "tried in tests/engine/test_ssh.py",
    "rootless Docker": "needs rootlesskit, uidmap, slirp4netns and a user who is logged in",
}


class Engines:
    """The engines of a test session, each started when the first test needs it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._ways: dict[Spec, dict[str, str]] = {}

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
            assert column.spec.programs is not None
            (plugins / _BUILDX.name).symlink_to(column.spec.programs / _BUILDX)
            environment |= self._way(column.spec, column.tls)
        return environment

    def _way(self, spec: Spec, tls: bool) -> dict[str, str]:
        if spec not in self._ways:
            start = self._behind_tls if tls else self._local
            self._ways[spec] = start(spec)
        return self._ways[spec]

    def _local(self, spec: Spec) -> dict[str, str]:
        return {"DOCKER_HOST": self._stack.enter_context(own_engine(spec)).host}

    def _behind_tls(self, spec: Spec) -> dict[str, str]:
        folder = self._stack.enter_context(TemporaryDirectory())
        subprocess.run(["sh", _CERTIFICATES], cwd=folder, check=True, capture_output=True)
        files = {"tlscacert": "ca.pem", "tlscert": "server.pem", "tlskey": "server-key.pem"}
        settings = [(name, f"{folder}/{file}") for name, file in files.items()]
        more = (("tlsverify", True), *settings)
        engine = self._stack.enter_context(own_engine(spec._replace(more=more)))
        return {"DOCKER_HOST": engine.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": folder}
