"""All of a developer's repositories and remotes as one value that can be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tests.workshop import Repo

VERDICTS = "refs/guard/verdicts"
_GITLINK = "160000"
Refs = tuple[tuple[str, str], ...]


class Checkout(NamedTuple):
    """One checkout, with what a person could see of it.

    Args:
        head: the branch that is checked out, "" where HEAD is detached.
        refs: every ref but the store of verdicts, whose commits hold the time.
        status: what is at HEAD, and what differs from it in the index and the files.
        stash: every stash, the newest first.
        hooks: the names of those that git runs here.
        verdicts: which combinations were tested by which recipe, how that ended, and what the
            registry has of it.
    """

    folder: str
    head: str
    refs: Refs
    staged: str
    status: str
    stash: str
    hooks: tuple[str, ...]
    verdicts: tuple[tuple[str, str, str], ...]


class Picture(NamedTuple):
    """A state of all checkouts and bare remotes: equal where nothing has changed."""

    checkouts: tuple[Checkout, ...]
    remotes: tuple[tuple[str, Refs], ...]

    @classmethod
    def of(cls, checkouts: Sequence[Repo], remotes: Sequence[Repo]) -> Picture:
        """Take the picture."""
        return cls(
            tuple(_checkout(at) for at in checkouts),
            tuple((str(at.folder), _compared(_refs(at))) for at in remotes),
        )

    @property
    def branches(self) -> dict[str, str]:
        """The branch of each checkout, by its folder; those that are detached have none."""
        return {each.folder: each.head for each in self.checkouts if each.head}


def blobs(at: Repo) -> dict[str, str]:
    """Every blob of the index and of the files of a checkout, with a path that had it."""
    found: dict[str, str] = {}
    if not _is_checked_out(at):
        return found
    for line in _fields(at, "ls-files", "-s", "-z"):
        entry, _, path = line.partition("\t")
        mode, blob, _ = entry.split()
        if mode != _GITLINK:
            found[blob] = path
    paths = [path for path in _files(at) if (at.folder / path).is_file()]
    names = "\n".join(paths).encode()
    ids = at.git("hash-object", "--no-filters", "--stdin-paths", data=names).split()
    return {**found, **dict(zip(ids, paths, strict=True))}


def held(at: Repo) -> set[str]:
    """Every object that a ref, HEAD, a stash or the index leads to; a reflog is no home."""
    own: list[str] = []
    if not _is_checked_out(at):
        return set()
    if (at.folder / ".git").exists():
        own = ["HEAD", "--indexed-objects", *at.git("stash", "list", "--format=%H").split()]
    return set(at.git("rev-list", "--objects", "--no-object-names", "--all", *own).split())


def _is_checked_out(at: Repo) -> bool:
    """Whether it is a repository; the folder of a submodule need not be one."""
    return (at.folder / ".git").exists() or (at.folder / "HEAD").exists()


def _files(at: Repo) -> list[str]:
    return sorted(set(_fields(at, "ls-files", "-z", "--cached", "--others")))


def _fields(at: Repo, *arguments: str) -> list[str]:
    """What git prints with `-z`."""
    return [field for field in at.git(*arguments).split("\0") if field]


def _checkout(at: Repo) -> Checkout:
    if not _is_checked_out(at):
        return Checkout(str(at.folder), "", (), "", "", "", (), ())
    status = at.git("status", "--porcelain=v2", "--branch", "-z")
    branch = status.partition("# branch.head ")[2].partition("\0")[0]
    refs = _refs(at)
    verdicts = refs.get(VERDICTS)
    return Checkout(
        str(at.folder),
        "" if branch == "(detached)" else branch,
        _compared(refs),
        at.git("ls-files", "-s", "-z"),
        status,
        at.git("stash", "list", "--format=%H"),
        _hooks(at),
        _verdicts(at, verdicts) if verdicts else (),
    )


def _refs(at: Repo) -> dict[str, str]:
    """The refs with what they are at."""
    lines = at.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)


def _compared(refs: dict[str, str]) -> Refs:
    return tuple(pair for pair in refs.items() if pair[0] != VERDICTS)


def _hooks(at: Repo) -> tuple[str, ...]:
    folder = at.folder / at.git("rev-parse", "--git-path", "hooks")
    return tuple(sorted(each.name for each in folder.iterdir())) if folder.is_dir() else ()


@cache
def _verdicts(at: Repo, commit: str) -> tuple[tuple[str, str, str], ...]:
    paths = at.git("ls-tree", "-r", "--name-only", commit).splitlines()
    records = [json.loads(at.git("show", f"{commit}:{path}")) for path in paths]
    found = [record["predicate"] for record in records]
    return tuple(
        (path, str(predicate["result"]), str(predicate["guard"]["image"]))
        for path, predicate in zip(paths, found, strict=True)
    )
