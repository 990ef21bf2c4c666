"""``python -m tests.alone COMMAND...``: runs it with an engine and a temporary folder of its own.

What stays of it when it is over is told, and makes it fail: files in the temporary folder (an
engine's is the last thing of it that goes), mounts, processes, and containers. Images go with the
engine. Where only the usual engine can be had (not as root, or DOCKER_HOST or DOCKER_CONTEXT names
one), that is told, and used.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from guard.engine.client import Engine
from tests.engine.own import OLDER, Spec, own_engine

# Seconds that what was told to end may take.
_PATIENCE: Final = 5
# The scratch folder of a guard that was killed, which another removes after a day; and what tools
# keep for their next run.
_LATER: Final = re.compile(r"guard-\d+-[0-9a-f]{12}$|node-compile-cache$|uv-\S+\.lock$")
_LOCAL: Final = "/var/run/docker.sock"
# Megabytes of all that a run builds.
_SPACE: Final = 4000


def main(command: Sequence[str]) -> int:
    """The command's exit status; 1 where it was 0 and something is left."""
    own = tempfile.mkdtemp(prefix="guard-tests-")
    # What pytest keeps for whoever looks into a failure is where it always is.
    usual = {"PYTEST_DEBUG_TEMPROOT": tempfile.gettempdir(), "TMPDIR": own}
    try:
        with _engine() as host:
            status = _run([*_before(host), *command], {**os.environ, **usual})
            left = _settled(own, host)
    finally:
        _clear(own)
    for line in left:
        print(f"alone: left behind: {line}", file=sys.stderr)
    return status or int(bool(left))


@contextmanager
def _engine() -> Iterator[str]:
    """The address of an engine, "" for the usual one."""
    is_named = os.environ.get("DOCKER_HOST") or os.environ.get("DOCKER_CONTEXT")
    if os.geteuid() or is_named or not os.path.exists(_LOCAL):
        print("alone: with the usual engine; its images stay", file=sys.stderr)
        yield ""
        return
    with own_engine(Spec("p", OLDER if OLDER.exists() else None, space=_SPACE)) as engine:
        yield engine.host


def _before(host: str) -> Sequence[str]:
    """What leads a command to the engine: for it, and nobody else, it is the local one."""
    if not host:
        return ()
    script = f'mount --bind "{host.removeprefix("unix://")}" {_LOCAL} && exec "$@"'
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env=environment) as process:
        while True:
            # Ctrl-C is the command's as well, and is waited for.
            with suppress(KeyboardInterrupt):
                return process.wait()


def _settled(own: str, host: str) -> list[str]:
    end = time.monotonic() + _PATIENCE
    while (left := _left(own, host)) and time.monotonic() < end:
        time.sleep(0.5)
    return left


def _left(own: str, host: str) -> list[str]:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    left = [f"a mount: {line.split()[4]}" for line in mounts if f" {own}/" in line]
    left += [f"a process: {pid} {command}" for pid, command in _processes(own)]
    left += [
        f"a file: {path}" for path in sorted(Path(own).iterdir()) if not _LATER.match(path.name)
    ]
    if host:
        with Engine.connect(host) as engine:
            containers = engine.api.containers(all=True)
        left += [f"a container: {each['Id'][:12]} {each['Command']}" for each in containers]
    return left


def _clear(own: str) -> None:
    """What a run leaves that was killed: engines, with their bridges."""
    for pid, _ in _processes(own):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in Path(own).glob("own-*"):
        bridge = f"gt{folder.name.removeprefix('own-')}"
        subprocess.run(["ip", "link", "del", bridge], check=False)
    shutil.rmtree(own, ignore_errors=True)


def _processes(own: str) -> Iterator[tuple[int, str]]:
    """Those that were started with that temporary folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"TMPDIR={own}\0".encode() in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                yield int(folder.name), words.decode(errors="replace").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
