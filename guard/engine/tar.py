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
# Where the checksum's last two characters, which are always the same, stand.
_CHECKSUM: Final = 154


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
    before, behind, last, total = _FRAMES[item.kind]
    name = item.path.encode()
    if item.kind is Kind.FOLDER:
        name += b"/"
    length = b"%011o" % size
    # Only what differs is added up.
    total += sum(name) + sum(length)
    return b"%b%b%b%b%06o%b" % (name.ljust(100, b"\0"), before, length, behind, total, last)


def _frame(kind: Kind) -> tuple[bytes, bytes, bytes, int]:
    """What stands around name, size and checksum, and what it adds to the checksum."""
    before = b"%07o\0%07o\0%07o\0" % (kind.mode, 0, 0)
    behind = b"\0%011o\0" % _TIME
    last = b"\0 " + (b"5" if kind is Kind.FOLDER else b"0") + bytes(100) + _MAGIC
    last = last.ljust(tarfile.BLOCKSIZE - _CHECKSUM, b"\0")
    # The checksum counts as eight spaces.
    return before, behind, last, sum(before) + sum(behind) + sum(last[2:]) + 8 * ord(" ")


_FRAMES: Final = {kind: _frame(kind) for kind in Kind}


def padding(size: int) -> bytes:
    """What follows a content of so many bytes, up to the next block."""
    return bytes(-size % tarfile.BLOCKSIZE)
