"""Records: what is written is read again, and nothing else is taken for a record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.model import Gitlink, Result, ShapeError
from guard.verdicts.record import BaseFacts, EngineFacts, ImageFacts, Record, parse_record

TEXTS = st.text(max_size=8)
NAMES = TEXTS.filter(lambda text: "/" not in text and "\0" not in text)
IDS = st.sampled_from(["0123456789" * 4, "0123456789abcdef" * 4])
SECONDS = st.floats(0, 1e8)
BASES = st.lists(st.builds(BaseFacts, TEXTS, TEXTS), max_size=2).map(tuple)
RECORDS = st.builds(
    Record,
    key=IDS,
    recipe=IDS,
    result=st.sampled_from(tuple(Result)),
    detail=TEXTS,
    finished=st.datetimes().map(lambda time: time.strftime("%4Y-%m-%dT%H:%M:%SZ")),
    build_seconds=SECONDS,
    test_seconds=SECONDS,
    exit_status=st.none() | st.integers(-300, 300),
    superproject=TEXTS,
    gitlinks=st.lists(
        st.builds(Gitlink, TEXTS, TEXTS), max_size=3, unique_by=lambda link: link.path
    ).map(lambda links: tuple(sorted(links))),
    release=TEXTS,
    image=st.builds(ImageFacts, TEXTS, TEXTS, TEXTS, BASES),
    engine=st.builds(EngineFacts, *[TEXTS] * 6),
    guard=TEXTS,
    log=NAMES,
    log_sha256=TEXTS,
    command=st.lists(TEXTS, max_size=3).map(tuple),
    context_sha256=TEXTS,
    published=TEXTS,
)
A_RECORD = Record(
    key="c" * 40,
    recipe="e" * 64,
    result=Result.FAILED_TEST,
    detail="exit status 1",
    finished="2016-03-04T15:32:00Z",
    build_seconds=1.5,
    test_seconds=2,
    exit_status=1,
    superproject="d" * 40,
    gitlinks=(Gitlink("aula", "a" * 40),),
    release="v0.3.0",
    image=ImageFacts("sha256:1", "", "aula:1", (BaseFacts("base:1", "sha256:2"),)),
    engine=EngineFacts("Docker Engine", "20.10", "classic", "unix:///x", "linux/amd64"),
    guard="0.1.0",
    log="x.log",
    log_sha256="f" * 64,
    command=("/bin/sh", "test.sh"),
)

GUARD = "predicate.guard"


def fields() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(A_RECORD.to_json())
    return loaded


def changed(path: str, value: object) -> bytes:
    """The record's JSON with one field of another value; ``...`` takes it away."""
    whole = fields()
    *steps, last = path.split(".")
    inner: Any = whole
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(whole).encode()


@given(RECORDS)
def test_what_is_written_is_read_again(record: Record) -> None:
    data = record.to_json()
    assert data.endswith(b"}\n")
    assert parse_record(data) == record


def test_it_is_an_in_toto_statement_of_a_test_result() -> None:
    whole = fields()
    assert whole["_type"] == "https://in-toto.io/Statement/v1"
    assert whole["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert whole["subject"] == [{"name": "combination", "digest": {"gitTree": "c" * 40}}]
    assert whole["predicate"]["result"] == "FAILED"
    assert whole["predicate"]["configuration"] == [
        {"name": "recipe", "digest": {"sha256": "e" * 64}}
    ]


def test_it_is_named_by_key_and_recipe() -> None:
    assert A_RECORD.name == "cccccccccccc-eeeeeeee"
    assert A_RECORD.title == "failed at test: cccccccccccc-eeeeeeee with v0.3.0"
    assert A_RECORD._replace(release="").title == "failed at test: cccccccccccc-eeeeeeee"


@pytest.mark.parametrize(
    "path",
    ["more", "predicate.more", f"{GUARD}.more", f"{GUARD}.image.more", f"{GUARD}.engine.more"],
)
def test_what_a_newer_guard_may_write_besides_is_passed_over(path: str) -> None:
    assert parse_record(changed(path, "x")) == A_RECORD


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (f"{GUARD}.command", ["sh", 1], "command[1]: 1 is no text"),
        (f"{GUARD}.image.bases", "x", "image.bases: 'x' is no list"),
        (f"{GUARD}.gitlinks.aula", None, "gitlinks['aula']: None is no text"),
        (f"{GUARD}.result", "good", "result: 'good' is none of 'passed', "),
        (f"{GUARD}.version", True, "version: True is not 2"),
        (f"{GUARD}.release", ..., "release is missing"),
        (f"{GUARD}.finished", "9999", "finished: '9999' is no time"),
        (GUARD, [], "predicate.guard: [] is no object"),
    ],
)
def test_a_damaged_one_says_where(path: str, value: object, problem: str) -> None:
    with pytest.raises(ShapeError) as caught:
        parse_record(changed(path, value))
    assert str(caught.value).startswith(problem)


