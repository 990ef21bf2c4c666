"""buildx: what it tells of a build, the builder that is in use, and one that cannot serve."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from guard.config import Config, Image, Test
from guard.engine.attempt import Attempt, attempt, choose_builder
from guard.engine.baseimage import base_image
from guard.engine.build import Event, Options, Output, Step
from guard.engine.cli import find_cli
from guard.engine.client import Engine
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.own import NEWER, NEWER_CONTAINERD, own_engine
from tests.engine.test_attempt import parts
from tests.engine.test_endings import HANGING, Victim, processes, settled
from tests.engine.trees import Store
from tests.registry import Registry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")

BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"
DEFAULT = re.compile(r"buildkit \(buildx [\d.]+, builder default \(docker\)\)")
_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.fixture(scope="module")
def newer() -> Iterator[Engine]:
    """Docker 28, with the image store of containerd."""
    with own_engine(NEWER_CONTAINERD) as started, Engine.connect(started.host) as engine:
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
def far(newer: Engine, buildx: Callable[..., str]) -> Iterator[str]:
    """The address of a remote builder, which is in use: the BuildKit inside of Docker 28."""
    engine = newer.facts.host.removeprefix("unix://")
    # A socket's path is short.
    with TemporaryDirectory(prefix="far-") as folder, socket.socket(socket.AF_UNIX) as listening:
        path = f"{folder}/s"
        listening.bind(path)
        listening.listen()
        Thread(target=_serve, args=(listening, engine), daemon=True).start()
        buildx("create", "--use", "--name", "far", "--driver", "remote", f"unix://{path}")
        yield f"unix://{path}"
        # Closed alone, it would be accepted from for ever.
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, engine: str) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
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


def run(
    engine: Engine,
    store: Store,
    dockerfile: str,
    options: Options | None = None,
    target: str = "",
) -> Attempt:
    """Build and test by buildx."""
    return told(engine, store, dockerfile, options, target)[0]


def told(
    engine: Engine,
    store: Store,
    dockerfile: str,
    options: Options | None = None,
    target: str = "",
) -> tuple[Attempt, list[Event]]:
    """As `run`, with what was told meanwhile."""
    trial = Trial(engine, "buildkit")
    with trial.stack:
        image = Image(builder="buildkit", target=target)
        config = Config(image=image, test=Test(("/bin/cat", "/x")))
        made = trial.prepared(parts(store, dockerfile), config)
        return attempt(engine, made, trial.on_event, options or Options()), trial.events


def test_the_step_that_fails_is_not_one_that_is_canceled_for_it(
    newer: Engine, store: Store
) -> None:
    base = base_image(newer)
    dockerfile = (
        f"FROM {base} AS one\nRUN echo one; sleep 60\nFROM {base} AS two\n"
        f"RUN echo two >&2; sleep 1; exit 7\nFROM {base}\nCOPY --from=one /x /1\n"
        "COPY --from=two /x /2\n"
    )
    ran, events = told(newer, store, dockerfile)
    assert ran.last.failure == "exit status 7: RUN echo two >&2; sleep 1; exit 7"
    assert (ran.last.status, ran.last.tail, ran.last.words) == (7, ("two",), "two")
    steps = {event.number: event.text for event in events if isinstance(event, Step)}
    lines = {event.text: steps.get(event.number) for event in events if isinstance(event, Output)}
    assert lines["one"] == "RUN echo one; sleep 60"


def test_a_buildx_without_json_is_understood_as_well(newer: Engine, store: Store) -> None:
    cli = find_cli()
    assert cli is not None
    older = cli._replace(version="buildx 0.12.0")
    assert (older.progress, cli.progress) == ("plain", "rawjson")
    base, trial = base_image(newer), Trial(newer, "buildkit")
    config = Config(image=trial.image, test=Test(("/bin/true",)))
    for step, failure in (
        ("RUN echo why; exit 3", "exit status 3: RUN echo why; exit 3"),
        ("COPY nope /", '.*"/nope": not found: COPY nope /'),
        ("ENV A", "ENV must have two arguments"),
    ):
        with trial.stack:
            made = trial.prepared(parts(store, f"FROM {base}\n{step}\n"), config)
            ran = attempt(newer, made, trial.on_event, find=lambda: older)
        assert re.fullmatch(failure, ran.last.failure)
        assert ran.last.tail == (("why",) if "why" in step else ())


def test_lines_come_whole_and_in_any_encoding(newer: Engine, store: Store) -> None:
    script = "printf 'a\\377'; sleep 1; printf 'b\\ncd'; exit 3"
    ran = run(newer, store, f"FROM {base_image(newer)}\nRUN {script}\n")
    assert ran.last.tail == ("a\N{REPLACEMENT CHARACTER}b", "cd")


@pytest.mark.parametrize(
    ("dockerfile", "failure"),
    [
        ("FROM {}\nRUN <<E\necho x\nexit 4\nE\n", r"exit status 4: RUN <<E \(.*\)"),
        ("FROM {}\nENV A\n", "ENV must have two arguments"),
        ("FROM {}\nRUN <<E\necho x\n", "unterminated heredoc"),
        ("FROM {}\nEXPOSE x/y\n", 'invalid port: "x/y": invalid proto: y'),
        ("FROM {}\nRUN --mount=type=nope x\n", 'unsupported mount type "nope"'),
        ("FROM {}\nCOPY nope /\n", '.*"/nope": not found: COPY nope /'),
        ('FROM {}\nRUN ["nope"]\n', '.*exec: "nope": executable file not found.*'),
    ],
)
def test_what_the_combination_fails_is_a_verdict_whatever_the_words(
    dockerfile: str, failure: str, newer: Engine, store: Store
) -> None:
    ran = run(newer, store, dockerfile.replace("{}", base_image(newer)))
    assert ran.result is Result.FAILED_BUILD
    assert re.fullmatch(failure, ran.last.failure)


def test_all_that_the_client_says_is_told(newer: Engine, store: Store) -> None:
    dockerfile = f"FROM {base_image(newer)}\nMAINTAINER x\nRUN echo a >/x\n"
    lines = [each.text for each in told(newer, store, dockerfile)[1] if isinstance(each, Output)]
    assert any(re.match(r"WARNING: MaintainerDeprecated: .*\(line 2\)", line) for line in lines)


@pytest.mark.parametrize(
    ("dockerfile", "problem"),
    [
        ("# syntax=127.0.0.1:1/nope:1\nFROM {}\n", "no frontend 127.0.0.1:1/nope:1: "),
        ("FROM 127.0.0.1:1/nope\n", "no base image 127.0.0.1:1/nope:latest: "),
        ("FROM {}\nADD http://127.0.0.1:1/x /\n", "the engine reaches no network at 'ADD http"),
        # There is room again when the step ends: BuildKit takes its time to clear up after it.
        (
            "FROM {}\nRUN dd if=/dev/zero of=/big bs=1M count=600 || { rm /big; exit 1; }\n",
            "the engine's disk is full",
        ),
        ("FROM {}\nRUN sh -c 'kill -9 $$'; exit $?\n", "the step was killed .exit status 137."),
    ],
)
def test_what_the_engine_fails_is_none(
    dockerfile: str, problem: str, newer: Engine, store: Store
) -> None:
    with pytest.raises(EngineError, match=problem):
        run(newer, store, dockerfile.replace("{}", base_image(newer)))


# The vertex that fetches a token from a registry's own server.
AUTH = {
    "digest": "sha256:a",
    "name": "[auth] liqd/aula:pull token for quay.io",
    "started": "2026-01-01T00:00:00.123456789Z",
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "View build details: docker-desktop://dashboard/build/default/default/abc"),
        ("", "1 warning found (use docker --debug to expand):"),
        (json.dumps({"vertexes": [AUTH]}), "What is next?"),
        ("", '{"no": JSON'),
    ],
)
@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("RUNN x", "dockerfile parse error on line 2: unknown instruction: RUNN .*"),
        ("EXPOSE x/y", 'invalid port: "x/y": invalid proto: y'),
        ("RUN exit 3", "exit status 3: RUN exit 3"),
    ],
)
def test_what_else_buildx_says_is_not_why_it_failed(
    line: str,
    failure: str,
    before: str,
    after: str,
    newer: Engine,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it has beside Docker Desktop and public registries, around what it really says."""
    plugin = tmp_path / "around/cli-plugins/docker-buildx"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        f"#!/bin/sh\necho >&2 '{before}'\n{BUILDX} \"$@\"\nstatus=$?\n"
        f"echo >&2\necho >&2 '{after}'\nexit $status\n"
    )
    plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "around"))
    ran, events = told(newer, store, f"FROM {base_image(newer)}\n{line}\n")
    assert ran.result is Result.FAILED_BUILD
    assert re.fullmatch(failure, ran.last.failure)
    texts = [event.text for event in events if isinstance(event, Output)]
    assert texts[-1] == after and f"   2 | >>> {line}" in texts


