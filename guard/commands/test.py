"""``guard test``: build the image of one exact combination, run its tests, record the verdict."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING, Final

from guard.engine.ahead import Ahead
from guard.engine.cli import BuildkitCli, find_cli
from guard.engine.connection import connect
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, UsageError
from guard.gate.gate import Gate
from guard.git.memo import Memo
from guard.model import Result, Tested, VerdictState
from guard.rules.tested import NAME as TESTED
from guard.screen import Screen
from guard.situation.untested import untested
from guard.situation.workspace import find_workspace
from guard.trial.jobs import Job, at_work, find_job
from guard.trial.rehearsal import begun
from guard.trial.watch import tell

if TYPE_CHECKING:
    from guard.engine.client import Engine

_FAILED: Final = (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST)


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
    with Gate(find_workspace()) as gate:
        # In a thread of its own, and so with a memo of its own.
        place = gate.workspace.superproject.common_dir
        cli = Ahead(partial(find_cli, Memo(place)))
        job = find_job(gate, options.revision, options.consumer)
        _introduce(gate, job, screen)
        if not job.config.test.command:
            raise UsageError("no test command is set, so nothing can be tested", "guard init")
        look_up = partial(gate.verdicts.look_up, job.assembly.key, job.config.recipe)
        before: list[Tested] = []
        with at_work(gate, job.name, screen, lambda: before.append(look_up())) as waited:
            known = look_up(again=waited)
            if known.state in _FAILED and before and known != before[0]:
                # The other one's: to build and test it a second time would tell nothing new.
                return _failed(known, screen)
            fresh = options.again or options.fresh
            if known.state is VerdictState.PASSED and (waited or not fresh):
                screen.say(f"{screen.paint('passed', 'green')} already: verdict {known.verdict}")
                return EXIT_ALLOWED
            return _test(gate, job, options.fresh, screen, (engine, cli))


def _failed(known: Tested, screen: Screen) -> int:
    screen.say(f"{screen.paint(known.state.value, 'red')}: {known.detail}")
    screen.say(f"  verdict {known.verdict}")
    screen.say(f"  log: {known.log}")
    return EXIT_BLOCKED


def _introduce(gate: Gate, job: Job, screen: Screen) -> None:
    """Say what is tested, and what lies around that is not."""
    name = gate.workspace.name
    links = [
        f"{name(part.path)} {part.commit[:12]}"
        + (f" ({job.release})" if part.path == job.config.dependency and job.release else "")
        for part in job.assembly.parts
        if part.path in (job.config.consumer, job.config.dependency)
    ]
    screen.say(f"testing {' with '.join(links)} in {name('')} ({job.combination.source})")
    notes = Ahead(partial(untested, gate.workspace.superproject, job.assembly.parts))
    # Better said before an hour of building than after it. What is found now is remembered, too,
    # and the push that follows reads no manifest again.
    decision = gate.decide(name(""), job.combination.commit or "", None, job.combination)
    for note in notes.result():
        screen.say(f"  not tested: {note}")
    for finding in decision.findings:
        if finding.blocks and finding.rule != TESTED:
            screen.say(f"  a push would be blocked all the same: {finding.rule}: {finding.message}")


def _test(
    gate: Gate,
    job: Job,
    fresh: bool,
    screen: Screen,
    means: tuple[Ahead[Engine], Ahead[BuildkitCli | None]],
) -> int:
    engine, cli = means
    with begun(gate, job, fresh, cli) as begin:
        from guard.trial.trial import Means, go_on

        record, log = go_on(gate, job, screen, Means(engine, cli), begin)
    tell(record, log, screen)
    return EXIT_ALLOWED if record.result is Result.PASSED else EXIT_BLOCKED
