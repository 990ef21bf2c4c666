"""Starting a program and talking to it: what the standard library's subprocess gives, for a push.

subprocess imports threading, selectors, signal and, by them, enum and collections, which takes as
long as some git processes.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

# Python ignores them; a program that is started expects them as the system sets them (signal(7)).
_SIGPIPE: Final = 13
_SIGKILL: Final = 9
_SIGXFSZ: Final = 25
_CHUNK: Final = 1 << 16


class Child:
    """A running program.

    Attributes:
        command: its argv.
        pid: its number.
        stdin: the end of its input to write to, -1 where it has none, or once that is closed.
        stdout: the end of its output to read from, -1 where that is ours too, or once closed.
        stderr: the same for what it says of troubles.
        status: the exit status once it has ended, the number of a signal below zero.
    """

    def __init__(self, command: Sequence[str], pid: int, pipes: Sequence[int]) -> None:
        self.command = command
        self.stdin, self.stdout, self.stderr = pipes
        self.status: int | None = None
        self.pid = pid

    def communicate(self, data: bytes = b"", patience: int | None = None) -> tuple[bytes, bytes]:
        """Write the input, read both outputs to their end, and wait.

        All at once: each side may have more to say than a pipe holds. A program need not read.

        Args:
            patience: milliseconds that it may say nothing and yet not end; None for ever.

        Raises:
            TimeoutError: it was killed after so long a silence.
        """
        found: dict[int, list[bytes]] = {self.stdout: [], self.stderr: []}
        output, errors = self.stdout, self.stderr
        rest = memoryview(data)
        poll = select.poll()
        for pipe in found:
            if pipe >= 0:
                poll.register(pipe, select.POLLIN)
        if rest:
            os.set_blocking(self.stdin, False)
            poll.register(self.stdin, select.POLLOUT)
        else:
            self.close_stdin()
        try:
            while self.stdin >= 0 or self.stdout >= 0 or self.stderr >= 0:
                ready = poll.poll(patience)
                if not ready:
                    os.kill(self.pid, _SIGKILL)
                    self.wait()
                    raise TimeoutError(f"{self.command[0]} says nothing")
                for pipe, _ in ready:
                    if pipe == self.stdin:
                        rest = rest[_written(pipe, rest) :]
                        if not rest:
                            poll.unregister(pipe)
                            self.close_stdin()
                        continue
                    piece = os.read(pipe, _CHUNK)
                    found[pipe].append(piece)
                    if not piece:
                        poll.unregister(pipe)
                        self._close(pipe)
            self.wait()
        finally:
            self.close()
        return b"".join(found[output]), b"".join(found[errors])

    def wait(self) -> int:
        """Wait for its end and return the exit status."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close_stdin(self) -> None:
        """Tell it that there is no more input."""
        self._close(self.stdin)

    def close_stdout(self) -> None:
        """Tell it that nobody reads what it prints any more."""
        self._close(self.stdout)

    def close(self) -> None:
        """Hang up: close every pipe that is still open."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            self._close(pipe)

    def _close(self, pipe: int) -> None:
        if pipe < 0:
            return
        if pipe == self.stdin:
            self.stdin = -1
        elif pipe == self.stdout:
            self.stdout = -1
        else:
            self.stderr = -1
        os.close(pipe)


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    feeds: bool = False,
    captures: bool = True,
) -> Child:
    """Start a program, looked up on PATH where its name holds no slash.

    Args:
        environment: all of its environment.
        feeds: whether it gets input from us; else it has none.
        captures: whether what it prints comes to us; else it goes where ours goes.

    Raises:
        OSError: it cannot be started.
    """
    theirs: list[int] = []
    ours = [-1, -1, -1]
    wired: list[tuple[object, ...]] = []
    try:
        for number, piped in enumerate((feeds, captures, captures)):
            if piped:
                ends = _pipe()
                theirs.append(ends[number > 0])
                ours[number] = ends[number == 0]
                wired.append((os.POSIX_SPAWN_DUP2, theirs[-1], number))
            elif number == 0:
                wired.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        pid = os.posix_spawnp(
            command[0],
            list(command),
            environment,
            file_actions=wired,
            setsigdef=(_SIGPIPE, _SIGXFSZ),
        )
    except BaseException:
        for pipe in ours:
            if pipe >= 0:
                os.close(pipe)
        raise
    finally:
        for pipe in theirs:
            os.close(pipe)
    return Child(command, pid, ours)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are none of the three that every program has.

    Where one of those three is closed, the next file takes its number, and would be overwritten
    in the child.
    """
    ends = os.pipe()
    while min(ends) <= 2:
        nothing = os.open(os.devnull, os.O_RDWR)
        for end in ends:
            if end > 2:
                os.close(end)
            else:
                os.dup2(nothing, end)
        os.close(nothing)
        ends = os.pipe()
    return ends


def _written(pipe: int, data: memoryview) -> int:
    """How much of the data went into a pipe; all of it, where nobody reads any more."""
    try:
        return os.write(pipe, data[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)
