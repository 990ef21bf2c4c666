"""Hooks that git's configuration names: git 2.54 and later runs them beside the one in the folder.

Source: git-hook(1) and git-config(1), ``hook.<name>.event``, ``.command`` and ``.enabled``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from guard.git.repository import Repository
from guard.install.tools import NAME

_FIRST: Final = (2, 54)


class ConfiguredHook(NamedTuple):
    """A pre-push hook in git's configuration.

    Args:
        runs: whether the git at hand runs it.
        version: of that git, in its own words.
    """

    name: str
    command: str
    runs: bool
    version: str

    @property
    def told(self) -> str:
        """What becomes of it, for a person."""
        if self.runs:
            return (
                f"git itself runs hook.{self.name} beside this one ({self.command}); either "
                "stops a push"
            )
        return (
            f"hook.{self.name} is configured ({self.command}), but this git {self.version} does "
            "not run such hooks; git 2.54 and later does"
        )


def configured_hooks(repository: Repository, base: str) -> tuple[ConfiguredHook, ...]:
    """The pre-push hooks that a repository's configuration names, at every scope.

    One git process where there are none.

    Args:
        base: the folder in which git runs the repository's hooks.

    Raises:
        GitError: git cannot be asked.
    """
    asked = ("config", "-z", "--get-regexp", r"^hook\..*\.(event|command|enabled)$")
    answer = repository.text("-C", base, *asked, ok=(0, 1))
    commands: dict[str, str] = {}
    events: dict[str, list[str]] = {}
    disabled: dict[str, bool] = {}
    for item in filter(None, answer.split("\0")):
        key, _, value = item.partition("\n")
        name, _, what = key.removeprefix("hook.").rpartition(".")
        if what == "event":
            # An empty value takes back those before it.
            events[name] = [*events.get(name, []), value] if value else []
        elif what == "command":
            commands[name] = value
        else:
            disabled[name] = value.lower() in ("false", "no", "off", "0")
    meant = [name for name in events if NAME in events[name] and commands.get(name)]
    meant = [name for name in meant if not disabled.get(name)]
    if not meant:
        return ()
    version = repository.text("version").removeprefix("git version ")
    runs = _numbers(version) >= _FIRST
    return tuple(ConfiguredHook(name, commands[name], runs, version) for name in meant)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
