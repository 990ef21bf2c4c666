"""Gathers what the rules may see, once for each combination, out of git's objects."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final

from guard.config import FILE, Config
from guard.errors import GuardError, MissingObjectError
from guard.git.commits import described
from guard.git.releases import TagList, all_releases, in_order, numbers, releases_named
from guard.git.repository import Repository
from guard.git.store import Root, Store
from guard.haskell import VersionRange
from guard.model import Combination, Evidence, Release, Severity, Tested, VerdictState
from guard.situation.assembly import Assembly, assemble
from guard.situation.contents import Contents, superproject_tree
from guard.situation.gitlinks import Submodule
from guard.situation.image_files import image_pins
from guard.situation.manifests import Library
from guard.situation.others import Drift, Others
from guard.situation.publication import Unknown
from guard.situation.published import PublishedLinks
from guard.situation.shared import releases_there, shared_releases, unknown_releases
from guard.situation.sources import Sources
from guard.situation.values import (
    ASK,
    FILL_IN,
    Consumer,
    Facts,
    ImagePins,
    Names,
    OldImage,
    Pin,
    ReleasePackages,
)
from guard.verdicts.verdicts import Verdicts

# As Cabal has it: more than nine digits are no number of a version.
_GREATEST: Final = 999_999_999


class Gatherer:
    """Facts about combinations of one workspace; what two of them share is read once.

    Args:
        links: of which the remotes say what is a release; None where the tags that are here do.
    """

    def __init__(
        self,
        contents: Contents,
        verdicts: Verdicts,
        others: Others,
        links: PublishedLinks | None = None,
    ) -> None:
        self._contents = contents
        self._links = links
        self._verdicts = verdicts
        self._others = others
        self._library = Library()
        self._consumers: dict[tuple[Config, str, object, str], Consumer | Unknown] = {}
        self._pins: dict[tuple[Config, str, Submodule | Unknown | None], Pin | Unknown] = {}
        self._tags: dict[tuple[str, tuple[Repository, ...]], TagList] = {}
        self._named: dict[tuple[str, tuple[Repository, ...]], dict[str, TagList]] = {}
        self._candidates: dict[
            tuple[Config, frozenset[VersionRange], int], tuple[ReleasePackages, ...]
        ] = {}
        self._tested: dict[tuple[Combination, Config], Tested | Unknown] = {}
        self._image_files: dict[tuple[str, ...], ImagePins] = {}

    def gather(self, combination: Combination, *, tested: bool) -> Facts:
        """Everything the rules need for one combination.

        Raises:
            GuardError: the superproject itself or its configuration cannot be read. What is
                wrong with a submodule stands in the facts as `Unknown`.
        """
        config = self._contents.config(combination)
        name = self._contents.workspace.name
        names = Names(
            name(""),
            name(config.consumer),
            name(config.dependency),
            config.consumer,
            config.dependency,
            config.release_tag,
        )
        evidence = Evidence(names.superproject, combination.commit, text=combination.source)
        pin = self._pin(combination, config)
        facts = Facts(names, evidence, self._consumer(combination, config, pin), pin)
        facts = facts._replace(image_pins=self._image_pins(combination, config))
        facts = facts._replace(test_command=_test_command(combination))
        facts = facts._replace(ask_command=ask_command(self._contents, combination))
        if not tested:
            return facts
        verdict = self.tested(combination, config)
        image = None
        if isinstance(verdict, Tested):
            drift = self._others.unlike(combination, config, verdict)
            image = drift and old_image(name, combination, config, verdict, drift)
        return facts._replace(tested=verdict, old_image=image)

    def explain(
        self,
        facts: Facts,
        combination: Combination,
        ranges: Collection[VersionRange],
        most: int = 0,
    ) -> Facts:
        """The facts with what only a blocked push needs: which releases there are, how near.

        Args:
            ranges: what is asked of the dependency's packages; the likeliest releases fit the most.
        """
        config = self._contents.config(combination)
        form, path = config.release_tag, config.dependency
        store = self._contents.submodules(config).store(path)
        releases = self._all_tags(form, store).releases
        if isinstance(facts.pin, Pin):
            # What only the remote has the tag of is here all the same.
            tags = {each.tag for each in releases}
            releases += tuple(each for each in facts.pin.releases if each.tag not in tags)
        key = (config, frozenset(ranges), most)
        if key not in self._candidates:
            chosen = _likeliest(ranges, releases, form, most)
            self._candidates[key] = _with_packages(store, self._library, chosen, form, path)
        others = max(0, len(releases) - most) if most else 0
        return facts._replace(candidates=self._candidates[key], others=others)

    def tested(self, combination: Combination, config: Config) -> Tested | Unknown:
        """What the verdicts say of a combination."""
        if not config.test.command:
            store = self._contents.store(combination)
            # guard init leaves a file that is there.
            is_there = store.walk(superproject_tree(store, combination), FILE) is not None
            return Tested(VerdictState.NO_COMMAND, remedy=FILL_IN if is_there else "")
        # Two commits with one tree are one combination.
        content = combination._replace(commit=None, source="")
        if (content, config) not in self._tested:
            self._tested[content, config] = self._look_up(combination, config)
        return self._tested[content, config]

    def assembly(self, combination: Combination, config: Config) -> Assembly:
        """All parts of a combination, and its key."""
        return assemble(
            self._contents.submodules(config), self._contents.store(combination), combination
        )

    def _look_up(self, combination: Combination, config: Config) -> Tested | Unknown:
        try:
            key = self.assembly(combination, config).key
            return self._verdicts.look_up(key, config.recipe.digest)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)

    def release(self, combination: Combination, config: Config) -> str | None:
        """The release tag at the dependency's gitlink, None where none is known."""
        commit = self._contents.gitlink(combination, config.dependency)
        submodule = self._submodule(combination, config)
        if commit is None or isinstance(submodule, Unknown):
            return None
        if self._links is not None and submodule is not None:
            releases = releases_there(self._links, submodule, commit, config.release_tag)
        else:
            rooted = self._contents.root(combination, config, config.dependency, commit)
            if isinstance(rooted, Unknown):
                return None
            releases = self._all_tags(config.release_tag, rooted[0]).at(commit)
        return releases[0].tag if releases else None

    def _pin(self, combination: Combination, config: Config) -> Pin | Unknown | None:
        commit = self._contents.gitlink(combination, config.dependency)
        if commit is None:
            return None
        submodule = self._submodule(combination, config)
        key = (config, commit, submodule)
        if key not in self._pins:
            rooted = self._contents.root(combination, config, config.dependency, commit)
            try:
                self._pins[key] = (
                    rooted
                    if isinstance(rooted, Unknown)
                    else self._read_pin(combination, config, submodule, *rooted)
                )
            except GuardError as error:
                self._pins[key] = Unknown(error.problem, error.remedy)
        return self._pins[key]

    def _submodule(self, combination: Combination, config: Config) -> Submodule | Unknown | None:
        """The dependency as it is asked about; None where the tags that are here count."""
        if self._links is None:
            return None
        try:
            return self._links.submodule(combination, config, config.dependency)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)

    def _read_pin(
        self,
        combination: Combination,
        config: Config,
        submodule: Submodule | Unknown | None,
        store: Store,
        root: Root,
    ) -> Pin:
        packages, others, unknown = self._library.packages(store, root.tree, config.dependency)
        form = config.release_tag
        pin = Pin(root.commit, packages, unknown=tuple(unknown), others=others)
        pin = pin._replace(repositories=store.repositories)
        versions = [str(item.version) for item in packages if item.version is not None]
        tags = self._likely_tags(form, store, versions)
        if not tags.at(root.commit):
            tags = self._all_tags(form, store)
        pin = pin._replace(releases=tags.at(root.commit))
        contradicting = tags.contradicting_at(root.commit)
        if isinstance(submodule, Unknown):
            pin = pin._replace(shared=unknown_releases(submodule))
        elif self._links is not None and submodule is not None:
            own = (*(each.tag for each in pin.releases), *contradicting)
            found = shared_releases(self._links, combination, config, submodule, root.commit, own)
            pin = pin._replace(releases=found.releases, shared=found.shared)
        if pin.releases:
            return pin._replace(misnamed=_is_misnamed(pin, form))
        same = store.with_tree(root.tree.id, [item.commit for item in tags.releases])
        same -= {root.commit}  # its own tags are here, and another commit's there
        same_content = [item for item in tags.releases if item.commit in same]
        finals = [item for item in same_content if not item.is_pre]
        return pin._replace(
            same_content=in_order(finals or same_content, form),
            described=described(root.repository, root.commit, form.replace("{version}", "[0-9]*")),
            contradicting=contradicting,
        )

    def _likely_tags(self, form: str, store: Store, versions: list[str]) -> TagList:
        """The tags that packages' versions name: nearly always one of them is the release's.

        Listing all takes longer the more there are, and is done once from the second pin on.
        """
        key, names = (form, store.repositories), " ".join(versions)
        named = self._named.setdefault(key, {})
        if key in self._tags or (named and names not in named):
            return self._all_tags(form, store)
        if names not in named:
            readers = map(self._contents.pool.reader, store.repositories)
            named[names] = releases_named(readers, form, versions)
        return named[names]

    def _all_tags(self, form: str, store: Store) -> TagList:
        key = (form, store.repositories)
        if key not in self._tags:
            self._tags[key] = all_releases(store.repositories, form)
        return self._tags[key]

    def _consumer(
        self, combination: Combination, config: Config, pin: Pin | Unknown | None
    ) -> Consumer | Unknown | None:
        commit = self._contents.gitlink(combination, config.consumer)
        if commit is None:
            return None
        # The states of its paths depend on the pin and on the superproject around it.
        key = (config, commit, pin.commit if isinstance(pin, Pin) else pin, combination.tree)
        if key not in self._consumers:
            rooted = self._contents.root(combination, config, config.consumer, commit)
            if isinstance(rooted, Unknown):
                self._consumers[key] = rooted
            else:
                store, root = rooted
                manifests, unknown = self._library.consumer(store, root.tree, config.consumer)
                consumer = Consumer(commit, tuple(manifests), unknown=tuple(unknown))
                parts = (self._contents, self._library, combination, config)
                sources = Sources(*parts, store, root.tree)
                self._consumers[key] = sources.followed(consumer, pin)
        return self._consumers[key]

    def _image_pins(self, combination: Combination, config: Config) -> ImagePins | None:
        commit = self._contents.gitlink(combination, config.consumer)
        if commit is None or not config.image.pins:
            return None
        rooted = self._contents.root(combination, config, config.consumer, commit)
        if isinstance(rooted, Unknown):
            return None
        store, root = rooted
        reader = self._contents.pool.reader(root.repository)
        found = image_pins(store, reader, root.tree, config.image, self._image_files)
        blocks = config.rules.image_pin == Severity.ERROR.value
        return found._replace(name=config.image.name, blocks=blocks)


