"""Processes of this machine, looked at where an engine on it has lost sight of them."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guard.errors import EngineError

if TYPE_CHECKING:
    from guard.engine.client import Engine


def end_container(engine: Engine, container: str) -> int:
    """Kill what runs in a container, which its engine may not take for running.

    Returns:
        how many processes that were; none where the engine is not this machine's.

    Raises:
        EngineError: this user may not.
    """
    if not engine.facts.host.startswith("unix://"):
        return 0
    return sum(kill(pid) for pid in pids() if container in read(pid, "cgroup"))


def kill(pid: int) -> int:
    """End a process; 1 where it was there, else 0.

    Raises:
        EngineError: this user may not; the remedy does.
    """
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    except PermissionError as error:
        raise EngineError(
            f"a step of an earlier build goes on as process {pid}, and its engine has lost it",
            f"sudo kill -9 {pid}",
        ) from error
    return 1


def pids() -> list[int]:
    """All processes; none where the kernel does not show them as Linux does."""
    proc = Path("/proc")
    return [int(each.name) for each in proc.glob("[0-9]*")] if proc.is_dir() else []


def read(pid: int, name: str) -> str:
    """A file of proc(5); "" where the process has gone or this user may not look."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def notes_folder() -> Path:
    """Where notes of builds lie, this user's alone; they need not outlive a boot.

    Raises:
        EngineError: somebody else has put something in its place.
    """
    folder = Path(tempfile.gettempdir()) / f"guard-builds-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise EngineError(f"{folder} is not private to this user", f"rm -r {folder}")
    return folder
