"""The list of mutants.

A mutant is three or more lines of `mutants.txt`, and an empty line parts it from the next:

    Gate._decide
    - if self._asks_verdicts:
    + if not self._asks_verdicts:
    by tests/golden/test_outcomes.py::test_shape[verdicts: a failed test]

that is the function, a line of it without its indentation, what takes the line's place, and the
tests of which at least one is red then. No file and no number of a line is named, so a mutant
survives that modules move, are renamed, split or merged. Lines that begin with # are comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("mutants.txt")


class Mutant(NamedTuple):
    """One way to break guard.

    Args:
        function: its qualified name inside the module, such as ``Gate._decide``; a class or
            ``<module>`` where the line stands outside of functions.
        line: the line as it should be, without indentation.
        replacement: the line that breaks it.
        killers: ids of tests, as pytest writes them; the first are asked first.
    """

    function: str
    line: str
    replacement: str
    killers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.function}: {self.line}  ->  {self.replacement}"


def listed() -> list[Mutant]:
    """The committed list."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> list[Mutant]:
    """The mutants of a list's text.

    Raises:
        ValueError: a block is not a mutant.
    """
    lines = (line.strip() for line in text.splitlines())
    code = "\n".join(line for line in lines if not line.startswith("#"))
    return [_mutant(block.split("\n")) for part in code.split("\n\n") if (block := part.strip())]


def _mutant(lines: list[str]) -> Mutant:
    function, line, replacement, *killers = (*lines, "", "", "")[: max(len(lines), 4)]
    marks = (line[:2], replacement[:2], *(killer[:3] for killer in killers))
    if marks != ("- ", "+ ", *("by " for _ in killers)):
        raise ValueError("no mutant, which is a function, -, + and by:\n" + "\n".join(lines))
    return Mutant(function, line[2:], replacement[2:], tuple(killer[3:] for killer in killers))
