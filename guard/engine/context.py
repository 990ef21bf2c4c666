"""The build context: a deterministic tar out of git's objects, in one pass and bounded memory.

Same combination, same bytes: entries are sorted, times and owners fixed, modes those of git.
An engine builds *successfully* from a tar that ends early, so the stream never just ends: it
raises where an object is missing or git dies, and only a stream read to its end is `complete`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from guard.config import FILE as CONFIG_FILE
from guard.engine import tar
from guard.engine.attributes import Conversion, conversions
from guard.engine.dockerignore import IgnoreRules
from guard.engine.plan import Item, Kind, TreeWalk, Wanted, missing_object
from guard.engine.sizes import blob_sizes
from guard.errors import EngineError, GuardError
from guard.git.objects import ObjectPool
from guard.git.parts import Part

# What is asked of git in one go, and sent in one piece. Larger blobs come in pieces of their own.
_BATCH: Final = 1 << 20
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
        self._walk = TreeWalk(parts, pool, rules, wanted)
        self._pool = pool
        self._dockerfile = dockerfile
        self._entries: list[Entry] | None = None
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
            small = entry.size <= _LINK_BYTES
            if small and entry.conversion is not None and entry.conversion.lfs:
                self._whole(entry)

    def dockerfile(self) -> bytes:
        """The Dockerfile's content.

        Raises:
            GuardError: there is none.
        """
        return self._whole(self._dockerfile_entry())

    def stream(self) -> Iterator[bytes]:
        """The tar in pieces of about a megabyte.

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
        """Make it possible to begin anew after a stream that was not read to its end."""
        if not self.complete:
            # Git may be in the middle of an object.
            self._pool.close()

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

    def _planned(self) -> list[Entry]:
        items = list(self._walk.items())
        converted = self._conversions(items)
        sizes: dict[tuple[str, str], int] = {}
        for part, blobs in _blobs(items).items():
            for blob, size in zip(blobs, blob_sizes(part.repository, list(blobs)), strict=True):
                if size is None:
                    raise missing_object(part, f"blob {blob} ({blobs[blob]})")
                sizes[part.path, blob] = size
        entries = []
        for item in items:
            size = sizes[item.part.path, item.id] if item.id else 0
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
        for batch in _batches(self.entries):
            contents = self._read(batch)
            if contents[0] is None and batch[0].size:
                # A large blob, which is alone: in pieces, never held as a whole.
                yield from self._packed(batch[0], None)
                continue
            pieces: list[bytes] = []
            for entry, data in zip(batch, contents, strict=True):
                plain = entry.conversion is None and entry.item.kind is not Kind.SYMLINK
                if plain and data is not None:
                    pieces += (tar.header(entry.item, entry.size), data, tar.padding(entry.size))
                else:
                    pieces += self._packed(entry, data)
            yield b"".join(pieces)
        yield tar.END

    def _packed(self, entry: Entry, data: bytes | None) -> Iterator[bytes]:
        item, size = entry.item, entry.size
        if item.kind is Kind.FOLDER:
            yield tar.header(item, 0)
        elif item.kind is Kind.SYMLINK:
            yield tar.header(item, 0, _link(item, b"".join(self._content(entry, data))))
        else:
            content = self._content(entry, data)
            if entry.conversion is not None:
                content = [b"".join(content)]
                size = len(content[0])
            yield tar.header(item, size)
            yield from content
            yield tar.padding(size)

    def _whole(self, entry: Entry) -> bytes:
        return b"".join(self._content(entry, self._read([entry])[0]))

    def _read(self, batch: Sequence[Entry]) -> list[bytes | None]:
        """The blobs of a batch, None for folders and for what comes in pieces."""
        small = [each.item for each in batch if each.item.id and each.size <= _BATCH]
        found = {}
        if small:
            reader = self._pool.reader(small[0].part.repository)
            ids = list({item.id: None for item in small})
            found = dict(zip(ids, reader.read_all(ids), strict=True))
        for item in small:
            if found[item.id] is None:
                raise missing_object(item.part, f"blob {item.id} ({item.path})")
        blobs = (found.get(each.item.id) for each in batch)
        return [blob.data if blob is not None else None for blob in blobs]

    def _content(self, entry: Entry, data: bytes | None) -> Iterable[bytes]:
        item, conversion = entry.item, entry.conversion
        pieces: Iterable[bytes] = [data] if data is not None else self._pieces(item)
        if conversion is None:
            return pieces
        try:
            return [conversion.apply(b"".join(pieces), item.id)]
        except ValueError as error:
            raise GuardError(
                f"{item.path!r} {error}", "leave it out by .dockerignore, or commit its content"
            ) from error

    def _pieces(self, item: Item) -> Iterable[bytes]:
        found = self._pool.reader(item.part.repository).stream(item.id)
        if found is None:
            raise missing_object(item.part, f"blob {item.id} ({item.path})")
        return found[1]


def _blobs(items: Iterable[Item]) -> dict[Part, dict[str, str]]:
    """For each part, its blobs, each with a path that it stands at."""
    found: dict[Part, dict[str, str]] = {}
    for item in items:
        if item.id:
            found.setdefault(item.part, {})[item.id] = item.path
    return found


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Runs of entries of one repository whose blobs fit into one answer; a large one is alone."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        other = bool(batch) and batch[0].item.part is not entry.item.part
        if batch and (other or size + entry.size > _BATCH):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _link(item: Item, target: bytes) -> bytes:
    if not target or b"\0" in target or len(target) > _LINK_BYTES:
        raise GuardError(f"{item.path!r} is a symbolic link to no possible path", "correct it")
    return target
