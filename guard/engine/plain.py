"""BuildKit's progress as plain text (``--progress=plain``) turned into events.

Every line says which vertex it belongs to: ``#5 [2/3] RUN make`` names it, ``#5 0.218 text`` is
its output, ``#5 CACHED``, ``#5 DONE 0.2s`` and ``#5 ERROR: ...`` end it, ``#5 ...`` only says that
another one speaks. What follows without a number is the client's summary.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from guard.engine.build import StepRecord
from guard.engine.events import OnEvent, Output, Step, StepDone
from guard.engine.excerpt import Excerpt
from guard.engine.failures import Trouble

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


class _Vertex(NamedTuple):
    name: str
    number: int
    text: str


class PlainProgress:
    """Reads the lines of one build.

    Args:
        dockerfile: its text; says about how many steps there will be.
    """

    def __init__(self, dockerfile: str, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._total = len(_COUNTED.findall(dockerfile))
        self._vertices: dict[str, _Vertex] = {}
        self._count = 0
        self._output = Excerpt()
        self._outputs: dict[str, Excerpt] = {}
        self._failed: _Vertex | None = None
        self._message = ""
        self._last = ""
        self.steps: list[StepRecord] = []

    def take(self, line: str) -> None:
        """One line of what the client tells."""
        match = _LINE.fullmatch(line)
        if match is None:
            self._summary(line)
        elif match[1] in self._vertices:
            self._about(match[1], self._vertices[match[1]], match[2])
        else:
            self._begin(match[1], match[2])

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines of output, of the failing step where there is one."""
        return self._output.tail

    @property
    def words(self) -> str:
        """Those of the output that tell why it failed."""
        return self._output.words

    @property
    def base_names(self) -> list[str]:
        """The images that steps start from, as BuildKit names them."""
        words = (step.text.split() for step in self.steps)
        return list(dict.fromkeys(each[1] for each in words if each[0].upper() == "FROM"))

    def trouble(self) -> Trouble:
        """What a build that has failed said."""
        message = self._message or self._last
        step = self._failed.text if self._failed is not None else ""
        if self.tail and _RUNTIME.match(self.tail[-1]):
            # The status is then the runtime's own: the program never started.
            return Trouble(self.tail[-1], 0, step, self.tail, buildkit=True)
        status = _STATUS.search(message)
        code = int(status[1]) if status else 0
        return Trouble(_FRONTEND.sub("", message), code, step, self.tail, buildkit=True)

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
            self._output = self._outputs[key]
        elif done or said == "CACHED":
            self._end(vertex, float(done[1]) if done else 0.0, done is None)
        elif said in ("...", vertex.name, "CANCELED") or _PROGRESS.match(said):
            # Said again when the output comes back to it, or how far a transfer has got.
            return
        else:
            output = _OUTPUT.fullmatch(said)
            self._say(key, vertex.number, output[1] if output else said)

    def _end(self, vertex: _Vertex, seconds: float, cached: bool) -> None:
        if vertex.number and vertex.number not in {step.number for step in self.steps}:
            self.steps.append(StepRecord(vertex.number, vertex.text, seconds, cached))
            self._on_event(StepDone(vertex.number, seconds, cached))

    def _say(self, key: str, number: int, text: str) -> None:
        self._outputs[key].add(text)
        if self._failed is None:
            self._output.add(text)
        self._on_event(Output(text, number))

    def _summary(self, line: str) -> None:
        if line.strip():
            self._last = line.strip()
