"""One trial of a combination, from the checks before the hour to the verdict that is recorded."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, Final, NamedTuple

from guard import __version__
from guard.config import Config
from guard.engine.ahead import Ahead
from guard.engine.attempt import Attempt, attempt
from guard.engine.cli import BuildkitCli, find_cli
from guard.engine.client import Engine
from guard.engine.images import Layer, combination_tag, layers, put_tag
from guard.engine.profile import Earlier, brief, profile, size
from guard.errors import EngineError, GuardError
from guard.gate.gate import Gate
from guard.git.ancestry import described
from guard.git.memo import Memo
from guard.git.store import Part
from guard.model import Gitlink, Result
from guard.screen import Screen
from guard.trial.jobs import Job
from guard.trial.rehearsal import Begun, begun
from guard.trial.watch import Watch, write_log
from guard.verdicts.record import EngineFacts, ImageFacts, Record

# Bytes that a log and a verdict need at the least, on the disk of the repository.
_ROOM: Final = 1_000_000
# Characters of the output that a verdict shows.
_WORDS: Final = 160


class Means(NamedTuple):
    """What a trial needs and takes a while to find."""

    engine: Ahead[Engine]
    cli: Ahead[BuildkitCli | None]


def try_out(gate: Gate, job: Job, fresh: bool, screen: Screen) -> tuple[Record, str]:
    """Build, test, record.

    Args:
        fresh: build without cache and pull the bases.

    Returns:
        The record, and the path of the log.

    Raises:
        GuardError: something that would have spoiled the record, found before the build.
        EngineError: trouble of the engine, which is no verdict; the log stays.
        KeyboardInterrupt: interrupted; nothing is recorded, the log stays.
    """
    # In a thread of its own, and so with a memo of its own.
    memo = Memo(gate.workspace.superproject.common_dir)
    means = Means(Ahead(Engine.connect), Ahead(partial(find_cli, memo)))
    with begun(gate, job, fresh, means.cli) as begin:
        return go_on(gate, job, screen, means, begin)


def go_on(gate: Gate, job: Job, screen: Screen, means: Means, begin: Begun) -> tuple[Record, str]:
    """The rest of a trial that has begun; as `try_out`."""
    verdicts = gate.verdicts
    with means.engine.result() as engine:
        screen.say(f"engine: {engine.facts}")
        with _log(verdicts.logs, job.name) as log:
            made = _attempt(engine, begin, means, screen, log)
            reference, size = _finishing(gate, job, engine, made, screen, log)
        record = _record(job, made, log.name, reference, size)
    try:
        troubles = verdicts.record(record, job.assembly.parts)
    except GuardError as error:
        raise GuardError(
            f"{record.result.value}, but the verdict could not be recorded: {error.problem}\n"
            f"  the image stays, and so does the log: {log.name}",
            "guard test",
        ) from error
    for trouble in troubles:
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {trouble}")
    return record, log.name


def _attempt(engine: Engine, begin: Begun, means: Means, screen: Screen, log: IO[str]) -> Attempt:
    try:
        with Watch(screen, log) as watch:
            return attempt(
                engine,
                begin.prepared,
                watch.on_event,
                begin.options,
                means.cli.result,
                begin.build,
            )
    except EngineError as error:
        raise EngineError(
            f"{error.problem}\n  no verdict; log: {log.name}", error.remedy
        ) from error
    except KeyboardInterrupt:
        screen.warn(f"guard: interrupted: no verdict; finished build steps are cached; {log.name}")
        raise


def _finishing(
    gate: Gate, job: Job, engine: Engine, made: Attempt, screen: Screen, log: IO[str]
) -> tuple[str, int]:
    """Name the image and tell of the build; an engine that fails now costs no verdict."""
    reference, bytes_, image_layers = "", 0, tuple[Layer, ...]()
    try:
        if made.result is Result.PASSED:
            reference = _name(gate, job, engine, made.build.image)
        if made.build.image:
            image_layers = layers(engine, made.build.image)
            bytes_ = sum(layer.size for layer in image_layers)
        dockerfile = _dockerfile(gate, job)
        before = _last_passed(gate, job)
        shown = profile(made.build.steps, image_layers, dockerfile, job.config.consumer, before)
        write_log(log, f"\n{shown}\n")
        screen.say(shown)
    except GuardError as error:
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {error.problem}")
    return reference, bytes_


def _name(gate: Gate, job: Job, engine: Engine, image: str) -> str:
    """Tag a passed image with what is in it, and return the reference."""
    tag = tag_of(gate, job.config, job.assembly.parts, job.release)
    put_tag(engine, image, job.config.image.name, tag)
    return f"{job.config.image.name}:{tag}"


def tag_of(gate: Gate, config: Config, parts: Iterable[Part], release: str) -> str:
    """The tag that says what is in the image of a combination."""
    sources = {part.path: part for part in parts}
    part = sources.get(config.consumer)
    description = described(part.repository, part.commit) if part is not None else ""
    consumer, dependency = map(gate.workspace.name, (config.consumer, config.dependency))
    return combination_tag(consumer, description, dependency, release)


def _dockerfile(gate: Gate, job: Job) -> str:
    store = gate.gatherer.store(job.combination)
    root = store.tree(job.assembly.parts[0].tree)
    entry = store.walk(root, job.config.image.dockerfile) if root is not None else None
    blob = store.read(entry[0].id) if entry is not None else None
    return blob.data.decode(errors="replace") if blob is not None else ""


def _last_passed(gate: Gate, job: Job) -> Earlier | None:
    for record in gate.verdicts.newest():
        if record.result is Result.PASSED:
            links = record.gitlinks
            changed = [link.path for link in links if job.commit(link.path) != link.commit]
            return Earlier(record.name, record.image.size, changed)
    return None


@contextmanager
def _log(folder: str, name: str) -> Iterator[IO[str]]:
    """The log of one attempt, named by the verdict and the time; whole lines even after a kill.

    Raises:
        GuardError: it cannot be written, or there is no room for what will be.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = os.path.join(folder, f"{name}-{stamp}.log")
    try:
        os.makedirs(folder, exist_ok=True)
        found = os.statvfs(folder)
        if found.f_bavail * found.f_frsize < _ROOM:
            raise GuardError(
                f"less than {size(_ROOM)} are free in {folder}", f"df -h {shlex.quote(folder)}"
            )
        log = open(path, "w", encoding="utf-8", errors="surrogateescape", buffering=1)  # noqa: SIM115
    except OSError as error:
        raise GuardError(
            f"{path} cannot be written: {error.strerror}", f"ls -ld {shlex.quote(folder)}"
        ) from error
    try:
        yield log
    finally:
        # A full disk was told of by then.
        with suppress(OSError):
            log.close()


def _detail(made: Attempt) -> str:
    """Why it failed, in one line, with the words of what failed."""
    failure, words = made.last.failure, made.last.words
    if not failure or not words or words in failure:
        return failure
    return f"{failure}: {brief(words, _WORDS)}"


def _record(job: Job, made: Attempt, log: str, reference: str, size: int) -> Record:
    engine, build = made.engine, made.build
    with open(log, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Record(
        key=job.assembly.key,
        recipe=job.config.recipe.digest,
        result=made.result,
        detail=_detail(made),
        finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        build_seconds=round(build.outcome.seconds, 1),
        test_seconds=round(made.test.seconds if made.test is not None else 0.0, 1),
        exit_status=made.last.status,
        superproject=job.combination.commit or "",
        gitlinks=tuple(Gitlink(part.path, part.commit) for part in job.assembly.parts if part.path),
        release=job.release,
        image=ImageFacts(build.image, "", reference, tuple(base.id for base in build.bases), size),
        engine=EngineFacts(engine.name, engine.version, made.builder, engine.host, made.platform),
        guard=__version__,
        log=os.path.basename(log),
        log_sha256=digest,
        command=job.config.test.command,
        context_sha256=made.context_digest,
    )
