"""Private folders and whole files: nothing half-written, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.files import private_folder, remove_abandoned, replacing, write_whole

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
    with private_folder() as folder:
        assert Path(folder).stat().st_mode & 0o077 == 0
        (Path(folder) / "below").mkdir()
        (Path(folder) / "below" / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_it_goes_although_something_still_writes_into_it(place: Path) -> None:
    """A git whose start was interrupted ends a moment later than its guard."""
    writer = """
import os, sys
for number in range(2000):
    try:
        os.mkdir(os.path.join(sys.argv[1], str(number)))
    except FileNotFoundError:
        break
"""
    with private_folder("objects") as folder:
        objects = os.path.join(folder, "objects")
        process = subprocess.Popen([sys.executable, "-c", writer, objects])
        while not os.path.exists(os.path.join(objects, "9")):
            assert process.poll() is None
    assert process.wait() == 0
    assert list(place.iterdir()) == []


def test_a_place_that_takes_no_folder_is_named_with_a_command(place: Path) -> None:
    place.rmdir()
    with pytest.raises(GuardError) as raised, private_folder():
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


class TestWholeFiles:
    """A file that is there with all of its content, or as it was."""

    WRITER = """\
import sys
from guard.git.files import replacing
with replacing(sys.argv[1]) as draft:
    with open(draft, "w") as file:
        file.write("half")
        file.flush()
    sys.stdout.write("half written\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        file = tmp_path / "kept" / "file.json"
        file.parent.mkdir()
        file.write_text("old")
        return file

    def test_it_takes_the_place_of_the_old_one(self, path: Path) -> None:
        write_whole(str(path), b"new", 0o755)
        assert path.read_text() == "new"
        assert path.stat().st_mode & 0o777 == 0o755
        assert list(path.parent.iterdir()) == [path]

    def test_by_default_its_permissions_are_what_the_umask_leaves(self, path: Path) -> None:
        before = os.umask(0o027)
        try:
            write_whole(str(path), b"new")
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o640

    def test_what_cannot_be_written_leaves_the_old_one_alone(self, path: Path) -> None:
        with pytest.raises(OSError, match="No space"), replacing(str(path)) as draft:
            Path(draft).write_text("half")
            raise OSError("No space left on device")
        assert path.read_text() == "old"
        assert list(path.parent.iterdir()) == [path]

    def test_a_kill_leaves_the_old_one_whole(self, path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-I", "-c", self.WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "half written\n"
            writer.kill()
        assert path.read_text() == "old"
        write_whole(str(path), b"new")
        assert path.read_text() == "new"

    def test_a_link_in_the_place_of_the_draft_leads_nowhere(self, path: Path) -> None:
        other = path.with_name("other")
        other.write_text("theirs")
        draft = path.with_name("draft")
        draft.symlink_to(other)
        with pytest.raises(OSError, match="symbolic links"):
            write_whole(str(path), b"new", draft=str(draft))
        assert (path.read_text(), other.read_text()) == ("old", "theirs")
