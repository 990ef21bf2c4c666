"""What a person is to do: commands as values, and their text for where the user stands."""

import os
from collections.abc import Iterable
from shlex import join
from typing import Final, NamedTuple

from guard.git.repository import Repository

# How a line begins that is no command to paste.
PERSON: Final = "you: "
# Else a fetch or a pull fails over a gitlink that somebody has pinned and not pushed.
ALONE: Final = ("--no-recurse-submodules",)
# Of git and of guard, what only shows.
_LOOKS: Final = frozenset(
    {"log", "ls-remote", "status", "show", "diff", "check", "explain", "audit"}
)


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
        return join((program, *(_at(self.repository) if self.repository else ()), *words))


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
    is_whole = remedy.startswith(("git ", "guard ", PERSON))
    return remedy if is_whole or not remedy else f"{PERSON}{remedy}"


def as_next(reason: str, remedy: str, is_persons: bool = False) -> str:
    """A remedy as what comes next; after `PERSON` where it only shows or says what is to be done.

    Args:
        is_persons: whether it is known to be that.
    """
    first = remedy.partition("\n")[0]
    if first.startswith(PERSON) and not is_persons:
        return first
    first = first.removeprefix(PERSON)
    if is_persons or not _brings_on(first):
        return f"{PERSON}{reason}: {first or 'guard check'}"
    return first


def _brings_on(remedy: str) -> bool:
    """Whether a remedy is a command, and does more than to show something."""
    words = remedy.split()
    if not words or words[0] not in ("git", "guard") or "<" in remedy:
        return False
    named = [word for word in words[1:] if not word.startswith("-")]
    verb = named[1:2] if words[1:2] == ["-C"] else named[:1]
    return not _LOOKS.intersection(verb) and "remote --verbose" not in remedy


def _at(repository: Repository) -> tuple[str, ...]:
    """The words by which git is told of a repository, from where the user stands."""
    if repository.work_tree is None:
        return (f"--git-dir={repository.git_dir}",)
    folder = _seen_from_here(repository.work_tree)
    return () if folder == os.curdir else ("-C", folder)


def _seen_from_here(folder: str) -> str:
    """A folder's path from where the user called git, which runs hooks at the top of a checkout."""
    origin = os.path.join(os.getcwd(), os.environ.get("GIT_PREFIX", ""))
    if not os.path.isdir(origin):
        origin = os.getcwd()
    relative = os.path.relpath(folder, origin)
    return relative if len(relative) < len(folder) else folder
