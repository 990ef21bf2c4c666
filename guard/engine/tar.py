"""The bytes of a tar: POSIX 1003.1-2001 (pax), nothing in it that differs between two machines."""

from __future__ import annotations

import os
import tarfile
from typing import Final

from guard.engine.plan import Item, Kind

# What ends an archive. An engine takes one without it for whole as well.
END: Final = bytes(2 * tarfile.BLOCKSIZE)

# 1 January 2000: zip, and so every jar, knows no time before 1980.
_TIME: Final = 946684800
# What the plain header has room for: tarfile needs ten times as long for one.
_MAGIC: Final = b"ustar\x0000"
_SHORT: Final = 99
_SMALL: Final = 8**11


def header(item: Item, size: int, target: bytes = b"") -> bytes:
    """What stands in front of an entry's content.

    Args:
        size: bytes of content that follow.
        target: where a symbolic link points to.
    """
    if item.path.isascii() and len(item.path) < _SHORT and not target and size < _SMALL:
        return _short_header(item, size)
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


def _short_header(item: Item, size: int) -> bytes:
    """The same bytes as tarfile's."""
    folder = item.kind is Kind.FOLDER
    name = item.path.encode() + (b"/" if folder else b"")
    block = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0        %b%b%b" % (
        *(name.ljust(100, b"\0"), item.kind.mode, 0, 0, size, _TIME, b"5" if folder else b"0"),
        *(bytes(100), _MAGIC),
    )
    block = block.ljust(tarfile.BLOCKSIZE, b"\0")
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def padding(size: int) -> bytes:
    """What follows a content of so many bytes, up to the next block."""
    return bytes(-size % tarfile.BLOCKSIZE)
