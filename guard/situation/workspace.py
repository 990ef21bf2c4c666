"""Which repository is which: where a command or a push stands, and where its superproject is."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from guard.config import FILE, Config
from guard.errors import GuardError
from guard.git.objects import GitObject, ObjectPool
from guard.git.remotes import Pairs
from guard.git.repository import (
    Repository,
    distinct,
    enclosing,
    find_here,
    open_any,
    sibling_repositories,
    submodule_repositories,
)
from guard.git.trees import GITLINK
from guard.model import Role
from guard.situation.branches import default_names, usual_remote

SUPERPROJECT_NAME: Final = "aula-docker"
_DEFAULT_PARTS: Final = (Config().consumer, Config().dependency)


class Workspace(NamedTuple):
    """The repositories of one command.

    Args:
        superproject: the superproject's repository, `here` itself where it is that.
        inside: the path of the checkout of `here` inside the superproject's, "" for a clone
            elsewhere.
        settings: (submodule path, repository) of ``git config guard.<path>.repository``.
        options: what the superproject's configuration says of remotes, branches and submodules.
    """

    here: Repository
    superproject: Repository
    inside: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def in_superproject(self) -> bool:
        """Whether the command runs in the superproject itself."""
        return self.here.common_dir == self.superproject.common_dir

    def path(self, config: Config) -> str:
        """Which submodule `here` is, "" for the superproject.

        A clone elsewhere is the dependency if it is named so, else the consumer.
        """
        if self.in_superproject:
            return ""
        if self.inside:
            return self.inside
        is_dependency = repository_name(self.here) == os.path.basename(config.dependency)
        return config.dependency if is_dependency else config.consumer

    def role(self, config: Config) -> Role:
        """What `here` is to the others."""
        path = self.path(config)
        roles = {
            "": Role.SUPERPROJECT,
            config.consumer: Role.CONSUMER,
            config.dependency: Role.DEPENDENCY,
        }
        if path not in roles:
            raise GuardError(
                f"{path} is a submodule of {self.name('')} that guard has no rules for",
                f"cd into {self.name('')}, {config.consumer} or {config.dependency}",
            )
        return roles[path]

    def name(self, path: str) -> str:
        """How people name a part: the last word of its path; of the superproject, its folder."""
        return os.path.basename(path) if path else repository_name(self.superproject)


def repository_name(repository: Repository) -> str:
    """The folder's name, without ``.git``; of a linked worktree that of the main one."""
    if os.path.basename(repository.common_dir) == ".git":
        return os.path.basename(os.path.dirname(repository.common_dir))
    return os.path.basename(repository.common_dir).removesuffix(".git")


def find_workspace(
    probes: Sequence[str] = (), pool: ObjectPool | None = None, here: Repository | None = None
) -> Workspace:
    """The workspace around the current folder, or around the repository git names to a hook.

    The superproject is found as ``git config guard.superproject`` (which ``guard install`` writes),
    else as the superproject of this submodule checkout, else as a sibling ``aula-docker``.

    Args:
        probes: commits that may tell a superproject besides HEAD: those of a push.
    """
    if pool is None:
        with ObjectPool() as own:
            return find_workspace(probes, own, here)
    here = here or find_here()
    around = list(enclosing(here))
    # Of what is most likely the superproject as well, at once.
    settings = pool.settings.of_all([here, *around[:1]])[0]
    configured = dict(settings).get("guard.superproject")
    if configured:
        remedy = "git config guard.superproject /path/to/aula-docker"
        top = _configured("guard.superproject", configured, here, remedy)
        return _with_superproject(here, pool, settings, top)
    for outer in around:
        if looks_like_superproject(outer, pool):
            return _with_superproject(here, pool, settings, outer)
    if looks_like_superproject(here, pool, probes):
        return _with_superproject(here, pool, settings, here)
    for sibling in sibling_repositories(here, SUPERPROJECT_NAME):
        return _with_superproject(here, pool, settings, sibling)
    raise GuardError(
        f"no superproject found for {here.work_tree or here.git_dir}: it holds neither the "
        f"gitlinks nor a {FILE}, it is no submodule of one that does, and no "
        f"../{SUPERPROJECT_NAME} is beside it",
        "guard init --consumer PATH --dependency PATH"
        if any(map(submodule_paths, (*around, here)))  # by names that only people know
        else "git config guard.superproject /path/to/aula-docker",
    )


