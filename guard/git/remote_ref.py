"""One ref of one's own and the same ref of a remote: asked for, fetched, and pushed without force.

This goes to the network as the user would, with the user's credentials; the push path never does.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Final

from guard.errors import GitError, GuardError
from guard.git.repository import Repository, user_environment

# git-push(1), "OUTPUT": of a ref that did not move as it was asked to.
_MOVED: Final = re.compile(r"fetch first|non-fast-forward|stale info|cannot lock ref|incorrect old")


def usual_remote(repository: Repository) -> str:
    """The remote of the present branch, else ``origin``, else the only one.

    Raises:
        GuardError: there is none, or nothing says which of several.
    """
    remotes = repository.lines("remote")
    branch = repository.text("symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1, 128))
    if branch:
        configured = repository.text("config", "--get", f"branch.{branch}.remote", ok=(0, 1))
        if configured in remotes:
            return configured
    if "origin" in remotes:
        return "origin"
    if len(remotes) == 1:
        return remotes[0]
    if not remotes:
        raise GuardError(
            f"{repository.work_tree or repository.git_dir} has no remote to share verdicts with",
            "git remote add origin <url>",
        )
    raise GuardError(
        f"none of the remotes {', '.join(remotes)} is the usual one", f"guard sync {remotes[0]}"
    )


def remote_tip(repository: Repository, remote: str, ref: str) -> str | None:
    """What a remote has at a ref now, None where it has no such ref.

    Raises:
        GitError: the remote does not answer, or refuses.
    """
    status, output, said = _ask(repository, "ls-remote", "--", remote, ref)
    if status:
        raise _trouble("asked for its verdicts", remote, said)
    for line in output.split("\n"):
        tip, _, name = line.partition("\t")
        if name == ref:
            return tip
    return None


def fetch_ref(repository: Repository, remote: str, ref: str, into: str) -> None:
    """Fetch one ref into another of this repository, and nothing else.

    Raises:
        GitError: the remote does not answer, or refuses.
    """
    words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    alone = ("--refmap=", "--no-auto-maintenance", "--no-prune")
    status, _, said = _ask(repository, "fetch", *words, *alone, "--", remote, f"+{ref}:{into}")
    if status:
        raise _trouble("fetched from", remote, said)


def push_ref(repository: Repository, remote: str, commit: str, ref: str) -> bool:
    """Move a remote's ref forward to a commit; False where somebody else moved it meanwhile.

    Its hook has nothing to judge: the ref is no branch and no tag.

    Raises:
        GitError: the remote does not answer, or refuses.
    """
    words = ("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no")
    status, output, said = _ask(repository, "push", *words, "--", remote, f"{commit}:{ref}")
    if status and _MOVED.search(output + said):
        return False
    if status:
        raise _trouble("pushed to", remote, said or output)
    return True


def _ask(repository: Repository, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and what was said; questions for a password reach the terminal."""
    try:
        ran = subprocess.run(
            repository.command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            # Remotes may be paths, which count from the working tree.
            cwd=repository.work_tree or repository.git_dir,
            env={**user_environment(), "LC_ALL": "C"},
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}") from error
    return ran.returncode, os.fsdecode(ran.stdout), ran.stderr.decode(errors="replace")


def _trouble(what: str, remote: str, said: str) -> GitError:
    lines = [line for line in said.splitlines() if line.strip()]
    why = lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else "without a word"
    return GitError(
        f"{remote} could not be {what}: {why}",
        f"git ls-remote {remote}, to see what is wrong; then: guard sync",
    )
