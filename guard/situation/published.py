"""How pushed gitlinks stand to their remotes: whether others can fetch them, what is merged."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.git.remotes import Asking
from guard.model import Combination
from guard.situation.branches import HEADS, short_name
from guard.situation.contents import Contents
from guard.situation.gitlinks import Destination, Links, Submodule
from guard.situation.publication import Publication, PublicationState
from guard.situation.tracking import Place

if TYPE_CHECKING:
    from guard.situation.unpublished import Search


# What a remote says, or is known to have.
_KNOWN = (PublicationState.PUBLISHED, PublicationState.UNPUBLISHED)


class Standing(NamedTuple):
    """How the commit at the consumer's gitlink stands to the default branch of one of its remotes.

    Args:
        tip: the commit that it was at when it was last fetched.
    """

    path: str
    commit: str
    place: Place
    ref: str
    tip: str
    merged: bool


class _Left(NamedTuple):
    """Commits that no remote is known to have, of which the destination has some already.

    Args:
        old: what is nested in that.
    """

    places: list[Place]
    commits: list[str]
    old: Sequence[str] = ()


class PublishedLinks(Links):
    """Says how gitlinks stand to their remotes; each commit is looked for once.

    Args:
        closely: whether a remote is asked of what is nested in the destination already, too.
    """

    def __init__(self, contents: Contents, destination: Destination, closely: bool = False) -> None:
        super().__init__(contents, destination)
        self._closely = closely
        self._publications: dict[tuple[Submodule, str], Publication] = {}

    @cached_property
    def asking(self) -> Asking:
        """Whom this command may ask; who asks nobody else asks where nothing goes on without."""
        usual = self.contents.pool.asking
        return Asking() if self._closely and usual.seconds == 0 else usual

    @cached_property
    def _search(self) -> "Search":
        # An accepted push does not wait for the import.
        from guard.situation.unpublished import Search

        return Search(self)

    @property
    def takes_submodules_along(self) -> bool:
        """Whether a push of the superproject pushes its submodules first."""
        return self._search.takes_submodules_along

    def of(
        self, asked: Sequence[tuple[Combination, Config]], without: Collection[str] = ()
    ) -> list[tuple[Publication, ...]]:
        """The publications of each combination's gitlinks, in the order of a release.

        Args:
            without: paths that are left out.
        """
        links = [self.submodules(*each) for each in asked]
        return self._all([[link for link in each if link[0].path not in without] for each in links])

    def _all(
        self, links: Sequence[Sequence[tuple[Submodule, str]]]
    ) -> list[tuple[Publication, ...]]:
        # In the order of the push, so that the same commits are told of each time.
        wanted: dict[Submodule, dict[str, None]] = {}
        for submodule, commit in (link for found in links for link in found):
            if (submodule, commit) not in self._publications:
                wanted.setdefault(submodule, {})[commit] = None
        # All at once; who needs one that cannot be asked says so.
        with suppress(GitError):
            self.tracking(each for submodule in wanted for each in submodule.repositories[:1])
        left: dict[Submodule, _Left] = {}
        for submodule, commits in wanted.items():
            with self._unread(submodule, commits):
                left[submodule] = self._left(submodule, list(commits))
        # What follows ends in a blocked push, or is asked once for each commit.
        for submodule, rest in left.items():
            with self._unread(submodule, rest.commits):
                self._look_for(submodule, rest)
        for submodule, commits in wanted.items():
            if submodule.around is not None:
                self._keep_whole(submodule, commits)
        return [tuple(self._publications[key] for key in found) for found in links]

    def _keep_whole(self, submodule: Submodule, commits: Iterable[str]) -> None:
        """Keep what is nested, published, and has nothing nested in it that is not."""
        inside = (submodule.path, f"{submodule.path}/")
        states = {
            publication.state
            for publication in self._publications.values()
            if publication.path == inside[0] or publication.path.startswith(inside[1])
        }
        if states == {PublicationState.PUBLISHED}:
            for commit in commits:
                self.keep_whole(submodule, commit)

    def before_consumer(self, combination: Combination, config: Config) -> tuple[Publication, ...]:
        """What a push of the consumer waits for: the dependency, and what is nested in both."""
        (publications,) = self._all([self._before_consumer(combination, config)])
        return publications

    def _before_consumer(
        self, combination: Combination, config: Config
    ) -> list[tuple[Submodule, str]]:
        inside = (f"{config.dependency}/", f"{config.consumer}/")
        return [
            (submodule, commit)
            for submodule, commit in self.submodules(combination, config)
            if submodule.path == config.dependency or submodule.path.startswith(inside)
        ]

    def start(self, combination: Combination, config: Config) -> None:
        """Let every remote be asked that has to be for a push, side by side."""
        of_consumer = not self.contents.workspace.in_superproject
        awaited = self._before_consumer if of_consumer else self.submodules
        with suppress(GuardError):  # the rule that needs it says what cannot be read
            for submodule, commit in awaited(combination, config):
                self._left(submodule, [commit])

    def publication(self, submodule: Submodule, commit: str) -> Publication:
        """The publication of one commit."""
        ((publication,),) = self._all([[(submodule, commit)]])
        return publication

    @contextmanager
    def _unread(self, submodule: Submodule, commits: Iterable[str]) -> Iterator[None]:
        """Where something cannot be read, commits of which nothing was found out are unknown."""
        try:
            yield
        except GuardError as error:
            unknown = Publication(submodule.path, "", PublicationState.UNKNOWN, submodule.url)
            unknown = unknown._replace(detail=error.problem, remedy=error.remedy)
            for commit in commits:
                self._publications.setdefault((submodule, commit), unknown._replace(commit=commit))

    def _left(self, submodule: Submodule, commits: list[str]) -> _Left:
        """What no remote is known to have; the first remote is begun to be asked about it."""
        path, url, places = submodule.path, submodule.url, []
        for place in self.places(submodule) if url else ():
            places.append(place)
            published = Publication(path, "", PublicationState.PUBLISHED, url, place.remote.name)
            known = self._known(place, set(commits))
            for commit in known:
                self._publications[submodule, commit] = published._replace(commit=commit)
            commits = [commit for commit in commits if commit not in known]
            if not commits:
                return _Left(places, [])
        urls = self.urls(submodule) if submodule.around else []
        old = [each for each in commits if urls and (path, each, *urls) in self.there]
        for commit in old if not self._closely else ():
            inherited = Publication(path, commit, PublicationState.INHERITED, url)
            self._publications[submodule, commit] = inherited
        commits = [each for each in commits if each not in old or self._closely]
        if places and commits and self.asks:
            self.asking.start(places[0].repository, places[0].remote.name)
        return _Left(places, commits, old)

    def _look_for(self, submodule: Submodule, left: _Left) -> None:
        if not left.commits:
            return
        for publication in self._search.of(submodule, left.places, left.commits):
            is_known = publication.state in _KNOWN or publication.commit not in left.old
            inherited = publication._replace(state=PublicationState.INHERITED)
            key = submodule, publication.commit
            self._publications[key] = publication if is_known else inherited

    def _known(self, place: Place, commits: set[str]) -> set[str]:
        """Those of some commits that a remote is known to have, without asking it."""
        tracking = place.tracking
        # Nearly always the default branch leads to them, and the others need not be listed.
        default = place.default_branch
        tips = {tracking.refs[default].id} if default is not None else set()
        published = self.reached(place.repository, tips, commits)
        if published == commits:
            return published
        tracked = tracking.tracked(place.remote, place.wanted)
        kept = tracking.seen(place.remote) if not self.asking.anew else set()
        tips = {*tracked.values(), *kept}
        return published | self.reached(place.repository, tips, commits - published)

    def standings(
        self, combination: Combination, config: Config, link: Publication | None
    ) -> tuple[list[Place], list[Standing]]:
        """How the consumer's commit stands to the default branch of its remotes, as last fetched.

        Returns:
            The remotes, none where there is nothing to be merged; and how it stands to those whose
            default branch is known.
        """
        submodule = self.submodule(combination, config, config.consumer)
        if link is None or submodule is None or not submodule.url:
            return [], []
        # Where there is none, the rule `published` says what is missing.
        places = list(self.places(submodule))
        standings = []
        for place in places:
            ref = place.default_branch
            if ref is None:
                continue
            if link.along and link.along == HEADS + short_name(place.remote.name, ref):
                return [], []  # this very push brings the branch there, or it fails
            tip = place.tracking.refs[ref].id
            merged = self.leads_to(place.repository, tip, link.commit)
            standings.append(Standing(link.path, link.commit, place, ref, tip, merged))
        return places, self._newest(standings)

    def ask_defaults(
        self, combination: Combination, config: Config, link: Publication | None
    ) -> tuple[bool, str]:
        """Ask the consumer's remotes for their default branches, each at most once a day.

        Returns:
            Whether one is another than was known; and why one says nothing, "" where all do.
        """
        submodule = self.submodule(combination, config, config.consumer)
        if link is None or submodule is None or not self.asks:
            return False, ""
        news, silence = False, ""
        for place in self.places(submodule):
            try:
                said = self.defaults.ask(place.repository, place.remote)
                known = HEADS + short_name(place.remote.name, place.default_branch or "")
                news = news or said not in ("", known)
            except GitError as error:
                silence = error.problem
        return news, silence

    def _newest(self, standings: list[Standing]) -> list[Standing]:
        """Those whose branch is not behind the same one as another repository has it."""
        if len({item.tip for item in standings}) < 2:
            return standings
        behind = {
            item.tip
            for item in standings
            for other in standings
            if other.tip != item.tip and self.leads_to(other.place.repository, other.tip, item.tip)
        }
        return [item for item in standings if item.tip not in behind]
