"""What guard writes on disk: files that are whole or not there, locks, folders for a moment."""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, ENOSPC, EPERM
from shlex import quote
from stat import S_ISDIR
from typing import Final

from guard.errors import GuardError

# Bytes that keep two folders of one process apart.
_RANDOM: Final = 6
# Seconds. A process that is not seen here may run in a container that shares the folder.
_OLD: Final = 24 * 3600
# How often a folder is tried to be removed, and seconds in between.
_ATTEMPTS: Final = 20
_MOMENT: Final = 0.05
# Seconds for which the end of a ``git gc`` is waited for, and between two looks.
_PATIENCE: Final = 3.0
_PAUSE: Final = 0.005


@contextmanager
def replacing(path: str, draft: str = "") -> Iterator[str]:
    """A name to write under, which takes the place of `path` at the end of the block.

    A kill leaves the old file or the new one, whole, and at most the draft beside it.

    Args:
        draft: that name, in the same folder; by default one that no other process uses.

    Raises:
        OSError: there is no room, or the folder cannot be written; `path` is as it was.
    """
    draft = draft or f"{path}.{os.getpid()}.new"
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    sync_folder(os.path.dirname(path))


def write_whole(path: str, data: bytes, mode: int | None = None, draft: str = "") -> None:
    """Write a file that is there with all of its content, or as it was, even after a power cut.

    Args:
        mode: the file's permissions; by default what the umask leaves.
        draft: as for `replacing`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with replacing(path, draft) as name:
        permissions = 0o666 if mode is None else 0o600
        with os.fdopen(os.open(name, flags, permissions), "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())


def sync_folder(folder: str) -> None:
    """Make renames in a folder last through a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def unwritable(what: str, path: str, error: OSError) -> GuardError:
    """Why a file of guard's own cannot be written or read, in words, and what mends that.

    Args:
        what: was not to be done, as in ``cannot lock /x/y``.
    """
    place = path
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    named = quote(place)
    is_in_the_way = place != path or isinstance(error, FileExistsError | NotADirectoryError)
    if is_in_the_way and not os.path.isdir(place):
        return GuardError(f"{what}: {place} is no folder", f"mv {named} {quote(f'{place}.unused')}")
    if error.errno in (ENOSPC, EDQUOT):
        return GuardError(f"{what}: {error.strerror}", f"df -h {named}")
    owner = os.lstat(place).st_uid
    if error.errno in (EACCES, EPERM) and owner != os.geteuid():
        problem = f"{what}: {place} is another user's (uid {owner}), and closed to this one"
        return GuardError(problem, f'sudo chown -R "$(id -un)" {named}')
    return GuardError(f"{what}: {error.strerror}", f"ls -ld {named}")


def move_away(path: str, folder: str) -> None:
    """Move a file into a folder of guard's own, if it is there and can be moved."""
    with suppress(OSError):
        if os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            os.replace(path, os.path.join(folder, os.path.basename(path)))


