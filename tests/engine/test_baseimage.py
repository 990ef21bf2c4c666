"""The base image of this machine's own programs, and the script that brings an engine."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from guard.engine import baseimage
from guard.engine.client import Engine
from guard.errors import EngineError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("make", [baseimage._busybox, baseimage._own_shell])
def test_either_base_runs_a_shell_with_its_tools(make: Any, engine: Engine) -> None:
    name = f"guard-base-{uuid.uuid4().hex[:8]}"
    api: Any = engine.api
    api.import_image_from_data(make(), repository=name, tag="x")
    container = f"{name}-run"
    try:
        script = "set -e; for t in sed sort test; do command -v $t; done; grep root /etc/passwd"
        api.create_container(f"{name}:x", ["/bin/sh", "-c", script], name=container)
        api.start(container)
        assert api.wait(container)["StatusCode"] == 0
        baseimage.run_nothing(engine, f"{name}:x")
    finally:
        api.remove_container(container, force=True)
        api.remove_image(f"{name}:x")


def test_an_image_in_which_nothing_runs_is_no_engine_on_which_one_does(engine: Engine) -> None:
    name = f"guard-empty-{uuid.uuid4().hex[:8]}"
    api: Any = engine.api
    api.import_image_from_data(baseimage._archive({}, {}), repository=name, tag="x")
    try:
        with pytest.raises(EngineError, match="answers, but no container runs on it"):
            baseimage.run_nothing(engine, f"{name}:x")
    finally:
        api.remove_image(f"{name}:x")


def engine_script(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "engine")],
        env={**os.environ, "PYTHON": sys.executable, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_uses_the_engine_that_is_there(engine: Engine) -> None:
    found = engine_script()
    assert (found.returncode, found.stdout) == (0, "")
    assert found.stderr == f"engine: using {engine.facts}\n"


def test_the_script_takes_no_other_engine_than_the_one_that_was_named() -> None:
    found = engine_script(DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert (found.returncode, found.stdout) == (1, "")
    assert "no engine answers at unix:///nonexistent/docker.sock" in found.stderr


def test_the_script_says_when_guard_cannot_run() -> None:
    found = engine_script(PYTHON="/nonexistent/python")
    assert found.returncode == 1
    assert "guard cannot run by /nonexistent/python" in found.stderr
