"""``guard recover`` from the question to the remotes: what is shown, asked and done, in order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from guard.config import Config
from guard.errors import EngineError, GuardError, RefusedError, UsageError
from guard.gate.gate import Gate
from guard.git.locate import checkout_at
from guard.git.refs import stand
from guard.git.repository import Repository
from guard.recovery.images import Image, bring_image, image_to_bring
from guard.recovery.journal import (
    NOTHING,
    Home,
    Journal,
    finish,
    half_way,
    read_journal,
    write_journal,
)
from guard.recovery.known_good import Good, KnownGood
from guard.recovery.plan import Goal, Plan, Side, whole
from guard.recovery.planner import Planner, goals_home, goals_there, superproject_of
from guard.recovery.remotes import ask_remotes, push_all, tags_to_push
from guard.recovery.restore import restore, travel
from guard.screen import Screen, moment
from guard.situation.branches import default_branch
from guard.trial.jobs import at_work
from guard.trial.publishing import Wish, publish


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
    superproject = superproject_of(gate)
    _finish(superproject, wishes, screen)
    if wishes.pushes:
        paths = ("", known.submodules[0])
        checkouts = ((path, checkout_at(superproject, path)) for path in paths)
        ask_remotes((gate.workspace.name(path), one) for path, one in checkouts if one is not None)
    good = good or _last(gate, known)
    plan = Planner(gate, known, good, wishes.pushes).plan()
    tags = tags_to_push(plan) if wishes.pushes else []
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
        record = bring_image(gate, good, plan.config, image, screen)
    commits = restore(plan, screen.say)
    if wishes.pushes:
        push_all(plan, tags, commits, screen.say)
    else:
        screen.say("to push all of it in the right order: guard recover --push "
                   f"{good.record.name}")  # fmt: skip
    if moves_latest:
        with at_work(gate, record.name, screen):
            publish(gate, plan.config, record, Wish(latest=True), screen)
    return True


def go_there(gate: Gate, good: Good, wishes: Wishes, screen: Screen) -> None:
    """Check out the good commits, each detached, and remember where everything was.

    Raises:
        GuardError: something would be hard to find again, all of it at once; nothing has moved.
    """
    superproject = superproject_of(gate)
    _finish(superproject, wishes, screen)
    goals = goals_there(gate, good)
    if wishes.only_shows:
        for goal in goals:
            screen.say(f"{goal.name}: would be checked out at {goal.commit[:12]}")
        return
    if wishes.image:
        config = _tested_config(gate, good)
        bring_image(gate, good, config, image_to_bring(good), screen)
    home = _home(read_journal(superproject), goals)
    travel(superproject, goals, home, screen.say)
    screen.say("nothing was committed. To go home: guard recover --local -")


def go_home(gate: Gate, wishes: Wishes, screen: Screen) -> None:
    """Check out again what was checked out before `go_there`.

    Raises:
        UsageError: nothing is remembered.
        GuardError: something would be hard to find again; nothing has moved.
    """
    superproject = superproject_of(gate)
    home = read_journal(superproject).home
    if not home:
        raise UsageError(
            "there is no home to go to: guard recover --local VERDICT was not called here, or is "
            "undone already",
            "guard recover",
        )
    _finish(superproject, wishes, screen)
    goals = goals_home(gate, home)
    there = [goal.path for goal in goals]
    for name in (gate.workspace.name(place.path) for place in home if place.path not in there):
        screen.warn(f"guard: {name} is not checked out any more and stays so")
    if wishes.only_shows:
        for goal in goals:
            screen.say(f"{goal.name}: would go back to {goal.branch or goal.commit[:12]}")
        return
    travel(superproject, goals, home, screen.say)
    write_journal(superproject, NOTHING)


def _finish(superproject: Repository, wishes: Wishes, screen: Screen) -> None:
    """Put right what a killed call has left; what would come after it nobody can show before."""
    interrupted = half_way(superproject)
    folders = [checkout.place for checkout, _ in interrupted]
    if not wishes.only_shows:
        finish(superproject, interrupted)
        for folder in folders:
            screen.say(f"{folder}: put right after an interrupted call")
    elif folders:
        raise GuardError(
            f"an interrupted call has left {' and '.join(folders)} on the way",
            "call it without --dry-run, which puts that right first",
        )


def _home(journal: Journal, goals: Sequence[Goal]) -> tuple[Home, ...]:
    """Where everything was before the first ``--local``."""
    places = {}
    for goal in goals:
        where = stand(goal.checkout)
        places[goal.path] = Home(goal.path, where.branch, where.commit or "")
    places.update((place.path, place) for place in journal.home)
    return tuple(places.values())


def _tested_config(gate: Gate, good: Good) -> Config:
    """The present configuration if its recipe is the tested one, else that of the tested tree."""
    with suppress(GuardError):
        config = gate.present_config()
        if config.recipe.digest == good.record.recipe:
            return config
    return gate.gatherer.config(whole(good))


def _last(gate: Gate, known: KnownGood) -> Good:
    branch = default_branch(gate.workspace.superproject)
    tip = branch.tracked or branch.local
    good = known.last_on(tip) if tip is not None else None
    if good is None:
        raise GuardError(
            f"no commit of {branch.name} of {gate.workspace.name('')} is known to be good",
            "name a verdict or a tag: guard recover",
        )
    return good


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


def _show(
    plan: Plan,
    tags: Sequence[tuple[Goal, str]],
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
        what = f"release {pinned.tag}" if pinned.tag else pinned.commit[:12]
        screen.say(f"{screen.paint(pinned.name, 'bold')}: {what}")
    _show_side(plan.superproject, screen)
    if image is not None:
        screen.say(f"{screen.paint('image', 'bold')}: {image.text(record)}")
    if wishes.pushes:
        names = [f"{goal.name} {goal.tag}" for goal, _ in tags]
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
