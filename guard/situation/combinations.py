"""Combinations out of commits, branches and the superproject's index."""

from __future__ import annotations

import hashlib
import os
from types import TracebackType
from typing import TYPE_CHECKING

from guard.errors import GitError, GuardError, MissingObjectError
from guard.git.objects import ObjectPool
from guard.git.repository import Repository, objects_of
from guard.memory import Memory
from guard.model import Combination, Gitlink

if TYPE_CHECKING:
    from guard.git.private import PrivateFolder


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


class StagedTree:
    """What the superproject would commit next, as a context; None where there is no index.

    The index is copied and its trees go into a private object database, so that nothing of the
    user's is locked, refreshed or written. It lasts as long as the context. Where the repository
    has all of those trees already, as after a commit, that is remembered for these very bytes.

    Args:
        index: another file than the repository's own one, such as that of a commit in the making.
        memory: where it is remembered; None remembers nothing, and there always are private
            objects, for a caller that has some of its own to add.

    Raises:
        GuardError: the index has unmerged entries.
        GitError: git cannot read the index.
    """

    def __init__(
        self, repository: Repository, index: str = "", memory: Memory | None = None
    ) -> None:
        self.recalled = False
        self._repository = repository
        self._index = index
        self._memory = memory
        self._folder: PrivateFolder | None = None

    def __enter__(self) -> Combination | None:
        index = self._index or os.path.join(self._repository.git_dir, "index")
        if self._repository.work_tree is None or not os.path.exists(index):
            return None
        try:
            with open(index, "rb") as file:
                content = file.read()
        except OSError as error:
            raise GitError(f"the index {index} cannot be read: {error.strerror}") from error
        digest = hashlib.sha1(content).hexdigest()
        known = self._memory.recall("index", digest) if self._memory else None
        if isinstance(known, str):
            self.recalled = True
            return Combination(known, source="the index")
        return self._write(content, digest)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.__exit__(kind, error, trace)

    def forget(self) -> None:
        """Ask git the next time: the tree that was remembered is not there any more."""
        self.recalled = False
        self._memory = None

    def _write(self, content: bytes, digest: str) -> Combination:

        # After a commit there is nothing to write.
        from guard.git import private

        self._folder = private.PrivateFolder()
        folder = self._folder.__enter__()
        objects = os.path.join(folder, "objects")
        try:
            tree = _written(self._repository, content, folder, objects)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        if self._memory is None or os.listdir(objects):
            return Combination(tree, source="the index", objects=objects)
        self._memory.remember(tree, "index", digest)
        return Combination(tree, source="the index")


def _written(repository: Repository, content: bytes, folder: str, objects: str) -> str:
    copy = os.path.join(folder, "index")
    try:
        os.makedirs(objects)
        with open(copy, "wb") as file:
            file.write(content)
    except OSError as error:
        from guard.git.private import no_room

        place = os.path.dirname(folder)
        raise GuardError(
            f"no copy of the index can be written in {place}: {error.strerror}", no_room(place)
        ) from error
    extra = {
        "GIT_INDEX_FILE": copy,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects_of(repository),
    }
    try:
        # Writing a split index would touch its shared part, which is the user's.
        whole = ("-c", "core.splitIndex=false")
        return repository.run(*whole, "write-tree", "--missing-ok", extra=extra).decode().strip()
    except GitError as error:
        unmerged = repository.run("ls-files", "--unmerged", "-z", extra=extra)
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
    return repository.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)) or None


def refs_below(repository: Repository, prefix: str) -> dict[str, str]:
    """Full name -> object id of the refs below a prefix that ends in a slash."""
    listed = repository.lines("for-each-ref", "--format=%(objectname) %(refname)", prefix)
    words = (line.partition(" ") for line in listed)
    return {ref: commit for commit, _, ref in words}


def resolve(repository: Repository, revision: str) -> str:
    """A commit's id, from what a person typed.

    Raises:
        GuardError: it names no commit.
    """
    try:
        return repository.text(
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
