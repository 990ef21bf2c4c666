"""A guard that is interrupted, terminated or killed leaves no container running for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator

import pytest

from guard.engine.client import Engine
from guard.engine.endings import DeadlinePassed, deadline, shielded, terminable
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.trees import Content, Store, Submodule
from tests.workshop import running_commands

AULA: dict[str, Content] = {"aula.cabal": "name: aula\n"}
HANGING = "echo ready; while :; do sleep 1 & wait; done"


class Victim:
    """A guard of its own process, up to the line ``ready``."""

    def __init__(self, store: Store, dockerfile: str, command: str, builder: str) -> None:
        self.store = store
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


def running(engine: Engine, marker: str) -> list[str]:
    """The containers, ended ones too, in which the marker stands in the command."""
    found = engine.api.containers(all=True)
    return [each["Id"] for each in found if marker in each["Command"]]


def processes(marker: str) -> list[str]:
    """The processes of this machine in whose command the marker stands."""
    return [str(process) for process, command in running_commands() if marker in command]


def settled(look: Callable[[], list[str]]) -> list[str]:
    """What is there when the engine has had its time to notice."""
    end = time.monotonic() + 20
    while (found := look()) and time.monotonic() < end:
        pass
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_test_that_is_interrupted(
    number: signal.Signals, engine: Engine, victim: Callable[..., Victim], base: str
) -> None:
    marker = f": test-{uuid.uuid4()};"
    said = victim(f"FROM {base}\n", marker + HANGING).end(number)
    assert said == [f"interrupted {number.name}"]
    assert running(engine, marker) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cleaning_up_goes_on_whichever_thread_a_second_signal_meets(number: signal.Signals) -> None:
    cleaned, over = False, threading.Event()
    # As the one that draws the live view.
    drawing = threading.Thread(target=over.wait)
    drawing.start()
    arrived, tell = os.pipe()
    os.set_blocking(tell, False)
    old = signal.set_wakeup_fd(tell)
    try:
        with pytest.raises(KeyboardInterrupt), terminable(), shielded():
            for _ in range(2):
                os.kill(os.getpid(), number)
                assert os.read(arrived, 1) == bytes([number])
            cleaned = True
    finally:
        signal.set_wakeup_fd(old)
        over.set()
        drawing.join()
        os.close(arrived)
        os.close(tell)
    assert cleaned


def test_a_deadline_that_passes_where_python_ignores_it_is_not_lost() -> None:
    class Thing:
        pass

    thing, begun = Thing(), time.monotonic()
    note = weakref.ref(thing, lambda ref: signal.pause())
    with pytest.raises(DeadlinePassed), terminable(), deadline(0.1):
        del thing
        assert note() is None
        time.sleep(60)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_interrupted(
    number: signal.Signals, builder: str, victim: Callable[..., Victim], base: str
) -> None:
    marker = f": build-{uuid.uuid4()};"
    ended = victim(f"FROM {base}\nRUN {marker} {HANGING}\n", builder=builder)
    assert processes(marker)
    ended.end(number)
    # The engine ends the step when nobody listens any more.
    assert settled(lambda: processes(marker)) == []
    assert processes(str(ended.store.folder)) == []


def test_the_next_run_removes_what_a_killed_guard_left(
    engine: Engine, victim: Callable[..., Victim], store: Store, base: str
) -> None:
    marker = f": {uuid.uuid4()};"
    victim(f"FROM {base}\n", marker + HANGING).end(signal.SIGKILL)
    assert running(engine, marker)
    parts = [
        store.part({"Dockerfile": f"FROM {base}\n", "aula": Submodule()}),
        store.part(AULA, "aula"),
    ]
    assert Trial(engine, "classic").run(parts, "/bin/true").result is Result.PASSED
    assert running(engine, marker) == []
