"""The remote that a repository usually shares with."""

from __future__ import annotations

import re
from typing import Final

from guard.errors import GuardError
from guard.git.repository import Repository

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
