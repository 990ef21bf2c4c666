"""A private folder for a moment: what the standard library's tempfile gives, for a push.

tempfile imports random, shutil and five compressors, which takes longer than the push may wait.
"""

from __future__ import annotations

import os

from guard.errors import GuardError
from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class PrivateFolder:
    """A new folder that nobody else can read, and that is gone with the context.

    Raises:
        GuardError: it cannot be made: a full disk, a temporary place that is read-only.
    """

    def __init__(self) -> None:
        self._path = ""

    def __enter__(self) -> str:
        place = os.environ.get("TMPDIR") or "/tmp"
        path = os.path.join(place, f"guard-{os.getpid()}-{os.urandom(6).hex()}")
        try:
            os.mkdir(path, 0o700)
        except OSError as error:
            raise GuardError(
                f"no temporary folder can be made in {place}: {error.strerror}",
                "make room there, or set TMPDIR to another folder",
            ) from error
        self._path = path
        return path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _remove(self._path)


def _remove(folder: str) -> None:
    # Bottom up, and never through a link: git writes plain files and folders here.
    for here, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(here, name))
        for name in folders:
            os.rmdir(os.path.join(here, name))
    os.rmdir(folder)
