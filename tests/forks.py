"""Runs of guard in forks of a process that has its modules already, which halves what one takes.

Each is a process of its own all the same, with the arguments, folder, environment and streams that
it is given, and it begins as ``python -m guard`` does. Where the start itself is what a test is
about, it starts ``python -I -m guard``, and so does the hook.

As a program (``python -I forks.py``) this is the process that forks: a request is a datagram on
standard input, a JSON text and the three streams, and is answered by the exit status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryFile
from typing import Final, NamedTuple

# What guard imports where it needs it, the slow ones.
_SLOW: Final = ("packaging.version", "rich.live", "yaml")
# Seconds; a run that takes longer hangs.
_PATIENCE: Final = 120
_LONGEST: Final = 1 << 18


class Ran(NamedTuple):
    """What a command came to; `text` is everything that it printed."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run_guard(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], data: bytes = b""
) -> Ran:
    """Run one command of guard in a folder, with `data` on its standard input."""
    with TemporaryFile() as stdin, TemporaryFile() as out, TemporaryFile() as err:
        stdin.write(data)
        stdin.seek(0)
        request = json.dumps([words, str(folder), dict(environment)]).encode()
        streams = [stdin.fileno(), out.fileno(), err.fileno()]
        socket.send_fds(_server(), [request], streams)
        status = int(_server().recv(_LONGEST))
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="surrogateescape"))
        return Ran(status, *texts)


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-I", __file__], stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for each request, until nobody is there to make one. A fork returns from here."""
    import guard

    modules = (module.name for module in walk_packages(guard.__path__, "guard."))
    for name in (*(each for each in modules if not each.endswith(".__main__")), *_SLOW):
        import_module(name)
    gc.freeze()
    while True:
        request, streams, _, _ = socket.recv_fds(requests, _LONGEST, 3)
        if not request:
            os._exit(0)
        child = os.fork()
        if child == 0:
            words, folder, environment = json.loads(request)
            _become(words, folder, environment, streams)
            return
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        requests.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    signal.alarm(_PATIENCE)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["guard", *words]


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as connection:
        _serve(connection)
    runpy.run_module("guard", run_name="__main__")
