"""What comes before a release: everything checked out as the index has it, and that staged.

A pure function of how the checkouts stand. Each step brings a checkout or the index on, and none
takes anything back; where only a person can say what is meant, that is the step.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.git.commands import PERSON, Command, git, in_turn
from guard.git.repository import Repository
from guard.situation.checkouts import Checkout, Checkouts, Relation, Settings, stage_settings


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
        person = f"{PERSON}{self.person}: " if self.person else ""
        return person + in_turn(self.commands)


def preparation(at: Checkouts, consumer: str, dependency: str) -> Todo | None:
    """The first thing that is to be done before the index is what is released; None for nothing.

    Args:
        consumer, dependency: their paths.
    """
    if at.lacks_index:
        return Todo((git(at.superproject, "reset"),))
    return (
        _unfinished(at)
        or _settings(at)
        or next(filter(None, (behind(at, each) for each in at.submodules)), None)
        or _consumer(at, consumer)
        or _dependency(at, dependency)
    )


def _unfinished(at: Checkouts) -> Todo | None:
    """A merge or the like that somebody is in the middle of."""
    top = at.superproject
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


def _settings(at: Checkouts) -> Todo | None:
    if at.settings not in (Settings.UNSTAGED, Settings.IGNORED):
        return None
    return Todo((stage_settings(at.superproject, at.settings),))


def behind(at: Checkouts, each: Checkout) -> Todo | None:
    """Bring a checkout up to its gitlink, as after a pull."""
    path, short = each.path, each.gitlink[:12]
    if each.relation is Relation.MISSING:
        return Todo((git(each.repository, "fetch", *each.source),))
    if each.relation is Relation.NOWHERE:
        return _nowhere(at.superproject, each)
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


def _nowhere(top: Repository, each: Checkout) -> Todo:
    """A commit that somebody has pinned and not pushed, as is easily forgotten."""
    look = git(top, "log", "--max-count=1", "--", each.path)
    what = f"{each.gitlink[:12]} of {each.path}, which its remote does not have"
    if each.pinned_by:
        return Todo((look,), f"ask {each.pinned_by} to push {what}")
    return Todo((look,), f"stage another commit than {what}")
