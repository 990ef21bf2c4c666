"""Commands for a person to paste: values, and their text for the folder where the user stands."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import join
from typing import NamedTuple

from guard.git.locate import at
from guard.git.repository import Repository


class Command(NamedTuple):
    """One command.

    Args:
        argv: its words, of which the first is ``git`` or ``guard``.
        repository: where git acts; None for a command that does the same wherever it is typed.
    """

    argv: tuple[str, ...]
    repository: Repository | None = None

    @property
    def text(self) -> str:
        """To be typed where the user stands."""
        program, *words = self.argv
        return join((program, *(at(self.repository) if self.repository else ()), *words))


def in_turn(commands: Iterable[Command]) -> str:
    """Several commands as one line, of which each is run where the one before has succeeded."""
    return " && ".join(command.text for command in commands)


def git(repository: Repository, *words: str) -> Command:
    """A git command in a repository."""
    return Command(("git", *words), repository)


def guard(*words: str) -> Command:
    """A command of guard's own, which finds the superproject from wherever it is typed."""
    return Command(("guard", *words))
