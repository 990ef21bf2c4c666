"""One verdict as a value and as JSON: an in-toto Statement with the test-result predicate.

Formats: https://in-toto.io/Statement/v1 and https://in-toto.io/attestation/test-result/v0.1;
what those have no field for stands in the predicate under ``guard``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from guard.errors import without_secret
from guard.git.objects import GitObject
from guard.model import Gitlink, Result, ShapeError, from_json, read_as, to_json

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"
_NAME_KEY: Final = 12
_NAME_RECIPE: Final = 8
_LONGEST: Final = 1e9
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
# Seconds that clocks may differ by.
AHEAD: Final = 600


class EngineFacts(NamedTuple):
    """What built it. None of it is part of the key.

    Args:
        builder: ``classic`` or ``buildkit``.
        id: the engine's own, "" where it says none.
        driven_by: what drove the builder, e.g. ``buildx 0.29.1, builder default (docker)``.
    """

    name: str = ""
    version: str = ""
    builder: str = ""
    host: str = ""
    platform: str = ""
    id: str = ""
    driven_by: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from other engines: some of them are copies, with the id of the first."""
        return self.id, self.host


class BaseFacts(NamedTuple):
    """A base image: its name, which floats unless it is ``name@id``, and its id."""

    name: str
    id: str


class ImageFacts(NamedTuple):
    """What was built.

    Args:
        id: of the image in the engine, "" where the build failed.
        digest: where it was published, ``name@sha256:...``: what brings it back.
        reference: the name and tag it was given, in a registry as well once it was published.
    """

    id: str = ""
    digest: str = ""
    reference: str = ""
    bases: tuple[BaseFacts, ...] = ()
    size: int = 0


class Record(NamedTuple):
    """What building and testing one combination by one recipe gave.

    Args:
        finished: UTC, ISO 8601 with seconds.
        build_seconds: wall-clock, as is `test_seconds`.
        exit_status: of the test command, None where it did not run.
        superproject: the commit it was earned with, "" for an index.
        gitlinks: the submodules' commits it was earned with.
        release: the dependency's release tag, "" where it stood at none.
        log: file name below the logs' folder.
        log_sha256: of that file.
        context_sha256: of the build context.
        published: when the image was published under its own tag, as `finished`; "" where it was
            not.
        tags: every other ``name:tag`` under which it was published.
        clone: which clone recorded it, by a random name; "" where that is not known.
    """

    key: str
    recipe: str
    result: Result
    detail: str
    finished: str
    build_seconds: float
    test_seconds: float
    exit_status: int | None
    superproject: str
    gitlinks: tuple[Gitlink, ...]
    release: str
    image: ImageFacts
    engine: EngineFacts
    guard: str
    log: str
    log_sha256: str
    command: tuple[str, ...]
    context_sha256: str = ""
    published: str = ""
    tags: tuple[str, ...] = ()
    clone: str = ""

    @property
    def name(self) -> str:
        """How people name the verdict: the starts of key and recipe."""
        return f"{self.key[:_NAME_KEY]}-{self.recipe[:_NAME_RECIPE]}"

    @property
    def title(self) -> str:
        """One line for the ref's history."""
        at = f" with {self.release}" if self.release else ""
        word = "published" if self.published else self.result.value
        return f"{word}: {self.name}{at}"

    def publish(self, reference: str, digest: str, when: str) -> Record:
        """The next record of the same verdict: its image can be had from a registry.

        Args:
            reference: ``name:tag`` in the registry.
            digest: ``name@sha256:...``.
        """
        image = self.image._replace(reference=reference, digest=digest)
        return self._replace(image=image, published=when)

    def publish_also(self, reference: str, digest: str) -> Record:
        """As `publish`, for a tag besides the image's own."""
        is_there = self.is_published(digest.partition("@")[0])
        image = self.image if is_there else self.image._replace(digest=digest)
        tags = tuple(dict.fromkeys((*self.tags, reference)))
        return self._replace(image=image, tags=tags, published=self.published if is_there else "")

    def is_published(self, name: str) -> bool:
        """Whether the image was published under a name, with its own tag."""
        return bool(self.published) and self.image.digest.startswith(f"{name}@")

    @property
    def is_ahead(self) -> bool:
        """Whether it is a pass of the future, which does not count; a failure does."""
        return self.result is Result.PASSED and self.finished > stamp(time.time() + AHEAD)

    def is_named(self, name: str) -> bool:
        """Whether a person means this verdict: the start of its name, or of its key."""
        return self.name.startswith(name) or self.key.startswith(name)

    def to_json(self) -> bytes:
        """The record as it is stored, with a final newline."""
        own = {**self._asdict(), "version": 2, "gitlinks": dict(self.gitlinks)}
        statement = {
            "_type": _STATEMENT,
            "subject": [{"name": "combination", "digest": {"gitTree": self.key}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "result": self._word,
                "configuration": [{"name": "recipe", "digest": {"sha256": self.recipe}}],
                "guard": own,
            },
        }
        # It goes to others with the next sync.
        return without_secret(to_json(statement, indent=1, sort_keys=True)).encode() + b"\n"

    @property
    def _word(self) -> str:
        return "PASSED" if self.result is Result.PASSED else "FAILED"


def stamp(seconds: float) -> str:
    """A time as records have it: UTC, ISO 8601 with seconds."""
    return time.strftime(_STAMP, time.gmtime(seconds))


class _Subject(NamedTuple):
    digest: dict[str, object]


class _Predicate(NamedTuple):
    result: str
    guard: dict[str, object]


class _Statement(NamedTuple):
    subject: tuple[_Subject, ...]
    predicate: _Predicate


class _Own(NamedTuple):
    """What of guard's own fields is no field of a record, or in another form."""

    version: Literal[2]
    gitlinks: dict[str, str]


def parse_record(data: bytes) -> Record:
    """A record out of its JSON; every field of another type is an error.

    Raises:
        ShapeError: no JSON, no Statement, another version, or a field that does not fit.
    """
    whole = from_json(dict[str, object], data)
    if (whole.get("_type"), whole.get("predicateType")) != (_STATEMENT, _PREDICATE):
        raise ShapeError("it is no test-result statement")
    statement = read_as(_Statement, whole)
    fields = statement.predicate.guard
    links = [{"path": p, "commit": c} for p, c in read_as(_Own, fields).gitlinks.items()]
    record = read_as(Record, {**fields, "gitlinks": links})
    _check(record)
    keys = [subject.digest.get("gitTree") for subject in statement.subject]
    if (statement.predicate.result, keys[:1]) != (record._word, [record.key]):
        raise ShapeError("its statement and guard's own fields contradict each other")
    return record


def parse_all(blobs: Iterable[GitObject | None]) -> list[Record | None]:
    """As `parse_record`; None for what is not here or damaged: a look-up of that one says so."""
    records: list[Record | None] = []
    for blob in blobs:
        try:
            records.append(parse_record(blob.data) if blob is not None else None)
        except ShapeError:
            records.append(None)
    return records


def _check(record: Record) -> None:
    for name, digest in (("key", record.key), ("recipe", record.recipe)):
        if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", digest):
            raise ShapeError(f"{name}: {digest!r} is no id")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.finished, re.ASCII):
        raise ShapeError(f"finished: {record.finished!r} is no time")  # they are compared as texts
    for seconds in (record.build_seconds, record.test_seconds):
        if not 0 <= seconds < _LONGEST:
            raise ShapeError(f"it took {seconds!r} seconds")
    if "/" in record.log or "\0" in record.log:
        raise ShapeError(f"log: {record.log!r} is no file's name")
