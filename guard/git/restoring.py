"""Exact trees and commits made of what is there already, and what a checkout could lose by moving.

All of it is plumbing: nothing here touches an index, a working tree or a ref of the user's, but
for `advance`, which moves one branch forward.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from guard.errors import GitError, GuardError
from guard.git.private import PrivateFolder
from guard.git.repository import Repository, objects_of
from guard.model import Gitlink

_SHOWN = 5
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a cherry-pick or revert",
}


@contextmanager
def rehearsal(repository: Repository) -> Iterator[Repository]:
    """The repository with a private place for new objects, which is gone with the context."""
    with PrivateFolder() as folder:
        objects = os.path.join(folder, "objects")
        os.makedirs(objects)
        yield repository._replace(objects=objects)


def composed_tree(
    repository: Repository,
    tree: str,
    links: Sequence[Gitlink],
    file: str,
    blob: str | None,
) -> str:
    """A tree with other gitlinks, and with one file as given, written to the database.

    Args:
        repository: of a `rehearsal`, the tree is written to its private place.
        file: a path in the tree.
        blob: its content's id, None for no such file.

    Raises:
        GitError: the tree is not here, or there is no room.
    """
    with PrivateFolder() as folder:
        extra = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
        if repository.objects:
            extra["GIT_OBJECT_DIRECTORY"] = repository.objects
            extra["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = objects_of(repository)

        def git(*arguments: str) -> str:
            return repository.run(*arguments, extra=extra).decode().strip()

        git("read-tree", tree)
        for link in links:
            git("update-index", "--add", "--cacheinfo", f"160000,{link.commit},{link.path}")
        if blob is None:
            git("update-index", "--force-remove", "--", file)
        else:
            git("update-index", "--add", "--cacheinfo", f"100644,{blob},{file}")
        return git("write-tree", "--missing-ok")


def new_commit(repository: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """A commit by the user, signed where they sign. Moves nothing.

    Raises:
        GuardError: there is no identity, no key or no room.
    """
    value = repository.text("config", "--type=bool", "--default=false", "commit.gpgsign")
    sign = ["-S"] if value == "true" else []
    given = [word for parent in parents for word in ("-p", parent)]
    try:
        made = repository.run("commit-tree", *sign, *given, tree, data=message.encode())
    except GitError as error:
        raise GuardError(
            f"no commit could be made: {error.problem}",
            "git config user.name and user.email; git config commit.gpgsign",
        ) from error
    return made.decode().strip()


def advance(repository: Repository, ref: str, new: str, old: str | None, why: str) -> None:
    """Move a branch forward, if it still is where it was.

    Args:
        old: where it was, None where there was no such branch.

    Raises:
        GuardError: somebody has moved it meanwhile, or git cannot.
    """
    try:
        was = old or "0" * len(new)
        repository.run("update-ref", "--create-reflog", "-m", why, ref, new, was)
    except GitError as error:
        raise GuardError(
            f"{ref} of {repository.work_tree} was not moved: {error.problem}",
            "run guard recover again",
        ) from error


def tree_of(repository: Repository, commit: str) -> str:
    """The tree of a commit.

    Raises:
        GitError: there is no such commit.
    """
    return repository.text("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")


def has(repository: Repository, commit: str) -> bool:
    """Whether a commit is here."""
    asked = ("--verify", "--quiet", f"{commit}^{{commit}}")
    return bool(repository.text("rev-parse", *asked, ok=(0, 1, 128)))


def uncommitted(checkout: Repository) -> list[str]:
    """What is not committed, a line each: changed files, staged gitlinks, a merge under way."""
    status = ("--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all")
    output = checkout.run(f"--work-tree={checkout.work_tree}", "status", *status, "--no-renames")
    paths = [os.fsdecode(item[3:]) for item in output.split(b"\0") if item]
    staged = ("--cached", "--name-only", "-z", "--ignore-submodules=none", "HEAD")
    listed = checkout.run("diff-index", *staged)
    paths += [os.fsdecode(item) for item in listed.split(b"\0") if item]
    under_way = [
        f"{what} is under way"
        for name, what in _UNDER_WAY.items()
        if os.path.lexists(os.path.join(checkout.git_dir, name))
    ]
    return list(dict.fromkeys((*under_way, *paths)))


def in_the_way(checkout: Repository, tree: str) -> str:
    """What a checkout of a tree would overwrite, in git's words; "" where nothing is in the way."""
    where = f"--work-tree={checkout.work_tree}"
    with PrivateFolder() as folder:
        # Through a copy of the index: files that were only touched are no changes, and to see that
        # git writes into the index.
        extra = {"GIT_INDEX_FILE": _copy_of_index(checkout, folder)}
        refresh = ("update-index", "-q", "--refresh", "--ignore-submodules")
        checkout.run("-c", "core.splitIndex=false", where, *refresh, extra=extra, ok=(0, 1))
        try:
            checkout.run(where, "read-tree", "--dry-run", "-m", "-u", "HEAD", tree, extra=extra)
        except GitError as error:
            return error.problem.partition(" failed: ")[2]
    # Of an ignored file git thinks that nobody wants it.
    found = _strangers(checkout, _files(checkout, tree), _paths(checkout, "HEAD"))
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"ignored files would be overwritten: {', '.join(found[:_SHOWN])}{more}"


