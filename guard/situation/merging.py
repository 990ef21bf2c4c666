"""Gathers how a push stands to the default branches of both repositories."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from guard.config import Config
from guard.errors import GitError
from guard.gate.gate import Gate
from guard.git.locate import git_at
from guard.git.network import remote_head as ask_remote_head
from guard.git.refs import head_of
from guard.git.remotes import Remote, Remotes
from guard.git.repository import Repository
from guard.model import STATIC_RULES, Combination, Evidence, Finding
from guard.situation.branches import (
    HEADS,
    default_candidates,
    head_branch,
    moves_default,
    remote_head,
    remote_of,
    short_name,
    tracking_ref,
    upstream,
)
from guard.situation.combinations import with_consumer
from guard.situation.gitlinks import Destination, Links
from guard.situation.publication import Merge, Publication, PublicationState, Stale
from guard.situation.tracking import Place, reachable
from guard.situation.values import Unknown

_UNDECIDED = (
    PublicationState.UNKNOWN,
    PublicationState.UNANSWERED,
    PublicationState.NO_REMOTE,
)


def is_default(gate: Gate, remotes: Remotes, destination: Destination, ref: str) -> bool | None:
    """Whether a push to a ref moves the default branch of the remote; None where it may be so.

    Raises:
        GuardError: git cannot be asked.
    """
    if not ref.startswith(HEADS):
        return False
    remote = _pushed_to(remotes, destination)
    name = remote.name if remote is not None else ""
    followed = remote_head(gate.workspace.superproject, name) if name else ""
    branch = ref.removeprefix(HEADS)
    return moves_default(name, branch, followed, lambda: gate.refs(tracking_ref(name, "")))


def asked_default(
    gate: Gate, remotes: Remotes, destination: Destination, ref: str
) -> bool | Unknown:
    """As `is_default`, where only the remote knows."""
    remote = _pushed_to(remotes, destination)
    if remote is None or not destination.asks:
        return False
    repository = gate.workspace.superproject
    try:
        return ask_remote_head(repository, remote.name) == ref
    except GitError:
        what = f"the push to {ref.removeprefix(HEADS)} is one to it"
        return _unknown_default(gate.workspace.name(""), repository, remote, what)


def _pushed_to(remotes: Remotes, destination: Destination) -> Remote | None:
    named = remotes.named(destination.remote)
    if named is not None or not destination.url:
        return named
    wanted = remotes.places(destination.url)
    return next(iter(remotes.at(wanted)), None)


_Candidate = tuple[bool, Place, str, str]


class Merges:
    """Says of commits of the superproject whether the consumer's default branch goes with them."""

    def __init__(self, gate: Gate, links: Links, destination: Destination) -> None:
        self._gate = gate
        self._links = links
        self._destination = destination

    def of(
        self, combination: Combination, config: Config, links: Sequence[Publication]
    ) -> Merge | Unknown | None:
        """What is to be known of one combination; None where there is no consumer to be merged.

        Raises:
            GuardError: something cannot be read.
        """
        found = next((item for item in links if item.path == config.consumer), None)
        submodule = self._links.submodule(combination, config, config.consumer)
        if found is None or submodule is None or not submodule.url:
            return None
        places = list(self._links.places(submodule, config))
        if not places:
            return None  # the rule `published` says what is missing
        candidates = []
        for place in places:
            ref = place.tracking.default_branch(place.remote, place.wanted)
            if ref is None:
                continue
            if found.along and found.along == HEADS + _short(place, ref):
                return None  # this very push brings the branch there, or it fails
            tip = place.tracking.refs[ref].id
            merged = self._links.leads_to(place.repository, [tip], found.commit)
            candidates.append((merged, place, ref, tip))
        if not candidates:
            place = places[0]
            what = "the gitlink is in it"
            return _unknown_default(submodule.path, place.repository, place.remote, what)
        candidates = self._newest(candidates)
        candidates.sort(key=lambda item: not item[0])
        if not candidates[0][0] and found.state in _UNDECIDED:
            return None  # the rule `published` has said so
        unseen = None if candidates[0][0] else self._unseen(found, candidates[0][1])
        return unseen or self._merge(combination, config, found.commit, *candidates[0])

    def _newest(self, candidates: list[_Candidate]) -> list[_Candidate]:
        """Those whose branch is not behind the same one as another repository has it."""
        if len({tip for _, _, _, tip in candidates}) == 1:
            return candidates
        behind = {
            tip
            for _, _, _, tip in candidates
            for _, place, _, newer in candidates
            if newer != tip and self._links.leads_to(place.repository, [newer], tip)
        }
        return [item for item in candidates if item[-1] not in behind]

    def _unseen(self, link: Publication, place: Place) -> Unknown | None:
        """Why it cannot be seen whether a branch leads to a commit, None where it can."""

        git, name = git_at(place.repository), quote(place.remote.name)
        if not self._links.present(place.repository, [link.commit]):
            what = f"commit {link.commit} of {link.path} is not in {place.repository.git_dir}"
            return Unknown(what, f"{git} fetch {name} {link.commit}")
        if place.tracking.is_shallow:
            what = f"the history of {link.path} is cut off, so it cannot be seen what is merged"
            return Unknown(what, f"{git} fetch --unshallow {name}")
        return None

    def _merge(
        self,
        combination: Combination,
        config: Config,
        commit: str,
        merged: bool,
        place: Place,
        ref: str,
        tip: str,
    ) -> Merge:
        misfits: tuple[Finding, ...] = ()
        if tip != commit:
            other = with_consumer(combination, config.consumer, tip)
            # What is wrong with the pushed dependency itself is said of the pushed commit.
            found = self._gate.misfits(other)
            misfits = tuple(item for item in found if item.rule != STATIC_RULES[0])
        name = self._gate.workspace.name("")
        source = Evidence(name, combination.commit, text=combination.source)
        branch = ref.removeprefix("refs/remotes/")
        merge = Merge(source, config.consumer, commit, branch, tip, merged, misfits)
        if merged and not misfits:
            return merge
        return merge._replace(
            remedy=_into(place, ref, tip, commit), elsewhere=self._elsewhere(combination)
        )

    def _elsewhere(self, combination: Combination) -> str:

        commit = combination.commit or "HEAD"
        remote = quote(self._destination.remote) if self._destination.remote else "<remote>"
        git = git_at(self._gate.workspace.superproject).removesuffix(" -C .")
        return f"{git} push {remote} {commit[:12]}:refs/heads/pin-{commit[:8]}"


