"""Checkouts: moved to another commit, and what that could lose. Nothing of the user's is lost.

What moves is done as the user would do it: with the user's own settings, filters and hooks.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from guard.errors import GitError, GuardError
from guard.git.commands import git, in_turn
from guard.git.commits import has_commit, is_named
from guard.git.index import private_index
from guard.git.refs import stand
from guard.git.remotes import FETCHING, fetch
from guard.git.repository import Repository, checkout_at
from guard.git.trees import GITLINK, entries

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
    """Stage a submodule's gitlink and check it out there; False where it is not checked out.

    Args:
        source: a repository that has the commit; the checkout fetches from it what it lacks.
        ref: a ref of `source` that has the commit.

    Raises:
        GuardError: the checkout has changes or commits that would be hard to find again, or git
            refuses. Then neither the index nor the checkout has moved.
    """
    if superproject.work_tree is None:
        raise GuardError(
            f"{superproject.git_dir} is bare: there is no index to stage a gitlink in",
            "run guard align in a clone with a working tree",
        )
    checkout = checkout_at(superproject, path)
    if checkout is not None:
        for loss in losses(path, checkout, commit):
            raise loss
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
    """Bring index and files from one commit to another; HEAD's branch has moved there already."""
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
    """Index, files and HEAD at a commit, whatever stands there: only after `is_between`."""
    checkout.text_as_user("read-tree", "--reset", "-u", "--no-recurse-submodules", commit)
    if checkout.text("rev-parse", "HEAD") != commit:
        switch(checkout, commit)


def take_over(checkout: Repository, commit: str, source: Repository, *refs: str) -> None:
    """Fetch a commit from another repository on this machine, where it is lacking.

    Args:
        refs: refs of `source` that may lead to it, one after the other.
    """
    problem = ""
    for ref in (*refs, commit):
        if has_commit(checkout, commit):
            return
        try:
            # By the git dir's path: whatever remotes are configured is the user's own affair.
            fetch(checkout, source.common_dir, ref)
        except GitError as error:
            problem = problem or error.problem
    if not has_commit(checkout, commit):
        raise GitError(
            f"commit {commit} could not be fetched from {source.place}: {problem}",
            git(checkout, "fetch", "--all").text,
        )


def update_below(checkout: Repository) -> None:
    """Move the submodules of a submodule to its gitlinks, those that are checked out.

    Raises:
        GitError: git refuses: one has changes, or the commit cannot be fetched.
    """
    configured = ("config", "--name-only", "--get-regexp", r"^submodule\..*\.url$")
    if checkout.text(*configured, ok=(0, 1)):
        checkout.text_as_user("submodule", "--quiet", "update", "--recursive", seconds=FETCHING)


def _stage(superproject: Repository, path: str, commit: str) -> None:
    entry = f"160000,{commit},{path}"
    superproject.text_as_user("update-index", "--add", "--cacheinfo", entry)


def losses(name: str, checkout: Repository, target: str = "") -> list[GuardError]:
    """What would be hard to find again if a checkout moved, to be raised or told.

    Args:
        target: the commit that it goes to.
    """
    troubles = []
    if changed := uncommitted(checkout):
        problem = f"{name} has uncommitted changes: {_some(changed)}"
        troubles.append(GuardError(problem, _aside(checkout)))
    where = stand(checkout)
    is_left = where.commit not in (None, target) and not where.branch
    if where.commit and is_left and not is_named(checkout, where.commit):
        problem = f"{name} is at {where.commit[:12]}, a commit that no branch and no tag has"
        words = ("branch", f"keep-{where.commit[:8]}", where.commit)
        troubles.append(GuardError(problem, git(checkout, *words).text))
    return troubles


def _aside(checkout: Repository) -> str:
    """The command that puts aside what is not committed."""
    if under_way(checkout):
        return git(checkout, "status").text  # says how to end it, and how to give it up
    files = changes(checkout)
    stash = [git(checkout, "stash")] if files else []
    # Of a gitlink that is staged git stash sees nothing.
    gitlinks = [path for path in _staged_against(checkout, "HEAD") if path not in files]
    unstage = [git(checkout, "restore", "--staged", *gitlinks)] if gitlinks else []
    return in_turn([*stash, *unstage])


