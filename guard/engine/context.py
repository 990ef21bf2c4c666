"""The build context: a deterministic tar out of git's objects, in one pass and bounded memory.

Same combination, same bytes: entries are sorted, times and owners fixed, modes those of git.
An engine builds *successfully* from a tar that ends early, so the stream never just ends: it
raises where an object is missing or git dies, and only a stream read to its end is `complete`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from guard.config import FILE as CONFIG_FILE
from guard.engine import tar
from guard.engine.ahead import Ahead
from guard.engine.attributes import Conversion, conversions
from guard.engine.dockerignore import IgnoreRules
from guard.engine.plan import Item, Kind, TreeWalk, Wanted, missing_object
from guard.engine.sizes import blob_sizes
from guard.errors import EngineError, GitError, GuardError
from guard.git.blobs import BlobStream
from guard.git.objects import ObjectPool
from guard.git.store import Part

# Bytes of content that are sent in one piece: larger ones cost the kernel new pages each time.
# Larger blobs come in pieces of their own.
_PIECE: Final = 1 << 18
# A piece of nothing but folders and small files ends after so many parts.
_PIECES: Final = 3000
# A file whose content is converted is held as a whole.
_MOST_CONVERTED: Final = 64 << 20
_LINK_BYTES: Final = 4095


class Entry(NamedTuple):
    """An item with what is needed to send it.

    Args:
        size: bytes of the blob, before any conversion; 0 for a folder.
    """

    item: Item
    size: int
    conversion: Conversion | None

    @property
    def is_plain(self) -> bool:
        """Whether it is a file that is sent as git has it."""
        return self.conversion is None and self.item.kind in (Kind.FILE, Kind.PROGRAM)


class Context:
    """One tar stream, to be checked, then streamed.

    Args:
        parts: the part at the root first, then every submodule below it.
        rules: what `.dockerignore` leaves out.
        wanted: what else decides which entries belong into it.
        dockerfile: a path that must be in it, "" where none must.

    Attributes:
        complete: whether `stream` was read to its end since it was last begun. No verdict may be
            taken from an engine that was not sent the whole.
        digest: 64 hexadecimal digits, SHA-256 of the tar; "" until complete.
        size: bytes of the tar sent so far.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        pool: ObjectPool,
        rules: IgnoreRules,
        wanted: Wanted,
        dockerfile: str = "",
    ) -> None:
        self._walk = TreeWalk(parts, pool, rules, wanted, self._ask)
        self._asked: dict[Part, Ahead[dict[str, int]]] = {}
        self._pool = pool
        self._dockerfile = dockerfile
        self._entries: list[Entry] | None = None
        self._blobs: _Blobs | None = None
        self.complete = False
        self.digest = ""
        self.size = 0

    @property
    def entries(self) -> Sequence[Entry]:
        """What the context holds; looked up at the first call, which raises as `check` does."""
        if self._entries is None:
            self._entries = self._planned()
        return self._entries

    @property
    def files(self) -> int:
        """How many entries are no folders."""
        return sum(entry.item.kind is not Kind.FOLDER for entry in self.entries)

    @property
    def content_size(self) -> int:
        """Bytes of all blobs: about what will be sent."""
        return sum(entry.size for entry in self.entries)

    def check(self) -> None:
        """Make sure that the whole context can be sent, before an hour is spent on it.

        Raises:
            MissingObjectError: with the part and the command that fetches the object.
            GuardError: a name, a mode or an attribute that guard refuses, or no Dockerfile.
        """
        if self._dockerfile:
            self._dockerfile_entry()
        for entry in self.entries:
            if entry.conversion is not None and entry.conversion.lfs and entry.size <= _LINK_BYTES:
                self._whole(entry)

    def dockerfile(self) -> bytes:
        """The Dockerfile's content.

        Raises:
            GuardError: there is none.
        """
        return self._whole(self._dockerfile_entry())

    def stream(self) -> Iterator[bytes]:
        """The tar in pieces of about a quarter of a megabyte.

        Raises:
            MissingObjectError: an object has gone since `check`.
            GitError: git died.
        """
        self.complete, self.digest, self.size = False, "", 0
        digest = hashlib.sha256()
        for piece in self._tar():
            digest.update(piece)
            self.size += len(piece)
            yield piece
        self.digest = digest.hexdigest()
        self.complete = True

    def abandon(self) -> None:
        """End what `stream` reads from; it can be begun anew."""
        if self._blobs is not None:
            self._blobs.close()

    def require_complete(self) -> None:
        """Refuse to go on from what an engine made of a part of the context.

        Raises:
            EngineError: the stream was not read to its end.
        """
        if not self.complete:
            raise EngineError(
                f"the engine stopped reading the build context after {self.size} bytes",
                "look into the engine's log, then run guard test again",
            )

    def _ask(self, part: Part, blobs: list[str]) -> None:
        # Git looks them up while the walk goes through the trees that name them.
        self._asked[part] = Ahead(partial(_known, part, blobs))

    def _planned(self) -> list[Entry]:
        items = list(self._walk.items())
        converted = self._conversions(items)
        sizes = {part: asked.result() for part, asked in self._asked.items()}
        if _lacks(sizes, items):
            # Trouble with what is left out is none: only what is needed is asked for once more.
            sizes = _sizes(items)
        entries = []
        part, of_part = None, dict[str, int]()
        for item in items:
            if item.part is not part:
                part, of_part = item.part, sizes[item.part]
            size = of_part[item.id] if item.id else 0
            conversion = converted.get(item.path) if item.kind is not Kind.SYMLINK else None
            if size > _MOST_CONVERTED and conversion is not None:
                raise GuardError(
                    f"{item.path!r} has {size} bytes and attributes that convert it",
                    "leave it out by .dockerignore, or give it the attribute -text",
                )
            entries.append(Entry(item, size, conversion))
        return entries

    def _conversions(self, items: Sequence[Item]) -> dict[str, Conversion]:
        found = {}
        for part in self._walk.attributed():
            paths = {i.inner: i.path for i in items if i.id and i.part is part}
            for inner, conversion in conversions(part, list(paths)).items():
                found[paths[inner]] = conversion
        return found

    def _dockerfile_entry(self) -> Entry:
        for entry in self.entries:
            if entry.item.path == self._dockerfile:
                return entry
        raise GuardError(
            f"the combination has no {self._dockerfile}",
            f"name the Dockerfile in {CONFIG_FILE}: [image] dockerfile",
        )

    def _tar(self) -> Iterator[bytes]:
        pieces: list[bytes | memoryview] = []
        size = 0
        blobs = self._blobs = _Blobs(self.entries)
        try:
            for entry in self.entries:
                if entry.size > _PIECE and entry.is_plain:
                    # Never held as a whole.
                    yield b"".join((*pieces, tar.header(entry.item, entry.size)))
                    yield from blobs.pieces(entry)
                    pieces, size = [tar.padding(entry.size)], 0
                    continue
                pieces += _packed(entry, blobs)
                size += entry.size
                if size > _PIECE or len(pieces) > _PIECES:
                    yield b"".join(pieces)
                    pieces, size = [], 0
            yield b"".join(pieces)
            yield tar.END
        finally:
            blobs.close()

    def _whole(self, entry: Entry) -> bytes:
        item = entry.item
        blob = self._pool.reader(item.part.repository).read(item.id)
        if blob is None:
            raise missing_object(item.part, f"blob {item.id} ({item.path})")
        return _converted(entry, blob.data)


