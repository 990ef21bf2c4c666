"""The docker CLI that speaks BuildKit to the engine: started, fed, and dead when guard is.

BuildKit's own protocol is gRPC over a connection that the CLI takes over; guard leaves that to the
CLI and gives it the build context on its standard input.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Final

from guard.errors import EngineError

# Ends the writer without closing the pipe: an end of the input would look like the whole of it.
_NO_MORE: Final = b""
# Pieces that are made while an earlier one is still written.
_AHEAD: Final = 4
# What Linux lets everybody have (/proc/sys/fs/pipe-max-size).
_PIPE: Final = 1 << 20
_PR_SET_PDEATHSIG: Final = 1


def start(arguments: Sequence[str], host: str = "") -> subprocess.Popen[bytes]:
    """Start a build by the CLI. It gets no signal of the terminal, and dies when guard dies.

    Args:
        host: URL of the engine, "" for the one that the CLI finds by itself.

    Raises:
        EngineError: it cannot be started.
    """
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # On Linux a pipe that takes a piece whole, so that the next one is made meanwhile.
            pipesize=_PIPE if sys.platform == "linux" else -1,
            env=_environment(host),
            start_new_session=True,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
        )
    except OSError as error:
        raise EngineError(f"{arguments[0]} cannot be started: {error.strerror}") from error


def converse(process: subprocess.Popen[bytes], stdin: Iterable[bytes]) -> Iterator[str]:
    """Give the process its input and yield what it tells, line by line, while it reads.

    Its input is closed only when `stdin` has come to its end; where that raises, the process must
    be killed. One that stops reading early is no error here: what it tells says why.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
    assert process.stderr is not None and process.stdin is not None
    threading.Thread(target=_read, args=(process.stderr, lines), daemon=True).start()
    writer = threading.Thread(target=_write, args=(process.stdin, pieces), daemon=True)
    writer.start()
    try:
        for piece in stdin:
            if not _put(pieces, piece, writer):
                break
            while not lines.empty():
                if (line := lines.get()) is None:
                    return
                yield line
        else:
            _put(pieces, None, writer)
        while (line := lines.get()) is not None:
            yield line
    finally:
        with suppress(queue.Full):
            pieces.put_nowait(_NO_MORE)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started; harmless where it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stderr):
        # What was still to be written has no reader any more.
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    process.wait()


def _put(pieces: queue.Queue[bytes | None], piece: bytes | None, writer: threading.Thread) -> bool:
    """Whether the writer still takes pieces."""
    while writer.is_alive():
        with suppress(queue.Full):
            pieces.put(piece, timeout=1)
            return True
    return False


def _write(pipe: IO[bytes], pieces: queue.Queue[bytes | None]) -> None:
    # A process that has ended or was killed reads no more; `kill` may close the pipe under it.
    with suppress(OSError, ValueError):
        while piece := pieces.get():
            pipe.write(piece)
        if piece is None:
            pipe.close()


def _read(pipe: IO[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    try:
        for line in pipe:
            lines.put(line.decode(errors="replace").rstrip("\r\n"))
    except (OSError, ValueError):
        # Closed under our hands by `kill`.
        return
    finally:
        lines.put(None)


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
