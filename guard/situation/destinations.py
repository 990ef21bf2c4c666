"""Where each of the three repositories has to be pushed, and how far that is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from guard.errors import GitError, GuardError
from guard.git.commands import ALONE, PERSON, Command, git, told
from guard.git.commits import is_named, reachable
from guard.git.refs import list_refs
from guard.git.releases import release_version
from guard.git.remotes import fetch
from guard.git.repository import Repository, checkout_at
from guard.install.health import HookHealth, hook_health
from guard.model import Combination
from guard.situation.branches import (
    HEADS,
    PushedTo,
    default_branch,
    default_branches,
    feature_branch,
    goes_to,
    head_branch,
    short_name,
    spelled,
    tracking_ref,
)
from guard.situation.checkouts import (
    Checkouts,
    Link,
    came_from_others,
    checkouts,
    in_way_of_checkout,
    in_way_of_rebase,
    is_on_feature,
)
from guard.situation.contents import Contents
from guard.situation.gitlinks import Destination, usual_destination
from guard.situation.publication import Publication, PublicationState, Unknown
from guard.situation.published import PublishedLinks
from guard.situation.release import Reach, Spot, Trouble
from guard.situation.tracking import Place, Tracking
from guard.situation.values import ASK, Facts, SharedState

if TYPE_CHECKING:
    # Of a push that is decided already nothing is gathered.
    from guard.situation.facts import Gatherer

_REMOTES: Final = "refs/remotes/"
_TAGS: Final = "refs/tags/"
# Seconds that bringing the commits of one branch may take; nobody is asked for a password.
_FETCHING: Final = 60.0
# They cannot be asked as they are named, or need not be.
_PUSHABLE = (PublicationState.PUBLISHED, PublicationState.UNPUBLISHED, PublicationState.UNASKED)
# What is in the way of no push; of what was not asked nobody knows.
_HARMLESS = (PublicationState.PUBLISHED, PublicationState.INHERITED)


class Destinations:
    """Where the parts of a combination have to be pushed; each fact is read once.

    Args:
        asks: whether the remotes of git are asked what they have; else what git knew last counts.

    Attributes:
        top: the superproject.
    """

    def __init__(
        self, contents: Contents, gatherer: Gatherer, combination: Combination, asks: bool
    ) -> None:
        self.top = contents.workspace.superproject
        self.combination = combination
        self.config = contents.config(combination)
        self._contents = contents
        self._gatherer = gatherer
        self._asks = asks
        self._hooks: dict[Repository, HookHealth] = {}

    @cached_property
    def facts(self) -> Facts:
        """What the rules go by."""
        return self._gatherer.gather(self.combination, tested=True)

    @cached_property
    def _links(self) -> PublishedLinks:
        return PublishedLinks(self._contents, self._destination)

    @cached_property
    def _destination(self) -> Destination:
        return usual_destination(self.top, self._contents.workspace.options, asks=False)

    @cached_property
    def gitlinks(self) -> dict[str, str]:
        """Those of the consumer and the dependency, as far as they have one, by their paths."""
        return dict(self._contents.gitlinks(self.combination, self.config))

    @cached_property
    def checkouts(self) -> Checkouts:
        """How everything is checked out."""
        submodules = self._contents.submodules(self.config)
        links = {
            path: Link(commit, submodules.store(path).repositories, path == self.config.consumer)
            for path, commit in self.gitlinks.items()
        }
        is_brought = came_from_others(self.top, self._head(self.top))
        standing = checkouts(self.top, links, self._contents.pool)
        return standing._replace(is_feature=self._is_feature, is_brought=is_brought)

    def _head(self, repository: Repository) -> str:
        """The commit that is checked out, "" before the first."""
        return self._contents.pool.head(repository) or ""

    def hook_health(self, repository: Repository) -> HookHealth:
        """The health of a repository's hook."""
        if repository not in self._hooks:
            self._hooks[repository] = hook_health(repository)
        return self._hooks[repository]

    @cached_property
    def has_every_release(self) -> bool:
        """Whether the dependency's remotes were asked, and have no release that is not here."""
        places = list(self._places(self.config.dependency)) if self._asks else []
        asked = [self._shown(place.repository, place.remote.name) for place in places]
        is_answered = bool(asked) and not any(isinstance(shown, Trouble) for shown in asked)
        return is_answered and self._new_tags is None

    @cached_property
    def _new_tags(self) -> Command | None:
        """What fetches the releases that the dependency's remote has and that are not here."""
        path, form = self.config.dependency, self.config.release_tag
        try:
            places = list(self._places(path))
        except GuardError:
            return None  # why it cannot be asked is said of the gitlink
        for place in places:
            shown = self._shown(place.repository, place.remote.name)
            if isinstance(shown, Trouble):
                continue
            own = list_refs(place.repository, _TAGS)
            names = [ref.removeprefix(_TAGS) for ref in shown if ref.startswith(_TAGS)]
            new = [
                name
                for name in names
                if _TAGS + name not in own and release_version(name, form) is not None
            ]
            if new:
                # By their names, so that no other tag that was moved stops it.
                words = [word for name in new for word in ("tag", name)]
                return git(place.repository, "fetch", place.remote.name, *words)
        return None

    def _dependency(self) -> Spot | Trouble | Publication | None:
        """Where the release tag has to be: at the remote that `.gitmodules` names."""
        pin, path = self.facts.pin, self.config.dependency
        if pin is None:
            return None
        if isinstance(pin, Unknown):
            return Trouble(pin.what, told(pin.remedy), True)
        if not pin.releases:
            return Trouble(f"{path} stands at no release", "guard align")
        shared, ref = pin.shared, _TAGS + pin.releases[0].tag
        if shared is None or shared.repository is None:
            return self._link(path)
        if shared.state is SharedState.UNASKED:
            what = f"whether {shared.remote} has {pin.releases[0].tag} of {path} was not asked yet"
            return Trouble(what, ASK, True)
        reach = Reach.SAME if shared.state is SharedState.THERE else Reach.ABSENT
        spot = Spot(shared.repository, shared.target, ref, ref, reach, asked=self._asks)
        return self._spelled(spot, *self._links.tracking([shared.repository]))

    def _spelled(self, spot: Spot, tracking: Tracking) -> Spot:
        """A ref on its way to one of its name, such as git takes it there."""
        namesake = (HEADS if spot.ref.startswith(_TAGS) else _TAGS) + spot.branch
        (other,) = self._contents.pool.reader(spot.repository).read_refs([namesake])
        text = spelled(tracking.options, spot.remote, spot.ref, other is not None)
        return spot._replace(spelled=text)

    def _consumer(self) -> Spot | Trouble | Publication | None:
        """Where its commit has to be."""
        if not self._commit:
            return None
        return self._beside if self._is_feature else self._merged

    @property
    def _is_feature(self) -> bool:
        """Whether the superproject goes to a branch that is not its default one."""
        branch = self._branch
        if branch.detached:
            return False
        return bool(feature_branch(self._contents.refs, branch.remote, branch.ref))

    @property
    def _beside(self) -> Spot | Trouble | Publication:
        """Where the consumer's commit has to be while the superproject is on a feature branch.

        On any branch of its remote; if it is on none, the one that is checked out in the consumer
        goes there, or one of the name that the superproject's has. The default branch never does.
        """
        place = self._home
        if not isinstance(place, Place):
            return place
        spot = self._spot(place, self._branch.ref)
        own = tracking_ref(place.remote.name, spot.local.removeprefix(HEADS))
        if spot.local and own != place.default_branch:
            spot = spot._replace(ref=spot.local)
        compared = self._compared(spot, place.tracking, place.remote.name, self.config.consumer)
        is_known = self._link(self.config.consumer).state is PublicationState.PUBLISHED
        if is_known and isinstance(compared, Spot):
            return compared._replace(reach=Reach.SAME)
        return compared

    @property
    def _own_branch(self) -> Spot | Trouble | None:
        """Where the consumer's HEAD would be pushed, on a feature branch of its own."""
        each = self.checkouts.at(self.config.consumer)
        if each is None or not each.is_feature or self._is_feature:
            return None
        repository, head = each.repository, head_branch(each.repository)
        (tracking,) = self._links.tracking([repository])
        to = goes_to(repository, tracking.options, tracking.refs)
        there = tracking_ref(to.remote, to.ref.removeprefix(HEADS))
        if there in default_branches(tracking.refs, to.remote):
            return None
        spot = Spot(repository, to.remote, each.head, to.ref, Reach.ABSENT, local=head)
        return self._compared(spot, tracking, to.remote, each.path)

    @cached_property
    def _merged(self) -> Spot | Trouble | Publication:
        """Where the consumer's commit has to be else: on the default branch of that remote."""
        place = self._home
        if not isinstance(place, Place):
            return place
        remote, ref, path = place.remote.name, place.default_branch, self.config.consumer
        if ref is None:
            return Trouble(
                f"which branch of {remote} is the default one of {path} is not known",
                told(place.looking_for_default),
                True,
            )
        aimed = self._spot(place, HEADS + short_name(remote, ref))
        spot = self._compared(aimed, place.tracking, remote, path)
        each = self.checkouts.at(path)
        if isinstance(spot, Trouble) or spot.is_there or each is None or each.head != self._commit:
            return spot
        if not is_on_feature(each.repository, each.branch, self._contents.pool):
            return spot
        # Whoever is on a branch means it to be looked at before the default one has it.
        return Trouble(
            f"merge {each.branch} of {path} into {spot.branch}, or stage another commit",
            git(each.repository, "log", "--oneline", f"{remote}/{spot.branch}..").text,
            is_persons=True,
        )

    @cached_property
    def _commit(self) -> str:
        """The commit at the consumer's gitlink, "" where there is none."""
        return self.gitlinks.get(self.config.consumer, "")

    @cached_property
    def _home(self) -> Place | Trouble | Publication:
        """A remote of the consumer, in a repository that has its commit."""
        path, commit = self.config.consumer, self._commit
        link = self._link(path)
        if link.state not in _PUSHABLE:
            return link
        places = [
            each for each in self._places(path) if self._links.present(each.repository, [commit])
        ]
        # A bare clone keeps no branches of its remote's, so it cannot tell which is the default.
        for place in sorted(places, key=lambda each: each.default_branch is None):
            return place
        return Trouble(
            f"commit {commit} of {path} is in no repository that has its remote",
            self._fetching(path),
            True,
        )

    def _spot(self, place: Place, ref: str) -> Spot:
        """The consumer's commit on its way to a branch of its remote."""
        repository, commit = place.repository, self._commit
        local = head_branch(repository) if self._head(repository) == commit else ""
        return Spot(repository, place.target, commit, ref, Reach.ABSENT, local=local)

    def _link(self, path: str) -> Publication:
        """Whether others can fetch the commit of a submodule, as far as is known here."""
        (publications,) = self._links.of([(self.combination, self.config)])
        return next(each for each in publications if each.path == path)

    @property
    def _unfetchable(self) -> tuple[Publication, ...]:
        """The gitlinks that others cannot fetch, but for the consumer's and the dependency's own.

        The remotes of those are asked by the steps that push to them.
        """
        # What is missing here is asked for in any case: nothing goes on without it.
        is_missing = isinstance(self.facts.tested, Unknown)
        destination = self._destination._replace(asks=self._asks or is_missing)
        links = PublishedLinks(self._contents, destination, closely=destination.asks)
        own = (self.config.consumer, self.config.dependency)
        with suppress(GuardError):  # what cannot be read is in the way of the steps themselves
            (publications,) = links.of([(self.combination, self.config)], without=own)
            return tuple(each for each in publications if each.state not in _HARMLESS)
        return ()

    def _places(self, path: str) -> Iterable[Place]:
        submodule = self._links.submodule(self.combination, self.config, path)
        return self._links.places(submodule) if submodule else ()

    def _superproject(self) -> Spot | Trouble:
        top, branch = self.top, self._branch
        if not branch.remote:
            return self._no_remote
        head = self._head(top)
        spot = Spot(top, branch.remote, head, branch.ref, Reach.ABSENT, local=head_branch(top))
        if branch.detached:
            spot = spot._replace(trouble=self._detached(head))
        (tracking,) = self._links.tracking([top])
        compared = self._compared(spot, tracking, branch.remote, "")
        # A new branch that has nothing of its own yet.
        is_new = isinstance(compared, Spot) and compared.reach is Reach.ABSENT and self._is_feature
        if isinstance(compared, Spot) and is_new and head and is_named(top, head, _REMOTES):
            return compared._replace(reach=Reach.SAME)
        return compared

    def _detached(self, head: str) -> Trouble:
        """That no branch is checked out, and what brings the likeliest one back."""
        top, name = self.top, self.facts.names.superproject
        reason = f"HEAD of {name} is detached: no branch would be pushed"
        if head and not is_named(top, head):
            # A switch would leave what nothing else has.
            return Trouble(reason, git(top, "branch", f"keep-{head[:8]}", head[:12]).text)
        default = default_branch(top, self._contents.pool.settings)
        if default.checked_out:
            reason += f", and {default.name} is checked out in {default.checked_out[0]}"
            return Trouble(reason, git(top, "worktree", "list").text, is_persons=True)
        commit = default.local or default.tracked
        if commit and (in_the_way := in_way_of_checkout(top, commit)):
            reason += f"; in the way of a switch to {default.name}: {in_the_way}"
            return Trouble(reason, git(top, "status", "--ignored").text, is_persons=True)
        words = ["switch", default.name]
        if default.local is None:
            words = ["switch", "--create", default.name]
            words += [f"{default.remote}/{default.name}"] if default.tracked else []
        return Trouble(reason, git(top, *words).text)

    @property
    def _no_remote(self) -> Trouble:
        top, name = self.top, self.facts.names.superproject
        remotes = [each.name for each in self._links.here.remotes]
        if not remotes:
            remedy = f"{PERSON}{git(top, 'remote', 'add', 'origin').text} <url>"
            return Trouble(f"{name} has no remote to push to", remedy, is_persons=True)
        return Trouble(
            f"nothing says to which of the remotes {', '.join(remotes)} {name} is pushed",
            git(top, "config", "remote.pushDefault", remotes[0]).text,
            is_persons=True,
        )

    @cached_property
    def _branch(self) -> PushedTo:
        """Where the superproject's HEAD would be pushed."""
        return goes_to(self.top, self._contents.workspace.options, self._contents.refs)

    @property
    def _tracked(self) -> str:
        """What the superproject's remote was last known to have there, or on its default branch."""
        refs, branch = self._contents.refs, self._branch
        there = tracking_ref(branch.remote, branch.ref.removeprefix(HEADS))
        names = (there, *default_branches(refs, branch.remote))
        return next((refs[name].id for name in names if name in refs), "")

    def _compared(self, spot: Spot, tracking: Tracking, remote: str, path: str) -> Spot | Trouble:
        """A branch of a remote, compared with the commit that is to be on it."""
        repository, spot = tracking.repository, self._spelled(spot, tracking)
        health = self.hook_health(repository)
        if spot.trouble is None and not health.effective:
            name = self._contents.workspace.name(path)
            reason = f"guard's hook in {name} is {health.state.value}: {health.reason}"
            spot = spot._replace(trouble=Trouble(reason, health.remedy or "guard install"))
        ref = tracking.refs.get(tracking_ref(remote, spot.branch))
        known = ref.id if ref else ""
        spot = spot._replace(there=known)
        if self._asks:
            shown = self._shown(repository, remote)
            if isinstance(shown, Trouble):
                return shown
            there = shown.get(spot.ref, "")
            stale = remote if there != known else ""
            spot = spot._replace(there=there, asked=True, stale=stale)
        if not spot.there:
            return spot
        if spot.there != spot.source and not self._links.present(repository, [spot.there]):
            with suppress(GitError):  # whether it worked shows in what is there afterwards
                fetch(repository, remote, spot.ref, seconds=_FETCHING)
        try:
            spot = spot._replace(reach=_reach(repository, spot.source, spot.there))
            if spot.reach not in (Reach.AHEAD_THERE, Reach.APART):
                return spot
            # What is staged in the superproject is committed first.
            rebase = in_way_of_rebase(repository, spot.there, staged=bool(path))
            obstacle = in_way_of_checkout(repository, spot.there)
            return spot._replace(obstacle=obstacle, rebase_obstacle=rebase)
        except GitError as error:
            return Trouble(
                f"{spot.branch} of {remote} is at {spot.there[:12]}, which cannot be compared: "
                f"{error.problem}",
                spot.git("fetch", *ALONE, remote).text,
                True,
            )

    def _shown(self, repository: Repository, remote: str) -> dict[str, str] | Trouble:
        """The refs of a remote, or why they are not known."""
        shown = self._links.asking.shown(repository, remote)
        if isinstance(shown, GitError):
            remedy = git(repository, "fetch", remote).text
            return Trouble(shown.problem, remedy, True, is_persons=True)
        return shown

    def _fetching(self, path: str, *words: str) -> str:
        """What fetches into the checkout of a submodule, or makes one."""
        checkout = checkout_at(self.top, path)
        if checkout is None:
            return git(self.top, "submodule", "update", "--init", path).text
        return git(checkout, "fetch", *words).text


def _reach(repository: Repository, commit: str, there: str) -> Reach:
    if commit == there:
        return Reach.SAME
    if not commit:
        return Reach.APART
    if reachable(repository, [commit], [there]):
        return Reach.AHEAD_THERE
    return Reach.LACKING if reachable(repository, [there], [commit]) else Reach.APART
