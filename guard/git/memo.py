"""What was found out before, kept in the common git dir: one JSON file for each answer.

A push is waited for, and reading the same objects again takes most of its time. Nothing here is
needed: a file that is missing, damaged, edited or of other code is as good as none.
"""

import json
import os
from contextlib import suppress
from functools import cache
from typing import Any, Final, TypeVar
from zlib import crc32

from guard import __version__
from guard.errors import without_secret
from guard.git.files import replacing
from guard.model import ShapeError, as_plain, from_json, read_as

_T = TypeVar("_T")

# Some years of pushes. What is dropped is found out anew.
_FILES: Final = 1024
_ROOMS: Final = ("", "ci", "gate", "git", "haskell", "plan", "rules", "situation", "verdicts")


class Memo:
    """The answers in one repository; each is a function of ids that never change."""

    def __init__(self, common_dir: str) -> None:
        self._folder = os.path.join(common_dir, "guard", "memo")

    def read(self, shape: type[_T], kind: str, *ids: str) -> _T | None:
        """The answer for these ids, None where there is none that this very code has written."""
        try:
            with open(self._path(kind, ids), "rb") as file:
                entry = from_json(dict[str, object], file.read())
            if entry != _sealed(kind, ids, entry.get("answer")):
                return None
            return read_as(shape, entry["answer"])
        except (OSError, ShapeError):
            return None

    def write(self, answer: object, kind: str, *ids: str) -> None:
        """Keep an answer; where that fails it is not kept, and nobody is told.

        Nor is one with a password in it: without that it would be another answer.
        """
        path = self._path(kind, ids)
        text = json.dumps(_sealed(kind, ids, as_plain(answer)))
        if without_secret(text) != text:
            return
        with suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            self._make_room()
            with replacing(path) as draft, open(draft, "w") as file:
                file.write(text)

    def _path(self, kind: str, ids: tuple[str, ...]) -> str:
        # Two of one name take each other's place: the ids are in the file.
        return os.path.join(self._folder, f"{kind}-{_sum(ids):08x}.json")

    def _make_room(self) -> None:
        """Drop the older half where there are too many, drafts of killed processes among them."""
        paths = [entry.path for entry in os.scandir(self._folder)]
        if len(paths) < _FILES:
            return
        for path in sorted(paths, key=_written)[: len(paths) // 2]:
            with suppress(OSError):
                os.unlink(path)


def _sealed(kind: str, ids: tuple[str, ...], answer: Any) -> dict[str, object]:
    """A file's content: an answer that was edited, or cut short, does not fit the sum."""
    content = {"code": _code(), "kind": kind, "ids": [*ids], "answer": answer}
    return {**content, "sum": _sum(content)}


def _sum(value: object) -> int:
    return crc32(json.dumps(value).encode())


def _written(path: str) -> float:
    with suppress(OSError):
        return os.stat(path).st_mtime
    return 0


@cache
def _code() -> str:
    """Changes with the code that gives the answers, released or not."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    newest = total = 0
    for room in _ROOMS:
        with os.scandir(os.path.join(package, room)) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    newest = max(newest, stat.st_mtime_ns)
                    total += stat.st_size
    return f"{__version__} {newest} {total}"
