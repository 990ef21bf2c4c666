"""Finds the way to a known-good combination, and with ``--local`` home again; nothing is done yet.

Whatever stands in the way is told at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from guard.config import FILE, Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.git.ancestry import is_ancestor, only_in, tree_of
from guard.git.commands import git
from guard.git.commits import changed_index, private_index
from guard.git.locate import checkout_at
from guard.git.refs import refs_below, stand
from guard.git.releases import all_releases, in_order
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import RECOVERS, Combination
from guard.recovery.hindrances import (
    elsewhere,
    not_checked_out,
    refuse,
    unfit,
    unfit_below,
    unguarded,
)
from guard.recovery.journal import Home
from guard.recovery.known_good import Good, KnownGood
from guard.recovery.plan import (
    Goal,
    Pinned,
    Plan,
    Side,
    changes_of,
    leaving,
    submodules_of,
    whole,
)
from guard.screen import counted
from guard.situation.branches import DefaultBranch, default_branch, usual_remote

# Commits of one repository that are named.
_SHOWN: Final = 5


def superproject_of(gate: Gate) -> Repository:
    """The superproject, which has a working tree.

    Raises:
        GuardError: it is bare.
    """
    superproject = gate.workspace.superproject
    if superproject.work_tree is None:
        raise GuardError(
            f"{superproject.git_dir} is bare: the way back needs a working tree",
            "run guard recover in a clone with a working tree",
        )
    return superproject


def goals_there(gate: Gate, good: Good) -> list[Goal]:
    """The plan without commits: every checkout detached at its good commit.

    Raises:
        GuardError: what stands in the way; nothing has been changed.
    """
    superproject = superproject_of(gate)
    parts = submodules_of(gate, good)
    if not good.superproject:
        raise GuardError(
            f"the tree of {gate.workspace.name('')} that verdict {good.record.name} was earned "
            "with was never committed, so it cannot be checked out",
            f"guard recover {good.record.name}",
        )
    troubles = []
    goals = []
    places = [(part.path, part.commit, part.repository) for part in parts]
    for path, commit, source in (("", good.superproject, None), *places):
        name, checkout = gate.workspace.name(path), checkout_at(superproject, path)
        if checkout is None:
            troubles.append(not_checked_out(superproject, name, path))
            continue
        arrival = (f"{commit[:12]}, detached",)
        goals.append(Goal(path, name, checkout, commit, source=source, arrival=arrival))
    for goal in goals:
        troubles += unfit(goal.name, goal.checkout, goal.commit)
    refuse([*troubles, *unfit_below(superproject, good)])
    return goals


def goals_home(gate: Gate, home: Sequence[Home]) -> list[Goal]:
    """The way home; a submodule that is not checked out any more has none.

    Raises:
        GuardError: what stands in the way; nothing has been changed.
    """
    troubles, goals = [], []
    for place in home:
        checkout = checkout_at(superproject_of(gate), place.path)
        if checkout is None:
            continue
        name, branch, commit = gate.workspace.name(place.path), place.branch, place.commit
        if branch:
            tip = refs_below(checkout, "refs/heads/").get(f"refs/heads/{branch}")
            if tip is None:
                command = git(checkout, "branch", branch, commit).text
                troubles.append(GuardError(f"{name} has no branch {branch} any more", command))
            troubles += elsewhere(name, checkout, branch, " meanwhile")
            commit = tip or commit
        troubles += unfit(name, checkout, commit)
        arrival = f"{branch or commit[:12] + ', detached'}, as before"
        if commit != place.commit:
            arrival = f"{branch}, which has moved to {commit[:12]} meanwhile"
        goals.append(Goal(place.path, name, checkout, commit, branch, arrival=(arrival,)))
    refuse(troubles)
    return goals


class Planner:
    """Finds out what the way back to one combination is, with commits that restore it.

    Args:
        pushes: whether the remotes are to follow.

    Raises:
        GuardError: the combination cannot be put together any more.
    """

    def __init__(self, gate: Gate, known: KnownGood, good: Good, pushes: bool) -> None:
        self._gate = gate
        self._known = known
        self._good = good
        self._base = whole(good)
        self._top = superproject_of(gate)
        self._pushes = pushes
        self._troubles: list[GuardError] = []
        self._notes: list[str] = []

    def plan(self) -> Plan:
        """What would be done.

        Raises:
            GuardError: what stands in the way, all of it at once; nothing has been changed.
        """
        # Its tree is another one where the consumer gets a commit: see `_superproject`.
        above = self._side("", self._top, self._good.superproject, self._base.tree)
        config, blob = self._config(above.parents[0])
        consumer = self._consumer(config.consumer)
        pinned = tuple(self._pinned(config))
        superproject = self._superproject(above, consumer, pinned, blob)
        for side in (superproject, consumer):
            target = side.tree if side.needed else side.parents[0]
            self._troubles += unfit(side.name, side.checkout, target)
            if side.needed:
                why = ", and would move under it"
                self._troubles += elsewhere(side.name, side.checkout, side.branch.name, why)
        for goal in (each.goal for each in pinned if each.goal is not None):
            self._troubles += unfit(goal.name, goal.checkout, goal.commit)
        self._troubles += unfit_below(self._top, self._good)
        if self._pushes:
            self._troubles += [*unguarded(consumer), *unguarded(superproject)]
        refuse(self._troubles)
        return Plan(self._good, config, blob, consumer, superproject, pinned, tuple(self._notes))

    def _side(self, path: str, checkout: Repository, good: str, tree: str) -> Side:
        """What becomes of a repository whose default branch is to have a tree."""
        name = self._gate.workspace.name(path)
        branch = default_branch(checkout)
        parents, why = self._parents(name, checkout, branch)
        return Side(
            path,
            name,
            checkout,
            branch,
            stand(checkout),
            good,
            self._known.describe(path, good),
            tree,
            parents,
            why,
            needed=len(parents) > 1 or tree_of(checkout, parents[0]) != tree,
        )

    def _config(self, tip: str) -> tuple[Config, str | None]:
        """The configuration that holds afterwards: the present one, if its recipe is the tested.

        It is no part of the key: policy that was made since stays, unless it asks for another
        build or test than the one that passed.
        """
        recipe = self._good.record.recipe
        gatherer = self._gate.gatherer
        reader = self._gate.pool.reader(self._gate.workspace.superproject)
        places = ((f"{tip}^{{tree}}", "the present"), (self._base.tree, "the tested"))
        for place, what in places:
            tree, blob = reader.read_all([place, f"{place.partition('^')[0]}:{FILE}"])
            if tree is None:
                continue
            try:
                config = gatherer.config(Combination(tree.id))
            except GuardError:
                continue  # the present one may be what was broken
            if config.recipe.digest == recipe:
                if what == "the tested":
                    self._notes.append(
                        f"{FILE} comes back as it was tested: by the present one the verdict "
                        "would be of another recipe"
                    )
                return config, blob.id if blob is not None else None
        raise GuardError(
            f"the verdict {self._good.record.name} was earned with another recipe than the "
            f"{FILE} of {tip[:12]} or of the tested tree says, so its content would not count as "
            "tested",
            "check out the tree by hand and run guard test, or name another verdict: guard recover",
        )

    def _parents(
        self, name: str, repository: Repository, branch: DefaultBranch
    ) -> tuple[tuple[str, ...], str]:
        """On what a new commit goes, and which tip that is in words."""
        theirs, ours = branch.tracked, branch.local
        remote = f"{branch.remote}/{branch.name}"
        if theirs is None and ours is None:
            raise GuardError(
                f"{name} has neither a branch {branch.name} nor that of a remote",
                git(repository, "fetch").text,
            )
        if theirs is None or ours is None:
            tip = theirs or ours or ""
            return (tip,), remote if theirs else f"{branch.name}, which no remote has"
        if is_ancestor(repository, ours, theirs):
            return (theirs,), remote
        ahead = only_in(repository, ours, theirs)
        commits = counted(len(ahead), "commit")
        if is_ancestor(repository, theirs, ours):
            also = ", and which are pushed as well" if self._pushes else ""
            self._notes.append(f"{name}: {branch.name} has {commits} that {remote} lacks{also}")
            return (ours,), f"{branch.name} ({len(ahead)} ahead of {remote})"
        if all(_is_restoring(repository, commit) for commit in ahead):
            # Ours of an attempt that somebody was faster than: joined, not thrown away.
            return (theirs, ours), f"{remote}, joined with the restoring commit made before"
        self._troubles.append(
            GuardError(
                f"{name}: {branch.name} and {remote} have gone different ways "
                f"({commits} only here, the newest {ahead[0][:12]})",
                # Renamed, they stay and are out of the way; a rebase may end in conflicts.
                git(repository, "branch", "--move", branch.name, f"{branch.name}-{ours[:8]}").text,
            )
        )
        return (theirs,), remote

    def _consumer(self, path: str) -> Side:
        part, checkout = self._good.part(path), checkout_at(self._top, path)
        if part is None:
            raise GuardError(f"the verdict {self._good.record.name} is of no {path}", "guard log")
        if checkout is None:
            why = ", and its restoring commit is made there"
            name = self._gate.workspace.name(path)
            raise not_checked_out(self._top, name, path, why)
        side = self._side(path, checkout, part.commit, part.tree)
        if not side.needed:
            return side
        both = _with(checkout, part.repository)
        if side.branch.tracked and not is_ancestor(both, part.commit, side.parents[0]):
            self._notes.append(
                f"{side.name} {part.commit[:12]} is not in the history of {side.why}: its content "
                "comes back, in a new commit"
            )
        return self._told(side, both, part.tree)

    def _pinned(self, config: Config) -> Iterator[Pinned]:
        """The dependency and whatever else stands beside the consumer."""
        for part in submodules_of(self._gate, self._good):
            if part.path == config.consumer:
                continue
            name = self._gate.workspace.name(part.path)
            release = part.commit, ""
            if part.path == config.dependency:
                release = self._release(config, part)
            checkout, goal = checkout_at(self._top, part.path), None
            if checkout is not None:
                commit, tag = release
                lines = leaving(stand(checkout), commit)
                to = (part.path, name, checkout, commit)
                goal = Goal(*to, source=part.repository, tag=tag, arrival=lines)
            yield Pinned(part.path, name, *release, goal)

    def _release(self, config: Config, part: Part) -> tuple[str, str]:
        """The release that has the tested content: that of the record, else another."""
        store = self._gate.gatherer.submodules(config).store(part.path)
        tags = all_releases(store.repositories, config.release_tag)
        releases = in_order(tags.releases, config.release_tag)
        wanted = self._good.record.release
        same = store.with_tree(part.tree, [release.commit for release in releases])
        fitting = [release for release in releases if release.commit in same]
        if fitting:
            release = min(fitting, key=lambda each: (each.tag != wanted, each.is_pre))
            return release.commit, release.tag
        name = self._gate.workspace.name(part.path)
        problem = f"no release of {name} has the tested content ({part.commit[:12]}"
        problem += f", which was {wanted})" if wanted else ")"
        words = ["fetch", "--tags"]
        repository = checkout_at(self._top, part.path) or part.repository
        moved = next((release for release in releases if release.tag == wanted), None)
        if moved is not None:
            problem += f": {wanted} is {moved.commit[:12]} here"
            # A plain fetch leaves a tag that is there as it is.
            remote = usual_remote(repository, self._gate.pool.settings) or "<remote>"
            words = ["fetch", remote, f"+refs/tags/{wanted}:refs/tags/{wanted}"]
        if self._pushes:
            command = git(repository, *words).text
            self._troubles.append(
                GuardError(f"{problem}; a push that pins it would be blocked", command)
            )
        self._notes.append(f"{problem}; the pin goes to the commit, and a push will be blocked")
        return part.commit, ""

    def _superproject(
        self, side: Side, consumer: Side, pinned: Sequence[Pinned], blob: str | None
    ) -> Side:
        name, branch, where = side.name, side.branch.name, side.stand
        if where.branch != branch:
            at = where.branch or f"no branch ({(where.commit or '')[:12]})"
            problem = f"{name} is on {at}; the way back is a commit on {branch}"
            self._troubles.append(GuardError(problem, git(self._top, "checkout", branch).text))
        commit = consumer.good if consumer.needed else consumer.parents[0]
        changes = changes_of(consumer.path, commit, pinned, blob)
        with private_index(self._top, private_objects=True) as private:
            tree = changed_index(private, self._base.tree, changes)
            same = len(side.parents) == 1 and tree_of(self._top, side.parents[0]) == tree
            if same and not consumer.needed:
                return side._replace(needed=False)
            return self._told(side._replace(needed=True), private, tree)

    def _told(self, side: Side, repository: Repository, tree: str) -> Side:
        """A side with what a new commit with a tree changes, as people want to see it.

        Args:
            repository: one that has the tree, and the history.
        """
        tip = side.parents[0]
        log = ("log", "--format=%H %s", "--first-parent", tip, f"^{side.good}")
        listed = repository.lines(*log) if side.good else []
        pairs = (line.split(" ", 1) for line in listed[:_SHOWN])
        undone = [f"{self._known.describe(side.path, each)}  {subject}" for each, subject in pairs]
        if len(listed) > _SHOWN:
            undone.append(f"and {len(listed) - _SHOWN} more")
        return side._replace(undone=tuple(undone), stat=_stat(repository, tip, tree))


def _is_restoring(repository: Repository, commit: str) -> bool:
    words = ("--no-walk", f"--format=%(trailers:key={RECOVERS},valueonly)", commit)
    return bool(repository.text("log", *words).strip())


def _with(checkout: Repository, other: Repository) -> Repository:
    """The checkout that also reads another repository's objects."""
    if other.common_dir == checkout.common_dir:
        return checkout
    return checkout._replace(objects=os.path.join(other.common_dir, "objects"))


def _stat(repository: Repository, old: str, new: str) -> str:
    words = ("--stat=76,50,12", "--no-ext-diff", "--no-textconv", "--submodule=short")
    try:
        return repository.text("diff", *words, old, new)
    except GitError:
        return ""  # a partial clone lacks contents; what changes is known without
