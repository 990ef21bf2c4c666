"""Engines and CLIs that cannot serve: each is told for what it is, with what to install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from guard.engine import attempt as attempts
from guard.engine.attempt import attempt, choose_builder
from guard.engine.baseimage import base_image
from guard.engine.cli import find_cli, why_none
from guard.engine.client import Engine
from guard.engine.context import Prepared
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.own import NEWER, Spec, own_engine
from tests.engine.test_attempt import _config, lines, parts
from tests.engine.trees import Program, Store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")

BUILDX = NEWER / "usr/libexec/docker/cli-plugins"
OLDER_CLI = "/usr/bin/docker"
NEWER_CLI = str(NEWER / "usr/bin/docker")
NO_RUNTIME = (("runtimes", {"gone": {"path": "gone-runc"}}), ("default-runtime", "gone"))


@pytest.fixture(scope="module")
def without_runtime() -> Iterator[Engine]:
    with own_engine(Spec("e", more=NO_RUNTIME)) as own, Engine.connect(own.host) as engine:
        yield engine


@pytest.fixture(scope="module")
def strict() -> Iterator[Engine]:
    """One that refuses clients as old as Docker 29 does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_MIN_API_VERSION", "1.44")
        with own_engine(Spec("f", NEWER)) as own, Engine.connect(own.host) as engine:
            assert engine.facts.oldest_api == "1.44"
            base_image(engine)
            yield engine


@pytest.mark.parametrize("step", ['RUN ["/x"]\n', ""])
def test_an_engine_without_its_runtime_gives_no_verdict(
    step: str, without_runtime: Engine, store: Store
) -> None:
    made = parts(store, f"FROM scratch\nCOPY . /\n{step}", x=Program("#!/bin/sh\n"))
    with pytest.raises(EngineError, match=r"no container runs on it: .*gone-runc") as caught:
        Trial(without_runtime, "classic").run(made, "/x")
    assert "install its runtime (runc)" in caught.value.remedy


def prepared(trial: Trial, store: Store, base: str) -> Prepared:
    return trial.prepared(parts(store, f"FROM {base}\nRUN true\n"), _config(trial, "/bin/true"))


def hints(trial: Trial) -> list[str]:
    """How those begin that a person is given."""
    return [line.partition(" (")[0] for line in lines(trial) if line.startswith("to build")]


def test_an_engine_that_is_too_new_for_the_cli(strict: Engine, store: Store, base: str) -> None:
    find = partial(find_cli, None, (OLDER_CLI,), ())
    with pytest.raises(EngineError, match=r"no API before 1\.44, docker 20\.10\.\d+ none") as error:
        choose_builder(strict, "buildkit", find)
    assert error.value.remedy.startswith("install docker buildx")
    trial = Trial(strict, "auto")
    with trial.stack:
        tried = attempt(strict, prepared(trial, store, base), trial.on_event, find=find)
    assert tried.result is Result.PASSED
    assert hints(trial) == ["to build with BuildKit, install docker buildx"]
    with trial.stack:
        find = partial(find_cli, None, (), (str(BUILDX),))
        tried = attempt(strict, prepared(trial, store, base), trial.on_event, find=find)
    assert tried.result is Result.PASSED
    assert tried.builder.name == "buildkit" and not tried.builder.hint


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "there is none"),
        ("podman version 5.4.2", "{docker} is Podman's"),
        (None, rf"{NEWER_CLI} \(Docker version 28\..*\) has no plugin buildx"),
    ],
)
def test_a_cli_that_is_none_for_buildkit(
    said: str | None,
    why: str,
    engine: Engine,
    store: Store,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    docker = tmp_path / "docker"
    if said:
        docker.write_text(f"#!/bin/sh\necho {said}\n")
        docker.chmod(0o755)
    places = (NEWER_CLI if said is None else str(docker),)
    monkeypatch.setattr(attempts, "why_none", partial(why_none, places))
    find = partial(find_cli, None, places, ())
    with pytest.raises(EngineError, match=why.format(docker=docker)) as caught:
        choose_builder(engine, "buildkit", find)
    assert caught.value.remedy.startswith("install docker buildx")
    trial = Trial(engine, "auto")
    with trial.stack:
        tried = attempt(engine, prepared(trial, store, base), trial.on_event, find=find)
    assert tried.result is Result.PASSED
    assert hints(trial) == ["to build with BuildKit, install docker buildx"]


def test_the_platform_that_is_recorded_is_the_images(
    builder: str, engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parts(store, "FROM scratch\nCOPY . /\n", x=Program("#!/bin/sh\n"))
    assert Trial(engine, builder).run(made, "/x").platform == "linux/amd64"
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/arm64")
    tried = Trial(engine, builder).run(made, "/x")
    image = cast(Any, engine.api).inspect_image(tried.build.image)
    assert tried.platform == f"linux/{image['Architecture']}"
    # The classic builder goes by it only where it pulls.
    assert tried.platform == ("linux/arm64" if builder == "buildkit" else "linux/amd64")
