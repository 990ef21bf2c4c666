"""An engine that is not there, that refuses, and that answers: each is told for what it is."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.engine.client import Engine
from guard.errors import EngineError


@pytest.fixture
def closed_socket() -> Iterator[Path]:
    """A socket that somebody listens at and nobody else may use."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        Path(folder).chmod(0o755)
        path = Path(folder) / "docker.sock"
        listening.bind(str(path))
        listening.listen()
        path.chmod(0)
        yield path


def test_an_engine_says_what_it_is(engine: Engine) -> None:
    facts = engine.facts
    assert facts.version
    assert facts.platform.startswith("linux/")
    assert str(facts) == f"{facts.name} {facts.version} ({facts.platform}) at {facts.host}"


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_is_not_there(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineError) as caught:
        Engine.connect()
    assert caught.value.problem == f"no engine answers at {host}"
    assert "DOCKER_HOST" in caught.value.remedy


def test_an_engine_that_refuses_permission(closed_socket: Path) -> None:
    # The superuser may do what modes forbid.
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        with pytest.raises(EngineError) as caught:
            Engine.connect(f"unix://{closed_socket}")
    finally:
        os.seteuid(user)
    assert "refuses permission" in caught.value.problem
    assert "usermod -aG docker" in caught.value.remedy


@pytest.mark.parametrize("host", ["bogus://x", "tcp://:x"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(EngineError, match="no engine"):
        Engine.connect(host)


def test_the_current_docker_context_is_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"far").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Host": "tcp://127.0.0.1:2", "SkipTLSVerify": False}
    (meta / "meta.json").write_text(
        json.dumps({"Name": "far", "Metadata": {}, "Endpoints": {"docker": endpoint}})
    )
    with pytest.raises(EngineError) as caught:
        Engine.connect()
    assert "no engine answers at" in caught.value.problem
    assert "127.0.0.1:2" in caught.value.problem


def test_a_context_that_is_not_there_is_no_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(EngineError, match="there is no docker context nowhere"):
        Engine.connect()


def test_a_context_needs_no_other_settings_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker = ["docker", "context", "create", "far", "--docker", "host=tcp://127.0.0.1:1"]
    subprocess.run(docker, check=True, capture_output=True)
    with pytest.raises(EngineError, match=r"no engine answers at tcp://127\.0\.0\.1:1"):
        Engine.connect()


def test_a_damaged_context_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"far").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text("{")
    with pytest.raises(EngineError, match="the docker context far cannot be read"):
        Engine.connect()
