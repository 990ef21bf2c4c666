"""The test command in a fresh container, which is removed whatever happens."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from docker.errors import APIError
from docker.types import Mount

from guard.engine.build import Lines, OnEvent, Outcome, Output
from guard.engine.client import Engine, explanation
from guard.engine.context import Archive, Context
from guard.engine.endings import DeadlinePassed, deadline, shielded
from guard.engine.failures import Cause, Excerpt, NoRuntimeError, meaning
from guard.engine.leftovers import OWNER, owner, remove
from guard.errors import EngineError

# Seconds.
_LATER: Final = 0.05
# By runc, and by crun.
_NOT_FOUND: Final = re.compile(
    r'(?:exec: "|executable file `)(?P<name>.*?)["`]:? .*(?:not found|no such file or directory)',
    re.DOTALL,
)
_NOT_RUNNABLE: Final = re.compile(
    r'exec: ".*?": .*(?:permission denied|is a directory)|exec format error'
    r"|the path `.*` (?:exists but it is not executable|is not a regular file)",
    re.DOTALL,
)


class TestPlan(NamedTuple):
    """What to run.

    Args:
        image: id of the image.
        command: argv.
        entrypoint: whether the command is given to the image's entrypoint, as in ``docker run``.
        timeout: seconds.
        platform: of the image, "" for the engine's own.
        place: absolute path where the source is put, "" for none.
        source: the tree to put there; hides what the image has at that place, as a mount does.
    """

    image: str
    command: tuple[str, ...]
    entrypoint: bool
    timeout: float
    platform: str = ""
    place: str = ""
    source: Context | None = None


class _Ended(NamedTuple):
    """How a container ended; times in seconds since 1970, by the engine's clock.

    Args:
        stopped: whether Podman says that somebody stopped it; Docker tells of that in an event.
    """

    container: str
    status: int
    stopped: bool
    out_of_memory: bool
    started: float
    finished: float


def run_test(engine: Engine, plan: TestPlan, on_event: OnEvent) -> Outcome:
    """Run the test command to its end. It has no status where it never started, or took too long.

    Raises:
        EngineError: no container could be made or started, the engine went away, or somebody else
            ended the container.
    """
    output = Excerpt()

    def on_line(line: str) -> None:
        output.add(line)
        on_event(Output(line))

    streams = (Lines(on_line), Lines(on_line))
    ended: _Ended | str
    with _container(engine, plan) as container:
        if plan.source is not None:
            _put(engine, container, plan.place, plan.source)
        begun = time.monotonic()
        try:
            with deadline(plan.timeout):
                ended = _run(engine, container, plan, streams)
        except DeadlinePassed:
            ended = f"the test did not end within {plan.timeout:g} seconds"
        seconds = time.monotonic() - begun
        for lines in streams:
            lines.flush()
    if isinstance(ended, str):
        return output.outcome(ended, None, seconds)
    # Asked when the container is gone: by then the engine has told whatever there is to tell.
    stopped = ended.stopped or _stopped_by_others(engine, ended)
    return output.outcome(_judged(ended, stopped, plan), ended.status, seconds)


@contextmanager
def _container(engine: Engine, plan: TestPlan) -> Iterator[str]:
    # The name is ours, so that the container can be removed even where the engine's answer to
    # its making never arrived.
    name = f"guard-test-{os.urandom(6).hex()}"
    mounts = [Mount(plan.place, None, type="volume", no_copy=True)] if plan.place else None
    binds = None
    try:
        with engine.speaking("make a container for the test"):
            if plan.place and engine.facts.is_podman:
                # It copies into a volume that has no name.
                cast(Any, engine.api).create_volume(name)
                mounts, binds = None, [f"{name}:{plan.place}:nocopy"]
            engine.api.create_container(
                plan.image,
                list(plan.command),
                # As docker run says it with --entrypoint "".
                entrypoint=None if plan.entrypoint else [""],
                name=name,
                labels={OWNER: owner()},
                platform=plan.platform or None,
                # As docker run does.
                use_config_proxy=True,
                host_config=engine.api.create_host_config(mounts=mounts, binds=binds),
            )
        yield name
    except BaseException:
        # What went wrong first is what is told; a container that stays is the next run's.
        with shielded(), suppress(EngineError):
            _remove(engine, name)
        raise
    with shielded():
        _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    with engine.speaking(f"remove the container {name}"):
        remove(engine, name)


def _put(engine: Engine, container: str, place: str, source: Context) -> None:
    with engine.speaking(f"put the source at {place}"):
        archive = Archive(source.folder)
        engine.api.put_archive(container, place, iter(archive))
    archive.require_complete()


def _run(
    engine: Engine, container: str, plan: TestPlan, streams: tuple[Lines, Lines]
) -> _Ended | str:
    """How it ended, or why it never began.

    Args:
        streams: take its standard output and its standard error: the engine passes on what
            each has at a time, and that may end within a line.
    """
    with engine.speaking("run the test"), ExitStack() as stack:
        try:
            # Podman looks for the program now.
            output = engine.api.attach(container, stdout=True, stderr=True, stream=True, demux=True)
            stack.enter_context(closing(output))
            engine.api.start(container)
        except APIError as error:
            return _not_started(error, plan)
        for pieces in output:
            for lines, piece in zip(streams, pieces, strict=True):
                lines.take(piece or b"")
        status = int(engine.api.wait(container)["StatusCode"])
        details = _details(engine, container)
    state = details["State"]
    stopped, killed = (bool(state.get(name)) for name in ("StoppedByUser", "OOMKilled"))
    return _Ended(str(details["Id"]), status, stopped, killed, *_times(state))


def _details(engine: Engine, container: str) -> dict[str, Any]:
    if not engine.facts.is_podman:
        return dict(engine.api.inspect_container(container))
    # By its own interface alone it tells of a stop, and by no event.
    url = f"{engine.api.base_url}/v4.0.0/libpod/containers/{container}/json"
    reply = engine.api.get(url, timeout=engine.api.timeout)
    reply.raise_for_status()
    return dict(reply.json())


def _judged(ended: _Ended, stopped: bool, plan: TestPlan) -> str:
    status = ended.status
    if ended.out_of_memory and status != 0:
        return f"the kernel killed the test for want of memory (exit status {status})"
    if stopped or status == 137:
        raise EngineError(
            f"the test's container was stopped from outside (exit status {status})",
            "look for a stopped engine or a docker stop, then run guard test again",
        )
    if status == 0:
        return ""
    command = plan.command[0]
    if status == 127:
        return (
            f"exit status 127: test command {command!r}, or one that it runs, "
            "not found in the image"
        )
    if status == 126:
        return f"exit status 126: test command {command!r}, or one that it runs, cannot be executed"
    return f"exit status {status}"


def _not_started(error: APIError, plan: TestPlan) -> str:
    said = explanation(error)
    if meaning(said)[0] is Cause.NO_RUNTIME:
        raise NoRuntimeError(said) from error
    missing = _NOT_FOUND.search(said)
    if missing:
        return f"test command {missing['name']!r} not found in the image"
    if _NOT_RUNNABLE.search(said):
        return f"test command {plan.command[0]!r} cannot be executed in the image: {said}"
    raise EngineError(f"the engine could not start the test's container: {said}") from error


def _stopped_by_others(engine: Engine, ended: _Ended) -> bool:
    """Whether the engine sent a signal to the container, as it does when it shuts down.

    A test may end well on SIGTERM, and has not passed then. The times are the engine's own; it
    may tell of the signal a little later than the container ended.
    """
    with engine.speaking("ask how the test ended"):
        events = cast(Any, engine.api).events(
            since=f"{ended.started:.6f}",
            until=f"{ended.finished + _LATER:.6f}",
            filters={"container": ended.container, "event": ["kill", "stop"]},
            decode=True,
        )
        return any(True for _ in events)


def _times(state: dict[str, Any]) -> tuple[float, float]:
    return _seconds(str(state["StartedAt"])), _seconds(str(state["FinishedAt"]))


def _seconds(time: str) -> float:
    """The engine's RFC 3339 as seconds since 1970."""
    # Python reads up to six digits behind the point, the engine writes up to nine.
    text = re.sub(r"(\.\d{6})\d*", r"\1", time).replace("Z", "+00:00")
    return datetime.fromisoformat(text).timestamp()
