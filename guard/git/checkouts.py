"""Checkouts: moved to another commit, and what that could lose. Nothing of the user's is lost.

What moves is done as the user would do it: with the user's own settings, filters and hooks.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from shlex import quote
from typing import Final

from guard.errors import GitError, GuardError
from guard.git.ancestry import has_commit
from guard.git.commits import private_index
from guard.git.locate import open_checkout
from guard.git.network import fetch
from guard.git.repository import Repository

# git overwrites what is ignored, which may be somebody's only copy.
_CAREFULLY: Final = ("--quiet", "--no-recurse-submodules", "--no-overwrite-ignore")
_SHOWN: Final = 5
_UNDER_WAY: Final = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a cherry-pick or revert",
}


def move_submodule(
    superproject: Repository, path: str, commit: str, source: Repository, ref: str
) -> bool:
    """Check a submodule out at a commit (where it is checked out) and stage its gitlink.

    Args:
        source: a repository that has the commit; the checkout fetches from it what it lacks.
        ref: a ref of `source` that has the commit.

    Returns:
        Whether there was a checkout to move.

    Raises:
        GuardError: the checkout has changes or commits that would be hard to find again, or git
            refuses. Then neither the index nor the checkout has moved.
    """
    if superproject.work_tree is None:
        raise GuardError(
            f"{superproject.git_dir} is bare: there is no index to stage a gitlink in",
            "run guard align in a clone with a working tree",
        )
    checkout = open_checkout(os.path.join(superproject.work_tree, path))
    if checkout is not None:
        _refuse_loss(checkout, path, commit)
        take_over(checkout, commit, source, ref)
    old = superproject.text("ls-files", "--stage", "--", path).split()
    _stage(superproject, path, commit)
    if checkout is None:
        return False
    try:
        switch(checkout, commit)
    except GuardError:
        if len(old) > 1:
            _stage(superproject, path, old[1])
        raise
    return True


def follow(checkout: Repository, old: str, new: str) -> None:
    """Bring index and files from one commit to another; HEAD's branch has moved there already.

    Raises:
        GitError: something would be lost, or git refuses.
    """
    # Else a file that was only touched is taken for a changed one.
    checkout.text_as_user("update-index", "-q", "--refresh", "--ignore-submodules", ok=(0, 1))
    checkout.text_as_user("read-tree", "-m", "-u", "--no-recurse-submodules", old, new)


def switch(checkout: Repository, commit: str, branch: str = "") -> None:
    """Check out a commit, or the branch that stands there.

    Raises:
        GitError: something would be lost, or git refuses; then nothing has moved.
    """
    where = [branch] if branch else ["--detach", commit]
    checkout.text_as_user("checkout", *_CAREFULLY, *where, "--")


def put_right(checkout: Repository, commit: str) -> None:
    """Index, files and HEAD at a commit, whatever stands there: only after `is_between`.

    Raises:
        GitError: git refuses.
    """
    checkout.text_as_user("read-tree", "--reset", "-u", "--no-recurse-submodules", commit)
    if checkout.text("rev-parse", "HEAD") != commit:
        words = ("--quiet", "--no-recurse-submodules", "--detach", commit, "--")
        checkout.text_as_user("checkout", *words)


def take_over(checkout: Repository, commit: str, source: Repository, ref: str = "") -> None:
    """Fetch a commit from another repository on this machine, where it is lacking.

    Args:
        ref: a ref of `source` that leads to it.

    Raises:
        GitError: git refuses.
    """
    if not has_commit(checkout, commit):
        # By the git dir's path: whatever remotes are configured is the user's own affair.
        fetch(checkout, source.common_dir, ref or commit)


def update_below(checkout: Repository) -> None:
    """Move the submodules of a submodule to its gitlinks, those that are checked out.

    Raises:
        GitError: git refuses: one has changes, or the commit cannot be fetched.
    """
    configured = ("config", "--name-only", "--get-regexp", r"^submodule\..*\.url$")
    if checkout.text(*configured, ok=(0, 1)):
        checkout.text_as_user("submodule", "--quiet", "update", "--recursive")


def _stage(superproject: Repository, path: str, commit: str) -> None:
    entry = f"160000,{commit},{path}"
    superproject.text_as_user("update-index", "--add", "--cacheinfo", entry)


def _refuse_loss(checkout: Repository, path: str, commit: str) -> None:
    work_tree = f"--work-tree={checkout.work_tree}"
    status = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all")
    changed = checkout.run(work_tree, *status)
    if changed:
        count = changed.count(b"\0")
        raise GuardError(
            f"{path} has {count} uncommitted changes, which moving it could lose",
            f"git -C {quote(checkout.place)} stash",
        )
    head = checkout.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1))
    if not head or head == commit:
        return
    branch = checkout.text("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
    kept = branch or checkout.text("for-each-ref", "--count=1", f"--contains={head}")
    if not kept:
        raise GuardError(
            f"{path} is at {head[:12]}, a commit that no branch and no tag has; moving away would "
            "make it hard to find again",
            f"git -C {quote(checkout.place)} branch keep-{head[:8]} {head}",
        )


def uncommitted(checkout: Repository) -> list[str]:
    """What is not committed, a line each: changed files, staged gitlinks, a merge under way."""
    status = ("--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all")
    output = checkout.run(f"--work-tree={checkout.work_tree}", "status", *status, "--no-renames")
    paths = [os.fsdecode(item[3:]) for item in output.split(b"\0") if item]
    staged = ("--cached", "--name-only", "-z", "--ignore-submodules=none", "HEAD")
    listed = checkout.run("diff-index", *staged)
    paths += [os.fsdecode(item) for item in listed.split(b"\0") if item]
    begun = under_way(checkout)
    return list(dict.fromkeys((*([f"{begun} is under way"] if begun else []), *paths)))


def under_way(checkout: Repository) -> str:
    """What is begun in a checkout and not ended, such as "a rebase"; "" for nothing."""
    names = (name for name in _UNDER_WAY if os.path.lexists(os.path.join(checkout.git_dir, name)))
    return _UNDER_WAY[first] if (first := next(names, "")) else ""


def in_the_way(checkout: Repository, tree: str) -> str:
    """What a checkout of a tree would overwrite, in git's words; "" where nothing is in the way."""
    where = f"--work-tree={checkout.work_tree}"
    with private_index(checkout) as scratch:
        # Through a copy of the index: files that were only touched are no changes, and to see that
        # git writes into the index.
        with suppress(FileNotFoundError):
            shutil.copyfile(os.path.join(checkout.git_dir, "index"), scratch.index_file)
        refresh = ("update-index", "-q", "--refresh", "--ignore-submodules")
        scratch.run("-c", "core.splitIndex=false", where, *refresh, ok=(0, 1))
        try:
            scratch.run(where, "read-tree", "--dry-run", "-m", "-u", "HEAD", tree)
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
    with private_index(checkout) as scratch:
        scratch.run("read-tree", commit)
        words = ("diff", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
        changed = scratch.run(where, *words)
        others = scratch.run(where, "ls-files", "--others", "-z")
    return {item for item in (changed + others).split(b"\0") if item}
