"""What git's configuration says to the repositories of one command, each asked at most once.

What a user has set for all repositories is told by the first answer; with that, what a repository
of unchanged configuration files would say is known from the last time.
"""

from __future__ import annotations

import hashlib
import os
from subprocess import Popen
from typing import TYPE_CHECKING

from guard.git.process import Repository, end, finish, start
from guard.git.remotes import KEYS, Pairs
from guard.memory import Memory

if TYPE_CHECKING:
    from typing import Final

_ASKED: Final = ("-z", "--get-regexp", rf"^(guard|include|includeif|{KEYS})\.")
# git config before 2.26 does not know --show-scope, and ends with its usage.
_USAGE: Final = 129
_OWN: Final = ("local", "worktree")


class Configurations:
    """Asks git, or remembers."""

    def __init__(self) -> None:
        self._memory: Memory | None = None
        self._keeps = False
        self._shared = ""
        self._asked: dict[str, Popen[bytes]] = {}
        self._files: dict[str, str] = {}
        self._answers: dict[str, Pairs] = {}
        self._new: dict[str, Pairs] = {}

    def ask(self, repository: Repository) -> None:
        """Start to ask, where the answer is not known.

        Raises:
            GitError: git cannot be started.
        """
        name = repository.git_dir
        if name in self._answers or name in self._asked:
            return
        files = self._files[name] = _files(repository)
        known = self._recalled(files)
        if known is not None:
            self._answers[name] = known
        else:
            self._asked[name] = start(repository, "config", "--show-scope", *_ASKED)

    def read(self, repository: Repository) -> Pairs:
        """The settings of ``guard``, of remotes, branches and submodules, in git's order.

        Raises:
            GitError: git cannot be asked.
        """
        self.ask(repository)
        name = repository.git_dir
        process = self._asked.pop(name, None)
        if process is not None:
            self._answers[name] = self._answer(repository, process)
        return self._answers[name]

    def recall_from(self, common_dir: str) -> None:
        """Where to look for what was remembered; nothing is written yet.

        Args:
            common_dir: the git dir of what may be the superproject.
        """
        self._memory = Memory(common_dir)

    def remember_in(self, common_dir: str) -> None:
        """Keep what git has said, now and later, for the next command.

        Args:
            common_dir: the superproject's git dir.
        """
        self._memory = Memory(common_dir)
        self._keeps = True
        self._keep()

    def close(self) -> None:
        """End what nobody has read."""
        asked, self._asked = self._asked, {}
        for process in asked.values():
            end(process)

    def _recalled(self, files: str) -> Pairs | None:
        if not (self._memory and self._shared and files):
            return None
        known = self._memory.recall("settings", self._shared, files)
        return known if _is_pairs(known) else None

    def _answer(self, repository: Repository, process: Popen[bytes]) -> Pairs:
        output = finish(process, ok=(0, 1, _USAGE))
        if process.returncode == _USAGE:
            again = start(repository, "config", *_ASKED)
            return [_pair(item) for item in _items(finish(again, ok=(0, 1)))]
        items = _items(output)
        scopes, pairs = items[::2], [_pair(item) for item in items[1::2]]
        shared = _shared(scopes, pairs)
        self._shared = self._shared or shared
        files = self._files[repository.git_dir]
        # What somebody changed in between is asked again the next time.
        if files and shared and shared == self._shared and files == _files(repository):
            self._new[files] = pairs
            self._keep()
        return pairs

    def _keep(self) -> None:
        if self._memory and self._keeps:
            for files, pairs in self._new.items():
                self._memory.remember(pairs, "settings", self._shared, files)
            self._new.clear()


def _shared(scopes: list[str], pairs: Pairs) -> str:
    """Stands for what is set for all repositories; "" where that depends on which one it is."""
    common = [pair for scope, pair in zip(scopes, pairs, strict=True) if scope not in _OWN]
    if any(key.startswith("include") for key, _ in common):
        return ""
    return hashlib.sha1(repr(common).encode(errors="surrogateescape")).hexdigest()


def _files(repository: Repository) -> str:
    """Stands for a repository's own configuration; "" where that is in other files as well."""
    content = b""
    for folder, name in (
        (repository.common_dir, "config"),
        (repository.git_dir, "config.worktree"),
    ):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                content += b"\0" + file.read()
        except FileNotFoundError:
            continue
        except OSError:
            return ""
    return "" if b"include" in content.lower() else hashlib.sha1(content).hexdigest()


def _items(output: bytes) -> list[str]:
    return os.fsdecode(output).split("\0")[:-1]


def _pair(item: str) -> tuple[str, str]:
    key, separator, value = item.partition("\n")
    # A key that stands alone is true.
    return key, value if separator else "true"


def _is_pairs(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(word, str) for word in pair)
        for pair in value
    )
