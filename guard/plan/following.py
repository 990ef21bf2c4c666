"""What comes next, from wherever somebody stands: the one line that every screen calls ``next``."""

from __future__ import annotations

from collections.abc import Sequence

from guard.config import FILE
from guard.git.commands import PERSON, git, in_turn, told
from guard.model import Tested, VerdictState
from guard.plan.preparation import preparation
from guard.plan.walk import Step, StepState, next_command, pending, steps
from guard.situation.checkouts import Checkouts, Settings
from guard.situation.release import Reach, ReleaseFacts, Spot
from guard.situation.values import FILL_IN


def following(release: ReleaseFacts, at: Checkouts, hook: str, others: str) -> str:
    """What brings the work on; "" where there is nothing to do.

    In this order: what keeps guard's hook from being effective, what only a person can do, what
    others have already, what is checked out and not staged, or staged and not checked out, and then
    the steps of a release.

    Args:
        at: how everything is checked out.
        hook: what makes the hooks effective, "" where they are.
        others: what brings others' commits here, "" where that is not needed.

    Returns:
        A command; or, after `PERSON`, what only a person can do, and a command that shows it.
    """
    plan = steps(release)
    step = pending(plan)
    todo = preparation(at, release.names.consumer_path, release.names.dependency_path)
    if hook and (step is None or step.state is not StepState.BLOCKED):
        return hook
    if todo is not None and todo.person:
        return f"{PERSON}{todo.person}: {in_turn(todo.commands)}"
    # A pull takes back what is staged, and on a feature branch the default one is not brought.
    if others := _pull(release) or ("" if release.staged or at.is_feature else others):
        return others
    if todo is not None:
        return in_turn(todo.commands)
    if step is None or (at.is_brought and _is_theirs(release)):
        return ""
    return _command(plan, at)


def _command(plan: Sequence[Step], at: Checkouts) -> str:
    """The command of the pending step; of a person where none of guard's helps any more."""
    command = next_command(plan)
    if command in ("guard init", told(FILL_IN)) and at.settings is Settings.CHANGED:
        return git(at.superproject, "add", FILE).text
    step = pending(plan)
    assert step is not None  # else there was no question
    return command or f"{PERSON}see why {step.title} is blocked: guard check"


def _pull(release: ReleaseFacts) -> str:
    """What brings the superproject's branch up to what its remote is known to have."""
    spot = release.superproject
    if release.staged or not isinstance(spot, Spot) or not spot.local:
        return ""
    if spot.reach is not Reach.AHEAD_THERE:
        return ""
    return spot.git("pull", "--ff-only", spot.remote, spot.branch).text


def _is_theirs(release: ReleaseFacts) -> bool:
    """Whether it is what the superproject's remote has, and what others can fetch.

    Who was brought it by git need not test it again, nor push what others have fetched; where
    something speaks against it, that is said all the same.
    """
    tested = release.tested
    if release.faults or release.staged:
        return False
    is_there = _is_at(release.superproject, (Reach.SAME,))
    can_be_fetched = release.consumer is None or _is_at(
        release.consumer, (Reach.SAME, Reach.AHEAD_THERE)
    )
    is_untested = isinstance(tested, Tested) and tested.state is VerdictState.UNTESTED
    return is_there and can_be_fetched and is_untested


def _is_at(spot: object, reaches: Sequence[Reach]) -> bool:
    return isinstance(spot, Spot) and spot.reach in reaches
