"""What comes next, from wherever somebody stands: the one line that every screen calls ``next``.

Pure functions of how the checkouts stand and how far a release is.
"""

from typing import Final, NamedTuple

from guard.git.commands import ALONE, PERSON, Command, as_next, git, in_turn, told
from guard.git.repository import Repository
from guard.model import POLICY, STEP_BACK, Decision, Finding, Tested, VerdictState
from guard.plan.walk import ALIGN, PUSHES, Kind, Step, StepState, own_branch, pending, steps
from guard.rules import merged
from guard.situation.checkouts import (
    Checkout,
    Checkouts,
    Relation,
    Settings,
    stage_settings,
    with_command,
)
from guard.situation.release import Reach, ReleaseFacts, Spot
from guard.situation.values import ASK, FILL_IN

# Of settings without a test command.
SETTINGS: Final = ("guard init", told(FILL_IN))
# The rules on what a push replaces.
_OF_HEAD: Final = (STEP_BACK, POLICY)


class Next(NamedTuple):
    """What comes next.

    Args:
        text: a command; after `PERSON`, what only a person can do, and a command that shows it; ""
            where there is nothing to do.
        depends: whether it depends on what remotes have, of which git knows what they had.
    """

    text: str = ""
    depends: bool = False


class Pushes(NamedTuple):
    """The decisions about HEAD of the superproject and of the consumer, as far as there are."""

    superproject: Decision | None = None
    consumer: Decision | None = None

    def refusal(self, step: Step, release: ReleaseFacts) -> Finding | None:
        """Why the hook would refuse a push that is a step of the release, or may; None where it
        would not.

        The steps before it have mended what they can.
        """
        decision, spot, kind = None, None, step.kind
        if kind is Kind.PUSH_CONSUMER:
            decision = self.consumer
            spot = release.consumer if step.number else release.beside
        elif kind is Kind.PUSH_SUPERPROJECT and not release.staged:
            decision, spot = self.superproject, release.superproject
        if decision is None or not isinstance(spot, Spot) or decision.commit != spot.source:
            return None
        # What no remote was asked may be refused as well.
        refused = (each for each in decision.findings if each.blocks or each.remedy == ASK)
        return next(refused, None)

    @property
    def others(self) -> str:
        """What brings others' commits here, "" where that is not needed."""
        findings = self.consumer.findings if self.consumer is not None else ()
        return next((each.remedy for each in findings if each.rule == merged.NAME), "")


def following(release: ReleaseFacts, at: Checkouts, hook: str, pushes: Pushes) -> Next:
    """What brings the work on.

    In this order: what keeps guard's hook from being effective, what only a person can do, what
    others have already, what no step mends of HEAD, what is checked out and not staged, or staged
    and not checked out, and then the steps of a release.

    Args:
        hook: what makes the hooks effective, "" where they are.
    """
    plan = steps(release)
    step = pending(plan)
    # What goes to a branch of its own is not to be staged.
    consumer = "" if isinstance(release.beside, Spot) else release.names.consumer_path
    todo = preparation(at, consumer, release.names.dependency_path)
    if hook and (step is None or step.state is not StepState.BLOCKED):
        return Next(hook)
    # Nor does a pull go well without an index.
    if todo is not None and (todo.person or at.lacks_index):
        return Next(todo.text)
    # A pull takes back what is staged, and on a feature branch the default one is not brought.
    others = "" if release.staged or at.is_feature else pushes.others
    if others := _pull(release) or others:
        spot, last = release.superproject, plan[-1]
        if isinstance(spot, Spot) and spot.reach is Reach.APART:
            return Next(as_next(last.reason, last.remedy, last.is_persons))
        return Next(others)
    # No step mends what is wrong with HEAD itself.
    of_head = () if release.staged else release.faults
    if stuck := [each for each in of_head if each.rule in _OF_HEAD]:
        return Next(as_next(stuck[0].message, stuck[0].remedy))
    if todo is not None:
        return Next(todo.text)
    if own := own_branch(release):
        return _step(own, release, at, pushes)
    if step is None or (at.is_brought and _is_theirs(release)):
        return Next()
    if fetching := _stale(release):
        return Next(fetching)
    return _step(step, release, at, pushes)