@contextmanager
def held(path: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold a lock; the kernel lets go of it when the process ends, however it ends.

    Args:
        on_wait: called once before waiting for another holder.

    Yields:
        Whether another process held it first. On a file system that cannot lock nobody ever does.
    """
    try:
        if os.path.isdir(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = _opened(path)
    except OSError as error:
        raise unwritable(f"cannot lock {path}", path, error) from error
    try:
        waited = _is_taken(descriptor)
        if waited:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield waited
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        # Another user made it, in a repository that several share: to read is enough for a lock.
        return os.open(path, os.O_RDONLY)


def lock_file(folder: str, name: str) -> str:
    """The lock of a verdict in the making, or of a command of which one runs at a time."""
    return os.path.join(folder, "locks", f"{name}.lock")


def is_held(path: str) -> bool:
    """Whether another process holds a lock at this moment."""
    try:
        with open(path, "rb+") as file:
            return _is_taken(file.fileno())
    except OSError:
        return False


@contextmanager
def no_gc(common_dir: str) -> Iterator[bool]:
    """Let no ``git gc`` begin in a repository, by the file with which git lets one run at a time.

    Source: git's ``builtin/gc.c``, ``lock_repo_for_gc``; it takes a dead process' file for none.

    Yields:
        Whether none is at work; of one that takes longer, or of a folder that cannot be written,
        that is not known.
    """
    path = os.path.join(common_dir, "gc.pid")
    mark = f"{os.getpid()} {os.uname().nodename}"
    deadline = time.monotonic() + _PATIENCE
    while not (is_ours := _is_marked(path, mark)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    try:
        yield is_ours
    finally:
        if is_ours and _text(path) == mark:
            with suppress(OSError):
                os.unlink(path)


def _is_marked(path: str, mark: str) -> bool:
    draft = f"{path}.{os.getpid()}.new"
    try:
        with open(draft, "x") as file:
            file.write(mark)
        if _is_dead(_text(path)):
            os.replace(draft, path)
        else:
            os.link(draft, path)
        # Git makes this before it looks at the other.
        if not os.path.exists(f"{path}.lock"):
            return True
        os.unlink(path)
    except OSError:
        pass
    finally:
        with suppress(OSError):
            os.unlink(draft)
    return False


def _is_dead(mark: str) -> bool:
    pid, _, host = mark.partition(" ")
    if not pid.isdigit() or host != os.uname().nodename:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _text(path: str) -> str:
    with suppress(OSError), open(path, errors="replace") as file:
        return file.read(256).strip()
    return ""


def _is_taken(descriptor: int) -> bool:
    """Whether another process has a lock, which else is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)  # some network file systems cannot lock
    return False


@contextmanager
def private_folder(*below: str) -> Iterator[str]:
    """A new folder that nobody else can read, and that is gone with the context.

    What tempfile gives, without its imports, which take longer than a push may wait.
    """
    place = _temporary_place()
    path = os.path.join(place, f"guard-{os.getpid()}-{os.urandom(_RANDOM).hex()}")
    try:
        try:
            os.mkdir(path, 0o700)
            for name in below:
                os.mkdir(os.path.join(path, name))
        except OSError as error:
            raise GuardError(
                f"no temporary folder can be made in {place}: {error.strerror}", no_room(place)
            ) from error
        yield path
    finally:
        if os.path.lexists(path):
            _remove(path)


def no_room(path: str) -> str:
    """The command that shows what is wrong with a temporary place that takes nothing."""
    return f"df -h {quote(path)}; export TMPDIR=/var/tmp"


def remove_abandoned() -> int:
    """Remove this user's private folders whose process was killed a day ago; return how many."""
    removed = 0
    with suppress(OSError), os.scandir(_temporary_place()) as entries:
        for entry in entries:
            match = re.fullmatch(rf"guard-([0-9]+)-[0-9a-f]{{{_RANDOM * 2}}}", entry.name)
            if match and _is_abandoned(entry.path, int(match[1])):
                with suppress(OSError):
                    _remove(entry.path)
                    removed += 1
    return removed


def _is_abandoned(path: str, pid: int) -> bool:
    try:
        status = os.lstat(path)
        is_ours = S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        if is_ours and status.st_mtime <= time.time() - _OLD:
            os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _temporary_place() -> str:
    return os.environ.get("TMPDIR") or "/tmp"


def _remove(folder: str) -> None:
    # A git whose start was interrupted may be at work in it for a moment.
    for again in range(_ATTEMPTS - 1, -1, -1):
        try:
            _remove_now(folder)
            break
        except OSError:
            if not again:
                raise
            time.sleep(_MOMENT)


def _remove_now(folder: str) -> None:
    # Bottom up, and never through a link: git writes plain files and folders here.
    for here, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(here, name))
        for name in folders:
            os.rmdir(os.path.join(here, name))
    os.rmdir(folder)
