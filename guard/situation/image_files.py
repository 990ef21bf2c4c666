"""The files of a consumer by which people and CI pick the image, and what they say."""

import posixpath
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Final

from guard.ci.image_mentions import may_name, mentions_in
from guard.ci.lines import MAX_BYTES, UnreadableError
from guard.config import Image
from guard.errors import GitError, MissingObjectError
from guard.git.folders import File, all_files, matching_files, matching_folders
from guard.git.objects import GitObject, ObjectReader
from guard.git.store import Store
from guard.model import ImageMention
from guard.situation.publication import Unknown
from guard.situation.values import ImagePins

_FILES: Final = 500


def image_pins(
    store: Store,
    reader: ObjectReader,
    tree: GitObject,
    image: Image,
    kept: MutableMapping[tuple[str, ...], ImagePins],
) -> ImagePins:
    """Where a consumer's tree names the image; never raises for what cannot be read.

    Args:
        kept: what was read already: a commit that leaves these files alone reads none.
    """
    try:
        files = _files(store, tree, image.pins)
    except MissingObjectError as error:
        return ImagePins((), (Unknown(error.problem, error.remedy),))
    names = (image.name, *image.also)
    ids = (*names, *(f"{item.blob} {item.path}" for item in files))
    if ids in kept:
        return kept[ids]
    mentions: list[ImageMention] = []
    unread: list[Unknown] = []
    lacking = False
    if len(files) > _FILES:
        what = f"only {_FILES} of {len(files)} files that [image] pins names are read"
        unread.append(Unknown(what, "name fewer of them in [image] pins"))
    for item in files[:_FILES]:
        try:
            data = _content(reader, item.blob, names)
            mentions += mentions_in(data, item.path, names)
        except UnreadableError as error:
            unread.append(Unknown(f"{item.path} cannot be read: {error}", f"correct {item.path}"))
        except (GitError, MissingObjectError):
            lacking = True
            what = f"{item.path} is missing (blob {item.blob})"
            unread.append(Unknown(what, (store.refetch,)))
    found = ImagePins(tuple(mentions), tuple(unread))
    if not lacking:
        kept[ids] = found
    return found


def _content(reader: ObjectReader, blob: str, names: Sequence[str]) -> bytes:
    """A blob's content, or nothing of a large one that does not name the image.

    Raises:
        UnreadableError: it is large, and names it.
        GitError: it is not there.
    """
    found = reader.stream(blob)
    if found is None:
        raise MissingObjectError(f"blob {blob} is missing")
    size, pieces = found
    if size <= MAX_BYTES:
        return b"".join(pieces)
    # To the last piece, or the reader would take the rest for its next answer.
    named = [may_name(piece, names) for piece in _overlapping(pieces)]
    if any(named):
        raise UnreadableError(f"it is larger than {MAX_BYTES // 1024} KiB")
    return b""


def _overlapping(pieces: Iterator[bytes]) -> Iterator[bytes]:
    last = b""
    for piece in pieces:
        yield last + piece
        last = piece[-256:]


def _files(store: Store, tree: GitObject, patterns: Sequence[str]) -> list[File]:
    """The files that any pattern names, by their paths; what is written for people left out."""
    found: dict[str, File] = {}
    for pattern in patterns:
        folder, name = posixpath.split(pattern)
        files = [] if name == "**" else matching_files(store, tree, pattern)
        for where, below in matching_folders(store, tree, folder) if name == "**" else ():
            files += (
                item._replace(folder=posixpath.join(where, item.folder).rstrip("/"))
                for item in all_files(store, below, lambda _: True)
            )
        found.update((item.path, item) for item in files if not _is_prose(item.name))
    return [found[path] for path in sorted(found)]


def _is_prose(name: str) -> bool:
    return name.upper().startswith("README") or name.lower().endswith((".md", ".rst"))
