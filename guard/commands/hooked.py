"""Which repositories the hook goes into: the superproject and the consumer, in every checkout."""

import os
from argparse import ArgumentParser

from guard.config import FILE, Config, read_config
from guard.errors import GuardError
from guard.git.repository import Repository, find_here, open_any
from guard.install.place import with_worktrees
from guard.install.targets import Target
from guard.situation.workspace import Workspace, find_workspace, repositories_of, repository_name


def arguments(parser: ArgumentParser) -> None:
    """The options of ``guard install`` and of ``guard uninstall``."""
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and change nothing"
    )
    parser.add_argument(
        "--superproject",
        metavar="DIR",
        help="the clone of aula-docker, where it cannot be found from here",
    )


def find_targets(superproject: str | None = None) -> tuple[list[Target], str]:
    """The `targets_of` the workspace around the current folder, with HEAD's configuration."""
    workspace = _workspace(superproject)
    content = workspace.superproject.run("cat-file", "blob", f"HEAD:{FILE}", ok=(0, 128))
    # With the superproject named, the clone in which the command is run may lie anywhere.
    here = target_here() if superproject is not None else None
    return targets_of(workspace, read_config(content or None, FILE), here)


def targets_of(
    workspace: Workspace, config: Config, here: Target | None = None
) -> tuple[list[Target], str]:
    """Every checkout of the superproject and of the consumer.

    Of the consumer these are the submodule in each of the superproject's worktrees (git keeps a
    repository of its own for each), the sibling clone, and the one that is configured.

    Args:
        here: one that counts as well, wherever it lies.

    Returns:
        Them; and how to get a repository of the consumer, "" where there is one.
    """
    tops = with_worktrees(workspace.superproject)
    name = workspace.name(config.consumer)
    consumers: list[Target] = []
    for top in tops:
        seen_from_top = workspace._replace(superproject=top)
        for repository in repositories_of(seen_from_top, config, config.consumer):
            consumers += [_consumer(name, each, top, tops) for each in with_worktrees(repository)]
    if here is not None:
        others = (*tops, *repositories_of(workspace, config, config.dependency))
        if here.repository.common_dir not in {other.common_dir for other in others}:
            standing = with_worktrees(here.repository)
            consumers += [Target(name, each, tops[0].place) for each in standing]
    targets: dict[str, Target] = {}
    for target in (*(Target(workspace.name(""), top) for top in tops), *consumers):
        targets.setdefault(target.repository.git_dir, target)
    place = workspace.superproject.place
    missing = (
        f"no repository of {name} found: {place}/{config.consumer} is not checked out, and there "
        f"is no clone beside {place}; once there is one, run: guard install"
    )
    return list(targets.values()), "" if consumers else missing


def target_here() -> Target | None:
    """The repository around the current folder alone, for when its superproject is gone."""
    try:
        here = find_here()
    except GuardError:
        return None
    return Target(repository_name(here), here)


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


def _consumer(
    name: str, repository: Repository, top: Repository, tops: tuple[Repository, ...]
) -> Target:
    inside = repository.work_tree is not None and top.work_tree is not None
    if inside and f"{repository.work_tree}{os.sep}".startswith(f"{top.work_tree}{os.sep}"):
        return Target(name, repository)  # git knows the superproject of a submodule
    if repository.git_dir.startswith(os.path.join(top.common_dir, "")):
        return Target(name, repository)
    return Target(name, repository, _nearest(repository, tops).place)


def _nearest(repository: Repository, tops: tuple[Repository, ...]) -> Repository:
    """The checkout of the superproject that a clone belongs to: beside it, else the main one.

    A linked worktree comes after the main one, for it goes first.
    """
    beside = [
        top for top in tops if os.path.dirname(top.place) == os.path.dirname(repository.place)
    ]
    main = [top for top in tops if top.git_dir == top.common_dir]
    both = [top for top in beside if top in main]
    return (*both, *beside, *main, *tops)[0]
