"""One verdict as a value and as JSON: an in-toto Statement with the test-result predicate.

Formats: https://in-toto.io/Statement/v1 and https://in-toto.io/attestation/test-result/v0.1;
what those have no field for stands in the predicate under ``guard``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from guard.model import Gitlink, Result

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"
_VERSION: Final = 1
_NAME_KEY: Final = 12
_NAME_RECIPE: Final = 8
_LONGEST: Final = 1e9
_TEXTS: Final = (
    "detail",
    "finished",
    "superproject",
    "release",
    "guard",
    "log",
    "log_sha256",
    "context_sha256",
    "published",
)


class RecordError(ValueError):
    """The data is no record."""


class EngineFacts(NamedTuple):
    """What built it. None of it is part of the key."""

    name: str = ""
    version: str = ""
    builder: str = ""
    host: str = ""
    platform: str = ""


class ImageFacts(NamedTuple):
    """What was built.

    Args:
        id: of the image in the engine, "" where the build failed.
        digest: where it was published, ``name@sha256:...``: what brings it back.
        reference: the name and tag it was given, in a registry as well once it was published.
        bases: ids of the base images, which float.
        size: bytes of all layers, 0 where that is not known.
    """

    id: str = ""
    digest: str = ""
    reference: str = ""
    bases: tuple[str, ...] = ()
    size: int = 0


class Record(NamedTuple):
    """What building and testing one combination by one recipe gave.

    Args:
        key: the combination's.
        recipe: the recipe's digest.
        detail: one line on what failed.
        finished: UTC, ISO 8601 with seconds.
        build_seconds: wall-clock, as is `test_seconds`.
        exit_status: of the test command, None where it did not run.
        superproject: the commit it was earned with, "" for an index.
        gitlinks: the submodules' commits it was earned with.
        release: the dependency's release tag, "" where it stood at none.
        log: file name below the logs' folder.
        log_sha256: of that file.
        command: the test command.
        context_sha256: of the build context.
        published: when the image was published, as `finished`; "" where it was not.
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

        Everything else stays, the time of the test as well.

        Args:
            reference: ``name:tag`` in the registry.
            digest: ``name@sha256:...``.
            when: UTC, ISO 8601 with seconds.
        """
        image = self.image._replace(reference=reference, digest=digest)
        return self._replace(image=image, published=when)

    def is_named(self, name: str) -> bool:
        """Whether a person means this verdict: the start of its name, or of its key."""
        return self.name.startswith(name) or self.key.startswith(name)

    def to_json(self) -> bytes:
        """The record as it is stored, with a final newline."""
        own = self._asdict()
        own.update(
            version=_VERSION,
            result=self.result.value,
            gitlinks={link.path: link.commit for link in self.gitlinks},
            image=self.image._asdict(),
            engine=self.engine._asdict(),
        )
        statement = {
            "_type": _STATEMENT,
            "subject": [{"name": "combination", "digest": {"gitTree": self.key}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "result": "PASSED" if self.result is Result.PASSED else "FAILED",
                "configuration": [{"name": "recipe", "digest": {"sha256": self.recipe}}],
                "guard": own,
            },
        }
        return json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n"


def parse_record(data: bytes) -> Record:
    """A record out of its JSON; every field of another type is an error.

    Raises:
        RecordError: no JSON, no Statement, another version, or a field that does not fit.
    """
    try:
        statement = json.loads(data)
        own = statement["predicate"]["guard"]
        if statement["_type"] != _STATEMENT or statement["predicateType"] != _PREDICATE:
            raise RecordError("it is no test-result statement")
        if own["version"] != _VERSION or own["version"] is True:
            raise RecordError(f"its version is {own['version']!r}, not {_VERSION}")
        record = _record(own)
        passed = statement["predicate"]["result"] == "PASSED"
        subject = statement["subject"][0]["digest"]["gitTree"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"{type(error).__name__}: {error}") from error
    if passed is not (record.result is Result.PASSED) or subject != record.key:
        raise RecordError("its statement and guard's own fields contradict each other")
    return record


def _record(own: dict[str, Any]) -> Record:
    values = {name: own[name] for name in Record._fields if name in own}
    values.update(
        result=Result(own["result"]),
        gitlinks=tuple(Gitlink(str(path), str(id_)) for path, id_ in own["gitlinks"].items()),
        image=ImageFacts(**{**own["image"], "bases": tuple(own["image"]["bases"])}),
        engine=EngineFacts(**own["engine"]),
        command=tuple(own["command"]),
    )
    record = Record(**values)
    for name in ("key", "recipe"):
        if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", getattr(record, name)):
            raise RecordError(f"its {name} is {getattr(record, name)!r}")
    if not isinstance(own["command"], list) or not isinstance(own["image"]["bases"], list):
        raise RecordError("what should be a list is none")
    links = [text for link in own["gitlinks"].items() for text in link]
    image = record.image
    parts = (*record.engine, image.id, image.digest, image.reference, *image.bases)
    texts = [getattr(record, name) for name in _TEXTS]
    if not all(isinstance(value, str) for value in (*texts, *links, *parts, *record.command)):
        raise RecordError("what should be a text is none")
    for seconds in (record.build_seconds, record.test_seconds):
        if type(seconds) not in (int, float) or not 0 <= seconds < _LONGEST:
            raise RecordError(f"it took {seconds!r} seconds")
    if record.exit_status is not None and type(record.exit_status) is not int:
        raise RecordError(f"its exit status is {record.exit_status!r}")
    if "/" in record.log or "\0" in record.log:
        raise RecordError(f"its log is {record.log!r}, which is no file's name")
    return record
