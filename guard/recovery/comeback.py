"""``guard recover`` from the question to the remotes: what is shown, asked and done, in order."""

from __future__ import annotations

from typing import Final, NamedTuple

from guard.config import Config
from guard.engine.client import Engine
from guard.engine.images import combination_tag, put_tag
from guard.engine.registry import pull, split
from guard.errors import EngineError, GuardError, RefusedError
from guard.gate.gate import Gate
from guard.git.ancestry import described
from guard.git.files import held
from guard.git.locate import open_checkout
from guard.git.repository import Repository
from guard.git.sending import push
from guard.model import Result
from guard.recovery.known_good import Good, Image, ImageState, KnownGood, image_of
from guard.recovery.plan import Pinned, Plan, Side
from guard.recovery.planner import Planner
from guard.recovery.restore import (
    ask_remotes,
    finish_interrupted,
    push_side,
    restore,
    tag_to_push,
)
from guard.screen import Screen, moment
from guard.situation.assembly import Assembly
from guard.situation.branches import default_branch
from guard.trial.jobs import Job, lock_of
from guard.trial.publishing import Wish, publish
from guard.trial.trial import try_out
from guard.trial.watch import Transfers, duration
from guard.verdicts.record import Record

_WAITING: Final = "another guard is at work on this combination; waiting for it"


class Wishes(NamedTuple):
    """What was asked for.

    Args:
        pushes: the remotes follow.
        latest: whether ``latest`` is to mean the good image in the registry; None for where it
            may and the remotes follow.
        image: the image is brought back.
        sure: nobody is asked.
        only_shows: nothing is done.
    """

    pushes: bool
    latest: bool | None
    image: bool
    sure: bool
    only_shows: bool


def go_back(
    gate: Gate, known: KnownGood, good: Good | None, wishes: Wishes, screen: Screen
) -> bool:
    """Go back to a combination.

    Args:
        good: None for the last one in the history of the superproject's default branch.

    Returns:
        Whether it was done; not where a person said no.

    Raises:
        GuardError: something is in the way. Until the first line of what was done nothing has
            been changed, but for what the remotes have, which was fetched.
    """
    top = gate.workspace.superproject
    for folder in finish_interrupted(top, _checkouts(gate, known)):
        screen.say(f"{folder}: put right after an interrupted call")
    if wishes.pushes:
        ask_remotes(_remotes(gate, known))
    good = good or _last(gate, known)
    plan = Planner(gate, known, good, wishes.pushes).plan()
    tags = _tags(plan) if wishes.pushes else ()
    image = image_to_bring(good) if wishes.image else None
    _show(plan, tags, image, wishes, screen)
    moves_latest = _may_move_latest(gate, plan, wishes, screen)
    if wishes.only_shows:
        return True
    if not wishes.sure and not screen.confirms("go back to it?"):
        screen.say("nothing was changed; --yes goes ahead without asking")
        return False
    record = good.record
    if image is not None:
        record = bring_back(gate, good, plan.config, image, screen)
    restored = restore(plan, screen.say)
    if wishes.pushes:
        for pinned, remote in tags:
            _push_tag(pinned, remote, screen)
        push_side(plan.consumer, restored.consumer, screen.say)
        push_side(plan.superproject, restored.superproject, screen.say)
    else:
        screen.say("to push all of it in the right order: guard recover --push "
                   f"{good.record.name}")  # fmt: skip
    if moves_latest:
        with held(lock_of(gate, record.name), lambda: screen.say(_WAITING)):
            publish(gate, plan.config, record, Wish(latest=True), screen)
    return True


def _may_move_latest(gate: Gate, plan: Plan, wishes: Wishes, screen: Screen) -> bool:
    """Whether ``latest`` moves at the end; says what it would mean then, or why it stays.

    Raises:
        RefusedError: it was asked for, and may not.
        RegistryError: the registry cannot be asked.
    """
    if wishes.latest is False or (wishes.latest is None and not wishes.pushes):
        return False
    record = plan.good.record
    try:
        if not record.image.digest:
            raise RefusedError(
                f"the image of verdict {record.name} was never published, so latest cannot mean it",
                f"guard publish --latest {record.name}",
            )
        publish(gate, plan.config, record, Wish(latest=True, dry_run=True), screen)
    except RefusedError as error:
        if wishes.latest:
            raise
        screen.say(f"  note: latest stays: {error.problem}")
        return False
    except EngineError as error:
        raise EngineError(
            f"nothing was changed: {error.problem}",
            f"{error.remedy}; or leave latest alone: --no-latest",
        ) from error
    return True


def bring_back(gate: Gate, good: Good, config: Config, image: Image, screen: Screen) -> Record:
    """Have the image in the engine again, under the name that `guard test` gave it.

    Returns:
        The verdict's newest record, which is another one where the image was built again.

    Raises:
        GuardError: it can be had from nowhere, or a rebuild of it does not pass.
    """
    record = good.record
    if image.state is ImageState.GONE:
        screen.say("the image is gone: building and testing it again")
        with held(lock_of(gate, record.name), lambda: screen.say(_WAITING)):
            return _rebuilt(gate, good, config, screen)
    name, tag = split(_reference(gate, good, config))
    with Engine.connect() as engine:
        found = record.image.id
        if image.state is ImageState.REGISTRY:
            with Transfers(screen, f"pulling {record.image.digest}") as transfers:
                found = pull(engine, record.image.digest, transfers.on_transfer)
        put_tag(engine, found, name, tag)
    screen.say(f"image: {name}:{tag}")
    return record


