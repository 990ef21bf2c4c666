"""Where the consumer's sources lead: into the dependency, to folders and repositories beside it."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from guard.config import Config
from guard.git.objects import GitObject
from guard.git.remotes import Remote, place
from guard.git.store import Store
from guard.git.trees import FOLDER, GITLINK
from guard.haskell import Checkout, Role, SourceKind, checkout_of, leads_to
from guard.model import Combination
from guard.situation.branches import tracking_ref
from guard.situation.contents import Contents, superproject_tree
from guard.situation.gitlinks import remotes_of
from guard.situation.manifests import Library, has_wildcards, path_patterns
from guard.situation.publication import Unknown
from guard.situation.tracking import TAGS, Tracking, track
from guard.situation.values import Consumer, Meaning, PathSource, PathState, Pin

# What can be the name of a ref, and stands in one line (git-check-ref-format(1)).
_REF: Final = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]+")
_MISSING: Final = (PathState.NO_GITLINK, PathState.ABSENT, PathState.NO_PACKAGE)
_WHOLE_ID: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


class Sources:
    """The sources of the consumer in one combination.

    Args:
        store, tree: the consumer's.
    """

    def __init__(
        self,
        contents: Contents,
        library: Library,
        combination: Combination,
        config: Config,
        store: Store,
        tree: GitObject,
    ) -> None:
        self._contents = contents
        self._library = library
        self._combination = combination
        self._config = config
        self._store = store
        self._tree = tree

    def followed(self, consumer: Consumer, pin: Pin | Unknown | None) -> Consumer:
        """The consumer with where its sources lead."""
        paths = tuple(self._paths(consumer, pin))
        sources = [source for manifest in consumer.manifests for source in manifest.sources]
        checkouts = [*map(checkout_of, sources), *(path.checkout for path in paths)]
        named = list(dict.fromkeys(each for each in checkouts if each is not None))
        return consumer._replace(paths=paths, meanings=tuple(self._meanings(named, pin)))

    def _paths(self, consumer: Consumer, pin: Pin | Unknown | None) -> Iterator[PathSource]:
        for manifest in consumer.manifests:
            base = posixpath.join(self._config.consumer, posixpath.dirname(manifest.path))
            for source in manifest.sources:
                if source.kind is not SourceKind.PATH or source.path is None:
                    continue
                at = source.file or manifest.path
                stated = PathSource(at, source, "", PathState.PRESENT)
                for path in path_patterns(manifest.path, source.path):
                    whole = posixpath.normpath(posixpath.join(base, path, source.subdir or ""))
                    target = _below(whole, self._config.dependency)
                    if target is None:
                        yield from self._beside(stated._replace(target=whole), pin)
                        continue
                    state = self._state(target, pin)
                    if source.role is not Role.OPTIONAL or state not in _MISSING:
                        yield stated._replace(target=target, state=state)

    def _beside(self, path: PathSource, pin: Pin | Unknown | None) -> Iterator[PathSource]:
        """A path that does not lead into the dependency, where it is of interest for that."""
        inner = _below(path.target, self._config.consumer)
        if inner is not None:
            found = self._look(path, self._store, self._tree, inner, pin)
            # What is not there is told where the manifest is read.
            if found.packages or found.checkout:
                yield found._replace(state=PathState.PRESENT)
            return
        if path.target.startswith(("/", "../")):
            found = path._replace(state=PathState.NOWHERE)  # it is not in the build context
        else:
            store = self._contents.store(self._combination)
            tree = superproject_tree(store, self._combination)
            found = self._look(path, store, tree, path.target, pin)
        # cabal has wildcards, and optional packages.
        if found.packages or found.checkout or not has_wildcards(path.manifest):
            yield found

    def _look(
        self, path: PathSource, store: Store, tree: GitObject, at: str, pin: Pin | Unknown | None
    ) -> PathSource:
        """What a path leads to in the consumer or the superproject."""
        try:
            entry = store.walk(tree, at)
        except LookupError:
            return path._replace(state=PathState.UNREAD)
        if entry is not None and entry[0].mode == GITLINK:
            module = at.removesuffix(entry[1]).rstrip("/")
            names = self._contents.submodules(self._config).modules(store, tree).get(module, {})
            url = next(iter(names.values()), "") or module
            return path._replace(checkout=Checkout(url, entry[0].id))
        packages, unknown = self._library.packages_at(store, tree, at, at)
        if unknown:
            return path._replace(state=PathState.UNREAD)
        names_there = {each.name for each in pin.packages} if isinstance(pin, Pin) else ()
        return path._replace(
            packages=tuple(each for each in packages if each.name in names_there),
            state=PathState.NOWHERE if entry is None and not packages else path.state,
        )

    def _state(self, target: str, pin: Pin | Unknown | None) -> PathState:
        """What a path into the dependency leads to."""
        if pin is None:
            return PathState.NO_GITLINK
        if isinstance(pin, Unknown):
            return PathState.UNKNOWN
        config = self._config
        rooted = self._contents.root(self._combination, config, config.dependency, pin.commit)
        assert not isinstance(rooted, Unknown)  # its packages have been read
        store, root = rooted
        try:
            found = store.walk(root.tree, target)
        except LookupError:
            return PathState.UNKNOWN
        if found is not None and found[0].mode == GITLINK:
            return PathState.NESTED
        if any(leads_to(target, each.path) for each in (*pin.packages, *pin.others)):
            return PathState.PRESENT
        if pin.unknown:
            return PathState.UNKNOWN  # the package may stand in what could not be read
        is_folder = found is not None and found[0].mode == FOLDER
        return PathState.NO_PACKAGE if is_folder else PathState.ABSENT

    def _meanings(
        self, checkouts: Sequence[Checkout], pin: Pin | Unknown | None
    ) -> Iterator[Meaning]:
        repositories = pin.repositories if checkouts and isinstance(pin, Pin) else ()
        trackings = track(list(repositories), self._contents.pool)
        # That the remote has this one is asked anew at each push.
        release = pin.releases[0].tag if isinstance(pin, Pin) and pin.releases else None
        name = self._contents.workspace.name(self._config.dependency)
        for checkout in checkouts:
            ref = (checkout.ref or "").removeprefix(TAGS).removeprefix("refs/heads/")
            is_name = ref != release and _REF.fullmatch(ref) and not _WHOLE_ID.fullmatch(ref)
            url = _without_query(checkout.url)
            at = [remotes_of(url, each.remotes) for each in trackings]
            is_own = any(at) or is_named(url, name)
            commits: set[str] = set()
            for tracking, remotes in zip(trackings, at, strict=True):
                if is_own and is_name:
                    commits.update(self._at(tracking, remotes or tracking.remotes.remotes, ref))
            yield Meaning(checkout, is_own, frozenset(commits))

    def _at(self, tracking: Tracking, remotes: Iterable[Remote], ref: str) -> Iterator[str]:
        """The commits of a tag, and of a branch of some remotes."""
        refs = [f"{TAGS}{ref}", *(tracking_ref(remote.name, ref) for remote in remotes)]
        reader = self._contents.pool.reader(tracking.repository)
        for commit in reader.read_refs([f"{each}^{{commit}}" for each in refs]):
            if commit is not None:
                yield commit.id


def is_named(url: str, name: str) -> bool:
    """Whether a repository's URL ends with a name, in whichever of the forms that URLs have."""
    return posixpath.basename(place(_without_query(url), "/")).lower() == name.lower()


def _without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def _below(path: str, folder: str) -> str | None:
    """The rest of a path inside a folder, "" for the folder itself, None outside."""
    if path == folder:
        return ""
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None
