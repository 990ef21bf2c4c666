"""What the way back asks the remotes, and what it pushes there, in order and through the hooks."""

from __future__ import annotations

from collections.abc import Iterable

from guard.errors import GuardError
from guard.git.commands import git
from guard.git.network import fetch, remote_commit
from guard.git.repository import Repository
from guard.git.sending import PushError, Refusal, push
from guard.recovery.plan import Goal, Plan, Side
from guard.recovery.restore import Say
from guard.situation.branches import default_branch


def ask_remotes(checkouts: Iterable[tuple[str, Repository]]) -> None:
    """Fetch what the remotes have before anything is made on top of it.

    Args:
        checkouts: with their names; one that has no remote is passed over.

    Raises:
        GuardError: a remote does not answer; nothing has been changed.
    """
    for name, checkout in checkouts:
        remote = default_branch(checkout).remote
        if not remote:
            continue
        try:
            fetch(checkout, remote, tags=True)
        except GuardError as error:
            raise GuardError(
                f"nothing was changed: {name}'s remote {remote} does not answer: {error.problem}",
                git(checkout, "fetch", remote).text,
            ) from error


def tags_to_push(plan: Plan) -> list[tuple[Goal, str]]:
    """The release tags that their remotes lack, with the remote.

    Raises:
        GuardError: a remote does not answer, or has another commit under that tag.
    """
    tags = []
    for goal in (pinned.goal for pinned in plan.pinned if pinned.tag):
        remote = default_branch(goal.checkout).remote if goal is not None else ""
        if goal is None or not remote:
            continue
        commit = remote_commit(goal.checkout, remote, f"refs/tags/{goal.tag}")
        if not commit:
            tags.append((goal, remote))
        elif commit != goal.commit:
            raise GuardError(
                f"nothing was changed: {goal.name}'s remote has {goal.tag} at {commit[:12]}, here "
                f"it is {goal.commit[:12]}",
                git(goal.checkout, "ls-remote", "--tags", remote).text,
            )
    return tags


def push_all(
    plan: Plan, tags: Iterable[tuple[Goal, str]], commits: tuple[str, str], say: Say
) -> None:
    """Push the tags, then the consumer, then the superproject, each through its hook.

    Args:
        commits: those of consumer and superproject.

    Raises:
        GuardError: one was refused, by whom and what to do; what comes after it is not pushed.
    """
    for goal, remote in tags:
        ref = f"refs/tags/{goal.tag}"
        push(goal.checkout, remote, ref, ref)
        say(f"{goal.name}: pushed {goal.tag} to {remote}")
    for side, commit in zip((plan.consumer, plan.superproject), commits, strict=True):
        _push_side(side, commit, say)


def _push_side(side: Side, commit: str, say: Say) -> None:
    branch, checkout = side.branch, side.checkout
    if branch.tracked == commit:
        say(f"{side.name}: {branch.remote} has it already")
        return
    try:
        push(checkout, branch.remote, commit, branch.ref)
    except PushError as error:
        problem = f"the push to {branch.name} of {branch.remote} was refused:\n{error.problem}"
        remedy = "run guard recover --push again when that is mended: what is done stays done"
        if error.refusal is Refusal.BEHIND:
            problem = (
                f"somebody else pushed to {branch.name} of {branch.remote} first; nothing was "
                f"forced, and the restoring commit {commit[:12]} is here"
            )
            fetch_it = git(checkout, "fetch", branch.remote).text
            remedy = (
                f"look at it: {fetch_it}; then run guard recover --push again, which joins both"
            )
        raise GuardError(f"{side.name}: {problem}", remedy) from error
    say(f"{side.name}: pushed {commit[:12]} to {branch.remote} {branch.name}")
