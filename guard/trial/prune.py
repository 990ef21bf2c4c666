"""Logs and images that nothing needs any more: what ``guard log --prune`` may drop."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from guard.errors import EngineError, GuardError
from guard.gate.gate import Gate
from guard.git.files import is_held, lock_file
from guard.git.repository import Repository
from guard.model import Combination, Gitlink, Result
from guard.verdicts.record import Record


class Droppable(NamedTuple):
    """What can go.

    Args:
        logs: paths of log files.
        log_bytes: their size together.
        images: id of an image in the engine -> the names that guard gave it.
        kept: how many verdicts stand for a branch, a tag, HEAD or the index.
    """

    logs: tuple[str, ...]
    log_bytes: int
    images: Mapping[str, Collection[str]]
    kept: int


def droppable(gate: Gate, records: Iterable[Record]) -> Droppable:
    """What no verdict that stands for a branch, a tag, a HEAD or the index needs.

    That is the newest of its combination and recipe, passed or failed, and every passed one. A
    branch or a tag of the consumer needs every verdict that was earned with its commit. Where the
    content of one of those cannot be made out, because a commit is missing, all of them stay. So
    does the log of a test that is running. Of a failed one the log is needed, but no image.

    Args:
        records: every attempt that was ever recorded, newest first.
    """
    records = list(records)
    named = _named(gate)
    needed = [
        record
        for record in _standing(records)
        if named is None or record.key in named or not named.isdisjoint(record.gitlinks)
    ]
    logs = {record.log for record in needed}
    folder = gate.verdicts.logs
    dropped = [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder) if os.path.isdir(folder) else ())
        if name.endswith(".log") and name not in logs and not _is_written(folder, name)
    ]
    size = sum(os.path.getsize(path) for path in dropped)
    return Droppable(tuple(dropped), size, _images(records, needed), len(needed))


def _images(records: Iterable[Record], needed: Iterable[Record]) -> dict[str, set[str]]:
    """The engine's images that no needed verdict has, by whatever the engine knows them by."""
    from guard.engine.client import Engine

    images: dict[str, set[str]] = {}
    # Without an engine there are none.
    with suppress(EngineError), Engine.connect() as engine:
        ids = cache(engine.image_id)
        for record in records:
            for name in filter(None, (record.image.id, record.image.digest)):
                images.setdefault(ids(name), set()).update((record.image.reference, *record.tags))
        kept = [record.image for record in needed if record.result is Result.PASSED]
        for name in (
            "",
            *(ids(name) for image in kept for name in (image.id, image.digest) if name),
        ):
            images.pop(name, None)
    return images


def _standing(records: list[Record]) -> list[Record]:
    """The newest of each combination and recipe, and what has passed."""
    newest: dict[tuple[str, str], Record] = {}
    for record in records:
        newest.setdefault((record.key, record.recipe), record)
    return [
        record
        for record in records
        if record.result is Result.PASSED or newest[record.key, record.recipe] is record
    ]


def drop(droppable: Droppable) -> list[str]:
    """Remove what can go, and say in one line each what could not.

    An engine that is not there keeps its images; the logs go all the same.
    """
    from guard.engine.client import Engine
    from guard.engine.images import remove_image

    troubles = []
    for path in droppable.logs:
        with suppress(FileNotFoundError):
            os.unlink(path)
    try:
        with Engine.connect() as engine:
            troubles += [
                f"the image {image} is used by others and stays"
                for image, names in droppable.images.items()
                if not remove_image(engine, image, names)
            ]
    except EngineError as error:
        troubles.append(f"no image was removed: {error.problem}")
    return troubles


def _named(gate: Gate) -> set[str | Gitlink] | None:
    """What has a name: keys of the superproject's combinations, and commits of the consumer.

    None where something of it cannot be made out.
    """
    named = set[str | Gitlink]()
    visited = set()
    try:
        for combination in _combinations(gate):
            config = gate.config(combination)
            named.add(gate.gatherer.assembly(combination, config).key)
            for repository in gate.submodules(config).store(config.consumer).repositories:
                if (config.consumer, repository) in visited:
                    continue
                visited.add((config.consumer, repository))
                named.update(Gitlink(config.consumer, commit) for commit in _tips(repository))
    except GuardError:
        return None
    return named


def _combinations(gate: Gate) -> Iterable[Combination]:
    yield from map(gate.combination, _tips(gate.workspace.superproject))
    index = gate.index
    if index is not None:
        yield index


def _tips(repository: Repository) -> list[str]:
    """The commits at which branches and tags stand, and HEAD in each of the worktrees."""
    others = (f"--exclude={refs}" for refs in ("refs/guard/*", "refs/notes/*", "refs/stash"))
    return repository.lines("rev-list", "--no-walk=unsorted", *others, "--all")


def _is_written(logs: str, name: str) -> bool:
    """Whether a test is running whose log this may be; both are named by the verdict."""
    verdict = "-".join(name.split("-")[:2])
    return is_held(lock_file(os.path.dirname(logs), verdict))
