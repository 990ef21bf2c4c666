"""What guard prints may go nowhere: then its exit status never says more than it knows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guard.errors import EXIT_UNREAD
from tests.hooks.places import write_script
from tests.workshop import ZERO, Ran, Repo, Workshop

GUARD = [sys.executable, "-I", "-m", "guard"]


def unread(workshop: Workshop, *command: str, data: bytes = b"") -> int:
    """Run a command with both outputs into a pipe that nobody reads, and give its status."""
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.Popen(
        command,
        cwd=workshop.docker.folder,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    ran.communicate(data)
    return ran.returncode


@pytest.mark.parametrize(
    "words",
    ["check", "log", "log --json", "audit", "audit --json", "status", "--help", "check --help"],
)
def test_whoever_has_read_enough_is_told_nothing(workshop: Workshop, words: str) -> None:
    workshop.verdict()
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as nobody:
        ran = subprocess.run(
            [*GUARD, *words.split()],
            cwd=workshop.docker.folder,
            stdout=nobody,
            stderr=subprocess.PIPE,
        )
    # As git: the shell shows 141.
    assert (ran.returncode, ran.stderr) == (-signal.SIGPIPE, b"")


def test_a_reader_of_manifests_that_leaves(workshop: Workshop) -> None:
    read = "for n in $(seq 2000); do echo aula/aula.cabal; done"
    script = f'"$0" -I -m guard.haskell $({read}) | head -1 >/dev/null'
    ran = workshop.run(["sh", "-c", script, sys.executable], workshop.docker)
    assert (ran.status, ran.err) == (0, "")


def test_the_shell_may_ignore_the_signal(workshop: Workshop) -> None:
    script = 'trap \'\' PIPE; { "$@"; echo "status $?" >&2; } | true'
    ran = workshop.run(["sh", "-c", script, "sh", *GUARD, "audit"], workshop.docker)
    assert ran.err == f"status {EXIT_UNREAD}\n"


def test_a_usage_that_nobody_reads_is_still_wrong(workshop: Workshop) -> None:
    assert unread(workshop, *GUARD, "check", "nothing-like-it") == 3
    assert unread(workshop, *GUARD, "log", "nothing-like-it") == 2


def test_a_push_is_blocked_though_nobody_reads_why(workshop: Workshop) -> None:
    url = str(workshop.root / "remotes/aula-docker.git")
    line = f"refs/heads/master {workshop.docker.head} refs/heads/master {ZERO}\n"
    hook = [*GUARD, "pre-push", "origin", url]
    assert unread(workshop, *hook, data=line.encode()) == 3
    workshop.verdict()
    assert unread(workshop, *hook, data=line.encode()) == 3


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "2>&1 | true", "2>/dev/full"])
def test_a_blocked_push_stays_blocked(workshop: Workshop, closed: str) -> None:
    write_script(workshop.docker.folder / ".git/hooks/pre-push", "#!/nowhere/sh\n")
    workshop.install()
    for status in ("untested", "with a hook before guard's that cannot run"):
        ran = workshop.run(
            ["sh", "-c", f"git push origin HEAD:refs/heads/master {closed}"], workshop.docker
        )
        assert workshop.remote_head("aula-docker") is None, status
        assert "mistake in guard" not in ran.text
        assert "Traceback" not in ran.text
        workshop.verdict()
        workshop.publish()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_the_hook_that_was_there_runs_without_outputs(workshop: Workshop, closed: str) -> None:
    hook = write_script(workshop.root / "hook", "#!/bin/sh\necho ran >ran\n")
    words = [*GUARD, "pre-push", "--chained", str(hook), "origin", "u"]
    deletion = f"(delete) {ZERO} refs/heads/gone {workshop.docker.head}\n"
    ran = workshop.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], workshop.docker, data=deletion.encode()
    )
    assert (ran.status, ran.text) == (0, "")
    assert (workshop.docker.folder / "ran").read_text() == "ran\n"


@pytest.mark.parametrize(("word", "status"), [("check", 1), ("log", 0)])
def test_a_closed_output_is_none_of_guards_business(
    workshop: Workshop, word: str, status: int
) -> None:
    ran = workshop.run(["sh", "-c", 'exec "$@" >&-', "sh", *GUARD, word], workshop.docker)
    assert (ran.status, ran.text) == (status, "")


def test_a_full_disk_under_the_output_is_named(workshop: Workshop) -> None:
    ran = workshop.run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *GUARD, "check"], workshop.docker)
    assert ran.status == 3
    assert "cannot be written any more (No space left on device)" in ran.err
    assert "a mistake in guard" not in ran.err


@pytest.mark.parametrize("start", ["guard", "module"])
def test_a_full_disk_is_no_success(workshop: Workshop, start: str) -> None:
    workshop.verdict()
    script = Path(sys.executable).with_name("guard")
    command = [str(script)] if start == "guard" else GUARD
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


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "POSIX"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_names_are_shown_as_they_are_in_git_whatever_the_locale(
    workshop: Workshop, env: dict[str, str]
) -> None:
    folder = workshop.root / "Bücher → 日本"
    workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "Größe ändern → 日本")
    workshop.docker.folder.rename(folder)
    docker, script = Repo(folder), str(Path(sys.executable).with_name("guard"))

    def ran(*words: str) -> Ran:
        return workshop.run([script, *words], docker, data=None, **env)

    assert "  Größe ändern → 日本\n" in ran("audit").out
    assert f"Bücher → 日本 (index, as in HEAD)  {folder}\n" in ran("status").out
    assert "guard: error: nötig names no commit in" in ran("check", "nötig").err
    (decision, *_) = json.loads(ran("audit", "--json").out)["decisions"]
    assert decision["repository"] == "Bücher → 日本"
    assert "Traceback" not in ran("log").text


def test_what_is_no_utf_8_is_shown_escaped(workshop: Workshop) -> None:
    folder = workshop.root / "Gr\udcf6\udcdfe"
    workshop.docker.folder.rename(folder)
    script = str(Path(sys.executable).with_name("guard"))
    for locale, mode in (("C.UTF-8", "1"), ("POSIX", "0")):
        env = {"LC_ALL": locale, "PYTHONUTF8": mode}
        ran = workshop.run([script, "check"], Repo(folder), data=None, **env)
        assert ran.out.startswith(r"Gr\udcf6\udcdfe ")
