"""The index: which one git means, the tree that it holds, and which of its changes matter."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote
from typing import Final

from guard.config import FILE
from guard.errors import GitError, GuardError
from guard.git.commands import PERSON, git
from guard.git.files import no_room, private_folder
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.git.trees import checksum
from guard.model import Combination

_GITLINK: Final = b"160000"
_CHECKSUM: Final = 20  # bytes
# What the static rules may read: see `guard.situation.manifests`, for whose imports a commit should
# not wait. Manifests take in YAML and project files of any name.
_NAMES: Final = (
    r"\.gitmodules|.+\.(cabal|ya?ml(\.lock)?|project|config|freeze)|cabal\.project.*"
    rf"|{re.escape(FILE)}"
)


def index_of(repository: Repository) -> str:
    """The index that git means: during a commit that may be a temporary one (githooks(5))."""
    named = os.environ.get("GIT_INDEX_FILE", "")
    # A relative one counts from the top of the checkout, as in git itself.
    base = repository.work_tree or repository.git_dir
    return os.path.join(base, named) if named else os.path.join(repository.git_dir, "index")


def relevant_files(repository: Repository, index: str) -> tuple[str, ...]:
    """The staged files that the static rules look at, and gitlinks. One git process."""
    other = repository._replace(index_file=index)
    words = ("diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules=none")
    try:
        listed = other.run(*words, "HEAD").split(b"\0")
    except GitError:
        if head_of(repository) is not None:
            raise
        # Before the first commit all is new.
        nothing = repository.text("hash-object", "-t", "tree", os.devnull)
        listed = other.run(*words, nothing).split(b"\0")
    # ":<old mode> <new mode> <old id> <new id> <status>", then the path.
    pairs = zip(listed[::2], map(os.fsdecode, listed[1::2]), strict=False)
    return tuple(
        path
        for change, path in pairs
        if _GITLINK in change[1:14].split() or re.fullmatch(_NAMES, os.path.basename(path))
    )


class LostIndexError(GuardError):
    """There is an index, and nobody can read it."""


@contextmanager
def private_index(repository: Repository, private_objects: bool = False) -> Iterator[Repository]:
    """The repository with an index of its own, empty at first, which is gone with the context.

    Args:
        private_objects: whether new objects are gone with the context, too.
    """
    with private_folder("objects") as folder:
        scratch = repository._replace(index_file=os.path.join(folder, "index"))
        if private_objects:
            scratch = scratch._replace(new_objects=os.path.join(folder, "objects"))
        yield scratch


@contextmanager
def staged_tree(
    repository: Repository, index: str = "", pool: ObjectPool | None = None
) -> Iterator[Combination | None]:
    """What the superproject would commit next; None where there is no index.

    The index is copied and its trees go into a private object database, so that nothing of the
    user's is locked, refreshed or written. It lasts as long as the context. Where the repository
    has all of those trees already, as after a commit, the memo has that of these very bytes.

    Args:
        index: another file than the repository's own one, such as that of a commit in the making.
        pool: tells whether the tree in the memo is still there; without one there always are
            private objects, for a caller that has some of its own to add.
    """
    path = index or os.path.join(repository.git_dir, "index")
    if repository.work_tree is None or not os.path.exists(path):
        yield None
        return
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise LostIndexError(f"the index {path} cannot be read: {error.strerror}") from error
    # Git ends it with the checksum of all that stands before, unless index.skipHash says no.
    end = content[-_CHECKSUM:].hex()
    memo = Memo(repository.common_dir) if pool is not None and end.strip("0") else None
    tree = memo.read(str, "index", end) if memo is not None else None
    if tree is not None and pool is not None and pool.reader(repository).read(tree) is not None:
        yield Combination(tree, source="the index")
        return
    with private_index(repository, private_objects=True) as scratch:
        tree = _written(scratch, content)
        if memo is None or os.listdir(scratch.new_objects):
            yield Combination(tree, source="the index", objects=scratch.new_objects)
            return
        memo.write(tree, "index", end)
        yield Combination(tree, source="the index")


def _written(scratch: Repository, content: bytes) -> str:
    """The tree of an index with this content."""
    try:
        with open(scratch.index_file, "wb") as file:
            file.write(content)
    except OSError as error:
        place = os.path.dirname(os.path.dirname(scratch.index_file))
        raise GuardError(
            f"no copy of the index can be written in {place}: {error.strerror}", no_room(place)
        ) from error
    try:
        # Writing a split index would touch its shared part, which is the user's.
        tree = scratch.text("-c", "core.splitIndex=false", "write-tree", "--missing-ok")
    except GitError as error:
        try:
            unmerged = scratch.run("ls-files", "--unmerged", "-z")
        except GitError as cause:
            raise _damaged(scratch) from cause
        if not unmerged:
            raise
        first = os.fsdecode(unmerged.split(b"\0")[0].split(b"\t")[1])
        raise GuardError(
            f"the index of {scratch.place} has unmerged entries ({first}), so what would be "
            "committed next is not known",
            f"{PERSON}resolve {first}, and stage it: git -C {quote(scratch.place)} status",
        ) from error
    # Git itself takes what was cut off for zeros, and those for a checksum that was not wanted.
    size = len(tree) // 2
    end = content[-size:]
    if end.strip(b"\0") and end != checksum(content[:-size], size):
        raise _damaged(scratch)
    return tree


def _damaged(repository: Repository) -> GuardError:
    """Of an index that git cannot read, ``git reset`` cannot either."""
    return LostIndexError(
        f"the index of {repository.place} is damaged, so what would be committed next is not known",
        git(repository, "read-tree", "HEAD").text,
    )


def lacks_index(repository: Repository) -> bool:
    """Whether the index of a checkout is gone, so that git takes every file for deleted."""
    path = os.path.join(repository.git_dir, "index")
    is_gone = repository.work_tree is not None and not os.path.exists(path)
    return is_gone and head_of(repository) is not None
