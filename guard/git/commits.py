"""Commits: whether one is here, what is in it and leads to it, what people call it; and new ones.

Trees and commits are made of objects alone: no index, working tree or ref of the user's is touched
but by `advance` and `commit_gitlink`.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from guard.errors import GitError, GuardError
from guard.git.files import held, lock_file, no_gc, write_whole
from guard.git.index import private_index
from guard.git.refs import NOWHERE, list_refs, tip_in
from guard.git.repository import Repository
from guard.git.trees import GITLINK

# What stands at a path: mode and object id; None for nothing.
Entry = tuple[int, str]
Changes = Mapping[str, Entry | None]
# Commits that one command line names: longer ones no system takes.
_ARGUMENTS: Final = 10_000

# What is tried again while git packs refs or cleans up, and the seconds between.
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.05
# Seconds for which git holds no ref of guard's.
_LEFT: Final = 5.0
# What a `.keep` of guard's says.
_KEPT: Final = "guard"


def has_commit(repository: Repository, commit: str) -> bool:
    """Whether a commit is here."""
    words = ("--verify", "--quiet", f"{commit}^{{commit}}")
    return bool(repository.text("rev-parse", *words, ok=(0, 1, 128)))


def tree_of(repository: Repository, commit: str) -> str:
    """The tree of a commit."""
    return repository.text("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether a commit is another one or lies before it."""
    return old == new or bool(reachable(repository, [old], [new]))


def reachable(repository: Repository, commits: Iterable[str], tips: Iterable[str]) -> set[str]:
    """Those of some commits that some tips lead to; all of them are here.

    ``git rev-list X ^tip`` goes by dates, and stops too early behind a clock that was wrong
    (``limit_list`` in git's revision.c). What it leaves out is reached. Of the rest those are asked
    for that lead to no other of them that is not reached; what leads to one of these is not either.
    """
    wanted, tips = set(commits), list(dict.fromkeys(tips))
    lines = list(wanted)
    if tips and len(wanted) > 1:
        ends = "".join(f"{line}\n" for line in (*wanted, *(f"^{tip}" for tip in tips)))
        words = ("--topo-order", "--reverse", "--parents", "--stdin")
        lines = repository.text("rev-list", *words, data=ends.encode()).splitlines()
    outside: set[str] = set()
    for commit, *parents in map(str.split, lines):
        if not outside.isdisjoint(parents) or (
            commit in wanted and not _is_reached(repository, commit, tips)
        ):
            outside.add(commit)
    return wanted - outside


def _is_reached(repository: Repository, commit: str, tips: Sequence[str]) -> bool:
    """Whether a commit is its own merge base with what some tips lead to, however clocks were."""
    some = (tips[at : at + _ARGUMENTS] for at in range(0, len(tips), _ARGUMENTS))
    return any(repository.text("merge-base", commit, *words, ok=(0, 1)) == commit for words in some)


def is_named(repository: Repository, commit: str, below: str = "refs/") -> bool:
    """Whether a branch, a tag, a remote's branch or a verdict keeps a commit."""
    return bool(containing(repository, commit, below))


def containing(repository: Repository, commit: str, below: str) -> dict[str, str]:
    """The refs that lead to a commit, by their full names, each with the object that it names."""
    words = ("for-each-ref", "--format=%(objectname) %(refname)", f"--contains={commit}", below)
    lines = (line.partition(" ") for line in repository.lines(*words))
    return {name: tip for tip, _, name in lines}


def contained(repository: Repository, commit: str, below: str) -> set[str]:
    """The refs that a commit leads to, by their full names.

    ``git for-each-ref --merged`` goes by dates before git 2.41, as `reachable` says.
    """
    history = set(repository.lines("rev-list", commit))
    form = "--format=%(objectname) %(*objectname) %(refname)"
    refs = (line.split(" ", 2) for line in repository.lines("for-each-ref", form, below))
    return {name for tip, peeled, name in refs if (peeled or tip) in history}


def described(repository: Repository, commit: str, tags: str = "") -> str:
    """A commit as people name it: by the tag before it, ``v0.2.1-111-g16d4829b``, or a short id.

    Args:
        tags: a pattern that these have to fit; without one any tag will do (git-describe(1)).
    """
    words = [f"--match={tags}"] if tags else ["--always"]
    try:
        return repository.text("describe", "--tags", *words, commit)
    except GitError:
        return commit[:12]  # no such tag before it, or it is not here


def tree_with(repository: Repository, base: str | None, changes: Changes) -> str:
    """A tree that differs from another in some paths, written to the database."""
    with private_index(repository) as scratch:
        return changed_index(scratch, base, changes)


def changed_index(scratch: Repository, base: str | None, changes: Changes) -> str:
    """As `tree_with`, in the index of a `private_index`, which then holds that tree."""
    scratch.run("read-tree", base or "--empty")
    gone = "".join(f"{path}\0" for path, entry in changes.items() if entry is None)
    if gone:
        scratch.run("update-index", "--force-remove", "-z", "--stdin", data=os.fsencode(gone))
    there = (f"{entry[0]:o} {entry[1]}\t{path}\0" for path, entry in changes.items() if entry)
    scratch.run("update-index", "-z", "--index-info", data=os.fsencode("".join(there)))
    return scratch.text("write-tree", "--missing-ok")


