"""``guard sync``: fetch a remote's verdicts and push one's own, joined by union, never by force."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from guard.errors import EXIT_ALLOWED, UsageError
from guard.git.objects import ObjectPool
from guard.git.remote_ref import usual_remote
from guard.screen import Screen
from guard.situation.workspace import find_workspace
from guard.verdicts.sharing import sync
from guard.verdicts.trust import SETTING, Trust, trust_in
from guard.verdicts.verdicts import Verdicts


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "remote", nargs="?", help="of the superproject; default: the present branch's, or origin"
    )
    parser.add_argument("--dry-run", action="store_true", help="fetch and count, move nothing")


def run(options: Namespace, screen: Screen) -> int:
    """Share the superproject's verdicts and say how many came and went.

    Raises:
        UsageError: there is no such remote.
        GuardError: the remote does not answer, or refuses.
    """
    superproject = find_workspace().superproject
    trust = trust_in(superproject)
    remote = options.remote or usual_remote(superproject)
    if options.remote and remote not in superproject.lines("remote"):
        raise UsageError(f"the superproject has no remote named {remote}", "git remote --verbose")
    with ObjectPool() as pool:
        # Git would say of one's own damage that the remote cannot be fetched from.
        Verdicts(superproject, pool).newest()
        found = sync(superproject, pool, remote, options.dry_run)
    came, went = ("would come", "would go") if options.dry_run else ("came", "went")
    screen.say(f"{remote}: {_verdicts(found.came)} {came}, {_verdicts(found.went)} {went}")
    if found.came and trust is Trust.NONE:
        screen.say(
            f"  those of others are shown, and do not count: git config {SETTING} says whose do"
        )
    return EXIT_ALLOWED


def _verdicts(count: int) -> str:
    return f"{count} verdict" if count == 1 else f"{count} verdicts"