def _short(place: Place, ref: str) -> str:
    return short_name(place.remote.name, ref)


def _unknown_default(where: str, repository: Repository, remote: Remote, what: str) -> Unknown:

    git, name = git_at(repository).removesuffix(" -C ."), quote(remote.name)
    command = f"{git} fetch {name} && {git} remote set-head {name} --auto"
    if f"refs/remotes/{remote.name}/*" not in remote.tracking:
        # A clone of one branch, or of none: what is fetched is not kept where it is looked for.
        command = f"{git} remote set-branches --add {name} '*' && {command}"
    return Unknown(
        f"the default branch of {remote.name} in {where} is not known, so neither is whether "
        f"{what}",
        command,
    )


def _into(place: Place, ref: str, tip: str, commit: str) -> str:
    """The command that brings a commit into the default branch of its remote."""

    git, target = git_at(place.repository), quote(place.target)
    branch = quote(_short(place, ref))
    try:
        ahead = bool(reachable(place.repository, [tip], [commit]))
    except GitError:
        ahead = False
    if ahead:
        return f"{git} push {target} {commit[:12]}:refs/heads/{branch}"
    return (
        f"{git} checkout --detach {quote(ref.removeprefix('refs/remotes/'))} && "
        f"{git} merge {commit[:12]} && {git} push {target} HEAD:refs/heads/{branch}"
    )


def staleness(gate: Gate, remotes: Remotes) -> Stale | None:
    """What the superproject lacks that its remote's default branch has.

    Returns:
        None where that is nothing, or no remote's default branch is known.

    Raises:
        GitError: git cannot be asked.
    """
    repository = gate.workspace.superproject
    options = dict(gate.workspace.options)
    remote = remote_of(remotes, options, repository)
    if remote is None:
        return None
    followed = remote_head(repository, remote.name)
    names = default_candidates(remote.name, followed)
    missing = _listed(repository, names, "--no-merged=HEAD")
    if not missing:
        return None
    branch = followed if followed in missing else next(iter(missing))
    if branch != followed:
        there = _listed(repository, names)
        # What HEAD follows is gone where it was renamed on the remote, and pruned here.
        if followed in there or len(there) > 1:
            return None
    tip = missing[branch]
    remedy = _pull(repository, options, remote, branch, tip)
    return Stale(gate.workspace.name(""), branch.removeprefix("refs/remotes/"), tip, remedy)


def _listed(repository: Repository, names: Sequence[str], *options: str) -> dict[str, str]:
    """The refs that have these very names, with their commits."""
    form = "--format=%(objectname) %(refname)"
    found = repository.lines("for-each-ref", form, *options, "--", *names)
    words = (line.partition(" ") for line in found)
    return {name: commit for commit, _, name in words if name in names}


def _pull(
    repository: Repository, options: dict[str, str], remote: Remote, branch: str, tip: str
) -> str:

    target = short_name(remote.name, branch)
    here = head_branch(repository).removeprefix(HEADS)
    command = f"{git_at(repository)} pull"
    head = head_of(repository)
    if head is None or not reachable(repository, [head], [tip]):
        command += " --no-rebase"
    if upstream(options, here) == (remote.name, HEADS + target):
        return command
    return f"{command} {quote(remote.name)} {quote(target)}"