def test_publishing_is_another_record_of_the_same_verdict() -> None:
    published = A_RECORD.publish("aula:1", "aula@sha256:3", "2016-03-05T10:00:00Z")
    assert parse_record(published.to_json()) == published
    assert (published.name, published.finished) == (A_RECORD.name, A_RECORD.finished)
    assert published.image == A_RECORD.image._replace(digest="aula@sha256:3")
    assert published.title == "published: cccccccccccc-eeeeeeee with v0.3.0"


def test_one_more_tag_is_not_the_images_own() -> None:
    also = A_RECORD.publish_also("aula:nightly", "aula@sha256:3")
    assert (also.is_published("aula"), also.published, also.title) == (False, "", A_RECORD.title)
    assert also.image == A_RECORD.image._replace(digest="aula@sha256:3")
    both = also.publish("aula:1", "aula@sha256:3", "2016-03-05T10:00:00Z")
    assert (both.is_published("aula"), both.is_published("other")) == (True, False)
    again = both.publish_also("aula:nightly", "aula@sha256:3")
    assert again == both
    moved = both.publish_also("other:nightly", "other@sha256:3")
    assert (moved.is_published("other"), moved.tags) == (False, ("aula:nightly", "other:nightly"))


OPTIONAL = {"context_sha256", "published", "tags", "clone"}
EVERY_FIELD = [f"{GUARD}.{name}" for name in fields()["predicate"]["guard"] if name not in OPTIONAL]
OTHER_TYPES: list[object] = [7.25, True, None, [], {}, [[]], {"x": 1}, "nonsense", ..., -1, 1e300]
# What is right for some fields, so that it is no mutation of these.
RIGHT: dict[str, list[object]] = {
    "exit_status": [None, -1],
    "build_seconds": [7.25],
    "test_seconds": [7.25],
    "gitlinks": [{}],
    "image": [{}, {"x": 1}],
    "engine": [{}, {"x": 1}],
    "command": [[]],
}
TEXT_FIELDS = {"detail", "superproject", "release", "guard", "log", "log_sha256"}


@pytest.mark.parametrize("path", EVERY_FIELD)
def test_a_field_of_another_type_is_refused(path: str) -> None:
    name = path.rpartition(".")[2]
    right: list[object] = ["nonsense"] if name in TEXT_FIELDS else RIGHT.get(name, [])
    for value in OTHER_TYPES:
        if any(value is item or (value == item and type(value) is type(item)) for item in right):
            assert parse_record(changed(path, value))
            continue
        with pytest.raises(ShapeError):
            parse_record(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{GUARD}.image.id", 1),
        (f"{GUARD}.image.bases", "sha256:1"),
        (f"{GUARD}.image.bases", ["sha256:1"]),
        (f"{GUARD}.image.bases", [{"name": "base"}]),
        (f"{GUARD}.engine.id", 1),
        (f"{GUARD}.engine.host", None),
        (f"{GUARD}.gitlinks.aula", 1),
        (f"{GUARD}.command", ["sh", 1]),
        (f"{GUARD}.command", "sh"),
        (f"{GUARD}.log", "../../etc/passwd"),
        (f"{GUARD}.log", "a\0b"),
        (f"{GUARD}.published", None),
        (f"{GUARD}.key", "C" * 40),
        (f"{GUARD}.key", "c" * 41),
        (f"{GUARD}.recipe", "e" * 63),
        (f"{GUARD}.version", 1),
        (f"{GUARD}.result", "PASSED"),
        (f"{GUARD}.result", "passed"),
        ("predicate.result", "PASSED"),
        ("subject.0.digest.gitTree", "b" * 40),
        ("subject", []),
        ("_type", "https://in-toto.io/Statement/v2"),
        ("predicateType", "x"),
        ("predicate", ...),
    ],
)
def test_what_contradicts_itself_or_is_unknown_is_refused(path: str, value: object) -> None:
    with pytest.raises(ShapeError):
        parse_record(changed(path, value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"predicate": {"guard": 1' + b"0" * 5000 + b"}}",
        json.dumps({**fields(), "predicate": None}).encode(),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_record(data)


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "1e999", "-0.5"])
def test_times_that_are_none_are_refused(seconds: str) -> None:
    data = A_RECORD.to_json().replace(
        b'"build_seconds": 1.5', f'"build_seconds": {seconds}'.encode()
    )
    assert seconds.encode() in data
    with pytest.raises(ShapeError):
        parse_record(data)


@settings(max_examples=60)
@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_data_is_refused(data: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_record(data)
