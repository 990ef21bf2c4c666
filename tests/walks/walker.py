"""Along `next:`, as a person would go who types what guard says and nothing else.

What `guard status` calls next is pasted into a shell, in the very folder where that was said, until
it says that nothing is left. Each step has to succeed, none may come back to a state that was seen
before, and nothing of the developer's may be lost on the way.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from tests.forks import run_guard
from tests.walks.picture import Picture, blobs, held
from tests.workshop import Repo

MOST_STEPS = 15
_GUARD = '#!/bin/sh\nexec "{python}" -I -m guard "$@"\n'
# guard asks before what others will see; who pastes the command says yes.
_ASKING = ("guard release", "guard recover")
_LINES = 12


class Ending(Enum):
    """How a walk ends well."""

    NOTHING = "nothing is left to do"
    PERSON = "a person is named who has to do what no command does"


# How the line begins that is no command.
_ENDINGS = {"nothing": Ending.NOTHING, "you": Ending.PERSON}


class WalkError(Exception):
    """Why a walk along `next:` does not end well; the message tells the path."""


class CommandError(WalkError):
    """The command that guard gave fails where guard gave it."""


class RepeatedStateError(WalkError):
    """A step leads to a state that was seen before: the walk would go round for ever."""


class DeadEndError(WalkError):
    """Nothing is said to be left, and the work is not done; or there is no end at all."""


class LostBranchError(WalkError):
    """A step leaves the branch on which the developer works."""


class LostBlobError(WalkError):
    """A step loses content that nobody else has."""


class Step(NamedTuple):
    """One line of the transcript: what was pasted, and what came of it."""

    command: str
    status: int
    text: str

    def __str__(self) -> str:
        lines = self.text.rstrip().splitlines()
        more = [f"  | ... {len(lines) - _LINES} lines before"] if len(lines) > _LINES else []
        shown = [f"  | {line}" for line in lines[-_LINES:]]
        failed = [f"  = exit status {self.status}"] if self.status else []
        return "\n".join([f"$ {self.command}", *more, *shown, *failed])


class Walker:
    """Somebody who stands in one folder and does what guard says.

    Args:
        at: where they stand.
        checkouts: all of theirs, the superproject first.
        remotes: the bare repositories that others see.
        tools: the folder that has the command `guard`; it comes first on the path.
        stand_in: the verbs of `guard` that are to be run from there, all of them for None; any
            other is run in a fork.
    """

    def __init__(
        self,
        at: Repo,
        checkouts: Sequence[Repo],
        remotes: Sequence[Repo],
        tools: Path,
        stand_in: Sequence[str] | None = (),
    ) -> None:
        self.at = at
        self.steps: list[Step] = []
        self.told = ""
        self._checkouts = tuple(checkouts)
        self._remotes = tuple(remotes)
        self._stand_in = stand_in
        # With an editor that takes the messages as git proposes them.
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self._environment = {"PATH": path, "GIT_EDITOR": "true"}
        start = self._picture()
        self._branches = start.branches
        self._seen = [start]
        self._blobs = {
            blob: f"{each.folder.name}/{path}"
            for each in self._checkouts
            for blob, path in blobs(each).items()
        }

    @property
    def commands(self) -> list[str]:
        """What was pasted, in order."""
        return [step.command for step in self.steps]

    def walk(self) -> Ending:
        """Go on until the end.

        Raises:
            WalkError: it does not end well.
        """
        while len(self.steps) < MOST_STEPS:
            following = self.next()
            ending = _ENDINGS.get(following.split(":")[0])
            if ending is not None:
                return ending
            self._step(following)
        raise DeadEndError(self._told(f"no end after {MOST_STEPS} steps"))

    def step(self) -> None:
        """One step, which there has to be.

        Raises:
            WalkError: it does not end well.
        """
        self._step(self.next())

    def next(self) -> str:
        """What `guard status` says is next, here."""
        ran = self._run("guard status")
        label, _, following = ran.text.splitlines()[-1].partition(": ")
        if ran.status or label != "next":
            self.steps.append(ran)
            raise CommandError(self._told("guard status fails, or says nothing of what is next"))
        self.told = following
        return following

    def reaches(self, holds: bool, goal: str) -> None:
        """Hold that the walk has led to its goal.

        Raises:
            DeadEndError: it has not.
        """
        if not holds:
            raise DeadEndError(self._told(f"the walk has ended, but not: {goal}"))

    def _step(self, command: str) -> None:
        pasted = f"{command} --yes" if command.startswith(_ASKING) else command
        ran = self._run(pasted)
        self.steps.append(ran)
        if ran.status and not self._may_fail(ran):
            raise CommandError(self._told(f"this fails where guard said it is next: {pasted}"))
        picture = self._picture()
        self._hold_branches(picture)
        self._hold_blobs()
        if picture in self._seen:
            ago = len(self._seen) - self._seen.index(picture)
            raise RepeatedStateError(self._told(f"this is the state of {ago} steps ago"))
        self._seen.append(picture)

    def _may_fail(self, ran: Step) -> bool:
        """Whether a command that failed is no fault of whoever said it."""
        return False

    def _hold_branches(self, picture: Picture) -> None:
        now = picture.branches
        for folder, branch in self._branches.items():
            if now.get(folder) != branch:
                found = now.get(folder, "a detached HEAD")
                raise LostBranchError(self._told(f"{folder} was on {branch}, and is on {found}"))

    def _hold_blobs(self) -> None:
        somewhere: set[str] = set()
        for each in (*self._checkouts, *self._remotes):
            somewhere |= held(each)
        for each in self._checkouts:
            somewhere |= set(blobs(each))
        lost = sorted(path for blob, path in self._blobs.items() if blob not in somewhere)
        if lost:
            raise LostBlobError(self._told(f"content is nowhere any more: {', '.join(lost)}"))

    def _picture(self) -> Picture:
        return Picture.of(self._checkouts, self._remotes)

    def _run(self, command: str) -> Step:
        environment = {**os.environ, **self._environment}
        program, *words = shlex.split(command)
        if program == "guard" and self._stand_in is not None and words[0] not in self._stand_in:
            forked = run_guard(words, self.at.folder, environment)
            return Step(command, forked.status, forked.err + forked.out)
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.at.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
        )
        return Step(command, ran.returncode, ran.stdout)

    def _told(self, what: str) -> str:
        """The reason, with the path that led there."""
        path = "\n".join(str(step) for step in self.steps)
        return f"{what}\n\nin {self.at.folder}:\n{path}"


def put_guard_into(tools: Path, script: str = "") -> None:
    """Make the command `guard`: the one that is tested, or a script that stands in for it."""
    tools.mkdir(parents=True, exist_ok=True)
    guard = tools / "guard"
    guard.write_text(script or _GUARD.format(python=sys.executable))
    guard.chmod(0o755)
