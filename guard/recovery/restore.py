"""The way back, carried out: commits first, then refs, then checkouts, then remotes.

A kill at any point leaves whole repositories. What the next call finds is either a tip that has the
good tree already, which gets no second commit, or a checkout on its way between two commits, which
the journal names and which holds nothing else then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Literal, NamedTuple

from guard.errors import GuardError
from guard.git.ancestry import has_commit, tree_of
from guard.git.branches import Stand, is_ancestor, stand
from guard.git.checkouts import (
    follow,
    has_strays,
    is_between,
    put_right,
    switch,
    take_over,
    uncommitted,
    update_below,
)
from guard.git.commits import advance, new_commit, tree_with
from guard.git.files import write_whole
from guard.git.network import fetch, remote_commit
from guard.git.repository import Repository
from guard.git.sending import push
from guard.model import ShapeError, from_json, to_json
from guard.recovery.plan import TRAILER, Pinned, Plan, Side, changes_of
from guard.verdicts.recording import KEEP

_JOURNAL: Final = "recover.json"
_WHY: Final = "guard recover"

Say = Callable[[str], None]


class Move(NamedTuple):
    """A checkout on its way.

    Args:
        work_tree: which one, by its folder.
        old: the commit that it leaves.
        new: the one that it goes to.
        stays: whether its branch goes with it, and before it.
    """

    work_tree: str
    old: str
    new: str
    stays: bool = False


class _Journal(NamedTuple):
    version: Literal[1]
    moves: tuple[Move, ...]


class Restored(NamedTuple):
    """The commits that have the good content."""

    consumer: str
    superproject: str


def restore(plan: Plan, say: Say) -> Restored:
    """Make the commits, move the branches, check everything out.

    Raises:
        GuardError: a branch was moved meanwhile, or git refuses. Running it again goes on.
    """
    consumer, superproject = plan.consumer, plan.superproject
    part = plan.good.part(consumer.path)
    if part is not None and consumer.needed:
        bring_commit(consumer.checkout, part.commit, part.repository)
    for each in plan.pinned:
        if each.checkout is not None:
            bring_commit(each.checkout, each.commit, each.source, each.tag)
    first = _committed(plan, consumer, consumer.tree)
    base = plan.good.base
    assert base is not None  # the planner raises without
    changes = changes_of(consumer.path, first, plan.pinned, plan.blob)
    tree = tree_with(superproject.checkout, base.tree, changes)
    restored = Restored(first, _committed(plan, superproject, tree))
    moves = _moves(plan, restored)
    with journal(superproject.checkout, moves):
        for side, commit in ((consumer, restored.consumer), (superproject, restored.superproject)):
            if side.needed or side.on_branch:
                _advance(side, commit, say)
        _settle(superproject.checkout, restored.superproject, superproject)
        _settle(consumer.checkout, restored.consumer, consumer)
        _tell_of_branch(consumer.name, consumer.stand, consumer.checkout, say)
        for each in plan.pinned:
            if each.checkout is not None:
                before = stand(each.checkout)
                _settle(each.checkout, each.commit, None)
                _tell_of_branch(each.name, before, each.checkout, say)
    for name, checkout in plan.checkouts[1:]:
        follow_below(name, checkout, say)
    return restored


def _tell_of_branch(name: str, before: Stand, checkout: Repository, say: Say) -> None:
    now = stand(checkout)
    if before.branch and now.branch != before.branch:
        say(f"{name}: checked out at {(now.commit or '')[:12]}, and no longer on {before.branch}")


def follow_below(name: str, checkout: Repository, say: Say) -> None:
    """Let a submodule's own submodules follow; where they cannot, that is said and no error.

    What they lack may need a network, and the three repositories are what counts.
    """
    try:
        update_below(checkout)
    except GuardError as error:
        say(f"{name}: its own submodules stay where they are: {error.problem}")


def _committed(plan: Plan, side: Side, tree: str) -> str:
    """A commit with this tree on top of the tip; the tip itself where that has it already."""
    if len(side.parents) == 1 and tree_of(side.checkout, side.parents[0]) == tree:
        return side.parents[0]
    record = plan.good.record
    message = (
        f"Restore the tree of {side.described or 'the tested index'}: combination {record.name} "
        f"passed on {record.finished[:10]}\n\n"
        f"{TRAILER}: {record.name}\n"
    )
    return new_commit(side.checkout, tree, side.parents, message)


def _advance(side: Side, commit: str, say: Say) -> None:
    if side.branch.local != commit:
        advance(side.checkout, side.branch.ref, commit, side.branch.local, _WHY)
    if side.needed:
        say(f"{side.name}: {side.branch.name} is at the new commit {commit[:12]}, on {side.why}")
    else:
        say(f"{side.name}: {side.branch.name} has the good tree already ({commit[:12]})")


def _moves(plan: Plan, restored: Restored) -> list[Move]:
    sides = (
        (plan.superproject, restored.superproject),
        (plan.consumer, restored.consumer),
    )
    targets = [(side.checkout, new, side.on_branch) for side, new in sides]
    targets += [
        (each.checkout, each.commit, False) for each in plan.pinned if each.checkout is not None
    ]
    moves = []
    for checkout, new, stays in targets:
        old = stand(checkout).commit
        if old is not None and old != new:
            moves.append(Move(checkout.work_tree or "", old, new, stays))
    return moves


def _settle(checkout: Repository, commit: str, side: Side | None) -> None:
    """Bring a checkout to a commit; one that is on the default branch stays on it."""
    if side is not None and side.on_branch:
        old = side.stand.commit
        if old is not None and old != commit:
            follow(checkout, old, commit)
    elif stand(checkout).commit != commit:
        switch(checkout, commit)


def bring_commit(checkout: Repository, commit: str, source: Repository, tag: str = "") -> None:
    """Have a commit in a checkout's repository.

    Args:
        source: a repository on this machine that has it.
        tag: of that commit, "" for none.

    Raises:
        GuardError: it cannot be fetched.
    """
    if has_commit(checkout, commit):
        return
    refs = [f"{KEEP}{commit}", *([f"refs/tags/{tag}"] if tag else []), commit]
    for ref in refs:
        with suppress(GuardError):
            take_over(checkout, commit, source, ref)
            return
    raise GuardError(
        f"commit {commit} could not be fetched from {source.work_tree or source.git_dir}",
        f"git -C {checkout.work_tree} fetch origin {commit}",
    )


@contextmanager
def journal(superproject: Repository, moves: Sequence[Move]) -> Iterator[None]:
    """Names the checkouts that are on their way in the block, and later on where it raises."""
    path = _journal(superproject)
    write_journal(path, _Journal(1, tuple(moves)))
    yield
    with suppress(FileNotFoundError):
        os.unlink(path)


def write_journal(path: str, content: object) -> None:
    """A journal as JSON, whole or as it was.

    Raises:
        GuardError: it cannot be written.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, to_json(content, indent=1).encode() + b"\n")
    except OSError as error:
        raise GuardError(f"cannot write {path}: {error.strerror}", f"ls -ld {path}") from error


