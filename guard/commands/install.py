"""`guard install`: the hook into the superproject and the consumer, wherever git looks for it."""

from argparse import Namespace
from typing import Final

from guard.commands.hooked import arguments, find_targets
from guard.errors import EXIT_ALLOWED, EXIT_UNDECIDED
from guard.git.remotes import Settings
from guard.install.change import Action, Change, install_hook, plan_install
from guard.install.place import HookPlace, Owner, beside, hook_place, line_elsewhere, mend_setting
from guard.install.shim import render, this_installation
from guard.install.targets import Target, check_lasts, check_works, settle
from guard.screen import Screen

__all__ = ("arguments", "run")

_DONE: Final = {
    Action.NOTHING: "nothing to do, the hook is there: {path}",
    Action.WRITE: "{wrote} {path}",
    Action.REPLACE: "{brought} up to date: {path}",
    Action.CHAIN: "{wrote} {path}",
}


def run(options: Namespace, screen: Screen) -> int:
    """Install, and say exactly what was done; 3 where a repository is left without the hook."""
    installation = this_installation()
    check_works(installation)
    every, missing = find_targets(options.superproject)
    for target in every:
        check_lasts(installation, target.place)
    text = render(installation)
    refused = False
    # One folder of hooks may serve several checkouts.
    spots: dict[str, tuple[HookPlace, list[Target]]] = {}
    for target in every:
        place = hook_place(target.repository)
        spots.setdefault(place.folder, (place, []))[1].append(target)
    for place, targets in spots.values():
        if place.owner is Owner.REPOSITORY:
            done = _install(place, targets, text, options, screen)
        else:
            done = _refuse(place, targets, screen)
        refused = refused or not done
    if missing:
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {missing}")
    return EXIT_UNDECIDED if refused else EXIT_ALLOWED


def _install(
    place: HookPlace, targets: list[Target], text: bytes, options: Namespace, screen: Screen
) -> bool:
    name, planned = targets[0].name, plan_install(place.folder, text)
    if planned.action is Action.REFUSE:
        screen.warn(f"{name}: not installed: {planned.reason}")
        screen.warn(f"  to mend it: {planned.remedy}")
        return False
    # Settings first: a setting without a hook does nothing, a hook without its setting blocks.
    forced = options.superproject is not None
    settings = [settle(target, forced, options.dry_run) for target in targets]
    change = planned if options.dry_run else install_hook(place.folder, text)
    _tell(name, change, options.dry_run, screen)
    for line in (*change.notes, *dict.fromkeys(filter(None, settings))):
        screen.say(f"  {line}")
    if place.setting:
        screen.say(f"  {place.told}")
    for line in beside(targets[0].repository, Settings()):
        screen.say(f"  {line}")
    return True


def _tell(name: str, change: Change, dry_run: bool, screen: Screen) -> None:
    words = {
        "path": change.path,
        "wrote": "would write" if dry_run else "wrote",
        "brought": "would bring" if dry_run else "brought",
    }
    screen.say(f"{name}: {_DONE[change.action].format_map(words)}")
    for path in change.leftovers:
        screen.say(f"  {'would remove' if dry_run else 'removed'} {path}, left by another tool")


def _refuse(place: HookPlace, targets: list[Target], screen: Screen) -> bool:
    mend = mend_setting(place, targets[0].place)
    screen.warn(f"{targets[0].name}: not installed: {place.strange}")
    if place.owner in (Owner.NOWHERE, Owner.OFF):
        screen.warn(f"  to mend it: {mend} && guard install")
        return False
    file, line = line_elsewhere(place, tuple(target.place for target in targets))
    screen.warn(f"  to mend it: make this the first line of {file}:")
    screen.warn(f"    {line}")
    if place.setting:
        screen.warn("  or let git look in this repository, where those hooks then do not run:")
        screen.warn(f"    {mend}")
    return False
