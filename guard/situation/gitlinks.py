"""The gitlinks of commits of the superproject, and what is known here of their remotes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple

from guard.config import Config
from guard.errors import GuardError, MissingObjectError
from guard.git.commits import reachable
from guard.git.remotes import (
    Asking,
    Pairs,
    Remote,
    Remotes,
    is_local,
    is_path,
    place,
    read_remotes,
    resolved,
)
from guard.git.repository import Repository
from guard.git.store import Store
from guard.model import Combination
from guard.situation.branches import (
    HEADS,
    USUAL,
    default_names,
    fetch_remote,
    goes_to,
    remote_head,
    remote_of,
    short_name,
    tracking_ref,
    upstream,
)
from guard.situation.contents import Contents, Submodules, of_commit, superproject_tree
from guard.situation.defaults import Default, Defaults
from guard.situation.tracking import Place, Tracking, track

_KIND: Final = "reaches"
_WHOLE: Final = "whole"
# Nearly every push has fewer commits: so far back nobody asks git for the history.
_NEAR: Final = 64


class Destination(NamedTuple):
    """Where a push goes.

    Args:
        url: as git gives it to the hook; "" where nobody pushes.
        ref: the one that is pushed to, or would be; "" for several, and where it is not known.
        asks: whether remotes are asked what was not pushed yet, as at a push; if any are.
        tips: refs with the ids that the remote has at them, as far as somebody has told; zeros for
            none.
    """

    remote: str = ""
    url: str = ""
    ref: str = ""
    asks: bool = True
    tips: tuple[tuple[str, str], ...] = ()

    @property
    def new(self) -> tuple[str, ...]:
        """The refs that the push makes, in its order."""
        return tuple(ref for ref, tip in self.tips if not tip.strip("0"))

    @property
    def first(self) -> str:
        """The branch that becomes the default one of a remote that has none."""
        branches = [ref for ref in self.new if ref.startswith(HEADS)] or [self.ref]
        usual = (ref for ref in branches if ref.removeprefix(HEADS) in USUAL)
        return next(usual, branches[0])

    def of(self, remotes: Remotes) -> Remote | None:
        """The remote that is pushed to; one without a name where only its URL is known."""
        named = remotes.named(self.remote)
        if named is not None or not self.url:
            return named
        return next(iter(remotes_of(self.url, remotes)), Remote("", (self.url,)))

    def places(self, remotes: Remotes, remote: Remote) -> frozenset[str]:
        """Where the push goes, if it goes to this remote."""
        return remotes.places(self.url) if self.url else remotes.fetch_places(remote)


def remotes_of(url: str, remotes: Remotes) -> Sequence[Remote]:
    """The remotes of a repository that a URL is of."""
    return remotes.at(remotes.places(url))


class Submodule(NamedTuple):
    """One submodule as a commit of the superproject, or of a submodule around it, names it.

    Args:
        path: in the superproject.
        url: as ``.gitmodules`` writes it, "" for none.
        around: the submodule that this one is nested in.
    """

    path: str
    names: tuple[str, ...]
    url: str
    release_tag: str
    repositories: tuple[Repository, ...]
    around: Submodule | None = None

    @property
    def is_relative(self) -> bool:
        """Whether the URL counts from what is around it."""
        return self.url.startswith(("./", "../"))

    @property
    def path_there(self) -> str:
        """Where it stands in what is around it."""
        return self.path if self.around is None else self.path.removeprefix(f"{self.around.path}/")


class Links:
    """The gitlinks of commits of the superproject, and what is known here of their remotes.

    Attributes:
        here: the superproject's remotes.
    """

    def __init__(self, contents: Contents, destination: Destination) -> None:
        self.contents = contents
        self.destination = destination
        self.here = read_remotes(contents.workspace.options, contents.workspace.superproject)
        self._new = frozenset(destination.new)
        self.defaults = Defaults(contents.memo, contents.pool, destination.asks)
        self._tracking: dict[str, Tracking] = {}

    def submodules(self, combination: Combination, config: Config) -> list[tuple[Submodule, str]]:
        """The submodules of a combination, each with the commit at its gitlink.

        In the order of a release: the dependency first, the consumer last; what is nested before
        what it is nested in. Left out is what is nested and known to be published as a whole.
        """
        links = []
        for submodule, commit in self.own(combination, config):
            names = self.contents.submodules(config)
            store = names.store(submodule.path, submodule.names)
            links += [*self._nested(names, submodule, store, commit), (submodule, commit)]
        return links

    def own(self, combination: Combination, config: Config) -> Iterator[tuple[Submodule, str]]:
        """The superproject's own."""
        names = self.contents.submodules(config)
        store = self.contents.store(combination)
        tree = superproject_tree(store, combination)
        modules = names.modules(store, tree)
        links = dict(names.gitlinks(store.repositories[0], tree.id))
        links.update((link.path, link.commit) for link in combination.replaced)
        ends = (config.dependency, config.consumer)
        for path in sorted(links, key=lambda path: (path != ends[0], path == ends[1], path)):
            urls = modules.get(path, {})
            form = config.release_tag if path == config.dependency else ""
            repositories = names.store(path, tuple(urls)).repositories
            yield _named(path, urls, repositories)._replace(release_tag=form), links[path]

    def _nested(
        self, names: Submodules, around: Submodule, store: Store, commit: str
    ) -> Iterator[tuple[Submodule, str]]:
        """What a submodule's commit has submodules of; whether it is here itself is asked later."""
        root = store.root(commit)
        if root is None:
            if any(self.present(each, [commit]) for each in store.repositories):
                problem = f"the tree of commit {commit} of {around.path} is missing"
                raise MissingObjectError(problem, store.refetch.text)
            return
        links = names.gitlinks(root.repository, root.tree.id)
        if not links:
            return
        modules = names.modules(store, root.tree)
        for path, link in links.items():
            urls = modules.get(path, {})
            inner = names.nested(store, path, urls)
            nested = _named(f"{around.path}/{path}", urls, inner.repositories)
            nested = nested._replace(around=around)
            ids = self._ids(nested, link)
            if self.asking.anew or not self.contents.memo.read(bool, _WHOLE, *ids):
                yield from self._nested(names, nested, inner, link)
                yield nested, link

    def keep_whole(self, submodule: Submodule, commit: str) -> None:
        """Keep that all of a nested submodule is published; the next push starts no git in it."""
        self.contents.memo.write(True, _WHOLE, *self._ids(submodule, commit))

    def _ids(self, submodule: Submodule, commit: str) -> tuple[str, ...]:
        """What it depends on whether others can fetch a commit, but for time."""
        places = (place(url, self.here.base) for url in self.urls(submodule))
        return (*places, "stays here" if self.stays_here else "goes away", commit)

    def submodule(self, combination: Combination, config: Config, path: str) -> Submodule | None:
        """The superproject's own submodule at a path, None where there is no gitlink."""
        links = self.own(combination, config)
        return next((submodule for submodule, _ in links if submodule.path == path), None)

    def tracking(self, repositories: Iterable[Repository]) -> list[Tracking]:
        """What repositories know of their remotes; each is asked once."""
        repositories = list(repositories)
        new = {
            item.common_dir: item for item in repositories if item.common_dir not in self._tracking
        }
        found = track(list(new.values()), self.contents.pool)
        self._tracking.update(zip(new, found, strict=True))
        return [self._tracking[item.common_dir] for item in repositories]

    def places(self, submodule: Submodule) -> Iterable[Place]:
        """The remotes that have the URL of ``.gitmodules``, repository for repository."""
        for repository in submodule.repositories:
            (tracking,) = self.tracking([repository])
            wanted, remotes = self.homes(submodule, tracking.remotes)
            for remote in remotes:
                yield Place(tracking, remote, wanted, self.defaults.said(repository, remote))

    def homes(
        self, submodule: Submodule, remotes: Remotes
    ) -> tuple[frozenset[str], Sequence[Remote]]:
        """Where the URL of ``.gitmodules`` leads, and the remotes that are there."""
        wanted = self.wanted(self.urls(submodule), remotes)
        return wanted, remotes.at(wanted)

    def other_origin(self, submodule: Submodule, remotes: Remotes) -> Remote | None:
        """A remote of the superproject, from which a submodule's relative URL leads to its own."""
        for remote in self.here.remotes if submodule.is_relative and not submodule.around else ():
            url = resolved(submodule.url, remote.urls[0])
            if url and remotes.at(self.wanted([url], remotes)):
                return remote
        return None

    def places_of(self, url: str) -> frozenset[str]:
        """Where a URL leads that the superproject's git is given."""
        return self.here.places(url)

    def wanted(self, urls: Iterable[str], remotes: Remotes) -> frozenset[str]:
        """Where URLs lead that others can fetch from, here and with the remotes of a submodule.

        A path of this machine is none of that, be it only by ``insteadOf``, unless the push goes to
        this machine itself.
        """
        wanted: frozenset[str] = frozenset()
        for url in urls:
            places = self.here.places(url) | remotes.places(url)
            if self.stays_here or not any(map(os.path.isabs, places)):
                wanted |= places
        return wanted

    @cached_property
    def stays_here(self) -> bool:
        """Whether the superproject is pushed to a path of this machine, or has no remote at all."""
        if self.destination.url:
            return is_path(self.destination.url)
        remote = self.pushed_to or self.home
        pushed = self.here.push_places(remote) if remote is not None else []
        return all(any(map(os.path.isabs, places)) for places in pushed)

    def urls(self, submodule: Submodule) -> list[str]:
        """What a submodule's URL stands for, a path made absolute.

        A relative one counts from the remote that the superproject's default branch comes from, and
        from where it is pushed to: each is where others clone it. That of a nested one counts from
        what it is nested in.
        """
        found = [submodule.url]
        if submodule.is_relative:
            bases = self.urls(submodule.around) if submodule.around else self._bases()
            whole = [resolved(submodule.url, base) for base in bases]
            found = [url for url in whole if url] or found
        return [os.path.join(self.here.base, url) if is_local(url) else url for url in found]

    def _bases(self) -> list[str]:
        here, destination = self.here, self.destination
        pushed = here.named(destination.remote)
        bases = [remote.urls[0] for remote in (self.home, pushed) if remote]
        bases += [url for url in (destination.url,) if url]
        if destination.remote and not (pushed or destination.url):
            bases.append(destination.remote)
        # Without any remote git takes the superproject's own place (git-submodule(1), "add").
        return list(dict.fromkeys(bases)) or [here.base]

    def leads_to(self, repository: Repository, tip: str, commit: str) -> bool:
        """Whether a tip leads to a commit; a repository that lacks it knows of no way."""
        return bool(self.reached(repository, {tip}, {commit}))

    def reached(self, repository: Repository, tips: set[str], rest: set[str]) -> set[str]:
        """Those of some commits that some tips lead to; of a single tip that is kept."""
        reached, rest = rest & tips, rest - tips
        if not rest or not tips:
            return reached
        memo, tip = self.contents.memo, min(tips) if len(tips) == 1 else ""
        kept = {commit for commit in rest if memo.read(bool, _KIND, tip, commit)} if tip else set()
        new = self.present(repository, rest - kept)
        near = self.near(repository, tip, new) if tip else set()
        new = near | reachable(repository, new - near, tips) if new - near else near
        if tip:
            for commit in new:
                memo.write(True, _KIND, tip, commit)
        return reached | kept | new

    def near(self, repository: Repository, tip: str, commits: set[str]) -> set[str]:
        """Those of some commits that a tip leads to in few steps, which no git is started for.

        Where history is cut off only git knows its end.
        """
        if repository.is_shallow:
            return set()
        reader, level, near = self.contents.pool.reader(repository), {tip}, {tip}
        while level and len(near) < _NEAR and not commits <= near:
            read = reader.read_all(list(level))
            level = {parent for each in read if each for parent in each.parents} - near
            near |= level
        return commits & near

    def present(self, repository: Repository, commits: Iterable[str]) -> set[str]:
        """Those of some commits that are in a repository."""
        names = list(commits)
        reader = self.contents.pool.reader(repository)
        answers = reader.read_all([f"{name}^{{commit}}" for name in names])
        return {
            name
            for name, answer in zip(names, answers, strict=True)
            if answer and answer.id == name
        }

    @property
    def asking(self) -> Asking:
        """Whom this command may ask."""
        return self.contents.pool.asking

    @property
    def asks(self) -> bool:
        """Whether the remotes are asked for what they are not known to have."""
        return self.destination.asks and self.asking.seconds != 0

    def keeps_release(self, combination: Combination, config: Config, tag: str) -> bool:
        """Whether a remote is known to have a tag at the commit of the dependency's gitlink."""
        path = config.dependency
        commit, submodule = self.contents.gitlink(combination, path), None
        if commit is not None and not self.asking.anew:
            submodule = self.submodule(combination, config, path)
        places = self.places(submodule) if submodule and submodule.url else ()
        return any(place.tracking.seen_tag(place.remote, tag) == commit for place in places)

    @cached_property
    def pushed_to(self) -> Remote | None:
        """The superproject's remote that is pushed to."""
        return self.destination.of(self.here)

    @cached_property
    def there(self) -> set[tuple[str, ...]]:
        """Path, commit and URLs of what is nested in what the destination is known to have."""
        refs, pushed = self.contents.refs, self.pushed_to
        remote = pushed if pushed is not None and pushed.name else self.home
        names: tuple[str, ...] = default_names(remote.name) if remote is not None else ()
        if remote is not None and self.destination.ref:
            branch = self.destination.ref.removeprefix(HEADS)
            names = (tracking_ref(remote.name, branch), *names)
        told = {tip for _, tip in self.destination.tips if tip.strip("0")}
        tips = {*told, *(refs[name].id for name in names if name in refs)}
        top, contents = self.contents.workspace.superproject, self.contents
        nested: set[tuple[str, ...]] = set()
        for tip in tips:
            with suppress(GuardError):  # what is not here tells nothing
                combination = of_commit(top, contents.pool, tip, "")
                links = self.submodules(combination, contents.config(combination))
                nested.update((link.path, commit, *self.urls(link)) for link, commit in links)
        return nested

    @cached_property
    def home(self) -> Remote | None:
        """The remote that the superproject's default branch comes from, whatever is checked out;
        where nothing says which that is, the one of what is.
        """
        workspace = self.contents.workspace
        options = dict(workspace.options)
        usual = fetch_remote(options, [each.name for each in self.here.remotes], "")
        names = (upstream(options, branch)[0] for branch in self.usual_defaults(usual))
        known = next(filter(None, map(self.here.named, (*names, usual))), None)
        return known or remote_of(self.here, options, workspace.superproject)

    def usual_defaults(self, remote: str) -> tuple[str, ...]:
        """What the default branch may be called here, the likeliest first."""
        if len(self.here.remotes) < 2:
            return USUAL
        followed = remote_head(self.contents.workspace.superproject, remote) if remote else ""
        return (*([short_name(remote, followed)] if followed else []), *USUAL)

    def settled(self, ref: str) -> bool | None:
        """Whether a ref is the default branch where it is pushed; None where it may be by now."""
        top, remote = self.contents.workspace.superproject, self.pushed_to
        if remote is None:
            return ref.startswith(HEADS) and ref.removeprefix(HEADS) in USUAL
        return self.defaults.settled(top, remote, ref, ref in self._new, self._first or ref)

    def is_known_default(self, ref: str) -> bool | None:
        """As `settled`, by what was known last; None where nothing is."""
        top, remote = self.contents.workspace.superproject, self.pushed_to
        return self.settled(ref) if remote is None else self.defaults.known(top, remote, ref)

    def is_default(self, ref: str) -> Default:
        """As `settled`; the remote is asked where it may say something else."""
        top, remote = self.contents.workspace.superproject, self.pushed_to
        if remote is None:
            return Default(self.settled(ref))
        return self.defaults.is_default(top, remote, ref, ref in self._new, self._first or ref)

    @cached_property
    def _first(self) -> str:
        return self.destination.first


def _named(path: str, urls: Mapping[str, str], repositories: tuple[Repository, ...]) -> Submodule:
    """A submodule by the names that ``.gitmodules`` has for its path, of which the last counts."""
    return Submodule(path, tuple(urls), list(urls.values())[-1] if urls else "", "", repositories)


def usual_destination(repository: Repository, options: Pairs, asks: bool = True) -> Destination:
    """Where ``git push`` would bring a repository's HEAD; to no branch where it is detached.

    Args:
        options: what its configuration says.
    """
    target = goes_to(repository, options, {})
    return Destination(target.remote, "", "" if target.detached else target.ref, asks)
