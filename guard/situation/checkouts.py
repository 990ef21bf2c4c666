"""How the checkouts of the superproject and its submodules stand: what is not staged, or behind."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Final, NamedTuple

from guard.config import FILE
from guard.errors import GitError
from guard.git.checkouts import changes, in_the_way, strays, under_way
from guard.git.commands import Command, git, told
from guard.git.commits import has_commit, is_ancestor, is_named
from guard.git.index import lacks_index
from guard.git.objects import ObjectPool
from guard.git.refs import head_of
from guard.git.remotes import Asking, read_remotes
from guard.git.repository import Repository, checkout_at
from guard.git.store import Part
from guard.situation.branches import HEADS, all_branches, default_branch, head_branch, remote_of
from guard.situation.values import FILL_IN

# Commits that changed a gitlink. Who is further behind than that has other questions.
_LOOKED_BACK: Final = 50
MODULES: Final = ".gitmodules"
_LAST: Final = ("log", "--max-count=1", "--format=%an", "HEAD")
_REMOTES: Final = "refs/remotes/"
# Files that are named.
_SHOWN: Final = 5


class Relation(Enum):
    """How the HEAD of a submodule's checkout lies to the gitlink in the index."""

    SAME = "at the gitlink"
    AHEAD = "ahead of the gitlink"
    BEHIND = "behind the gitlink"
    APART = "beside the gitlink"
    MISSING = "somewhere, and the gitlink's commit is not in it"
    NOWHERE = "somewhere, and its remote does not have the gitlink's commit"
    CUT_OFF = "not to be compared with the gitlink, for history is cut off"


class Checkout(NamedTuple):
    """The checkout of a submodule.

    Args:
        head: its HEAD's commit, "" before the first, and where there is no checkout.
        branch: what is checked out, without ``refs/heads/``; "" where HEAD is detached.
        is_lost: whether HEAD is detached, and no branch or tag keeps its commit.
        under_way: what is begun and not ended, such as "a rebase"; "" for nothing.
        is_feature: whether it is on another branch than its remote's default one.
        was_left: whether the superproject had HEAD's commit at this gitlink, and left it again.
        is_published: whether a branch of a remote has some of what HEAD has beyond the gitlink.
        is_rewritten: whether HEAD was made out of the gitlink's commit, which no remote has, by an
            amend or a rebase.
        obstacle: what is in the way of a merge or rebase with the gitlink, "" for nothing.
        source: what ``git fetch`` is given to bring a commit that is `MISSING`.
        pinned_by: who committed the gitlink of one that is `NOWHERE`; "" for the user, who has
            only staged it.
        is_beside: whether it is a clone beside the superproject, in which there is new work.
    """

    path: str
    repository: Repository
    head: str
    branch: str
    gitlink: str
    relation: Relation
    is_changed: bool = False
    is_lost: bool = False
    has_tag: bool = False
    under_way: str = ""
    is_feature: bool = False
    was_left: bool = False
    is_published: bool = False
    is_rewritten: bool = False
    obstacle: str = ""
    source: tuple[str, ...] = ()
    pinned_by: str = ""
    is_beside: bool = False


class Settings(Enum):
    """Whether a ``.guard.toml`` lies in the superproject's checkout, and in its index."""

    STAGED = "the index has it"
    CHANGED = "the index has another one"
    UNSTAGED = "the index has none"
    IGNORED = "the index has none, and git ignores it"
    ABSENT = "the checkout has none"


class Checkouts(NamedTuple):
    """All that is checked out, as the next command finds it.

    Args:
        submodules: those that have a gitlink in the index and are checked out, or whose commit is
            nowhere on this machine.
        is_feature: whether the superproject goes to a branch that is not its default one.
        is_brought: whether HEAD's commit came from others, and was not made in this clone.
        edited: the files that people are asked to correct, and that are not staged as they are.
        lacks_index: whether the superproject's index is gone, so that all is staged as deleted.
        malformed: what a person corrects before git does anything, "" for nothing.
    """

    superproject: Repository
    unmerged: tuple[str, ...] = ()
    under_way: str = ""
    settings: Settings = Settings.STAGED
    submodules: tuple[Checkout, ...] = ()
    is_feature: bool = False
    is_brought: bool = False
    edited: tuple[str, ...] = ()
    lacks_index: bool = False
    malformed: str = ""

    def at(self, path: str) -> Checkout | None:
        """The checkout of a submodule."""
        return next((each for each in self.submodules if each.path == path), None)


