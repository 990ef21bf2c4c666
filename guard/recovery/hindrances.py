"""What stands in the way of a plan: what would be lost or written over, and what stops a push."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.ancestry import is_named
from guard.git.branches import stand
from guard.git.checkouts import in_the_way, uncommitted
from guard.git.locate import open_checkout
from guard.git.repository import Repository
from guard.install.health import hook_health
from guard.recovery.known_good import Good
from guard.recovery.plan import Side

# Files of one checkout that are named.
_SHOWN: Final = 5


class Trouble(NamedTuple):
    """One thing that stands in the way, and what helps."""

    problem: str
    remedy: str = ""


def losses(name: str, checkout: Repository) -> list[Trouble]:
    """What would be hard to find again if a checkout moved."""
    troubles = []
    changed = uncommitted(checkout)
    if changed:
        shown = ", ".join(changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        troubles.append(
            Trouble(
                f"{name} has uncommitted changes: {shown}{more}",
                f"git -C {checkout.work_tree} stash",
            )
        )
    where = stand(checkout)
    if where.commit is not None and not where.branch and not is_named(checkout, where.commit):
        troubles.append(
            Trouble(
                f"{name} is at {where.commit[:12]}, a commit that no branch and no tag has",
                f"git -C {checkout.work_tree} branch keep-{where.commit[:8]} {where.commit}",
            )
        )
    return troubles


def losses_below(superproject: Repository, good: Good) -> list[Trouble]:
    """The same for the submodules of submodules, which follow theirs."""
    troubles = []
    for part in good.parts:
        checkout = open_checkout(os.path.join(superproject.work_tree or "", part.path))
        nested = any(part.path.startswith(f"{other.path}/") for other in good.parts if other.path)
        if nested and checkout is not None:
            troubles += losses(part.path, checkout)
    return troubles


def obstacles(name: str, checkout: Repository, tree: str) -> list[Trouble]:
    """What a checkout of a tree or commit would overwrite."""
    try:
        checkout.run("cat-file", "-e", f"{tree}^{{tree}}")
    except GitError:
        return []  # it comes from another repository; git itself refuses then
    said = in_the_way(checkout, tree)
    if not said:
        return []
    return [Trouble(f"{name}: {said}", f"git -C {checkout.work_tree} status --ignored")]


def elsewhere(side: Side) -> list[Trouble]:
    """Another working tree that has the branch which is to get a commit."""
    # Of a submodule's own checkout git names the git dir there.
    own = (side.checkout.work_tree, side.checkout.git_dir)
    others = [place for place in side.branch.checked_out if os.path.realpath(place) not in own]
    if not others or not side.needed:
        return []
    return [
        Trouble(
            f"{side.name}: {side.branch.name} is checked out in {others[0]}, and would move "
            "under it",
            f"git -C {others[0]} checkout --detach",
        )
    ]


def unguarded(side: Side) -> list[Trouble]:
    """What keeps a push from its remote, or from the hook on the way there."""
    troubles = []
    if not side.branch.remote:
        troubles.append(
            Trouble(
                f"{side.name} has no remote to push to",
                f"git -C {side.checkout.work_tree} remote add origin <url>",
            )
        )
    health = hook_health(side.checkout)
    if not health.effective:
        troubles.append(
            Trouble(
                f"{side.name}: the push would go through no hook: {health.reason}",
                health.remedy or "guard install",
            )
        )
    return troubles


def refusal(troubles: Sequence[Trouble]) -> GuardError:
    """The error that names them all."""
    lines = [f"  {trouble.problem}" for trouble in troubles]
    remedies = dict.fromkeys(trouble.remedy for trouble in troubles if trouble.remedy)
    return GuardError(
        "nothing was changed; in the way of it:\n" + "\n".join(lines), "; ".join(remedies)
    )
