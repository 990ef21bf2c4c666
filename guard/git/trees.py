"""Git's tree objects as values, what is below one, and the id of a tree that nobody stored.

The format is git's own: ``<mode> <name>\\0<id>`` for each entry, sorted by name as if folders
ended in a slash (gitformat-pack does not say so; git's tree-walk and ``base_name_compare`` do).
"""

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.git.repository import Repository

FOLDER: Final = 0o040000
GITLINK: Final = 0o160000
SYMLINK: Final = 0o120000
EXECUTABLE: Final = 0o100755
REGULAR: Final = 0o100644


class TreeEntry(NamedTuple):
    """One line of a tree.

    Args:
        mode: as git keeps it; see the constants of this module.
        name: bytes without a slash.
    """

    mode: int
    name: bytes
    id: str


def parse_tree(data: bytes, id_bytes: int) -> list[TreeEntry]:
    """The entries of a tree object.

    Args:
        id_bytes: 20 for SHA-1 repositories, 32 for SHA-256.

    Raises:
        ValueError: the data is no tree.
    """
    entries: list[TreeEntry] = []
    add, make, index, whole = entries.append, TreeEntry._make, data.index, len(data)
    at = 0
    while at < whole:
        space = index(b" ", at)
        end = index(b"\0", space)
        after = end + 1 + id_bytes
        if after > whole:
            raise ValueError("the tree ends in the middle of an entry")
        mode, name = data[at:space], data[space + 1 : end]
        add(make((int(mode, 8), name, data[end + 1 : after].hex())))
        at = after
    return entries


def object_id(kind: bytes, data: bytes, id_bytes: int) -> str:
    """The id that git gives to an object."""
    return checksum(b"%s %d\0%s" % (kind, len(data), data), id_bytes).hex()


def checksum(data: bytes, id_bytes: int) -> bytes:
    """What git sums data up to, as long as an id."""
    import hashlib

    algorithm = hashlib.sha1 if id_bytes == 20 else hashlib.sha256
    return algorithm(data, usedforsecurity=False).digest()


def tree_id(entries: Iterable[TreeEntry], id_bytes: int) -> str:
    """The id that git would give to a tree of these entries."""
    data = b"".join(
        b"%o %s\0%s" % (entry.mode, entry.name, bytes.fromhex(entry.id))
        for entry in sorted(entries, key=lambda each: each.name + b"/" * (each.mode == FOLDER))
    )
    return object_id(b"tree", data, id_bytes)


def entries(repository: Repository, tree: str) -> dict[str, tuple[int, str]]:
    """What is below a tree or commit but its folders: path -> mode and object id."""
    listed = os.fsdecode(repository.run("ls-tree", "-r", "-z", "--full-tree", tree))
    pairs = (line.split("\t", 1) for line in listed.split("\0") if line)
    return {path: (int(words[:6], 8), words.split()[2]) for words, path in pairs}
