"""Refs: lists of them, HEAD, and what a revision names."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.commands import git
from guard.git.repository import Repository, lines_of

# The verdicts of this repository, and what ``guard sync`` has brought of others'.
VERDICTS: Final = "refs/guard/verdicts"
REMOTES: Final = "refs/guard/remotes/"
# What a remote was seen to have: see `guard.situation.tracking`.
SEEN: Final = "refs/guard/seen/"
TRACKING: Final = "refs/remotes/"
# The tip of a ref whose file git cannot read: a commit that is nowhere.
NOWHERE: Final = "0" * 40
_FORMAT: Final = "--format=%(objectname)%00%(refname)%00%(symref)"


class Ref(NamedTuple):
    """A ref: the object that it names, and the ref that it follows, "" for none."""

    id: str
    symref: str = ""


def list_refs(repository: Repository, *patterns: str) -> dict[str, Ref]:
    """The refs of a repository by their full names.

    Args:
        patterns: a ref by its full name, or what is below one, with a slash at the end.
    """
    output = repository.run("for-each-ref", _FORMAT, "--", *patterns)
    return dict(_refs(lines_of(output), patterns))


def tip_in(repository: Repository, refs: Mapping[str, Ref], name: str) -> str | None:
    """What a ref of guard's names, of those that git lists; None where there is no such ref.

    The object need not be here. Git leaves out a ref whose file is empty or garbage, which is not
    the same as no ref: that one is `NOWHERE`.
    """
    if name in refs:
        return refs[name].id
    is_file = os.path.isfile(os.path.join(repository.common_dir, name))
    return NOWHERE if is_file else None


def _refs(lines: Iterable[str], patterns: Sequence[str]) -> Iterable[tuple[str, Ref]]:
    # Git takes a ref's name for a folder as well.
    names = {pattern for pattern in patterns if not pattern.endswith("/")}
    folders = tuple(pattern for pattern in patterns if pattern.endswith("/"))
    for line in lines:
        fields = line.split("\0")
        if len(fields) != 3:
            raise GitError(f"git for-each-ref prints {line!r}")
        object_id, name, symref = fields
        if name in names or name.startswith(folders):
            yield name, Ref(object_id, symref)


def symbolic(repository: Repository, name: str) -> str:
    """What a symbolic ref such as ``HEAD`` follows, "" where it is none."""
    folder = repository.git_dir if name == "HEAD" else repository.common_dir
    path = os.path.join(folder, name)
    if os.path.isdir(os.path.join(repository.common_dir, "reftable")) or os.path.islink(path):
        return repository.text("symbolic-ref", "--quiet", name, ok=(0, 1, 128))
    # A push waits for this, and in a folder of files it is always a file (gitrepository-layout(5)).
    try:
        with open(path, "rb") as file:
            content = os.fsdecode(file.read(4096))
    except OSError:
        return ""
    return content.removeprefix("ref:").strip() if content.startswith("ref:") else ""


def head_of(repository: Repository) -> str | None:
    """The commit that HEAD is at, None before the first."""
    return repository.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)) or None


class Stand(NamedTuple):
    """Where HEAD is.

    Args:
        commit: None before the first one.
        branch: its short name, "" where HEAD is detached.
    """

    commit: str | None
    branch: str


def stand(repository: Repository) -> Stand:
    """Where HEAD is."""
    return Stand(head_of(repository), symbolic(repository, "HEAD").removeprefix("refs/heads/"))


def resolve(repository: Repository, revision: str) -> str:
    """A commit's id, from what a person typed."""
    try:
        return repository.text(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except GitError as error:
        raise GuardError(
            f"{revision} names no commit in {repository.place}",
            git(repository, "log", "--oneline", "--all").text,
        ) from error
