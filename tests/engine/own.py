"""Engines of the tests' own, beside the one that others use: to be killed, filled, or newer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from guard.engine.client import Engine
from guard.errors import EngineError
from tests.engine.test_endings import processes

SPACE: Final = "size=160m"
# Others may run these tests at the same time.
BRIDGE: Final = f"gt{os.getpid()}"
ADDRESS: Final = f"10.{200 + os.getpid() // 256 % 50}.{os.getpid() % 256}.1/24"
# Where `make test` unpacks the Docker of the distribution's next release.
NEWER: Final = Path(sys.prefix) / "newer-docker"
CONTAINERD_STORE: Final = {"features": {"containerd-snapshotter": True}}


class OwnEngine:
    """A dockerd with a containerd, a disk and a bridge of its own.

    Args:
        folder: its path is short, as a socket's has to be.
        programs: a folder into which packages are unpacked, None for the system's own.
        settings: what ``daemon.json`` says.
    """

    def __init__(
        self, folder: Path, programs: Path | None = None, settings: object | None = None
    ) -> None:
        self.folder = folder
        self._path = os.environ["PATH"]
        if programs is not None:
            self._path = f"{programs}/usr/sbin:{programs}/usr/bin:{self._path}"
        self.host = f"unix://{folder}/docker.sock"
        self.tcp = f"tcp://127.0.0.1:{free_port()}"
        (folder / "data").mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", SPACE, "tmpfs", folder / "data"], check=True)
        (folder / "daemon.json").write_text(json.dumps(settings or {}))
        self.log = (folder / "log").open("wb")
        self.containerd = self._start(
            *("containerd", "--root", f"{folder}/croot", "--state", f"{folder}/cstate"),
            *("--address", f"{folder}/containerd.sock"),
        )
        self._wait(lambda: (folder / "containerd.sock").exists())
        self.start()

    def start(self) -> None:
        """Start dockerd, on what an earlier one left."""
        folder = self.folder
        (folder / "pid").unlink(missing_ok=True)
        self.dockerd = self._start(
            *(
                "dockerd",
                "--host",
                self.host,
                "--host",
                self.tcp,
                f"--containerd={folder}/containerd.sock",
            ),
            *("--config-file", f"{folder}/daemon.json"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/pid", "--iptables=false", "--ip6tables=false"),
            # Without a bridge of its own it would take the other engine's away.
            f"--bridge={BRIDGE}",
        )
        self._wait(self._answers)

    def kill(self) -> None:
        """What the kernel does to an engine that takes too much memory."""
        self.dockerd.send_signal(signal.SIGKILL)
        self.dockerd.wait()

    def close(self) -> None:
        for process in (self.dockerd, self.containerd):
            process.terminate()
            process.wait()
        self.log.close()
        for pid in processes(str(self.folder)):
            os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["umount", "-R", "-l", self.folder / "data"], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = shutil.which(name, path=self._path)
        assert program is not None, f"there is no {name}: see `make test`"
        return subprocess.Popen(
            [program, *arguments],
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, "PATH": self._path},
            start_new_session=True,
        )

    def _answers(self) -> bool:
        try:
            Engine.connect(self.host).close()
        except EngineError:
            return False
        return True

    def _wait(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not there():
            assert time.monotonic() < end, (self.folder / "log").read_text()[-3000:]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def own_engine(programs: Path | None = None, settings: object | None = None) -> Iterator[OwnEngine]:
    """An engine that goes when the context ends; see `OwnEngine`."""
    subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", ADDRESS, "dev", BRIDGE], check=True)
        subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
        started = OwnEngine(Path(f"/tmp/guard-own-{os.getpid()}"), programs, settings)
        try:
            yield started
        finally:
            started.close()
    finally:
        subprocess.run(["ip", "link", "del", BRIDGE], check=True)
