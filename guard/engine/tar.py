"""The bytes of a tar: POSIX 1003.1-2001 (pax), nothing in it that differs between two machines."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Iterator
from typing import Final

from guard.engine.plan import Item, Kind

# What ends an archive. An engine takes one without it for whole as well.
END: Final = bytes(2 * tarfile.BLOCKSIZE)

# 1 January 2000: zip, and so every jar, knows no time before 1980.
_TIME: Final = 946684800
_CHUNK: Final = 1 << 20


def header(item: Item, size: int, target: bytes = b"") -> bytes:
    """What stands in front of an entry's content.

    Args:
        size: bytes of content that follow.
        target: where a symbolic link points to.
    """
    info = tarfile.TarInfo(item.path)
    info.mode = item.kind.mode
    info.mtime = _TIME
    info.size = size
    if item.kind is Kind.FOLDER:
        info.type = tarfile.DIRTYPE
    elif item.kind is Kind.SYMLINK:
        info.type = tarfile.SYMTYPE
        info.linkname = os.fsdecode(target)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What follows a content of so many bytes, up to the next block."""
    return bytes(-size % tarfile.BLOCKSIZE)


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about a megabyte: each costs a chunk of HTTP."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _CHUNK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
