"""The steps of a release, done: each by what a person would type, and nothing twice."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import NamedTuple

from guard.config import Config
from guard.engine.client import Engine
from guard.engine.registry import resolve, split
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, EngineError, GitError, GuardError, RefusedError
from guard.gate.gate import Gate
from guard.git.commands import in_turn
from guard.git.commits import commit_staged
from guard.git.network import fetch, ls_remote
from guard.git.refs import head_of
from guard.git.sending import Refusal, Sent, send
from guard.model import Result, VerdictState
from guard.plan.walk import Kind, Step, rebase
from guard.screen import Screen
from guard.situation.progress import Look
from guard.situation.release import Published, PublishedImage, Spot, Trouble
from guard.situation.tracking import record_seen
from guard.situation.values import Pin
from guard.trial.jobs import at_work, job_for
from guard.trial.publishing import Wish, publish
from guard.trial.trial import try_out
from guard.trial.watch import tell
from guard.verdicts.record import Record


class Doing(NamedTuple):
    """What a step needs."""

    gate: Gate
    look: Look
    screen: Screen


def in_registry(config: Config, record: Record) -> PublishedImage | Trouble:
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


def do(doing: Doing, step: Step) -> int:
    """Do one step.

    Returns:
        The exit status of what was done: 0, or 1 where build or tests failed.

    Raises:
        RefusedError: somebody refused a push: a hook, the remote, or who pushed before.
        GuardError: it could not be done, and how it can.
    """
    facts = doing.look.release
    if step.kind in (Kind.BUILD, Kind.TEST):
        return _test(doing)
    if step.kind is Kind.PUBLISH:
        return _publish(doing)
    if step.kind is Kind.PUSH_SUPERPROJECT and facts.staged:
        return _commit_and_push(doing, step)
    spot = {
        Kind.PUSH_DEPENDENCY: facts.dependency,
        Kind.PUSH_CONSUMER: facts.consumer,
        Kind.PUSH_SUPERPROJECT: facts.superproject,
    }[step.kind]
    assert isinstance(spot, Spot)  # else the step would not be next
    _push(doing, step, spot)
    if step.kind is Kind.PUSH_DEPENDENCY:
        _note_seen(doing)
    return EXIT_ALLOWED


def _test(doing: Doing) -> int:
    gate, screen = doing.gate, doing.screen
    job = job_for(gate, doing.look.combination)
    with at_work(gate, job.name, screen) as waited:
        recipe = job.config.recipe
        tested = gate.gatherer.verdicts.look_up(job.assembly.key, recipe, again=waited)
        if tested.state is VerdictState.PASSED:
            return EXIT_ALLOWED
        record, log = try_out(gate, job, False, screen)
    tell(record, log, screen)
    return EXIT_ALLOWED if record.result is Result.PASSED else EXIT_BLOCKED


def _publish(doing: Doing) -> int:
    gate, screen, record = doing.gate, doing.screen, doing.look.record
    assert record is not None  # else the step would not be next
    with at_work(gate, record.name, screen) as waited:
        if waited:
            newest = gate.gatherer.verdicts.counted(again=True)
            record = next(item for item in newest if item.name == record.name)
        made = publish(gate, doing.look.config, record, Wish(), screen)
    return EXIT_ALLOWED if made.result is Result.PASSED else EXIT_BLOCKED


def _commit_and_push(doing: Doing, step: Step) -> int:
    look, top = doing.look, doing.gate.workspace.superproject
    spot = look.release.superproject
    assert isinstance(spot, Spot)  # else the step would not be next
    commit_staged(top, look.release.message)
    head = head_of(top)
    assert head is not None  # it has just been made
    tree = top.text("rev-parse", "--verify", f"{head}^{{tree}}")
    if tree != look.combination.tree:
        raise GuardError(
            f"commit {head[:12]} has another content than what was tested: something was staged "
            "meanwhile, or a hook changed it",
            "guard release",
        )
    doing.screen.say(f"committed {head[:12]}: {look.release.message}")
    _push(doing, step, spot._replace(source=head))
    return EXIT_ALLOWED


def _push(doing: Doing, step: Step, spot: Spot) -> None:
    facts = doing.look.release
    for other in (facts.consumer, facts.superproject):
        if isinstance(other, Spot) and other.stale:
            with suppress(GuardError):  # whether it worked shows in what is known afterwards
                # The hook goes by what git knows.
                fetch(other.repository, other.stale, prompts=False)
    progress = sys.stderr.isatty()
    sent = send(spot.repository, spot.remote, [spot.refspec], doing.screen.echo, progress)
    if sent.refusal is not None:
        raise _refused(doing, step, spot, sent)
    what = spot.branch if spot.source == spot.ref else f"{spot.source[:12]} to {spot.branch}"
    doing.screen.say(f"{doing.screen.paint('pushed', 'green')}: {what} of {spot.remote}")


def _refused(doing: Doing, step: Step, spot: Spot, sent: Sent) -> GuardError:
    assert sent.refusal is not None
    said = f" ({sent.said})" if sent.said else ""
    problem = f"{step.title}: {sent.refusal.value}{said}"
    again = "then guard release goes on"
    remedy = {
        Refusal.BEHIND: in_turn(rebase(doing.look.release, spot)),
        Refusal.EXISTS: spot.git("ls-remote", "--tags", spot.remote).text,
        Refusal.HOOK: f"what it says stands above; {again}",
        Refusal.REMOTE: f"what it says stands above; {again}",
        Refusal.CREDENTIALS: spot.git("ls-remote", spot.remote).text,
        Refusal.SILENT: spot.git("ls-remote", spot.remote).text,
        Refusal.OTHER: spot.push.text,
    }[sent.refusal]
    unknown = (Refusal.CREDENTIALS, Refusal.SILENT, Refusal.OTHER)
    kind = GuardError if sent.refusal in unknown else RefusedError
    return kind(problem, remedy)


def _note_seen(doing: Doing) -> None:
    """Keep that the remote has the release now; git tracks no tags."""
    place, pin = doing.look.place, doing.look.facts.pin
    if place is None or not isinstance(pin, Pin):
        return
    try:
        shown = ls_remote(place.repository, place.remote.name)
        record_seen(place.tracking, place.remote, shown, [pin.commit])
    except GitError:
        pass  # the push of the superproject asks then
