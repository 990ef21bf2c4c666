"""The way to a known-good combination, or home again, as values: what becomes of each checkout.

It is found out before anything is done, and whatever stands in the way is told at once.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from guard.config import FILE, Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.git.checkouts import in_the_way, losses
from guard.git.commands import git
from guard.git.commits import Changes, Entry, changed_index, is_ancestor, tree_of
from guard.git.index import private_index
from guard.git.refs import Stand, list_refs, stand
from guard.git.releases import all_releases, in_order
from guard.git.repository import Repository, checkout_at
from guard.git.store import Part
from guard.git.trees import GITLINK, REGULAR
from guard.install.health import hook_health
from guard.model import RECOVERS, Combination
from guard.recovery.journal import Goal, Home
from guard.recovery.known_good import Good, KnownGood
from guard.screen import counted
from guard.situation.branches import DefaultBranch, default_branch, usual_remote

# Commits of one repository that are named.
_SHOWN: Final = 5


class Side(NamedTuple):
    """One of the two repositories whose default branch is to have the good tree.

    Args:
        good: the commit whose tree comes back, "" where only the tree is known.
        tree: the tree that comes back; of the superproject as far as it is known before the
            consumer's new commit is made.
        parents: of the new commit: the tip, and the remote's where both have gone on.
        stat: what changes, as ``git diff --stat`` says it.
    """

    path: str
    name: str
    checkout: Repository
    branch: DefaultBranch
    stand: Stand
    good: str
    described: str
    tree: str
    parents: tuple[str, ...]
    why: str
    needed: bool
    undone: tuple[str, ...] = ()
    stat: str = ""

    def goal(self, commit: str) -> Goal:
        """Where its checkout goes, given the commit that was made; on the branch it stays on it."""
        is_on_branch = self.stand.branch == self.branch.name
        lines = []
        if self.needed:
            lines.append(f"{self.branch.name} is at the new commit {commit[:12]}, on {self.why}")
        elif is_on_branch:
            lines.append(f"{self.branch.name} has the good tree already ({commit[:12]})")
        if not is_on_branch:
            lines += _leaving(self.stand, commit)
        return Goal(
            *(self.path, self.name, self.checkout, commit),
            branch=self.branch.name if is_on_branch else "",
            moves=self.branch if self.needed or is_on_branch else None,
            arrival=tuple(lines),
        )


class Pin(NamedTuple):
    """A submodule beside the consumer, in which no commit is made.

    Args:
        tag: the release, "" where the commit is none.
    """

    path: str
    name: str
    commit: str
    tag: str
    goal: Goal | None


class Plan(NamedTuple):
    """What `guard recover` would do.

    Args:
        changes: what differs from the good tree in that of the restored superproject, but for the
            consumer's gitlink.
    """

    good: Good
    config: Config
    changes: Changes
    consumer: Side
    superproject: Side
    pins: tuple[Pin, ...]
    notes: tuple[str, ...]

    @property
    def goals(self) -> list[Goal]:
        """Where the `pins` go that are checked out."""
        return [pin.goal for pin in self.pins if pin.goal is not None]


def goals_there(gate: Gate, good: Good) -> list[Goal]:
    """The plan without commits: every checkout detached at its good commit.

    Raises:
        GuardError: what stands in the way; nothing has been changed.
    """
    superproject, parts = gate.workspace.superproject, _submodules(gate, good)
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
            troubles.append(_not_checked_out(superproject, name, path))
            continue
        arrival = (f"{commit[:12]}, detached",)
        goals.append(Goal(path, name, checkout, commit, source=source, arrival=arrival))
    for goal in goals:
        troubles += _unfit(goal.name, goal.checkout, goal.commit)
    _refuse([*troubles, *_unfit_below(superproject, good)])
    return goals


def goals_home(gate: Gate, home: Sequence[Home]) -> list[Goal]:
    """The way home; a submodule that is not checked out any more has none.

    Raises:
        GuardError: what stands in the way; nothing has been changed.
    """
    troubles, goals = [], []
    for place in home:
        checkout = checkout_at(gate.workspace.superproject, place.path)
        if checkout is None:
            continue
        name, branch, commit = gate.workspace.name(place.path), place.branch, place.commit
        if branch:
            tip = list_refs(checkout, f"refs/heads/{branch}").get(f"refs/heads/{branch}")
            if tip is None:
                command = git(checkout, "branch", branch, commit).text
                troubles.append(GuardError(f"{name} has no branch {branch} any more", command))
            troubles += _elsewhere(name, checkout, branch, " meanwhile")
            commit = tip.id if tip else commit
        troubles += _unfit(name, checkout, commit)
        arrival = f"{branch or commit[:12] + ', detached'}, as before"
        if commit != place.commit:
            arrival = f"{branch}, which has moved to {commit[:12]} meanwhile"
        goals.append(Goal(place.path, name, checkout, commit, branch, arrival=(arrival,)))
    _refuse(troubles)
    return goals


class Planner:
    """Finds out what the way back to one combination is, with commits that restore it."""

    def __init__(self, gate: Gate, known: KnownGood, good: Good, pushes: bool) -> None:
        self._gate = gate
        self._known = known
        self._good = good
        self._base = good.whole()
        self._top = gate.workspace.superproject
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
        config, settings = self._config(above.parents[0])
        consumer = self._consumer(config.consumer)
        pins = tuple(self._pins(config))
        changes = {FILE: settings, **{pin.path: (GITLINK, pin.commit) for pin in pins}}
        superproject = self._superproject(above, consumer, changes)
        for side in (superproject, consumer):
            target = side.tree if side.needed else side.parents[0]
            self._troubles += _unfit(side.name, side.checkout, target)
            if side.needed:
                why = ", and would move under it"
                self._troubles += _elsewhere(side.name, side.checkout, side.branch.name, why)
        plan = Plan(self._good, config, changes, consumer, superproject, pins, ())
        for goal in plan.goals:
            self._troubles += _unfit(goal.name, goal.checkout, goal.commit)
        self._troubles += _unfit_below(self._top, self._good)
        if self._pushes:
            self._troubles += [*_unguarded(consumer), *_unguarded(superproject)]
        _refuse(self._troubles)
        return plan._replace(notes=tuple(self._notes))

    def _side(self, path: str, checkout: Repository, good: str, tree: str) -> Side:
        """What becomes of a repository whose default branch is to have a tree."""
        name = self._gate.workspace.name(path)
        branch, where = default_branch(checkout, self._gate.pool.settings), stand(checkout)
        parents, why = self._parents(name, checkout, branch)
        needed = len(parents) > 1 or tree_of(checkout, parents[0]) != tree
        described = self._known.describe(path, good)
        return Side(
            path, name, checkout, branch, where, good, described, tree, parents, why, needed
        )

    def _config(self, tip: str) -> tuple[Config, Entry | None]:
        """The configuration that holds afterwards, and the entry of its file, None for no file.

        It is no part of the key: policy that was made since stays, unless it asks for another
        build or test than the one that passed.
        """
        reader = self._gate.pool.reader(self._top)
        for revision in (tip, self._base.tree):
            tree, blob = reader.read_all([f"{revision}^{{tree}}", f"{revision}:{FILE}"])
            if tree is None:
                continue
            try:
                config = self._gate.config(Combination(tree.id))
            except GuardError:
                continue  # the present one may be what was broken
            if config.recipe.digest == self._good.record.recipe:
                if revision != tip:
                    self._notes.append(
                        f"{FILE} comes back as it was tested: by the present one the verdict "
                        "would be of another recipe"
                    )
                return config, (REGULAR, blob.id) if blob is not None else None
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
        ahead = repository.lines("rev-list", ours, f"^{theirs}")
        commits = counted(len(ahead), "commit")
        if is_ancestor(repository, theirs, ours):
            also = ", and which are pushed as well" if self._pushes else ""
            self._notes.append(f"{name}: {branch.name} has {commits} that {remote} lacks{also}")
            return (ours,), f"{branch.name} ({len(ahead)} ahead of {remote})"
        restoring = ("log", "--no-walk", f"--format=%(trailers:key={RECOVERS},valueonly)")
        if all(repository.text(*restoring, commit).strip() for commit in ahead):
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
            raise _not_checked_out(self._top, self._gate.workspace.name(path), path, why)
        side = self._side(path, checkout, part.commit, part.tree)
        if not side.needed:
            return side
        both = checkout
        if part.repository.common_dir != checkout.common_dir:
            both = checkout._replace(objects=os.path.join(part.repository.common_dir, "objects"))
        if side.branch.tracked and not is_ancestor(both, part.commit, side.parents[0]):
            self._notes.append(
                f"{side.name} {part.commit[:12]} is not in the history of {side.why}: its content "
                "comes back, in a new commit"
            )
        return self._with_changes(side, both, part.tree)

    def _pins(self, config: Config) -> Iterator[Pin]:
        """The dependency and whatever else stands beside the consumer."""
        for part in _submodules(self._gate, self._good):
            if part.path == config.consumer:
                continue
            name, commit, tag, goal = self._gate.workspace.name(part.path), part.commit, "", None
            if part.path == config.dependency:
                commit, tag = self._release(config, part)
            checkout = checkout_at(self._top, part.path)
            if checkout is not None:
                to = (part.path, name, checkout, commit)
                lines = _leaving(stand(checkout), commit)
                goal = Goal(*to, source=part.repository, tag=tag, arrival=lines)
            yield Pin(part.path, name, commit, tag, goal)

    def _release(self, config: Config, part: Part) -> tuple[str, str]:
        """The release that has the tested content: that of the record, else another."""
        store = self._gate.submodules(config).store(part.path)
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
            blocked = f"{problem}; a push that pins it would be blocked"
            self._troubles.append(GuardError(blocked, git(repository, *words).text))
        self._notes.append(f"{problem}; the pin goes to the commit, and a push will be blocked")
        return part.commit, ""

    def _superproject(self, side: Side, consumer: Side, changes: Changes) -> Side:
        name, branch, where = side.name, side.branch.name, side.stand
        if where.branch != branch:
            at = where.branch or f"no branch ({(where.commit or '')[:12]})"
            problem = f"{name} is on {at}; the way back is a commit on {branch}"
            self._troubles.append(GuardError(problem, git(self._top, "checkout", branch).text))
        commit = consumer.good if consumer.needed else consumer.parents[0]
        with private_index(self._top, private_objects=True) as private:
            whole = {**changes, consumer.path: (GITLINK, commit)}
            tree = changed_index(private, self._base.tree, whole)
            same = len(side.parents) == 1 and tree_of(self._top, side.parents[0]) == tree
            if same and not consumer.needed:
                return side._replace(needed=False)
            return self._with_changes(side._replace(needed=True), private, tree)

    def _with_changes(self, side: Side, repository: Repository, tree: str) -> Side:
        """A side with what a new commit with a tree changes; the repository has that tree."""
        tip = side.parents[0]
        log = ("log", "--format=%H %s", "--first-parent", tip, f"^{side.good}")
        listed = repository.lines(*log) if side.good else []
        pairs = (line.split(" ", 1) for line in listed[:_SHOWN])
        undone = [f"{self._known.describe(side.path, each)}  {subject}" for each, subject in pairs]
        if len(listed) > _SHOWN:
            undone.append(f"and {len(listed) - _SHOWN} more")
        words = ("--stat=76,50,12", "--no-ext-diff", "--no-textconv", "--submodule=short")
        try:
            stat = repository.text("diff", *words, tip, tree)
        except GitError:
            stat = ""  # a partial clone lacks contents; what changes is known without
        return side._replace(undone=tuple(undone), stat=stat)


def _submodules(gate: Gate, good: Good) -> list[Part]:
    """The submodules of the superproject itself, not those of its submodules."""
    tree = good.whole()._replace(replaced=())
    return [part for part in good.parts if part.path and gate.gitlink(tree, part.path)]


def _leaving(stand: Stand, commit: str) -> tuple[str, ...]:
    """What is said of a checkout that is detached at a commit, if that takes it off a branch."""
    if not stand.branch:
        return ()
    return (f"checked out at {commit[:12]}, and no longer on {stand.branch}",)


def _not_checked_out(superproject: Repository, name: str, path: str, why: str = "") -> GuardError:
    command = git(superproject, "submodule", "update", "--init", path).text
    return GuardError(f"{name} is not checked out{why}", command)


def _unfit(name: str, checkout: Repository, target: str) -> list[GuardError]:
    """What keeps a checkout from going to a tree or commit.

    Where something would be lost, what would be written over is not told, too: it is the same.
    """
    if troubles := losses(name, checkout):
        return troubles
    try:
        checkout.run("cat-file", "-e", f"{target}^{{tree}}")
    except GitError:
        return []  # it comes from another repository; git itself refuses then
    problem = in_the_way(checkout, target)
    status = git(checkout, "status", "--ignored").text
    return [GuardError(f"{name}: {problem}", status)] if problem else []


def _unfit_below(superproject: Repository, good: Good) -> list[GuardError]:
    """What keeps the submodules of submodules from following theirs."""
    paths = [part.path for part in good.parts if part.path]
    troubles = []
    for path in paths:
        is_nested = any(path.startswith(f"{other}/") for other in paths)
        checkout = checkout_at(superproject, path) if is_nested else None
        if checkout is not None:
            troubles += losses(path, checkout)
    return troubles


def _elsewhere(name: str, checkout: Repository, branch: str, why: str) -> list[GuardError]:
    """That another working tree has a branch that this one is to have."""
    place = checkout.text("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{branch}")
    # Of a submodule's own checkout git names the git dir there.
    if not place or os.path.realpath(place) in (checkout.work_tree, checkout.git_dir):
        return []
    other = checkout._replace(work_tree=place)
    problem = f"{name}: {branch} is checked out in {place}{why}"
    return [GuardError(problem, git(other, "checkout", "--detach").text)]


def _unguarded(side: Side) -> list[GuardError]:
    """What keeps a push from its remote, or from the hook on the way there."""
    troubles = []
    if not side.branch.remote:
        command = f"{git(side.checkout, 'remote', 'add').text} origin <url>"
        troubles.append(GuardError(f"{side.name} has no remote to push to", command))
    health = hook_health(side.checkout)
    if not health.effective:
        problem = f"{side.name}: the push would go through no hook: {health.reason}"
        troubles.append(GuardError(problem, health.remedy or "guard install"))
    return troubles


def _refuse(troubles: Sequence[GuardError]) -> None:
    """Raise the error that names them all, if there is any."""
    if troubles:
        lines = ["nothing was changed; in the way of it:"]
        lines += [f"  {trouble.problem}" for trouble in troubles]
        remedies = dict.fromkeys(trouble.remedy for trouble in troubles if trouble.remedy)
        raise GuardError("\n".join(lines), "; ".join(remedies))
