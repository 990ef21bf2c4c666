"""``guard release``: the six steps in their order, from wherever they stand."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any, Final

from guard.commands.release_steps import Doing, do, in_registry
from guard.engine.endings import terminable
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, EXIT_UNDECIDED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.git.files import held, lock_file
from guard.plan.compatibility import Order, order
from guard.plan.walk import SEEN_BY_OTHERS, Step, StepState, next_command, pending, steps
from guard.screen import JSON_VERSION, Screen
from guard.situation.progress import Asking, Look, Progress
from guard.situation.untested import untested
from guard.situation.workspace import find_workspace
from guard.trial.jobs import job_for

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
    """Go from step to step until all six are done, one fails, or somebody says no.

    Raises:
        RefusedError: a push was refused.
        GuardError: something else is in the way.
    """
    if options.json and (options.yes or options.dry_run):
        raise UsageError("--json shows the state and does nothing", "guard release --json")
    if options.json or options.dry_run:
        with Gate(find_workspace()) as gate:
            return _shown(gate, _progress(gate), options.json, screen)
    with terminable():
        folder = os.path.join(find_workspace().superproject.common_dir, "guard")
        with held(lock_file(folder, "release"), lambda: screen.say(_WAITING)):
            return _walk(options.yes, screen)


def _progress(gate: Gate) -> Progress:
    combination = gate.present()
    faults = gate.faults(combination)
    return Progress(gate.gatherer, combination, gate.head(), faults, Asking(True, in_registry))


def _walk(sure: bool, screen: Screen) -> int:
    before: Step | None = None
    while True:
        # What a step has done is seen with new eyes, as a new call would.
        with Gate(find_workspace()) as gate:
            progress = _progress(gate)
            look = progress.look()
            found = steps(look.release)
            step = pending(found)
            if before is None:
                _introduce(gate, progress, look, found, screen)
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
            if step.kind in SEEN_BY_OTHERS and not sure and not _agreed(step, screen):
                return EXIT_BLOCKED
            status = do(Doing(gate, look, screen), step)
            if status != EXIT_ALLOWED:
                return status
            before = step


def _agreed(step: Step, screen: Screen) -> bool:
    if screen.confirms(f"{step.title}, for others to see?"):
        return True
    screen.say(f"stopped before step {step.number}; guard release goes on from here, --yes "
               "without asking")  # fmt: skip
    return False


def _stuck(step: Step, screen: Screen) -> int:
    screen.warn(f"guard: step {step.number}, {step.title}, is blocked: {step.reason}")
    if step.remedy:
        screen.warn(f"  to mend it: {step.remedy}")
    return EXIT_UNDECIDED if step.undecided else EXIT_BLOCKED


def _introduce(
    gate: Gate, progress: Progress, look: Look, found: Sequence[Step], screen: Screen
) -> None:
    """Say what is released, what is not part of it, whether the order matters, and where it is."""
    name = look.release.names.superproject
    screen.say(f"releasing {look.subject} in {name} ({look.combination.source})")
    for note in _left_out(gate, look):
        screen.say(f"  note: {note}")
    for line in _order_text(order(progress.before(), look.facts.pin, look.config.release_tag)):
        screen.say(line)
    screen.say()
    for step in found:
        word = screen.paint(f"{step.state.value:<8}", _COLOURS[step.state])
        screen.say(f"  {step.number} {step.title:<20}  {word}  {step.reason}".rstrip())
    screen.say()


def _left_out(gate: Gate, look: Look) -> list[str]:
    try:
        job = job_for(gate, look.combination)
    except GuardError:
        return []  # what is missing is told by the steps
    return untested(gate.workspace.superproject, job.assembly.parts)


def _order_text(found: Order) -> list[str]:
    if found.matters is None:
        head = "whether the order matters cannot be told, so it is kept: "
    elif found.matters:
        head = "the order matters: "
    else:
        head = "the order does not matter for the dependency, which may be pushed freely: "
    lines = [head + "; ".join(found.why)]
    lines += [
        f"  {item.repository} {(item.commit or '')[:12]} {item.path}:{item.line}  {item.text}"
        for item in found.evidence
    ]
    return lines


def _shown(gate: Gate, progress: Progress, as_json: bool, screen: Screen) -> int:
    look = progress.look()
    found = steps(look.release)
    if as_json:
        told = order(progress.before(), look.facts.pin, look.config.release_tag)
        screen.json(_json(found, told, _left_out(gate, look)))
        return EXIT_ALLOWED
    _introduce(gate, progress, look, found, screen)
    for command in dict.fromkeys(step.typed for step in found if step.commands):
        screen.say(command)
    step = pending(found)
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
                "number": step.number,
                "kind": step.kind.value,
                "title": step.title,
                "state": step.state.value,
                "commands": [command.text for command in step.commands],
                "reason": step.reason,
                "remedy": step.remedy,
                "after": step.after or None,
                "undecided": step.undecided,
            }
            for step in found
        ],
        "next": next_command(found) or None,
    }
