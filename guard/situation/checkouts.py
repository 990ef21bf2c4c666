"""How the checkouts of the superproject and its submodules stand: what is not staged, or behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from guard.config import FILE
from guard.git.ancestry import has_commit, is_ancestor
from guard.git.checkouts import under_way
from guard.git.locate import open_checkout
from guard.git.refs import stand
from guard.git.repository import Repository
from guard.situation.branches import default_branch

# Commits that changed a gitlink. Who is further behind than that has other questions.
_LOOKED_BACK: Final = 50
_UNMERGED: Final = ("ls-files", "--unmerged", "-z")


class Relation(Enum):
    """How the HEAD of a submodule's checkout lies to the gitlink in the index."""

    SAME = "at the gitlink"
    AHEAD = "ahead of the gitlink"
    BEHIND = "behind the gitlink"
    APART = "beside the gitlink"
    MISSING = "somewhere, and the gitlink's commit is not in it"
    CUT_OFF = "not to be compared with the gitlink, for history is cut off"


class Checkout(NamedTuple):
    """The checkout of a submodule.

    Args:
        path: of the submodule.
        head: its HEAD's commit, "" before the first.
        branch: what is checked out, without ``refs/heads/``; "" where HEAD is detached.
        gitlink: the commit in the superproject's index.
        is_changed: whether files that git knows have changes that are not committed.
        has_tag: whether a tag stands at HEAD.
        under_way: what is begun and not ended, such as "a rebase"; "" for nothing.
        is_feature: whether it is on another branch than its remote's default one.
        was_left: whether the superproject had HEAD's commit at this gitlink, and left it again.
        is_published: whether a branch of a remote has some of what HEAD has beyond the gitlink.
    """

    path: str
    repository: Repository
    head: str
    branch: str
    gitlink: str
    relation: Relation
    is_changed: bool = False
    has_tag: bool = False
    under_way: str = ""
    is_feature: bool = False
    was_left: bool = False
    is_published: bool = False


class Settings(Enum):
    """Whether a ``.guard.toml`` lies in the superproject's checkout, and in its index."""

    STAGED = "the index has it"
    CHANGED = "the index has another one"
    UNSTAGED = "the index has none"
    ABSENT = "the checkout has none"


class Checkouts(NamedTuple):
    """All that is checked out, as the next command finds it.

    Args:
        unmerged: the superproject's paths whose merge is not ended.
        under_way: as for `Checkout`, in the superproject.
        submodules: those that are checked out and have a gitlink in the index.
        is_feature: as for `Checkout`, of the superproject.
        is_brought: whether HEAD's commit came from others, and was not made in this clone.
    """

    superproject: Repository
    unmerged: tuple[str, ...] = ()
    under_way: str = ""
    settings: Settings = Settings.STAGED
    submodules: tuple[Checkout, ...] = ()
    is_feature: bool = False
    is_brought: bool = False

    def at(self, path: str) -> Checkout | None:
        """The checkout of a submodule."""
        return next((each for each in self.submodules if each.path == path), None)


def checkouts(superproject: Repository, gitlinks: Mapping[str, str]) -> Checkouts:
    """How everything is checked out.

    Args:
        gitlinks: path -> commit, of the index.

    Raises:
        GitError: git cannot be asked.
    """
    if superproject.work_tree is None:
        return Checkouts(superproject)
    entries = superproject.run(*_UNMERGED).split(b"\0")
    unmerged = dict.fromkeys(os.fsdecode(entry.split(b"\t")[1]) for entry in entries if entry)
    folder = superproject.work_tree
    opened = ((path, open_checkout(os.path.join(folder, path))) for path in gitlinks)
    at = stand(superproject)
    return Checkouts(
        superproject,
        tuple(unmerged),
        under_way(superproject),
        settings_of(superproject),
        tuple(
            _checkout(superproject, path, each, gitlinks[path])
            for path, each in opened
            if each is not None
        ),
        _is_feature(superproject, at.branch),
        _is_brought(superproject, at.commit or ""),
    )


def _checkout(
    superproject: Repository, path: str, repository: Repository, gitlink: str
) -> Checkout:
    at = stand(repository)
    head = at.commit or ""
    relation = _relation(repository, head, gitlink)
    checkout = Checkout(path, repository, head, at.branch, gitlink, relation)
    checkout = checkout._replace(under_way=under_way(repository))
    if relation is Relation.SAME:
        return checkout
    status = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all")
    changes = repository.run(f"--work-tree={repository.work_tree}", *status)
    tags = repository.text("for-each-ref", "--count=1", f"--points-at={head}", "refs/tags/")
    return checkout._replace(
        is_changed=bool(changes),
        has_tag=bool(tags),
        is_feature=_is_feature(repository, at.branch),
        was_left=head in _earlier(superproject, path),
        is_published=relation is Relation.APART and _is_published(repository, head, gitlink),
    )


def _is_feature(repository: Repository, branch: str) -> bool:
    """Whether a branch is known to be another one than the default one."""
    default = default_branch(repository)
    return bool(branch) and default.tracked is not None and branch != default.name


def _is_brought(superproject: Repository, head: str) -> bool:
    """Whether the reflog says that a commit was cloned, fetched or checked out, and not made."""
    words = ("log", "--walk-reflogs", "--format=%H %gs", "HEAD")
    entries = superproject.lines(*words, ok=(0, 128)) if head else []
    ways = [entry.partition(" ")[2] for entry in entries if entry.startswith(head)]
    # The oldest entry says how it came.
    return bool(ways) and (
        ways[-1].startswith(("clone:", "checkout:")) or ways[-1].endswith("Fast-forward")
    )


def _earlier(superproject: Repository, path: str) -> set[str]:
    """The commits that the superproject's last commits had at a gitlink."""
    words = ("log", f"--max-count={_LOOKED_BACK}", "--first-parent", "-m", "--format=", "--raw")
    entries = superproject.lines(*words, "--no-abbrev", "HEAD", "--", path, ok=(0, 128))
    return {commit for entry in entries if entry for commit in entry.split()[2:4]}


def _is_published(repository: Repository, head: str, gitlink: str) -> bool:
    words = ("rev-list", "--count", head, f"^{gitlink}")
    own, unpublished = (repository.text(*words, *more) for more in ((), ("--not", "--remotes")))
    return own != unpublished


def _relation(repository: Repository, head: str, gitlink: str) -> Relation:
    if head == gitlink:
        return Relation.SAME
    if not head or not has_commit(repository, gitlink):
        return Relation.MISSING
    if is_ancestor(repository, gitlink, head):
        return Relation.AHEAD
    if is_ancestor(repository, head, gitlink):
        return Relation.BEHIND
    is_shallow = os.path.exists(os.path.join(repository.common_dir, "shallow"))
    return Relation.CUT_OFF if is_shallow else Relation.APART


def settings_of(superproject: Repository) -> Settings:
    """Whether the ``.guard.toml`` that lies in the superproject's checkout is staged.

    Raises:
        GitError: git cannot be asked.
    """
    where = f"--work-tree={superproject.place}"
    if not os.path.lexists(os.path.join(superproject.place, FILE)):
        return Settings.ABSENT
    if not superproject.run("ls-files", "-z", "--", FILE):
        return Settings.UNSTAGED
    words = ("diff", "--name-only", "-z", "--no-ext-diff", "--", f":(top){FILE}")
    return Settings.CHANGED if superproject.run(where, *words) else Settings.STAGED
