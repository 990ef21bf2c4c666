"""What comes next, from wherever somebody stands: the one line that every screen calls ``next``."""

from __future__ import annotations

from guard.git.commands import in_turn
from guard.plan.preparation import Todo
from guard.plan.walk import StepState, next_command, pending, steps
from guard.situation.release import Reach, ReleaseFacts, Spot
from guard.situation.values import Tested, VerdictState

# How the line begins that is no command.
PERSON = "you: "


def following(release: ReleaseFacts, todo: Todo | None, hook: str, others: str) -> str:
    """What brings the work on; "" where there is nothing to do.

    In this order: what keeps guard's hook from being effective, what only a person can do, what
    others have already, what is checked out and not staged, or staged and not checked out, and then
    the steps of a release.

    Args:
        todo: what `preparation` says.
        hook: what makes the hooks effective, "" where they are.
        others: what brings others' commits here, "" where that is not needed.

    Returns:
        A command; or, after `PERSON`, what only a person can do, and a command that shows it.
    """
    plan = steps(release)
    step = pending(plan)
    if hook and (step is None or step.state is not StepState.BLOCKED):
        return hook
    if todo is not None and todo.person:
        return f"{PERSON}{todo.person}: {in_turn(todo.commands)}"
    if others := _pull(release) or others:
        return others
    if todo is not None:
        return in_turn(todo.commands)
    if step is None or _is_theirs(release):
        return ""
    return next_command(plan)


def _pull(release: ReleaseFacts) -> str:
    """What brings the superproject's branch up to what its remote is known to have."""
    spot = release.superproject
    if release.staged or not isinstance(spot, Spot) or not spot.local:
        return ""
    if spot.reach is not Reach.AHEAD_THERE:
        return ""
    return spot.git("pull", "--ff-only", spot.remote, spot.branch).text


def _is_theirs(release: ReleaseFacts) -> bool:
    """Whether it is what the superproject's remote has, and nobody here has anything to add.

    Who has cloned it need not test it again, nor push what others have fetched; where something
    speaks against it, that is said all the same.
    """
    spot, tested = release.superproject, release.tested
    if (
        release.faults
        or release.staged
        or not isinstance(spot, Spot)
        or spot.reach is not Reach.SAME
    ):
        return False
    return isinstance(tested, Tested) and tested.state is VerdictState.UNTESTED