def _step(step: Step, release: ReleaseFacts, at: Checkouts, pushes: Pushes) -> Next:
    text = _command(step, at)
    if text.startswith(ALIGN) and (todo := before_align(at, release.names.dependency_path)):
        return Next(todo.text)
    is_push = step.kind in PUSHES and step.state is StepState.NEXT
    if is_push and (finding := pushes.refusal(step, release)):
        # Of a branch that is in no release, no step before it has tested anything.
        text = as_next(finding.message, finding.remedy, is_persons=step.number > 0)
    # What was corrected already is asked of nobody again.
    if corrected := [file for file in at.edited if file in text]:
        text = git(at.superproject, "add", *corrected).text
    # What is staged meets no conflict over the consumer if that was put on top of theirs before.
    top = release.superproject
    moved = isinstance(top, Spot) and top.reach in (Reach.AHEAD_THERE, Reach.APART)
    return Next(text, step.kind in PUSHES or (release.staged and moved))


def _command(step: Step, at: Checkouts) -> str:
    """The command of the pending step; of a person where none of guard's helps any more."""
    command = step.commands[0].text if step.commands else step.remedy
    if command in SETTINGS:
        command = with_command(at.superproject, command, at.settings)
    return as_next(step.reason, command, step.is_persons)


def _stale(release: ReleaseFacts) -> str:
    """What tells git of what a remote has, and was pushed there without git knowing it."""
    for spot in (release.consumer, release.superproject):
        if isinstance(spot, Spot) and spot.stale and spot.is_there:
            own = ALONE if spot == release.superproject else ()
            return spot.git("fetch", *own, spot.stale).text
    return ""


def _pull(release: ReleaseFacts) -> str:
    """What brings the superproject's branch up to what its remote is known to have."""
    spot = release.superproject
    if release.staged or not isinstance(spot, Spot) or not spot.local:
        return ""
    if spot.reach is not Reach.AHEAD_THERE:
        return ""
    if spot.obstacle:
        look = spot.git("status", "--ignored").text
        name = release.names.superproject
        return f"{PERSON}commit or move away in {name}, before a pull: {spot.obstacle}: {look}"
    return spot.git("pull", "--ff-only", *ALONE, spot.remote, spot.branch).text


def _is_theirs(release: ReleaseFacts) -> bool:
    """Whether it is what the superproject's remote has, and what others can fetch.

    Who was brought it by git need not test it again, nor push what others have fetched; where
    something speaks against it, that is said all the same.
    """
    tested, consumer, spot = release.tested, release.consumer, release.superproject
    is_here = not release.faults and not release.staged
    is_there = isinstance(spot, Spot) and spot.reach is Reach.SAME
    can_be_fetched = consumer is None or (isinstance(consumer, Spot) and consumer.is_there)
    is_untested = isinstance(tested, Tested) and tested.state is VerdictState.UNTESTED
    return is_here and is_there and can_be_fetched and is_untested


class Todo(NamedTuple):
    """What is to be done before anything else.

    Args:
        commands: what does it, one after the other.
        person: what a person has to do who then goes on; "" where the commands do it, which
            otherwise only show what there is.
    """

    commands: tuple[Command, ...]
    person: str = ""

    @property
    def text(self) -> str:
        """As it is printed."""
        person = f"{PERSON}{self.person}" if self.person else ""
        return ": ".join(filter(None, (person, in_turn(self.commands))))


def preparation(at: Checkouts, consumer: str, dependency: str) -> Todo | None:
    """The first thing that is to be done before the index is what is released; None for nothing.

    Everything is checked out as the index has it, and that staged. No step takes anything back;
    where only a person can say what is meant, that is the step.
    """
    if at.lacks_index:
        return Todo((git(at.superproject, "reset"),))
    if unfinished := _unfinished(at):
        return unfinished
    if at.settings in (Settings.UNSTAGED, Settings.IGNORED):
        return Todo((stage_settings(at.superproject, at.settings),))
    return (
        next(filter(None, (behind(at, each) for each in at.submodules)), None)
        or _consumer(at, consumer)
        or _dependency(at, dependency)
    )


def _unfinished(at: Checkouts) -> Todo | None:
    """A merge or the like that somebody is in the middle of."""
    top = at.superproject
    if at.malformed:
        return Todo((), at.malformed)
    if at.unmerged:
        first = at.unmerged[0]
        more = f" and {len(at.unmerged) - 1} more" if len(at.unmerged) > 1 else ""
        return Todo((git(top, "status"),), f"resolve {first}{more}, and stage it")
    begun = [(top, at.under_way, "")] if at.under_way else []
    begun += [(each.repository, each.under_way, each.path) for each in at.submodules]
    for repository, what, path in begun:
        if what:
            where = f" in {path}" if path else ""
            return Todo((git(repository, "status"),), f"finish {what}{where}")
    return None


