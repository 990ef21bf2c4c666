"""Why somebody did what guard would refuse, in the message of the commit that did it."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from guard.errors import GuardError
from guard.git.commands import Remedy, git
from guard.model import Combination
from guard.situation.contents import Contents, of_commit

# What a commit has at the place that is asked about.
Read = Callable[[Combination], object]


class Said(NamedTuple):
    """The newest commit of a push that brought something about.

    Args:
        why: what its message says of that, "" where it says nothing.
    """

    commit: str
    why: str


def said(
    contents: Contents,
    bases: Sequence[str],
    tip: str,
    path: str,
    read: Read,
    key: str,
    word: str = "",
    default: str = "",
) -> Said:
    """Who brought about what a pushed commit has at a path, and why.

    Args:
        bases: the commits before the push.
        read: what a commit has there.
        key: what a line in the message begins with, before a colon.
        word: what stands behind that, before the reason.
        default: the tip of the default branch. Of what was published there without a reason nobody
            rewrites the message: it counts who took it from there.
    """
    top = contents.workspace.superproject
    search = partial(_newest, contents, tip, path, read, partial(_reason, key, word))
    mine = search(bases)
    if mine.why or not default or top.lines("rev-list", "-1", mine.commit, f"^{default}"):
        return mine
    return search([*bases, default])


def _newest(
    contents: Contents,
    tip: str,
    path: str,
    read: Read,
    reason: Callable[[bytes], str],
    bases: Sequence[str],
) -> Said:
    value = read(_at(contents, tip))
    reader = contents.pool.reader(contents.workspace.superproject)
    for commit in _changing(contents, bases, tip, path):
        found = reader.read(commit)
        if found is None or not _has(contents, commit, read, value):
            continue
        before = [_has(contents, each, read, value) for each in found.parents]
        if not before or not all(before):
            return Said(commit, reason(found.message))
    # Another history, which never had the other value; of what is there already nothing counts.
    top, since = contents.workspace.superproject, [f"^{base}" for base in bases]
    found = reader.read(tip) if top.lines("rev-list", "-1", tip, *since) else None
    return Said(tip, reason(found.message) if found is not None else "")


def wanted(contents: Contents, commit: str, tip: str, line: str) -> Remedy:
    """What puts a line into the message of a pushed commit, where its tip is checked out."""
    top = contents.workspace.superproject
    if commit == tip:
        return (git(top, "commit", "--amend", "--only", "--no-edit", "--trailer", line),)
    found = contents.pool.reader(top).read(commit)
    merges = ("--rebase-merges",) if found is not None and len(found.parents) > 1 else ()
    reword = git(top, "rebase", "--interactive", *merges, f"{commit[:12]}^").text
    return f"reword {commit[:12]}, with the line '{line}': {reword}"


def _changing(contents: Contents, bases: Sequence[str], tip: str, path: str) -> Iterator[str]:
    """The commits of a push that may have brought a path's content about, newest first.

    Where git sees nobody change it, a merge has taken it from a line of before the push.
    """
    top, since = contents.workspace.superproject, [f"^{base}" for base in bases]
    yield from top.lines("rev-list", tip, *since, "--", f":(top,literal){path}")
    yield from top.lines("rev-list", "--merges", tip, *since)


def _at(contents: Contents, commit: str) -> Combination:
    return of_commit(contents.workspace.superproject, contents.pool, commit, "")


def _has(contents: Contents, commit: str, read: Read, value: object) -> bool:
    try:
        return read(_at(contents, commit)) == value
    except GuardError:
        return False  # what cannot be read is something else


def _reason(key: str, word: str, message: bytes) -> str:
    """What is said behind a key, in letters of any case as git has it, "" for nothing.

    What is printed has ``<why>`` in the place of a reason: pasted as it is it says nothing. Nor
    does what has no letter and no digit.
    """
    for line in os.fsdecode(message).splitlines():
        name, _, text = line.partition(":")
        before, found, why = text.strip().partition(f"{word} ") if word else ("", True, text)
        why = why.strip() if re.search(r"\w", re.sub("<[^<>]*>", "", why)) else ""
        if name.lower() == key.lower() and found and not before and why:
            return why
    return ""
