"""Engines of the tests' own, beside the one that others use: to be killed, filled, or newer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from guard.engine.client import Engine
from guard.errors import EngineError
from tests.engine.test_endings import processes

# Where `make test` unpacks Docker 28, and 20.10 where the system has another one.
NEWER: Final = Path(sys.prefix) / "newer-docker"
OLDER: Final = Path(sys.prefix) / "older-docker"


class Spec(NamedTuple):
    """What an engine is.

    Args:
        letter: a process has one engine of each letter at a time.
        programs: a folder into which packages are unpacked, None for the system's own.
        containerd_store: whether images are in the containerd image store.
        space: of its disk, in megabytes.
        more: what else ``daemon.json`` says.
    """

    letter: str
    programs: Path | None = None
    containerd_store: bool = False
    space: int = 500
    more: tuple[tuple[str, object], ...] = ()

    @property
    def folder(self) -> Path:
        """Short, as a socket's path has to be."""
        return Path(tempfile.gettempdir(), f"own-{os.getpid()}{self.letter}")

    @property
    def bridge(self) -> str:
        """Of its own: others may run these tests at the same time."""
        return f"gt{os.getpid()}{self.letter}"

    @property
    def address(self) -> str:
        """The bridge's."""
        pid, last = os.getpid(), 16 * (ord(self.letter) - ord("a")) + 1
        return f"10.{200 + pid // 256 % 50}.{pid % 256}.{last}/28"

    @property
    def settings(self) -> object:
        """What ``daemon.json`` says."""
        store = {"features": {"containerd-snapshotter": True}} if self.containerd_store else {}
        return {**store, **dict(self.more)}


SMALL: Final = Spec("a", space=160)
NEWER_CONTAINERD: Final = Spec("b", NEWER, containerd_store=True)
NEWER_GRAPH: Final = Spec("c", NEWER)


class OwnEngine:
    """A dockerd with a containerd, a disk and a bridge of its own; see `own_engine`."""

    def __init__(self, spec: Spec, stack: ExitStack) -> None:
        self.spec = spec
        self.folder = folder = spec.folder
        self._path = os.environ["PATH"]
        if spec.programs is not None:
            self._path = f"{spec.programs}/usr/sbin:{spec.programs}/usr/bin:{self._path}"
        self.host = f"unix://{folder}/docker.sock"
        self.tcp = f"tcp://127.0.0.1:{free_port()}"
        (folder / "daemon.json").write_text(json.dumps(spec.settings))
        self.log = stack.enter_context((folder / "log").open("wb"))
        self.containerd = self._start(
            *("containerd", "--root", f"{folder}/data/containerd", "--state", f"{folder}/cstate"),
            *("--address", f"{folder}/containerd.sock"),
        )
        stack.callback(_end, self.containerd)
        self._wait(lambda: (folder / "containerd.sock").exists())
        stack.callback(lambda: _end(self.dockerd))
        self.start()

    def start(self) -> None:
        """Start dockerd, on what an earlier one left."""
        folder = self.folder
        (folder / "pid").unlink(missing_ok=True)
        self.dockerd = self._start(
            *("dockerd", "--host", self.host, "--host", self.tcp),
            f"--containerd={folder}/containerd.sock",
            *("--config-file", f"{folder}/daemon.json"),
            *("--data-root", f"{folder}/data/docker", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/pid", "--iptables=false", "--ip6tables=false"),
            # Without a bridge of its own it would take the other engine's away.
            f"--bridge={self.spec.bridge}",
        )
        self._wait(self._answers)

    def kill(self) -> None:
        """What the kernel does to an engine that takes too much memory."""
        self.dockerd.send_signal(signal.SIGKILL)
        self.dockerd.wait()

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
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def own_engine(spec: Spec) -> Iterator[OwnEngine]:
    """An engine that goes when the context ends, with all that it made."""
    folder, bridge = spec.folder, spec.bridge
    with ExitStack() as stack:
        _run("ip", "link", "add", bridge, "type", "bridge")
        stack.callback(_run, "ip", "link", "del", bridge)
        _run("ip", "addr", "add", spec.address, "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        (folder / "data").mkdir(parents=True)
        stack.callback(shutil.rmtree, folder)
        _run("mount", "-t", "tmpfs", "-o", f"size={spec.space}m", "tmpfs", f"{folder}/data")
        stack.callback(_unmount, folder)
        stack.callback(_kill_all, folder)
        yield OwnEngine(spec, stack)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _kill_all(folder: Path) -> None:
    """What an engine leaves that was killed before: shims, and what runs in its containers."""
    for pid in processes(str(folder)):
        os.kill(int(pid), signal.SIGKILL)


def _unmount(folder: Path) -> None:
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed([place for place in mounted if place.startswith(f"{folder}/")]):
        _run("umount", "-l", place)
