"""``guard test``: build the image of one exact combination, run its tests, record the verdict."""

from argparse import ArgumentParser, Namespace
from functools import partial

from guard.engine.ahead import Ahead, connect
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, UsageError
from guard.gate.gate import Gate, gate_here
from guard.rules.tested import NAME as TESTED
from guard.screen import Screen
from guard.situation.checkouts import untested, with_command
from guard.trial.jobs import Job, find_job
from guard.trial.trial import Means, passes


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "revision",
        metavar="REV",
        nargs="?",
        help="a commit of the superproject (default: there its index, in the consumer its HEAD)",
    )
    parser.add_argument(
        "--consumer",
        metavar="REV",
        help="a commit of the consumer, in the superproject as it would be committed next",
    )
    parser.add_argument("--again", action="store_true", help="test although it has passed")
    parser.add_argument("--fresh", action="store_true", help="build without cache, pull bases")


def run(options: Namespace, screen: Screen) -> int:
    """Reuse a passed verdict, or build and test and record what came of it."""
    if options.revision and options.consumer:
        raise UsageError("give a commit of the superproject or --consumer REV, not both")
    # The docker SDK takes as long to import as all that git is asked here.
    engine = Ahead(connect)
    with gate_here() as gate:
        means = Means.looked_for(gate, engine)
        job = find_job(gate, options.revision, options.consumer)
        _introduce(gate, job, screen)
        warn = partial(_warn, gate, job, screen)
        if not job.config.test.command:
            remedy = with_command(gate.workspace.superproject)
            raise UsageError("no test command is set, so nothing can be tested", remedy)
        passed = passes(gate, job, screen, means, options.again, options.fresh, warn)
    return EXIT_ALLOWED if passed else EXIT_BLOCKED


def _introduce(gate: Gate, job: Job, screen: Screen) -> None:
    """Say what is tested."""
    name = gate.workspace.name
    links = [
        f"{name(part.path)} {part.commit[:12]}"
        + (f" ({job.release})" if part.path == job.config.dependency and job.release else "")
        for part in job.assembly.parts
        if part.path in (job.config.consumer, job.config.dependency)
    ]
    screen.say(f"testing {' with '.join(links)} in {name('')} ({job.combination.source})")
    if ignored := job.config.image.ignore:
        screen.say(f"  left out of the image: {', '.join(ignored)}")


def _warn(gate: Gate, job: Job, screen: Screen) -> None:
    """Say what lies around that is not tested, and what would block a push all the same.

    An hour of building has only begun by then. What is read for it is remembered, and the push that
    follows reads no manifest again.
    """
    superproject = gate.workspace.superproject
    notes = [Ahead(partial(untested, superproject, part)) for part in job.assembly.parts]
    name = gate.workspace.name("")
    decision = gate.decide(name, job.combination.commit or "", None, job.combination)
    for note in (note for each in notes for note in each.result()):
        screen.say(f"  not tested: {note}")
    for finding in decision.findings:
        if finding.blocks and finding.rule != TESTED:
            screen.say(f"  a push would be blocked all the same: {finding.rule}: {finding.message}")
