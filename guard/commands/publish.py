"""``guard publish``: push the image of a passed combination to its registry."""

import re
from argparse import ArgumentParser, Namespace
from typing import Final

from guard.config import Config
from guard.engine.endings import terminable
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError, RefusedError, UsageError
from guard.gate.gate import Gate, gate_here
from guard.model import Result, VerdictState
from guard.screen import Screen
from guard.situation.checkouts import with_command
from guard.trial.jobs import at_work, find_job
from guard.trial.publishing import LATEST, Wish, publish
from guard.verdicts.record import Record

# The grammar of a tag in the OCI distribution specification.
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "verdict",
        metavar="VERDICT",
        nargs="?",
        help="as guard log names it (default: that of the combination as it stands)",
    )
    parser.add_argument(
        "--latest", action="store_true", help="move the tag latest, too: for releases only"
    )
    parser.add_argument(
        "--tag",
        help="this tag, besides the one that says what is in the image, which a plain call pushes",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")


def run(options: Namespace, screen: Screen) -> int:
    """Push the image, and record its digest with the verdict.

    Raises:
        RefusedError: the combination has not passed, or a tag would come to mean something else.
    """
    tag = options.tag
    if tag is not None and not _TAG.fullmatch(tag):
        form = "128 at most of letters, digits, _ . and -, not . or - first"
        raise UsageError(f"{tag!r} is no name of a tag: {form}", "guard publish")
    if tag == LATEST:
        raise UsageError(f"{tag} moves, and --tag gives what does not", "guard publish --latest")
    wish = Wish(tag or "", options.latest, options.dry_run)
    with terminable(), gate_here() as gate:
        key, recipe, config = _meant(gate, options.verdict)
        name = f"{key[:12]}-{recipe[:8]}"
        with at_work(gate, name, screen):
            record = _passed(gate, key, recipe)
            screen.say(f"publishing the image of verdict {record.name}")
            record = publish(gate, config, record, wish, screen)
    return EXIT_ALLOWED if record.result is Result.PASSED else EXIT_BLOCKED


def _meant(gate: Gate, name: str | None) -> tuple[str, str, Config]:
    """Key and recipe of the verdict that is meant, and the configuration that holds for it."""
    if not name:
        return _standing(gate)
    named = [record for record in gate.verdicts.counted() if record.is_named(name)]
    if not named:
        raise UsageError(f"no verdict is named {name}", "guard log")
    if len(named) > 1:
        names = ", ".join(record.name for record in named)
        raise UsageError(
            f"{name} names several verdicts: {names}", f"guard publish {named[0].name}"
        )
    return named[0].key, named[0].recipe, gate.present_config()


def _standing(gate: Gate) -> tuple[str, str, Config]:
    job = find_job(gate)
    if not job.config.test.command:
        remedy = with_command(gate.workspace.superproject)
        raise UsageError("no test command is set, so nothing can have passed", remedy)
    known = gate.verdicts.look_up(job.assembly.key, job.config.recipe.digest)
    if known.state is VerdictState.UNREADABLE:
        raise GuardError(known.detail, known.remedy or "guard test --again")
    return job.assembly.key, job.config.recipe.digest, job.config


def _passed(gate: Gate, key: str, recipe: str) -> Record:
    """The newest record, as it is now that nobody else is at work on it."""
    for record in gate.verdicts.counted():
        if (record.key, record.recipe) == (key, recipe):
            if record.result is Result.PASSED:
                return record
            raise RefusedError(
                f"verdict {record.name} has {record.result.value}: {record.detail}",
                f"guard log {record.name}",
            )
    raise RefusedError(
        f"the combination {key[:12]} has not been built and tested, so its image is not published",
        "guard test",
    )