class _Blobs:
    """The content of entries, to be taken in their order; from each repository by one git."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._streams: dict[str, BlobStream] = {}

    def take(self, entry: Entry) -> memoryview:
        item = entry.item
        data = self._stream(item.part).take(item.id, entry.size)
        if data is None:
            raise missing_object(item.part, f"blob {item.id} ({item.path})")
        return data

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        item = entry.item
        pieces = self._stream(item.part).pieces(item.id, entry.size)
        if pieces is None:
            raise missing_object(item.part, f"blob {item.id} ({item.path})")
        return pieces

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def _stream(self, part: Part) -> BlobStream:
        stream = self._streams.get(part.path)
        if stream is None:
            items = (entry.item for entry in self._entries)
            ids = [item.id for item in items if item.id and item.part is part]
            stream = self._streams[part.path] = BlobStream(part.repository, ids)
        return stream


def _packed(entry: Entry, blobs: _Blobs) -> tuple[bytes | memoryview, ...]:
    item = entry.item
    if item.kind is Kind.FOLDER:
        return (tar.header(item, 0),)
    data: bytes | memoryview = blobs.take(entry)
    if item.kind is Kind.SYMLINK:
        return (tar.header(item, 0, _link(item, bytes(data))),)
    if entry.conversion is not None:
        data = _converted(entry, bytes(data))
    return tar.header(item, len(data)), data, tar.padding(len(data))


def _converted(entry: Entry, data: bytes) -> bytes:
    """The content as a checkout would have it."""
    if entry.conversion is None:
        return data
    try:
        return entry.conversion.apply(data, entry.item.id)
    except ValueError as error:
        raise GuardError(
            f"{entry.item.path!r} {error}",
            "leave it out by .dockerignore, or commit its content",
        ) from error


def _known(part: Part, blobs: list[str]) -> dict[str, int]:
    """The sizes of those that are there, as far as git tells."""
    with suppress(GitError):
        sizes = blob_sizes(part.repository, blobs)
        return {blob: size for blob, size in zip(blobs, sizes, strict=True) if size is not None}
    return {}


def _lacks(sizes: dict[Part, dict[str, int]], items: Iterable[Item]) -> bool:
    part, known = None, dict[str, int]()
    for item in items:
        if item.part is not part:
            part, known = item.part, sizes[item.part]
        if item.id and item.id not in known:
            return True
    return False


def _sizes(items: Iterable[Item]) -> dict[Part, dict[str, int]]:
    """For each part, its blobs and their sizes; raises where one is not there."""
    found: dict[Part, dict[str, str]] = {}
    part, paths = None, dict[str, str]()
    for item in items:
        if item.part is not part:
            part, paths = item.part, found.setdefault(item.part, {})
        if item.id:
            paths[item.id] = item.path
    result = {}
    for owner, blobs in found.items():
        known = result[owner] = dict[str, int]()
        sizes = blob_sizes(owner.repository, list(blobs))
        for (blob, path), size in zip(blobs.items(), sizes, strict=True):
            if size is None:
                raise missing_object(owner, f"blob {blob} ({path})")
            known[blob] = size
    return result


def _link(item: Item, target: bytes) -> bytes:
    if not target or b"\0" in target or len(target) > _LINK_BYTES:
        raise GuardError(f"{item.path!r} is a symbolic link to no possible path", "correct it")
    return target