def test_the_engine_itself_is_named_as_the_builder(newer: Engine, store: Store) -> None:
    ran = run(newer, store, f"FROM {base_image(newer)}\nRUN echo a >/x\n")
    assert DEFAULT.fullmatch(str(ran.builder))


def test_a_builder_that_another_engine_is_to_use_is_not_in_use(
    engine: Engine, newer: Engine, far: str, store: Store
) -> None:
    assert "builder far" in str(choose_builder(engine, "buildkit"))
    # The choice was made for the engine that the CLI finds by itself.
    ran = run(newer, store, f"FROM {base_image(newer)}\nRUN echo a >/x\n")
    assert DEFAULT.fullmatch(str(ran.builder))


def test_the_image_of_a_remote_builder_is_loaded_into_the_engine(
    engine: Engine, newer: Engine, far: str, store: Store
) -> None:
    word = uuid.uuid4().hex
    ran = run(engine, store, f"FROM {base_image(newer)}\nRUN echo {word} >/x\n")
    assert str(ran.builder).endswith(f", builder far (remote at {far}))")
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


def test_the_engine_of_a_docker_context_is_the_builder_of_that_name(
    newer: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"host={newer.facts.host}"
    subprocess.run(["docker", "context", "create", "there", "--docker", host], check=True)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "there")
    dockerfile = f"FROM {base_image(newer)}\nRUN echo > /x\n"
    with Engine.connect() as engine:
        for builder in ("gone", "default"):
            monkeypatch.setenv("BUILDX_BUILDER", builder)
            with pytest.raises(EngineError) as it:
                run(engine, store, dockerfile)
            assert it.value.remedy == "BUILDX_BUILDER=there guard test"
        monkeypatch.setenv("BUILDX_BUILDER", "there")
        assert run(engine, store, dockerfile).builder.in_use.name == "there"


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
