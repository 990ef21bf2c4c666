"""Combinations out of the superproject's commits."""

from __future__ import annotations

from guard.errors import MissingObjectError
from guard.git.objects import ObjectPool
from guard.git.repository import Repository
from guard.model import Combination, Gitlink
from guard.situation.branches import fetching


def of_commit(repository: Repository, pool: ObjectPool, commit: str, source: str) -> Combination:
    """The combination that a commit of the superproject is.

    Raises:
        MissingObjectError: the commit or its tree is missing.
    """
    tree = pool.reader(repository).read(f"{commit}^{{tree}}")
    if tree is None:
        raise MissingObjectError(
            f"commit {commit} of the superproject is missing",
            fetching(repository, pool.settings, commit).text,
        )
    return Combination(tree.id, commit, source=source)


def with_consumer(combination: Combination, path: str, commit: str) -> Combination:
    """The same tree with another commit at the consumer's gitlink."""
    return combination._replace(replaced=(Gitlink(path, commit),))
