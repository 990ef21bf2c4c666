"""argv -> commands. Imports only the command that was asked for."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final, NoReturn

from guard import __version__, mistake
from guard.errors import (
    EXIT_INTERRUPTED,
    EXIT_UNDECIDED,
    EXIT_UNREAD,
    GuardError,
    UnreadError,
    without_secret,
)
from guard.screen import Screen

if TYPE_CHECKING:
    from argparse import ArgumentParser

# In the order in which a person meets them. The module is the name with "-" as "_".
COMMANDS: Final = {
    "status": "the combination as it stands, and the next command to type",
    "check": "the gate's decision for commits",
    "explain": "what a rule asks, why, and what mends it",
    "align": "move the dependency to the release that the consumer asks for",
    "test": "build the image, run the tests, record the verdict",
    "publish": "push the image of a passed combination to its registry",
    "release": "the six steps of a release in their order, from wherever they stand",
    "log": "verdicts, newest first",
    "recover": "back to a combination that is known to work, by new commits alone",
    "sync": "share verdicts with a remote of the superproject",
    "audit": "the rules over history: which pushes would have been blocked, and why",
    "init": "write a .guard.toml",
    "install": "put the hook into the superproject and the consumer",
    "uninstall": "take the hook out again",
    "pre-push": "what the hook runs",
    "demo": "the incident of 2016, replayed in a temporary folder",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; never raises a `GuardError`."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    # A command that never returns from its imports is interrupted as well.
    try:
        return _run(argv)
    except GuardError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _without_reader(argv)
        with suppress(UnreadError):  # whoever does not hear it has the status
            Screen.for_terminal().failure(error)
        return error.status
    except KeyboardInterrupt:
        with suppress(UnreadError):
            Screen.for_terminal().warn("guard: interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _without_reader(argv)
    except Exception as error:
        with suppress(UnreadError):
            Screen.for_terminal().warn(mistake(error).rstrip())
        return EXIT_UNDECIDED


def _without_reader(argv: list[str]) -> int:
    """End as git does where whoever read the output (a pager, head) has gone: without a word.

    Returns:
        In a hook, the status that blocks the push.
    """
    sys.stdout = None  # else Python writes what is left of it once more
    if argv[:1] == ["pre-push"]:
        return EXIT_UNDECIDED
    # Python ignores the signal, and so may the shell that started it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.raise_signal(signal.SIGPIPE)
    return EXIT_UNREAD


def _run(argv: list[str]) -> int:
    try:
        return _command(argv)
    finally:
        # What argparse prints waits for Python's exit, where nobody takes its failure.
        Screen.for_terminal().flush()


def _command(argv: list[str]) -> int:
    if argv[:1] == ["pre-push"]:
        # The hot path: argparse alone costs as much as two git processes.
        from guard.commands import pre_push

        return pre_push.main(argv[1:])

    asked = next((word for word in argv if not word.startswith("-")), "")
    module = (
        import_module(f"guard.commands.{asked.replace('-', '_')}") if asked in COMMANDS else None
    )
    parser = _parser(asked, module)
    options, rest = parser.parse_known_args(argv)
    passes_on = getattr(module, "PASSES_ON", None)
    if rest and passes_on is None:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if passes_on is not None:
        setattr(options, passes_on, rest)
    if module is None:
        _parser("", None).print_help()
        return 0
    status: int = module.run(options, Screen.for_terminal())
    return status


def _parser(asked: str, module: ModuleType | None) -> ArgumentParser:
    from argparse import ArgumentParser

    class Parser(ArgumentParser):
        def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
            super().exit(status, without_secret(message or ""))

    parser = Parser(
        prog="guard",
        description="Blocks a push until the release fits and the image's tests have passed.",
        epilog="Exit status: 0 allowed or done; 1 blocked, or build or tests failed; 2 wrong "
        "usage; 3 could not be decided; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"guard {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if module is not None and name == asked:
            module.arguments(command)
    return parser
