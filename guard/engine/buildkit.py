"""BuildKit, driven through the docker CLI: cache mounts and stages side by side.

What it tells comes as plain text (``--progress=plain``). Every line says which vertex it belongs
to: ``#5 [2/3] RUN make`` names it, ``#5 0.218 text`` is its output, ``#5 CACHED``, ``#5 DONE 0.2s``
and ``#5 ERROR: ...`` end it, ``#5 ...`` only says that another one speaks. What follows without a
number is the client's summary.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import Recipe
from guard.engine.build import Base, Build, OnEvent, Options, Output, Step, StepDone
from guard.engine.cli import BuildkitCli, kill, lines_of, start
from guard.engine.context import Context, Prepared
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


class CliBuild:
    """A build by the CLI, which goes on until it ends or is closed.

    Args:
        host: URL of the engine, "" for the one that the CLI finds by itself.
    """

    def __init__(
        self, cli: BuildkitCli, context: Context, recipe: Recipe, options: Options, host: str = ""
    ) -> None:
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
            kill(self._process)
            self._private.close()

    def _command(
        self, cli: BuildkitCli, context: Context, recipe: Recipe, options: Options
    ) -> list[str]:
        command = [*cli.command, "--progress=plain", f"--iidfile={self._image}"]
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
    return CliBuild(cli, prepared.context, prepared.recipe, options) if cli is not None else None


def buildkit_build(
    cli: BuildkitCli,
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
    steps = tuple(progress.steps)
    if status != 0:
        return Build(judged(progress.trouble(), context.dockerfile), steps)
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
