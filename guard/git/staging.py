"""What is staged: which index git means, and which of its changes the static rules look at."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

from guard.config import FILE
from guard.errors import GitError
from guard.git.repository import Repository
from guard.situation.combinations import head_of

_GITLINK: Final = b"160000"
# What the static rules read: see `guard.situation.manifests`, for whose imports a commit should not
# wait.
_NAMES: Final = re.compile(
    r"\.gitmodules|package\.yaml|.+\.cabal|stack.*\.yaml(\.lock)?|cabal\.project.*|cabal\.config"
    rf"|.*\.freeze|{re.escape(FILE)}"
)


def index_of(repository: Repository) -> str:
    """The index that git means: during a commit that may be a temporary one (githooks(5))."""
    named = os.environ.get("GIT_INDEX_FILE", "")
    # A relative one counts from the top of the checkout, as in git itself.
    base = repository.work_tree or repository.git_dir
    return os.path.join(base, named) if named else os.path.join(repository.git_dir, "index")


def relevant_files(repository: Repository, index: str) -> tuple[str, ...]:
    """The staged files that the static rules look at, and gitlinks. One git process.

    Raises:
        GitError: git cannot read the index.
    """
    extra = {"GIT_INDEX_FILE": index}
    asked = ("diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules=none")
    try:
        words = repository.run(*asked, "HEAD", extra=extra).split(b"\0")
    except GitError:
        if head_of(repository) is not None:
            raise
        return _all_relevant(repository, extra)
    # ":<old mode> <new mode> <old id> <new id> <status>", then the path.
    pairs = zip(words[::2], words[1::2], strict=False)
    return tuple(os.fsdecode(name) for item, name in pairs if _matters(item[1:14].split(), name))


def _all_relevant(repository: Repository, extra: dict[str, str]) -> tuple[str, ...]:
    """The same before the first commit."""
    listed = repository.run("ls-files", "--stage", "-z", extra=extra).split(b"\0")
    pairs = (line.partition(b"\t") for line in listed if line)
    return tuple(os.fsdecode(name) for item, _, name in pairs if _matters([item[:6]], name))


def _matters(modes: Sequence[bytes], path: bytes) -> bool:
    return _GITLINK in modes or _NAMES.fullmatch(os.path.basename(os.fsdecode(path))) is not None
