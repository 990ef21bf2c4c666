"""The one question over the network: answered, refused, or given up in time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from guard.errors import GitError
from guard.git.network import ls_remote
from tests.workshop import Workshop


def test_what_a_remote_has(workshop: Workshop) -> None:
    workshop.thentos.git("tag", "-a", "-m", "x", "v9", "v0.3.0")
    workshop.thentos.git("push", "--quiet", "origin", "v9")
    shown = ls_remote(workshop.thentos.repository, "origin")
    head = workshop.thentos.head
    assert shown["refs/heads/master"] == shown["refs/tags/v0.3.0"] == head
    assert shown["refs/tags/v9^{}"] == head
    assert "HEAD" not in shown


def test_a_remote_that_is_not_there(workshop: Workshop) -> None:
    workshop.thentos.git("remote", "set-url", "origin", str(workshop.root / "gone"))
    with pytest.raises(GitError, match="git ls-remote origin failed: "):
        ls_remote(workshop.thentos.repository, "origin")


def test_one_that_does_not_answer_is_given_up_and_nothing_of_it_is_left(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = workshop.root / "pid"
    ssh = workshop.root / "ssh"
    ssh.write_text(f'#!/bin/sh\necho $$ > "{pid}.new"\nmv "{pid}.new" "{pid}"\nexec sleep 600\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    workshop.thentos.git("remote", "set-url", "origin", "ssh://example.org/thentos")
    with pytest.raises(GitError, match="did not answer in 2 seconds"):
        ls_remote(workshop.thentos.repository, "origin", seconds=2)
    started = int(pid.read_text())
    # The kernel takes its time over a killed process; 600 seconds would be the sleep's own end.
    end = time.monotonic() + 60
    while _runs(started):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_nobody_is_asked_for_a_password(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = workshop.root / "told"
    ssh = workshop.root / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$GIT_TERMINAL_PROMPT $SSH_ASKPASS_REQUIRE $GIT_DIR" > "{told}"\n'
        f'(: < /dev/tty) 2>/dev/null && echo a terminal >> "{told}"\nexit 1\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    workshop.thentos.git("remote", "set-url", "origin", "ssh://example.org/thentos")
    repository = workshop.thentos.repository
    monkeypatch.setenv("GIT_DIR", os.devnull)
    with pytest.raises(GitError):
        ls_remote(repository, "origin")
    assert told.read_text().splitlines()[0].startswith("0 never")
    assert "a terminal" not in told.read_text()
