"""The engine's classic builder, through the SDK: there on every engine of Docker's."""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import IO, Any, Final, cast

from docker.errors import APIError

from guard.config import Recipe
from guard.engine.build import Base, Build, Options, StepRecord, sent
from guard.engine.client import Engine, explanation
from guard.engine.context import Context
from guard.engine.events import Lines, OnEvent, Output, Step, StepDone
from guard.engine.excerpt import Excerpt
from guard.engine.failures import Trouble, reason
from guard.errors import EngineError

# The builder wraps what a step writes to its standard error in red.
_ERROR: Final = re.compile(r"\x1b\[91m(.*)\x1b\[0m", re.DOTALL)
# While the builder looks through its cache, somebody removes any image that lies there: moby's
# `getLocalCachedImage` then fails, where it could go on.
_LOST_IMAGE: Final = re.compile(r'unable to find image "sha256:[0-9a-f]{64}"')
_TRIES: Final = 5


def classic_build(
    engine: Engine,
    context: Context,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
) -> Build:
    """Build with the engine's classic builder.

    Raises:
        EngineError: anything but a failure that is the combination's own.
        MissingObjectError, GitError: the context could not be sent to its end.
    """
    dockerfile = context.dockerfile().decode(errors="replace")
    for _ in range(_TRIES):
        progress = _progress(engine, context, recipe, options, on_event)
        if not progress.lost_an_image:
            break
    return progress.result(engine, context, dockerfile)


def _progress(
    engine: Engine,
    context: Context,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
) -> _Progress:
    """What the builder replied to its end."""
    progress = _Progress(on_event)
    with engine.speaking("build the image"):
        try:
            replies = engine.api.build(
                # Any iterable of bytes will do for requests, whatever the SDK's types say.
                fileobj=cast(IO[bytes], sent(context, on_event)),
                custom_context=True,
                decode=True,
                dockerfile=recipe.dockerfile,
                target=recipe.target or None,
                platform=recipe.platform or None,
                buildargs=dict(recipe.build_args),
                labels=dict(options.labels),
                # The user's proxies, as the docker CLI gives them to every build.
                use_config_proxy=True,
                nocache=options.fresh,
                pull=options.fresh,
                rm=True,
                forcerm=True,
            )
            with closing(replies):
                for reply in replies:
                    progress.take(reply)
        except APIError as error:
            # The Dockerfile is read before the first step; what is wrong then is the answer itself.
            progress.trouble(explanation(error), 0)
    return progress


class _Progress:
    """Reads the classic builder's replies."""

    _STEP: Final = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
    _MADE: Final = re.compile(r" ---> ([0-9a-f]{12})\n")
    _OWN: Final = re.compile(
        r" ---> .*\n|Removing intermediate container [0-9a-f]{12}\n|Successfully built .*\n|\n"
    )

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._lines = Lines(self._line)
        self._errors = Lines(self._line)
        self._output = Excerpt()
        self._steps: list[StepRecord] = []
        self._step = StepRecord(0, "", 0.0, False)
        self._begun = 0.0
        self._total = 0
        self._image = ""
        self._trouble: Trouble | None = None

    def take(self, reply: dict[str, Any]) -> None:
        """One reply. The last image of several stages is the result."""
        if "errorDetail" in reply or "error" in reply:
            detail = reply.get("errorDetail") or {}
            message = str(detail.get("message") or reply.get("error"))
            self.trouble(message, int(detail.get("code") or 0))
        elif "aux" in reply:
            self._image = str((reply["aux"] or {}).get("ID", "")) or self._image
        elif "stream" in reply:
            self._stream(str(reply["stream"]))
        elif "status" in reply and not reply.get("progressDetail"):
            name = f"{reply['id']}: " if reply.get("id") else ""
            self._lines.feed(f"{name}{reply['status']}\n")

    @property
    def lost_an_image(self) -> bool:
        """Whether the build failed over an image of the cache that was removed meanwhile."""
        return self._trouble is not None and bool(_LOST_IMAGE.fullmatch(self._trouble.message))

    def trouble(self, message: str, status: int) -> None:
        """The builder has stopped."""
        self._flush()
        self._trouble = Trouble(message, status, self._step.text, self._output.tail)

    def result(self, engine: Engine, context: Context, dockerfile: str) -> Build:
        """What it came to; see `classic_build` for what is raised."""
        self._end_step()
        context.require_complete()
        steps, output = tuple(self._steps), self._output
        if self._trouble is not None:
            failure = reason(self._trouble, dockerfile)
            return Build(
                "", failure, self._trouble.status or None, steps, (), output.tail, output.words
            )
        if not self._image:
            raise EngineError(
                "the engine went away in the middle of the build",
                "start it, then run guard test again; finished steps are kept",
            )
        return Build(self._image, "", None, steps, self._bases(engine), output.tail)

    def _stream(self, text: str) -> None:
        begun = self._STEP.fullmatch(text)
        if begun and int(begun[1]) == self._step.number + 1:
            self._end_step()
            self._total = int(begun[2])
            self._step = StepRecord(int(begun[1]), begun[3].strip(), 0.0, False)
            self._begun = time.monotonic()
            self._on_event(Step(self._step.number, self._total, self._step.text))
            return
        if text == " ---> Using cache\n":
            self._step = self._step._replace(cached=True)
        made = self._MADE.fullmatch(text)
        if made:
            self._step = self._step._replace(image=made[1])
        if not self._OWN.fullmatch(text):
            error = _ERROR.fullmatch(text)
            if error:
                self._errors.feed(error[1])
            else:
                self._lines.feed(text)

    def _line(self, line: str) -> None:
        self._output.add(line)
        self._on_event(Output(line, self._step.number))

    def _flush(self) -> None:
        self._lines.flush()
        self._errors.flush()

    def _end_step(self) -> None:
        self._flush()
        if self._step.number and self._step.image:
            step = self._step._replace(seconds=time.monotonic() - self._begun)
            self._steps.append(step)
            self._on_event(StepDone(step.number, step.seconds, step.cached))
        self._step = self._step._replace(image="")

    def _bases(self, engine: Engine) -> tuple[Base, ...]:
        found: dict[Base, None] = {}
        stages = set()
        for step in self._steps:
            words = [word for word in step.text.split() if not word.startswith("--")]
            if len(words) < 2 or words[0].upper() != "FROM":
                continue
            if words[1] not in stages:
                found[Base(words[1], engine.image_id(step.image))] = None
            if len(words) == 4 and words[2].upper() == "AS":
                stages.add(words[3])
        return tuple(found)
