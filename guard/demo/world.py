"""The folder in which the demo happens: git sealed from this machine, and commands that are shown.

What is shown is what really ran: every command is a process, and its output is passed on line by
line as it comes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

from guard.demo.files import Files
from guard.screen import Screen

_BEGINNING: Final = datetime(2016, 3, 2, 15, 52, tzinfo=timezone(timedelta(hours=1)))
# Anything that takes longer hangs.
_PATIENCE: Final = 600.0
_KEPT: Final = ("DOCKER_", "LANG", "LC_", "NO_COLOR", "PATH", "SSL_CERT_", "XDG_RUN")
_SETTINGS: Final = {
    "user.name": "Demo",
    "user.email": "demo@example.org",
    "init.defaultBranch": "master",
    # The remotes are folders; git has been careful about submodules from those since 2.38.1.
    "protocol.file.allow": "always",
    "advice.detachedHead": "false",
    "commit.gpgSign": "false",
    "core.pager": "cat",
    "gc.auto": "0",
}


class StepError(Exception):
    """A step did not do what it should.

    Args:
        problem: which step, what was expected and what came.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Outcome(NamedTuple):
    """How a command ended, and what it said on both its outputs."""

    status: int
    output: str


class World:
    """One folder with everything in it.

    Args:
        folder: empty; the caller removes it.
    """

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.folder = folder
        self.screen = screen
        self._environment = _sealed(folder)
        self._step = ""
        self._count = 0
        self._second = 0
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        for key, value in _SETTINGS.items():
            self.quietly(folder, "git", "config", "--global", key, value)

    @property
    def steps(self) -> int:
        """How many steps there were."""
        return self._count

    def step(self, heading: str, *story: str) -> None:
        """Begin a step: its heading and what it is about, in plain words."""
        self._count += 1
        self._step = f"step {self._count} ({heading})"
        self.screen.say()
        self.screen.say(self.screen.paint(f"== {self._count}. {heading}", "bold"))
        for line in story:
            self.screen.say(self.screen.paint(f"   {line}", "dim"))

    def show(
        self,
        folder: str,
        *command: str,
        status: int | None = 0,
        says: Sequence[str] = (),
        never: Sequence[str] = (),
    ) -> Outcome:
        """Run a command in the open, and hold it against what it should do.

        Args:
            folder: below the demo's folder; it is the prompt.
            status: the exit status; None for any but 0.
            says: texts that its output must hold.
            never: texts that it must not hold.

        Raises:
            StepError: it did something else.
        """
        words = " ".join(_shown(word) for word in command)
        self.screen.say(self.screen.paint(f"{folder} $ {words}", "blue"))
        done = self._streamed(folder, command)
        self._check(words, done, status, says, never)
        return done

    def expect(self, truth: bool, what: str) -> None:
        """Hold something that is not in any output against what it should be.

        Raises:
            StepError: it is not so.
        """
        if not truth:
            raise StepError(f"{self._step}: {what}")

    def quietly(self, folder: Path, *command: str) -> str:
        """The output of a command that is not worth showing.

        Raises:
            StepError: it failed.
        """
        done = subprocess.run(
            _real(command),
            cwd=folder,
            env=self._now(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            words = shlex.join(command)
            raise StepError(f"{words} in {folder} ended with {done.returncode}:\n{output}")
        return output.strip()

    def write(self, folder: Path, files: Files) -> None:
        """Write files; what begins as a script becomes executable."""
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            path.chmod(0o755 if content.startswith("#!") else 0o644)

    def commit(self, folder: Path, message: str, files: Files) -> str:
        """A commit of these files; its id."""
        self.write(folder, files)
        self.quietly(folder, "git", "add", "--all")
        self.quietly(folder, "git", "commit", "--quiet", "--no-verify", "-m", message)
        return self.quietly(folder, "git", "rev-parse", "HEAD")

    def tip(self, remote: str) -> str:
        """Where master of a remote is."""
        folder = self.folder / "remotes" / f"{remote}.git"
        return self.quietly(folder, "git", "rev-parse", "refs/heads/master")

    def _now(self) -> Mapping[str, str]:
        # Fixed times give fixed commit ids: what is shown can be compared with what others saw.
        self._second += 1
        when = (_BEGINNING + timedelta(seconds=self._second)).isoformat()
        return {**self._environment, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}

    def _streamed(self, folder: str, command: Sequence[str]) -> Outcome:
        process = subprocess.Popen(
            _real(command),
            cwd=self.folder / folder,
            env=self._now(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        watchdog = threading.Timer(_PATIENCE, process.kill)
        watchdog.start()
        lines = []
        try:
            for line in _lines(process):
                lines.append(line)
                self.screen.say(f"  {line}" if line else "")
        finally:
            # Interrupted or not: a command of ours has ended before its folder is taken away.
            process.wait()
            watchdog.cancel()
        return Outcome(process.returncode, "\n".join(lines))

    def _check(
        self,
        words: str,
        done: Outcome,
        status: int | None,
        says: Sequence[str],
        never: Sequence[str],
    ) -> None:
        where = f"{self._step}: {words}"
        wanted = "another status than 0" if status is None else f"status {status}"
        if (status is None and done.status == 0) or status not in (None, done.status):
            raise StepError(f"{where}: ended with status {done.status}, expected was {wanted}")
        for text in says:
            if text not in done.output:
                raise StepError(f"{where}: its output does not say: {text}")
        for text in never:
            if text in done.output:
                raise StepError(f"{where}: its output says, and should not: {text}")


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")


def _real(command: Sequence[str]) -> list[str]:
    """``guard`` is this very guard, also where no environment is activated."""
    if command[0] == "guard":
        return [sys.executable, "-I", "-m", "guard", *command[1:]]
    return list(command)


def _shown(word: str) -> str:
    if "'" not in word and '"' not in word and "$" not in word and " " in word:
        return f'"{word}"'
    return shlex.quote(word)


def _sealed(folder: Path) -> dict[str, str]:
    """No setting of whoever watches counts, but for how the engine is found."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    home = str(folder / "home")
    return {
        "DOCKER_CONFIG": os.path.expanduser(os.path.join("~", ".docker")),
        **kept,
        "HOME": home,
        "TMPDIR": str(folder / "tmp"),
        "XDG_CONFIG_HOME": os.path.join(home, ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.path.join(home, ".gitconfig"),
        "GIT_TEMPLATE_DIR": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "TERM": "dumb",
    }