class Link(NamedTuple):
    """A gitlink in the index.

    Args:
        has_clones: whether people work in clones of it beside the superproject as well.
    """

    commit: str
    repositories: tuple[Repository, ...] = ()
    has_clones: bool = False


def checkouts(
    superproject: Repository, gitlinks: Mapping[str, Link], pool: ObjectPool
) -> Checkouts:
    """How everything is checked out. A remote is asked where a checkout lacks its gitlink's commit.

    What is to be said of HEAD is left out: whether it is on a feature branch, or came from others.
    """
    if superproject.work_tree is None:
        return Checkouts(superproject)
    # "<mode> <id> <stage>", then the path; the stage is not 0 where a merge is not ended.
    entries = superproject.run("ls-files", "--stage", "-z").split(b"\0")
    staged = [entry.partition(b"\t") for entry in entries if entry]
    unmerged = (os.fsdecode(path) for entry, _, path in staged if not entry.endswith(b" 0"))
    edited = _edited(superproject)
    has_settings = any(path == os.fsencode(FILE) for _, _, path in staged)
    submodules = (_at(superproject, path, link, pool) for path, link in gitlinks.items())
    return Checkouts(
        superproject,
        tuple(dict.fromkeys(unmerged)),
        under_way(superproject),
        _settings(superproject, has_settings, FILE in edited),
        tuple(filter(None, submodules)),
        edited=edited,
        malformed=malformed_modules(superproject) if MODULES in edited else "",
        lacks_index=lacks_index(superproject),
    )


def _at(superproject: Repository, path: str, link: Link, pool: ObjectPool) -> Checkout | None:
    """How a submodule is checked out; where it is not, whether its commit is on this machine."""
    repository = checkout_at(superproject, path)
    own = None if repository is None else _checkout(superproject, path, repository, link, pool)
    if own is None or own.relation is Relation.SAME:
        own = _beside(superproject, path, link, pool) or own
    if own is not None:
        return own
    if not link.repositories or any(has_commit(each, link.commit) for each in link.repositories):
        return None
    lacking = Checkout(path, link.repositories[0], "", "", link.commit, Relation.MISSING)
    return _without_its_commit(superproject, lacking, link, pool)


def _beside(superproject: Repository, path: str, link: Link, pool: ObjectPool) -> Checkout | None:
    """A clone in which something is begun, or whose branch has what no remote has or gitlink."""
    own = os.path.realpath(os.path.join(superproject.place, path))
    moved = (Relation.AHEAD, Relation.APART, Relation.MISSING)
    for repository in link.repositories if link.has_clones else ():
        if repository.work_tree in (None, own):
            continue
        head = pool.head(repository)
        if under_way(repository) or (head and not is_named(repository, head, _REMOTES)):
            clone = _checkout(superproject, path, repository, link, pool)
            if clone.under_way or (clone.branch and clone.relation in moved):
                return clone._replace(is_beside=True)
    return None


def _checkout(
    superproject: Repository, path: str, repository: Repository, link: Link, pool: ObjectPool
) -> Checkout:
    head, branch = pool.head(repository) or "", head_branch(repository).removeprefix(HEADS)
    gitlink = link.commit
    relation = _relation(repository, head, gitlink)
    checkout = Checkout(path, repository, head, branch, gitlink, relation)
    checkout = checkout._replace(
        under_way=under_way(repository),
        is_changed=bool(changes(repository)),
        is_lost=bool(head) and not branch and not is_named(repository, head),
    )
    if relation is Relation.SAME:
        return checkout
    if relation is Relation.MISSING:
        return _without_its_commit(superproject, checkout, link, pool)
    tags = repository.text("for-each-ref", "--count=1", f"--points-at={head}", "refs/tags/")
    return checkout._replace(
        obstacle=(in_way_of_rebase if relation is Relation.APART else in_way_of_checkout)(
            repository, gitlink
        ),
        has_tag=bool(tags),
        is_feature=is_on_feature(repository, branch, pool),
        was_left=head in _earlier(superproject, path),
        is_published=relation is Relation.APART and _is_published(repository, head, gitlink),
        is_rewritten=relation is Relation.APART and _is_rewritten(repository, gitlink),
    )


