"""Breaks guard in sandboxes and tells what became of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Final, NamedTuple

from tests.mutants.listed import Mutant
from tests.mutants.places import Places, broken, candidates
from tests.mutants.sandbox import PATIENCE, Sandbox

KILLED: Final = "killed"
SURVIVED: Final = "survived"
GONE: Final = "gone"
UNCLEAR: Final = "unclear"
# pytest's exit statuses.
_GREEN: Final = 0
_RED: Final = 1


class Fate(NamedTuple):
    """What became of a mutant."""

    word: str
    detail: str = ""


class Run:
    """Breaks the copies in some sandboxes, each of which serves one thread at a time."""

    def __init__(self, sandboxes: Sequence[Sandbox], places: Places) -> None:
        self._places = places
        self._free: SimpleQueue[Sandbox] = SimpleQueue()
        for sandbox in sandboxes:
            self._free.put(sandbox)

    def trouble(self, tests: Sequence[str]) -> str:
        """What pytest prints where one of the tests is not green though nothing is broken."""
        with self._sandbox() as sandbox:
            status, output = sandbox.test(tests, PATIENCE + 10 * len(tests))
        return "" if status == _GREEN else output

    def fate(self, mutant: Mutant) -> Fate:
        """Break one line and run the tests that are to notice."""
        alike = candidates(mutant, self._places)
        if len(alike) != 1:
            return Fate(GONE, f"{len(alike)} such lines: write its successor into the list")
        (place,) = alike
        with self._sandbox() as sandbox:
            text = (sandbox.tree / place.file).read_text(encoding="utf-8")
            with sandbox.broken(place.file, broken(text, place.number, mutant.replacement)):
                try:
                    status, output = sandbox.test(mutant.killers)
                except subprocess.TimeoutExpired:
                    return Fate(KILLED, f"its tests did not end within {PATIENCE} s")
        if status == _RED:
            return Fate(KILLED)
        if status == _GREEN:
            return Fate(SURVIVED, f"in {place.file}: none of its tests is red")
        return Fate(UNCLEAR, f"pytest exits with {status}:\n{output}")

    @contextmanager
    def _sandbox(self) -> Iterator[Sandbox]:
        """One that nobody else uses meanwhile."""
        sandbox = self._free.get()
        try:
            yield sandbox
        finally:
            self._free.put(sandbox)