def repositories_of(
    workspace: Workspace, config: Config, path: str, names: Iterable[str] = ()
) -> tuple[Repository, ...]:
    """Where the objects of a top-level submodule may be, the likeliest first.

    In a push from the submodule itself its own repository comes first; then the submodule's
    checkout, the ``modules/`` of the common and of the worktree's git dir, the sibling clone, and
    ``git config guard.<path>.repository``.
    """
    top = workspace.superproject
    repositories = [workspace.here] if workspace.path(config) == path else []
    repositories += submodule_repositories((top,), path, dict.fromkeys((*names, path)))
    repositories += sibling_repositories(top, os.path.basename(path))
    settings = dict(workspace.settings)
    if configured := settings.get(path) or settings.get(path.lower()):
        key = f"guard.{path}.repository"
        repositories.append(_configured(key, configured, top, f"git config --unset '{key}'"))
    return distinct(repositories)


def looks_like_superproject(
    repository: Repository, pool: ObjectPool, probes: Sequence[str] = ()
) -> bool:
    """Whether a default gitlink or a `.guard.toml` is in HEAD, a probed commit or the index.

    Or in the remote's default branch: an orphan branch that is checked out has neither.
    """
    reader = pool.reader(repository)
    if _is_marked(reader.read_all([f"{name}^{{tree}}" for name in ("HEAD", *probes)])):
        return True
    if repository.work_tree is not None and _is_staged(repository):
        return True
    names = default_names(usual_remote(repository, pool.settings))
    return _is_marked(reader.read_refs([f"{name}^{{tree}}" for name in names]))


def _is_marked(trees: Iterable[GitObject | None]) -> bool:
    return any(
        _is_mark(entry.mode, entry.name)
        for tree in trees
        if tree is not None
        for entry in tree.entries
    )


def _is_staged(repository: Repository) -> bool:
    listed = repository.run("ls-files", "--stage", "-z", "--", FILE, *_DEFAULT_PARTS)
    return any(
        _is_mark(int(line.split(b" ", 1)[0], 8), line.split(b"\t", 1)[1])
        for line in listed.split(b"\0")
        if line
    )


def submodule_paths(repository: Repository) -> list[str]:
    """Where a repository has gitlinks: in the index, or in HEAD where there is no checkout."""
    listing = ("ls-files", "--stage") if repository.work_tree else ("ls-tree", "-r", "HEAD")
    listed = repository.run(*listing, "-z", ok=(0, 128))  # there may be no commit
    entries = (entry.partition(b"\t") for entry in listed.split(b"\0"))
    return [os.fsdecode(path) for entry, _, path in entries if entry.startswith(b"160000 ")]


def _is_mark(mode: int, name: bytes) -> bool:
    return os.fsdecode(name) == FILE or (mode == GITLINK and os.fsdecode(name) in _DEFAULT_PARTS)


def _with_superproject(
    here: Repository, pool: ObjectPool, settings: Pairs, superproject: Repository
) -> Workspace:
    inside = ""
    if here.common_dir == superproject.common_dir:
        superproject = here
    else:
        settings = pool.settings.of(superproject)
        if here.work_tree is not None and superproject.work_tree is not None:
            relative = os.path.relpath(here.work_tree, superproject.work_tree)
            if relative.split(os.sep)[0] not in (os.curdir, os.pardir):
                inside = relative
    repositories = tuple(_repository_settings(dict(settings)))
    return Workspace(here, superproject, inside, repositories, tuple(settings))


def _repository_settings(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    start, end, old = "guard.", ".repository", "guard.repository."
    for key, value in settings.items():
        if key.startswith(old):
            yield key.removeprefix(old), value  # its last word has no "/" or "_", and no case
        elif key.startswith(start) and key.endswith(end):
            yield key[len(start) : -len(end)], value


def _configured(key: str, place: str, base: Repository, remedy: str) -> Repository:
    """The repository that a setting names; a relative path counts from another one's checkout."""
    repository = open_any(os.path.join(base.place, os.path.expanduser(place)))
    if repository is None:
        raise GuardError(f"git config {key} names {place}, which is no repository", remedy)
    return repository
