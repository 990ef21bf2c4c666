"""BuildKit, driven through the docker CLI: cache mounts and stages side by side.

buildx tells of its vertices in JSON (``--progress=rawjson``), a client without it in plain text:
``#5 [2/3] RUN make`` names one, ``#5 0.218 text`` is its output, ``#5 CACHED``, ``#5 DONE 0.2s``
and ``#5 ERROR: ...`` end it, ``#5 ...`` only says that another one speaks. All else is the
client's own: the place in the Dockerfile, the error, and what it thinks of them afterwards.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from guard.config import Recipe
from guard.engine.build import (
    Base,
    Build,
    Lines,
    OnEvent,
    Options,
    Outcome,
    Output,
    Step,
    StepDone,
)
from guard.engine.cli import BuildkitCli, InUse, InUseQuestion, kill, lines_of, start
from guard.engine.context import Context, Prepared, not_utf8
from guard.engine.dockerignore import ignore_file, read_patterns
from guard.engine.endings import shielded
from guard.engine.failures import Excerpt, Trouble, judged
from guard.errors import EngineError, GuardError
from guard.git.files import private_folder

if TYPE_CHECKING:
    # A build begins while the docker SDK is still on its way.
    from guard.engine.client import Engine

_LINE: Final = re.compile(r"#(\d+) (.*)")
_OUTPUT: Final = re.compile(r"\d+\.\d+ ?(.*)")
_DONE: Final = re.compile(r"DONE (\d+(?:\.\d+)?)s")
_INSTRUCTION: Final = re.compile(r"\[[^\]]*\d+/\d+\] (.*)", re.DOTALL)
_TAKEN: Final = re.compile(r"FROM (\S+)", re.IGNORECASE)
_LIBRARY: Final = re.compile(r"^(FROM )docker\.io/(?:library/)?")
# The line of the Dockerfile that an error is about.
_LOCATED: Final = re.compile(r" +\d+ \| >>> ")
# What BuildKit of 20.10 says instead.
_REFUSED: Final = "failed to create LLB definition: "
_FRONTEND: Final = re.compile(r"^(?:ERROR: |failed to (?:build|solve|create)\b[^:]*: )+")
_PROGRESS: Final = re.compile(
    r"sha256:[0-9a-f]{64}|(?:exporting|writing|naming|transferring|resolve|extracting|unpacking)\b"
)
_COUNTED: Final = re.compile(r"^\s*(?:FROM|RUN|COPY|ADD|WORKDIR)\b", re.IGNORECASE | re.MULTILINE)


class CliBuild:
    """A build by the CLI, which goes on until it ends or is closed.

    Args:
        host: URL of the engine, "" for the one that the CLI finds by itself.
        in_use: the question for its builder; closed with the build.
    """

    def __init__(
        self,
        cli: BuildkitCli,
        context: Context,
        recipe: Recipe,
        options: Options,
        host: str = "",
        in_use: InUseQuestion | None = None,
    ) -> None:
        self.in_use = in_use
        self._private = ExitStack()
        folder = Path(self._private.enter_context(private_folder()))
        self._image, self._metadata = folder / "image", folder / "metadata"
        try:
            self._process = start(self._command(cli, context, recipe, options), host)
        except BaseException:
            self._private.close()
            raise

    def lines(self) -> Iterator[str]:
        """What the CLI tells, line by line, to its end."""
        return lines_of(self._process)

    def ended(self) -> tuple[int, tuple[str, ...]]:
        """The exit status, and what the engine may know the image by; nothing where it failed.

        That is the digest of its configuration, with the containerd image store of its manifest.
        """
        status = self._process.wait()
        if status != 0:
            return status, ()  # one that was killed may have left half a file
        image = self._image.read_text().strip() if self._image.exists() else ""
        metadata = json.loads(self._metadata.read_bytes()) if self._metadata.exists() else {}
        return status, tuple(filter(None, (image, metadata.get("containerimage.digest"))))

    def close(self) -> None:
        """End it, where it has not ended; harmless the second time."""
        with shielded():
            if self.in_use is not None:
                self.in_use.close()
            kill(self._process)
            self._private.close()

    def _command(
        self, cli: BuildkitCli, context: Context, recipe: Recipe, options: Options
    ) -> list[str]:
        command = [*cli.command, f"--progress={cli.progress}", f"--iidfile={self._image}"]
        command.append(f"--file={os.path.join(context.folder, recipe.dockerfile)}")
        if cli.is_buildx:
            # Into the engine, whatever builder is in use; and no attestation that changes every id.
            command += ["--load", "--provenance=false", f"--metadata-file={self._metadata}"]
        if recipe.target:
            command.append(f"--target={recipe.target}")
        if recipe.platform:
            command.append(f"--platform={recipe.platform}")
        for name, value in recipe.build_args:
            command += ["--build-arg", f"{name}={value}"]
        for name, value in options.labels:
            command += ["--label", f"{name}={value}"]
        if options.fresh:
            command += ["--no-cache", "--pull"]
        if cli.is_buildx:
            command += [f"--cache-from={cache}" for cache in options.cache_from]
            command += [f"--cache-to={cache}" for cache in options.cache_to]
        return [*command, context.folder]


def begin(
    prepared: Prepared, options: Options, find: Callable[[], BuildkitCli | None]
) -> CliBuild | None:
    """Start the CLI before the engine was asked for anything; None where that must come first.

    The engine that the CLI finds by itself is the one that `Engine.connect` finds.

    Args:
        find: gives the CLI.
    """
    cli = find() if prepared.builder != "classic" else None
    if cli is None:
        return None
    question = InUseQuestion(cli)
    return CliBuild(cli, prepared.context, prepared.recipe, options, in_use=question)


def buildkit_build(
    cli: BuildkitCli,
    in_use: InUse,
    begun: CliBuild | None,
    engine: Engine,
    context: Context,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
) -> Build:
    """Build with BuildKit, out of the context's folder.

    Args:
        begun: this very build, where it goes on already.

    Raises:
        EngineError: anything but a failure that is the combination's own.
    """
    work = begun or CliBuild(cli, context, recipe, options, engine.given_host)
    try:
        progress = _Progress(context.dockerfile, on_event)
        for line in work.lines():
            progress.take(line)
        status, ids = work.ended()
    finally:
        work.close()
    if status != 0:
        # What the CLI says of an engine that has gone says nothing.
        with engine.speaking("build the image"):
            engine.api.ping()
    if status < 0:
        raise EngineError(f"{cli.version} was killed by signal {-status}", "run guard test again")
    steps = tuple(progress.ended.values())
    if status != 0:
        return Build(_failure(progress.trouble(), cli, context, recipe), steps)
    image = next(filter(None, map(engine.image_id, ids)), "")
    if not image:
        # The builder may be another engine's.
        what = f"{cli.version}, {in_use}" if in_use.name else cli.version
        raise EngineError(f"{what} ended well, but the engine has no such image", in_use.remedy)
    bases = []
    for name, _, digest in (name.partition("@") for name in progress.images()):
        bases.append(Base(name, digest or engine.image_id(name)))
    return Build(progress.output.outcome("", None), steps, image, tuple(bases))


def _failure(trouble: Trouble, cli: BuildkitCli, context: Context, recipe: Recipe) -> Outcome:
    """What a build that failed comes to.

    Raises:
        GuardError: nothing was built, for the context cannot be sent.
        EngineError: as `judged`.
    """
    if "invalid UTF-8" in trouble.message and (name := not_utf8(context.folder)):
        raise GuardError(
            f"{cli.version} sends no name that is not UTF-8: '{name}'",
            "rename it, list it in .dockerignore with * for what is not UTF-8, or set [image] "
            'builder = "classic"',
        )
    if "excludepatterns" in trouble.message:
        # It does not say which line.
        read_patterns(context.folder, ignore_file(context.folder, recipe.dockerfile))
    return judged(trouble, context.dockerfile)


class _Vertex(NamedTuple):
    """What is known of a piece of a build at one moment.

    Args:
        seconds: that it has taken, None while it goes on.
        error: why it has failed, or was canceled; "" where it did neither.
    """

    key: str
    name: str
    seconds: float | None = None
    cached: bool = False
    error: str = ""


class _Log(NamedTuple):
    """A piece of what a vertex writes; not always whole lines."""

    key: str
    stream: int
    data: bytes


class _Text(NamedTuple):
    """A line of the client's own."""

    line: str


