"""Kills at any moment, beside a git that cleans up all the time, make nothing wrong.

What is told as recorded stays, nothing is let through that did not pass, and each command works
when it is called again.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.walks.tested import BROKEN
from tests.workshop import GUARD_TOML, Repo, Workshop

KILLS = int(os.environ.get("KILLS", "30"))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
ROOT = Path(__file__).parents[2]
TELLING = (sys.executable, "-m", "tests.chaos.telling")
CLEANING = (("gc", "--quiet", "--prune=now"), ("repack", "-adq"), ("pack-refs", "--all"))


class Action(NamedTuple):
    """What is killed.

    Args:
        seconds: about how long it takes.
        git_too: whether a kill may also meet the git that it runs. That of a commit would leave a
            lock of git's own on the index, which is nobody's but a person's to take away.
    """

    words: tuple[str, ...]
    seconds: float
    git_too: bool


ACTIONS = {
    "test": Action((*TELLING, "test"), 1.2, True),
    "push": Action(("git", "push", "--quiet", "origin"), 0.8, True),
    "sync": Action((*TELLING, "sync"), 1.2, True),
    "release": Action((*TELLING, "release", "--yes"), 2.5, False),
    "recover": Action((*TELLING, "recover", "--no-image", "--yes"), 1.2, False),
}


class Team:
    """The three repositories, what was told of them, and a git that cleans up in the background."""

    def __init__(self, workshop: Workshop, chance: Random) -> None:
        self.workshop = workshop
        self.docker, self.aula = workshop.docker, workshop.aula
        self.chance = chance
        self.told: set[str] = set()
        self.tried: set[str] = set()
        self.branches: dict[str, str] = {}
        self._quiet = threading.Lock()
        toml = GUARD_TOML.replace("[image]\n", "[image]\npublish = false\n")
        self.docker.commit("Publish no image", {".guard.toml": toml})
        self.aula.git("checkout", "--quiet", "master")
        workshop.install()
        self.docker.git("push", "--quiet", "--no-verify", "--set-upstream", "origin", "master")
        self.call("test")
        self.tried.add(self.content)

    @property
    def content(self) -> str:
        """What a verdict on HEAD is about, of which only aula changes: its tree."""
        return self._tree(self.docker.git("rev-parse", "HEAD:aula"))

    def _tree(self, commit: str) -> str:
        return self.aula.git("rev-parse", f"{commit}^{{tree}}")

    def passes(self, tree: str) -> bool:
        return BROKEN not in self.aula.git("ls-tree", "--name-only", tree).split()

    def kill(self, number: int) -> None:
        """Kill one action, and look whether it works when it is called again."""
        name = self.chance.choice([*ACTIONS])
        with self._quiet:
            if name != "push" or self.chance.random() < 0.2:
                self.change(number, commits=name != "release")
        words: tuple[str, ...] = ()
        if name == "push":
            self.workshop.publish("aula")
            words = (f"HEAD:refs/heads/n{number}",)
            self.branches[f"n{number}"] = self.content
        content = self._tree(self.aula.head) if name == "release" else self.content
        if name in ("test", "release"):
            self.tried.add(content)
        may = self.passes(content)
        if name == "push":
            may = may and content in self.tried
        action = ACTIONS[name]
        delay = self.chance.random() * action.seconds
        output = self.run((*action.words, *words), delay, self.chance.random() < 0.5)
        again = self.call(name, *words)
        expected = 0 if may or name in ("sync", "recover") else 1
        assert again[0] == expected, f"{name}, killed: {output}\nand called again: {again[1]}"

    def change(self, number: int, commits: bool) -> None:
        """New content of aula, good or broken, in aula-docker's index or HEAD."""
        self.aula.git("rm", "--quiet", "--ignore-unmatch", "-f", BROKEN)
        files = {"word": f"{number}\n", **({BROKEN: ""} if self.chance.random() < 0.3 else {})}
        self.aula.commit(f"Change {number}", files)
        self.docker.git("add", "aula")
        if commits:
            self.docker.git("commit", "--quiet", "-m", f"Pin {number}")

    def call(self, name: str, *words: str) -> tuple[int, str]:
        """An action to its end: while git cleans up, where it makes no commits."""
        action = ACTIONS[name]
        if action.git_too:
            return self._called((*action.words, *words))
        with self._quiet:
            return self._called((*action.words, *words))

    def _called(self, words: tuple[str, ...]) -> tuple[int, str]:
        with self._started(words) as process:
            output = process.communicate(timeout=120)[0]
        self._hear(output)
        return process.returncode, output

    def run(self, words: tuple[str, ...], delay: float, git_too: bool) -> str:
        """An action that is killed after a time; what it said."""
        with self._started(words) as process:
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                git_too = git_too and ACTIONS[words_name(words)].git_too
                os.killpg(process.pid, signal.SIGKILL) if git_too else process.kill()
            output = process.communicate(timeout=120)[0]
        self._hear(output)
        return output

    def _started(self, words: tuple[str, ...]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words,
            cwd=self.docker.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def _hear(self, output: str) -> None:
        self.told.update(re.findall(r"^recorded: (.*)$", output, re.MULTILINE))

    def look(self) -> None:
        """What was told is there, and what arrived had passed."""
        shown = json.loads(self.workshop.guard("log", "--all", "--json").out)["verdicts"]
        assert self.told <= {f"{each['name']} {each['result']}" for each in shown}
        remote = Repo(self.workshop.root / "remotes/aula-docker.git")
        arrived = remote.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/n*")
        for branch in arrived.split():
            assert self.passes(self.branches[branch])
            assert self.branches[branch] in self.tried

    @contextmanager
    def cleaning_up(self) -> Iterator[None]:
        ends = threading.Event()

        def clean() -> None:
            while not ends.is_set():
                for words in CLEANING:
                    with self._quiet:
                        # What others hold at the moment it leaves to the next time.
                        subprocess.run(
                            ["git", *words],
                            cwd=self.docker.folder,
                            capture_output=True,
                            check=False,
                        )

        thread = threading.Thread(target=clean)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()


def words_name(words: tuple[str, ...]) -> str:
    return next(
        name for name, action in ACTIONS.items() if words[: len(action.words)] == action.words
    )


def test_kills_beside_a_clean_up_make_nothing_wrong(workshop: Workshop) -> None:
    sys.stdout.write(f"KILLS={KILLS} SEED={SEED}\n")
    team = Team(workshop, Random(SEED))
    with team.cleaning_up():
        for number in range(KILLS):
            team.kill(number)
            if number % 10 == 9:
                team.look()
    team.look()
    assert len(team.told) > KILLS / 10
    for repo in (workshop.docker, workshop.aula):
        assert "missing" not in repo.git("fsck", "--connectivity-only", "--no-dangling")