def _strangers(checkout: Repository, wanted: set[bytes], known: set[bytes]) -> list[str]:
    """What lies in the working tree in the places of `wanted` files, and is none that is known."""
    assert checkout.work_tree is not None
    folder = os.fsencode(checkout.work_tree)
    found: dict[bytes, None] = {}
    for path in sorted(wanted):
        steps = path.split(b"/")
        for end in range(1, len(steps) + 1):
            place = b"/".join(steps[:end])
            full = os.path.join(folder, place)
            if os.path.isdir(full) and not os.path.islink(full):
                continue
            if place not in known and os.path.lexists(full):
                found[place] = None
            break
        else:
            found.update(dict.fromkeys(sorted(_inside(folder, path) - known)))
    return [os.fsdecode(path) for path in found]


def _inside(folder: bytes, path: bytes) -> set[bytes]:
    """The files below a folder of the working tree."""
    return {
        os.path.relpath(os.path.join(at, name), folder)
        for at, _, names in os.walk(os.path.join(folder, path))
        for name in names
    }


def _copy_of_index(checkout: Repository, folder: str) -> str:
    copy = os.path.join(folder, "index")
    with suppress(FileNotFoundError):
        shutil.copyfile(os.path.join(checkout.git_dir, "index"), copy)
    return copy


def is_named(repository: Repository, commit: str) -> bool:
    """Whether a branch, a tag, a remote's branch or a verdict keeps a commit."""
    return bool(repository.text("for-each-ref", "--count=1", f"--contains={commit}"))


def is_between(checkout: Repository, old: str, new: str) -> bool:
    """Whether every file and every index entry is that of one of two commits, or absent.

    So a checkout looks that was killed on its way from one to the other: nothing in it is new, and
    nothing is lost by checking either of them out.
    """
    trees = (old, new)
    staged = [_staged_against(checkout, commit) for commit in trees]
    if staged[0] & staged[1]:
        return False
    known = set[bytes]().union(*(_paths(checkout, commit) for commit in trees))
    if any(_strangers(checkout, _files(checkout, commit), known) for commit in trees):
        return False
    differing = [_differing(checkout, commit) for commit in trees]
    assert checkout.work_tree is not None
    folder = os.fsencode(checkout.work_tree)
    return not any(
        os.path.lexists(os.path.join(folder, path)) for path in known & differing[0] & differing[1]
    )


def has_strays(checkout: Repository, at: str, other: str) -> bool:
    """Whether files of another commit that HEAD's lacks lie in the working tree."""
    assert checkout.work_tree is not None
    folder = os.fsencode(checkout.work_tree)
    paths = _paths(checkout, other) - _paths(checkout, at)
    return any(os.path.lexists(os.path.join(folder, path)) for path in paths)


def _paths(checkout: Repository, commit: str) -> set[bytes]:
    return set(checkout.run("ls-tree", "-r", "-z", "--name-only", commit).split(b"\0"))


def _files(checkout: Repository, tree: str) -> set[bytes]:
    """The paths of a tree without its gitlinks."""
    listed = checkout.run("ls-tree", "-r", "-z", tree).split(b"\0")
    pairs = (line.split(b"\t", 1) for line in listed if line)
    return {path for kind, path in pairs if not kind.startswith(b"160000 ")}


def _staged_against(checkout: Repository, commit: str) -> set[bytes]:
    listed = checkout.run(
        "diff-index", "--cached", "--name-only", "-z", "--ignore-submodules=none", commit
    )
    return {item for item in listed.split(b"\0") if item}


def _differing(checkout: Repository, commit: str) -> set[bytes]:
    """The files of the working tree that are not as in a commit, whatever the index says."""
    where = f"--work-tree={checkout.work_tree}"
    with PrivateFolder() as folder:
        extra = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
        checkout.run("read-tree", commit, extra=extra)
        asked = ("diff", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
        changed = checkout.run(where, *asked, extra=extra)
        others = checkout.run(where, "ls-files", "--others", "-z", extra=extra)
    return {item for item in (changed + others).split(b"\0") if item}
