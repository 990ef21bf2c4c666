"""Steps of a build that outlived their engine.

A killed engine leaves the step that it was at: its container bears no label of ours, the engine
may take it for one that never ran, and BuildKit does not know it any more at all. So a build
keeps a note of the steps it is at, in a private folder, until it has ended in order; the next run
takes up what others left there. Processes are only looked for where the engine is this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from guard.engine.client import Engine
from guard.engine.leftovers import Owner, remove
from guard.engine.processes import end_container, kill, notes_folder, pids, read
from guard.model import from_json

_RUNTIMES: Final = ("runc", "crun", "containerd-shim", "conmon")
_FLAGS: Final = re.compile(r"(?:--\S+\s+)*")


class StepNotes:
    """The note of one build; what is on it has begun and may still be at work."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def container(self, container: str) -> None:
        """A container of the classic builder runs a step."""
        self._add("container", container)

    def step(self, text: str) -> None:
        """BuildKit runs a step."""
        if text.upper().startswith("RUN "):
            self._add("step", text)

    def _add(self, kind: str, text: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps([kind, text]) + "\n")


@contextmanager
def step_notes(engine: Engine) -> Iterator[StepNotes]:
    """A note for a build on the engine. It stays where the build does not end in order."""
    folder = notes_folder()
    path = folder / f"{Owner.this()}".replace("/", "_")
    path.write_text(json.dumps([str(Owner.this()), engine.facts.host]) + "\n")
    yield StepNotes(path)
    path.unlink(missing_ok=True)


def remove_strays(engine: Engine) -> int:
    """End the steps that are on notes of builds on this engine that have ended otherwise.

    Returns:
        how many were still there.

    Raises:
        EngineError: one goes on and this user may not end it; the remedy does.
    """
    removed = 0
    for path in sorted(notes_folder().iterdir()):
        lines = _lines(path)
        owner = Owner.parse(lines[0][0]) if lines else None
        if owner is None or lines[0][1] != engine.facts.host:
            continue
        if not (owner.is_gone or owner == Owner.this()):
            continue
        for kind, text in lines[1:]:
            removed += _end_container(engine, text) if kind == "container" else _end_step(text)
        path.unlink(missing_ok=True)
    return removed


def _lines(path: Path) -> list[tuple[str, str]]:
    # Another run may take the note up at the same time, or its last line may be half written.
    found = []
    with suppress(FileNotFoundError, ValueError):
        for line in path.read_text().splitlines():
            found.append(from_json(tuple[str, str], line.encode()))
    return found


def _end_container(engine: Engine, container: str) -> int:
    ended = end_container(engine, container)
    with engine.speaking(f"remove the container {container}"):
        return int(remove(engine, container) or ended > 0)


def _end_step(text: str) -> int:
    command = _FLAGS.sub("", text[len("RUN ") :], count=1)
    return sum(kill(pid) for pid in pids() if _is_orphan(pid) and _runs(pid, command))


def _is_orphan(pid: int) -> bool:
    """Whether BuildKit started the process and its runtime is gone."""
    parent = re.search(r"^PPid:\s*(\d+)", read(pid, "status"), re.MULTILINE)
    if parent is None or "/buildkit/" not in read(pid, "cgroup"):
        return False
    return not read(int(parent[1]), "comm").startswith(_RUNTIMES)


def _runs(pid: int, command: str) -> bool:
    arguments = read(pid, "cmdline").split("\0")[:-1]
    if command.startswith("["):
        with suppress(ValueError):
            return bool(arguments == json.loads(command))
    return bool(arguments) and arguments[-1].split() == command.split()
