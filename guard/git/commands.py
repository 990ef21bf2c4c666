"""What a person is to do: commands as values, and their text for where the user stands."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import join
from typing import Final, NamedTuple

from guard.git.locate import at
from guard.git.repository import Repository

# How a line begins that is no command to paste.
PERSON: Final = "you: "
# Else a fetch or a pull fails over a gitlink that somebody has pinned and not pushed.
ALONE: Final = ("--no-recurse-submodules",)


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


# Commands, one after the other; or a sentence about what no command does.
Remedy = tuple[Command, ...] | str


def in_turn(commands: Iterable[Command]) -> str:
    """Several commands as one line, of which each is run where the one before has succeeded."""
    return " && ".join(command.text for command in commands)


def git(repository: Repository, *words: str) -> Command:
    """A git command in a repository."""
    return Command(("git", *words), repository)


def guard(*words: str) -> Command:
    """A command of guard's own, which finds the superproject from wherever it is typed."""
    return Command(("guard", *words))


def told(remedy: Remedy) -> str:
    """As it is printed: commands as one line to paste, a sentence after `PERSON`."""
    if not isinstance(remedy, str):
        return in_turn(remedy)
    # An error, and a verdict that cannot be read, bring their command as text.
    is_command = remedy.startswith(("git ", "guard "))
    return remedy if is_command or not remedy else f"{PERSON}{remedy}"
