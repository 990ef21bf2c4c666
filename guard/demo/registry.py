"""A registry of one's own on this machine's loopback, while a context lasts.

The program is Debian's docker-registry. An engine takes one on 127.0.0.0/8 without TLS.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from guard.errors import GuardError

PROGRAM: Final = "docker-registry"

_PATIENCE: Final = 60.0
_PAUSE: Final = 0.02
_CONFIG: Final = """\
version: 0.1
log: {{level: info, formatter: json, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: '{storage}'}}, delete: {{enabled: true}}}}
http: {{addr: '127.0.0.1:0'}}
"""
_AUTH: Final = "auth: {{htpasswd: {{realm: guard, path: '{path}'}}}}\n"
_LISTENING: Final = re.compile(r"listening on (127\.0\.0\.1:\d+)")
# The registry ends with whoever holds the other end of this shell's standard input: a kill -9
# leaves nothing that runs.
_WATCHED: Final = """\
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ cat <&3 >/dev/null; kill $program; } &
wait $program
"""


def program() -> str:
    """The path of the registry's program, "" where there is none.

    ``scripts/registry`` puts it beside this Python's programs.
    """
    beside = os.path.join(sys.prefix, "bin")
    return shutil.which(PROGRAM, path=f"{beside}:{os.environ.get('PATH', '')}") or ""


@contextmanager
def registry(folder: Path, users: str = "") -> Iterator[str]:
    """A registry that keeps everything in a folder.

    Args:
        folder: made where it is not there.
        users: lines of an htpasswd file with bcrypt; "" for a registry that anybody may use.

    Yields:
        Its address, ``127.0.0.1:PORT``; the port is free each time.

    Raises:
        GuardError: there is no program, or it does not start.
    """
    found = program()
    if not found:
        raise GuardError(f"there is no {PROGRAM} on this machine", "scripts/registry")
    folder.mkdir(parents=True, exist_ok=True)
    text = _CONFIG.format(storage=folder / "storage")
    if users:
        (folder / "users").write_text(users)
        text += _AUTH.format(path=folder / "users")
    config, log = folder / "registry.yml", folder / "log"
    config.write_text(text)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", found, "serve", str(config)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            # A setting of the environment would stand above the file; and Ctrl-C is not for it.
            env={k: v for k, v in os.environ.items() if not k.startswith(("REGISTRY_", "OTEL_"))},
            start_new_session=True,
        )
    try:
        yield _address(process, log)
    finally:
        process.communicate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        listening = _LISTENING.search(log.read_text(errors="replace"))
        if listening:
            return listening[1]
        time.sleep(_PAUSE)
    raise GuardError(f"{PROGRAM} does not start: {log.read_text(errors='replace')[-500:]}")
