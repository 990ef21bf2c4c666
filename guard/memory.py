"""What is a function of immutable objects, kept in the common git dir from push to push.

A push is waited for, and reading the same manifests again takes most of its time. Nothing here is
needed: an entry that is missing, damaged or of another guard is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import Any, Final

from guard import __version__

# Some years of pushes. What is dropped is read anew.
_ENTRIES: Final = 4096
_SOURCES: Final = ("", "haskell", "rules", "git")


class Memory:
    """Entries in one repository.

    Args:
        common_dir: the git dir that all worktrees of the superproject share.
    """

    def __init__(self, common_dir: str) -> None:
        self._folder = os.path.join(common_dir, "guard", "memory")
        self._maker = ""

    def recall(self, kind: str, *ids: str) -> Any | None:
        """The value that was remembered for these ids, None where there is none.

        The value is what JSON makes of it; the caller checks its shape.
        """
        try:
            with open(self._path(kind, ids), "rb") as file:
                entry = json.loads(file.read())
            return entry["value"] if entry["of"] == self._of(kind, ids) else None
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def remember(self, value: object, kind: str, *ids: str) -> None:
        """Keep a value; where that fails it is not kept, and nobody is told."""
        path = self._path(kind, ids)
        private = f"{path}.{os.getpid()}"
        with suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            self._make_room()
            with open(private, "w", encoding="utf-8") as file:
                json.dump({"of": self._of(kind, ids), "value": value}, file)
            os.replace(private, path)

    def _path(self, kind: str, ids: tuple[str, ...]) -> str:
        name = hashlib.sha1("\0".join(self._of(kind, ids)).encode(errors="surrogateescape"))
        return os.path.join(self._folder, f"{kind}-{name.hexdigest()}.json")

    def _of(self, kind: str, ids: tuple[str, ...]) -> list[str]:
        self._maker = self._maker or _fingerprint()
        return [self._maker, kind, *ids]

    def _make_room(self) -> None:
        names = os.listdir(self._folder)
        if len(names) >= _ENTRIES:
            for name in names:
                os.unlink(os.path.join(self._folder, name))


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
    return f"{__version__} {newest} {total}"
