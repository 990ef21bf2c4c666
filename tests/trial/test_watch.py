"""What a person sees of a build: on a terminal, and elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from guard.engine.failures import plain
from guard.engine.profile import brief
from guard.errors import GuardError
from guard.trial.watch import write_log

WATCHED = """\
import sys, time
from guard.engine.build import Output, Step, StepDone, Testing
from guard.screen import Screen
from guard.trial.watch import Watch
with open(sys.argv[1], "w", buffering=1) as log, Watch(Screen.for_terminal(), log) as watch:
    watch.on_event(Step(1, 2, "RUN " + "\\u6f22" * 200))
    watch.on_event(Output("\\x1b[31mred\\x1b[0m [bold]x[/bold]\\t."))
    watch.on_event(Output("10%\\r100%\\r"))
    time.sleep(0.6)
    watch.on_event(StepDone(1, "RUN", 0.2, False))
"""


TRANSFERRED = """\
import sys, time
from guard.engine.images import Transfer
from guard.screen import Screen
from guard.trial.watch import Transfers
with Transfers(Screen.for_terminal(), "pushing " + "x" * 100) as transfers:
    transfers.on_transfer(Transfer("", "The push refers to a repository"))
    transfers.on_transfer(Transfer("1" * 12, "Layer already exists"))
    for done in (1000, 2500000):
        transfers.on_transfer(Transfer("2" * 12, "Pushing", done, 4000000))
    time.sleep(0.6)
    for _ in range(2):
        transfers.on_transfer(Transfer("2" * 12, "Pushed"))
"""


def watched(log: Path, columns: int, code: str = WATCHED, **env: str) -> str:
    """What arrives at a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(log)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # What a shell says of another terminal.
        env={**{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}, **env},
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(ours)
    assert process.wait() == 0, seen
    return seen.decode()


@pytest.mark.parametrize("columns", [40, 80])
def test_the_moving_line_is_one_line_whatever_it_says(columns: int, tmp_path: Path) -> None:
    seen = watched(tmp_path / "log", columns, TERM="xterm")
    moving = [line for line in seen.replace("\r", "\n").split("\n") if "s] step 1/2" in line]
    assert moving
    for line in moving:
        shown = plain(line)
        # Each of these characters takes two columns.
        assert len(shown) + shown.count("\u6f22") <= columns


def test_output_cannot_paint_the_terminal_and_stays_whole_in_the_log(tmp_path: Path) -> None:
    seen = watched(tmp_path / "log", 80, TERM="xterm")
    assert "  | red [bold]x[/bold]" in seen
    assert "  | 100%" in seen
    assert "10%\r100%" not in seen
    assert "\x1b[31m" not in seen
    logged = (tmp_path / "log").read_text()
    assert "\u6f22" * 200 in logged
    assert "\x1b[31mred\x1b[0m [bold]x[/bold]\t." in logged


def test_a_dumb_terminal_gets_lines_alone(tmp_path: Path) -> None:
    assert "\x1b" not in watched(tmp_path / "log", 80, TERM="dumb")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("one\rtwo\r", "two"),
        ("a\tb", "a       b"),
        ("\x07\x00", ""),
        ("", ""),
    ],
)
def test_what_a_line_leaves_on_a_terminal(line: str, shown: str) -> None:
    assert plain(line) == shown


def test_a_log_on_a_full_disk_is_no_trouble_of_the_engine() -> None:
    with (
        pytest.raises(OSError, match="No space left"),
        Path("/dev/full").open("w", buffering=1) as log,
    ):
        with pytest.raises(GuardError, match="No space left on device") as caught:
            write_log(log, "line\n")
        assert caught.value.remedy == "df -h /dev"


def test_what_is_long_is_cut() -> None:
    assert brief("x" * 10, 10) == "x" * 10
    assert brief("x" * 11, 10) == "xxxxxxx..."


def test_a_transfer_on_a_terminal_is_one_line_that_says_how_far_it_is(tmp_path: Path) -> None:
    seen = watched(tmp_path / "log", 60, TRANSFERRED, TERM="xterm")
    moving = [line for line in seen.replace("\r", "\n").split("\n") if "layers" in line]
    assert any("1 of 2 layers, 2.5 MB: pushing xxx" in line for line in moving)
    assert all(len(plain(line)) <= 60 for line in moving)
    assert "already exists" not in seen


def test_a_transfer_elsewhere_is_one_line_a_layer(tmp_path: Path) -> None:
    seen = watched(tmp_path / "log", 60, TRANSFERRED, TERM="dumb")
    lines = seen.replace("\r", "").splitlines()
    assert lines[1:] == [f"  {'1' * 12}: layer already exists", f"  {'2' * 12}: pushed"]
