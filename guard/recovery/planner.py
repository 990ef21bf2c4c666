"""Finds the way back to a known-good combination; nothing is done yet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from guard.config import FILE, Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.git.ancestry import has_commit, tree_of
from guard.git.branches import is_ancestor, only_in, stand
from guard.git.commits import changed_index, private_index
from guard.git.locate import open_checkout
from guard.git.releases import all_releases, in_order
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import Combination
from guard.recovery.hindrances import (
    Trouble,
    elsewhere,
    losses,
    losses_below,
    obstacles,
    refusal,
    unguarded,
)
from guard.recovery.known_good import Good, KnownGood
from guard.recovery.plan import TRAILER, Pinned, Plan, Side, changes_of, submodules_of
from guard.situation.branches import DefaultBranch, default_branch

# Commits of one repository that are named.
_SHOWN: Final = 5


class Planner:
    """Finds out what the way back to one combination is.

    Args:
        pushes: whether the remotes are to follow.
    """

    def __init__(self, gate: Gate, known: KnownGood, good: Good, pushes: bool) -> None:
        if good.base is None:
            raise GuardError(
                f"the combination of verdict {good.record.name} cannot be put together any more: "
                f"{good.missing}",
                good.remedy,
            )
        self._gate = gate
        self._known = known
        self._good = good
        self._base = good.base
        self._pushes = pushes
        self._troubles: list[Trouble] = []
        self._notes: list[str] = []

    def plan(self) -> Plan:
        """What would be done.

        Raises:
            GuardError: what stands in the way, all of it at once; nothing has been changed.
        """
        top = self._gate.workspace.superproject
        if top.work_tree is None:
            raise GuardError(
                f"{top.git_dir} is bare: the way back needs a working tree",
                "run guard recover in a clone with a working tree",
            )
        branch = default_branch(top)
        parents, why = self._parents(self._gate.workspace.name(""), top, branch)
        config, blob = self._config(parents[0])
        consumer = self._consumer(config)
        pinned = tuple(self._pinned(config))
        superproject = self._superproject(branch, parents, why, consumer, pinned, blob)
        found = Plan(self._good, config, blob, consumer, superproject, pinned, tuple(self._notes))
        for name, checkout in found.checkouts:
            self._troubles += losses(name, checkout)
        self._troubles += losses_below(top, self._good)
        if not self._troubles:
            self._look_for_obstacles(found)
        if self._pushes:
            self._troubles += [*unguarded(found.consumer), *unguarded(found.superproject)]
        if self._troubles:
            raise refusal(self._troubles)
        return found

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
            tree, found = reader.read_all([place, f"{place.partition('^')[0]}:{FILE}"])
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
                return config, found.id if found is not None else None
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
                f"git -C {repository.work_tree} fetch",
            )
        if theirs is None or ours is None:
            tip = theirs or ours or ""
            return (tip,), remote if theirs else f"{branch.name}, which no remote has"
        if is_ancestor(repository, ours, theirs):
            return (theirs,), remote
        ahead = only_in(repository, ours, theirs)
        if is_ancestor(repository, theirs, ours):
            also = ", and which are pushed as well" if self._pushes else ""
            self._notes.append(
                f"{name}: {branch.name} has {len(ahead)} commits that {remote} lacks{also}"
            )
            return (ours,), f"{branch.name} ({len(ahead)} ahead of {remote})"
        if all(_is_restoring(repository, commit) for commit in ahead):
            # Ours of an attempt that somebody was faster than: joined, not thrown away.
            return (theirs, ours), f"{remote}, joined with the restoring commit made before"
        self._troubles.append(
            Trouble(
                f"{name}: {branch.name} and {remote} have gone different ways "
                f"({len(ahead)} commits are only here, the newest {ahead[0][:12]})",
                # Renamed, they stay and are out of the way; a rebase may end in conflicts.
                f"git -C {repository.work_tree} branch --move {branch.name} "
                f"{branch.name}-{ours[:8]}",
            )
        )
        return (theirs,), remote

    def _consumer(self, config: Config) -> Side:
        path = config.consumer
        name = self._gate.workspace.name(path)
        checkout = self._checkout(path)
        part = self._good.part(path)
        if part is None:
            raise GuardError(f"the verdict {self._good.record.name} is of no {path}", "guard log")
        if checkout is None:
            raise GuardError(
                f"{name} is not checked out, and its restoring commit is made there",
                f"git -C {self._top} submodule update --init {path}",
            )
        branch = default_branch(checkout)
        parents, why = self._parents(name, checkout, branch)
        needed = len(parents) > 1 or tree_of(checkout, parents[0]) != part.tree
        side = Side(
            path,
            name,
            checkout,
            branch,
            stand(checkout),
            part.commit,
            self._known.describe(path, [part.commit])[part.commit],
            part.tree,
            parents,
            why,
            needed,
        )
        if not needed:
            return side
        seen = _with(checkout, part.repository)
        if branch.tracked and not is_ancestor(seen, part.commit, parents[0]):
            self._notes.append(
                f"{name} {part.commit[:12]} is not in the history of {why}: its content comes "
                "back, in a new commit"
            )
        return side._replace(
            undone=self._undone(path, seen, part.commit, parents[0]),
            stat=_stat(seen, parents[0], part.tree),
        )

    def _pinned(self, config: Config) -> Iterator[Pinned]:
        """The dependency and whatever else stands beside the consumer."""
        for part in submodules_of(self._gate, self._good):
            if part.path == config.consumer:
                continue
            name = self._gate.workspace.name(part.path)
            checkout = self._checkout(part.path)
            commit, tag = part.commit, ""
            if part.path == config.dependency:
                commit, tag = self._release(config, part)
            yield Pinned(part.path, name, commit, tag, checkout, part.repository)

    def _release(self, config: Config, part: Part) -> tuple[str, str]:
        """The release that has the tested content: that of the record, else another."""
        store = self._gate.gatherer.submodules(config).store(part.path)
        tags = all_releases(store.repositories, config.release_tag)
        releases = in_order(tags.releases, config.release_tag)
        wanted = self._good.record.release
        for release in sorted(releases, key=lambda item: (item.tag != wanted, item.is_pre)):
            root = store.root(release.commit)
            if root is not None and root.tree.id == part.tree:
                return release.commit, release.tag
        name = self._gate.workspace.name(part.path)
        found = f"no release of {name} has the tested content ({part.commit[:12]}"
        found += f", which was {wanted})" if wanted else ")"
        fetch = "fetch --tags"
        moved = next((release for release in releases if release.tag == wanted), None)
        if moved is not None:
            found += f": {wanted} is {moved.commit[:12]} here"
            # A plain fetch leaves a tag that is there as it is.
            fetch = f"fetch origin +refs/tags/{wanted}:refs/tags/{wanted}"
        if self._pushes:
            self._troubles.append(
                Trouble(
                    f"{found}; a push that pins it would be blocked",
                    f"git -C {self._top}/{part.path} {fetch}",
                )
            )
        self._notes.append(f"{found}; the pin goes to the commit, and a push will be blocked")
        return part.commit, ""

    def _superproject(
        self,
        branch: DefaultBranch,
        parents: tuple[str, ...],
        why: str,
        consumer: Side,
        pinned: Sequence[Pinned],
        blob: str | None,
    ) -> Side:
        top = self._gate.workspace.superproject
        name = self._gate.workspace.name("")
        where = stand(top)
        if where.branch != branch.name:
            at = where.branch or f"no branch ({(where.commit or '')[:12]})"
            self._troubles.append(
                Trouble(
                    f"{name} is on {at}; the way back is a commit on {branch.name}",
                    f"git -C {self._top} checkout {branch.name}",
                )
            )
        commit = consumer.good if consumer.needed else consumer.parents[0]
        changes = changes_of(consumer.path, commit, pinned, blob)
        with private_index(top, private_objects=True) as private:
            tree = changed_index(private, self._base.tree, changes)
            needed = len(parents) > 1 or consumer.needed or tree_of(top, parents[0]) != tree
            good = self._good.superproject
            side = Side(
                "",
                name,
                top,
                branch,
                where,
                good,
                self._known.describe("", [good])[good],
                self._base.tree,
                parents,
                why,
                needed,
            )
            if not needed:
                return side
            stat = _stat(private, parents[0], tree)
        undone = self._undone("", top, side.good, parents[0]) if side.good else ()
        return side._replace(undone=undone, stat=stat)

    def _undone(self, path: str, repository: Repository, good: str, tip: str) -> tuple[str, ...]:
        listed = repository.lines("log", "--format=%H %s", "--first-parent", tip, f"^{good}")
        pairs = [line.split(" ", 1) for line in listed[:_SHOWN]]
        names = self._known.describe(path, [commit for commit, _ in pairs])
        shown = [f"{names[commit]}  {subject}" for commit, subject in pairs]
        if len(listed) > _SHOWN:
            shown.append(f"and {len(listed) - _SHOWN} more")
        return tuple(shown)

    def _look_for_obstacles(self, plan: Plan) -> None:
        for side in (plan.superproject, plan.consumer):
            self._troubles += elsewhere(side)
            commit = "" if side.needed else side.parents[0]
            self._troubles += obstacles(side.name, side.checkout, commit or side.tree)
        for each in plan.pinned:
            if each.checkout is not None and has_commit(each.checkout, each.commit):
                self._troubles += obstacles(each.name, each.checkout, each.commit)

    @property
    def _top(self) -> str:
        return self._gate.workspace.superproject.work_tree or ""

    def _checkout(self, path: str) -> Repository | None:
        return open_checkout(os.path.join(self._top, path))


def _is_restoring(repository: Repository, commit: str) -> bool:
    asked = ("--no-walk", f"--format=%(trailers:key={TRAILER},valueonly)", commit)
    return bool(repository.text("log", *asked).strip())


def _with(checkout: Repository, other: Repository) -> Repository:
    """The checkout that also reads another repository's objects."""
    if other.common_dir == checkout.common_dir:
        return checkout
    return checkout._replace(objects=os.path.join(other.common_dir, "objects"))


def _stat(repository: Repository, old: str, new: str) -> str:
    asked = ("--stat=76,50,12", "--no-ext-diff", "--no-textconv", "--submodule=short")
    try:
        return repository.text("diff", *asked, old, new)
    except GitError:
        return ""  # a partial clone lacks contents; what changes is known without
