"""What guard prints may go nowhere: then its exit status never says more than it knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop import ZERO, Workshop


def unread(workshop: Workshop, *arguments: str, data: bytes = b"") -> subprocess.Popen[bytes]:
    """Run guard with both outputs into a pipe that nobody reads."""
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.Popen(
        [sys.executable, "-I", "-m", "guard", *arguments],
        cwd=workshop.docker.folder,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    ran.communicate(data)
    return ran


def test_a_decision_that_nobody_reads_is_none(workshop: Workshop) -> None:
    assert unread(workshop, "check", "HEAD").returncode == 3
    workshop.verdict()
    assert unread(workshop, "log").returncode == 0


def test_a_push_is_blocked_though_nobody_reads_why(workshop: Workshop) -> None:
    url = str(workshop.root / "remotes/aula-docker.git")
    line = f"refs/heads/master {workshop.docker.head} refs/heads/master {ZERO}\n"
    ran = unread(workshop, "pre-push", "origin", url, data=line.encode())
    assert ran.returncode == 3
    workshop.verdict()
    ran = unread(workshop, "pre-push", "origin", url, data=line.encode())
    assert ran.returncode == 3


@pytest.mark.parametrize(("word", "status"), [("check", 1), ("log", 0)])
def test_a_closed_output_is_none_of_guards_business(
    workshop: Workshop, word: str, status: int
) -> None:
    guard = [sys.executable, "-I", "-m", "guard", word]
    ran = workshop.run(["sh", "-c", 'exec "$@" >&-', "sh", *guard], workshop.docker)
    assert (ran.status, ran.text) == (status, "")


def test_a_full_disk_under_the_output_is_named(workshop: Workshop) -> None:
    guard = [sys.executable, "-I", "-m", "guard", "check"]
    ran = workshop.run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *guard], workshop.docker)
    assert ran.status == 3
    assert "cannot be written any more (No space left on device)" in ran.err
    assert "a mistake in guard" not in ran.err


@pytest.mark.parametrize("start", ["guard", "module"])
def test_a_full_disk_is_no_success(workshop: Workshop, start: str) -> None:
    workshop.verdict()
    script = Path(sys.executable).with_name("guard")
    command = [str(script)] if start == "guard" else [sys.executable, "-I", "-m", "guard"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*command, "check"],
            cwd=workshop.docker.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert ran.returncode != 0
    assert b"No space left on device" in ran.stderr
