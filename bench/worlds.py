"""Repositories as they are after years: many tags, verdicts, commits and branches, made quickly."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bench.push import ready
from guard.model import Result
from guard.verdicts.recording import KEEP
from guard.verdicts.verdicts import REF, record_path
from tests.workshop import Repo, Workshop, a_record
from tests.workshop import cabal as cabal_file

_BEGUN: Final = 1_400_000_000  # seconds since 1970, in May 2014
_STEP: Final = 600
_SCRATCH: Final = "refs/heads/scratch"


class Size(NamedTuple):
    """How much there is in the repositories.

    Args:
        tags: release tags of thentos.
        verdicts: records of combinations that passed.
        commits: in the history of aula, and in that of aula-docker.
        branches: remote-tracking refs in aula, and in thentos.
    """

    tags: int
    verdicts: int
    commits: int
    branches: int


def world(folder: Path, size: Size) -> Workshop:
    """A tested and published combination in repositories of a size, with guard's hook ready."""
    workshop = Workshop(folder)
    _tag(workshop.thentos, size.tags)
    _lengthen(workshop, workshop.aula, size.commits)
    workshop.pin("Pin what aula is now")
    _lengthen(workshop, workshop.docker, size.commits)
    for repository in (workshop.aula, workshop.thentos):
        _branch(repository, size.branches)
    _judge(workshop, size.verdicts)
    workshop.verdict()
    ready(workshop)
    return workshop


def same_tree(repository: Repo, count: int, prefix: str) -> None:
    """New refs, each at a commit of its own that has HEAD as its parent, and its tree."""
    head = repository.head
    _import(
        repository,
        (_commit(f"{prefix}{number}", number, f"from {head}\n") for number in range(count)),
    )


def _tag(thentos: Repo, count: int) -> None:
    """Releases of later versions, each a commit; every second tag is annotated."""
    head = thentos.head
    known = len(thentos.git("tag").split())

    def stream() -> Iterator[str]:
        for number in range(count - known):
            name = f"v1.{number}.0"
            cabal = cabal_file("thentos-core", name[1:])
            file = f"M 644 inline thentos-core/thentos-core.cabal\n{_data(cabal)}"
            start = "" if number else f"from {head}\n"
            yield _commit(_SCRATCH, number, start, file)
            if number % 2:
                yield f"tag {name}\nfrom {_SCRATCH}\ntagger {_who(number)}{_data(name)}"
            else:
                yield f"reset refs/tags/{name}\nfrom {_SCRATCH}\n\n"

    _import(thentos, stream())
    thentos.git("update-ref", "-d", _SCRATCH)
    thentos.git("pack-refs", "--all")


def _lengthen(workshop: Workshop, repository: Repo, count: int) -> None:
    """History on top of HEAD, each commit with a change, that the remote has as well."""
    head = repository.head
    missing = count - int(repository.git("rev-list", "--count", "HEAD"))

    def stream() -> Iterator[str]:
        for number in range(missing):
            start = "" if number else f"from {head}\n"
            yield _commit(_SCRATCH, number, start, f"M 644 inline notes\n{_data(str(number))}")

    _import(repository, stream())
    if missing > 0:
        repository.git("reset", "--quiet", "--hard", _SCRATCH)
        repository.git("update-ref", "-d", _SCRATCH)
    # As a clone would have it: a push need not send all of that.
    remote = Repo(workshop.root / "remotes" / f"{repository.folder.name}.git")
    objects = repository.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
    shutil.copytree(objects, remote.folder / "objects", dirs_exist_ok=True)
    remote.git("update-ref", "refs/heads/master", repository.head)
    repository.git("update-ref", "refs/remotes/origin/master", repository.head)


def _branch(repository: Repo, count: int) -> None:
    """Remote-tracking branches of colleagues, each with a commit of its own."""
    same_tree(repository, count, "refs/remotes/origin/topic-")
    repository.git("pack-refs", "--all")


def _judge(workshop: Workshop, count: int) -> None:
    """Verdicts of other commits of aula, recorded one after another, and what keeps those."""
    config = workshop.config("HEAD")

    def stream() -> Iterator[str]:
        for number in range(count - 1):
            record = a_record(hashlib.sha1(b"%d" % number).hexdigest(), config, Result.PASSED)
            path = record_path(record.key, record.recipe)
            file = f"M 644 inline {path}\n{_data(record.to_json().decode())}"
            yield _commit(REF, number, "", file)

    _import(workshop.docker, stream())
    same_tree(workshop.aula, count - 1, KEEP)
    workshop.aula.git("pack-refs", "--all")


def _import(repository: Repo, stream: Iterator[str]) -> None:
    data = "".join(stream).encode()
    if data:
        # Git would write fewer than a hundred as loose objects, and a pack is what people have.
        repository.git("-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", data=data)


def _commit(ref: str, number: int, start: str, change: str = "") -> str:
    message = _data(f"number {number} of {ref}")
    return f"commit {ref}\ncommitter {_who(number)}{message}{start}{change}\n"


def _who(number: int) -> str:
    return f"Bench <bench@example.org> {_BEGUN + number * _STEP} +0000\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
