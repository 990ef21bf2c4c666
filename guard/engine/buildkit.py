"""BuildKit, driven through the docker CLI: cache mounts and stages side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path

from guard.config import Recipe
from guard.engine.build import Base, Build, Options, sent
from guard.engine.cli import BuildkitCli, converse, kill, start
from guard.engine.client import Engine
from guard.engine.context import Context
from guard.engine.endings import shielded
from guard.engine.events import Event, OnEvent, Step
from guard.engine.failures import reason
from guard.engine.plain import PlainProgress
from guard.engine.strays import StepNotes
from guard.errors import EngineError


def buildkit_build(
    cli: BuildkitCli,
    engine: Engine,
    context: Context,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
    notes: StepNotes,
) -> Build:
    """Build with BuildKit, the context on the CLI's standard input.

    Raises:
        EngineError: anything but a failure that is the combination's own.
        MissingObjectError, GitError: the context could not be sent to its end.
    """
    dockerfile = context.dockerfile().decode(errors="replace")
    progress = PlainProgress(dockerfile, _noting(on_event, notes))
    with tempfile.TemporaryDirectory(prefix="guard-build-") as folder:
        answer = Path(folder) / "image"
        process = start(engine, _command(cli, recipe, options, answer))
        try:
            for line in converse(process, sent(context, on_event)):
                progress.take(line)
            status = process.wait()
        finally:
            # Killed before its input is closed: an end of the tar would look like the whole of it.
            with shielded():
                kill(process)
        image = answer.read_text().strip() if answer.exists() else ""
    if status != 0:
        # What the CLI says of an engine that has gone says nothing.
        with engine.speaking("build the image"):
            engine.api.ping()
    if status != 0 and not context.complete:
        raise EngineError(f"{cli.version} did not read the build context: {progress.trouble()[0]}")
    context.require_complete()
    if status < 0:
        raise EngineError(f"{cli.version} was killed by signal {-status}", "run guard test again")
    steps = tuple(progress.steps)
    if status != 0:
        trouble = progress.trouble()
        failure = reason(trouble, dockerfile)
        return Build("", failure, trouble.status or None, steps, (), progress.tail)
    # The CLI may have gone elsewhere, or a builder of its own may keep the image to itself.
    image = engine.image_id(image) if image else ""
    if not image:
        raise EngineError(f"{cli.version} ended well, but made no image")
    return Build(image, "", None, steps, _bases(engine, progress), progress.tail)


def _noting(on_event: OnEvent, notes: StepNotes) -> OnEvent:
    def told(event: Event) -> None:
        if isinstance(event, Step):
            notes.step(event.text)
        on_event(event)

    return told


def _command(cli: BuildkitCli, recipe: Recipe, options: Options, answer: Path) -> list[str]:
    command = [*cli.command, "--progress=plain", f"--iidfile={answer}", "--file", recipe.dockerfile]
    if cli.is_buildx:
        # Into the engine, whatever builder is in use; and no attestation that changes every id.
        command += ["--load", "--provenance=false"]
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


def _bases(engine: Engine, progress: PlainProgress) -> tuple[Base, ...]:
    found = []
    for name in progress.base_names:
        plain, _, digest = name.partition("@")
        found.append(Base(plain, digest or engine.image_id(plain)))
    return tuple(found)
