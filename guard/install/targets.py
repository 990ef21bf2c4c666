"""Which repositories get the hook, and what each needs to know."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from guard.config import FILE, Config, read_config
from guard.errors import GuardError
from guard.git.locate import open_any
from guard.git.repository import Repository
from guard.install.place import with_worktrees
from guard.situation.workspace import (
    Workspace,
    find_workspace,
    repositories_of,
    repository_name,
)

SETTING: Final = "guard.superproject"
# Says that `SETTING` was written by an installation, and which value, so that taking the hook out
# leaves alone what a person has set.
_WRITTEN: Final = "guard.installedSuperproject"


class Target(NamedTuple):
    """One checkout whose pushes are to be judged.

    Args:
        name: the part as people name it, e.g. ``aula``.
        repository: the checkout's repository; linked worktrees come one by one.
        superproject: the superproject's checkout, where the repository has to be told; else "".
    """

    name: str
    repository: Repository
    superproject: str = ""

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return _home(self.repository)


class Targets(NamedTuple):
    """All of one workspace.

    Args:
        missing: where no repository of the consumer was found, and how to get one; else "".
    """

    targets: tuple[Target, ...]
    missing: str = ""


def find_targets(superproject: str | None = None) -> Targets:
    """Every checkout of the superproject and of the consumer around the current folder.

    Of the consumer these are the submodule in each of the superproject's worktrees (git keeps a
    repository of its own for each), the sibling clone, and the one that is configured.

    Args:
        superproject: the superproject's folder, where it cannot be found from here.

    Raises:
        GuardError: no superproject, or its configuration cannot be read.
    """
    workspace = _workspace(superproject)
    config = _config(workspace.superproject)
    tops = with_worktrees(workspace.superproject)
    name = workspace.name(config.consumer)
    consumers: list[Target] = []
    for top in tops:
        seen_from_top = workspace._replace(superproject=top)
        for repository in repositories_of(seen_from_top, config, config.consumer):
            consumers += [_consumer(name, each, top, tops) for each in with_worktrees(repository)]
    if superproject is not None:
        consumers += _standing(name, workspace, config, tops)
    targets = [Target(workspace.name(""), top) for top in tops]
    seen = {target.repository.git_dir for target in targets}
    for target in consumers:
        if target.repository.git_dir not in seen:
            seen.add(target.repository.git_dir)
            targets.append(target)
    missing = "" if consumers else _missing(workspace, config)
    return Targets(tuple(targets), missing)


def target_here() -> Target | None:
    """The repository around the current folder alone, for when its superproject is gone."""
    here = _repository_around(os.getcwd())
    return None if here is None else Target(repository_name(here), here)


def settle(target: Target, force: bool, dry_run: bool = False) -> str:
    """Tell a repository where its superproject is; returns what was done, "" for nothing.

    Args:
        force: replace a value that a person has set.
    """
    if not target.superproject:
        return ""
    repository = target.repository
    present = _get(repository, SETTING)
    if present and not _get(repository, _WRITTEN) and not force:
        if _same(present, target):
            return ""
        return f"git config {SETTING} stays {present}, as you have set it"
    if present == target.superproject:
        return ""
    if not dry_run:
        # The record first: a kill between the two leaves no setting without it.
        for key in (_WRITTEN, SETTING):
            repository.run("config", "--local", key, target.superproject)
    return f"git config {SETTING} {target.superproject}"


def unsettle(target: Target, dry_run: bool = False) -> str:
    """Take away what `settle` has written; returns what was done, "" for nothing."""
    repository = target.repository
    written = _get(repository, _WRITTEN)
    if not written:
        return ""
    ours = _get(repository, SETTING) == written
    if not dry_run:
        for key in (SETTING, _WRITTEN) if ours else (_WRITTEN,):
            repository.run("config", "--local", "--unset-all", key, ok=(0, 5))
    return f"git config --unset {SETTING}" if ours else ""


def _workspace(superproject: str | None) -> Workspace:
    if superproject is None:
        try:
            return find_workspace()
        except GuardError as error:
            remedy = "guard install --superproject /path/to/aula-docker"
            raise GuardError(error.problem, remedy) from error
    top = open_any(os.path.abspath(superproject))
    if top is None:
        raise GuardError(
            f"{superproject} is no git repository", "name the folder of a clone of aula-docker"
        )
    return Workspace(top, top)


def _config(top: Repository) -> Config:
    found = top.run("cat-file", "blob", f"HEAD:{FILE}", ok=(0, 128))
    return read_config(found or None, FILE)


def _consumer(
    name: str, repository: Repository, top: Repository, tops: tuple[Repository, ...]
) -> Target:
    inside = repository.work_tree is not None and top.work_tree is not None
    if inside and f"{repository.work_tree}{os.sep}".startswith(f"{top.work_tree}{os.sep}"):
        return Target(name, repository)  # git knows the superproject of a submodule
    if repository.git_dir.startswith(os.path.join(top.common_dir, "")):
        return Target(name, repository)
    return Target(name, repository, _home(_nearest(repository, tops)))


def _nearest(repository: Repository, tops: tuple[Repository, ...]) -> Repository:
    """The checkout of the superproject that a clone belongs to: beside it, else the main one.

    A linked worktree comes after the main one, for it goes first.
    """
    beside = [
        top for top in tops if os.path.dirname(_home(top)) == os.path.dirname(_home(repository))
    ]
    main = [top for top in tops if top.git_dir == top.common_dir]
    both = [top for top in beside if top in main]
    return (*both, *beside, *main, *tops)[0]


def _home(repository: Repository) -> str:
    return repository.work_tree or repository.git_dir


def _standing(
    name: str, workspace: Workspace, config: Config, tops: tuple[Repository, ...]
) -> list[Target]:
    """The clone in which the command is run: with the superproject named, it may lie anywhere."""
    here = _repository_around(os.getcwd())
    others = [*tops, *repositories_of(workspace, config, config.dependency)]
    if here is None or here.common_dir in {other.common_dir for other in others}:
        return []
    return [Target(name, each, _home(tops[0])) for each in with_worktrees(here)]


def _repository_around(folder: str) -> Repository | None:
    found = open_any(folder)
    while found is None and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        found = open_any(folder)
    return found


def _missing(workspace: Workspace, config: Config) -> str:
    top = _home(workspace.superproject)
    return (
        f"no repository of {workspace.name(config.consumer)} found: {top}/{config.consumer} is not "
        f"checked out, and there is no clone beside {top}; once there is one, run: guard install"
    )


def _get(repository: Repository, key: str) -> str:
    return repository.text("config", "--local", "--get", key, ok=(0, 1))


def _same(value: str, target: Target) -> bool:
    base = target.place
    value = os.path.join(base, os.path.expanduser(value))
    return os.path.realpath(value) == os.path.realpath(target.superproject)
