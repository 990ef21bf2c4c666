"""Combinations out of commits, branches and the superproject's index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from guard.errors import GitError, GuardError, MissingObjectError
from guard.git.objects import ObjectPool
from guard.git.private import PrivateFolder
from guard.git.process import Repository, objects_of, run, text
from guard.model import Combination, Gitlink


def of_commit(repository: Repository, pool: ObjectPool, commit: str, source: str) -> Combination:
    """The combination that a commit of the superproject is.

    Raises:
        MissingObjectError: the commit or its tree is missing.
    """
    tree = pool.reader(repository).read(f"{commit}^{{tree}}")
    if tree is None:
        raise MissingObjectError(
            f"commit {commit} of the superproject is missing",
            f"git --git-dir={repository.git_dir} fetch origin {commit}",
        )
    return Combination(tree.id, commit, source=source)


def with_consumer(combination: Combination, path: str, commit: str) -> Combination:
    """The same tree with another commit at the consumer's gitlink."""
    return combination._replace(replaced=(Gitlink(path, commit),))


@contextmanager
def of_index(repository: Repository, index: str = "") -> Iterator[Combination | None]:
    """What a repository would commit next, or None in a bare repository or without an index.

    The index is copied and its trees go into a private object database, so that nothing of the
    user's is locked, refreshed or written. It lasts as long as the context.

    Args:
        index: another file than the repository's own one, such as that of a commit in the making.

    Raises:
        GuardError: the index has unmerged entries.
        GitError: git cannot read the index.
    """
    index = index or os.path.join(repository.git_dir, "index")
    if repository.work_tree is None or not os.path.exists(index):
        yield None
        return
    with PrivateFolder() as folder:
        objects = os.path.join(folder, "objects")
        os.makedirs(objects)
        tree = _written(repository, index, folder, objects)
        yield Combination(tree, source="the index", objects=objects)


def _written(repository: Repository, index: str, folder: str, objects: str) -> str:
    copy = os.path.join(folder, "index")
    try:
        with open(index, "rb") as theirs, open(copy, "wb") as ours:
            ours.write(theirs.read())
    except OSError as error:
        raise GitError(f"the index {index} cannot be read: {error.strerror}") from error
    extra = {
        "GIT_INDEX_FILE": copy,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects_of(repository),
    }
    try:
        # Writing a split index would touch its shared part, which is the user's.
        whole = ("-c", "core.splitIndex=false")
        return run(repository, *whole, "write-tree", "--missing-ok", extra=extra).decode().strip()
    except GitError as error:
        unmerged = run(repository, "ls-files", "--unmerged", "-z", extra=extra)
        if not unmerged:
            raise
        first = os.fsdecode(unmerged.split(b"\0")[0].split(b"\t")[1])
        where = repository.work_tree or repository.git_dir
        raise GuardError(
            f"the index of {where} has unmerged entries ({first}), so what would be committed "
            "next is not known",
            f"git -C {where} status",
        ) from error


def head_of(repository: Repository) -> str | None:
    """The commit that HEAD is at, None before the first."""
    return text(repository, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)) or None


def refs_below(repository: Repository, prefix: str) -> dict[str, str]:
    """Full name -> object id of the refs below a prefix that ends in a slash."""
    listed = text(repository, "for-each-ref", "--format=%(objectname) %(refname)", prefix)
    lines = (line.partition(" ") for line in listed.splitlines())
    return {ref: commit for commit, _, ref in lines}


def resolve(repository: Repository, revision: str) -> str:
    """A commit's id, from what a person typed.

    Raises:
        GuardError: it names no commit.
    """
    try:
        return text(
            repository,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
        )
    except GitError as error:
        raise GuardError(
            f"{revision} names no commit in {repository.work_tree or repository.git_dir}",
            f"git --git-dir={repository.git_dir} log --oneline --all",
        ) from error
