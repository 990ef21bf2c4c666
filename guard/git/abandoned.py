"""Private folders that killed processes left: the next test of a combination clears them away."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from stat import S_ISDIR
from typing import Final

from guard.git.private import RANDOM, place_of_folders, remove

# Seconds. A process that is not seen here may run in a container that shares the folder.
_OLD: Final = 24 * 3600


def remove_abandoned() -> int:
    """Remove this user's folders whose process was killed a day ago or earlier.

    Returns:
        how many were removed.
    """
    removed = 0
    place = place_of_folders()
    with suppress(OSError):
        for name in os.listdir(place):
            path = os.path.join(place, name)
            words = name.split("-")
            ours = len(words) == 3 and words[0] == "guard" and words[1].isdecimal()
            if ours and len(words[2]) == RANDOM * 2 and _is_abandoned(path, int(words[1])):
                with suppress(OSError):
                    remove(path)
                    removed += 1
    return removed


def _is_abandoned(path: str, pid: int) -> bool:
    try:
        found = os.lstat(path)
        if not S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        if found.st_mtime > time.time() - _OLD:
            return False
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