def finish_interrupted(superproject: Repository, checkouts: Iterable[Repository]) -> list[str]:
    """Put right the checkouts that a killed call left on their way; their folders.

    Raises:
        GuardError: git refuses.
    """
    path = _journal(superproject)
    moves = _read(path)
    checkouts = list(checkouts)
    done = finish_moves(checkouts, moves)
    folders = {move.work_tree for move in moves}
    # What somebody has changed since is theirs to look at; then the next call puts it right.
    if not any(uncommitted(each) for each in checkouts if each.work_tree in folders):
        with suppress(FileNotFoundError):
            os.unlink(path)
    return done


def finish_moves(checkouts: Iterable[Repository], moves: Iterable[Move]) -> list[str]:
    """The same for given moves: only where every file is that of the one commit or of the other.

    Raises:
        GuardError: git refuses.
    """
    known = {move.work_tree: move for move in moves}
    done = []
    for checkout in checkouts:
        move = known.get(checkout.work_tree or "")
        if move is None or not has_commit(checkout, move.old) or not has_commit(checkout, move.new):
            continue
        at = stand(checkout).commit
        # A branch that moves does so before its files; any other HEAD after them.
        if at == move.new or (at == move.old and not move.stays):
            other = move.old if at == move.new else move.new
            is_touched = uncommitted(checkout) or has_strays(checkout, at, other)
            if is_touched and is_between(checkout, move.old, move.new):
                put_right(checkout, move.new)
                done.append(checkout.work_tree or "")
    return done


