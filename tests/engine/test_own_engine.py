"""An engine that is killed, or whose disk is full: one of the test's own, so that others live."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from guard.engine.strays import remove_strays
from guard.errors import EngineError
from guard.git.objects import ObjectPool
from guard.git.parts import Part
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.test_endings import AULA, HANGING, Victim, processes
from tests.engine.trees import Content, Store, Submodule

# Others may run these tests at the same time.
BRIDGE = f"gt{os.getpid()}"
ADDRESS = f"10.{200 + os.getpid() // 256 % 50}.{os.getpid() % 256}.1/24"
SPACE = "size=160m"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")


class OwnEngine:
    """A dockerd with a containerd, a disk and a bridge of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.tcp = f"tcp://127.0.0.1:{free_port()}"
        (folder / "data").mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", SPACE, "tmpfs", folder / "data"], check=True)
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

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)

    def _answers(self) -> bool:
        try:
            Engine.connect(self.host).close()
        except EngineError:
            return False
        return True

    def _wait(self, there: object) -> None:
        assert callable(there)
        end = time.monotonic() + 60
        while not there():
            assert time.monotonic() < end, (self.folder / "log").read_text()[-3000:]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
    subprocess.run(["ip", "addr", "add", ADDRESS, "dev", BRIDGE], check=True)
    subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
    # A socket's path has little room.
    started = OwnEngine(Path(f"/tmp/guard-own-{os.getpid()}"))
    try:
        yield started
    finally:
        started.close()
        subprocess.run(["ip", "link", "del", BRIDGE], check=True)


def parts(store: Store, dockerfile: str) -> list[Part]:
    files: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule()}
    return [store.part(files), store.part(AULA, "aula")]


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
@pytest.mark.parametrize("phase", ["build", "test"])
def test_an_engine_that_is_killed(
    phase: str,
    builder: str,
    own: OwnEngine,
    engine: Engine,
    store: Store,
    pool: ObjectPool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own.host)
    with Engine.connect() as killed:
        base = base_image(killed)
    marker = f": killed-{phase}-{builder};"
    run = f"RUN {marker} {HANGING}\n" if phase == "build" else ""
    victim = Victim(store, f"FROM {base}\n{run}", f"{marker} {HANGING}", builder)
    own.kill()
    said = victim.lines.read()
    victim.lines.close()
    victim.process.wait()
    assert said.startswith("engine: the engine went away: could not ")
    # What ran goes on: nobody is there who could end it. A run on another engine does not either,
    # and takes no note away.
    assert processes(marker)
    remove_strays(engine)
    assert processes(marker)
    own.start()
    with Engine.connect() as restarted:
        trial = Trial(restarted, pool, builder)
        found = trial.run(parts(store, f"FROM {base}\nRUN echo again\n"))
        assert found.result is Result.PASSED
        assert restarted.api.containers(all=True) == []
    assert processes(marker) == []


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_an_engine_whose_disk_is_full(
    builder: str,
    own: OwnEngine,
    store: Store,
    pool: ObjectPool,
) -> None:
    with Engine.connect(own.host) as engine:
        trial = Trial(engine, pool, builder)
        base = base_image(engine)
        fill = f"FROM {base}\nRUN dd if=/dev/zero of=/big bs=1M count=200\n"
        with pytest.raises(EngineError, match="the engine's disk is full") as caught:
            trial.run(parts(store, fill))
        assert "docker system df" in caught.value.remedy
        assert trial.run(parts(store, f"FROM {base}\n")).result is Result.PASSED


@pytest.mark.parametrize("way", ["DOCKER_HOST", "DOCKER_CONTEXT", "current context"])
def test_an_engine_behind_a_port(
    way: str,
    builder: str,
    own: OwnEngine,
    engine: Engine,
    store: Store,
    pool: ObjectPool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    if way == "DOCKER_HOST":
        monkeypatch.setenv("DOCKER_HOST", own.tcp)
    else:
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text("{}")
        docker("context", "create", "far", "--docker", f"host={own.tcp}")
        if way == "DOCKER_CONTEXT":
            monkeypatch.setenv("DOCKER_CONTEXT", "far")
        else:
            docker("context", "use", "far")
    with Engine.connect() as far:
        assert far.facts.host == own.tcp
        base = base_image(far)
        dockerfile = f"FROM {base}\nRUN echo {way} >/where\n"
        found = Trial(far, pool, builder).run(parts(store, dockerfile), "/bin/cat", "/where")
        assert (found.result, found.tail) == (Result.PASSED, (way,))
        assert far.image_id(found.image) and not engine.image_id(found.image)


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)
