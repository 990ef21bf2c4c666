"""``guard recover`` from the question to the remotes: what is shown, asked and done, in order."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from guard.config import Config
from guard.errors import EngineError, GuardError, RefusedError, UsageError
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.commands import git
from guard.git.commits import new_commit, tree_with
from guard.git.files import no_gc
from guard.git.remotes import fetch, remote_commit
from guard.git.repository import Repository, checkout_at
from guard.git.sending import PushError, Refusal, push
from guard.git.trees import GITLINK
from guard.model import OTHER_RECIPE, RECOVERS, Combination
from guard.recovery.images import Image, bring_image, image_to_bring
from guard.recovery.journal import (
    NOTHING,
    Goal,
    Say,
    bring,
    finish,
    read_journal,
    travel,
    write_journal,
)
from guard.recovery.known_good import Good, KnownGood
from guard.recovery.plan import Plan, Planner, Side, goals_home, goals_there
from guard.screen import Screen, moment
from guard.situation.branches import usual_remote
from guard.trial.jobs import at_work
from guard.trial.publishing import Wish, publish


class Wishes(NamedTuple):
    """What was asked for.

    Args:
        latest: whether ``latest`` is to mean the good image in the registry; None for where it
            may and the remotes follow.
    """

    pushes: bool
    latest: bool | None
    image: bool
    sure: bool
    only_shows: bool


def go_back(
    gate: Gate, known: KnownGood, good: Good | None, wishes: Wishes, screen: Screen
) -> bool:
    """Go back to a combination; False where a person said no.

    Args:
        good: None for the last one in the history of the superproject's default branch.

    Raises:
        GuardError: something is in the way. Until the first line of what was done nothing has
            been changed, but for what the remotes have, which was fetched.
    """
    superproject = _superproject(gate)
    finish(superproject, wishes.only_shows, screen.say)
    if wishes.pushes:
        for path in ("", known.submodules[0]):
            _ask_remote(gate, path, checkout_at(superproject, path))
    good = good or known.last()
    plan = Planner(gate, known, good, wishes.pushes).plan()
    tags = _tags_to_push(gate, plan) if wishes.pushes else []
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
    commits = _restore(gate, plan, screen.say)
    if wishes.pushes:
        _push_all(plan, tags, commits, screen.say)
    else:
        command = f"guard recover --push {good.record.name}"
        screen.say(f"to push all of it in the right order: {command}")
    if moves_latest:
        with at_work(gate, record.name, screen):
            publish(gate, plan.config, record, Wish(latest=True), screen)
    return True


def go_there(gate: Gate, good: Good, wishes: Wishes, screen: Screen) -> None:
    """Check out the good commits, each detached, and remember where everything was.

    Raises:
        GuardError: something would be hard to find again, all of it at once; nothing has moved.
    """
    superproject = _superproject(gate)
    finish(superproject, wishes.only_shows, screen.say)
    goals = goals_there(gate, good)
    if wishes.only_shows:
        for goal in goals:
            screen.say(f"{goal.name}: would be checked out at {goal.commit[:12]}")
        return
    if wishes.image:
        bring_image(gate, good, _tested_config(gate, good), image_to_bring(good), screen)
    travel(superproject, goals, screen.say, is_outing=True)
    screen.say("nothing was committed. To go home: guard recover --local -")


def go_home(gate: Gate, wishes: Wishes, screen: Screen) -> None:
    """Check out again what was checked out before `go_there`.

    Raises:
        GuardError: something would be hard to find again; nothing has moved.
    """
    superproject = _superproject(gate)
    home = read_journal(superproject).home
    if not home:
        raise UsageError(
            "there is no home to go to: guard recover --local VERDICT was not called here, or is "
            "undone already",
            "guard recover",
        )
    finish(superproject, wishes.only_shows, screen.say)
    goals = goals_home(gate, home)
    there = [goal.path for goal in goals]
    for name in (gate.workspace.name(place.path) for place in home if place.path not in there):
        screen.warn(f"guard: {name} is not checked out any more and stays so")
    if wishes.only_shows:
        for goal in goals:
            screen.say(f"{goal.name}: would go back to {goal.branch or goal.commit[:12]}")
        return
    travel(superproject, goals, screen.say)
    write_journal(superproject, NOTHING)


def _superproject(gate: Gate) -> Repository:
    superproject = gate.workspace.superproject
    if superproject.work_tree is None:
        raise GuardError(
            f"{superproject.git_dir} is bare: the way back needs a working tree",
            "run guard recover in a clone with a working tree",
        )
    return superproject


def _ask_remote(gate: Gate, path: str, checkout: Repository | None) -> None:
    """Fetch what a remote has before anything is made on top of it; without one, nothing."""
    remote = usual_remote(checkout, gate.pool.settings) if checkout is not None else ""
    if checkout is None or not remote:
        return
    try:
        fetch(checkout, remote, tags=True)
    except GuardError as error:
        raise GuardError(
            f"nothing was changed: {gate.workspace.name(path)}'s remote {remote} does not answer: "
            f"{error.problem}",
            git(checkout, "fetch", remote).text,
        ) from error


def _tags_to_push(gate: Gate, plan: Plan) -> list[tuple[Goal, str]]:
    """Each release tag that its remote lacks, with the remote; it must not mean another commit."""
    tags = []
    for goal in plan.goals:
        remote = usual_remote(goal.checkout, gate.pool.settings) if goal.tag else ""
        if not remote:
            continue
        commit = remote_commit(goal.checkout, remote, f"refs/tags/{goal.tag}")
        if not commit:
            tags.append((goal, remote))
        elif commit != goal.commit:
            raise GuardError(
                f"nothing was changed: {goal.name}'s remote has {goal.tag} at {commit[:12]}, here "
                f"it is {goal.commit[:12]}",
                git(goal.checkout, "ls-remote", "--tags", remote).text,
            )
    return tags


def _tested_config(gate: Gate, good: Good) -> Config:
    """The present configuration if its recipe is the tested one, else that of the tested tree."""
    with suppress(GuardError):
        config = gate.present_config()
        if config.recipe.digest == good.record.recipe:
            return config
    return gate.config(good.whole())


def _may_move_latest(gate: Gate, plan: Plan, wishes: Wishes, screen: Screen) -> bool:
    """Whether ``latest`` moves at the end; says what it would mean then, or why it stays."""
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
    for pin in plan.pins:
        what = f"release {pin.tag}" if pin.tag else pin.commit[:12]
        screen.say(f"{screen.paint(pin.name, 'bold')}: {what}")
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


def _restore(gate: Gate, plan: Plan, say: Say) -> tuple[str, str]:
    """Make the commits of consumer and superproject, move the branches, check everything out."""
    consumer, superproject = plan.consumer, plan.superproject
    part = plan.good.part(consumer.path)
    if part is not None and consumer.needed:
        bring(consumer.checkout, part.commit, part.repository)
    # Until the branches lead to them, new commits are what a gc takes away.
    with no_gc(consumer.checkout.common_dir), no_gc(superproject.checkout.common_dir):
        first = _committed(plan, consumer, consumer.tree, ())
        changes = {**plan.changes, consumer.path: (GITLINK, first)}
        tree = tree_with(superproject.checkout, plan.good.whole().tree, changes)
        second = _committed(plan, superproject, tree, _reasons(gate, plan, tree))
        goals = [consumer.goal(first), superproject.goal(second), *plan.goals]
        travel(superproject.checkout, goals, say)
    return first, second


def _reasons(gate: Gate, plan: Plan, tree: str) -> tuple[str, ...]:
    """Why gitlinks go back, and the recipe with them, in lines that the gate looks for."""
    side, why = plan.superproject, f"back to {plan.good.record.name}, which has passed"
    bases = [each for each in (*side.parents, side.branch.tracked) if each]
    lines = Order(gate).replaced.lines(Combination(tree), plan.config, bases, why)
    with suppress(GuardError):  # one that cannot be read is another one
        recipes = {gate.config(gate.combination(each)).recipe for each in bases}
        if recipes == {plan.config.recipe}:
            return lines
    return (*lines, f"{OTHER_RECIPE}: {why}")


def _committed(plan: Plan, side: Side, tree: str, reasons: tuple[str, ...]) -> str:
    """A commit with this tree on top of the tip; the tip itself where that has it already."""
    if not side.needed:
        return side.parents[0]
    record = plan.good.record
    message = (
        f"Restore the tree of {side.described or 'the tested index'}: combination {record.name} "
        f"passed on {record.finished[:10]}\n\n"
        + "".join(f"{line}\n" for line in (f"{RECOVERS}: {record.name}", *reasons))
    )
    return new_commit(side.checkout, tree, side.parents, message)


def _push_all(
    plan: Plan, tags: Iterable[tuple[Goal, str]], commits: tuple[str, str], say: Say
) -> None:
    """Push the tags, then the consumer, then the superproject, each through its hook.

    What comes after one that is refused is not pushed.
    """
    for goal, remote in tags:
        ref = f"refs/tags/{goal.tag}"
        push(goal.checkout, remote, ref, ref)
        say(f"{goal.name}: pushed {goal.tag} to {remote}")
    for side, commit in zip((plan.consumer, plan.superproject), commits, strict=True):
        branch, remote = side.branch, side.branch.remote
        if branch.tracked == commit:
            say(f"{side.name}: {remote} has it already")
            continue
        try:
            push(side.checkout, remote, commit, branch.ref)
        except PushError as error:
            raise _refusal(side, commit, error) from error
        say(f"{side.name}: pushed {commit[:12]} to {remote} {branch.name}")


def _refusal(side: Side, commit: str, error: PushError) -> GuardError:
    name, remote = side.branch.name, side.branch.remote
    if error.refusal is not Refusal.BEHIND:
        return GuardError(
            f"{side.name}: the push to {name} of {remote} was refused:\n{error.problem}",
            "run guard recover --push again when that is mended: what is done stays done",
        )
    fetch_it = git(side.checkout, "fetch", remote).text
    return GuardError(
        f"{side.name}: somebody else pushed to {name} of {remote} first; nothing was forced, and "
        f"the restoring commit {commit[:12]} is here",
        f"look at it: {fetch_it}; then run guard recover --push again, which joins both",
    )
