"""Finding repositories on disk; but for `find_here` without git, for each submodule of a push."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from guard.errors import GitError, GuardError
from guard.git.repository import Repository, discover


def open_checkout(folder: str) -> Repository | None:
    """The repository whose checkout is this very folder, or None.

    Unlike git's own search this never climbs: the empty folder of a submodule that is not checked
    out is no repository, and not the superproject either (gitrepository-layout(5), gitfile).
    """
    dot_git = os.path.join(folder, ".git")
    if os.path.isdir(dot_git):
        return open_git_dir(dot_git, folder)
    try:
        with open(dot_git, "rb") as file:
            content = file.read(8192)
    except OSError:
        return None
    if not content.startswith(b"gitdir: "):
        return None
    target = os.fsdecode(content[len(b"gitdir: ") :].rstrip(b"\r\n"))
    return open_git_dir(os.path.join(folder, target), folder)


def checkout_at(superproject: Repository, path: str) -> Repository | None:
    """The checkout at a path of a superproject, "" for its own; None where there is none."""
    if not path or superproject.work_tree is None:
        return None if path else superproject
    return open_checkout(os.path.join(superproject.work_tree, path))


def open_git_dir(git_dir: str, work_tree: str | None = None) -> Repository | None:
    """The repository with this git dir, or None where the folder is no git dir."""
    git_dir = os.path.realpath(git_dir)
    common_dir = git_dir
    try:
        with open(os.path.join(git_dir, "commondir"), "rb") as file:
            common_dir = os.path.realpath(
                os.path.join(git_dir, os.fsdecode(file.read().rstrip(b"\r\n")))
            )
    except OSError:
        pass  # only linked worktrees have that file
    has_head = os.path.lexists(os.path.join(git_dir, "HEAD"))
    if not has_head or not os.path.isdir(os.path.join(common_dir, "objects")):
        return None
    return Repository(git_dir, common_dir, os.path.realpath(work_tree) if work_tree else None)


def hook_repository() -> Repository | None:
    """The repository whose hook this is, without asking git; None where git has to be asked.

    Git runs a hook at the top of the checkout, and names a git dir that is not found from there,
    or elsewhere, in the environment (githooks(5)).
    """
    if "GIT_WORK_TREE" in os.environ or "GIT_COMMON_DIR" in os.environ:
        return None
    try:
        folder = os.getcwd()
    except OSError:
        return None
    repository = open_checkout(folder)
    named = os.environ.get("GIT_DIR")
    if repository is None or not named:
        return repository
    is_named = os.path.realpath(os.path.join(folder, named)) == repository.git_dir
    return repository if is_named else None


def find_here() -> Repository:
    """The repository that git would take where this process stands.

    Raises:
        GuardError: the current folder is in no repository.
    """
    paths = ("--path-format=absolute", "--git-common-dir", "--show-toplevel")
    ended = discover("rev-parse", "--absolute-git-dir", *paths)
    lines = ended.output.removesuffix("\n").split("\n")
    # A bare repository has no third answer, and git fails over that.
    if ended.status != 0 and len(lines) != 2:
        raise GuardError(
            f"not in a git repository: {ended.errors.strip()}",
            "cd into aula-docker, aula or thentos",
        )
    repository = open_git_dir(lines[0], lines[2] if len(lines) > 2 else None)
    if repository is None or len(lines) > 3:
        raise GitError(f"cannot make out the repository in {os.getcwd()}")
    return repository


def enclosing(here: Repository) -> Iterator[Repository]:
    """The checkouts around this one, the nearest first.

    ``git rev-parse --show-superproject-working-tree`` would be silent where the superproject's
    index has lost the gitlink, which is just when it has to be told.
    """
    folder = here.work_tree
    while folder is not None and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        checkout = open_checkout(folder)
        if checkout is not None and checkout.common_dir != here.common_dir:
            yield checkout


def open_any(folder: str) -> Repository | None:
    """A checkout's repository, or a bare one."""
    return open_checkout(folder) or open_git_dir(folder)


def submodule_repositories(
    parents: Iterable[Repository], path: str, names: Iterable[str]
) -> Iterator[Repository]:
    """Where git itself keeps a submodule: its checkout, then the git dirs below ``modules/``.

    Args:
        parents: the repositories of the superproject (or of the submodule around a nested one).
        path: the submodule's path.
        names: its possible names; git takes the path where nobody chose another.

    The modules folder of the common git dir and that of a linked worktree are both looked at, and
    whether the submodule is in the current tree does not matter.
    """
    for parent in parents:
        folders = dict.fromkeys((parent.common_dir, parent.git_dir))
        places = (os.path.join(folder, "modules", name) for folder in folders for name in names)
        for repository in (checkout_at(parent, path), *map(open_git_dir, places)):
            if repository is not None:
                yield repository


def sibling_repositories(repository: Repository, name: str) -> Iterator[Repository]:
    """Clones of this name beside the checkout, and beside the main one of a linked worktree."""
    folders = []
    if repository.work_tree is not None:
        folders.append(os.path.dirname(repository.work_tree))
    if os.path.basename(repository.common_dir) == ".git":
        folders.append(os.path.dirname(os.path.dirname(repository.common_dir)))
    elif repository.work_tree is None:
        folders.append(os.path.dirname(repository.git_dir))
    for folder in dict.fromkeys(folders):
        sibling = open_any(os.path.join(folder, name))
        if sibling is not None and sibling.common_dir != repository.common_dir:
            yield sibling


def distinct(repositories: Iterable[Repository]) -> tuple[Repository, ...]:
    """Each object database once, in the first order."""
    databases: dict[str, Repository] = {}
    for repository in repositories:
        databases.setdefault(repository.common_dir, repository)
    return tuple(databases.values())


def at(repository: Repository) -> tuple[str, ...]:
    """The words by which git is told of a repository, from where the user stands."""
    if repository.work_tree is None:
        return (f"--git-dir={repository.git_dir}",)
    folder = seen_from_here(repository.work_tree)
    return () if folder == os.curdir else ("-C", folder)


def seen_from_here(folder: str) -> str:
    """A folder's path from where the user called git, which runs hooks at the top of a checkout."""
    origin = os.path.join(os.getcwd(), os.environ.get("GIT_PREFIX", ""))
    if not os.path.isdir(origin):
        origin = os.getcwd()
    relative = os.path.relpath(folder, origin)
    return relative if len(relative) < len(folder) else folder
