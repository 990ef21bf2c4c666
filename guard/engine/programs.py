"""The docker CLI on this machine that drives BuildKit: programs are asked for their versions.

The answer is remembered: to ask two programs takes as long as a tenth of a cached build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from guard.git.memo import Memo

# Where packages put it, beside what PATH says: another docker may stand in front of it there.
_PLACES: Final = ("docker", "/usr/bin/docker", "/usr/local/bin/docker", "/usr/libexec/docker")
# Where the CLI looks for plugins (cli-plugins/manager of docker/cli), the user's own folder first.
_PLUGINS: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# From this version on the CLI itself cannot, and `docker build` is the plugin buildx.
_FIRST_WITHOUT: Final = 23
# Seconds that a program may take to say its version.
_PATIENCE: Final = 30
_KIND: Final = "program"


class BuildkitCli(NamedTuple):
    """A program that builds with BuildKit.

    Args:
        command: its argv up to where the options of a build begin.
        version: what it says it is, e.g. ``docker 20.10.24`` or ``buildx 0.17.1``.
        is_buildx: whether it knows buildx's options.
    """

    command: tuple[str, ...]
    version: str
    is_buildx: bool


def find_cli(
    memo: Memo | None = None,
    places: Sequence[str] = _PLACES,
    plugins: Sequence[str] = _PLUGINS,
) -> BuildkitCli | None:
    """The first docker CLI here that drives BuildKit; buildx goes first.

    Args:
        memo: of what programs said that have not changed since.
        places: programs, by path or by a name that PATH leads to.
        plugins: folders of the CLI's plugins, behind the user's own.
    """
    # The plugin as a program of its own: as a child of the CLI it would outlive it.
    config = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    for folder in (f"{config}/cli-plugins", *plugins):
        program = os.path.join(folder, "docker-buildx")
        version = re.search(r"\bv?(\d+\.\d+[.\d]*)", _ask(program, "version", memo)())
        if version:
            return BuildkitCli((program, "build"), f"buildx {version[1]}", True)
    programs = list(dict.fromkeys(filter(None, map(shutil.which, places))))
    # All at once: somebody waits for the first one that will do.
    answers = [_ask(docker, "--version", memo) for docker in programs]
    said = [answer() for answer in answers]
    for docker, line in zip(programs, said, strict=True):
        version = re.search(r"\b(\d+)\.\d+[.\d]*", line)
        if version and int(version[1]) < _FIRST_WITHOUT:
            return BuildkitCli((docker, "build"), f"docker {version[0]}", False)
    return None


def _ask(program: str, word: str, memo: Memo | None) -> Callable[[], str]:
    """Ask a program for its version, and give what waits for the answer, "" for none."""
    if not shutil.which(program):
        return str
    identity = _identity(program) if memo is not None else ()
    if memo is not None and identity:
        known = memo.read(str, _KIND, *identity)
        if known is not None:
            return lambda: known
    try:
        child = subprocess.Popen(
            [program, word],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return str

    def answer() -> str:
        line = _said(child)
        if memo is not None and identity and line:
            memo.write(line, _KIND, *identity)
        return line

    return answer


def _identity(program: str) -> tuple[str, ...]:
    """What changes with the program; nothing where it may be a script or a shim for another one."""
    with suppress(OSError):
        path = os.path.realpath(program)
        with open(path, "rb") as file:
            is_script = file.read(2) == b"#!"
            stat = os.fstat(file.fileno())
        if os.path.basename(path) == os.path.basename(program) and not is_script:
            return path, f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"
    return ()


def _said(child: subprocess.Popen[bytes]) -> str:
    with child:
        try:
            output, _ = child.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            return ""
    return output.decode(errors="replace") if child.returncode == 0 else ""
