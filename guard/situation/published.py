"""Whether others can fetch what gitlinks name, for many commits of the superproject at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.git.commands import Remedy, git
from guard.model import Combination
from guard.situation.branches import remote_of
from guard.situation.contents import Contents
from guard.situation.gitlinks import Destination, Links, Submodule
from guard.situation.publication import Publication, PublicationState
from guard.situation.tracking import Place

if TYPE_CHECKING:
    from guard.situation.unpublished import Search


class PublishedLinks:
    """Says of gitlinks whether others can fetch them; each commit is looked for once."""

    def __init__(self, contents: Contents, destination: Destination) -> None:
        self.links = Links(contents, destination)
        self._publications: dict[tuple[Submodule, str], Publication] = {}

    @cached_property
    def _search(self) -> Search:
        # An accepted push does not wait for the import.
        from guard.situation.unpublished import Search

        return Search(self.links)

    @property
    def takes_submodules_along(self) -> bool:
        """Whether a push of the superproject pushes its submodules first.

        Raises:
            GitError: git cannot be asked.
        """
        return self._search.takes_submodules_along

    def of(self, asked: Sequence[tuple[Combination, Config]]) -> list[tuple[Publication, ...]]:
        """The publications of each combination's gitlinks, in the order of a release.

        Raises:
            GuardError: a tree or ``.gitmodules`` of the superproject cannot be read.
        """
        links = [self.links.submodules(combination, config) for combination, config in asked]
        # In the order of the push, so that the same commits are told of each time.
        wanted: dict[Submodule, tuple[Config, dict[str, None]]] = {}
        for (_, config), found in zip(asked, links, strict=True):
            for submodule, commit in found:
                if (submodule, commit) not in self._publications:
                    wanted.setdefault(submodule, (config, {}))[1][commit] = None
        # All at once; who needs one that cannot be asked says so.
        with suppress(GitError):
            self.links.tracking(
                repository
                for submodule, (config, _) in wanted.items()
                for repository in self.links.repositories(submodule, config)[:1]
            )
        for submodule, (config, commits) in wanted.items():
            for commit, publication in self._judged(submodule, config, list(commits)).items():
                self._publications[submodule, commit] = publication
        return [tuple(self._publications[key] for key in found) for found in links]

    def release(self, combination: Combination, config: Config, commit: str) -> Publication | None:
        """The publication of a commit of the dependency, None where there is no such submodule.

        Raises:
            GuardError: a tree or ``.gitmodules`` of the superproject cannot be read.
        """
        submodule = self.links.submodule(combination, config, config.dependency)
        if submodule is None or not submodule.url:
            return None
        return self._judged(submodule, config, [commit])[commit]

    def _judged(
        self, submodule: Submodule, config: Config, commits: Sequence[str]
    ) -> dict[str, Publication]:
        """By commit; where something cannot be read, the commits that are left are unknown."""
        publications = {}
        try:
            for publication in self._looked_up(submodule, config, commits):
                publications[publication.commit] = publication
        except GuardError as error:
            unknown = Publication(
                submodule.path,
                "",
                PublicationState.UNKNOWN,
                submodule.url,
                detail=error.problem,
                remedy=error.remedy,
            )
            for commit in commits:
                publications.setdefault(commit, unknown._replace(commit=commit))
        return publications

    def _looked_up(
        self, submodule: Submodule, config: Config, commits: Sequence[str]
    ) -> Iterable[Publication]:
        path, url = submodule.path, submodule.url
        if not url:
            for commit in commits:
                yield Publication(
                    path, commit, PublicationState.NO_URL, remedy=self._name_url(submodule, config)
                )
            return
        places = []
        for place in self.links.places(submodule, config):
            places.append(place)
            known = self._known(place, set(commits))
            for commit in known:
                yield Publication(path, commit, PublicationState.PUBLISHED, url, place.remote.name)
            commits = [commit for commit in commits if commit not in known]
            if not commits:
                return
        # What follows ends in a blocked push, or is asked once for each commit.
        yield from self._search.of(submodule, config, places, commits)

    def _known(self, place: Place, commits: set[str]) -> set[str]:
        """Those of some commits that a remote is known to have, without asking it."""
        tracking = place.tracking
        # Nearly always the default branch leads to them, and the others need not be listed.
        default = place.default_branch
        tips = {tracking.refs[default].id} if default is not None else set()
        published = self.links.reached(place.repository, tips, commits)
        if published == commits:
            return published
        tracked = tracking.tracked(place.remote, place.wanted)
        tips = {*tracked.values(), *tracking.seen(place.remote)}
        return published | self.links.reached(place.repository, tips, commits - published)

    def _name_url(self, submodule: Submodule, config: Config) -> Remedy:
        url = ""
        for tracking in self.links.tracking(self.links.repositories(submodule, config)[:1]):
            remote = remote_of(tracking.remotes, dict(tracking.options), tracking.repository)
            url = remote.urls[0] if remote else url
        name = submodule.names[-1] if submodule.names else submodule.path
        if not url:
            return f"write into .gitmodules from which URL others fetch {submodule.path}"
        settings = [] if submodule.names else [(f"submodule.{name}.path", submodule.path)]
        settings.append((f"submodule.{name}.url", self._beside(submodule, url)))
        top = self.links.contents.workspace.superproject
        written = (git(top, "config", "--file=.gitmodules", *each) for each in settings)
        return (*written, git(top, "add", ".gitmodules"))

    def _beside(self, submodule: Submodule, url: str) -> str:
        """A URL as it counts from the superproject's, where both have one parent; else as it is."""
        relative = f"../{url.rstrip('/').rpartition('/')[2]}"
        places = self.links.here.places
        whole = self.links.urls(submodule._replace(url=relative))
        return relative if any(places(each) & places(url) for each in whole) else url