def _rebuilt(gate: Gate, good: Good, config: Config, screen: Screen) -> Record:
    assert good.base is not None  # the planner raises without
    assembly = Assembly(good.record.key, good.parts)
    job = Job(good.base, config, assembly, good.record.release)
    record, log = try_out(gate, job, False, screen)
    if record.result is not Result.PASSED:
        raise GuardError(
            f"nothing was changed: the combination {record.name} does not pass any more: "
            f"{record.result.value}: {record.detail}\n  log: {log}",
            "name another one: guard recover",
        )
    screen.say(f"image: {record.image.reference}")
    return record


def _reference(gate: Gate, good: Good, config: Config) -> str:
    if good.record.image.reference:
        return good.record.image.reference
    part = good.part(config.consumer)
    at = described(part.repository, part.commit) if part is not None else ""
    name = gate.workspace.name
    tag = combination_tag(name(config.consumer), at, name(config.dependency), good.record.release)
    return f"{config.image.name}:{tag}"


def image_to_bring(good: Good) -> Image:
    """Where the image will come from.

    Raises:
        EngineError: there is no engine to bring it to.
    """
    try:
        with Engine.connect() as engine:
            return image_of(engine, good.record)
    except EngineError as error:
        raise EngineError(
            f"nothing was changed: the image cannot be brought back: {error.problem}",
            f"{error.remedy}; or leave the image alone: --no-image",
        ) from error


def _last(gate: Gate, known: KnownGood) -> Good:
    top = gate.workspace.superproject
    branch = default_branch(top)
    tip = branch.tracked or branch.local
    found = known.last_on(tip) if tip is not None else None
    if found is None:
        raise GuardError(
            f"no commit of {branch.name} of {gate.workspace.name('')} is known to be good",
            "name a verdict or a tag: guard recover",
        )
    return found


def _checkouts(gate: Gate, known: KnownGood) -> list[Repository]:
    top = gate.workspace.superproject
    if top.work_tree is None:
        return []
    found = (open_checkout(f"{top.work_tree}/{path}") for path in known.submodules)
    return [top, *(each for each in found if each is not None)]


def _remotes(gate: Gate, known: KnownGood) -> list[tuple[str, Repository, str]]:
    checkouts = _checkouts(gate, known)[:2]
    sides = []
    for checkout, path in zip(checkouts, ("", known.submodules[0]), strict=False):
        remote = default_branch(checkout).remote
        if remote:
            sides.append((gate.workspace.name(path), checkout, remote))
    return sides


def _tags(plan: Plan) -> tuple[tuple[Pinned, str], ...]:
    """The release tags that their remotes lack."""
    found = []
    for pinned in plan.pinned:
        if pinned.tag and pinned.checkout is not None:
            remote = default_branch(pinned.checkout).remote
            if remote and tag_to_push(pinned, remote):
                found.append((pinned, remote))
    return tuple(found)


def _push_tag(pinned: Pinned, remote: str, screen: Screen) -> None:
    assert pinned.checkout is not None
    ref = f"refs/tags/{pinned.tag}"
    push(pinned.checkout, remote, ref, ref)
    screen.say(f"{pinned.name}: pushed {pinned.tag} to {remote}")


def _show(
    plan: Plan,
    tags: tuple[tuple[Pinned, str], ...],
    image: Image | None,
    wishes: Wishes,
    screen: Screen,
) -> None:
    record = plan.good.record
    name = screen.paint(record.name, "bold")
    screen.say(f"back to {name}, which passed on {moment(record.finished)}")
    for note in plan.notes:
        screen.say(f"  note: {note}")
    _show_side(plan.consumer, screen)
    for pinned in plan.pinned:
        at = f"release {pinned.tag}" if pinned.tag else pinned.commit[:12]
        screen.say(f"{screen.paint(pinned.name, 'bold')}: {at}")
    _show_side(plan.superproject, screen)
    if image is not None:
        screen.say(f"{screen.paint('image', 'bold')}: {_image_text(plan.good, image)}")
    if wishes.pushes:
        names = [f"{pinned.name} {pinned.tag}" for pinned, _ in tags]
        names += [
            f"{side.name} {side.branch.name}"
            for side in (plan.consumer, plan.superproject)
            if side.needed or side.branch.tracked != side.parents[0]
        ]
        screen.say(f"{screen.paint('push', 'bold')}: {', then '.join(names) or 'nothing'}")


def _show_side(side: Side, screen: Screen) -> None:
    name = screen.paint(side.name, "bold")
    if not side.needed:
        screen.say(f"{name}: {side.why} has the good tree already")
        return
    tree = side.described or "the tested index"
    screen.say(f"{name}: a new commit on {side.why} with the tree of {tree}")
    for line in side.undone:
        screen.say(f"  undone: {line}")
    for line in side.stat.splitlines():
        screen.say(f"  {line}")


def _image_text(good: Good, image: Image) -> str:
    record = good.record
    if image.state is ImageState.HERE:
        return f"here ({record.image.reference or record.image.id})"
    if image.state is ImageState.REGISTRY:
        return f"pulled as {record.image.digest}"
    took = duration(record.build_seconds + record.test_seconds)
    return f"gone; built and tested again first (it took {took})"
