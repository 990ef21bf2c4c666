"""The CLI that builds: which one it is, what it tells, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest

from guard.engine import cli
from guard.engine.attempt import choose_builder
from guard.engine.cli import find_cli, kill, lines_of, start
from guard.engine.client import Engine
from guard.errors import EngineError
from guard.git.memo import Memo
from tests.engine.test_endings import processes, settled


def test_a_cli_is_heard_to_its_end_and_reads_nothing() -> None:
    process = start(["sh", "-c", "cat; echo first >&2; sleep 0.1; echo last >&2; exit 3"])
    assert list(lines_of(process)) == ["first", "last"]
    assert process.wait() == 3
    kill(process)


def test_a_cli_that_is_killed_ends_with_all_that_it_started() -> None:
    marker = f"sleep 6{os.getpid()}"
    process = start(["sh", "-c", f"{marker} & echo begun >&2; {marker}"])
    assert next(lines_of(process)) == "begun"
    kill(process)
    assert process.returncode == -signal.SIGKILL
    assert settled(lambda: processes(marker.replace(" ", "\0"))) == []
    kill(process)


def test_buildkit_is_asked_for_and_not_there(engine: Engine) -> None:
    find = partial(find_cli, places=(), plugins=())
    assert choose_builder(engine, "auto", find).name == "classic"
    with pytest.raises(EngineError, match="no docker CLI here speaks it") as caught:
        choose_builder(engine, "buildkit", find)
    assert "buildx" in caught.value.remedy


def test_a_cli_without_buildkit_in_front_does_not_hide_one_behind(tmp_path: Path) -> None:
    newer, older = tmp_path / "newer", tmp_path / "older"
    for program, version in ((newer, "28.2.2"), (older, "20.10.24+dfsg1")):
        program.write_text(f"#!/bin/sh\necho Docker version {version}, build x\n")
        program.chmod(0o755)
    found = find_cli(None, (str(newer), str(older)), ())
    assert found is not None
    assert (found.command, found.version) == ((str(older), "build"), "docker 20.10.24")


def test_a_program_is_asked_again_when_it_has_changed(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    # It says a version, as the CLI does.
    shutil.copy("/bin/echo", docker)
    memo = Memo(str(tmp_path))
    first = find_cli(memo, (str(docker),), ())
    assert first is not None
    stat = docker.stat()
    # What cannot be started any more, with the size and time of before.
    docker.write_bytes(bytes(stat.st_size))
    os.utime(docker, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert find_cli(None, (str(docker),), ()) is None
    assert find_cli(Memo(str(tmp_path)), (str(docker),), ()) == first
    os.utime(docker, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert find_cli(Memo(str(tmp_path)), (str(docker),), ()) is None


@pytest.mark.parametrize("shape", ["script", "link"])
def test_what_may_lead_elsewhere_is_asked_each_time(tmp_path: Path, shape: str) -> None:
    docker, shim, version = tmp_path / "docker", tmp_path / "shim", tmp_path / "version"
    version.write_text("20.10.1")
    shim.write_text(f"#!/bin/sh\necho Docker version $(cat {version}), build x\n")
    shim.chmod(0o755)
    if shape == "script":
        shim.rename(docker)
    else:
        docker.symlink_to(shim)
    for said in ("20.10.1", "20.10.2"):
        version.write_text(said)
        found = find_cli(Memo(str(tmp_path)), (str(docker),), ())
        assert found is not None
        assert found.version == f"docker {said}"


def test_a_program_that_does_not_answer_is_passed_by_and_named_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, docker, newer = (tmp_path / name for name in ("docker-buildx", "docker", "newer"))
    marker = f"sleep 7{os.getpid()}"
    silent.write_text(f"#!/bin/sh\n{marker}\n")
    docker.write_text("#!/bin/sh\necho Docker version 20.10.24, build x\n")
    newer.write_text("#!/bin/sh\necho Docker version 28.5.2, build x\n")
    for program in (silent, docker, newer):
        program.chmod(0o755)
    # Some seconds otherwise.
    monkeypatch.setattr(cli, "_PATIENCE", 0.3)
    for places, plugins in (((str(silent), str(docker)), ()), ((str(docker),), (str(tmp_path),))):
        found = find_cli(None, places, plugins)
        assert found is not None
        assert found.command == (str(docker), "build")
    for places, plugins in (((str(silent),), ()), ((str(newer),), (str(tmp_path),))):
        with pytest.raises(EngineError, match=f"{silent} has not said its version") as caught:
            find_cli(None, places, plugins)
        assert f"look why: {silent} version" in caught.value.remedy
    assert settled(lambda: processes(marker.replace(" ", "\0"))) == []


@pytest.mark.parametrize("damage", ["", "[", "[]", "{}"])
def test_buildx_is_found_where_the_cli_finds_it(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {
        "extra": tmp_path / "extra",
        "own": tmp_path / "config/cli-plugins",
        "system": tmp_path / "system",
    }
    for version, folder in enumerate(folders.values()):
        folder.mkdir(parents=True)
        plugin = folder / "docker-buildx"
        plugin.write_text(f"#!/bin/sh\necho github.com/docker/buildx v0.{version}.0 abc\n")
        plugin.chmod(0o755)
    settings = json.dumps({"cliPluginsExtraDirs": [f"{tmp_path}/none", str(folders["extra"])]})
    (tmp_path / "config/config.json").write_text(damage or settings)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    order = ["own", "system"] if damage else ["extra", "own", "system"]
    for name in order:
        cli = find_cli(None, (), (str(folders["system"]),))
        assert cli is not None
        assert cli.command[0] == str(folders[name] / "docker-buildx")
        (folders[name] / "docker-buildx").unlink()


def test_buildx_goes_first_and_runs_as_a_program_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir()
    plugin.write_text("#!/bin/sh\necho github.com/docker/buildx v0.17.1 abc\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    found = find_cli()
    assert found is not None
    assert (found.command, found.is_buildx) == ((str(plugin), "build"), True)
    assert found.version == "buildx 0.17.1"
