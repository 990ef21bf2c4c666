"""Where git looks for a repository's hooks, and whose folder that is."""

from __future__ import annotations

import os
import shlex
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.locate import open_git_dir
from guard.git.repository import Repository
from guard.install.tools import NAME

_SCOPES: Final = {
    "system": "the configuration of this machine",
    "global": "your own configuration",
    "local": "this repository's configuration",
    "worktree": "this worktree's configuration",
    "command": "the environment, in GIT_CONFIG_COUNT or GIT_CONFIG_PARAMETERS",
}


class Owner(Enum):
    """Whose the folder is in which git looks for hooks."""

    REPOSITORY = "the repository"
    TREE = "the working tree"
    ELSEWHERE = "another place"
    NOWHERE = "a folder that cannot be, for .git is a file there"
    OFF = "no folder, so that hooks are switched off"


class HookPlace(NamedTuple):
    """The folder in which git looks for a repository's hooks.

    Args:
        folder: absolute path; it need not exist.
        usual: absolute path of ``hooks`` in the git dir, where git looks without configuration.
        setting: the value of ``core.hooksPath``, "" where it is not set.
        scope: where that is set, in words.
        origin: the file in which it is set.
    """

    folder: str
    usual: str
    owner: Owner
    setting: str = ""
    scope: str = ""
    origin: str = ""

    @property
    def hook(self) -> str:
        """The path at which git looks for the hook."""
        return os.path.join(self.folder, NAME)

    @property
    def told(self) -> str:
        """Which setting leads here, in words; "" where none does."""
        if not self.setting:
            return ""
        where = f"{self.scope}, {self.origin}" if self.origin else self.scope
        return f"core.hooksPath is {self.setting} ({where})"


def hook_place(repository: Repository) -> HookPlace:
    """Where git looks for the hooks of a repository, with every scope and include considered.

    One git process where the answer is the usual folder.

    Raises:
        GitError: git does not tell.
    """
    base = run_folder(repository)
    # Relative values count from where hooks run, and so does the answer.
    runs = repository if base == repository.git_dir else repository._replace(work_tree=base)
    answer = runs.text_as_user("rev-parse", "--git-path", "hooks")
    folder = os.path.normpath(os.path.join(base, answer))
    usual = os.path.join(repository.common_dir, "hooks")
    real = os.path.realpath(folder)
    if real == os.path.realpath(usual) and _within(real, repository.common_dir):
        return HookPlace(usual, usual, Owner.REPOSITORY)
    if _within(real, repository.common_dir) or _within(real, repository.git_dir):
        owner = Owner.REPOSITORY
    elif repository.work_tree is not None and _within(real, repository.work_tree):
        # A relative `.git/hooks` leads into the file that a submodule or a worktree has there.
        dot_git = os.path.join(repository.work_tree, ".git")
        owner = Owner.NOWHERE if _within(real, dot_git) else Owner.TREE
    elif os.path.exists(real) and not os.path.isdir(real):
        owner = Owner.OFF  # /dev/null, as people write it
    else:
        owner = Owner.ELSEWHERE
    return HookPlace(folder, usual, owner, *_setting(runs))


def run_folder(repository: Repository) -> str:
    """The folder in which git runs the repository's hooks."""
    if repository.work_tree is not None:
        return repository.work_tree
    # The git dir of a submodule, found below modules/: git takes its checkout from there.
    configured = repository.text("config", "--get", "core.worktree", ok=(0, 1))
    folder = os.path.normpath(os.path.join(repository.git_dir, configured))
    return folder if configured and os.path.isdir(folder) else repository.git_dir


def with_worktrees(repository: Repository) -> tuple[Repository, ...]:
    """The repository as each of its checkouts sees it, the given one first.

    A linked worktree may have a ``core.hooksPath`` of its own, and submodule repositories of its
    own. Read from the git dir: no git process. Worktrees whose folder is gone are left out.
    """
    found = {repository.git_dir: repository}
    folder = os.path.join(repository.common_dir, "worktrees")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for name in names:
        linked = _linked_worktree(os.path.join(folder, name))
        if linked is not None:
            found.setdefault(linked.git_dir, linked)
    if os.path.basename(repository.common_dir) == ".git":
        main = open_git_dir(repository.common_dir, os.path.dirname(repository.common_dir))
        if main is not None:
            found.setdefault(main.git_dir, main)
    return tuple(found.values())


def _linked_worktree(git_dir: str) -> Repository | None:
    try:
        with open(os.path.join(git_dir, "gitdir"), "rb") as file:
            target = os.fsdecode(file.read().rstrip(b"\r\n"))
    except OSError:
        return None
    work_tree = os.path.dirname(os.path.join(git_dir, target))
    return open_git_dir(git_dir, work_tree) if os.path.isdir(work_tree) else None


def mend_setting(place: HookPlace, folder: str) -> str:
    """The command that lets git look for hooks in the repository itself, run for a checkout."""
    if place.scope == _SCOPES["command"]:
        return "unset GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS"
    git = f"git -C {shlex.quote(folder)} config"
    if place.owner is Owner.OFF and place.scope in (_SCOPES["local"], _SCOPES["worktree"]):
        flag = "--local" if place.scope == _SCOPES["local"] else "--worktree"
        return f"{git} {flag} --unset-all core.hooksPath"
    return f"{git} --local core.hooksPath {shlex.quote(place.usual)}"


def _setting(repository: Repository) -> tuple[str, str, str]:
    asked = ("config", "-z", "--show-scope", "--show-origin", "--get", "core.hooksPath")
    answer = repository.text_as_user(*asked, ok=(0, 1))
    if not answer:
        return "", "", ""  # the hooks folder itself is a link that leads away
    parts = answer.split("\0")
    if len(parts) < 3:
        raise GitError(f"git config says of core.hooksPath: {answer!r}")
    scope, origin, value = parts[:3]
    origin = "" if scope == "command" else origin.removeprefix("file:")
    return value, _SCOPES.get(scope, scope), origin


def _within(path: str, folder: str) -> bool:
    root = os.path.realpath(folder)
    return path == root or path.startswith(root + os.sep)
