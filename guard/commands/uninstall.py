"""`guard uninstall`: the hook out again, and what was there before back in its place."""

from argparse import Namespace
from typing import Final

from guard.commands.hooked import arguments, find_targets, target_here
from guard.errors import EXIT_ALLOWED, GuardError
from guard.install.change import Action, plan_uninstall, uninstall_hook
from guard.install.place import Owner, hook_place
from guard.install.targets import Target, unsettle
from guard.screen import Screen

__all__ = ("arguments", "run")

_DONE: Final = {
    Action.NOTHING: "no hook of guard's at {path}",
    Action.REMOVE: "{removed} {path}",
    Action.RESTORE: "{removed} guard's hook, {put} back: {path}",
}


def run(options: Namespace, screen: Screen) -> int:
    """Take out what ``guard install`` has put in, and say exactly what was done."""
    folders: set[str] = set()
    for target in _targets(options, screen):
        place = hook_place(target.repository)
        # The usual folder as well: core.hooksPath may have been set after the installation.
        own = [place.folder] if place.owner is Owner.REPOSITORY else []
        for folder in (*own, place.usual):
            if folder not in folders:
                folders.add(folder)
                _uninstall(target, folder, options, screen)
        undone = unsettle(target, options.dry_run)
        if undone:
            screen.say(f"{target.name}: {undone}")
    return EXIT_ALLOWED


def _targets(options: Namespace, screen: Screen) -> list[Target]:
    try:
        return find_targets(options.superproject)[0]
    except GuardError as error:
        # A hook whose superproject is gone blocks every push: it has to come out all the same.
        here = target_here()
        if here is None or options.superproject is not None:
            raise
        screen.warn(f"guard: {error.problem}; only {here.place} is looked at")
        return [here]


def _uninstall(target: Target, folder: str, options: Namespace, screen: Screen) -> None:
    change = plan_uninstall(folder) if options.dry_run else uninstall_hook(folder)
    words = {
        "path": change.path,
        "removed": "would remove" if options.dry_run else "removed",
        "put": "would put the hook that was there" if options.dry_run else "the one before it is",
    }
    screen.say(f"{target.name}: {_DONE[change.action].format_map(words)}")
    for path in change.leftovers:
        screen.say(f"  {words['removed']} {path}")
    for note in change.notes:
        screen.say(f"  {note}")