def new_commit(repository: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """A commit by the user, signed where they sign. Moves nothing."""
    signs = repository.text("config", "--type=bool", "--default=false", "commit.gpgsign") == "true"
    words = [word for parent in parents for word in ("-p", parent)]
    data = os.fsencode(message if message.endswith("\n") else f"{message}\n")
    try:
        return repository.text("commit-tree", *(["-S"] if signs else []), *words, tree, data=data)
    except GitError as error:
        raise GitError(
            f"no commit could be made: {error.problem}",
            "git config user.name and user.email; git config commit.gpgsign",
        ) from error


def advance(repository: Repository, ref: str, new: str, old: str | None, why: str) -> None:
    """Move a branch forward, if it still is where it was.

    Args:
        old: where it was, None where there was no such branch.
        why: for the reflog, and the command to run again.

    Raises:
        GuardError: somebody has moved it meanwhile, or git cannot.
    """
    try:
        was = old or "0" * len(new)
        repository.run("update-ref", "--create-reflog", "-m", why, ref, new, was)
    except GitError as error:
        raise GuardError(
            f"{ref} of {repository.place} was not moved: {error.problem}", f"run {why} again"
        ) from error


def moved(repository: Repository, ref: str, new: str, old: str | None) -> bool:
    """Move a ref of guard's own; False where it is not where it was any more.

    Git holds a ref for a moment while it packs refs; then this waits.

    Args:
        old: None where there was none, `NOWHERE` where git cannot read the file of the ref.

    Raises:
        GitError: nobody else has moved it: a full disk, a read-only folder.
    """
    lock = os.path.join(repository.common_dir, f"{ref}.lock")
    with held(lock_file(os.path.join(repository.common_dir, "guard"), "refs")):
        for attempt in reversed(range(_ATTEMPTS)):
            try:
                if old == NOWHERE:
                    _overwrite(repository, ref, new, lock)
                else:
                    repository.run("update-ref", ref, new, old or "0" * len(new))
                return True
            except GitError:
                if tip_in(repository, list_refs(repository, ref), ref) != old:
                    return False
                if not attempt:
                    raise
            _await(lock)
    return False


def _overwrite(repository: Repository, ref: str, new: str, lock: str) -> None:
    """Write the file of a ref that git cannot read and therefore does not write either."""
    try:
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        write_whole(os.path.join(repository.common_dir, ref), f"{new}\n".encode(), draft=lock)
    except OSError as error:
        raise GitError(f"{ref} cannot be written: {lock}: {error.strerror}") from error


def _await(lock: str) -> None:
    """Wait until a ref is free. A lock that stays was left by a git that was killed."""
    stays, since = None, time.monotonic()
    while True:
        time.sleep(_PAUSE)
        try:
            status = os.stat(lock)
        except OSError:
            return
        if stays != (status.st_ino, status.st_mtime_ns):
            stays, since = (status.st_ino, status.st_mtime_ns), time.monotonic()
        if max(time.monotonic() - since, time.time() - status.st_mtime) > _LEFT:
            with suppress(OSError):
                os.unlink(lock)


@contextmanager
def lasting(
    repository: Repository, scratch: Repository, commit: str, without: Sequence[str]
) -> Iterator[None]:
    """A commit in the repository itself, which no ``git gc`` takes away until the block ends.

    Git drops what no ref leads to. No gc begins while the block lasts; beside one that is at work
    the objects are in a pack of their own, which git leaves alone for the ``.keep`` beside it
    (git-index-pack(1), ``--keep``).

    Args:
        scratch: the same repository with the private objects of which the commit is one.
        without: commits that are in the repository with all that belongs to them.

    Raises:
        GitError: some object is gone already, or cannot be written.
    """
    folder = os.path.join(repository.common_dir, "objects", "pack")
    revisions = "".join(f"{line}\n" for line in (commit, *(f"^{each}" for each in without)))
    with (
        held(lock_file(os.path.join(repository.common_dir, "guard"), "objects")),
        no_gc(repository.common_dir) as is_quiet,
    ):
        _let_go(folder)
        data = scratch.run("pack-objects", "--revs", "--stdout", "-q", data=revisions.encode())
        words = (
            ("unpack-objects", "-q") if is_quiet else ("index-pack", "--stdin", f"--keep={_KEPT}")
        )
        repository.run(*words, data=data)
        try:
            yield
        finally:
            _let_go(folder)


def _let_go(folder: str) -> None:
    """Leave the packs that guard kept to git; one of them may be of a guard that was killed."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(OSError):
            if name.endswith(".keep"):
                with open(path, "rb") as file:
                    is_ours = file.read(64).strip() == _KEPT.encode()
                if is_ours:
                    os.unlink(path)


def commit_gitlink(superproject: Repository, path: str, commit: str, message: str) -> str:
    """Commit one gitlink alone, whatever else is staged, and return the new commit's id.

    ``git commit --only`` would do the same, but not where the submodule is not checked out.

    Raises:
        GitError: git refuses, or a hook does.
    """
    with private_index(superproject) as scratch:
        changed_index(scratch, "HEAD", {path: (GITLINK, commit)})
        scratch.text_as_user("commit", "--quiet", "-m", message)
    return superproject.text("rev-parse", "HEAD")
