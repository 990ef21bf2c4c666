"""buildx's own builders: which one is in use, what it lacks, and one that has gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from guard.config import Config, Image, Test
from guard.engine.attempt import Attempt, attempt, choose_builder
from guard.engine.baseimage import base_image
from guard.engine.build import Options
from guard.engine.cli import find_cli
from guard.engine.client import Engine
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.own import CONTAINERD_STORE, NEWER, own_engine
from tests.engine.test_attempt import parts
from tests.engine.test_endings import HANGING, Victim, processes, settled
from tests.engine.trees import Store
from tests.registry import Registry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")

BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"
_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.fixture(scope="module")
def newer() -> Iterator[Engine]:
    """Docker 28, with the image store of containerd."""
    with own_engine(NEWER, CONTAINERD_STORE) as started, Engine.connect(started.host) as engine:
        base_image(engine)
        yield engine


@pytest.fixture(autouse=True)
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """buildx as a user has it, with no builder but the engine itself."""
    plugins = tmp_path / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / BUILDX.name).symlink_to(BUILDX)
    (plugins.parent / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(plugins.parent))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)

    def run(*arguments: str) -> str:
        ran = subprocess.run([BUILDX, *arguments], check=True, capture_output=True, text=True)
        return ran.stdout

    return run


@pytest.fixture
def far(newer: Engine, tmp_path: Path, buildx: Callable[..., str]) -> str:
    """The address of a remote builder, which is in use: the BuildKit inside of Docker 28."""
    path = f"/tmp/guard-far-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    engine = newer.facts.host.removeprefix("unix://")
    Thread(target=_serve, args=(listening, engine), daemon=True).start()
    buildx("create", "--use", "--name", "far", "--driver", "remote", f"unix://{path}")
    return f"unix://{path}"


def _serve(listening: socket.socket, engine: str) -> None:
    while True:
        near, _ = listening.accept()
        behind = socket.socket(socket.AF_UNIX)
        behind.connect(engine)
        behind.sendall(_UPGRADE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += behind.recv(1)
        for one, other in ((near, behind), (behind, near)):
            Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def run(engine: Engine, store: Store, dockerfile: str, options: Options | None = None) -> Attempt:
    """Build and test by buildx."""
    trial = Trial(engine, "buildkit")
    with trial.stack:
        config = Config(image=Image(builder="buildkit"), test=Test(("/bin/cat", "/x")))
        made = trial.prepared(parts(store, dockerfile), config)
        return attempt(engine, made, trial.on_event, options or Options())


def test_the_engine_itself_is_named_as_the_builder(newer: Engine, store: Store) -> None:
    ran = run(newer, store, f"FROM {base_image(newer)}\nRUN echo a >/x\n")
    assert ran.builder == "buildkit (buildx 0.29.1, builder default (docker))"


def test_the_image_of_a_remote_builder_is_loaded_into_the_engine(
    engine: Engine, newer: Engine, far: str, store: Store
) -> None:
    word = uuid.uuid4().hex
    ran = run(engine, store, f"FROM {base_image(newer)}\nRUN echo {word} >/x\n")
    assert ran.builder == f"buildkit (buildx 0.29.1, builder far (remote at {far}))"
    assert (ran.result, ran.last.tail) == (Result.PASSED, (word,))
    assert engine.image_id(ran.build.image) == ran.build.image


def test_what_fails_at_a_remote_builder_is_a_verdict(
    engine: Engine, newer: Engine, far: str, store: Store
) -> None:
    ran = run(engine, store, f"FROM {base_image(newer)}\nRUN echo why >&2; exit 3\n")
    assert (ran.result, ran.last.status, ran.last.tail) == (Result.FAILED_BUILD, 3, ("why",))


@pytest.mark.parametrize("text", ["FROM {}\n", "FROM {base}\nCOPY --from={} /bin/sh /x\n"])
def test_a_base_that_the_engine_alone_has_is_told_as_that(
    text: str,
    engine: Engine,
    newer: Engine,
    far: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = base_image(engine)
    name = f"guard-alone-{uuid.uuid4().hex[:8]}:1"
    engine.api.tag(base, name)
    dockerfile = text.replace("{}", name).replace("{base}", base) + "RUN echo x >/x\n"
    try:
        with pytest.raises(EngineError, match=rf"{far}\) cannot pull {name}, which only") as it:
            run(engine, store, dockerfile)
        assert it.value.remedy == "BUILDX_BUILDER=default guard test"
        monkeypatch.setenv("BUILDX_BUILDER", "default")
        assert run(engine, store, dockerfile).result is Result.PASSED
    finally:
        engine.api.remove_image(name)


@pytest.mark.parametrize("way", ["refuses", "is silent", "was removed"])
def test_a_builder_that_has_gone_is_told_at_once(
    way: str,
    engine: Engine,
    store: Store,
    buildx: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if way == "is silent":
            silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        if way != "was removed":
            buildx("create", "--name", "gone", "--driver", "remote", address)
        monkeypatch.setenv("BUILDX_BUILDER", "gone")
        cli = find_cli()
        assert cli is not None
        began = time.monotonic()
        with pytest.raises(EngineError, match=r"does not answer|no builder .gone. found") as it:
            choose_builder(engine, "buildkit", lambda: cli)
        assert time.monotonic() - began < 3.5
        assert it.value.remedy == "BUILDX_BUILDER=default guard test"


def test_what_a_builder_refuses_is_said_with_the_way_round_it(
    engine: Engine, newer: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"host={newer.facts.host}"
    subprocess.run(["docker", "context", "create", "other", "--docker", host], check=True)
    monkeypatch.setenv("BUILDX_BUILDER", "other")
    with pytest.raises(EngineError, match=r"^builder other \(docker at other\): .*switch to") as it:
        run(engine, store, f"FROM {base_image(newer)}\n")
    assert it.value.remedy == "BUILDX_BUILDER=default guard test"


def test_ctrl_c_ends_what_a_remote_builder_runs(far: str, newer: Engine, store: Store) -> None:
    marker = f": far-{uuid.uuid4().hex}; {HANGING}"
    victim = Victim(store, f"FROM {base_image(newer)}\nRUN {marker}\n", "true", "buildkit")
    victim.process.send_signal(signal.SIGINT)
    victim.process.wait()
    victim.lines.close()
    assert settled(lambda: processes(marker)) == []


def test_layers_come_from_a_registry_where_the_engine_has_none(
    newer: Engine, store: Store, registry: Registry
) -> None:
    dockerfile = f"FROM {base_image(newer)}\nRUN echo {uuid.uuid4()} >/x\n"
    cache = f"type=registry,ref={registry.name}:cache"
    options = Options(cache_from=(cache,), cache_to=(f"{cache},mode=max",))
    first = run(newer, store, dockerfile, options)
    newer.api.remove_image(first.build.image)
    newer.api.prune_builds(all=True)
    again = run(newer, store, dockerfile, options._replace(cache_to=()))
    assert [step.cached for step in again.build.steps if step.text.startswith("RUN")] == [True]
    assert again.last.tail == first.last.tail


def test_a_cache_that_is_not_there_hides_no_failure(newer: Engine, store: Store) -> None:
    options = Options(cache_from=("type=registry,ref=127.0.0.1:1/none:cache",))
    ran = run(newer, store, f"FROM {base_image(newer)}\nRUN exit 4\n", options)
    assert ran.last.failure == "exit status 4: RUN exit 4"


def test_what_the_builder_cannot_keep_elsewhere_is_said_by_it(engine: Engine, store: Store) -> None:
    options = Options(cache_to=("type=registry,ref=127.0.0.1:1/none:cache",))
    with pytest.raises(EngineError, match="Cache export is not supported for the docker driver"):
        run(engine, store, f"FROM {base_image(engine)}\n", options)


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_only_buildx_keeps_layers_elsewhere(
    builder: str, engine: Engine, store: Store, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONFIG")
    trial = Trial(engine, builder)
    config = Config(image=trial.image, test=Test(("/bin/true",)))
    with trial.stack:
        made = trial.prepared(parts(store, f"FROM {base}\n"), config)
        options = Options(cache_from=("type=registry,ref=127.0.0.1:1/none:cache",))
        with pytest.raises(EngineError, match=r"cache-from and cache-to are for buildx; .*20\.10"):
            attempt(engine, made, trial.on_event, options, lambda: find_cli(plugins=()))