def old_image(
    name: Callable[[str], str],
    combination: Combination,
    config: Config,
    tested: Tested,
    drift: Drift | Unknown,
) -> OldImage:
    """What is to be told of an image that others do not have."""
    evidence = Evidence(name(""), combination.commit, text=combination.source)
    blocks = config.rules.image_published == Severity.ERROR.value
    return OldImage(name(config.consumer), evidence, tested.verdict, blocks, drift)


def _is_misnamed(pin: Pin, form: str) -> bool:
    """Whether no package has the version of any of the tags; 0.3.0 is 0.3 to people."""
    tags = {numbers(each.tag, form) for each in pin.releases}
    versions = {each.version and each.version.numbers for each in pin.packages}
    if pin.unknown or not versions or None in versions:
        return False  # it may be the version of what cannot be read
    return {*map(_without_zeros, tags)}.isdisjoint(_without_zeros(each or ()) for each in versions)


def _without_zeros(version: tuple[int, ...]) -> tuple[int, ...]:
    return _without_zeros(version[:-1]) if version[-1:] == (0,) else version


def ask_command(contents: Contents, combination: Combination) -> str:
    """What asks the remotes about a combination; without a commit it asks of HEAD and the index."""
    commit, head = combination.commit, contents.pool.head(contents.workspace.superproject)
    return f"{ASK} {commit[:12]}" if commit and commit != head and not combination.replaced else ASK