def in_way_of_checkout(repository: Repository, commit: str) -> str:
    """What keeps git from going forward to a commit, in its words; "" for nothing."""
    if repository.work_tree is None or not has_commit(repository, commit):
        return ""
    return in_the_way(repository, commit)


def in_way_of_rebase(repository: Repository, commit: str, staged: bool = True) -> str:
    """The files that keep git from putting what is checked out on top of a commit.

    Args:
        staged: whether what is staged is in the way; it is not where it is committed first.
    """
    if repository.work_tree is None or not has_commit(repository, commit):
        return ""
    paths = changes(repository, staged) or strays(repository, "HEAD", commit)
    return ", ".join(paths[:_SHOWN])


def _without_its_commit(
    superproject: Repository, checkout: Checkout, link: Link, pool: ObjectPool
) -> Checkout:
    """Where the commit of a gitlink can be had from; a remote that does not answer may have it."""
    commit = link.commit
    for repository in link.repositories:
        if has_commit(repository, commit):
            kept = f"{commit}:refs/guard/keep/{commit}"
            return checkout._replace(source=(repository.common_dir, kept))
    source = _fetched_with(checkout.repository, commit, pool)
    if source:
        return checkout._replace(source=source)
    committed = superproject.text(*_LAST, "--", checkout.path, ok=(0, 128))
    pinned = superproject.text("rev-parse", "--quiet", f"HEAD:{checkout.path}", ok=(0, 1, 128))
    by = committed if pinned == commit else ""
    return checkout._replace(relation=Relation.NOWHERE, pinned_by=by)


def _fetched_with(repository: Repository, commit: str, pool: ObjectPool) -> tuple[str, ...]:
    """What ``git fetch`` is given to bring what may lead to a commit; () where no remote has it."""
    options = pool.settings.of(repository)
    remote = remote_of(read_remotes(options, repository), dict(options), repository)
    if remote is None:
        return ()
    name = remote.name
    # Who asks nobody else asks for this: without it nothing goes on.
    asking = pool.asking if pool.asking.seconds else Asking()
    shown = asking.shown(repository, name)
    if isinstance(shown, GitError):
        return (name,)
    data = "".join(f"{tip}\n" for tip in shown.values()).encode()
    listed = repository.run("cat-file", "--batch-check", data=data).decode().splitlines()
    new = [ref for ref, line in zip(shown, listed, strict=True) if line.endswith(" missing")]
    tag = next((ref for ref in new if commit == shown[ref] and not ref.startswith(HEADS)), "")
    if tag:
        return (name, "tag", tag.removeprefix("refs/tags/").removesuffix("^{}"))
    if not any(ref.startswith(HEADS) for ref in new):
        return ("--tags", name) if new else ()
    return (name, *all_branches(remote))


def is_on_feature(repository: Repository, branch: str, pool: ObjectPool) -> bool:
    """Whether a branch is known to be another one than the default one."""
    default = default_branch(repository, pool.settings)
    return bool(branch) and default.tracked is not None and branch != default.name


def came_from_others(superproject: Repository, head: str) -> bool:
    """Whether the reflog says that HEAD's commit was cloned, fetched or checked out, not made."""
    words = ("log", "--walk-reflogs", "--format=%H %gs", "HEAD")
    entries = superproject.lines(*words, ok=(0, 128)) if head else []
    ways = [entry.partition(" ")[2] for entry in entries if entry.startswith(head)]
    # The oldest entry says how it came; the first of a linked worktree says nothing.
    return bool(ways) and (
        not ways[-1]
        or ways[-1].startswith(("clone:", "checkout:"))
        or ways[-1].endswith("Fast-forward")
    )


def _earlier(superproject: Repository, path: str) -> set[str]:
    """The commits that the superproject's last commits had at a gitlink."""
    words = ("log", f"--max-count={_LOOKED_BACK}", "--first-parent", "-m", "--format=", "--raw")
    entries = superproject.lines(*words, "--no-abbrev", "HEAD", "--", path, ok=(0, 128))
    return {commit for entry in entries if entry for commit in entry.split()[2:4]}


def _is_published(repository: Repository, head: str, gitlink: str) -> bool:
    tips = repository.lines("for-each-ref", "--format=%(objectname)", _REMOTES)
    shared = repository.lines("merge-base", "--all", head, *tips, ok=(0, 1)) if tips else []
    return any(not is_ancestor(repository, base, gitlink) for base in shared)


