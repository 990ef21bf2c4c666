"""What a run of the tests leaves behind is told, ended, and a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("exit 0", ""),
        ('touch "$TMPDIR/forgotten"', "a file: {}/forgotten"),
        ("sleep 1000 </dev/null >/dev/null 2>&1 & echo $!", "a process: {} sleep 1000"),
    ],
)
def test_what_stays_is_told_and_ended(script: str, left: str) -> None:
    # With the usual engine: one of its own is no matter here.
    ran = subprocess.run(
        [sys.executable, "-m", "tests.alone", "sh", "-c", f"echo $TMPDIR; {script}"],
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    folder, *process = ran.stdout.split()
    name = process[0] if process else folder
    told = [line for line in ran.stderr.splitlines() if "left behind" in line]
    assert told == ([f"alone: left behind: {left.format(name)}"] if left else [])
    assert (ran.returncode, os.path.exists(folder)) == (int(bool(left)), False)
    for pid in process:
        with suppress(OSError):
            assert Path("/proc", pid, "cmdline").read_bytes() == b""
