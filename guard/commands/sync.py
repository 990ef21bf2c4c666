"""``guard sync``: fetch a remote's verdicts and push one's own, joined by union, never by force."""

from argparse import ArgumentParser, Namespace

from guard.errors import EXIT_ALLOWED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.git.objects import ObjectPool
from guard.git.remotes import Asking
from guard.git.repository import Repository
from guard.screen import Screen, counted
from guard.situation.branches import usual_remote
from guard.situation.workspace import find_workspace
from guard.verdicts import SETTING
from guard.verdicts.colleagues import Trust, trust_in
from guard.verdicts.sharing import sync


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "remote", nargs="?", help="of the superproject; default: the present branch's, or origin"
    )
    parser.add_argument("--dry-run", action="store_true", help="fetch and count, move nothing")


def run(options: Namespace, screen: Screen) -> int:
    """Share the superproject's verdicts and say how many came and went."""
    workspace = find_workspace()
    superproject = workspace.superproject
    with ObjectPool(Asking(anew=True)) as pool, Gate(workspace, pool=pool) as gate:
        trust = trust_in(pool.settings.of(superproject))
        remote = options.remote or usual_remote(superproject, pool.settings)
        _check(remote, superproject)
        synced = sync(superproject, pool, remote, options.dry_run)
        if not options.dry_run:
            gate.ask()
    came, went = ("would come", "would go") if options.dry_run else ("came", "went")
    ways = f"{counted(synced.came, 'verdict')} {came}, {counted(synced.went, 'verdict')} {went}"
    screen.say(f"{remote}: {ways}")
    for trouble in synced.troubles:
        screen.warn(f"guard: {trouble}")
    if synced.came and trust is Trust.NONE:
        whose = f"git config {SETTING} says whose do"
        screen.say(f"  those of others are shown, and do not count: {whose}")
    return EXIT_ALLOWED


def _check(remote: str, superproject: Repository) -> None:
    remotes = superproject.lines("remote")
    if remote in remotes:
        return
    if remote:
        raise UsageError(f"the superproject has no remote named {remote}", "git remote --verbose")
    if remotes:
        problem = f"none of the remotes {', '.join(remotes)} is the usual one"
        raise GuardError(problem, f"guard sync {remotes[0]}")
    place = superproject.work_tree or superproject.git_dir
    problem = f"{place} has no remote to share verdicts with"
    raise GuardError(problem, "git remote add origin <url>")
