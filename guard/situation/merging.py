"""Gathers how a push stands to the default branches of both repositories."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

from guard.config import Config
from guard.errors import GitError
from guard.git.commands import ALONE, Command, Remedy, git
from guard.git.refs import head_of
from guard.git.remotes import Remote
from guard.git.remotes import remote_head as ask_remote_head
from guard.git.repository import Repository
from guard.model import Combination, Evidence, Finding
from guard.situation.branches import (
    HEADS,
    default_branch,
    default_candidates,
    head_branch,
    moves_default,
    pushed_to,
    remote_head,
    remote_of,
    short_name,
    tracking_ref,
    upstream,
)
from guard.situation.gitlinks import Destination, Links
from guard.situation.publication import Publication, PublicationState, Unknown
from guard.situation.tracking import Place, reachable
from guard.situation.values import Merge, Stale
from guard.situation.workspace import Workspace

_UNDECIDED = (
    PublicationState.UNKNOWN,
    PublicationState.UNANSWERED,
    PublicationState.NO_REMOTE,
)


class Standing(NamedTuple):
    """How the commit at the consumer's gitlink stands to the default branch of one of its remotes.

    Args:
        ref: the branch as it is tracked.
        tip: the commit that it was at when it was last fetched.
        merged: whether the tip leads to the commit.
    """

    path: str
    commit: str
    place: Place
    ref: str
    tip: str
    merged: bool


class Merges:
    """Says how a push stands to the default branches of the superproject and of the consumer.

    Args:
        destination: where the superproject is pushed to.
    """

    def __init__(self, links: Links, destination: Destination) -> None:
        self._links = links
        self._workspace = links.contents.workspace
        self._destination = destination
        self._answers: dict[str, bool | Unknown] = {}

    def is_known_default(self, ref: str) -> bool | None:
        """Whether a push to a ref moves the default branch of the superproject's remote.

        Returns:
            None where only the remote knows.
        """
        if not ref.startswith(HEADS):
            return False
        name = self._remote.name if self._remote is not None else ""
        try:
            followed = remote_head(self._workspace.superproject, name) if name else ""
            refs = self._links.contents.refs
            return moves_default(name, ref.removeprefix(HEADS), followed, refs)
        except GitError:
            return True  # asked too much is better than too little

    def is_default(self, ref: str) -> bool | Unknown:
        """As `is_known_default`; where only the remote knows, it is asked, once for each ref."""
        known = self.is_known_default(ref)
        if known is not None:
            return known
        if ref not in self._answers:
            self._answers[ref] = self._asked(ref)
        return self._answers[ref]

    def _asked(self, ref: str) -> bool | Unknown:
        repository, remote = self._workspace.superproject, self._remote
        if remote is None or not self._destination.asks:
            return False
        try:
            return ask_remote_head(repository, remote.name) == ref
        except GitError:
            what = f"the push to {ref.removeprefix(HEADS)} is one to it"
            return _unknown_default(self._workspace.name(""), repository, remote, what)

    @cached_property
    def _remote(self) -> Remote | None:
        """The superproject's remote that is pushed to."""
        remotes, destination = self._links.here, self._destination
        named = remotes.named(destination.remote)
        if named is not None or not destination.url:
            return named
        return next(iter(remotes.at(remotes.places(destination.url))), None)

    def of(
        self, combination: Combination, config: Config, publications: Sequence[Publication]
    ) -> Standing | Unknown | None:
        """How the consumer's commit stands; None where there is no consumer to be merged.

        Raises:
            GuardError: something cannot be read.
        """
        link = next((item for item in publications if item.path == config.consumer), None)
        submodule = self._links.submodule(combination, config, config.consumer)
        if link is None or submodule is None or not submodule.url:
            return None
        places = list(self._links.places(submodule, config))
        if not places:
            return None  # the rule `published` says what is missing
        standings = []
        for place in places:
            ref = place.default_branch
            if ref is None:
                continue
            if link.along and link.along == HEADS + short_name(place.remote.name, ref):
                return None  # this very push brings the branch there, or it fails
            tip = place.tracking.refs[ref].id
            merged = self._links.leads_to(place.repository, [tip], link.commit)
            standings.append(Standing(link.path, link.commit, place, ref, tip, merged))
        if not standings:
            place = places[0]
            what = "the gitlink is in it"
            return _unknown_default(submodule.path, place.repository, place.remote, what)
        newest = self._newest(standings)
        standing = next((item for item in newest if item.merged), newest[0])
        if standing.merged:
            return standing
        if link.state in _UNDECIDED:
            return None  # the rule `published` has said so
        return self._unseen(standing) or standing

    def _newest(self, standings: Sequence[Standing]) -> Sequence[Standing]:
        """Those whose branch is not behind the same one as another repository has it."""
        if len({item.tip for item in standings}) == 1:
            return standings
        behind = {
            item.tip
            for item in standings
            for other in standings
            if other.tip != item.tip
            and self._links.leads_to(other.place.repository, [other.tip], item.tip)
        }
        return [item for item in standings if item.tip not in behind]

    def _unseen(self, standing: Standing) -> Unknown | None:
        """Why it cannot be seen whether a branch leads to a commit, None where it can."""
        place, path, commit = standing.place, standing.path, standing.commit
        repository, name = place.repository, place.remote.name
        if not self._links.present(repository, [commit]):
            what = f"commit {commit} of {path} is not in {repository.git_dir}"
            return Unknown(what, (git(repository, "fetch", name, commit),))
        if place.tracking.is_shallow:
            what = f"the history of {path} is cut off, so it cannot be seen what is merged"
            return Unknown(what, (git(repository, "fetch", "--unshallow", name),))
        return None

    def merge(
        self, combination: Combination, standing: Standing, misfits: tuple[Finding, ...]
    ) -> Merge:
        """What is to be told of a standing that is not good enough.

        Args:
            misfits: what the static rules say of the branch's tip in place of the commit.
        """
        return Merge(
            Evidence(self._workspace.name(""), combination.commit, text=combination.source),
            standing.path,
            standing.commit,
            standing.ref.removeprefix("refs/remotes/"),
            standing.tip,
            standing.merged,
            _into(standing),
            self._elsewhere(combination),
            misfits,
        )

    def _elsewhere(self, combination: Combination) -> Command:
        commit = combination.commit or "HEAD"
        remote = self._destination.remote or "<remote>"
        branch = f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
        return git(self._workspace.superproject, "push", remote, branch)


