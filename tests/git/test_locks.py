"""Locks between processes."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.files import held, is_held, lock_file

HOLDER = """\
import sys
from guard.git.files import held
with held(sys.argv[1], lambda: None):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def holder(path: str) -> subprocess.Popen[str]:
    """Another process that holds the lock until it is told, or killed."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def path(tmp_path: Path) -> str:
    return lock_file(str(tmp_path / "guard"), "cccc-eeee")


def test_a_free_lock_is_not_waited_for(path: str) -> None:
    told: list[str] = []
    for _ in range(2):
        with held(path, lambda: told.append("waiting")) as waited:
            assert not waited
            assert is_held(path)
        assert not is_held(path)
    assert told == []


def test_another_holder_is_waited_for_and_told_of_once(path: str) -> None:
    other = holder(path)
    assert is_held(path)
    told: list[str] = []

    def on_wait() -> None:
        told.append("waiting")
        other.communicate("go\n")

    with held(path, on_wait) as waited:
        assert waited
        assert other.returncode == 0
    assert told == ["waiting"]


def test_a_holder_that_is_killed_lets_go(path: str) -> None:
    other = holder(path)
    other.kill()
    other.communicate()
    with held(path, lambda: None) as waited:
        assert not waited


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file/lock")
    with pytest.raises(GuardError, match=f"cannot lock {path}"), held(path, lambda: None):
        pass
    assert not is_held(path)


def test_a_folder_can_be_locked_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    other = holder(str(tmp_path))
    waits: list[str] = []

    def on_wait() -> None:
        waits.append("waiting")
        other.communicate("go\n")

    with held(str(tmp_path), on_wait) as waited:
        assert waited
    assert waits == ["waiting"]
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_locked_work_goes_on(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As some network file systems answer.
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(path) as waited:
        assert not waited
        assert not is_held(path)
