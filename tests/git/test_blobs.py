"""Blobs in a known order: their content, or what is wrong."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from guard.errors import GitError
from guard.git.blobs import BlobStream
from guard.git.repository import Repository

ABSENT = "1" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)
    return Repository(str(tmp_path), str(tmp_path))


def put(repository: Repository, data: bytes) -> str:
    return repository.run("hash-object", "-w", "--stdin", data=data).decode().strip()


def taken(stream: BlobStream, blob: str, size: int) -> bytes:
    data = stream.take(blob, size)
    assert data is not None
    return bytes(data)


def test_each_is_given_in_its_turn_and_twice_where_it_is_asked_twice(
    repository: Repository,
) -> None:
    contents = [b"", b"a\n", b"\n" * 3_000_000, b"blob 1\n"]
    ids = [put(repository, data) for data in contents]
    stream = BlobStream(repository, [*ids, *ids])
    for blob, data in zip(ids, contents, strict=True):
        assert taken(stream, blob, len(data)) == data
    for blob, data in zip(ids, contents, strict=True):
        pieces = stream.pieces(blob, len(data))
        assert pieces is not None
        assert b"".join(pieces) == data
    stream.close()


def test_more_is_asked_and_answered_than_any_pipe_holds(repository: Repository) -> None:
    empty, full = put(repository, b""), put(repository, b"x" * 100_000)
    stream = BlobStream(repository, [empty] * 50_000 + [full] * 100)
    for _ in range(50_000):
        assert taken(stream, empty, 0) == b""
    for _ in range(100):
        assert taken(stream, full, 100_000) == b"x" * 100_000
    stream.close()


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_one_that_is_not_there_is_none(size: int, repository: Repository) -> None:
    there = put(repository, b"x")
    for stream in (BlobStream(repository, [ABSENT, there]), BlobStream(repository, [ABSENT])):
        assert stream.take(ABSENT, size) is None
        stream.close()
    stream = BlobStream(repository, [ABSENT, there])
    assert stream.pieces(ABSENT, size) is None
    stream.close()


def test_what_is_no_blob_of_that_size_is_an_error(repository: Repository) -> None:
    blob, tree = put(repository, b"abc"), repository.run("mktree", data=b"").decode().strip()
    for asked, size in ((blob, 2), (blob, 4), (tree, 0)):
        stream = BlobStream(repository, [asked])
        with pytest.raises(GitError):
            stream.take(asked, size)
        stream.close()


def test_one_that_is_given_up_leaves_no_process_and_no_thread(repository: Repository) -> None:
    blob = put(repository, b"x" * 100_000)
    threads = threading.active_count()
    stream = BlobStream(repository, [blob] * 100_000)
    assert stream.take(blob, 100_000) is not None
    stream.close()
    stream.close()
    assert stream._process.returncode is not None
    assert threading.active_count() == threads
