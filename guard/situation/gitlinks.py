"""The gitlinks of commits of the superproject, and what is known here of their remotes."""

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Final, NamedTuple

from guard.config import Config
from guard.errors import GitError
from guard.git.commits import reachable
from guard.git.remotes import SECONDS, Remote, is_local, ls_remote, read_remotes, resolved
from guard.git.repository import Repository
from guard.git.trees import GITLINK
from guard.model import Combination
from guard.situation.branches import (
    HEADS,
    default_candidates,
    head_branch,
    moves_default,
    pushed_to,
    remote_head,
    remote_of,
)
from guard.situation.contents import Contents, superproject_tree
from guard.situation.tracking import Place, Tracking, track
from guard.situation.workspace import Workspace

_KIND: Final = "reaches"


class Destination(NamedTuple):
    """Where the superproject is pushed to.

    Args:
        url: as git gives it to the hook; "" where nobody pushes.
        ref: the one that is pushed to, or would be; "" for several, and where it is not known.
        asks: whether a remote may be asked over the network.
    """

    remote: str = ""
    url: str = ""
    ref: str = ""
    asks: bool = True


class Submodule(NamedTuple):
    """One submodule as a commit of the superproject names it.

    Args:
        url: as ``.gitmodules`` writes it, "" for none.
    """

    path: str
    names: tuple[str, ...]
    url: str
    release_tag: str
    repositories: tuple[Repository, ...]


class Links:
    """The gitlinks of commits of the superproject, and what is known here of their remotes.

    Attributes:
        here: the superproject's remotes.
    """

    def __init__(self, contents: Contents, destination: Destination) -> None:
        self.contents = contents
        self.destination = destination
        self.here = read_remotes(contents.workspace.options, contents.workspace.superproject)
        self._tracking: dict[str, Tracking] = {}
        self._shown: dict[tuple[str, str], dict[str, str] | GitError] = {}

    def submodules(self, combination: Combination, config: Config) -> list[tuple[Submodule, str]]:
        """The submodules of a combination, each with the commit at its gitlink.

        In the order of a release: the dependency first, the consumer last.
        """
        contents = self.contents
        store = contents.store(combination)
        tree = superproject_tree(store, combination)
        modules = contents.submodules(config).modules(store, tree)
        top = {os.fsdecode(entry.name) for entry in tree.entries if entry.mode == GITLINK}
        found = []
        paths = {*top, config.consumer, config.dependency, *modules}
        ends = (config.dependency, config.consumer)
        for path in sorted(paths, key=lambda path: (path != ends[0], path == ends[1], path)):
            commit = contents.gitlink(combination, path)
            if commit is None:
                continue
            names = modules.get(path, {})
            url = list(names.values())[-1] if names else ""
            form = config.release_tag if path == config.dependency else ""
            repositories = contents.submodules(config).store(path, tuple(names)).repositories
            found.append((Submodule(path, tuple(names), url, form, repositories), commit))
        return found

    def submodule(self, combination: Combination, config: Config, path: str) -> Submodule | None:
        """The submodule at a path, None where there is no gitlink."""
        links = self.submodules(combination, config)
        return next((item for item, _ in links if item.path == path), None)

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
        urls = self.urls(submodule)
        for repository in submodule.repositories:
            (tracking,) = self.tracking([repository])
            wanted: frozenset[str] = frozenset()
            for url in urls:
                wanted |= self.here.places(url) | tracking.remotes.places(url)
            for remote in tracking.remotes.at(wanted):
                yield Place(tracking, remote, wanted)

    def urls(self, submodule: Submodule) -> list[str]:
        """What a submodule's URL stands for, a path made absolute.

        A relative one counts from the remote that the superproject is fetched from, and from where
        it is pushed to: each is where others clone it.
        """
        found = [submodule.url]
        if submodule.url.startswith(("./", "../")):
            whole = [resolved(submodule.url, base) for base in self._bases()]
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

    def leads_to(self, repository: Repository, tips: Iterable[str], commit: str) -> bool:
        """Whether some tips lead to a commit; a repository that lacks it knows of no way."""
        return bool(self.reached(repository, set(tips), {commit}))

    def reached(self, repository: Repository, tips: set[str], rest: set[str]) -> set[str]:
        """Those of some commits that some tips lead to; of a single tip that is kept."""
        reached, rest = rest & tips, rest - tips
        if not rest or not tips:
            return reached
        memo, tip = self.contents.memo, min(tips) if len(tips) == 1 else ""
        kept = {commit for commit in rest if memo.read(bool, _KIND, tip, commit)} if tip else set()
        new = self.present(repository, rest - kept)
        new = reachable(repository, new, tips) if new else set()
        if tip:
            for commit in new:
                memo.write(True, _KIND, tip, commit)
        return reached | kept | new

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

    def shown(
        self, repository: Repository, remote: str, seconds: float = SECONDS
    ) -> dict[str, str] | GitError:
        """What `ls_remote` shows of a remote, or why it does not; each is asked once."""
        key = (repository.common_dir, remote)
        if key not in self._shown:
            try:
                self._shown[key] = ls_remote(repository, remote, seconds=seconds)
            except GitError as error:
                self._shown[key] = error
        return self._shown[key]

    @cached_property
    def pushed_to(self) -> Remote | None:
        """The superproject's remote that is pushed to."""
        named = self.here.named(self.destination.remote)
        if named is not None or not self.destination.url:
            return named
        return next(iter(self.here.at(self.here.places(self.destination.url))), None)

    @cached_property
    def home(self) -> Remote | None:
        """The remote that the superproject is fetched from."""
        workspace = self.contents.workspace
        return remote_of(self.here, dict(workspace.options), workspace.superproject)

    def moves_default(self, ref: str) -> bool | None:
        """Whether a push to a ref moves the default branch; None where only the remote knows."""
        if not ref.startswith(HEADS):
            return False
        name = self.pushed_to.name if self.pushed_to is not None else ""
        try:
            followed = remote_head(self.contents.workspace.superproject, name) if name else ""
            return moves_default(name, ref.removeprefix(HEADS), followed, self.contents.refs)
        except GitError:
            return True  # asked too much is better than too little

    def lacking(self) -> dict[str, str]:
        """What HEAD does not lead to of the refs that may track the remote's default branch."""
        if self.home is None:
            return {}
        repository, refs = self.contents.workspace.superproject, self.contents.refs
        head = self.contents.pool.head(repository)
        if head is None:
            raise GitError(f"HEAD of {repository.place} is at no commit yet")
        names = default_candidates(self.home.name, remote_head(repository, self.home.name))
        tips = {name: refs[name].id for name in names if name in refs}
        return {
            name: tip for name, tip in tips.items() if not self.leads_to(repository, [head], tip)
        }


def usual_destination(workspace: Workspace, asks: bool = True) -> Destination:
    """Where ``git push`` would bring the superproject's HEAD; to no branch where it is detached."""
    remotes = read_remotes(workspace.options, workspace.superproject).remotes
    head = head_branch(workspace.superproject)
    target = pushed_to(dict(workspace.options), [item.name for item in remotes], head, {})
    return Destination(target.remote, "", "" if target.detached else target.ref, asks)
