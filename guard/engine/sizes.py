"""Whether blobs are there and how large they are, without reading them."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from guard.ahead import Ahead
from guard.child import Child
from guard.engine.plan import Item, missing_object
from guard.errors import GitError
from guard.git.parts import Part
from guard.git.process import Repository, start

# Blobs that are asked for in one go.
_QUESTIONS: Final = 500


class Sizes:
    """The sizes of all blobs, asked for while the walk goes on."""

    def __init__(self) -> None:
        self._paths: dict[Part, dict[str, str]] = {}
        self._asked: dict[Part, _BlobSizes] = {}

    def noting(self, items: Iterable[Item]) -> list[Item]:
        """The items as a list; their blobs have been asked for by then."""
        result: list[Item] = []
        part, paths, new = None, dict[str, str](), list[str]()
        for item in items:
            result.append(item)
            if item.part is not part or len(new) > _QUESTIONS:
                self._ask(part, new)
                part, new = item.part, []
                paths = self._paths.setdefault(item.part, {})
            if item.id and item.id not in paths:
                paths[item.id] = item.path
                new.append(item.id)
        self._ask(part, new)
        return result

    def found(self) -> dict[Part, dict[str, int]]:
        """For each part, its blobs and their sizes in bytes.

        Raises:
            MissingObjectError: one is not there.
            GitError: git failed.
        """
        result: dict[Part, dict[str, int]] = {}
        for owner, blobs in self._paths.items():
            known = result[owner] = {}
            sizes = self._asked[owner].answers() if owner in self._asked else []
            for (blob, path), size in zip(blobs.items(), sizes, strict=True):
                if size is None:
                    raise missing_object(owner, f"blob {blob} ({path})")
                known[blob] = size
        return result

    def close(self) -> None:
        """End every git that was asked; harmless the second time."""
        for asked in self._asked.values():
            asked.close()

    def _ask(self, part: Part | None, ids: Sequence[str]) -> None:
        if part is None or not ids:
            return
        if part not in self._asked:
            self._asked[part] = _BlobSizes(part.repository)
        self._asked[part].ask(ids)


class _BlobSizes:
    """A git that looks blobs up while the next ones are still being found."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._process = start(
            repository,
            *("cat-file", "--batch-check=%(objecttype) %(objectsize)", "--buffer"),
            feeds=True,
        )
        self._questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._count = 0
        self._asking = threading.Thread(
            target=_ask, args=(self._process, self._questions), daemon=True
        )
        self._asking.start()
        self._errors = Ahead(lambda: _read(self._process.stderr))
        self._output = Ahead(lambda: _read(self._process.stdout))

    def ask(self, ids: Sequence[str]) -> None:
        """Ask for more, behind what was asked before."""
        if ids:
            self._count += len(ids)
            self._questions.put("".join(f"{blob}\n" for blob in ids).encode())

    def answers(self) -> list[int | None]:
        """The size in bytes of each, in the order asked; None where no blob has that id.

        Raises:
            GitError: git failed, or answered less than it was asked.
        """
        self._questions.put(b"")
        sizes = [_size(line) for line in self._output.result().splitlines()]
        said = self._errors.result().decode(errors="replace").strip()
        status = self._process.wait()
        if status != 0 and "promisor" in said and len(sizes) < self._count:
            # Git before 2.45 dies over the first object that a partial clone only promises.
            return sizes + [None] * (self._count - len(sizes))
        if status != 0 or len(sizes) != self._count:
            raise GitError(
                f"git cat-file in {self._repository.git_dir} ended too early: "
                f"{said or f'exit status {status}'}",
                f"git --git-dir={self._repository.git_dir} fsck",
            )
        return sizes

    def close(self) -> None:
        """End git, wherever it is; harmless the second time."""
        self._questions.put(b"")
        for reading in (self._output, self._errors):
            reading.result()
        self._asking.join()
        self._process.close()
        self._process.wait()


def _ask(process: Child, questions: queue.SimpleQueue[bytes]) -> None:
    # One that has ended need not be asked.
    with suppress(OSError):
        while rest := questions.get():
            while rest:
                rest = rest[os.write(process.stdin, rest) :]
    process.close_stdin()


def _read(pipe: int) -> bytes:
    pieces = []
    while piece := os.read(pipe, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _size(line: bytes) -> int | None:
    size = line[5:]
    return int(size) if line.startswith(b"blob ") and size.isdigit() else None