def _journal(superproject: Repository) -> str:
    return os.path.join(superproject.git_dir, "guard", _JOURNAL)


def _read(path: str) -> tuple[Move, ...]:
    try:
        with open(path, "rb") as file:
            return from_json(_Journal, file.read()).moves
    except (OSError, ShapeError):
        return ()  # none was left behind, or none of ours


def ask_remotes(sides: Iterable[tuple[str, Repository, str]]) -> None:
    """Fetch what the remotes have before anything is made on top of it.

    Args:
        sides: name, checkout and remote of each.

    Raises:
        GuardError: a remote does not answer; nothing has been changed.
    """
    for name, checkout, remote in sides:
        try:
            fetch(checkout, remote, tags=True)
        except GuardError as error:
            raise GuardError(
                f"nothing was changed: {name}'s remote {remote} does not answer: {error.problem}",
                f"git -C {checkout.work_tree} fetch {remote}",
            ) from error


def tag_to_push(pinned: Pinned, remote: str) -> bool:
    """Whether the dependency's remote lacks the release tag.

    Raises:
        GuardError: it does not answer, or has another commit under that tag.
    """
    assert pinned.checkout is not None
    found = remote_commit(pinned.checkout, remote, f"refs/tags/{pinned.tag}")
    if found and found != pinned.commit:
        raise GuardError(
            f"nothing was changed: {pinned.name}'s remote has {pinned.tag} at {found[:12]}, here "
            f"it is {pinned.commit[:12]}",
            f"git -C {pinned.checkout.work_tree} ls-remote --tags {remote}",
        )
    return not found


def push_side(side: Side, commit: str, say: Say) -> None:
    """Push one branch through its hook.

    Raises:
        GuardError: it was refused, by whom and what to do.
    """
    branch, checkout = side.branch, side.checkout
    if branch.tracked == commit:
        say(f"{side.name}: {branch.remote} has it already")
        return
    try:
        push(checkout, branch.remote, commit, branch.ref)
    except GuardError as error:
        raise _refused(side, commit, error) from error
    say(f"{side.name}: pushed {commit[:12]} to {branch.remote} {branch.name}")


def _refused(side: Side, commit: str, error: GuardError) -> GuardError:
    branch = side.branch
    now = ""
    with suppress(GuardError):
        now = remote_commit(side.checkout, branch.remote, branch.ref)
    if now and now != branch.tracked:
        known = has_commit(side.checkout, now) and is_ancestor(side.checkout, now, commit)
        if not known:
            return GuardError(
                f"{side.name}: somebody else pushed to {branch.name} of {branch.remote} first "
                f"({now[:12]}); nothing was forced, and the restoring commit {commit[:12]} is here",
                f"look at it: git -C {side.checkout.work_tree} fetch {branch.remote}; then run "
                "guard recover --push again, which joins both",
            )
    return GuardError(
        f"{side.name}: the push to {branch.name} of {branch.remote} was refused:\n{error.problem}",
        "run guard recover --push again when that is mended: what is done stays done",
    )
