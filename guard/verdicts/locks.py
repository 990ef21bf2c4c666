"""One at a time, between processes: a file that is locked while a context lasts."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from guard.errors import GuardError


@contextmanager
def held(path: str, on_wait: Callable[[], None]) -> Iterator[bool]:
    """Hold a lock; the kernel lets go of it when the process ends, however it ends.

    Args:
        on_wait: called once before waiting for another holder.

    Yields:
        Whether another process held it first.

    Raises:
        GuardError: the file cannot be made.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise GuardError(f"cannot lock {path}: {error.strerror}", f"ls -ld {path}") from error
    try:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield waited
    finally:
        os.close(file)


def lock_file(folder: str, verdict: str) -> str:
    """The lock of a verdict in the making.

    Args:
        folder: ``guard/`` in the common git dir.
    """
    return os.path.join(folder, "locks", f"{verdict}.lock")


def is_held(path: str) -> bool:
    """Whether somebody holds a lock at this moment."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
