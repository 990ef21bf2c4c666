"""A private folder for a moment: what the standard library's tempfile gives, for a push.

tempfile imports random, shutil and five compressors, which takes longer than the push may wait.
"""

from __future__ import annotations

import os
from shlex import quote
from types import TracebackType

from guard.errors import GuardError

# Bytes that keep two folders of one process apart.
RANDOM = 6


class PrivateFolder:
    """A new folder that nobody else can read, and that is gone with the context.

    Raises:
        GuardError: it cannot be made: a full disk, a temporary place that is read-only.
    """

    def __init__(self) -> None:
        self._path = ""

    def __enter__(self) -> str:
        place = place_of_folders()
        path = os.path.join(place, f"guard-{os.getpid()}-{os.urandom(RANDOM).hex()}")
        try:
            os.mkdir(path, 0o700)
        except OSError as error:
            raise GuardError(
                f"no temporary folder can be made in {place}: {error.strerror}", no_room(place)
            ) from error
        self._path = path
        return path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        remove(self._path)


def place_of_folders() -> str:
    """Where private folders are made."""
    return os.environ.get("TMPDIR") or "/tmp"


def no_room(path: str) -> str:
    """The command that shows what is wrong with a temporary place that takes nothing."""
    return f"df -h {quote(path)}; export TMPDIR=/var/tmp"


def remove(folder: str) -> None:
    """Remove such a folder with all that is in it."""
    # Bottom up, and never through a link: git writes plain files and folders here.
    for here, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(here, name))
        for name in folders:
            os.rmdir(os.path.join(here, name))
    os.rmdir(folder)
