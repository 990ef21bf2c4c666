"""What is a function of immutable objects, kept in the common git dir from push to push.

A push is waited for, and reading the same manifests again takes most of its time. Nothing here is
needed: an entry that is missing, damaged or of another guard is as good as none.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from typing import Any, Final, TypeVar

from guard import __version__
from guard.model import ShapeError, as_plain, read_as

_T = TypeVar("_T")

# Some years of pushes. What is dropped is read anew.
_ENTRIES: Final = 4096
_SOURCES: Final = (*("", "ci", "gate", "git", "haskell", "plan", "rules", "situation", "verdicts"),)
_DIGEST: Final = 40


class Memory:
    """Entries in one repository.

    An entry is a checksum and a value in the form that Python keeps its compiled modules in: JSON
    would take a push longer to import than to read. That form is to be trusted only as far as the
    git dir is; what a full disk or a crash has left of it does not fit the checksum.

    Args:
        common_dir: the git dir that all worktrees of the superproject share.
    """

    # The same for all of them: a command runs one guard.
    _maker = ""

    def __init__(self, common_dir: str) -> None:
        self._folder = os.path.join(common_dir, "guard", "memory")
        # Many refs of one push ask for the same.
        self._recalled: dict[tuple[str, ...], Any] = {}
        self._room: int | None = None

    def recall(self, shape: type[_T], kind: str, *ids: str) -> _T | None:
        """The value that was remembered for these ids, None where there is none of this shape."""
        plain = self._recall(kind, ids)
        try:
            value = read_as(shape, plain)
        except ShapeError:
            return None
        # Nothing that is passed over or left to a default was written by this guard.
        return value if as_plain(value) == plain else None

    def _recall(self, kind: str, ids: tuple[str, ...]) -> Any:
        asked = (kind, *ids)
        if asked in self._recalled:
            return self._recalled[asked]
        try:
            with open(self._path(kind, ids), "rb") as file:
                entry = file.read()
            if hashlib.sha1(entry[_DIGEST:]).hexdigest().encode() != entry[:_DIGEST]:
                return None
            known, value = marshal.loads(entry[_DIGEST:])
        except (OSError, ValueError, TypeError, EOFError):
            return None
        if known != self._of(kind, ids):
            return None
        self._recalled[asked] = value
        return value

    def remember(self, value: object, kind: str, *ids: str) -> None:
        """Keep a value; where that fails it is not kept, and nobody is told."""
        plain = as_plain(value)
        # A disk takes longer to write than all the rest of a small entry's way.
        if plain == self._recall(kind, ids):
            return
        self._recalled.pop((kind, *ids), None)
        path = self._path(kind, ids)
        private = f"{path}.{os.getpid()}"
        entry = marshal.dumps((self._of(kind, ids), plain))
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._make_room()
            with open(private, "wb") as file:
                file.write(hashlib.sha1(entry).hexdigest().encode() + entry)
            os.replace(private, path)
        except OSError:
            pass

    def _path(self, kind: str, ids: tuple[str, ...]) -> str:
        ids = self._of(kind, ids)
        name = hashlib.sha1("\0".join(ids).encode(errors="surrogateescape")).hexdigest()
        return os.path.join(self._folder, f"{kind}-{name}")

    def _of(self, kind: str, ids: tuple[str, ...]) -> tuple[str, ...]:
        Memory._maker = Memory._maker or _fingerprint()
        return Memory._maker, kind, *ids

    def _make_room(self) -> None:
        # Listed once: a push of a thousand refs may have as many entries to write.
        if self._room is None:
            self._room = _ENTRIES - len(os.listdir(self._folder))
        if self._room <= 0:
            for name in os.listdir(self._folder):
                os.unlink(os.path.join(self._folder, name))
            self._room = _ENTRIES
        self._room -= 1


def _fingerprint() -> str:
    """Changes with the code that makes the values, released or not."""
    package = os.path.dirname(os.path.abspath(__file__))
    newest = 0
    total = 0
    for name in _SOURCES:
        with os.scandir(os.path.join(package, name)) as found:
            for entry in found:
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    newest = max(newest, stat.st_mtime_ns)
                    total += stat.st_size
    return f"{__version__} {newest} {total} {sys.implementation.cache_tag}"
