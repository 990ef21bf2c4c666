"""Blobs whose order is known beforehand, from a git that never waits for the next question."""

from __future__ import annotations

import fcntl
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from subprocess import Popen
from typing import Final

from guard.errors import GitError
from guard.git.repository import Repository, end

# What Linux lets everybody have (/proc/sys/fs/pipe-max-size). Git is ahead of us by as much.
_PIPE: Final = 1 << 20
_CHUNK: Final = 1 << 18
# Ids that are written in one go.
_QUESTIONS: Final = 1000


class BlobStream:
    """Blobs in the order of their ids, each to be taken once.

    Args:
        ids: one that is to be taken twice stands there twice.
    """

    def __init__(self, repository: Repository, ids: Sequence[str]) -> None:
        self._repository = repository
        # Without --buffer git writes twice for every blob.
        self._process = repository.start("cat-file", "--batch", "--buffer", feeds=True)
        assert self._process.stdout is not None
        answers = self._process.stdout.fileno()
        if sys.platform == "linux":
            # Somebody who has too many large pipes goes on with a small one.
            with suppress(OSError):
                fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _PIPE)
        # Of the process, which closes it.
        self._answers = open(answers, "rb", _CHUNK, closefd=False)  # noqa: SIM115
        self._asking = threading.Thread(target=_ask, args=(self._process, ids), daemon=True)
        self._asking.start()

    def take(self, blob: str, size: int) -> memoryview | None:
        """The next blob's content, None where the repository lacks it; nothing comes after that.

        Args:
            size: bytes, as git has told them before.

        Raises:
            GitError: git ended before it had answered, or the answer is about something else.
        """
        head = b"%b blob %d\n" % (blob.encode(), size)
        answer = self._answers.read(len(head) + size + 1)
        if len(answer) == len(head) + size + 1 and answer.startswith(head):
            return memoryview(answer)[len(head) : -1]
        self._missing(blob, answer)
        return None

    def pieces(self, blob: str, size: int) -> Iterator[bytes] | None:
        """As `take`, for a large one, of which only a piece is held at a time.

        They must be read to their end before anything else is taken.
        """
        line = self._answers.readline()
        if line == b"%b blob %d\n" % (blob.encode(), size):
            return self._pieces(size)
        self._missing(blob, line)
        return None

    def close(self) -> None:
        """End git, wherever it is; harmless the second time."""
        self._answers.close()
        self._hang_up()
        end(self._process)

    def _hang_up(self) -> None:
        """Read no more; git ends at the next answer, and then it is asked nothing more."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._asking.join()

    def _pieces(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._answers.read(min(left, _CHUNK))
            if not piece:
                raise self._died()
            left -= len(piece)
            yield piece
        if self._answers.read(1) != b"\n":
            raise self._died()

    def _missing(self, blob: str, answer: bytes) -> None:
        """Make sure that the answer is that the blob is missing; raises what else it may be."""
        line, end, _ = answer.partition(b"\n")
        if line == f"{blob} missing".encode():
            return
        if end and not line.startswith(f"{blob} blob ".encode()):
            where = self._repository.git_dir
            raise GitError(f"git cat-file says of {blob} in {where}: {line!r}")
        error = self._died()
        # Git before 2.45 dies over an object that a partial clone only promises.
        if "promisor" not in error.problem:
            raise error

    def _died(self) -> GitError:
        self._hang_up()
        assert self._process.stderr is not None
        errors = self._process.stderr.read().decode(errors="replace").strip()
        status = self._process.wait()
        where = self._repository.git_dir
        return GitError(
            f"git cat-file in {where} ended too early: {errors or f'exit status {status}'}",
            f"git --git-dir={where} fsck",
        )


def _ask(process: Popen[bytes], ids: Sequence[str]) -> None:
    assert process.stdin is not None
    # One that has ended, or that nobody listens to any more, need not be asked.
    with suppress(OSError), process.stdin as questions:
        for at in range(0, len(ids), _QUESTIONS):
            questions.write("".join(f"{blob}\n" for blob in ids[at : at + _QUESTIONS]).encode())
