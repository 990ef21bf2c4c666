"""Private folders: gone with their context, and told of where none can be made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.abandoned import remove_abandoned
from guard.git.private import PrivateFolder

TWO_DAYS = 2 * 24 * 3600


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a place"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def age(folder: Path) -> None:
    then = time.time() - TWO_DAYS
    os.utime(folder, (then, then))


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_nobody_else_reads_it_and_it_goes_with_the_context(place: Path) -> None:
    with PrivateFolder() as folder:
        assert Path(folder).stat().st_mode & 0o077 == 0
        (Path(folder) / "below").mkdir()
        (Path(folder) / "below" / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_a_place_that_takes_no_folder_is_named_with_a_command(place: Path) -> None:
    place.rmdir()
    with pytest.raises(GuardError) as raised, PrivateFolder():
        pass
    assert "no temporary folder can be made in" in raised.value.problem
    assert raised.value.remedy == f"df -h '{place}'; export TMPDIR=/var/tmp"


def test_what_a_killed_process_left_goes_a_day_later(place: Path) -> None:
    left = place / f"guard-{gone()}-0123456789ab"
    (left / "objects" / "00").mkdir(parents=True)
    (left / "index").write_text("x")
    assert remove_abandoned() == 0
    age(left)
    assert remove_abandoned() == 1
    assert not left.exists()


def test_what_is_in_use_or_of_another_making_stays(place: Path) -> None:
    dead = gone()
    kept = [
        place / name
        for name in (
            f"guard-{os.getpid()}-0123456789ab",
            f"guard-{dead}-0123",
            "guard-x-0123456789ab",
            f"other-{dead}-0123456789ab",
            f"guard-{'9' * 40}-0123456789ab",
        )
    ]
    for folder in kept:
        folder.mkdir()
        age(folder)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("x")
    link = place / f"guard-{dead}-ba9876543210"
    link.symlink_to(elsewhere)
    os.utime(link, (0, 0), follow_symlinks=False)
    assert remove_abandoned() == 0
    assert all(folder.exists() for folder in [*kept, link, elsewhere / "file"])
