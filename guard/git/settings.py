"""What git's configuration says to the repositories of one command."""

from __future__ import annotations

import os
from typing import Final

from guard.git.remotes import KEYS, Pairs
from guard.git.repository import Repository, run_all

_COMMAND: Final = ("config", "-z", "--get-regexp", rf"^(guard|{KEYS})\.")


class Settings:
    """Settings of ``guard``, of remotes, branches and submodules; each repository is asked once."""

    def __init__(self) -> None:
        self._answers: dict[str, Pairs] = {}

    def of(self, repository: Repository) -> Pairs:
        """Those of one repository, in git's order.

        Raises:
            GitError: git cannot be asked.
        """
        return self.of_all([repository])[0]

    def of_all(self, repositories: list[Repository]) -> list[Pairs]:
        """As `of`, for several at once."""
        new = {item.git_dir: item for item in repositories if item.git_dir not in self._answers}
        outputs = run_all(((item, _COMMAND) for item in new.values()), ok=(0, 1))
        for name, output in zip(new, outputs, strict=True):
            self._answers[name] = [_pair(item) for item in os.fsdecode(output).split("\0")[:-1]]
        return [self._answers[item.git_dir] for item in repositories]


def _pair(item: str) -> tuple[str, str]:
    key, separator, value = item.partition("\n")
    # A key that stands alone is true.
    return key, value if separator else "true"
