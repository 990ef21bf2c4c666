"""The search for commits that nothing known of a remote leads to: it asks the remote, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from guard.config import Config
from guard.errors import GitError
from guard.git.commands import Command, Remedy, git
from guard.git.locate import checkout_at
from guard.git.network import ls_remote
from guard.situation.contents import brought_here
from guard.situation.gitlinks import Links, Submodule
from guard.situation.publication import Publication, PublicationState
from guard.situation.pushing import (
    feature_branch,
    publishing_push,
    pushed_along,
    recurses,
    to_release,
)
from guard.situation.tracking import Place, reachable, record_seen

_TOLD = 4
_BRANCHES = "refs/heads/"


class Search:
    """Finds out where else a commit may be, and what would publish it; no remote is asked twice."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._workspace = links.contents.workspace
        self._answers: dict[tuple[str, str], dict[str, str] | GitError] = {}

    @cached_property
    def takes_submodules_along(self) -> bool:
        """Whether this push of the superproject pushes its submodules first; see `recurses`."""
        return recurses(self._workspace.superproject)

    def of(
        self,
        submodule: Submodule,
        config: Config,
        places: Sequence[Place],
        commits: Sequence[str],
    ) -> Iterable[Publication]:
        """What is to be said of commits that no place is known to have.

        Raises:
            GitError: git cannot be asked on this machine.
        """
        if not places:
            for commit in commits:
                yield self._nowhere(submodule, config, commit)
            return
        place = places[0]
        known = Publication(
            submodule.path, "", PublicationState.UNPUBLISHED, submodule.url, place.remote.name
        )
        along = self._along(submodule, place, commits)
        for commit, branch in along.items():
            yield known._replace(commit=commit, along=branch)
        commits = [commit for commit in commits if commit not in along]
        if not commits:
            return
        if not self._links.destination.asks:
            for pushes, commit in enumerate(commits):
                remedy = self._push(submodule, places, commit, {}, pushes < _TOLD)
                yield known._replace(commit=commit, state=PublicationState.UNASKED, remedy=remedy)
            return
        shown = self._asked(place)
        if isinstance(shown, GitError):
            fetch = git(place.repository, "fetch", place.remote.name)
            for commit in commits:
                yield known._replace(
                    commit=commit,
                    state=PublicationState.UNANSWERED,
                    detail=shown.problem,
                    remedy=(fetch,),
                )
            return
        yield from self._shown(submodule, config, places, known, shown, commits)

    def _asked(self, place: Place) -> dict[str, str] | GitError:
        key = (place.repository.common_dir, place.remote.name)
        if key not in self._answers:
            try:
                self._answers[key] = ls_remote(place.repository, place.remote.name)
            except GitError as error:
                self._answers[key] = error
        return self._answers[key]

    def _shown(
        self,
        submodule: Submodule,
        config: Config,
        places: Sequence[Place],
        known: Publication,
        shown: Mapping[str, str],
        commits: Sequence[str],
    ) -> Iterable[Publication]:
        place = places[0]
        there = set(commits) & set(shown.values())
        here: set[str] = set()
        is_shallow = False
        unread = {found: ref for ref, found in shown.items() if ref.startswith(_BRANCHES)}
        for repository in self._links.repositories(submodule, config):
            for tip in self._links.present(repository, unread):
                del unread[tip]
            present = self._links.present(repository, set(commits) - there)
            if present:
                there |= reachable(repository, present, shown.values(), all_here=False)
                (tracking,) = self._links.tracking([repository])
                is_shallow = is_shallow or tracking.is_shallow
            here |= present
        if there:
            # What cannot be kept is asked again.
            with suppress(GitError):
                present = self._links.present(place.repository, there)
                record_seen(place.tracking, place.remote, shown, present)
        pushes = 0
        for commit in commits:
            found = known._replace(commit=commit)
            if commit in there:
                yield found._replace(state=PublicationState.PUBLISHED)
            elif commit not in here:
                yield found._replace(
                    state=PublicationState.UNKNOWN,
                    detail=f"commit {commit} of {submodule.path} is in no repository on this "
                    f"machine, and no branch or tag of {place.remote.name} is at it",
                    remedy=(git(place.repository, "fetch", place.target, commit),),
                )
            elif is_shallow:
                yield found._replace(
                    state=PublicationState.UNKNOWN,
                    detail=f"the history of {submodule.path} is cut off, so it cannot be seen "
                    f"whether {place.remote.name} has {commit[:12]}",
                    remedy=(git(place.repository, "fetch", "--unshallow", place.remote.name),),
                )
            elif unread:
                names = ", ".join(sorted(unread.values())[:_TOLD]).replace(_BRANCHES, "")
                yield found._replace(
                    state=PublicationState.UNKNOWN,
                    detail=f"{place.remote.name} has more than was fetched of it ({names}), so it "
                    f"cannot be seen whether that leads to {found.name} {commit[:12]}",
                    remedy=(_fetch(place),),
                )
            else:
                remedy = self._push(submodule, places, commit, shown, pushes < _TOLD)
                pushes += 1
                yield found._replace(remedy=remedy)

    def _along(self, submodule: Submodule, place: Place, commits: Sequence[str]) -> dict[str, str]:
        if not self.takes_submodules_along:
            return {}
        checkout = checkout_at(self._workspace.superproject, submodule.path)
        branches = {
            commit: pushed_along(place, checkout, commit, self._links.destination.remote)
            for commit in self._links.present(place.repository, commits)
        }
        return {commit: branch for commit, branch in branches.items() if branch}

    def _push(
        self,
        submodule: Submodule,
        places: Sequence[Place],
        commit: str,
        shown: Mapping[str, str],
        is_looked_for: bool,
    ) -> Remedy:
        """What publishes a commit.

        Args:
            is_looked_for: whether a branch that has it may be, by some processes more, of which
                the number must not grow with the push.
        """
        # It may be in a clone beside the superproject alone.
        held = (item for item in places if self._links.present(item.repository, [commit]))
        place = next(held, places[0])
        if is_looked_for:
            # Where git fails it is in another of the repositories, or in none.
            with suppress(GitError):
                feature = feature_branch(self._links)
                return publishing_push(place, commit, submodule.release_tag, shown, feature)
        if submodule.release_tag:
            return to_release(commit)
        name = f"{commit[:12]}:refs/heads/pin-{commit[:8]}"
        return (git(place.repository, "push", place.target, name),)

    def _nowhere(self, submodule: Submodule, config: Config, commit: str) -> Publication:
        repositories = self._links.repositories(submodule, config)
        if not repositories:
            path = submodule.path
            return Publication(
                path,
                commit,
                PublicationState.UNKNOWN,
                submodule.url,
                detail=f"no repository of {path} is on this machine, so it is not known whether "
                f"others can fetch {commit[:12]}",
                remedy=brought_here(self._workspace.superproject, path),
            )
        (tracking,) = self._links.tracking(repositories[:1])
        names = ("upstream", "published", *(f"published-{number}" for number in range(2, 100)))
        taken = {item.name for item in tracking.remotes.remotes}
        name = next(item for item in names if item not in taken)
        url = self._links.urls(submodule)[0]
        found = ", ".join(f"{item.name} is {item.urls[0]}" for item in tracking.remotes.remotes)
        return Publication(
            submodule.path,
            commit,
            PublicationState.NO_REMOTE,
            url,
            detail=found,
            remedy=(
                git(repositories[0], "remote", "add", name, url),
                git(repositories[0], "fetch", name),
            ),
        )


def _fetch(place: Place) -> Command:
    """The command that fetches all branches of a remote, which may be a clone of one alone."""
    remote = place.remote.name
    every = f"refs/remotes/{remote}/*"
    refspec = () if every in place.remote.tracking else (f"+{_BRANCHES}*:{every}",)
    return git(place.repository, "fetch", remote, *refspec)
