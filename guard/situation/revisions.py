"""Commits that a person names: single ones, and ranges as git takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from guard.errors import GuardError, UsageError
from guard.git.history import LoggedCommit, rev_list
from guard.git.refs import resolve
from guard.git.repository import Repository

# gitrevisions(7): no name of a ref holds "..", and the others stand at the end.
_RANGE: Final = re.compile(r"\.\.|\^(?:@|!|-\d*)$")
_ENDS: Final = re.compile(r"\.{2,3}")


def is_range(word: str) -> bool:
    """Whether a word stands for any number of commits: ``A..B``, ``A...B``, ``A^!``."""
    return _RANGE.search(word) is not None


def listed(repository: Repository, words: Sequence[str]) -> list[LoggedCommit]:
    """What ``git rev-list`` lists for what a person typed, in its order.

    Raises:
        GuardError: one of the words names no commit, or git takes them for another reason not.
        UsageError: they ask for something else than commits.
    """
    try:
        return rev_list(repository, words)
    except UsageError:
        raise
    except GuardError as error:
        # The command line that failed is guard's, and git's words for it are many.
        for name in _names(words):
            resolve(repository, name)
        raise GuardError(
            f"git rev-list does not take {' '.join(words)}", "git help rev-list"
        ) from error


def has_revision(words: Sequence[str]) -> bool:
    """Whether any word but the options and their numbers is there: ``-n 5`` has none."""
    return next(_revisions(words), None) is not None


def _names(words: Sequence[str]) -> Iterator[str]:
    for word in _revisions(words):
        ends = _ENDS.split(re.sub(r"^\^|\^(?:@|!|-\d*)$", "", word))
        yield from (end or "HEAD" for end in ends)


def _revisions(words: Sequence[str]) -> Iterator[str]:
    option = ""
    for word in words:
        if word == "--":
            return  # paths follow
        if not (word.startswith("-") or (option and word.isdigit())):
            yield word
        option = word if word.startswith("-") else ""
