"""Where git looks for a repository's hooks, whose folder that is, and what it runs besides."""

import os
import re
import shlex
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.remotes import Settings
from guard.git.repository import Repository, open_checkout
from guard.install.shim import LINE, NAME, Tool, this_installation

# How husky 9 calls the folder that git looks into; the files that it runs lie around that.
OF_HUSKY: Final = "_"
# The first git that runs hooks which its configuration names.
_CONFIGURED: Final = (2, 54)
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
        usual: absolute path of ``hooks`` in the git dir, where git looks without configuration.
        setting: the value of ``core.hooksPath``, "" where it is not set.
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

    @property
    def strange(self) -> str:
        """Why guard's hook is not put here, where the folder is not the repository's own."""
        why = self.told or f"{self.usual} leads there"
        if self.owner is Owner.OFF:
            return f"hooks are switched off: {why}"
        return (
            f"git looks for hooks in {self.folder}, and that is {self.owner.value}, not this "
            f"repository's own: {why}"
        )


def hook_place(repository: Repository) -> HookPlace:
    """Where git looks for the hooks of a repository, with every scope and include considered.

    One git process where the answer is the usual folder.
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
    own. Worktrees whose folder is gone are left out.
    """
    # Source: gitrepository-layout(5), worktrees.
    if not os.path.isdir(os.path.join(repository.common_dir, "worktrees")):
        return (repository,)
    each = {repository.git_dir: repository}
    for line in repository.lines("worktree", "list", "--porcelain"):
        folder = line.removeprefix("worktree ")
        checkout = open_checkout(folder) if folder != line else None
        if checkout is not None:
            each.setdefault(checkout.git_dir, checkout)
    return tuple(each.values())


def beside(repository: Repository, settings: Settings) -> list[str]:
    """What becomes of the pre-push hooks that git's configuration names, a line each.

    Git 2.54 and later runs them beside the one in the folder. Source: git-hook(1) and
    git-config(1), ``hook.<name>.event``, ``.command`` and ``.enabled``.
    """
    commands = {
        name: hook["command"][-1]
        for name, hook in _configured(repository, settings).items()
        if NAME in hook.get("event", ()) and hook.get("command", [""])[-1] and _is_on(hook)
    }
    version = repository.text("version").removeprefix("git version ") if commands else ""
    runs = [*map(int, re.findall(r"\d+", version)[:2])] >= [*_CONFIGURED]
    return [
        f"git itself runs hook.{name} beside this one ({command}); either stops a push"
        if runs
        else f"hook.{name} is configured ({command}), but this git {version} does not run such "
        "hooks; git 2.54 and later does"
        for name, command in commands.items()
    ]


def is_enabled(repository: Repository, settings: Settings) -> bool:
    """Whether git's configuration lets hooks run before a push.

    Git 2.55 switches off all that are configured, and announces it for the one in the folder.
    Source: git-config(1), ``hook.<event>.enabled``.
    """
    return _is_on(_configured(repository, settings).get(NAME, {}))


def _configured(repository: Repository, settings: Settings) -> dict[str, dict[str, list[str]]]:
    """The values of each setting of each hook that git's configuration names."""
    hooks: dict[str, dict[str, list[str]]] = {}
    for key, value in settings.of(repository):
        if not key.startswith("hook."):
            continue
        name, _, setting = key.removeprefix("hook.").rpartition(".")
        values = hooks.setdefault(name, {}).setdefault(setting, [])
        # An empty event takes back those before it; of the others the last counts.
        values[:] = [*values, value] if value or setting != "event" else []
    return hooks


def _is_on(hook: Mapping[str, list[str]]) -> bool:
    return hook.get("enabled", ["true"])[-1].lower() not in ("false", "no", "off", "0")


def line_elsewhere(place: HookPlace, folders: tuple[str, ...] = ()) -> tuple[str, str]:
    """The file that runs guard in a place that is not guard's, and the line for it.

    Args:
        folders: where the line may act; for a hook that serves other repositories as well.
    """
    if os.path.basename(place.folder) == OF_HUSKY:
        return os.path.join(os.path.dirname(place.folder), NAME), Tool.HUSKY.habits.line
    if place.owner is Owner.ELSEWHERE and folders:
        # Of this machine alone, so that it need not depend on PATH.
        call = shlex.join(this_installation().command(NAME))
        cases = "|".join(map(shlex.quote, folders))
        return place.hook, f'case $PWD in {cases}) {call} "$@" || exit 1 ;; esac'
    return place.hook, LINE


def mend_setting(place: HookPlace, folder: str) -> str:
    """The command that lets git look for hooks in the repository itself, run for a checkout."""
    if place.scope == _SCOPES["command"]:
        return "unset GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS"
    words = ["--local", "core.hooksPath", place.usual]
    if place.owner is Owner.OFF and place.scope in (_SCOPES["local"], _SCOPES["worktree"]):
        flag = "--local" if place.scope == _SCOPES["local"] else "--worktree"
        words = [flag, "--unset-all", "core.hooksPath"]
    return shlex.join(("git", "-C", folder, "config", *words))


def _setting(repository: Repository) -> tuple[str, str, str]:
    words = ("config", "-z", "--show-scope", "--show-origin", "--get", "core.hooksPath")
    answer = repository.text_as_user(*words, ok=(0, 1))
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
