"""What lies around a combination and is not part of it: said before an hour is spent on it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from guard.errors import GitError
from guard.git.locate import checkout_at
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.git.store import Part


def untested(superproject: Repository, parts: Iterable[Part]) -> list[str]:
    """One line for each checkout that holds something else than what is tested."""
    notes: list[str] = []
    if superproject.work_tree is None:
        return notes
    for part in parts:
        checkout = checkout_at(superproject, part.path)
        if checkout is None:
            continue
        name = part.path or os.path.basename(superproject.work_tree)
        changed = _changed(checkout)
        if changed:
            notes.append(f"{changed} uncommitted or untracked files in {name}")
        if part.path:
            at = head_of(checkout)
            if at is not None and at != part.commit:
                notes.append(f"{name} is checked out at {at[:12]}, not at {part.commit[:12]}")
        elif not part.commit and _staged(checkout):
            notes.append(f"the index of {name} differs from HEAD: tested is what is staged")
    return notes


def _changed(checkout: Repository) -> int:
    """Files that differ from the index, or that git does not know; submodules left alone."""
    try:
        output = checkout.run(
            f"--work-tree={checkout.work_tree}",
            "status",
            "--porcelain=v1",
            "-z",
            "--ignore-submodules=all",
            "--no-renames",
        )
    except GitError:
        return 0  # it only informs; the objects are what is tested
    return sum(1 for item in output.split(b"\0") if item[1:2].strip())


def _staged(checkout: Repository) -> bool:
    try:
        output = checkout.run("diff", "--cached", "--name-only", "-z", "--ignore-submodules=none")
    except GitError:
        return False
    return bool(output)