def behind(at: Checkouts, each: Checkout) -> Todo | None:
    """Bring a checkout up to its gitlink, as after a pull."""
    path, short = each.path, each.gitlink[:12]
    if each.relation is Relation.MISSING:
        return Todo((git(each.repository, "fetch", *each.source),))
    if each.relation is Relation.NOWHERE:
        # Somebody has pinned it and not pushed it, as is easily forgotten.
        look = git(at.superproject, "log", "--max-count=1", "--", path)
        what = f"{short} of {path}, which its remote does not have"
        asked = f"ask {each.pinned_by} to push" if each.pinned_by else "stage another commit than"
        return Todo((look,), f"{asked} {what}")
    if each.relation is Relation.CUT_OFF:
        return Todo((git(each.repository, "fetch", "--unshallow"),))
    if each.relation is not Relation.BEHIND:
        return None
    if each.is_feature and not at.is_feature:
        return _apart(each)
    if each.is_changed or each.obstacle:
        return _in_the_way(each)
    if each.branch:
        # ``git submodule update`` would leave the branch.
        return Todo((git(each.repository, "merge", "--ff-only", short),))
    return Todo((git(at.superproject, "submodule", "update", path),))


def _consumer(at: Checkouts, path: str) -> Todo | None:
    """Stage what the developer has committed in the consumer."""
    each = at.at(path)
    if each is None or each.relation not in (Relation.AHEAD, Relation.APART):
        return None
    head, short = each.head[:12], each.gitlink[:12]
    if each.was_left:
        return _left(at.superproject, each)
    if each.is_feature and not at.is_feature:
        return _apart(each)
    if each.relation is Relation.AHEAD or each.is_rewritten:
        entry = f"160000,{each.head},{path}"
        words = ("update-index", "--cacheinfo", entry) if each.is_beside else ("add", path)
        return Todo((git(at.superproject, *words),))
    if each.is_changed or (each.branch and each.obstacle):
        return _in_the_way(each)
    if each.branch and each.is_published:
        # What others have fetched is not written anew.
        return Todo((git(each.repository, "merge", "--no-edit", short),))
    if each.branch:
        return Todo((git(each.repository, "rebase", short),))
    return Todo(
        (git(each.repository, "log", "--oneline", "--graph", head, short),),
        f"check out in {path} what is meant: one of both, or what joins them",
    )


def _dependency(at: Checkouts, path: str) -> Todo | None:
    """Stage the release that somebody has checked out; what is none stays where it is."""
    each = at.at(path)
    moved = (Relation.AHEAD, Relation.APART)
    if each is None or each.relation not in moved or not each.has_tag:
        return None
    if each.was_left:
        return _left(at.superproject, each)
    return Todo((git(at.superproject, "add", path),))


def _left(top: Repository, each: Checkout) -> Todo | None:
    """What the superproject has left again, as by a revert, is nobody's new work."""
    if each.branch:
        return None
    if each.is_lost:
        return _kept(each)
    return Todo((git(top, "submodule", "update", each.path),))


def _apart(each: Checkout) -> Todo:
    """A branch beside the default one, while the superproject is on its own."""
    look = git(each.repository, "status")
    person = f"merge {each.branch} of {each.path}, or check out its default branch"
    return Todo((look,), person)


def _in_the_way(each: Checkout) -> Todo:
    look = git(each.repository, "status", *(() if each.is_changed else ("--ignored",)))
    if each.is_changed:
        return Todo((look,), f"commit or stash what is changed in {each.path}")
    return Todo((look,), f"move away what is in the way in {each.path}: {each.obstacle}")


def before_align(at: Checkouts, path: str) -> Todo | None:
    """What has to be saved before the dependency's checkout moves; None for nothing."""
    each = at.at(path)
    if each is not None and each.is_changed:
        return _in_the_way(each)
    return _kept(each) if each is not None and each.is_lost else None


def _kept(each: Checkout) -> Todo:
    """A branch for a commit that nothing else has."""
    return Todo((git(each.repository, "branch", f"keep-{each.head[:8]}", each.head[:12]),))
