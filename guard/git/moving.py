"""Moving a submodule to another commit, and staging that: nothing of the user's is lost by it.

GitPython serves what moves things; nothing here is imported by a push.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

import git

from guard.errors import GitError, GuardError
from guard.git.locate import open_checkout
from guard.git.private import PrivateFolder
from guard.git.repository import Repository, user_environment
from guard.git.sending import send

# git overwrites what is ignored, which may be somebody's only copy.
_CAREFULLY: Final = ("--quiet", "--no-recurse-submodules", "--no-overwrite-ignore")


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
        _fetch(checkout, commit, source, ref)
    with _opened(superproject) as repo:
        old = _ask(repo, "ls-files", "--stage", "--", path).split()
        _stage(repo, path, commit)
        if checkout is None:
            return False
        try:
            with _opened(checkout) as inner:
                _ask(inner, "checkout", *_CAREFULLY, "--detach", commit)
        except GuardError:
            if len(old) > 1:
                _stage(repo, path, old[1])
            raise
    return True


def follow(checkout: Repository, old: str, new: str) -> None:
    """Bring index and files from one commit to another; HEAD's branch has moved there already.

    Raises:
        GuardError: something would be lost, or git refuses.
    """
    with _opened(checkout) as repo:
        # Else a file that was only touched is taken for a changed one.
        _ask(repo, "update-index", "-q", "--refresh", "--ignore-submodules", ok=(1,))
        _ask(repo, "read-tree", "-m", "-u", "--no-recurse-submodules", old, new)


def switch(checkout: Repository, commit: str, branch: str = "") -> None:
    """Check out a commit, or the branch that stands there.

    Raises:
        GuardError: something would be lost, or git refuses; then nothing has moved.
    """
    where = [branch] if branch else ["--detach", commit]
    with _opened(checkout) as repo:
        _ask(repo, "checkout", *_CAREFULLY, *where, "--")


def put_right(checkout: Repository, commit: str) -> None:
    """Index, files and HEAD at a commit, whatever stands there: only after `is_between`.

    Raises:
        GuardError: git refuses.
    """
    with _opened(checkout) as repo:
        _ask(repo, "read-tree", "--reset", "-u", "--no-recurse-submodules", commit)
        if _ask(repo, "rev-parse", "HEAD") != commit:
            _ask(repo, "checkout", "--quiet", "--no-recurse-submodules", "--detach", commit, "--")


def take_over(checkout: Repository, commit: str, source: Repository, ref: str = "") -> None:
    """Fetch a commit from another repository on this machine, where it is lacking.

    Raises:
        GuardError: git refuses.
    """
    _fetch(checkout, commit, source, ref or commit)


def update_below(checkout: Repository) -> None:
    """Move the submodules of a submodule to its gitlinks, those that are checked out.

    Raises:
        GuardError: git refuses: one has changes, or the commit cannot be fetched.
    """
    with _opened(checkout) as repo:
        known = _ask(
            repo, "config", "--name-only", "--get-regexp", r"^submodule\..*\.url$", ok=(1,)
        )
        if known:
            _ask(repo, "submodule", "--quiet", "update", "--recursive")


def fetch(repository: Repository, remote: str) -> None:
    """Ask a remote for its branches and tags.

    Raises:
        GuardError: it does not answer or refuses.
    """
    with _opened(repository) as repo:
        _ask(repo, "fetch", "--quiet", "--no-recurse-submodules", remote)


def at_remote(repository: Repository, remote: str, ref: str) -> str:
    """What a ref of a remote is, tags peeled; "" where the remote has none such.

    Raises:
        GuardError: the remote does not answer or refuses.
    """
    with _opened(repository) as repo:
        listed = _ask(repo, "ls-remote", remote, ref, f"{ref}^{{}}")
    found = {
        name: commit for commit, _, name in (line.partition("\t") for line in listed.split("\n"))
    }
    return found.get(f"{ref}^{{}}") or found.get(ref, "")


def push(repository: Repository, remote: str, what: str, ref: str) -> None:
    """A push through whatever hooks there are; never by force.

    Args:
        what: a commit, or the full name of a ref.

    Raises:
        GuardError: the hook or the remote refuses; what they said is in it.
    """
    said: list[str] = []
    sent = send(repository, remote, [f"{what}:{ref}"], said.append)
    if sent.refusal is not None:
        words = f" ({sent.said})" if sent.said else ""
        raise GuardError(
            f"{sent.refusal.value}{words}\n{''.join(said).strip()}".rstrip(),
            f"git -C {repository.work_tree or repository.git_dir} ls-remote {remote}",
        )


def _stage(repo: git.Repo, path: str, commit: str) -> None:
    _ask(repo, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")


def commit_gitlink(superproject: Repository, path: str, commit: str, message: str) -> str:
    """Commit one gitlink alone, whatever else is staged, and return the new commit's id.

    ``git commit --only`` would do the same, but not where the submodule is not checked out.

    Raises:
        GuardError: git refuses, or a hook does.
    """
    with PrivateFolder() as folder, _opened(superproject) as repo:
        index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
        _ask(repo, "read-tree", "HEAD", env=index)
        _ask(repo, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", env=index)
        _ask(repo, "commit", "--quiet", "-m", message, env=index)
        return _ask(repo, "rev-parse", "HEAD")


def commit_staged(superproject: Repository, message: str) -> None:
    """Commit the index as it is, through whatever hooks there are.

    Raises:
        GuardError: git refuses, or a hook does.
    """
    with _opened(superproject) as repo:
        _ask(repo, "commit", "--quiet", "-m", message)


def _refuse_loss(checkout: Repository, path: str, commit: str) -> None:
    work_tree = f"--work-tree={checkout.work_tree}"
    status = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all")
    changed = checkout.run(work_tree, *status)
    if changed:
        count = changed.count(b"\0")
        raise GuardError(
            f"{path} has {count} uncommitted changes, which moving it could lose",
            f"git -C {checkout.work_tree} stash",
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
            f"git -C {checkout.work_tree} branch keep-{head[:8]} {head}",
        )


def _fetch(checkout: Repository, commit: str, source: Repository, ref: str) -> None:
    if not _has(checkout, commit):
        with _opened(checkout) as repo:
            # By the git dir's path: whatever remotes are configured is the user's own affair.
            _ask(repo, "fetch", "--no-tags", "--no-write-fetch-head", source.common_dir, ref)


def _has(repository: Repository, commit: str) -> bool:
    try:
        repository.run("cat-file", "-e", f"{commit}^{{commit}}")
    except GitError:
        return False
    return True


def _opened(repository: Repository) -> git.Repo:
    # git's own variables for one repository must not follow into another.
    kept = user_environment()
    for name in [name for name in os.environ if name not in kept]:
        del os.environ[name]
    return git.Repo(repository.work_tree)


def _ask(
    repo: git.Repo,
    command: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (),
) -> str:
    try:
        return str(repo.git.execute(["git", command, *arguments], env=env))
    except git.GitCommandError as error:
        if error.status in ok:
            return ""
        said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")
        raise GuardError(
            f"git {command} failed in {repo.working_dir}: {said}",
            f"git -C {repo.working_dir} status",
        ) from error
