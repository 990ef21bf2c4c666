"""Runs of guard in forks of a process that has its modules already, which halves what a walk takes.

As a program (``python -I forks.py``) it is that process: a JSON object a line in, one out.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import NamedTuple, NoReturn

# What `guard status` imports; the engine's part of it takes the longest.
_MODULES = ("guard.cli", "guard.commands.status", "guard.engine.attempt", "guard.engine.client")


class Answer(NamedTuple):
    """What a run came to; the text is of both streams."""

    status: int
    text: str


def run_guard(argv: Sequence[str], folder: str, environment: Mapping[str, str]) -> Answer:
    """Run one command of guard in a folder."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps([argv, folder, dict(environment)]) + "\n")
    server.stdin.flush()
    return Answer(*json.loads(server.stdout.readline()))


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-I", __file__]
    pipe = subprocess.PIPE
    server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    atexit.register(server.terminate)
    return server


def _serve() -> None:
    for name in _MODULES:
        import_module(name)
    for line in sys.stdin:
        argv, folder, environment = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _run(argv, folder, environment, writer)
        os.close(writer)
        with open(reader, errors="replace") as stream:
            text = stream.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), text]), flush=True)


def _run(argv: list[str], folder: str, environment: dict[str, str], writer: int) -> NoReturn:
    from guard.__main__ import main

    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (writer, 1), (writer, 2)):
        os.dup2(source, target)
    # Those of the server know of what was there before.
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["guard", *argv]
    status = 1
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
