"""``guard recover``: back to a combination that is known to work, by new commits alone."""

from __future__ import annotations

import os
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Final

from guard.config import Config
from guard.engine.endings import terminable
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.git.files import held, lock_file
from guard.recovery.comeback import Wishes, go_back, go_home, go_there
from guard.recovery.known_good import KnownGood
from guard.recovery.listing import chosen, show_all
from guard.screen import Screen
from guard.situation.workspace import find_workspace

_WAITING: Final = "another guard recover is running here; waiting for it"
_HOME: Final = "-"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "which",
        metavar="VERDICT|TAG",
        nargs="?",
        help="the start of a verdict's name, or a tag that it contains (default: list them; with "
        "--push the last good one in the superproject's history)",
    )
    parser.add_argument("--push", action="store_true", help="push all of it, in the right order")
    parser.add_argument(
        "--latest",
        action=BooleanOptionalAction,
        help="let latest mean the good image in the registry (default: with --push, where it may)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--no-image", action="store_true", help="leave the image where it is, or gone"
    )
    parser.add_argument(
        "--local",
        metavar="VERDICT|-",
        help="check out the good commits here and commit nothing; - goes back",
    )
    parser.add_argument("--json", action="store_true", help="print the list as one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """List the known-good combinations, or go back to one.

    Raises:
        GuardError: what stands in the way; nothing has been changed then.
    """
    acts = options.push or options.latest or options.dry_run or options.yes
    if options.local and (options.which or options.push or options.latest):
        raise UsageError("give --local VERDICT alone: it commits and pushes nothing")
    if options.json and (options.which or acts or options.local):
        raise UsageError("--json is for the list")
    wishes = Wishes(
        options.push, options.latest, not options.no_image, options.yes, options.dry_run
    )
    with Gate(find_workspace()) as gate:
        known = KnownGood(gate, _config(gate))
        if not options.which and not options.local and not acts:
            show_all(gate, known, options.json, screen)
            return EXIT_ALLOWED
        folder = os.path.join(gate.workspace.superproject.common_dir, "guard")
        waits = held(lock_file(folder, "recover"), lambda: screen.say(_WAITING))
        with waits, terminable():
            name = options.local or options.which
            if name == _HOME and options.local:
                go_home(gate, wishes, screen)
                return EXIT_ALLOWED
            good = chosen(gate, known, name, screen) if name else None
            if good is not None and options.local:
                go_there(gate, good, wishes, screen)
            elif not go_back(gate, known, good, wishes, screen):
                return EXIT_BLOCKED
    return EXIT_ALLOWED


def _config(gate: Gate) -> Config:
    try:
        return gate.present_config()
    except GuardError:
        return Config()  # that may be just what was broken
