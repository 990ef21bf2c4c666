"""Locks between processes."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from guard.errors import GuardError
from guard.git.files import held, is_held, lock_file

HOLDER = """\
import sys
from collections.abc import Iterator
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


@pytest.mark.parametrize("path", ["file/lock", "file/folder/lock"])
def test_a_file_in_the_way_of_a_lock_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / path)
    problem = f"cannot lock {path}: {tmp_path}/file is no folder"
    with pytest.raises(GuardError, match=problem) as raised, held(path, lambda: None):
        pass
    assert not is_held(path)
    subprocess.run(raised.value.remedy, shell=True, check=True)
    with held(path, lambda: None) as waited:
        assert not waited


def as_another_user(path: str) -> str:
    """What somebody else is told who wants a lock; "" where they get it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        told = ""
        try:
            os.setgroups([])
            os.setuid(65534)
            with held(path, lambda: None):
                pass
        except GuardError as error:
            told = f"{error.problem}\n{error.remedy}"
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


@pytest.fixture
def everybody_s() -> Iterator[Path]:
    """A folder that another user finds, unlike those of root's tests and what is in TMPDIR."""
    with TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_waits_for_a_lock_and_is_told_whose_the_folder_is(everybody_s: Path) -> None:
    locks = everybody_s / "guard/locks"
    assert as_another_user(str(locks / "a.lock")) == (
        f"cannot lock {locks}/a.lock: {everybody_s} is another user's (uid 0), and closed to this "
        f'one\nsudo chown -R "$(id -un)" {everybody_s}'
    )
    with held(str(locks / "a.lock"), lambda: None):
        pass
    assert as_another_user(str(locks / "a.lock")) == ""
    locks.chmod(0o700)
    assert f"{locks} is another user's" in as_another_user(str(locks / "a.lock"))


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
