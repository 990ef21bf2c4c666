"""Single commits: whether one is here, what is in it and leads to it, what people call it."""

from __future__ import annotations

import os

from guard.errors import GitError
from guard.git.repository import Repository


def has_commit(repository: Repository, commit: str) -> bool:
    """Whether a commit is here."""
    words = ("--verify", "--quiet", f"{commit}^{{commit}}")
    return bool(repository.text("rev-parse", *words, ok=(0, 1, 128)))


def tree_of(repository: Repository, commit: str) -> str:
    """The tree of a commit.

    Raises:
        GitError: there is no such commit.
    """
    return repository.text("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")


def entries(repository: Repository, tree: str) -> dict[str, tuple[int, str]]:
    """What is below a tree or commit but its folders: path -> mode and object id.

    Raises:
        GitError: it is not here.
    """
    listed = os.fsdecode(repository.run("ls-tree", "-r", "-z", "--full-tree", tree))
    pairs = (line.split("\t", 1) for line in listed.split("\0") if line)
    return {path: (int(words[:6], 8), words.split()[2]) for words, path in pairs}


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether a commit is another one or lies before it."""
    if old == new:
        return True
    counted = repository.text("rev-list", "--count", "--max-count=1", old, f"^{new}")
    return counted == "0"


def only_in(repository: Repository, commits: str, *without: str) -> list[str]:
    """The commits that lead to one and not to others, the newest first."""
    return repository.lines("rev-list", commits, *(f"^{one}" for one in without))


def is_named(repository: Repository, commit: str, below: str = "refs/") -> bool:
    """Whether a branch, a tag, a remote's branch or a verdict keeps a commit.

    Args:
        below: where such a ref stands.
    """
    return bool(repository.text("for-each-ref", "--count=1", f"--contains={commit}", below))


def described(repository: Repository, commit: str, tags: str = "") -> str:
    """A commit as people name it: by the tag before it, ``v0.2.1-111-g16d4829b``, or a short id.

    Args:
        tags: a pattern that these have to fit; without one any tag will do (git-describe(1)).
    """
    words = [f"--match={tags}"] if tags else ["--always"]
    try:
        return repository.text("describe", "--tags", *words, commit)
    except GitError:
        return commit[:12]  # no such tag before it, or it is not here
