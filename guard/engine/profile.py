"""Where a build's time and an image's bytes went, and what would make the next build shorter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.engine.build import StepDone

if TYPE_CHECKING:
    from guard.engine.images import Layer

# Seconds from which a step is worth a word about what stands in front of it.
LONG: Final = 60.0

_COPY: Final = re.compile(r"\s*(?:COPY|ADD)\s+(?P<words>.*)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"\s*(?:#.*)?$")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile.

    Args:
        line: 1-based, where it begins.
        text: on one line, its continuation lines joined.
    """

    line: int
    text: str


class Advice(NamedTuple):
    """A step that brings in everything stands in front of a long one: any change repeats it.

    Args:
        copy: the instruction that copies.
        long: the instruction that took long.
        seconds: how long that was.
    """

    copy: Instruction
    long: Instruction
    seconds: float


class Profile(NamedTuple):
    """What is worth knowing about a build that has ended well.

    Args:
        steps: in the order in which they ended.
        first_lost: the first step that was not in the cache though it could have been, None where
            all were.
        layers: the image's own and its base's, the base's first.
        advice: None where no change of the Dockerfile suggests itself.
    """

    steps: tuple[StepDone, ...]
    first_lost: StepDone | None
    layers: tuple[Layer, ...]
    advice: Advice | None

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.layers)


def profile(
    steps: Sequence[StepDone],
    layers: Sequence[Layer],
    dockerfile: str,
    whole: Sequence[str] = (".",),
    long: float = LONG,
) -> Profile:
    """What a build's steps and an image's layers tell.

    Args:
        dockerfile: its text.
        whole: sources of COPY that bring in the consumer's sources, e.g. ``.`` and ``aula``.
        long: seconds from which a step is long.
    """
    counted = [step for step in steps if not step.text.upper().startswith("FROM")]
    lost = next((step for step in counted if not step.cached), None)
    return Profile(tuple(steps), lost, tuple(layers), _advice(counted, dockerfile, whole, long))


def instructions(dockerfile: str) -> list[Instruction]:
    """The instructions of a Dockerfile with their lines; comments and empty lines are none."""
    found: list[Instruction] = []
    held: list[str] = []
    begun = 0
    for number, line in enumerate(dockerfile.splitlines(), start=1):
        if _HIDDEN.match(line):
            continue
        begun = begun if held else number
        held.append(line.rstrip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            found.append(Instruction(begun, " ".join(held)))
            held = []
    if held:
        found.append(Instruction(begun, " ".join(held)))
    return found


def _advice(
    steps: Sequence[StepDone], dockerfile: str, whole: Sequence[str], long: float
) -> Advice | None:
    known = instructions(dockerfile)
    copying: Instruction | None = None
    for instruction in known:
        if instruction.text.upper().startswith("FROM "):
            copying = None
        if copying is None and _brings_all(instruction.text, whole):
            copying = instruction
        seconds = max((s.seconds for s in steps if _same(s.text, instruction.text)), default=0.0)
        if copying is not None and instruction is not copying and seconds >= long:
            return Advice(copying, instruction, seconds)
    return None


def reads(step: str, path: str) -> bool:
    """Whether a step may read something of a submodule out of the build context.

    Args:
        step: the instruction as the builder shows it.
        path: of the submodule, from the context's root.
    """
    if re.match(r"\s*RUN\b.*--mount=\S*\btype=bind\b", step, re.IGNORECASE):
        return True
    return any(
        # What a pattern or a variable fits is not looked up.
        source == "."
        or re.search(r"[*?\[\\$]", source) is not None
        or f"{path}/".startswith(f"{source}/")
        or source.startswith(f"{path}/")
        for source in _sources(step)
    )


def _brings_all(text: str, whole: Sequence[str]) -> bool:
    return bool(_sources(text) & set(whole))


def _sources(text: str) -> set[str]:
    """What COPY or ADD takes from the build context; nothing for other instructions."""
    match = _COPY.fullmatch(text)
    if match is None or "--from=" in text:
        return set()
    words = [word for word in match["words"].split() if not word.startswith("--")]
    return {word.strip("\"'[],").removeprefix("./").strip("/") or "." for word in words[:-1]}


def _same(step: str, instruction: str) -> bool:
    """Whether a builder's text of a step is that instruction; variables may be filled in."""
    return " ".join(step.split()) == " ".join(instruction.split())
