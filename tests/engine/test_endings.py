"""A guard that is interrupted, terminated or killed leaves no container running for long."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.trees import Content, Store, Submodule

AULA: dict[str, Content] = {"aula.cabal": "name: aula\n"}
HANGING = "echo ready; while :; do sleep 1 & wait; done"


class Victim:
    """A guard of its own process, up to the line ``ready``."""

    def __init__(self, store: Store, dockerfile: str, command: str, builder: str) -> None:
        files: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule()}
        tree, aula = store.tree(files), store.tree(AULA)
        module = [sys.executable, "-m", "tests.engine.victim"]
        self.process = subprocess.Popen(
            [*module, str(store.folder), tree, aula, builder, command],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        while (line := self.lines.readline()) != "ready\n":
            assert line, "it ended before it was ready"

    def end(self, number: signal.Signals) -> list[str]:
        """Send the signal and wait; the lines that were still told."""
        self.process.send_signal(number)
        said = self.lines.read().splitlines()
        self.process.wait()
        return said


@pytest.fixture
def victim(store: Store) -> Iterator[Callable[..., Victim]]:
    started: list[Victim] = []

    def start(dockerfile: str, command: str = ":", builder: str = "classic") -> Victim:
        started.append(Victim(store, dockerfile, command, builder))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        each.lines.close()


def running(trial: Trial, marker: str) -> list[str]:
    """The containers, ended ones too, in which the marker stands in the command."""
    found = trial.engine.api.containers(all=True)
    return [each["Id"] for each in found if marker in each["Command"]]


def settled(trial: Trial, marker: str) -> list[str]:
    """The same, when the engine has had its time to notice."""
    end = time.monotonic() + 20
    while (found := running(trial, marker)) and time.monotonic() < end:
        pass
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_test_that_is_interrupted(
    number: signal.Signals, trial: Trial, victim: Callable[..., Victim], base: str
) -> None:
    marker = f": test-{number.name};"
    said = victim(f"FROM {base}\n", marker + HANGING).end(number)
    assert said == [f"interrupted {number.name}" if number != signal.SIGINT else "interrupted"]
    assert running(trial, marker) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_interrupted(
    number: signal.Signals, trial: Trial, victim: Callable[..., Victim], base: str
) -> None:
    marker = f": build-{number.name};"
    ended = victim(f"FROM {base}\nRUN {marker} {HANGING}\n")
    assert running(trial, marker)
    ended.end(number)
    # The engine ends the step when nobody listens any more.
    assert settled(trial, marker) == []


def test_the_next_run_removes_what_a_killed_guard_left(
    trial: Trial, victim: Callable[..., Victim], store: Store, base: str
) -> None:
    marker = ": left-behind;"
    victim(f"FROM {base}\n", marker + HANGING).end(signal.SIGKILL)
    assert running(trial, marker)
    parts = [
        store.part({"Dockerfile": f"FROM {base}\n", "aula": Submodule()}),
        store.part(AULA, "aula"),
    ]
    assert trial.run(parts, "/bin/true").result is Result.PASSED
    assert running(trial, marker) == []
