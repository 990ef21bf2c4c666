"""The docker CLI that speaks BuildKit to the engine: found, started, and dead when guard is.

BuildKit's own protocol is gRPC over a connection that the CLI takes over; guard leaves that to the
CLI, which reads the build context out of a folder.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from guard.engine.settings import config_folder, context_name, read_settings, text
from guard.errors import EngineError
from guard.git.memo import Memo

# Where packages put it, beside what PATH says: another docker may stand in front of it there.
_PLACES: Final = ("docker", "/usr/bin/docker", "/usr/local/bin/docker", "/usr/libexec/docker")
# Where the CLI looks for plugins at last (cli-plugins/manager of docker/cli).
_PLUGINS: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# From this version on the CLI itself cannot, and `docker build` is the plugin buildx.
_FIRST_WITHOUT: Final = 23
# From this version on buildx tells of a build in JSON.
_RAWJSON: Final = [0, 13]
# Seconds that a program may take to say its version, and a builder to say that it is there.
_PATIENCE: Final = 4
_MOMENT: Final = 3
_KIND: Final = "program"
_PR_SET_PDEATHSIG: Final = 1


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

    @property
    def progress(self) -> str:
        """The most exact way in which it tells of a build."""
        numbers = re.findall(r"\d+", self.version)
        return "rawjson" if self.is_buildx and [*map(int, numbers[:2])] >= _RAWJSON else "plain"


class InUse(NamedTuple):
    """A builder of buildx; without a name where there is no buildx, and so no choice.

    Args:
        driver: e.g. ``docker`` for an engine itself, ``docker-container``, ``remote``.
        endpoint: where it is, "" for the engine that the CLI uses anyway.
    """

    name: str = ""
    driver: str = "docker"
    endpoint: str = ""

    @property
    def remedy(self) -> str:
        """What has the engine itself build, "" where it did."""
        return _by_itself() if self.endpoint else ""

    def __str__(self) -> str:
        where = f"{self.driver} at {self.endpoint}" if self.endpoint else self.driver
        return f"builder {self.name} ({where})"


class InUseQuestion:
    """buildx is asked which builder is in use; closed where nobody waits for the answer.

    Args:
        host: URL of the engine, "" for the one that the CLI finds by itself.
    """

    def __init__(self, cli: BuildkitCli, host: str = "") -> None:
        self._known = InUse(context_name()) if cli.is_buildx else InUse()
        self._process: subprocess.Popen[bytes] | None = None
        self._end = time.monotonic() + _MOMENT
        if cli.is_buildx and _is_chosen():
            self._process = start([cli.command[0], "inspect"], host, subprocess.PIPE)

    def answer(self) -> InUse:
        """Wait for it.

        Raises:
            EngineError: there is no such builder, or it does not answer.
        """
        if self._process is None:
            return self._known
        try:
            output, errors = self._process.communicate(
                timeout=max(self._end - time.monotonic(), 0.1)
            )
        except subprocess.TimeoutExpired:
            raise EngineError(
                "the builder of buildx that is in use does not answer", _by_itself()
            ) from None
        finally:
            self.close()
        lines = output.decode(errors="replace")
        values = {
            word: re.findall(rf"^{word}: +(.*\S)", lines, re.MULTILINE)
            for word in ("Name", "Driver", "Endpoint", "Status", "Error")
        }
        if not (values["Name"] and values["Driver"]):
            words = errors.decode(errors="replace").strip().removeprefix("ERROR: ")
            raise EngineError(f"buildx cannot say which builder is in use: {words}", _by_itself())
        name, driver = values["Name"][0], values["Driver"][0]
        # The choice may have been made for another engine.
        is_own = driver == "docker" and name != os.environ.get("BUILDX_BUILDER")
        builder = InUse(name, driver, "" if is_own else ", ".join(values["Endpoint"]))
        # Others are started by the build where they do not run.
        if values["Error"] or (builder.driver == "remote" and "running" not in values["Status"]):
            why = f": {values['Error'][0]}" if values["Error"] else ""
            raise EngineError(f"{builder} does not answer{why}", _by_itself())
        return builder

    def close(self) -> None:
        """End it, where it has not ended; harmless the second time."""
        if self._process is not None:
            kill(self._process)


def _by_itself() -> str:
    """What has the engine build: buildx calls it as the docker context that leads to it."""
    return f"BUILDX_BUILDER={shlex.quote(context_name())} guard test"


def _is_chosen() -> bool:
    """Whether somebody has told buildx to use another builder than the engine itself."""
    if os.environ.get("BUILDX_BUILDER"):
        return os.environ["BUILDX_BUILDER"] != context_name()
    folder = os.environ.get("BUILDX_CONFIG") or os.path.join(config_folder(), "buildx")
    try:
        current = json.loads(Path(folder, "current").read_bytes() or b"{}")
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return bool(current.get("Name"))


def find_cli(
    memo: Memo | None = None,
    places: Sequence[str] = _PLACES,
    plugins: Sequence[str] = _PLUGINS,
) -> BuildkitCli | None:
    """The first docker CLI here that drives BuildKit; buildx goes first.

    To ask two programs for their versions takes as long as a tenth of a cached build.

    Args:
        memo: of what programs said that have not changed since.
        places: programs, by path or by a name that PATH leads to.
        plugins: folders of the CLI's plugins, behind those that the user's settings name.

    Raises:
        EngineError: there is none, and one that may be one says nothing.
    """
    silent: list[str] = []
    # The plugin as a program of its own: as a child of the CLI it would outlive it.
    extra = read_settings().get("clipluginsextradirs")
    extra = extra if isinstance(extra, list) else []
    for folder in (*filter(None, map(text, extra)), f"{config_folder()}/cli-plugins", *plugins):
        program = os.path.join(folder, "docker-buildx")
        version = re.search(r"\bv?(\d+\.\d+[.\d]*)", _ask(program, "version", memo, silent)())
        if version:
            return BuildkitCli((program, "build"), f"buildx {version[1]}", True)
    for docker, line in _versions(memo, places, silent):
        version = re.search(r"^(?!podman).*?\b(\d+)\.\d+[.\d]*", line)
        if version and int(version[1]) < _FIRST_WITHOUT:
            return BuildkitCli((docker, "build"), f"docker {version[0].split()[-1]}", False)
    if silent:
        raise EngineError(
            f"{silent[0]} has not said its version within {_PATIENCE:g} seconds",
            f'look why: {shlex.quote(silent[0])} version; or set builder = "classic" in [image] '
            "of .guard.toml",
        )
    return None


def why_none(places: Sequence[str] = _PLACES) -> str:
    """Why no docker CLI here drives BuildKit."""
    for docker, line in _versions(None, places, []):
        if line.startswith("podman"):
            return f"{docker} is Podman's"
        return f"{docker} ({' '.join(line.split()[:3]).strip(',')}) has no plugin buildx"
    return "there is none"


def _versions(memo: Memo | None, places: Sequence[str], silent: list[str]) -> list[tuple[str, str]]:
    """The docker CLIs here, and what each says its version is."""
    programs = list(dict.fromkeys(filter(None, map(shutil.which, places))))
    # All at once: somebody waits for the first one that will do.
    answers = [_ask(docker, "--version", memo, silent) for docker in programs]
    return [(docker, answer()) for docker, answer in zip(programs, answers, strict=True)]


def start(
    arguments: Sequence[str], host: str = "", stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start the CLI. It gets no signal of the terminal, and dies when guard dies.

    Args:
        host: URL of the engine, "" for the one that the CLI finds by itself.

    Raises:
        EngineError: it cannot be started.
    """
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_environment(host),
            start_new_session=True,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
        )
    except OSError as error:
        raise EngineError(f"{arguments[0]} cannot be started: {error.strerror}") from error


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What it tells, line by line, to its end."""
    assert process.stderr is not None
    for line in process.stderr:
        yield line.decode(errors="replace").rstrip("\r\n")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started; harmless where it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in filter(None, (process.stdout, process.stderr)):
        stream.close()


def _environment(host: str) -> dict[str, str]:
    """The user's own, so that the CLI goes where the SDK went; its way is made plain."""
    result = {**os.environ, "DOCKER_BUILDKIT": "1", "DOCKER_CLI_HINTS": "false"}
    # The metadata file is read for the image's digest alone; provenance would be a step more.
    result["BUILDX_METADATA_PROVENANCE"] = "disabled"
    if host:
        result.pop("DOCKER_CONTEXT", None)
        result["DOCKER_HOST"] = host
    return result


def _die_with_parent() -> Callable[[], None]:
    """For the child: the kernel kills it when its parent ends, however that ends (prctl(2))."""
    # Looked up here: between fork and exec as little as possible may happen.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return bind


def _ask(program: str, word: str, memo: Memo | None, silent: list[str]) -> Callable[[], str]:
    """Ask a program for its version, and give what waits for the answer, "" for none.

    Args:
        silent: it is added to these where it has not answered in time.
    """
    if not shutil.which(program):
        return str
    identity = _identity(program) if memo is not None else ()
    if memo is not None and identity:
        known = memo.read(str, _KIND, *identity)
        if known is not None:
            return lambda: known
    try:
        child = start([program, word], stdout=subprocess.PIPE)
    except EngineError:
        return str
    end = time.monotonic() + _PATIENCE

    def answer() -> str:
        try:
            output, _ = child.communicate(timeout=max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            silent.append(program)
            return ""
        finally:
            kill(child)
        line = output.decode(errors="replace") if child.returncode == 0 else ""
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
