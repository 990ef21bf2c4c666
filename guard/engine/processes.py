"""Processes of this machine, looked at where an engine on it has lost sight of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from guard.engine.client import Engine
from guard.errors import EngineError


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