def _test_command(combination: Combination) -> str:
    if combination.replaced:
        return f"guard test --consumer {combination.replaced[0].commit[:12]}"
    if combination.commit is not None:
        return f"guard test {combination.commit[:12]}"
    return "guard test"


def _likeliest(
    ranges: Collection[VersionRange], releases: Sequence[Release], form: str, most: int
) -> Sequence[Release]:
    """Those whose own versions fit the most ranges, the newest of them; all where they are few.

    A release is nearly always named by the version of its packages, and reading what each of ten
    thousand holds would take seconds.

    Args:
        most: how many at most, 0 for all.
    """
    if not most or len(releases) <= most:
        return releases
    numbered = sorted(((numbers(each.tag, form), each) for each in releases), key=itemgetter(0))
    counts = _fitting(ranges, [version for version, _ in numbered])
    # A pre-release is of interest only where no other release fits.
    ranked = sorted(range(len(numbered)), key=lambda at: (counts[at], not numbered[at][1].is_pre))
    return [numbered[at][1] for at in ranked[: -most - 1 : -1]]


def _fitting(ranges: Collection[VersionRange], versions: Sequence[tuple[int, ...]]) -> list[int]:
    """For each of the ascending versions, how many ranges it lies in; by the ranges' ends."""
    changes = [0] * (len(versions) + 1)
    for wanted in ranges:
        for one in wanted.intervals:
            begin = bisect_left if one.lower_inclusive else bisect_right
            end = bisect_right if one.upper_inclusive else bisect_left
            changes[begin(versions, one.lower)] += 1
            changes[end(versions, one.upper) if one.upper is not None else -1] -= 1
    counts = accumulate(changes[:-1])
    # What is no version for Cabal fits nothing.
    return [
        count if max(version) <= _GREATEST else 0
        for version, count in zip(versions, counts, strict=True)
    ]


def _with_packages(
    store: Store, library: Library, releases: Sequence[Release], form: str, path: str
) -> tuple[ReleasePackages, ...]:
    """Releases with their packages, in the order of their versions."""
    found = []
    for release in in_order(releases, form):
        root = store.root(release.commit)
        if root is None:
            continue
        try:
            packages, others, _ = library.packages(store, root.tree, path)
        except MissingObjectError:
            continue  # a release that is not here in full cannot be proposed
        found.append(ReleasePackages(release._replace(tree=root.tree.id), packages, others))
    return tuple(found)
