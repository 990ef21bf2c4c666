"""Programs that are started: what they read, print, end with, and what they inherit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from guard.child import spawn
from tests.pages import ROOT

BIG = bytes(range(256)) * 4096


def sh(script: str, data: bytes | None = None) -> tuple[int, bytes, bytes]:
    child = spawn(["/bin/sh", "-c", script], os.environ, feeds=data is not None)
    output, errors = child.communicate(data or b"")
    assert (child.stdin, child.stdout, child.stderr) == (-1, -1, -1)
    return child.wait(), output, errors


def test_input_output_and_status() -> None:
    assert sh("cat; echo trouble >&2; exit 3", b"input") == (3, b"input", b"trouble\n")


def test_more_than_pipes_hold_on_all_sides() -> None:
    # tee writes while we write: whoever waits for the other waits for ever.
    assert sh("tee /dev/stderr", BIG) == (0, BIG, BIG)


def test_a_program_that_does_not_read_is_no_trouble() -> None:
    assert sh("exec <&-; echo done", BIG) == (0, b"done\n", b"")


def test_no_input_is_an_end_of_file() -> None:
    assert sh("cat; echo end") == (0, b"end\n", b"")
    assert sh("cat; echo end", b"") == (0, b"end\n", b"")


def test_an_end_by_a_signal_is_a_number_below_zero() -> None:
    assert sh("kill -TERM $$")[0] == -15


def test_its_environment_is_what_it_was_given() -> None:
    child = spawn(["env"], {"ONLY": "this"})
    assert child.communicate()[0] == b"ONLY=this\n"


def test_what_cannot_be_started_is_an_os_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for program in (str(tmp_path), str(tmp_path / "none"), "no-such-program-anywhere"):
        with pytest.raises(OSError, match=r"denied|No such file"):
            spawn([program], os.environ, feeds=True)
    assert os.listdir("/proc/self/fd") == before


def inherited() -> set[int]:
    """The files that any program started by this one has."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.get_inheritable(int(name)):
                found.add(int(name))
    return found


def test_nothing_else_of_ours_is_inherited(tmp_path: Path) -> None:
    with open(tmp_path / "secret", "w"):
        child = spawn(["/bin/sh", "-c", "ls /proc/$$/fd"], os.environ, feeds=True)
        found = {int(name) for name in child.communicate()[0].split()}
    # What whoever runs the tests has left open is not ours.
    assert found == {0, 1, 2} | inherited()


def test_signals_that_python_ignores_are_as_the_system_sets_them() -> None:
    # With SIGPIPE ignored, yes would complain of a broken pipe instead of ending by it.
    assert sh("yes | head -n 1") == (0, b"y\n", b"")
    status = sh("cat /proc/self/status")[1].decode()
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_standard_files_of_our_own_are_no_trouble(tmp_path: Path, closed: str) -> None:
    code = """\
import os, sys
sys.path.append(sys.argv[1])
from guard.child import spawn
child = spawn(["/bin/sh", "-c", "cat; echo error >&2"], os.environ, feeds=True)
answer = child.communicate(b"input\\n")
with open(sys.argv[2], "w") as file:
    file.write(repr((answer, child.wait())))
"""
    told = tmp_path / "told"
    command = f'exec "$@" {closed}'
    subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-I", "-c", code, str(ROOT), str(told)],
        check=True,
        capture_output=True,
    )
    assert told.read_text() == repr(((b"input\n", b"error\n"), 0))
