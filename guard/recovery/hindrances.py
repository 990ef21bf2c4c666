"""What stands in the way of a plan: what would be lost or written over, and what stops a push."""

from __future__ import annotations

import os
from collections.abc import Sequence

from guard.errors import GitError, GuardError
from guard.git.checkouts import in_the_way, losses
from guard.git.commands import git
from guard.git.locate import checkout_at
from guard.git.repository import Repository
from guard.install.health import hook_health
from guard.recovery.known_good import Good
from guard.recovery.plan import Side


def unfit(name: str, checkout: Repository, target: str) -> list[GuardError]:
    """What keeps a checkout from going to a tree or commit.

    Where something would be lost, what would be written over is not told, too: it is the same.
    """
    return losses(name, checkout) or _obstacles(name, checkout, target)


def unfit_below(superproject: Repository, good: Good) -> list[GuardError]:
    """What keeps the submodules of submodules from following theirs."""
    paths = [part.path for part in good.parts if part.path]
    troubles = []
    for path in paths:
        is_nested = any(path.startswith(f"{other}/") for other in paths)
        checkout = checkout_at(superproject, path) if is_nested else None
        if checkout is not None:
            troubles += losses(path, checkout)
    return troubles


def not_checked_out(superproject: Repository, name: str, path: str, why: str = "") -> GuardError:
    """That a submodule has no checkout, which is needed.

    Args:
        why: what it is needed for, from the comma on.
    """
    command = git(superproject, "submodule", "update", "--init", path).text
    return GuardError(f"{name} is not checked out{why}", command)


def _obstacles(name: str, checkout: Repository, tree: str) -> list[GuardError]:
    """What a checkout of a tree or commit would overwrite."""
    try:
        checkout.run("cat-file", "-e", f"{tree}^{{tree}}")
    except GitError:
        return []  # it comes from another repository; git itself refuses then
    problem = in_the_way(checkout, tree)
    if not problem:
        return []
    return [GuardError(f"{name}: {problem}", git(checkout, "status", "--ignored").text)]


def elsewhere(name: str, checkout: Repository, branch: str, why: str) -> list[GuardError]:
    """That another working tree has a branch that this one is to have.

    Args:
        why: what that would do, from the comma on.
    """
    place = checkout.text("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{branch}")
    # Of a submodule's own checkout git names the git dir there.
    if not place or os.path.realpath(place) in (checkout.work_tree, checkout.git_dir):
        return []
    other = checkout._replace(work_tree=place)
    problem = f"{name}: {branch} is checked out in {place}{why}"
    return [GuardError(problem, git(other, "checkout", "--detach").text)]


def unguarded(side: Side) -> list[GuardError]:
    """What keeps a push from its remote, or from the hook on the way there."""
    troubles = []
    if not side.branch.remote:
        command = f"{git(side.checkout, 'remote', 'add').text} origin <url>"
        troubles.append(GuardError(f"{side.name} has no remote to push to", command))
    health = hook_health(side.checkout)
    if not health.effective:
        problem = f"{side.name}: the push would go through no hook: {health.reason}"
        troubles.append(GuardError(problem, health.remedy or "guard install"))
    return troubles


def refuse(troubles: Sequence[GuardError]) -> None:
    """Raise the error that names them all, if there is any.

    Raises:
        GuardError: of that.
    """
    if not troubles:
        return
    lines = [f"  {trouble.problem}" for trouble in troubles]
    remedies = dict.fromkeys(trouble.remedy for trouble in troubles if trouble.remedy)
    raise GuardError(
        "nothing was changed; in the way of it:\n" + "\n".join(lines), "; ".join(remedies)
    )
