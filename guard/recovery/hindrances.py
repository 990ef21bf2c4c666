"""What stands in the way of a plan: what would be lost or written over, and what stops a push."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.ancestry import is_named
from guard.git.checkouts import in_the_way, uncommitted
from guard.git.refs import stand
from guard.git.repository import Repository
from guard.install.health import hook_health
from guard.recovery.journal import checkout_at
from guard.recovery.known_good import Good
from guard.recovery.plan import Side, git_in

# Files of one checkout that are named.
_SHOWN: Final = 5


class Trouble(NamedTuple):
    """One thing that stands in the way, and what helps."""

    problem: str
    remedy: str = ""


def unfit(name: str, checkout: Repository, target: str) -> list[Trouble]:
    """What keeps a checkout from going to a tree or commit.

    Where something would be lost, what would be written over is not told, too: it is the same.
    """
    return _losses(name, checkout) or _obstacles(name, checkout, target)


def unfit_below(superproject: Repository, good: Good) -> list[Trouble]:
    """What keeps the submodules of submodules from following theirs."""
    paths = [part.path for part in good.parts if part.path]
    troubles = []
    for path in paths:
        is_nested = any(path.startswith(f"{other}/") for other in paths)
        checkout = checkout_at(superproject, path) if is_nested else None
        if checkout is not None:
            troubles += _losses(path, checkout)
    return troubles


def not_checked_out(superproject: Repository, name: str, path: str, why: str = "") -> Trouble:
    """That a submodule has no checkout, which is needed.

    Args:
        why: what it is needed for, from the comma on.
    """
    command = git_in(superproject, "submodule", "update", "--init", path)
    return Trouble(f"{name} is not checked out{why}", command)


def _losses(name: str, checkout: Repository) -> list[Trouble]:
    """What would be hard to find again if a checkout moved."""
    troubles = []
    changed = uncommitted(checkout)
    if changed:
        shown = ", ".join(changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        problem = f"{name} has uncommitted changes: {shown}{more}"
        troubles.append(Trouble(problem, git_in(checkout, "stash")))
    where = stand(checkout)
    if where.commit is not None and not where.branch and not is_named(checkout, where.commit):
        problem = f"{name} is at {where.commit[:12]}, a commit that no branch and no tag has"
        words = ("branch", f"keep-{where.commit[:8]}", where.commit)
        troubles.append(Trouble(problem, git_in(checkout, *words)))
    return troubles


def _obstacles(name: str, checkout: Repository, tree: str) -> list[Trouble]:
    """What a checkout of a tree or commit would overwrite."""
    try:
        checkout.run("cat-file", "-e", f"{tree}^{{tree}}")
    except GitError:
        return []  # it comes from another repository; git itself refuses then
    problem = in_the_way(checkout, tree)
    if not problem:
        return []
    return [Trouble(f"{name}: {problem}", git_in(checkout, "status", "--ignored"))]


def elsewhere(name: str, checkout: Repository, branch: str, why: str) -> list[Trouble]:
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
    return [Trouble(problem, git_in(other, "checkout", "--detach"))]


def unguarded(side: Side) -> list[Trouble]:
    """What keeps a push from its remote, or from the hook on the way there."""
    troubles = []
    if not side.branch.remote:
        command = f"{git_in(side.checkout, 'remote', 'add')} origin <url>"
        troubles.append(Trouble(f"{side.name} has no remote to push to", command))
    health = hook_health(side.checkout)
    if not health.effective:
        problem = f"{side.name}: the push would go through no hook: {health.reason}"
        troubles.append(Trouble(problem, health.remedy or "guard install"))
    return troubles


def refuse(troubles: Sequence[Trouble]) -> None:
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
