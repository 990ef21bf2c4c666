"""One trial of a combination, from the checks before the hour to the verdict that is recorded.

Until the build is under way nothing here needs the docker SDK, which takes as long to import as a
cached build.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from guard import __version__
from guard.config import Config
from guard.engine.ahead import PATIENCE, Ahead, connect
from guard.engine.build import REVISION, SOURCE, Options
from guard.engine.buildkit import CliBuild, begin
from guard.engine.cli import BuildkitCli, find_cli
from guard.engine.context import Prepared, prepared
from guard.engine.endings import shielded, terminable
from guard.engine.profile import Earlier, brief, profile, size
from guard.errors import EngineError, GuardError, without_secret
from guard.gate.gate import Gate
from guard.git.commits import described
from guard.git.files import remove_abandoned, unwritable
from guard.git.memo import Memo
from guard.git.remotes import read_remotes
from guard.git.store import Part
from guard.model import Gitlink, Result, Tested, VerdictState
from guard.screen import Screen
from guard.situation.branches import remote_of
from guard.trial.jobs import Job, at_work
from guard.trial.watch import Watch, tell, write_log
from guard.verdicts.record import BaseFacts, EngineFacts, ImageFacts, Record

if TYPE_CHECKING:
    from guard.engine.attempt import Attempt
    from guard.engine.bases import Moved
    from guard.engine.client import Engine

# Bytes that a log and a verdict need at the least, on the disk of the repository.
_ROOM: Final = 1_000_000
# Characters of the output that a verdict shows.
_WORDS: Final = 160
_FAILED: Final = (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST)


class Means(NamedTuple):
    """What a trial needs and takes a while to find."""

    engine: Ahead[Engine]
    cli: Ahead[BuildkitCli | None]

    @classmethod
    def looked_for(cls, gate: Gate, engine: Ahead[Engine] | None = None) -> Means:
        """Begin to look for them; for the engine where somebody has not begun before."""
        # In a thread of its own, and so with a memo of its own.
        memo = Memo(gate.workspace.superproject.common_dir)
        return cls(engine or Ahead(connect), Ahead(partial(find_cli, memo)))


class _Begun(NamedTuple):
    """A trial that has begun; `build` is None where the engine must be asked first."""

    prepared: Prepared
    options: Options
    build: CliBuild | None


def passes(
    gate: Gate,
    job: Job,
    screen: Screen,
    means: Means | None = None,
    again: bool = False,
    fresh: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> bool:
    """Whether a combination has passed, or does so now: built and tested where it has no verdict.

    One at a time does so with a combination; whoever waited takes the other one's verdict.

    Args:
        again: test although it has passed.
        fresh: so, too, and build without cache and pull the bases.
        meanwhile: is called once, while the build is on its way if there is one.

    Raises:
        as `try_out`.
    """
    means = means or Means.looked_for(gate)
    look_up = partial(gate.verdicts.look_up, job.assembly.key, job.config.recipe.digest)
    before: list[Tested] = []
    with at_work(gate, job.name, screen, lambda: before.append(look_up())) as waited:
        tested = look_up()
        if tested.state in _FAILED and before and tested != before[0]:
            # The other one's: to build and test it a second time would tell nothing new.
            screen.say(f"{screen.paint(tested.state.value, 'red')}: {tested.detail}")
            screen.say(f"  verdict {tested.verdict}")
            screen.say(f"  log: {tested.log}")
            meanwhile()
            return False
        if tested.state is VerdictState.PASSED and (waited or not (again or fresh)):
            moved = () if waited else _moved(gate, tested, means)
            if not moved:
                meanwhile()
                screen.say(f"{screen.paint('passed', 'green')} already: verdict {tested.verdict}")
                return True
            for base in moved:
                screen.say(f"{tested.verdict} passed on another base: {base}")
        record, log = try_out(gate, job, fresh, screen, means, meanwhile)
    tell(record, log, screen)
    return record.result is Result.PASSED


def _moved(gate: Gate, tested: Tested, means: Means) -> tuple[Moved, ...]:
    """The bases of a passed verdict that are others by now, as far as the engine says."""
    record = gate.verdicts.record_of(tested.key, tested.recipe)
    if record is None or not record.image.bases:
        return ()
    try:
        engine = means.engine.result(PATIENCE)
        from guard.engine.bases import moved_bases

        return moved_bases(engine, record.engine.place, record.image.bases)
    except (EngineError, TimeoutError):
        return ()  # what has passed needs no engine


def try_out(
    gate: Gate,
    job: Job,
    fresh: bool,
    screen: Screen,
    means: Means | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[Record, str]:
    """Build, test, record; the caller is `at_work`.

    Args:
        fresh: build without cache and pull the bases.
        meanwhile: is called once the build is on its way.

    Returns:
        The record, and the path of the log.

    Raises:
        GuardError: something that would have spoiled the record, found before the build.
        EngineError: trouble of the engine, which is no verdict; the log stays.
        KeyboardInterrupt: interrupted; nothing is recorded, the log stays.
    """
    means = means or Means.looked_for(gate)
    beginning = _begun(gate, job, fresh, means.cli, meanwhile)
    with beginning as begun, means.engine.result() as engine:
        screen.say(f"engine: {engine.facts}")
        owner = engine.id  # while the CLI builds
        with _log(gate.verdicts.logs, job.name) as log:
            made = _attempt(engine, begun, means, screen, log)
            image = _finishing(gate, job, engine, begun, made, screen, log)
        record = _record(job, made, log.name, image, owner)
    try:
        troubles = gate.verdicts.record(record, job.assembly.parts)
    except GuardError as error:
        raise GuardError(
            f"{record.result.value}, but the verdict could not be recorded: {error.problem}\n"
            f"  the image stays, and so does the log: {log.name}",
            "guard test",
        ) from error
    for trouble in troubles:
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {trouble}")
    return record, log.name


@contextmanager
def _begun(
    gate: Gate,
    job: Job,
    fresh: bool,
    cli: Ahead[BuildkitCli | None],
    meanwhile: Callable[[], None],
) -> Iterator[_Begun]:
    """Look up all that is needed and begin to build; at the end of the block nothing goes on.

    Raises:
        GuardError: something that would have spoiled the record.
    """
    remove_abandoned()
    place = os.path.join(gate.workspace.superproject.common_dir, "guard", "context")
    # From here on there are private folders to remove.
    with terminable(), ExitStack() as stack:
        options = Options(fresh, _labels(gate, job))
        made = stack.enter_context(prepared(job.assembly.parts, job.config, place))
        # Whole or not at all: half a build could not be closed.
        with shielded():
            build = begin(made, options, cli.result)
            if build is not None:
                stack.callback(build.close)
        # While the build is on its way: an hour later would be too late.
        gate.verdicts.rehearse()
        meanwhile()
        yield _Begun(made, options, build)


def _labels(gate: Gate, job: Job) -> tuple[tuple[str, str], ...]:
    """Annotations of the OCI image specification, and what exactly is in the image."""
    superproject = gate.workspace.superproject
    options = gate.workspace.options
    remote = remote_of(read_remotes(options, superproject), dict(options), superproject)
    labels = [("guard.combination", job.assembly.key)]
    labels += [
        # Quoted as in a URL: the docker CLI refuses a name that holds a space, and ends it at the
        # first equals sign.
        (f"guard.gitlink.{quote(os.fsencode(part.path))}", part.commit)
        for part in job.assembly.parts
        if part.path
    ]
    if job.combination.commit:
        labels.append((REVISION, job.combination.commit))
    if remote is not None:
        labels.append((SOURCE, without_secret(remote.urls[0])))
    return tuple(labels)


def _attempt(engine: Engine, begun: _Begun, means: Means, screen: Screen, log: IO[str]) -> Attempt:
    from guard.engine.attempt import attempt

    prepared, options, build = begun
    try:
        with Watch(screen, log) as watch:
            return attempt(engine, prepared, watch.on_event, options, means.cli.result, build)
    except EngineError as error:
        raise EngineError(
            f"{error.problem}\n  no verdict; log: {log.name}", error.remedy
        ) from error
    except KeyboardInterrupt:
        screen.warn(f"guard: interrupted: no verdict; finished build steps are cached; {log.name}")
        raise


def _finishing(
    gate: Gate,
    job: Job,
    engine: Engine,
    begun: _Begun,
    made: Attempt,
    screen: Screen,
    log: IO[str],
) -> ImageFacts:
    """Name the image and tell of the build; an engine that fails now costs no verdict."""
    from guard.engine.bases import as_named
    from guard.engine.images import layers, put_tag

    build, recipe = made.build, job.config.recipe
    dockerfile = begun.prepared.context.dockerfile
    image = ImageFacts(build.image)
    try:
        if made.result is Result.PASSED:
            # A tag that says what is in the image.
            name = job.config.image.name
            tag = tag_of(gate, job.config, job.assembly.parts, job.release)
            put_tag(engine, build.image, name, tag)
            image = image._replace(reference=f"{name}:{tag}")
        image_layers = layers(engine, build.image) if build.image else ()
        image = image._replace(size=sum(layer.size for layer in image_layers))
        bases = as_named(engine, build.bases, dockerfile, recipe)
        image = image._replace(bases=tuple(BaseFacts(*base) for base in bases))
        before = _last_passed(gate, job)
        shown = profile(build.steps, image_layers, dockerfile, job.config.consumer, before)
        write_log(log, f"\n{shown}\n")
        screen.say(shown)
    except GuardError as error:
        screen.warn(f"guard: {screen.paint('warning', 'yellow')}: {error.problem}")
    return image


def tag_of(gate: Gate, config: Config, parts: Iterable[Part], release: str) -> str:
    """The tag that says what is in the image of a combination."""
    from guard.engine.images import combination_tag

    part = next((part for part in parts if part.path == config.consumer), None)
    description = described(part.repository, part.commit) if part is not None else ""
    consumer, dependency = map(gate.workspace.name, (config.consumer, config.dependency))
    return combination_tag(consumer, description, dependency, release)


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
        raise unwritable(f"{path} cannot be written", path, error) from error
    try:
        yield log
    finally:
        # A full disk was told of by then.
        with suppress(OSError):
            log.close()


def _record(job: Job, made: Attempt, log: str, image: ImageFacts, owner: str) -> Record:
    engine, build = made.engine, made.build
    detail, words = made.last.failure, made.last.words
    if detail and words not in detail:
        detail = f"{detail}: {brief(words, _WORDS)}"
    with open(log, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Record(
        key=job.assembly.key,
        recipe=job.config.recipe.digest,
        result=made.result,
        detail=detail,
        finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        build_seconds=round(build.outcome.seconds, 1),
        test_seconds=round(made.test.seconds if made.test is not None else 0.0, 1),
        exit_status=made.last.status,
        superproject=job.combination.commit or "",
        gitlinks=tuple(Gitlink(part.path, part.commit) for part in job.assembly.parts if part.path),
        release=job.release,
        image=image,
        engine=EngineFacts(
            *(engine.name, engine.version, made.builder.name),
            *(engine.host, made.platform),
            *(owner, made.builder.driven_by),
        ),
        guard=__version__,
        log=os.path.basename(log),
        log_sha256=digest,
        command=job.config.test.command,
        context_sha256=made.context_digest,
    )
