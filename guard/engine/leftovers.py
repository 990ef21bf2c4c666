"""Containers of a guard that was killed: found by their labels, and removed by the next run."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from docker.errors import APIError, NotFound

from guard.engine.client import Engine

# On every container that guard starts; its value says which process started it, see `owner`.
OWNER: Final = "guard.owner"


def owner() -> str:
    """This process in one word for each: where it runs, its number, when it began.

    No other process ever is the same: where it runs is a host, its boot and its space of process
    ids, and it began so many of the kernel's ticks after the boot.
    """
    boot, space = _read("/proc/sys/kernel/random/boot_id"), ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    # proc(5): the 22nd field; the second one is a name in brackets that may hold anything.
    fields = _read("/proc/self/stat").rpartition(")")[2].split()
    began = fields[19] if len(fields) > 19 else ""
    host = os.uname().nodename.replace(" ", "-").replace("/", "-")
    return f"{host}/{boot}/{space} {os.getpid()} {began}"


def remove_leftovers(engine: Engine) -> int:
    """Remove the containers of processes that certainly run no more; those of others stay.

    Returns:
        how many were removed.

    Raises:
        EngineError: the engine could not be asked.
    """
    with engine.speaking("look for containers that were left behind"):
        return sum(
            remove(engine, container["Names"][0].strip("/"))
            for container in engine.api.containers(all=True, filters={"label": OWNER})
            if _is_gone(container["Labels"].get(OWNER, ""))
        )


def remove(engine: Engine, container: str) -> bool:
    """Remove a container with its volumes, running or not, by its name; whether it was there."""
    is_podman, api = engine.facts.is_podman, cast(Any, engine.api)
    try:
        if is_podman:
            # It would ask the program to end, and wait for ten seconds.
            with suppress(APIError):
                api.kill(container)
        api.remove_container(container, v=True, force=True)
        if is_podman:
            with suppress(NotFound):
                api.remove_volume(container)
    except NotFound:
        return False
    except APIError as error:
        # Two removals at once: the engine is at it.
        if error.status_code != 409:
            raise
    return True


def _is_gone(label: str) -> bool:
    machine, _, process = label.partition(" ")
    pid, now = process.partition(" ")[0], owner()
    if machine.count("/") != 2 or not pid.isdigit():
        return False  # not of guard's writing
    here = now.partition(" ")[0]
    if machine != here:
        # Of another machine nothing is known, of one before its last boot all.
        (host, boot, _), (own, booted, _) = machine.split("/"), here.split("/")
        return bool(boot and booted) and host == own and boot != booted
    if int(pid) == os.getpid():
        return label != now
    try:
        # Another program may have the number by now: then it waits for that one's end.
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""