def _is_rewritten(repository: Repository, gitlink: str) -> bool:
    """Whether HEAD has left a commit that no remote has, by an amend or a rebase."""
    words = ("log", "--walk-reflogs", "--format=%H %gs", "HEAD")
    way = ""
    for entry in repository.lines(*words, ok=(0, 128)):
        if entry.startswith(gitlink):
            break
        way = entry.partition(" ")[2]
    else:
        return False
    # A pull that rebases says so among its options.
    is_anew = way.startswith("commit (amend)") or "rebase" in way.partition(":")[0]
    return is_anew and not is_named(repository, gitlink, _REMOTES)


def _relation(repository: Repository, head: str, gitlink: str) -> Relation:
    if head == gitlink:
        return Relation.SAME
    if not head or not has_commit(repository, gitlink):
        return Relation.MISSING
    if is_ancestor(repository, gitlink, head):
        return Relation.AHEAD
    if is_ancestor(repository, head, gitlink):
        return Relation.BEHIND
    return Relation.CUT_OFF if repository.is_shallow else Relation.APART


def stage_settings(superproject: Repository, settings: Settings) -> Command:
    """What stages the ``.guard.toml`` that lies in the superproject's checkout."""
    force = ("--force",) if settings is Settings.IGNORED else ()
    return git(superproject, "add", *force, FILE)


def with_command(
    superproject: Repository, remedy: str = "guard init", settings: Settings | None = None
) -> str:
    """What leads to a test command where the settings that are staged have none.

    Args:
        remedy: where no file is in the checkout.
    """
    settings = settings or settings_of(superproject)
    if settings is Settings.ABSENT:
        return remedy
    if settings is Settings.STAGED:
        return told(FILL_IN)
    return stage_settings(superproject, settings).text


def settings_of(superproject: Repository) -> Settings:
    """Whether the ``.guard.toml`` that lies in the superproject's checkout is staged."""
    is_staged = bool(superproject.run("ls-files", "-z", "--", FILE))
    return _settings(superproject, is_staged, is_staged and FILE in _edited(superproject))


def _settings(superproject: Repository, is_staged: bool, is_edited: bool) -> Settings:
    if not os.path.lexists(os.path.join(superproject.place, FILE)):
        return Settings.ABSENT
    if not is_staged:
        where = f"--work-tree={superproject.place}"
        ignored = superproject.text_as_user(where, "check-ignore", "--", FILE, ok=(0, 1))
        return Settings.IGNORED if ignored else Settings.UNSTAGED
    return Settings.CHANGED if is_edited else Settings.STAGED


def _edited(superproject: Repository) -> tuple[str, ...]:
    where = f"--work-tree={superproject.place}"
    words = ("diff", "--name-only", "-z", "--no-ext-diff", "--")
    listed = superproject.run(where, *words, f":(top){FILE}", f":(top){MODULES}")
    return tuple(os.fsdecode(path) for path in listed.split(b"\0") if path)


def malformed_modules(superproject: Repository) -> str:
    """What a person corrects in a ``.gitmodules`` for which git does nothing in the checkout."""
    path = os.path.join(superproject.place, MODULES)
    if superproject.work_tree is None or not os.path.isfile(path):
        return ""
    try:
        superproject.run("config", f"--file={path}", "--list")
    except GitError as error:
        line = re.search(r"bad config line (\d+)", error.problem)
        return f"correct {MODULES}:{line[1]}" if line else ""
    return ""


def untested(superproject: Repository, part: Part) -> list[str]:
    """One line for each way in which the checkout of a part is not what is tested."""
    notes: list[str] = []
    checkout = checkout_at(superproject, part.path)
    if superproject.work_tree is None or checkout is None:
        return notes
    name = part.path or os.path.basename(superproject.work_tree)
    with suppress(GitError):  # it only informs; the objects are what is tested
        if changed := len(changes(checkout, staged=False, untracked=True)):
            notes.append(f"{changed} uncommitted or untracked files in {name}")
    if part.path:
        at = head_of(checkout)
        if at is not None and at != part.commit:
            notes.append(f"{name} is checked out at {at[:12]}, not at {part.commit[:12]}")
    elif not part.commit:
        with suppress(GitError):
            words = ("--cached", "--name-only", "-z", "--ignore-submodules=none")
            if checkout.run("diff", *words):
                notes.append(f"the index of {name} differs from HEAD: tested is what is staged")
    return notes