def uncommitted(checkout: Repository) -> list[str]:
    """What is not committed, a line each: changed files, staged gitlinks, a merge under way."""
    begun = under_way(checkout)
    paths = (*changes(checkout), *_staged_against(checkout, "HEAD"))
    return list(dict.fromkeys((*([f"{begun} is under way"] if begun else []), *paths)))


def changes(checkout: Repository, staged: bool = True, untracked: bool = False) -> list[str]:
    """The files that are not as in HEAD, or not as in the index; no gitlinks.

    Args:
        staged: whether those count that are staged as they are.
        untracked: whether those count that git does not know.
    """
    where = f"--work-tree={checkout.work_tree}"
    status = ("status", "--porcelain=v1", "-z", "--ignore-submodules=all", "--no-renames")
    entries = _paths(checkout, where, *status, *(() if untracked else ("--untracked-files=no",)))
    return [entry[3:] for entry in entries if staged or entry[1] != " "]


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
    ignored = _strangers(checkout, _files(checkout, tree), {*entries(checkout, "HEAD")})
    return f"ignored files would be overwritten: {_some(ignored)}" if ignored else ""


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(paths[:_SHOWN])}{more}"


def _strangers(checkout: Repository, wanted: Iterable[str], known: set[str]) -> list[str]:
    """What lies in the working tree in the places of `wanted` files, and is none that is known."""
    strangers: dict[str, None] = {}
    for path in sorted(wanted):
        steps = path.split("/")
        for end in range(1, len(steps) + 1):
            place = "/".join(steps[:end])
            whole = os.path.join(checkout.place, place)
            if os.path.isdir(whole) and not os.path.islink(whole):
                continue
            if place not in known and os.path.lexists(whole):
                strangers[place] = None
            break
        else:
            inside = (
                os.path.relpath(os.path.join(folder, name), checkout.place)
                for folder, _, names in os.walk(os.path.join(checkout.place, path))
                for name in names
            )
            strangers.update(dict.fromkeys(sorted({*inside} - known)))
    return list(strangers)


def is_between(checkout: Repository, old: str, new: str) -> bool:
    """Whether every file and every index entry is that of one of two commits, or absent.

    So a checkout looks that was killed on its way from one to the other: nothing in it is new, and
    nothing is lost by checking either of them out.
    """
    trees = (old, new)
    staged = [_staged_against(checkout, commit) for commit in trees]
    if {*staged[0]} & {*staged[1]}:
        return False
    known = set[str]().union(*(entries(checkout, commit) for commit in trees))
    if any(_strangers(checkout, _files(checkout, commit), known) for commit in trees):
        return False
    differing = [_differing(checkout, commit) for commit in trees]
    return not _any_there(checkout, known & differing[0] & differing[1])


def strays(checkout: Repository, at: str, other: str) -> list[str]:
    """The paths of another commit that HEAD's lacks, and where a file lies all the same."""
    paths = entries(checkout, other).keys() - entries(checkout, at).keys()
    return sorted(path for path in paths if _any_there(checkout, [path]))


def _any_there(checkout: Repository, paths: Iterable[str]) -> bool:
    return any(os.path.lexists(os.path.join(checkout.place, path)) for path in paths)


def _files(checkout: Repository, tree: str) -> list[str]:
    """The paths of a tree without its gitlinks."""
    return [path for path, (mode, _) in entries(checkout, tree).items() if mode != GITLINK]


def _staged_against(checkout: Repository, commit: str) -> list[str]:
    words = ("diff-index", "--cached", "--name-only", "-z", "--ignore-submodules=none")
    return _paths(checkout, *words, commit)


def _differing(checkout: Repository, commit: str) -> set[str]:
    """The files of the working tree that are not as in a commit, whatever the index says."""
    where = f"--work-tree={checkout.work_tree}"
    with private_index(checkout) as scratch:
        scratch.run("read-tree", commit)
        words = ("diff", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
        changed = _paths(scratch, where, *words)
        return {*changed, *_paths(scratch, where, "ls-files", "--others", "-z")}


def _paths(repository: Repository, *words: str) -> list[str]:
    """What git lists with ``-z``."""
    return [os.fsdecode(path) for path in repository.run(*words).split(b"\0") if path]
