"""``guard release``: the six steps in their order, from wherever they stand."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from guard.config import Config
from guard.engine.client import Engine
from guard.engine.endings import terminable
from guard.engine.images import resolve, split
from guard.errors import (
    EXIT_ALLOWED,
    EXIT_BLOCKED,
    EXIT_UNDECIDED,
    EngineError,
    GuardError,
    RefusedError,
    UsageError,
)
from guard.gate.gate import Gate, gate_here
from guard.gate.situation import Situation
from guard.git.commands import in_turn
from guard.git.commits import tree_of
from guard.git.files import held, lock_file
from guard.git.refs import head_of
from guard.git.remotes import Asking, fetch
from guard.git.sending import PushError, Refusal, send
from guard.model import Result
from guard.plan.walk import (
    SEEN_BY_OTHERS,
    Kind,
    Order,
    Step,
    StepState,
    next_command,
    order,
    pending,
    rebase,
    steps,
)
from guard.screen import JSON_VERSION, Screen, place
from guard.situation.checkouts import untested
from guard.situation.release import Published, PublishedImage, Spot, Trouble
from guard.situation.workspace import find_workspace
from guard.trial.jobs import at_work, job_for
from guard.trial.publishing import Wish, publish, why_not_latest
from guard.trial.trial import passes
from guard.verdicts.record import Record

# Seconds; nobody's push waits meanwhile.
_PATIENCE: Final = 15.0
_WAITING: Final = "another guard release is running here; waiting for it"
_COLOURS: Final = {StepState.DONE: "green", StepState.NEXT: "bold", StepState.BLOCKED: "red"}


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--dry-run", action="store_true", help="print the commands in their order, do nothing"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print the state as one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """Go from step to step until all six are done, one fails, or somebody says no."""
    if options.json and (options.yes or options.dry_run):
        raise UsageError("--json shows the state and does nothing", "guard release --json")
    if options.json or options.dry_run:
        with gate_here(Asking(_PATIENCE, anew=True)) as gate:
            return _shown(_situation(gate), options.json, screen)
    with terminable():
        folder = os.path.join(find_workspace().superproject.common_dir, "guard")
        with held(lock_file(folder, "release"), lambda: screen.say(_WAITING)):
            return _walk(options.yes, screen)


def _situation(gate: Gate) -> Situation:
    return Situation(gate, True, _in_registry)


def _walk(sure: bool, screen: Screen) -> int:
    before: Step | None = None
    while True:
        # What a step has done is seen with new eyes, as a new call would.
        with gate_here(Asking(_PATIENCE, anew=True)) as gate:
            now = _situation(gate)
            plan = steps(now.release)
            step = pending(plan)
            if before is None:
                _introduce(now, plan, screen)
            if step is None:
                screen.say(f"all six steps are {screen.paint('done', 'green')}")
                return EXIT_ALLOWED
            if step.state is StepState.BLOCKED:
                return _stuck(step, screen)
            if before is not None and before.kind is step.kind:
                raise GuardError(
                    f"step {step.number}, {step.title}, was done, and is not seen to be done",
                    "guard release --dry-run",
                )
            screen.say(f"{step.number} {screen.paint(step.title, 'bold')}: {step.typed}")
            is_seen = step.kind in SEEN_BY_OTHERS and not sure
            if is_seen and not screen.confirms(f"{step.title}, for others to see?"):
                stopped = f"stopped before step {step.number}; guard release goes on from here"
                screen.say(f"{stopped}, --yes without asking")
                return EXIT_BLOCKED
            status = _do(now, step, screen)
            if status != EXIT_ALLOWED:
                return status
            before = step


def _stuck(step: Step, screen: Screen) -> int:
    screen.warn(f"guard: step {step.number}, {step.title}, is blocked: {step.reason}")
    if step.remedy:
        screen.warn(f"  to mend it: {step.remedy}")
    return EXIT_UNDECIDED if step.undecided else EXIT_BLOCKED


def _introduce(now: Situation, plan: Sequence[Step], screen: Screen) -> None:
    """Say what is released, what is not part of it, whether the order matters, and where it is."""
    name = now.facts.names.superproject
    screen.say(f"releasing {now.subject} in {name} ({now.combination.source})")
    for note in _left_out(now):
        screen.say(f"  note: {note}")
    if now.config.image.publish:
        # A tag has to be pushed before.
        refusal = why_not_latest(now.gate, now.config, now.gitlinks)
        if refusal is not None:
            screen.say(f"  note: {refusal.problem}")
    for line in _order_text(order(now.before)):
        screen.say(line)
    screen.say()
    for step in plan:
        word = screen.paint(f"{step.state.value:<8}", _COLOURS[step.state])
        screen.say(f"  {step.number} {step.title:<20}  {word}  {step.reason}".rstrip())
    screen.say()


def _left_out(now: Situation) -> list[str]:
    try:
        job = job_for(now.gate, now.combination)
    except GuardError:
        return []  # what is missing is told by the steps
    return [note for part in job.assembly.parts for note in untested(now.top, part)]


def _order_text(told: Order) -> list[str]:
    head = {
        None: "whether the order matters cannot be told, so it is kept",
        True: "the order matters",
        False: "the order does not matter for the dependency, which may be pushed freely",
    }[told.matters]
    return [f"{head}: {'; '.join(told.why)}", *(f"  {place(each)}" for each in told.evidence)]


def _shown(now: Situation, as_json: bool, screen: Screen) -> int:
    plan = steps(now.release)
    if as_json:
        screen.json(_json(plan, order(now.before), _left_out(now)))
        return EXIT_ALLOWED
    _introduce(now, plan, screen)
    for command in dict.fromkeys(step.typed for step in plan if step.commands):
        screen.say(command)
    step = pending(plan)
    if step is not None and step.state is StepState.BLOCKED:
        return _stuck(step, screen)
    if step is None:
        screen.say("all six steps are done")
    return EXIT_ALLOWED


def _json(found: Sequence[Step], told: Order, left_out: Sequence[str]) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "order": {
            "matters": told.matters,
            "why": list(told.why),
            "evidence": [item._asdict() for item in told.evidence],
        },
        "left_out": list(left_out),
        "steps": [
            {
                **{key: field for key, field in step._asdict().items() if key != "is_persons"},
                "kind": step.kind.value,
                "state": step.state.value,
                "commands": [command.text for command in step.commands],
                "after": step.after or None,
            }
            for step in found
        ],
        "next": next_command(found) or None,
    }


def _in_registry(config: Config, record: Record) -> PublishedImage | Trouble:
    """Whether the registry has the image of a verdict under its tag."""
    tag = split(record.image.reference)[1]
    reference = f"{config.image.name}:{tag}"
    digest = record.image.digest.partition("@")[2]
    try:
        with Engine.connect() as engine:
            meant = resolve(engine, reference)
    except EngineError as error:
        problem = f"what {reference} means could not be found out: {error.problem}"
        return Trouble(problem, error.remedy, undecided=True)
    if not meant:
        return PublishedImage(Published.GONE, reference)
    return PublishedImage(Published.YES if meant == digest else Published.OTHER, reference, meant)


def _do(now: Situation, step: Step, screen: Screen) -> int:
    """Do one step; the exit status is 1 where build or tests failed."""
    facts = now.release
    if step.kind in (Kind.BUILD, Kind.TEST):
        job = job_for(now.gate, now.combination)
        return EXIT_ALLOWED if passes(now.gate, job, screen) else EXIT_BLOCKED
    if step.kind is Kind.PUBLISH:
        return _publish(now, screen)
    if step.kind is Kind.PUSH_SUPERPROJECT and facts.staged:
        return _commit_and_push(now, step, screen)
    spot = {
        Kind.PUSH_DEPENDENCY: facts.dependency,
        Kind.PUSH_CONSUMER: facts.consumer,
        Kind.PUSH_SUPERPROJECT: facts.superproject,
    }[step.kind]
    assert isinstance(spot, Spot)  # else the step would not be next
    _push(now, step, spot, screen)
    return EXIT_ALLOWED


def _publish(now: Situation, screen: Screen) -> int:
    gate, record = now.gate, now.record
    assert record is not None  # else the step would not be next
    with at_work(gate, record.name, screen):
        record = gate.verdicts.record_of(record.key, record.recipe) or record
        made = publish(gate, now.config, record, Wish(), screen)
    return EXIT_ALLOWED if made.result is Result.PASSED else EXIT_BLOCKED


def _commit_and_push(now: Situation, step: Step, screen: Screen) -> int:
    top, spot, message = now.top, now.release.superproject, now.release.message
    first, *words = now.release.commit
    assert isinstance(spot, Spot)  # else the step would not be next
    top.text_as_user(first, "--quiet", *words)
    head = head_of(top)
    assert head is not None  # it has just been made
    if tree_of(top, head) != now.combination.tree:
        raise GuardError(
            f"commit {head[:12]} has another content than what was tested: something was staged "
            "meanwhile, or a hook changed it",
            "guard release",
        )
    screen.say(f"committed {head[:12]}: {message}")
    _push(now, step, spot._replace(source=head), screen)
    return EXIT_ALLOWED


def _push(now: Situation, step: Step, spot: Spot, screen: Screen) -> None:
    for other in (now.release.consumer, now.release.superproject):
        if isinstance(other, Spot) and other.stale:
            with suppress(GuardError):  # whether it worked shows in what is known afterwards
                # The hook goes by what git knows.
                fetch(other.repository, other.stale, seconds=_PATIENCE)
    progress = sys.stderr.isatty()
    try:
        send(spot.repository, spot.remote, spot.refspec, screen.echo, progress)
    except PushError as error:
        raise _refused(now, step, spot, error) from error
    what = spot.branch if spot.source == spot.ref else f"{spot.source[:12]} to {spot.branch}"
    screen.say(f"{screen.paint('pushed', 'green')}: {what} of {spot.remote}")


def _refused(now: Situation, step: Step, spot: Spot, error: PushError) -> GuardError:
    again = "then guard release goes on"
    remedy = {
        Refusal.BEHIND: in_turn(rebase(now.release, spot)),
        Refusal.EXISTS: spot.git("ls-remote", "--tags", spot.remote).text,
        Refusal.HOOK: f"what it says stands above; {again}",
        Refusal.REMOTE: f"what it says stands above; {again}",
        Refusal.CREDENTIALS: spot.git("ls-remote", spot.remote).text,
        Refusal.SILENT: spot.git("ls-remote", spot.remote).text,
        Refusal.OTHER: spot.push.text,
    }[error.refusal]
    unknown = (Refusal.CREDENTIALS, Refusal.SILENT, Refusal.OTHER)
    kind = GuardError if error.refusal in unknown else RefusedError
    return kind(f"{step.title}: {error.problem}", remedy)
