"""How far a release is: gathered from remotes, tags, verdicts and the registry each time anew."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple, TypeVar

from guard.config import Config
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.ancestry import described
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.model import RULES, STATIC_RULES, Combination, Evidence, Finding, Gitlink, Severity
from guard.plan.compatibility import Before
from guard.plan.walk import Kind, Known, Publication, Published, Reach, Spot, Trouble
from guard.rules import published
from guard.situation.branches import (
    HEADS,
    PushedTo,
    default_branches,
    head_branch,
    pushed_to,
    short_name,
    tracking_ref,
)
from guard.situation.gitlinks import Destination, Submodule
from guard.situation.publication import Publications, PublicationState
from guard.situation.published import PublishedLinks
from guard.situation.tracking import Place, track
from guard.situation.values import Facts, Pin, Tested, Unknown, VerdictState
from guard.situation.whereabouts import Whereabouts, git_for
from guard.verdicts.record import Record

_BLOCKING = (Severity.ERROR, Severity.UNDECIDED)
# What the steps bring about.
_LATER = frozenset(RULES) - frozenset(STATIC_RULES)

Registry = Callable[[Config, Record], Publication | Trouble]


class Asking(NamedTuple):
    """Who may be asked besides this machine.

    Args:
        remotes: those of git, over the network.
        registry: looks an image up, None where nobody does.
    """

    remotes: bool = False
    registry: Registry | None = None


class Look(NamedTuple):
    """What was found.

    Args:
        subject: e.g. ``aula 0.38-2-g1234567 with thentos v0.4.0``.
        repositories: where each push is made.
        place: where the dependency's tag is pushed to.
        stale: what git knew last of these remotes is not what they have now.
    """

    known: Known
    subject: str
    combination: Combination
    config: Config
    facts: Facts
    record: Record | None
    repositories: Mapping[Kind, Repository]
    place: Place | None
    stale: tuple[tuple[Repository, str], ...]


class Progress:
    """Looks at the combination that the superproject would commit next."""

    def __init__(self, gate: Gate, asking: Asking) -> None:
        self._gate = gate
        self._asking = asking
        self._combination = gate.present()
        self._config = gate.gatherer.config(self._combination)
        self._facts = gate.gatherer.gather(self._combination, tested=True)
        self._published = PublishedLinks(gate.gatherer, Destination(asks=False))
        self._links = self._published.links
        self._where = Whereabouts(gate.workspace, self._links, asking.remotes)
        self._repositories: dict[Kind, Repository] = {}
        self._place: Place | None = None
        top = gate.workspace.superproject
        (self._top,) = track([top], gate.pool)

    def look(self) -> Look:
        """Everything that the steps depend on.

        Raises:
            GuardError: the combination cannot be read.
        """
        gate, facts = self._gate, self._facts
        record = self._record()
        head = gate.head()
        dependency = _tried(self._dependency)
        consumer = _tried(self._consumer)
        subject = self._subject()
        known = Known(
            names=facts.names,
            faults=self._faults(),
            dependency=dependency,
            tested=facts.tested,
            image=self._image(record),
            consumer=consumer,
            superproject=_tried(self._superproject),
            staged=head is None or head.tree != self._combination.tree,
            message=f"Take {subject}",
        )
        return Look(
            known,
            subject,
            self._combination,
            self._config,
            facts,
            record,
            self._repositories,
            self._place,
            tuple(self._where.stale),
        )

    def before(self) -> Before | Unknown:
        """What others have, with the dependency as it stands now."""
        gate, config, pin = self._gate, self._config, self._facts.pin
        tip = self._tracked
        if not tip:
            name = self._facts.names.superproject
            return Unknown(f"nothing of {name} is known to be published, to compare with")
        try:
            combination = gate.combination(tip)
            theirs = gate.gatherer.gather(combination, tested=False).pin
            if not isinstance(theirs, Pin):
                what = theirs.what if theirs else "no gitlink is published"
                return Unknown(what)
            spot = self._consumer_spot()
            if not isinstance(spot, Spot) or not spot.there or not isinstance(pin, Pin):
                name = self._facts.names.consumer
                return Unknown(f"nothing of {name} is known to be published, to compare with")
            replaced = (
                Gitlink(config.consumer, spot.there),
                Gitlink(config.dependency, pin.commit),
            )
            facts = gate.gatherer.gather(combination._replace(replaced=replaced), tested=False)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)
        return Before(theirs, facts, f"{spot.remote}/{spot.branch}")

    def _faults(self) -> tuple[Finding, ...]:
        gate = self._gate
        decision = gate.decide(gate.workspace.name(""), "", None, self._combination)
        return tuple(
            item
            for item in decision.findings
            if item.severity in _BLOCKING and item.rule not in _LATER
        )

    def _record(self) -> Record | None:
        tested = self._facts.tested
        if not isinstance(tested, Tested) or tested.state is not VerdictState.PASSED:
            return None
        for record in self._gate.gatherer.verdicts.counted():
            if (record.key, record.recipe) == (tested.key, tested.recipe):
                return record
        return None

    def _image(self, record: Record | None) -> Publication | Trouble:
        if not self._config.image.publish:
            return Publication(Published.NOWHERE)
        if record is None or not record.image.digest:
            return Publication(Published.NO)
        if self._asking.registry is not None:
            return self._asking.registry(self._config, record)
        digest = record.image.digest.partition("@")[2]
        return Publication(Published.YES, record.image.reference, digest)

    def _dependency(self) -> Spot | Trouble | None:
        """Where the release tag has to be: at the remote that `.gitmodules` names."""
        pin, path = self._facts.pin, self._config.dependency
        if pin is None:
            return None
        if isinstance(pin, Unknown):
            return Trouble(pin.what, pin.remedy, True)
        if not pin.releases:
            return Trouble(f"{path} stands at no release", "guard align")
        found = self._places(path)
        if isinstance(found, Trouble):
            return found
        is_known, places = found
        for place in places:
            for release in pin.releases:
                tag = f"refs/tags/{release.tag}"
                if _commit(place.repository, tag) == pin.commit:
                    return self._tag_spot(place, tag, pin.commit, is_known)
        return Trouble(
            f"the tag {pin.releases[0].tag} is in no repository of {path} that has a remote",
            f"git -C {shlex.quote(path)} fetch --tags",
            True,
        )

    def _tag_spot(self, place: Place, tag: str, commit: str, is_known: bool) -> Spot | Trouble:
        self._place = place
        self._repositories[Kind.PUSH_DEPENDENCY] = place.repository
        spot = Spot(git_for(place.repository), place.target, tag, tag, Reach.ABSENT)
        if not self._asking.remotes:
            return spot._replace(reach=Reach.SAME) if is_known else spot
        shown = self._where.shown(place.repository, place.remote.name)
        if isinstance(shown, Trouble):
            return shown
        there = shown.get(f"{tag}^{{}}", shown.get(tag, ""))
        reach = Reach.ABSENT if not there else Reach.SAME if there == commit else Reach.OTHER
        return spot._replace(reach=reach, there=there, asked=True)

    def _consumer(self) -> Spot | Trouble | None:
        if self._gate.gatherer.gitlink(self._combination, self._config.consumer) is None:
            return None
        spot = self._consumer_spot()
        if isinstance(spot, Spot) and spot.trouble is None:
            spot = spot._replace(trouble=self._beside(spot))
        return spot

    def _beside(self, spot: Spot) -> Trouble | None:
        """What is tried out on a branch of the superproject is nothing for a default branch."""
        branch, top = self._branch, self._gate.workspace.superproject
        defaults = default_branches(self._top.refs, branch.remote)
        default = short_name(branch.remote, defaults[0]) if len(defaults) == 1 else ""
        if branch.detached or not default or branch.ref == HEADS + default:
            return None
        facts, short = self._facts, branch.ref.removeprefix(HEADS)
        return Trouble(
            f"{facts.names.superproject} is on {short}, not on {default}, and "
            f"{facts.names.consumer} would go to {spot.branch}",
            f"{git_for(top)} switch {shlex.quote(default)}",
        )

    def _consumer_spot(self) -> Spot | Trouble:
        """Where the consumer's commit has to be: on the default branch of that remote."""
        path = self._config.consumer
        commit = self._gate.gatherer.gitlink(self._combination, path)
        assert commit is not None  # who asks has a gitlink
        found = self._places(path)
        if isinstance(found, Trouble):
            return found
        for place in found[1]:
            if not self._links.present(place.repository, [commit]):
                continue
            self._repositories[Kind.PUSH_CONSUMER] = place.repository
            git, remote = git_for(place.repository), place.remote.name
            ref = place.tracking.default_branch(place.remote, place.wanted)
            if ref is None:
                return Trouble(
                    f"which branch of {remote} is the default one of {path} is not known",
                    f"{git} remote set-head {remote} --auto",
                    True,
                )
            branch = short_name(remote, ref)
            spot = Spot(git, place.target, commit, f"{HEADS}{branch}", Reach.ABSENT)
            if head_of(place.repository) == commit:
                spot = spot._replace(local=head_branch(place.repository))
            return self._where.compared(spot, place.tracking, remote, path)
        return Trouble(
            f"commit {commit} of {path} is in no repository that has its remote",
            f"git -C {shlex.quote(path)} fetch",
            True,
        )

    def _places(self, path: str) -> tuple[bool, list[Place]] | Trouble:
        """The remotes of a submodule, and whether one is known to have its commit."""
        (found,) = self._published.of([(self._combination, self._config)])
        item = next(each for each in found if each.path == path)
        places = list(self._links.places(self._submodule(path), self._config))
        is_known = item.state is PublicationState.PUBLISHED
        if is_known or item.state in (PublicationState.UNPUBLISHED, PublicationState.UNASKED):
            return is_known, places
        name = self._facts.names.superproject
        (finding,) = published.check(Publications(Evidence(name), (item,)))
        return Trouble(finding.message, finding.remedy, finding.severity is Severity.UNDECIDED)

    def _submodule(self, path: str) -> Submodule:
        links = self._links.submodules(self._combination, self._config)
        return next(submodule for submodule, _ in links if submodule.path == path)

    def _superproject(self) -> Spot | Trouble:
        top = self._gate.workspace.superproject
        name, git = self._facts.names.superproject, git_for(top)
        branch = self._branch
        if not branch.remote:
            return self._no_remote(name, git)
        self._repositories[Kind.PUSH_SUPERPROJECT] = top
        head = head_of(top) or ""
        spot = Spot(git, branch.remote, head, branch.ref, Reach.ABSENT, local=head_branch(top))
        if branch.detached:
            remedy = f"{git} switch {shlex.quote(branch.ref.removeprefix(HEADS))}"
            spot = spot._replace(
                trouble=Trouble(f"HEAD of {name} is detached: no branch would be pushed", remedy)
            )
        return self._where.compared(spot, self._top, branch.remote, "")

    def _no_remote(self, name: str, git: str) -> Trouble:
        remotes = [item.name for item in self._top.remotes.remotes]
        if not remotes:
            return Trouble(f"{name} has no remote to push to", f"{git} remote add origin <url>")
        return Trouble(
            f"nothing says to which of the remotes {', '.join(remotes)} {name} is pushed",
            f"{git} config remote.pushDefault {shlex.quote(remotes[0])}",
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
        names, config = self._facts.names, self._config
        parts = []
        commit = self._gate.gatherer.gitlink(self._combination, config.consumer)
        if commit is not None:
            parts.append(f"{names.consumer} {self._described(commit)}")
        pin = self._facts.pin
        if isinstance(pin, Pin):
            at = pin.releases[0].tag if pin.releases else pin.commit[:12]
            parts.append(f"{names.dependency} {at}")
        return " with ".join(parts)

    def _described(self, commit: str) -> str:
        repository = self._repositories.get(Kind.PUSH_CONSUMER)
        return described(repository, commit) if repository is not None else commit[:12]


_Found = TypeVar("_Found")


def _tried(find: Callable[[], _Found]) -> _Found | Trouble:
    """What was found, or why nobody knows: the other steps are told all the same."""
    try:
        return find()
    except GuardError as error:
        return Trouble(error.problem, error.remedy, undecided=True)


def _commit(repository: Repository, ref: str) -> str:
    return repository.text("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", ok=(0, 1, 128))
