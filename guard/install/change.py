"""Putting the hook into a folder and taking it out again, so that nothing can be lost.

At every moment, and after a kill or a full disk, git finds either the hook that was there or the
new one, whole: new text is written beside, synced and renamed into place, and a hook that was there
first gets its second name (a hard link) before the rename takes the first one away. So it keeps its
inode, and with it content, mode, times and the target of a link; taking ours out renames it back.

The kept hook lies beside ours because hooks look for their neighbours by their own folder
(pre-commit does), and relative links lead from there. git runs no file of that name.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from stat import S_IMODE
from typing import Final, NamedTuple

from guard.errors import GuardError
from guard.git.files import held, replacing, sync_folder, write_whole
from guard.install.shim import ASIDES, CHAINED, NAME, HookFile, read_hook

_NEW: Final = f"{NAME}.guard-new"
# Readable and executable for all: in a shared repository a hook that others cannot execute is
# skipped for them. It holds nothing secret.
_MODE: Final = 0o755


class Action(Enum):
    """What happens to one folder."""

    NOTHING = "nothing"
    WRITE = "write"
    REPLACE = "replace"
    CHAIN = "chain"
    REMOVE = "remove"
    RESTORE = "restore"
    REFUSE = "refuse"


class Change(NamedTuple):
    """One folder's change, planned or done.

    Args:
        path: the hook that is written or removed.
        reason: why nothing can be done, for `Action.REFUSE`.
        moved: the path that `Action.CHAIN` keeps the old hook at, or `Action.RESTORE` takes it
            from.
        leftovers: files of ours in places where other tools have put them, to be removed.
    """

    action: Action
    path: str
    notes: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""
    moved: str = ""
    leftovers: tuple[str, ...] = ()


def plan_install(folder: str, wanted: bytes) -> Change:
    """What installing the hook with this text would do in a folder; changes nothing."""
    hook = read_hook(os.path.join(folder, NAME))
    kept = read_hook(os.path.join(folder, CHAINED))
    leftovers = _leftovers(folder, ASIDES)
    notes = _notes_on(kept) if kept.there else ()
    if hook.folder:
        reason = f"{hook.path} is a folder; git cannot run it, and no push gets past it"
        path, unused = shlex.quote(hook.path), shlex.quote(f"{hook.path}.unused")
        remedy = f"mv {path} {unused} && guard install"
        return Change(Action.REFUSE, hook.path, reason=reason, remedy=remedy)
    if hook.ours:
        same = _is_done(hook, wanted) and not leftovers
        action = Action.NOTHING if same else Action.REPLACE
        return Change(action, hook.path, notes, leftovers=leftovers)
    if not hook.there:
        return Change(Action.WRITE, hook.path, notes, leftovers=leftovers)
    moved = _run_aside(folder, hook)
    if moved is not None:
        return _plan_aside(folder, hook, moved, kept, wanted)
    if kept.there and not _may_replace(kept, hook):
        return _conflict(hook, kept)
    return Change(Action.CHAIN, hook.path, _notes_on(hook), moved=kept.path, leftovers=leftovers)


def install_hook(folder: str, wanted: bytes) -> Change:
    """Install the hook with this text into a folder.

    Raises:
        GuardError: the folder cannot be written; what was there is still there.
    """
    with _explained(f"make {folder}"):
        os.makedirs(folder, exist_ok=True)
    with held(folder):  # one installation at a time; no file stays
        change = plan_install(folder, wanted)
        if change.action is Action.CHAIN:
            _keep(change.path, change.moved)
        if change.action in (Action.CHAIN, Action.WRITE, Action.REPLACE):
            try:
                with _explained(f"write {change.path}"):
                    write_whole(change.path, wanted, _MODE, _draft(change.path))
            except BaseException:
                hook = read_hook(change.path)
                if change.action is Action.CHAIN and hook.there and not hook.ours:
                    # Ours has not taken the first name: the second is not needed.
                    with suppress(OSError):
                        os.unlink(change.moved)
                raise
            _remove(folder, change.leftovers)
        return change


def plan_uninstall(folder: str) -> Change:
    """What taking the hook out of a folder would do; changes nothing."""
    hook = read_hook(os.path.join(folder, NAME))
    kept = read_hook(os.path.join(folder, CHAINED))
    leftovers = _leftovers(folder, (*ASIDES, _NEW))
    if hook.ours or not hook.there:
        return _plan_back(hook, kept, leftovers)
    moved = _run_aside(folder, hook)
    if kept.there and _may_replace(kept, hook):
        action, path = (Action.REMOVE, moved.path) if moved else (Action.NOTHING, hook.path)
        return Change(action, path, leftovers=(*leftovers, kept.path))
    if moved is not None:
        # It moved our hook to that name, where it would have put the one that we keep.
        return _plan_back(moved, kept, tuple(path for path in leftovers if path != moved.path))
    notes: tuple[str, ...] = ()
    if kept.there:
        notes = (f"{kept.path} is left: it was kept there, and {hook.path} has come since",)
    return Change(Action.NOTHING, hook.path, notes, leftovers=leftovers)


def uninstall_hook(folder: str) -> Change:
    """Take the hook out of a folder, and put back what was there before.

    Raises:
        GuardError: the folder cannot be written; the hook is still there.
    """
    if not os.path.isdir(folder):
        return plan_uninstall(folder)
    with held(folder):
        change = plan_uninstall(folder)
        if change.action is Action.RESTORE:
            with _explained(f"put {change.moved} back"):
                os.replace(change.moved, change.path)
        elif change.action is Action.REMOVE:
            _remove(folder, (change.path,))
        _remove(folder, change.leftovers)
        sync_folder(folder)
        return change


def _run_aside(folder: str, hook: HookFile) -> HookFile | None:
    """Our hook, where the tool of another has moved it to a name of its own, and runs it."""
    if hook.tool is None or not hook.tool.habits.runs_aside:
        return None
    moved = read_hook(os.path.join(folder, hook.tool.habits.aside))
    return moved if moved.ours else None


def _plan_aside(
    folder: str, hook: HookFile, moved: HookFile, kept: HookFile, wanted: bytes
) -> Change:
    """Ours is run by the tool that has moved it: it stays there, and is kept current."""
    assert hook.tool is not None
    # What we kept may be an earlier hook of the same tool: it must not run inside itself.
    doubled = (kept.path,) if kept.there and kept.tool is hook.tool else ()
    others = tuple(name for name in ASIDES if name != hook.tool.habits.aside)
    leftovers = (*_leftovers(folder, others), *doubled)
    action = Action.NOTHING if _is_done(moved, wanted) and not leftovers else Action.REPLACE
    notes = (f"{hook.tool.value} runs it first, as {hook.tool.habits.aside}",)
    return Change(action, moved.path, notes, leftovers=leftovers)


def _plan_back(hook: HookFile, kept: HookFile, leftovers: tuple[str, ...]) -> Change:
    if kept.there:
        return Change(Action.RESTORE, hook.path, moved=kept.path, leftovers=leftovers)
    action = Action.REMOVE if hook.there else Action.NOTHING
    return Change(action, hook.path, leftovers=leftovers)


def _conflict(hook: HookFile, kept: HookFile) -> Change:
    by = f" ({hook.tool.value})" if hook.tool else ""
    reason = (
        f"two hooks to run beside guard's: {hook.path}{by}, and {kept.path}, which guard kept "
        "before something replaced guard's hook; it runs one"
    )
    old, new = shlex.quote(kept.path), shlex.quote(f"{kept.path}.unused")
    remedy = f"mv {old} {new} && guard install (call it in {hook.path}, if it is to run)"
    return Change(Action.REFUSE, hook.path, reason=reason, remedy=remedy)


def _may_replace(kept: HookFile, hook: HookFile) -> bool:
    """Whether nothing is lost when the hook takes the place of the kept one."""
    if os.path.samestat(os.lstat(kept.path), os.lstat(hook.path)):
        return True  # an installation was interrupted between the link and the rename
    if kept.ours or (kept.tool is not None and kept.tool is hook.tool):
        return True  # written by a program, which has written it anew
    same_kind = (kept.link, kept.executable) == (hook.link, hook.executable)
    return same_kind and kept.content == hook.content and not kept.folder


def _notes_on(kept: HookFile) -> tuple[str, ...]:
    name = kept.tool.value if kept.tool else "the hook that was there"
    what = " and runs after guard; either stops a push"
    if kept.folder or not kept.executable:
        what = "; it is not executable, so git did not run it and guard does not either"
    return (f"{name} is kept as {CHAINED}{what}",)


def _is_done(hook: HookFile, wanted: bytes) -> bool:
    return hook.content == wanted and hook.executable and not hook.link


def _leftovers(folder: str, names: tuple[str, ...]) -> tuple[str, ...]:
    paths = (os.path.join(folder, name) for name in names)
    # What a kill left of a text that was being written need not have our mark yet.
    return tuple(
        path
        for path in paths
        if read_hook(path).ours or (path.endswith(_NEW) and os.path.lexists(path))
    )


def _keep(hook: str, moved: str) -> None:
    """Give the hook its second name; the first stays until ours takes it."""
    with _explained(f"keep {hook} as {moved}"):
        if os.path.lexists(moved):
            if os.path.samestat(os.lstat(moved), os.lstat(hook)):
                return
            os.unlink(moved)  # the same hook, or an older one of the same program
        try:
            os.link(hook, moved, follow_symlinks=False)
        except (OSError, NotImplementedError):
            _copy(hook, moved)  # a file system without hard links, or without any to links
        sync_folder(os.path.dirname(moved))


def _copy(hook: str, moved: str) -> None:
    """What a file system without hard links, or without any to links, has in place of one."""
    if os.path.islink(hook):
        with replacing(moved, _draft(moved)) as draft:
            os.symlink(os.readlink(hook), draft)
        return
    with open(hook, "rb") as file:
        write_whole(moved, file.read(), S_IMODE(os.stat(hook).st_mode), _draft(moved))


def _draft(path: str) -> str:
    """Always the same name: what a kill has left of it goes with the next installation."""
    return os.path.join(os.path.dirname(path), _NEW)


def _remove(folder: str, paths: tuple[str, ...]) -> None:
    for path in paths:
        with _explained(f"remove {path}"), suppress(FileNotFoundError):
            os.unlink(path)
    if paths:
        sync_folder(folder)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GuardError(
            f"cannot {what}: {error.strerror}; nothing was changed there",
            "see to the folder's owner, permissions and free space, then run it again",
        ) from error