def _unknown_default(where: str, repository: Repository, remote: Remote, what: str) -> Unknown:
    name = remote.name
    steps = [("fetch", *ALONE, name), ("remote", "set-head", name, "--auto")]
    if f"refs/remotes/{name}/*" not in remote.tracking:
        # A clone of one branch, or of none: what is fetched is not kept where it is looked for.
        steps.insert(0, ("remote", "set-branches", "--add", name, "*"))
    return Unknown(
        f"the default branch of {remote.name} in {where} is not known, so neither is whether "
        f"{what}",
        tuple(git(repository, *words) for words in steps),
    )


def _into(standing: Standing) -> Remedy:
    """What brings a commit into the default branch of its remote."""
    place, ref, commit = standing.place, standing.ref, standing.commit[:12]
    repository, branch = place.repository, HEADS + short_name(place.remote.name, ref)
    try:
        ahead = bool(reachable(repository, [standing.tip], [standing.commit]))
    except GitError:
        ahead = False
    if ahead:
        return (git(repository, "push", place.target, f"{commit}:{branch}"),)
    return (
        git(repository, "checkout", "--detach", ref.removeprefix("refs/remotes/")),
        git(repository, "merge", commit),
        git(repository, "push", place.target, f"HEAD:{branch}"),
    )


def staleness(links: Links, refs: Collection[str | None]) -> dict[str | None, Stale]:
    """What the superproject lacks that its remote's default branch has.

    Where superproject and consumer are both on a branch beside their default ones, it is what that
    branch of the superproject lacks: others see the two together.

    Args:
        refs: those that the consumer is pushed to, None where that is not known.

    Returns:
        By ref; none for those that lack nothing, or where no remote's default branch is known.

    Raises:
        GitError: git cannot be asked.
    """
    contents, workspace = links.contents, links.contents.workspace
    repository, options = workspace.superproject, dict(workspace.options)
    remote = remote_of(links.here, options, repository)
    if remote is None:
        return {}
    followed = remote_head(repository, remote.name)
    names = default_candidates(remote.name, followed)
    tips = {name: contents.refs[name].id for name in names if name in contents.refs}
    head = contents.pool.reader(repository).read("HEAD^{commit}")
    if head is None:
        raise GitError(f"HEAD of {repository.place} is at no commit yet")
    missing = {
        name: tip for name, tip in tips.items() if not links.leads_to(repository, [head.id], tip)
    }
    if not missing:
        return {}
    here = head_branch(repository)
    own = tracking_ref(remote.name, pushed_to(options, (), here, {}).ref.removeprefix(HEADS))
    beside = _beside(workspace.here, refs) if here and own not in names else set()
    found: dict[str | None, Stale] = {}
    tip = contents.refs[own].id if own in contents.refs else head.id
    if beside and not links.leads_to(repository, [head.id], tip):
        found = dict.fromkeys(beside, _stale(workspace, remote, own, tip))
    branch = followed if followed in missing else next(iter(missing))
    # What HEAD follows is gone where it was renamed on the remote, and pruned here.
    if branch != followed and (followed in tips or len(tips) > 1):
        return found
    whole = _stale(workspace, remote, branch, missing[branch])
    return found | dict.fromkeys(set(refs) - beside, whole)


def _stale(workspace: Workspace, remote: Remote, branch: str, tip: str) -> Stale:
    options = dict(workspace.options)
    remedy = _pull(workspace.superproject, options, remote, branch, tip)
    return Stale(workspace.name(""), branch.removeprefix("refs/remotes/"), tip, remedy)


def _beside(consumer: Repository, refs: Collection[str | None]) -> set[str | None]:
    """The refs of which a push leaves the consumer's default branch alone."""
    default = default_branch(consumer)
    usual = (default.ref,) if default.tracked else (HEADS + "main", HEADS + "master")
    return set(refs).difference(usual)


def _pull(
    repository: Repository, options: dict[str, str], remote: Remote, branch: str, tip: str
) -> Remedy:
    target = short_name(remote.name, branch)
    here = head_branch(repository).removeprefix(HEADS)
    words = ["pull", *ALONE]
    head = head_of(repository)
    if head is None or not reachable(repository, [head], [tip]):
        words.append("--no-rebase")
    if upstream(options, here) != (remote.name, HEADS + target):
        words += [remote.name, target]
    return (git(repository, *words),)
