"""BuildKit, driven through the docker CLI: cache mounts and stages side by side.

What it tells comes as plain text (``--progress=plain``). Every line says which vertex it belongs
to: ``#5 [2/3] RUN make`` names it, ``#5 0.218 text`` is its output, ``#5 CACHED``, ``#5 DONE 0.2s``
and ``#5 ERROR: ...`` end it, ``#5 ...`` only says that another one speaks. What follows without a
number is the client's summary.
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import Recipe
from guard.engine.build import Base, Build, Event, OnEvent, Options, Output, Step, StepDone, sent
from guard.engine.cli import BuildkitCli, converse, kill, start
from guard.engine.context import Context
from guard.engine.endings import shielded
from guard.engine.failures import Excerpt, Trouble, judged
from guard.errors import EngineError
from guard.git.files import private_folder

if TYPE_CHECKING:
    # A build begins while the docker SDK is still on its way.
    from guard.engine.client import Engine

_LINE: Final = re.compile(r"#(\d+) (.*)")
_OUTPUT: Final = re.compile(r"\d+\.\d+ ?(.*)")
_DONE: Final = re.compile(r"DONE (\d+(?:\.\d+)?)s")
_INSTRUCTION: Final = re.compile(r"\[(?!internal\])[^\]]*\] (.*)")
_STATUS: Final = re.compile(r"exit code: (\d+)")
_LIBRARY: Final = re.compile(r"^(FROM )docker\.io/(?:library/)?")
_RUNTIME: Final = re.compile(r"runc run failed: |container_linux\.go:")
_FRONTEND: Final = re.compile(r"^(?:ERROR: |failed to (?:build|solve|create)\b[^:]*: )+")
_PROGRESS: Final = re.compile(
    r"sha256:[0-9a-f]{64}|(?:exporting|writing|naming|transferring|resolve|extracting|unpacking)\b"
)
_COUNTED: Final = re.compile(r"^\s*(?:FROM|RUN|COPY|ADD|WORKDIR)\b", re.IGNORECASE | re.MULTILINE)


class _Answers(NamedTuple):
    """The files in which a CLI says which image it made.

    Args:
        image: the id that ``--iidfile`` gets: the digest of the image's configuration.
        metadata: what ``--metadata-file`` gets, a JSON object; buildx alone writes it.
    """

    image: Path
    metadata: Path

    @classmethod
    def within(cls, folder: Path) -> _Answers:
        return cls(folder / "image", folder / "metadata")

    def ids(self) -> tuple[str, ...]:
        """What the engine may know the image by; none where no image was made.

        That is the digest of its configuration, with the containerd image store of its manifest.
        """
        image = self.image.read_text().strip() if self.image.exists() else ""
        metadata = json.loads(self.metadata.read_bytes()) if self.metadata.exists() else {}
        return tuple(filter(None, (image, metadata.get("containerimage.digest"))))


class CliBuild:
    """A build by the CLI, which is started at once and waits for `send`; then it goes on, in
    threads, until it ends or is closed.

    Attributes:
        dockerfile: its text, once that is sent.
    """

    def __init__(self, cli: BuildkitCli, recipe: Recipe, options: Options, host: str = "") -> None:
        self.dockerfile = ""
        self._context: Context | None = None
        self._thread: threading.Thread | None = None
        self._told: queue.SimpleQueue[str | Event | BaseException | None] = queue.SimpleQueue()
        self._private = ExitStack()
        self._answers = _Answers.within(Path(self._private.enter_context(private_folder())))
        self._closed = False
        try:
            self._process = start(_command(cli, recipe, options, self._answers), host)
        except BaseException:
            self._private.close()
            raise

    def send(self, context: Context) -> None:
        """Give it the build context.

        Raises:
            GuardError: there is no Dockerfile in it.
        """
        self.dockerfile = context.dockerfile().decode(errors="replace")
        # None that is not under way yet can be waited for.
        with shielded():
            self._context = context
            self._thread = threading.Thread(target=self._converse, args=(context,), daemon=True)
            self._thread.start()

    def lines(self, on_event: OnEvent) -> Iterator[str]:
        """What the CLI tells, line by line, to its end. Raises what reading the context raised."""
        while (told := self._told.get()) is not None:
            if isinstance(told, BaseException):
                raise told
            if isinstance(told, str):
                yield told
            else:
                on_event(told)

    def ended(self) -> tuple[int, tuple[str, ...]]:
        """The exit status and what the engine may know the image by, after the last line."""
        status = self._process.wait()
        # One that was killed may have left half a file.
        return status, self._answers.ids() if status == 0 else ()

    def close(self) -> None:
        """End it, where it has not ended; harmless the second time."""
        if self._closed:
            return
        self._closed = True
        # Killed before its input is closed: an end of the tar would look like the whole of it.
        with shielded():
            kill(self._process)
            if self._thread is not None and self._context is not None:
                self._thread.join()
                self._context.abandon()
            self._private.close()

    def _converse(self, context: Context) -> None:
        try:
            for line in converse(self._process, sent(context, self._told.put)):
                self._told.put(line)
            self._told.put(None)
        except BaseException as error:
            self._told.put(error)


def begin(
    builder: str, recipe: Recipe, options: Options, find: Callable[[], BuildkitCli | None]
) -> CliBuild | None:
    """Start the CLI before the engine was asked for anything; None where that must come first.

    The engine that the CLI finds by itself is the one that `Engine.connect` finds.

    Args:
        builder: ``auto``, ``buildkit`` or ``classic``.
        find: gives the CLI.
    """
    cli = find() if builder != "classic" else None
    return CliBuild(cli, recipe, options) if cli is not None else None


def buildkit_build(
    cli: BuildkitCli,
    begun: CliBuild | None,
    engine: Engine,
    context: Context,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
) -> Build:
    """Build with BuildKit, the context on the CLI's standard input.

    Args:
        begun: this very build, where its context is being sent already.

    Raises:
        EngineError: anything but a failure that is the combination's own.
        MissingObjectError, GitError: the context could not be sent to its end.
    """
    work = begun or CliBuild(cli, recipe, options, engine.given_host)
    try:
        if begun is None:
            work.send(context)
        dockerfile = work.dockerfile
        progress = _Progress(dockerfile, on_event)
        for line in work.lines(on_event):
            progress.take(line)
        status, ids = work.ended()
    finally:
        work.close()
    if status != 0:
        # What the CLI says of an engine that has gone says nothing.
        with engine.speaking("build the image"):
            engine.api.ping()
    if status != 0 and not context.complete:
        raise EngineError(
            f"{cli.version} did not read the build context: {progress.trouble().message}"
        )
    context.require_complete()
    if status < 0:
        raise EngineError(f"{cli.version} was killed by signal {-status}", "run guard test again")
    steps = tuple(progress.steps)
    if status != 0:
        return Build(judged(progress.trouble(), dockerfile), steps)
    # The CLI may have gone elsewhere, or a builder of its own may keep the image to itself.
    image = next(filter(None, map(engine.image_id, ids)), "")
    if not image:
        raise EngineError(f"{cli.version} ended well, but made no image")
    bases = []
    for step in steps:
        word, *words = step.text.split()
        if word.upper() == "FROM":
            name, _, digest = words[0].partition("@")
            bases.append(Base(name, digest or engine.image_id(name)))
    return Build(progress.output.outcome("", None), steps, image, tuple(dict.fromkeys(bases)))


def _command(cli: BuildkitCli, recipe: Recipe, options: Options, answers: _Answers) -> list[str]:
    command = [*cli.command, "--progress=plain", f"--iidfile={answers.image}"]
    command += ["--file", recipe.dockerfile]
    if cli.is_buildx:
        # Into the engine, whatever builder is in use; and no attestation that changes every id.
        command += ["--load", "--provenance=false", f"--metadata-file={answers.metadata}"]
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
    return [*command, "-"]


class _Vertex(NamedTuple):
    """A piece of a build; one that is no instruction has the number 0."""

    name: str
    number: int
    text: str


class _Progress:
    """Reads the lines of one build.

    Args:
        dockerfile: its text; says about how many steps there will be.

    Attributes:
        output: of the failing step where there is one, else of all.
        steps: those that have ended well.
    """

    def __init__(self, dockerfile: str, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._total = len(_COUNTED.findall(dockerfile))
        self._vertices: dict[str, _Vertex] = {}
        self._count = 0
        self.output = Excerpt()
        self._outputs: dict[str, Excerpt] = {}
        self._failed: _Vertex | None = None
        self._message = ""
        self._last = ""
        self.steps: list[StepDone] = []

    def take(self, line: str) -> None:
        """One line of what the client tells."""
        match = _LINE.fullmatch(line)
        if match is None:
            self._last = line.strip() or self._last
        elif match[1] in self._vertices:
            self._about(match[1], self._vertices[match[1]], match[2])
        else:
            self._begin(match[1], match[2])

    def trouble(self) -> Trouble:
        """What a build that has failed said."""
        message = self._message or self._last
        step = self._failed.text if self._failed is not None else ""
        tail = self.output.tail
        if tail and _RUNTIME.match(tail[-1]):
            # The status is then the runtime's own: the program never started.
            return Trouble(tail[-1], 0, step, self.output, buildkit=True)
        status = _STATUS.search(message)
        code = int(status[1]) if status else 0
        return Trouble(_FRONTEND.sub("", message), code, step, self.output, buildkit=True)

    def _begin(self, key: str, name: str) -> None:
        instruction = _INSTRUCTION.fullmatch(name)
        # The classic builder shows the name as it stands in the Dockerfile.
        text = _LIBRARY.sub(r"\1", instruction[1]) if instruction else name
        if instruction:
            self._count += 1
        number = self._count if instruction else 0
        self._vertices[key] = _Vertex(name, number, text)
        self._outputs[key] = Excerpt()
        if instruction:
            self._on_event(Step(number, max(self._total, number), text))

    def _about(self, key: str, vertex: _Vertex, said: str) -> None:
        done = _DONE.fullmatch(said)
        if said.startswith("ERROR: "):
            self._failed, self._message = vertex, said.removeprefix("ERROR: ")
            self.output = self._outputs[key]
        elif done or said == "CACHED":
            if vertex.number and vertex.number not in {step.number for step in self.steps}:
                seconds = float(done[1]) if done else 0.0
                self.steps.append(StepDone(vertex.number, vertex.text, seconds, done is None))
                self._on_event(self.steps[-1])
        elif said in ("...", vertex.name, "CANCELED") or _PROGRESS.match(said):
            # Said again when the output comes back to it, or how far a transfer has got.
            return
        else:
            output = _OUTPUT.fullmatch(said)
            text = output[1] if output else said
            self._outputs[key].add(text)
            if self._failed is None:
                self.output.add(text)
            self._on_event(Output(text, vertex.number))
