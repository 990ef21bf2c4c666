"""The way back, carried out here: new commits, and checkouts that move.

In which order, and what a kill leaves, is told in `journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from guard.errors import GuardError
from guard.git.ancestry import tree_of
from guard.git.checkouts import follow, switch, take_over, update_below
from guard.git.commits import advance, new_commit, tree_with
from guard.git.refs import Stand, stand
from guard.git.repository import Repository
from guard.model import RECOVERS
from guard.recovery.journal import Home, Journal, Move, read_journal, write_journal
from guard.recovery.plan import Goal, Plan, Side, changes_of, whole
from guard.verdicts.recording import KEEP

_WHY: Final = "guard recover"

Say = Callable[[str], None]


def restore(plan: Plan, say: Say) -> tuple[str, str]:
    """Make the commits, move the branches, check everything out.

    Returns:
        The commits of consumer and superproject that have the good content.

    Raises:
        GuardError: a branch was moved meanwhile, or git refuses. Running it again goes on.
    """
    consumer, superproject = plan.consumer, plan.superproject
    part = plan.good.part(consumer.path)
    if part is not None and consumer.needed:
        _bring(consumer.checkout, part.commit, part.repository)
    first = _committed(plan, consumer, consumer.tree)
    changes = changes_of(consumer.path, first, plan.pinned, plan.blob)
    tree = tree_with(superproject.checkout, whole(plan.good).tree, changes)
    second = _committed(plan, superproject, tree)
    pinned = [each.goal for each in plan.pinned if each.goal is not None]
    home = read_journal(superproject.checkout).home
    goals = [consumer.goal(first), superproject.goal(second), *pinned]
    travel(superproject.checkout, goals, home, say)
    return first, second


def _committed(plan: Plan, side: Side, tree: str) -> str:
    """A commit with this tree on top of the tip; the tip itself where that has it already."""
    if len(side.parents) == 1 and tree_of(side.checkout, side.parents[0]) == tree:
        return side.parents[0]
    record = plan.good.record
    message = (
        f"Restore the tree of {side.described or 'the tested index'}: combination {record.name} "
        f"passed on {record.finished[:10]}\n\n"
        f"{RECOVERS}: {record.name}\n"
    )
    return new_commit(side.checkout, tree, side.parents, message)


def travel(superproject: Repository, goals: Sequence[Goal], home: Sequence[Home], say: Say) -> None:
    """Bring checkouts to where they go, each with its submodules.

    Args:
        home: what the journal remembers meanwhile and afterwards.

    Raises:
        GuardError: a branch was moved meanwhile, or git refuses. Running it again goes on.
    """
    for goal in goals:
        if goal.source is not None:
            _bring(goal.checkout, goal.commit, goal.source, goal.tag)
    ways = [(goal, stand(goal.checkout)) for goal in goals]
    moves = [
        Move(goal.path, before.commit, goal.commit, _stays(goal, before))
        for goal, before in ways
        if before.commit not in (None, goal.commit)
    ]
    write_journal(superproject, Journal(1, tuple(home), tuple(moves)))
    for goal in goals:
        branch = goal.moves
        if branch is not None and branch.local != goal.commit:
            advance(goal.checkout, branch.ref, goal.commit, branch.local, _WHY)
    for goal, before in ways:
        _check_out(goal, before)
        if goal.path:
            _follow_below(goal, say)
        for line in goal.arrival:
            say(f"{goal.name}: {line}")
    write_journal(superproject, Journal(1, tuple(home), ()))


def _stays(goal: Goal, before: Stand) -> bool:
    return bool(goal.branch) and goal.branch == before.branch


def _check_out(goal: Goal, before: Stand) -> None:
    if not _stays(goal, before):
        if before != (goal.commit, goal.branch):
            switch(goal.checkout, goal.commit, goal.branch)
    elif before.commit not in (None, goal.commit):
        follow(goal.checkout, before.commit, goal.commit)


def _follow_below(goal: Goal, say: Say) -> None:
    """Let a submodule's own submodules follow; where they cannot, that is said and no error.

    What they lack may need a network, and the three repositories are what counts.
    """
    try:
        update_below(goal.checkout)
    except GuardError as error:
        say(f"{goal.name}: its own submodules stay where they are: {error.problem}")


def _bring(checkout: Repository, commit: str, source: Repository, tag: str = "") -> None:
    """Have a commit in a checkout's repository: as `take_over`, by what may name it there."""
    take_over(checkout, commit, source, f"{KEEP}{commit}", *([f"refs/tags/{tag}"] if tag else []))
