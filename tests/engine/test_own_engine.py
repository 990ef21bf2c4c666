"""An engine that is killed, or whose disk is full: one of the test's own, so that others live."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from guard.engine.leftovers import OWNER
from guard.errors import EngineError
from guard.git.store import Part
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.own import SMALL, OwnEngine, own_engine
from tests.engine.test_endings import AULA, HANGING, Victim, processes
from tests.engine.trees import Content, Store, Submodule

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")


@pytest.fixture(scope="module")
def own() -> Iterator[OwnEngine]:
    with own_engine(SMALL) as started:
        yield started


def parts(store: Store, dockerfile: str) -> list[Part]:
    files: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule()}
    return [store.part(files), store.part(AULA, "aula")]


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
@pytest.mark.parametrize("phase", ["build", "test"])
def test_an_engine_that_is_killed(
    phase: str,
    builder: str,
    own: OwnEngine,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own.host)
    with Engine.connect() as killed:
        base = base_image(killed)
    marker = f": {uuid.uuid4()};"
    run = f"RUN {marker} {HANGING}\n" if phase == "build" else ""
    victim = Victim(store, f"FROM {base}\n{run}", f"{marker} {HANGING}", builder)
    own.kill()
    said = victim.lines.read()
    victim.lines.close()
    victim.process.wait()
    # The client says its own before.
    assert said.splitlines()[-1].startswith("engine: the engine went away: could not ")
    # What ran goes on: nobody is there who could end it, and the engine has lost sight of it.
    for process in processes(marker):
        os.kill(int(process), signal.SIGKILL)
    own.start()
    with Engine.connect() as restarted:
        trial = Trial(restarted, builder)
        found = trial.run(parts(store, f"FROM {base}\nRUN echo again\n"))
        assert found.result is Result.PASSED
        labelled = restarted.api.containers(all=True, filters={"label": OWNER})
        assert labelled == []


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_an_engine_whose_disk_is_full(
    builder: str,
    own: OwnEngine,
    store: Store,
) -> None:
    with Engine.connect(own.host) as engine:
        trial = Trial(engine, builder)
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
        found = Trial(far, builder).run(parts(store, dockerfile), "/bin/cat", "/where")
        assert (found.result, found.last.tail) == (Result.PASSED, (way,))
        assert far.image_id(found.build.image) and not engine.image_id(found.build.image)


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)
