"""The situation: all facts about the three repositories that a command goes by, each read once."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from shlex import join
from typing import Final, TypeVar

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.commands import told
from guard.git.commits import contained, containing, described, has_commit, is_ancestor
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.model import (
    POLICY,
    RULES,
    STATIC_RULES,
    STEP_BACK,
    STEPS_BACK,
    Combination,
    Decision,
    Finding,
    Gitlink,
    Release,
    Role,
    Tested,
    VerdictState,
)
from guard.plan.align import Choice, Nearness, choose
from guard.plan.following import Pushes
from guard.rules import release_tag
from guard.situation.contents import with_consumer
from guard.situation.destinations import Destinations
from guard.situation.gitlinks import usual_destination
from guard.situation.publication import Direction, Unknown
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
from guard.situation.tracking import Place
from guard.situation.values import Facts, Pin
from guard.situation.workspace import repositories_of
from guard.verdicts.record import Record

_TAGS: Final = "refs/tags/"
# What building, testing and pushing brings about.
_LATER = frozenset(RULES) - {*STATIC_RULES, STEP_BACK}

Registry = Callable[[Config, Record], PublishedImage | Trouble]


class Situation(Destinations):
    """What the superproject would commit next, and how far that is from being released.

    Each fact is read once, when it is asked for; doing a step ends the situation.

    Args:
        asks: as of `Destinations`.
        registry: looks an image up, None where nobody does.
    """

    def __init__(
        self,
        gate: Gate,
        asks: bool = False,
        registry: Registry | None = None,
        combination: Combination | None = None,
    ) -> None:
        super().__init__(gate, gate.gatherer, combination or gate.present(), asks)
        self.gate = gate
        self._registry = registry

    @cached_property
    def releases(self) -> Facts:
        """The facts with every release of the dependency, and without a verdict."""
        gatherer = self.gate.gatherer
        facts = gatherer.gather(self.combination, tested=False)
        return (
            gatherer.explain(facts, self.combination, ()) if isinstance(facts.pin, Pin) else facts
        )

    def choice(self, newest: bool = False) -> Choice | None:
        """The release to which ``guard align`` moves the dependency, None where none fits."""
        facts = self.releases
        assert isinstance(facts.pin, Pin)  # who would move it has a gitlink
        return choose(facts, self._nearness(facts.pin), newest)

    @cached_property
    def standing(self) -> Decision:
        """What the gate says of the combination, whatever else is to be pushed before."""
        return self._order.ahead(self.combination)

    @cached_property
    def _order(self) -> Order:
        return Order(self.gate, self._links)

    @cached_property
    def faults(self) -> tuple[Finding, ...]:
        """What the hook would have against the combination whatever the steps bring about."""
        pin, later = self.facts.pin, _LATER
        if isinstance(pin, Pin) and pin.shared is not None and pin.shared.own:
            later |= {release_tag.NAME}  # pushing the tag is a step
        findings = dict.fromkeys((*self.standing.findings, *self._of_consumer))
        faults = (each for each in findings if each.blocks and each.rule not in later)
        return tuple(self._reasoned(each) for each in faults if not self._is_mended(each))

    @property
    def _of_consumer(self) -> tuple[Finding, ...]:
        """What a push of the consumer that is still to come is told of the recipe."""
        spot = _tried(self._consumer)
        if not isinstance(spot, Spot) or spot.is_there:
            return ()
        return self.gate.on_recipe(self.combination, self.gate.published)

    def _is_mended(self, fault: Finding) -> bool:
        """Whether a gitlink that goes back, or another recipe, is nothing to be mended now.

        The dependency is moved by choice, back as well, and the commit says so. What others have
        on top of HEAD, or beside it, comes before what HEAD is unlike that.
        """
        if fault.rule not in (STEP_BACK, POLICY):
            return False
        path, tested, spot = fault.evidence[0].path or "", self.facts.tested, self._own_spot
        is_apart = isinstance(spot, Spot) and spot.reach in (Reach.AHEAD_THERE, Reach.APART)
        if fault.rule == STEP_BACK and self._moves(path):
            return is_apart or path == self.config.dependency
        if fault.rule == POLICY:
            # Who fills in the test command changes the recipe once more.
            is_left = isinstance(tested, Tested) and tested.state is VerdictState.NO_COMMAND
            return is_apart or is_left
        return is_apart

    def _reasoned(self, fault: Finding) -> Finding:
        """A fault of which the commit that mends it says of the dependency what the step would."""
        if fault.rule != POLICY or fault.evidence[0].commit:
            return fault
        words = (word for line in self._trailers for word in ("-m", line))
        return fault._replace(remedy=f"{fault.remedy} {join(words)}".rstrip())

    def _moves(self, path: str) -> bool:
        """Whether another commit of a submodule is staged than HEAD has."""
        head = self.gate.head if self.is_staged else None
        if head is None:
            return self.is_staged
        return self.gate.gitlink(head, path) != self.gate.gitlink(self.combination, path)

    @cached_property
    def _own_spot(self) -> Spot | Trouble:
        return _tried(self._superproject)

    def moving(self, release: Release) -> tuple[str, ...]:
        """What the message of a commit says that moves the dependency to a release, and back."""
        path = self.config.dependency
        link = Gitlink(path, release.commit)
        to = self.combination._replace(commit=None, replaced=(link, *self.combination.replaced))
        moves, is_default = self._order.moves(to, self.config, self._destination.ref)
        back = (each for each in moves if is_default or each.direction is Direction.BEHIND)
        why = f"{release.tag} is the release that was chosen"
        return tuple(f"{STEPS_BACK}: {path} {why}" for each in back if each.path == path)[:1]

    @cached_property
    def is_staged(self) -> bool:
        """Whether the combination is still to be committed."""
        head = self.gate.head
        return head is None or head.tree != self.combination.tree

    @cached_property
    def consumer_checkout(self) -> Repository | None:
        """The first checkout of the consumer that is at a commit."""
        places = repositories_of(self.gate.workspace, self.config, self.config.consumer)
        checked_out = (each for each in places if each.work_tree is not None)
        return next((each for each in checked_out if self._head(each)), None)

    @cached_property
    def pushes(self) -> Pushes:
        """What the hook would say of HEAD of the superproject and of the consumer.

        It would ask which branch is the default one, as far as that matters, and what is published.
        """
        gate, head, checkout = self.gate, self.gate.head, self.consumer_checkout
        links = self._links
        if self._asks:
            links = PublishedLinks(self._contents, self._destination._replace(asks=True))
        tops = Order(gate, links).plain([head.commit] if head and head.commit else [])
        consumer = None
        if checkout is not None:
            options = gate.pool.settings.of(checkout)
            destination = usual_destination(checkout, options, asks=False)
            own = Order(gate, links, checkout, destination)
            consumer = own.consumer(self._head(checkout))
        return Pushes(next(iter(tops), None), consumer)

    @cached_property
    def release(self) -> ReleaseFacts:
        """Everything that the steps depend on."""
        facts, faults = self.facts, self.faults
        # What another release would mend.
        is_chosen = self._asks and any(each.rule in STATIC_RULES for each in faults[:1])
        return ReleaseFacts(
            names=facts.names,
            top=self.top,
            faults=faults,
            dependency=_tried(self._dependency),
            tested=facts.tested,
            image=self._image,
            consumer=_tried(self._consumer),
            unfetchable=self._unfetchable,
            beside=_tried(lambda: self._own_branch),
            superproject=self._own_spot,
            staged=self.is_staged,
            message=f"Take {self.subject}" if self.is_staged else "",
            trailers=self._trailers,
            hides_gitlinks=dict(self.gate.workspace.options).get("diff.ignoresubmodules") == "all",
            fits_none=is_chosen and self._fits_none,
            new_tags=self._new_tags if is_chosen else None,
        )

    @property
    def _trailers(self) -> tuple[str, ...]:
        """What the message of the commit says of the dependency, where that goes back."""
        pin = self.facts.pin
        if not self._moves(self.config.dependency) or not isinstance(pin, Pin) or not pin.releases:
            return ()
        return self.moving(pin.releases[0])

    @cached_property
    def subject(self) -> str:
        """What it is, as people name it, e.g. ``aula 0.38-2-g1234567 with thentos v0.4.0``."""
        names, pin, parts = self.facts.names, self.facts.pin, []
        if self._commit:
            home = _tried(lambda: self._home)
            at = home.repository if isinstance(home, Place) else None
            name = described(at, self._commit) if at else self._commit[:12]
            parts.append(f"{names.consumer} {name}")
        if isinstance(pin, Pin):
            name = pin.releases[0].tag if pin.releases else pin.commit[:12]
            parts.append(f"{names.dependency} {name}")
        return " with ".join(parts)

    @cached_property
    def record(self) -> Record | None:
        """The newest record of the verdict, if it has passed."""
        tested = self.facts.tested
        if not isinstance(tested, Tested) or tested.state is not VerdictState.PASSED:
            return None
        return self.gate.verdicts.record_of(tested.key, tested.recipe)

    @cached_property
    def before(self) -> Before | Unknown:
        """What others have, with the dependency as it stands now."""
        gatherer, config = self.gate.gatherer, self.config
        names, pin = self.facts.names, self.facts.pin
        if not isinstance(pin, Pin):
            return pin or Unknown(f"there is no gitlink for {names.dependency}")
        if not self._commit:
            return Unknown(f"there is no gitlink for {names.consumer}")
        if not (tip := self._tracked):
            return _nothing_of(names.superproject)
        try:
            combination = self.gate.combination(tip)
            theirs = gatherer.gather(combination, tested=False).pin
            if not isinstance(theirs, Pin):
                return Unknown(theirs.what if theirs else "no gitlink is published")
            spot = self._merged
            if not isinstance(spot, Spot) or not spot.there:
                return _nothing_of(names.consumer)
            replaced = (
                Gitlink(config.consumer, spot.there),
                Gitlink(config.dependency, pin.commit),
            )
            facts = gatherer.gather(combination._replace(replaced=replaced), tested=False)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)
        return Before(theirs, facts, f"{spot.remote}/{spot.branch}")

    @property
    def _fits_none(self) -> bool:
        """Whether ``guard align`` would find no release to take."""
        try:
            return isinstance(self.releases.pin, Pin) and self.choice() is None
        except GuardError:
            return False  # guard align says why

    def _nearness(self, pin: Pin) -> Nearness:
        later: set[str] = set()
        earlier: set[str] = set()
        for repository in pin.repositories:
            with suppress(GitError):  # this repository does not have the commit
                later.update(containing(repository, pin.commit, _TAGS))
                earlier.update(contained(repository, pin.commit, _TAGS))
        names = (frozenset(ref.removeprefix(_TAGS) for ref in refs) for refs in (later, earlier))
        return Nearness(*names)

    @property
    def _image(self) -> PublishedImage | Trouble:
        config, record = self.config, self.record
        if not config.image.publish:
            return PublishedImage(Published.NOWHERE)
        if record is None or not record.is_published(config.image.name):
            return self._refusal(record) or PublishedImage(Published.NO)
        if self._registry is not None:
            return self._registry(config, record)
        digest = record.image.digest.partition("@")[2]
        return PublishedImage(Published.YES, record.image.reference, digest)

    def _refusal(self, record: Record | None) -> Trouble | None:
        """Why the registry did not take the image last time, where it is not asked now."""
        if record is None or self._registry is not None:
            return None
        try:
            with open(self.gate.verdicts.refusal_file(record.name), encoding="utf-8") as note:
                problem, remedy = note.read().splitlines()
        except (OSError, ValueError):
            return None  # a damaged note is none
        mended = f"{remedy}, then guard publish" if remedy else "guard publish"
        return Trouble(problem, mended, is_persons=True)


def standing(gate: Gate) -> Combination:
    """The index; in the consumer with its HEAD, which is what will be pushed with it.

    Not with that of a clone that is only behind the index: `guard status` speaks of the index.
    """
    present = gate.present()
    config = gate.config(present)
    if gate.workspace.role(config) is not Role.CONSUMER:
        return present
    commit, pinned = head_of(gate.workspace.here), gate.gitlink(present, config.consumer)
    if commit is None or pinned is None or is_behind(gate, config, commit, pinned):
        return present
    return with_consumer(present, config.consumer, commit)


def is_behind(gate: Gate, config: Config, commit: str, pinned: str) -> bool:
    """Whether a commit of the consumer lies before the one that is pinned."""
    root = gate.submodules(config).store(config.consumer).root(pinned)
    if root is None or not has_commit(root.repository, commit):
        return False
    return is_ancestor(root.repository, commit, pinned)


def _nothing_of(name: str) -> Unknown:
    return Unknown(f"nothing of {name} is known to be published, to compare with")


_Fact = TypeVar("_Fact")


def _tried(find: Callable[[], _Fact]) -> _Fact | Trouble:
    """The fact, or why nobody knows it: the other steps are told all the same."""
    try:
        return find()
    except GuardError as error:
        return Trouble(error.problem, told(error.remedy), undecided=True)
