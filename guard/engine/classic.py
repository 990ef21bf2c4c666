"""The engine's own builder, through the SDK: Docker's classic one, Podman's Buildah."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import IO, Any, Final, cast

from docker.errors import APIError

from guard.config import Recipe
from guard.engine.baseimage import base_image, own_container
from guard.engine.build import Base, Build, Lines, OnEvent, Options, Output, Step, StepDone
from guard.engine.client import Engine, explanation
from guard.engine.context import IGNORE, Archive, Context, paths_below
from guard.engine.dockerignore import exception_for, ignore_file, read_patterns, sent
from guard.engine.failures import Excerpt, Trouble, judged
from guard.engine.settings import default_platform
from guard.errors import EngineError

# The builder wraps what a step writes to its standard error in red.
_ERROR: Final = re.compile(r"\x1b\[91m(.*)\x1b\[0m", re.DOTALL)
# While the builder looks through its cache, somebody removes any image that lies there: moby's
# `getLocalCachedImage` then fails, where it could go on.
_LOST_IMAGE: Final = re.compile(r'unable to find image "sha256:[0-9a-f]{64}"')
_TRIES: Final = 5
_BAD_REQUEST: Final = 400


def classic_build(
    engine: Engine, context: Context, recipe: Recipe, options: Options, on_event: OnEvent
) -> Build:
    """Build with the engine's own builder.

    Raises:
        EngineError: anything but a failure that is the combination's own.
    """
    paths = _paths(engine, context.folder, recipe.dockerfile)
    use_cache = not options.fresh
    link = min((path for path in paths if os.path.islink(f"{context.folder}/{path}")), default="")
    if link and not engine.facts.is_podman:
        # It files a link under what that leads to: a changed one would be served as it was before.
        use_cache = False
        on_event(Output(f"no cache: the classic builder does not tell links apart, as {link!r} is"))
    for _ in range(_TRIES):
        archive = Archive(context.folder, paths)
        progress = _progress(engine, archive, use_cache, recipe, options, on_event)
        archive.require_complete()
        trouble = progress.trouble
        if trouble is None or not _LOST_IMAGE.fullmatch(trouble.message):
            break
    steps = tuple(progress.steps)
    if trouble is not None:
        return Build(judged(trouble, context.dockerfile), steps)
    if not progress.image:
        raise EngineError(
            "the engine went away in the middle of the build",
            "start it, then run guard test again; finished steps are kept",
        )
    bases = tuple(Base(name, engine.image_id(image)) for name, image in progress.bases.items())
    return Build(progress.output.outcome("", None), steps, progress.image, bases)


def _paths(engine: Engine, folder: str, dockerfile: str) -> set[str]:
    """What the ignore file of the context lets through, as the CLI does it for this builder."""
    name = ignore_file(folder, dockerfile) if engine.facts.is_podman else IGNORE
    patterns = (*read_patterns(folder, name), *map(exception_for, (dockerfile, name)))
    paths = sent(paths_below(folder), patterns)
    # Podman would go by the other one as well.
    return paths if name == IGNORE else paths - {IGNORE}


def _progress(
    engine: Engine,
    archive: Archive,
    use_cache: bool,
    recipe: Recipe,
    options: Options,
    on_event: OnEvent,
) -> _Progress:
    """What the builder replied to its end."""
    progress = _Buildah(on_event) if engine.facts.is_podman else _Progress(on_event)
    with engine.speaking("build the image"), _lifeline(engine):
        try:
            replies = engine.api.build(
                # Any iterable of bytes will do for requests, whatever the SDK's types say.
                fileobj=cast(IO[bytes], iter(archive)),
                custom_context=True,
                decode=True,
                dockerfile=recipe.dockerfile,
                target=recipe.target or None,
                platform=recipe.platform or default_platform() or None,
                buildargs=dict(recipe.build_args),
                labels=dict(options.labels),
                # The user's proxies, as the docker CLI gives them to every build.
                use_config_proxy=True,
                nocache=not use_cache,
                pull=options.fresh,
                rm=True,
                forcerm=True,
            )
            with closing(replies):
                for reply in replies:
                    progress.take(reply)
        except APIError as error:
            # The Dockerfile is read before the first step; what is wrong there is a bad request.
            progress.stop(explanation(error), 0, refused=error.status_code == _BAD_REQUEST)
    progress.flush()
    return progress


@contextmanager
def _lifeline(engine: Engine) -> Iterator[None]:
    """Podman goes on with a step when nobody listens any more: its steps end with the block.

    They are processes in the space of a container, and the kernel ends them with its first one.
    """
    image = ""
    if engine.facts.is_podman:
        # Without one, as on a machine of another kind, the build is done all the same.
        with suppress(EngineError):
            image = base_image(engine)
    if not image:
        yield
        return
    with own_container(engine, image, "sleep", "2147483647") as name:
        engine.api.start(name)
        process = engine.api.inspect_container(name)["State"]["Pid"]
        # The network is what it is without any of this.
        spaces = [
            {"Name": "network", "Host": True},
            {"Name": "pid", "Path": f"/proc/{process}/ns/pid"},
        ]
        engine.api.params = {"nsoptions": json.dumps(spaces)}
        try:
            yield
        finally:
            engine.api.params = {}


class _Progress:
    """Reads the classic builder's replies.

    Attributes:
        output: of all steps.
        steps: those that have ended well.
        bases: name of an image that the build started or copied from -> what the engine has it by.
        image: id of the last stage's, "" where there is none.
        trouble: why it stopped, None where it did not.
    """

    _STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
    _MADE = re.compile(r" ---> ([0-9a-f]{12})\n")
    _OWN = re.compile(
        r" ---> .*\n|Removing intermediate container [0-9a-f]{12}\n|Successfully built .*\n|\n"
    )

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._lines = Lines(self._line)
        self._errors = Lines(self._line)
        self._step = StepDone(0, "", 0.0, False)
        self._began = 0.0
        self._made = ""
        self._stages = set[str]()
        self.output = Excerpt()
        self.steps: list[StepDone] = []
        self.bases: dict[str, str] = {}
        self.image = ""
        self.trouble: Trouble | None = None

    def take(self, reply: dict[str, Any]) -> None:
        """One reply. The last image of several stages is the result."""
        if "errorDetail" in reply or "error" in reply:
            detail = reply.get("errorDetail") or {}
            self.stop(
                str(detail.get("message") or reply.get("error")), int(detail.get("code") or 0)
            )
        elif "aux" in reply:
            self.image = str((reply["aux"] or {}).get("ID", "")) or self.image
        elif "stream" in reply:
            self._stream(str(reply["stream"]))
        elif "status" in reply and not reply.get("progressDetail"):
            name = f"{reply['id']}: " if reply.get("id") else ""
            self._lines.feed(f"{name}{reply['status']}\n")

    def stop(self, message: str, status: int, refused: bool = False) -> None:
        """The builder has stopped; `refused` it before the first step."""
        self._end_lines()
        self._made = ""
        step = self._step.text
        self.trouble = Trouble(message, status, step, self.output, buildkit=False, refused=refused)

    def flush(self) -> None:
        """There are no more replies: the step that it was at has ended, if it made an image."""
        self._end_lines()
        if not self._made:
            return
        step = self._step._replace(seconds=time.monotonic() - self._began)
        self.steps.append(step)
        self._on_event(step)
        words = [word for word in step.text.split() if not word.startswith("--")]
        if words[0].upper() == "FROM" and len(words) > 1:
            if words[1] not in self._stages:
                self.bases.setdefault(words[1], self._made)
            if len(words) == 4 and words[2].upper() == "AS":
                self._stages.add(words[3])
        for name in re.findall(r"(?i)^COPY\s.*?--from=(\S+)", step.text):
            if name not in self._stages and not name.isdigit():
                self.bases.setdefault(name, name)
        self._made = ""

    def _stream(self, text: str) -> None:
        begins = self._STEP.fullmatch(text)
        if begins and int(begins[1]) == self._step.number + 1:
            self._begin(int(begins[2]), begins[3].strip())
            return
        if text == " ---> Using cache\n":
            self._step = self._step._replace(cached=True)
        made = self._MADE.fullmatch(text)
        if made:
            self._made = made[1]
        if not self._OWN.fullmatch(text):
            error = _ERROR.fullmatch(text)
            if error:
                self._errors.feed(error[1])
            else:
                self._lines.feed(text)

    def _begin(self, total: int, text: str) -> None:
        self.flush()
        self._step = StepDone(self._step.number + 1, text, 0.0, False)
        self._began = time.monotonic()
        self._on_event(Step(self._step.number, total, text))

    def _line(self, line: str) -> None:
        self.output.add(line)
        self._on_event(Output(line, self._step.number))

    def _end_lines(self) -> None:
        self._lines.flush()
        self._errors.flush()


class _Buildah(_Progress):
    """Reads Buildah's replies: each stage counts its own steps, and FROM makes no image."""

    _STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP (\d+)/(\d+): (.*)", re.DOTALL)
    _MADE = re.compile(r"--> (Using cache )?([0-9a-f]{12,64})\n")
    _OWN = re.compile(r"(?:\[\d+/\d+\] )?COMMIT\n|[0-9a-f]{64}\n|Successfully built .*\n")
    # It tells of its runtime's failure as of a step's output, and then has the runtime's status.
    _RUNTIME = re.compile(r"(?ms)^error running container: from \S+ creating container for .*")

    def __init__(self, on_event: OnEvent) -> None:
        super().__init__(on_event)
        self._number = 0

    def stop(self, message: str, status: int, refused: bool = False) -> None:
        self._end_lines()
        last = re.search(self._RUNTIME, "\n".join(self.output.tail))
        if last:
            message = last[0].replace('\\"', '"')
        super().stop(message, status, refused)

    def _stream(self, text: str) -> None:
        begins = self._STEP.fullmatch(text)
        made = self._MADE.fullmatch(text)
        if begins and int(begins[1]) in (1, self._number + 1):
            self._number = int(begins[1])
            step = begins[3].strip()
            self._begin(self._step.number + 1 - self._number + int(begins[2]), step)
            words = [word for word in step.split() if not word.startswith("--")]
            if words[0].upper() == "FROM":
                self._made = words[1]
        elif made:
            self._made = made[2]
            self._step = self._step._replace(cached=self._step.cached or made[1] is not None)
        elif not self._OWN.fullmatch(text):
            self._lines.feed(text)
