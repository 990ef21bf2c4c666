"""How far a release is: gathered from remotes, tags, verdicts and the registry each time anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.git.ancestry import described, is_named
from guard.git.commands import PERSON, Command, git, told
from guard.git.locate import open_checkout
from guard.git.refs import head_of, refs_below
from guard.git.releases import release_version
from guard.git.repository import Repository
from guard.model import Combination, Finding, Gitlink, Tested, VerdictState
from guard.situation.branches import (
    HEADS,
    PushedTo,
    default_branch,
    default_branches,
    head_branch,
    pushed_to,
    short_name,
    tracking_ref,
)
from guard.situation.checkouts import in_way_of_checkout
from guard.situation.combinations import of_commit
from guard.situation.facts import Gatherer
from guard.situation.gitlinks import usual_destination
from guard.situation.publication import Publication, PublicationState
from guard.situation.published import PublishedLinks
from guard.situation.release import (
    Before,
    Published,
    PublishedImage,
    Reach,
    ReleaseFacts,
    Spot,
    Trouble,
)
from guard.situation.tracking import Place, record_seen, track
from guard.situation.values import Facts, Pin, Unknown
from guard.situation.whereabouts import Whereabouts
from guard.verdicts.record import Record

_TAGS: Final = "refs/tags/"
# They cannot be asked as they are named, or need not be.
_PUSHABLE = (PublicationState.PUBLISHED, PublicationState.UNPUBLISHED, PublicationState.UNASKED)

Registry = Callable[[Config, Record], PublishedImage | Trouble]


class Asking(NamedTuple):
    """Who may be asked besides this machine.

    Args:
        patience: the seconds that each remote of git has to answer; 0 where none is asked.
        registry: looks an image up, None where nobody does.
    """

    patience: float = 0
    registry: Registry | None = None


class Look(NamedTuple):
    """What was found.

    Args:
        subject: e.g. ``aula 0.38-2-g1234567 with thentos v0.4.0``.
    """

    release: ReleaseFacts
    subject: str
    combination: Combination
    config: Config
    facts: Facts
    record: Record | None


class _Tag(NamedTuple):
    """The dependency's release tag in a repository that has a remote for it.

    Args:
        ref: its full name.
        commit: what it is at.
        is_known: whether the remote is known to have it.
    """

    place: Place
    ref: str
    commit: str
    is_known: bool


class Progress:
    """Looks at the combination that the superproject would commit next.

    Args:
        head: what it has committed, None before the first commit.
        faults: what speaks against the combination itself.
    """

    def __init__(
        self,
        gatherer: Gatherer,
        combination: Combination,
        head: Combination | None,
        faults: tuple[Finding, ...],
        asking: Asking,
    ) -> None:
        self._gatherer = gatherer
        self._workspace = gatherer.workspace
        self._combination = combination
        self._head = head
        self._faults = faults
        self._asking = asking
        self._config = gatherer.config(combination)
        self._facts = gatherer.gather(combination, tested=True)
        self._published = PublishedLinks(
            gatherer, usual_destination(gatherer.workspace, asks=False)
        )
        self._links = self._published.links
        self._where = Whereabouts(gatherer.workspace, self._links, asking.patience)
        (self._top,) = track([gatherer.workspace.superproject], gatherer.pool)

    def look(self) -> Look:
        """Everything that the steps depend on.

        Raises:
            GuardError: the combination cannot be read.
        """
        facts, head = self._facts, self._head
        record = self._record()
        tag = _tried(self._tag)
        subject = self._subject()
        is_chosen = bool(self._asking.patience and self._faults)
        release = ReleaseFacts(
            names=facts.names,
            top=self._workspace.superproject,
            faults=self._faults,
            dependency=self._tag_spot(tag) if isinstance(tag, _Tag) else tag,
            tested=facts.tested,
            image=self._image(record),
            consumer=_tried(self._consumer),
            superproject=_tried(self._superproject),
            staged=head is None or head.tree != self._combination.tree,
            message=f"Take {subject}",
            explained=self._explained() if is_chosen else None,
            new_tags=self._new_tags() if is_chosen else None,
        )
        return Look(release, subject, self._combination, self._config, facts, record)

    def before(self) -> Before | Unknown:
        """What others have, with the dependency as it stands now."""
        gatherer, config, pin = self._gatherer, self._config, self._facts.pin
        tip = self._tracked
        if not tip:
            name = self._facts.names.superproject
            return Unknown(f"nothing of {name} is known to be published, to compare with")
        try:
            top, source = self._workspace.superproject, f"commit {tip[:12]}"
            combination = of_commit(top, gatherer.pool, tip, source)
            theirs = gatherer.gather(combination, tested=False).pin
            if not isinstance(theirs, Pin):
                what = theirs.what if theirs else "no gitlink is published"
                return Unknown(what)
            spot = self._consumer_spot
            if not isinstance(spot, Spot) or not spot.there or not isinstance(pin, Pin):
                name = self._facts.names.consumer
                return Unknown(f"nothing of {name} is known to be published, to compare with")
            replaced = (
                Gitlink(config.consumer, spot.there),
                Gitlink(config.dependency, pin.commit),
            )
            facts = gatherer.gather(combination._replace(replaced=replaced), tested=False)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)
        return Before(theirs, facts, f"{spot.remote}/{spot.branch}")

    def _explained(self) -> Facts | None:
        try:
            return self._gatherer.explain(self._facts, self._combination, ())
        except GuardError:
            return None  # guard align says why

    def _new_tags(self) -> Command | None:
        """What fetches the releases that the dependency's remote has and that are not here."""
        path, form = self._config.dependency, self._config.release_tag
        for place in self._places(path):
            shown = self._where.shown(place.repository, place.remote.name)
            if isinstance(shown, Trouble):
                continue
            own = refs_below(place.repository, _TAGS)
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

    def _record(self) -> Record | None:
        tested = self._facts.tested
        if not isinstance(tested, Tested) or tested.state is not VerdictState.PASSED:
            return None
        for record in self._gatherer.verdicts.counted():
            if (record.key, record.recipe) == (tested.key, tested.recipe):
                return record
        return None

    def _image(self, record: Record | None) -> PublishedImage | Trouble:
        if not self._config.image.publish:
            return PublishedImage(Published.NOWHERE)
        if record is None or not record.is_published(self._config.image.name):
            return PublishedImage(Published.NO)
        if self._asking.registry is not None:
            return self._asking.registry(self._config, record)
        digest = record.image.digest.partition("@")[2]
        return PublishedImage(Published.YES, record.image.reference, digest)

    def _tag(self) -> _Tag | Trouble | Publication | None:
        """The release tag, in a repository that has the remote that `.gitmodules` names."""
        pin, path = self._facts.pin, self._config.dependency
        if pin is None:
            return None
        if isinstance(pin, Unknown):
            return Trouble(pin.what, told(pin.remedy), True)
        if not pin.releases:
            return Trouble(f"{path} stands at no release", "guard align")
        link = self._link(path)
        if link.state not in _PUSHABLE:
            return link
        for place in self._places(path):
            for release in pin.releases:
                ref = f"refs/tags/{release.tag}"
                if _commit(place.repository, ref) == pin.commit:
                    is_known = link.state is PublicationState.PUBLISHED
                    return _Tag(place, ref, pin.commit, is_known)
        return Trouble(
            f"the tag {pin.releases[0].tag} is in no repository of {path} that has a remote",
            self._fetching(path, "--tags"),
            True,
        )

    def _tag_spot(self, tag: _Tag) -> Spot | Trouble:
        """Where the release tag has to be."""
        place, ref = tag.place, tag.ref
        spot = Spot(place.repository, place.target, ref, ref, Reach.ABSENT)
        if not self._asking.patience:
            return spot._replace(reach=Reach.SAME) if tag.is_known else spot
        shown = self._where.shown(place.repository, place.remote.name)
        if isinstance(shown, Trouble):
            return shown
        there = shown.get(f"{ref}^{{}}", shown.get(ref, ""))
        reach = Reach.ABSENT if not there else Reach.SAME if there == tag.commit else Reach.OTHER
        if reach is Reach.SAME and not tag.is_known:
            with suppress(GitError):  # what cannot be kept is asked again
                record_seen(place.tracking, place.remote, shown, [tag.commit])
        return spot._replace(reach=reach, there=there, asked=True)

    def _consumer(self) -> Spot | Trouble | Publication | None:
        if self._commit is None:
            return None
        return self._beside if self._is_feature else self._consumer_spot

    @property
    def _is_feature(self) -> bool:
        """Whether the superproject is on a branch that is not its default one."""
        branch = self._branch
        defaults = default_branches(self._top.refs, branch.remote)
        default = short_name(branch.remote, defaults[0]) if len(defaults) == 1 else ""
        return bool(default) and not branch.detached and branch.ref != HEADS + default

    @property
    def _beside(self) -> Spot | Trouble | Publication:
        """Where the consumer's commit has to be while the superproject is on a feature branch.

        On any branch of its remote; if it is on none, the one that is checked out in the consumer
        goes there, or one of the name that the superproject's has. The default branch never does.
        """
        place, path, commit = self._home, self._config.consumer, self._commit
        if not isinstance(place, Place):
            return place
        assert commit is not None  # it is in that place
        repository, remote = place.repository, place.remote.name
        ref = self._branch.ref
        spot = Spot(repository, place.target, commit, ref, Reach.ABSENT)
        if head_of(repository) == commit and (local := head_branch(repository)):
            default = place.tracking.default_branch(place.remote, place.wanted)
            is_default = default == tracking_ref(remote, local.removeprefix(HEADS))
            spot = spot._replace(ref=ref if is_default else local, local=local)
        compared = self._where.compared(spot, place.tracking, remote, path)
        is_known = self._link(path).state is PublicationState.PUBLISHED
        if is_known and isinstance(compared, Spot):
            return compared._replace(reach=Reach.SAME)
        return compared

    @cached_property
    def _commit(self) -> str | None:
        """The commit at the consumer's gitlink, None where there is none."""
        return self._gatherer.gitlink(self._combination, self._config.consumer)

    @cached_property
    def _home(self) -> Place | Trouble | Publication:
        """A remote of the consumer, in a repository that has its commit."""
        path, commit = self._config.consumer, self._commit
        assert commit is not None  # who asks has a gitlink
        link = self._link(path)
        if link.state not in _PUSHABLE:
            return link
        for place in self._places(path):
            if self._links.present(place.repository, [commit]):
                return place
        return Trouble(
            f"commit {commit} of {path} is in no repository that has its remote",
            self._fetching(path),
            True,
        )

    @cached_property
    def _consumer_spot(self) -> Spot | Trouble | Publication:
        """Where the consumer's commit has to be: on the default branch of that remote."""
        place, path, commit = self._home, self._config.consumer, self._commit
        if not isinstance(place, Place):
            return place
        assert commit is not None  # it is in that place
        remote = place.remote.name
        ref = place.tracking.default_branch(place.remote, place.wanted)
        if ref is None:
            return Trouble(
                f"which branch of {remote} is the default one of {path} is not known",
                git(place.repository, "remote", "set-head", remote, "--auto").text,
                True,
            )
        there = HEADS + short_name(remote, ref)
        spot = Spot(place.repository, place.target, commit, there, Reach.ABSENT)
        if head_of(place.repository) == commit:
            spot = spot._replace(local=head_branch(place.repository))
        return self._where.compared(spot, place.tracking, remote, path)

    def _link(self, path: str) -> Publication:
        """Whether others can fetch the commit of a submodule, as far as is known here."""
        (publications,) = self._published.of([(self._combination, self._config)])
        return next(item for item in publications if item.path == path)

    def _places(self, path: str) -> Iterable[Place]:
        submodule = self._links.submodule(self._combination, self._config, path)
        assert submodule is not None  # who asks has a gitlink
        return self._links.places(submodule, self._config)

    def _superproject(self) -> Spot | Trouble:
        top = self._workspace.superproject
        name, branch = self._facts.names.superproject, self._branch
        if not branch.remote:
            return self._no_remote(name)
        head = head_of(top) or ""
        spot = Spot(top, branch.remote, head, branch.ref, Reach.ABSENT, local=head_branch(top))
        if branch.detached:
            spot = spot._replace(trouble=_detached(top, head, name))
        return self._where.compared(spot, self._top, branch.remote, "")

    def _no_remote(self, name: str) -> Trouble:
        top, remotes = self._top.repository, [item.name for item in self._top.remotes.remotes]
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
        top = self._top
        names = [item.name for item in top.remotes.remotes]
        return pushed_to(dict(top.options), names, head_branch(top.repository), top.refs)

    @property
    def _tracked(self) -> str:
        """What the superproject's remote was last known to have there, or on its default branch."""
        refs, branch = self._top.refs, self._branch
        there = tracking_ref(branch.remote, branch.ref.removeprefix(HEADS))
        names = (there, *default_branches(refs, branch.remote))
        return next((refs[name].id for name in names if name in refs), "")

    def _subject(self) -> str:
        """Which consumer and which dependency it is about, as people name them."""
        names, parts = self._facts.names, []
        if self._commit is not None:
            parts.append(f"{names.consumer} {self._described(self._commit)}")
        pin = self._facts.pin
        if isinstance(pin, Pin):
            at = pin.releases[0].tag if pin.releases else pin.commit[:12]
            parts.append(f"{names.dependency} {at}")
        return " with ".join(parts)

    def _fetching(self, path: str, *words: str) -> str:
        """What fetches into the checkout of a submodule, or makes one."""
        top = self._workspace.superproject
        checkout = open_checkout(os.path.join(top.place, path))
        if checkout is None:
            return git(top, "submodule", "update", "--init", path).text
        return git(checkout, "fetch", *words).text

    def _described(self, commit: str) -> str:
        home = _tried(lambda: self._home)
        return described(home.repository, commit) if isinstance(home, Place) else commit[:12]


def _detached(top: Repository, head: str, name: str) -> Trouble:
    """That no branch is checked out, and what brings the likeliest one back."""
    reason = f"HEAD of {name} is detached: no branch would be pushed"
    if head and not is_named(top, head):
        # A switch would leave what nothing else has.
        return Trouble(reason, git(top, "branch", f"keep-{head[:8]}", head[:12]).text)
    default = default_branch(top)
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


_Found = TypeVar("_Found")


def _tried(find: Callable[[], _Found]) -> _Found | Trouble:
    """What was found, or why nobody knows: the other steps are told all the same."""
    try:
        return find()
    except GuardError as error:
        return Trouble(error.problem, error.remedy, undecided=True)


def _commit(repository: Repository, ref: str) -> str:
    return repository.text("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", ok=(0, 1, 128))
