"""Containers of a guard that was killed: found by their labels, and removed by the next run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from docker.errors import APIError, NotFound

from guard.engine.client import Engine
from guard.engine.processes import end_container

# On every container that guard starts; its value is the `Owner` that started it.
OWNER: Final = "guard.owner"


class Owner(NamedTuple):
    """A process of guard, such that no other process ever is the same.

    Args:
        machine: the host's name, its boot and its space of process ids: in a container the same
            number is another process.
        pid: its number.
        begun: when it began, in the kernel's ticks since the boot; "" where that is not known.
    """

    machine: str
    pid: int
    begun: str

    @classmethod
    def this(cls) -> Owner:
        """The present process."""
        return cls(_machine(), os.getpid(), _begun(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """From a label; None where guard did not write it."""
        words = text.split(" ")
        if len(words) != 3 or not words[1].isdigit():
            return None
        return cls(words[0], int(words[1]), words[2])

    def __str__(self) -> str:
        return f"{self.machine} {self.pid} {self.begun}"

    @property
    def is_gone(self) -> bool:
        """Whether it certainly runs no more; False for a process of another machine."""
        if self.machine != _machine():
            host, boot, _ = self.machine.split("/") if self.machine.count("/") == 2 else ("",) * 3
            here, booted, _ = _machine().split("/")
            return bool(boot and booted) and host == here and boot != booted
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return _begun(self.pid) != self.begun


def remove_leftovers(engine: Engine) -> int:
    """Remove the containers of owners that are gone; those of others stay.

    Returns:
        how many were removed.

    Raises:
        EngineError: the engine could not be asked.
    """
    removed = 0
    with engine.speaking("look for containers that were left behind"):
        for container in engine.api.containers(all=True, filters={"label": OWNER}):
            owner = Owner.parse(container["Labels"].get(OWNER, ""))
            if owner is not None and owner.is_gone:
                if container["State"] != "running":
                    end_container(engine, container["Id"])
                removed += remove(engine, container["Id"])
    return removed


def remove(engine: Engine, container: str) -> bool:
    """Remove a container with its volumes, running or not; whether it was there."""
    try:
        engine.api.remove_container(container, v=True, force=True)
    except NotFound:
        return False
    except APIError as error:
        # Two removals at once: the engine is at it.
        if error.status_code != 409:
            raise
    return True


def _machine() -> str:
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        space = ""
    host = os.uname().nodename.replace(" ", "-").replace("/", "-")
    return f"{host}/{boot}/{space}"


def _begun(pid: int) -> str:
    # proc(5): the 22nd field; the second one is a name in brackets that may hold anything.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""