_Report = _Vertex | _Log | _Text


class _Reader:
    """Takes the client's lines apart, of the one kind (``rawjson``) or of the other (``plain``)."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._object = ""

    def read(self, line: str) -> Iterator[_Report]:
        """What one more line tells."""
        if self._object or line == "{" or line.startswith('{"'):
            # Up to buildx 0.16 an object has many lines, the last of them without an indent.
            self._object += line
            if line == "}" or line.startswith('{"'):
                text, self._object = self._object, ""
                try:
                    status = json.loads(text)
                except ValueError:
                    yield _Text(text)  # of the client's own, which only begins like one
                else:
                    yield from _of_status(status)
            return
        match = _LINE.fullmatch(line)
        if match is None:
            yield _Text(line)
        elif match[1] in self._names:
            yield from _of_plain(match[1], self._names[match[1]], match[2])
        else:
            self._names[match[1]] = match[2]
            yield _Vertex(match[1], match[2])


def _of_status(status: dict[str, Any]) -> Iterator[_Report]:
    for vertex in status.get("vertexes") or ():
        # One that has not begun is only announced, the last of them first.
        if vertex.get("started") or vertex.get("error"):
            seconds = None
            if vertex.get("completed"):
                began, ended = (
                    datetime.fromisoformat(vertex[when]) for when in ("started", "completed")
                )
                seconds = (ended - began).total_seconds()
            cached, error = bool(vertex.get("cached")), vertex.get("error", "")
            yield _Vertex(vertex["digest"], vertex["name"], seconds, cached, error)
    for log in status.get("logs") or ():
        yield _Log(log["vertex"], log.get("stream", 1), b64decode(log["data"]))
    for warning in status.get("warnings") or ():
        yield _Text(f"WARNING: {b64decode(warning['short']).decode(errors='replace')}")


def _of_plain(key: str, name: str, words: str) -> Iterator[_Report]:
    done, output = _DONE.fullmatch(words), _OUTPUT.fullmatch(words)
    if words.startswith("ERROR: "):
        yield _Vertex(key, name, error=words.removeprefix("ERROR: "))
    elif done or words == "CACHED":
        yield _Vertex(key, name, float(done[1]) if done else 0.0, done is None)
    elif words not in ("...", name, "CANCELED") and not _PROGRESS.match(words):
        yield _Log(key, 1, f"{output[1] if output else words}\n".encode())


class _Step(NamedTuple):
    """A vertex that has begun; one that is no instruction has the number 0."""

    number: int
    text: str
    output: Excerpt


class _Progress:
    """Follows one build.

    Args:
        dockerfile: its text; says about how many steps there will be.

    Attributes:
        output: of all steps.
        ended: the steps that have ended well, by their numbers.
    """

    def __init__(self, dockerfile: str, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._total = len(_COUNTED.findall(dockerfile))
        self._reader = _Reader()
        self._steps: dict[str, _Step] = {}
        self._lines: dict[tuple[str, int], Lines] = {}
        self._errors: dict[str, _Vertex] = {}
        self._is_located = False
        self._error, self._last = "", ""
        self.output = Excerpt()
        self.ended: dict[int, StepDone] = {}

    def take(self, line: str) -> None:
        """One line of what the client tells."""
        for report in self._reader.read(line):
            match report:
                case _Vertex():
                    self._vertex(report)
                case _Log(key, stream, data):
                    step = self._steps.get(key) or self._begun(_Vertex(key, ""))
                    if (key, stream) not in self._lines:
                        self._lines[key, stream] = Lines(partial(self._line, step))
                    self._lines[key, stream].take(data)
                case _Text(text):
                    self._text(text)

    def images(self) -> list[str]:
        """The names of what it began with, and of what something was copied from."""
        taken = (_TAKEN.match(step.text) for step in self._steps.values())
        return list(dict.fromkeys(match[1] for match in taken if match))

    def trouble(self) -> Trouble:
        """What a build that has failed said."""
        final = self._error or self._last
        for vertex in self._errors.values():
            # Others were canceled for its sake, or the build went on without them.
            if vertex.error.splitlines()[0] in final:
                step = self._steps[vertex.key]
                return Trouble(vertex.error, 0, step.text, step.output, buildkit=True)
        # The frontend points at a line of the Dockerfile, and nothing has begun.
        located = self._is_located or _REFUSED in final
        refused = located and not any(step.number for step in self._steps.values())
        message = _FRONTEND.sub("", final)
        return Trouble(message, 0, "", self.output, buildkit=True, refused=refused)

    def _vertex(self, vertex: _Vertex) -> None:
        step = self._steps.get(vertex.key) or self._begun(vertex)
        if vertex.seconds is None and not vertex.error:
            return
        for (key, _), lines in self._lines.items():
            if key == vertex.key:
                lines.flush()
        if vertex.error:
            self._errors[vertex.key] = vertex
        elif step.number:
            # What is looked up first, in a registry, is pulled where it is needed.
            before = self.ended.get(step.number)
            done = StepDone(step.number, step.text, vertex.seconds or 0.0, vertex.cached)
            if before is None:
                self._on_event(done)
            else:
                seconds, cached = before.seconds + done.seconds, before.cached or done.cached
                done = done._replace(seconds=seconds, cached=cached)
            self.ended[step.number] = done

    def _begun(self, vertex: _Vertex) -> _Step:
        instruction = _INSTRUCTION.fullmatch(vertex.name)
        number = 1 + sum(step.number > 0 for step in self._steps.values()) if instruction else 0
        # The classic builder shows the name as it stands in the Dockerfile.
        text = _LIBRARY.sub(r"\1", instruction[1] if instruction else vertex.name)
        step = self._steps[vertex.key] = _Step(number, text, Excerpt())
        if instruction:
            self._on_event(Step(number, max(self._total, number), text))
        return step

    def _line(self, step: _Step, line: str) -> None:
        for output in (step.output, self.output):
            output.add(line)
        self._on_event(Output(line, step.number))

    def _text(self, line: str) -> None:
        self._is_located = self._is_located or _LOCATED.match(line) is not None
        self._error = line if line.startswith("ERROR: ") else self._error
        self._last = line.strip() or self._last
        if line.strip():
            self._on_event(Output(line))
