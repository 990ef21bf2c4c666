"""Where a build's time and an image's bytes went, and what would make the next build shorter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.engine.build import StepDone
from guard.errors import without_secret
from guard.screen import counted

if TYPE_CHECKING:
    # Whoever only shows a build needs no docker SDK.
    from guard.engine.images import Layer

# Seconds from which a step is worth a word about what stands in front of it.
_LONG: Final = 60.0
# Characters of an instruction that are shown; a RUN may have twenty lines.
_BRIEF: Final = 120
_COPY: Final = re.compile(r"\s*(?:COPY|ADD)\s+(?P<words>.*)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"\s*(?:#.*)?$")
# Why a step was built anew that reads nothing of a submodule that has changed.
_NO_SUBMODULE: Final = (
    "by no submodule: the superproject's own files, a base image or the engine's cache changed"
)


class Earlier(NamedTuple):
    """The newest verdict that has passed before.

    Args:
        size: bytes of its image, 0 where that is not known.
        changed: the submodules that stand elsewhere since.
    """

    verdict: str
    size: int
    changed: Sequence[str]


class _Instruction(NamedTuple):
    """An instruction of a Dockerfile: the line where it begins, its own lines joined."""

    line: int
    text: str


def profile(
    steps: Sequence[StepDone],
    layers: Sequence[Layer],
    dockerfile: str,
    consumer: str,
    before: Earlier | None,
) -> str:
    """What a person is told of a build that has ended, in lines.

    Args:
        steps: in the order in which they ended.
        layers: the image's own and its base's, the base's first; none where there is no image.
        dockerfile: its text.
        consumer: path of the submodule.
    """
    if not steps:
        return "build profile: no steps"
    total = duration(sum(step.seconds for step in steps))
    lines = [f"build profile: {counted(len(steps), 'step')} in {total}"]
    for step in steps:
        took = "cached" if step.cached else duration(step.seconds)
        lines.append(f"  {took:>12}  {step.number}: {brief(step.text)}")
    bytes_ = sum(layer.size for layer in layers)
    if bytes_:
        against = ""
        if before is not None and before.size:
            sign = "-" if bytes_ < before.size else "+"
            than = size(abs(bytes_ - before.size))
            against = f" ({sign}{than} against verdict {before.verdict})"
        lines.append(f"image: {size(bytes_)}{against}")
        lines += [
            f"  {size(layer.size):>12}  {brief(layer.text) or '(imported)'}"
            for layer in layers
            if layer.size
        ]
    made = [step for step in steps if not step.text.upper().startswith("FROM")]
    lost = next((step for step in made if not step.cached), None)
    if lost is not None and before is not None:
        by = ", ".join(path for path in before.changed if _reads(lost.text, path))
        why = f"{by} changed since verdict {before.verdict}" if by else _NO_SUBMODULE
        lines.append(f"the cache was lost at step {lost.number}: {brief(lost.text)} ({why})")
    return "\n".join(lines + _advice(made, dockerfile, {".", consumer}))


def brief(text: str, most: int = _BRIEF) -> str:
    """A text that has no more characters than that.

    A password goes first: with its end cut off nothing shows that it is one.
    """
    text = without_secret(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def duration(seconds: float) -> str:
    """Seconds as people say them: ``4.2 s``, ``2 min 05 s``, ``1 h 02 min``."""
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def size(count: float) -> str:
    """Bytes as people say them, in powers of 1000: ``812 B``, ``4.1 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _advice(steps: Sequence[StepDone], dockerfile: str, whole: set[str]) -> list[str]:
    """Where a step that brings in everything stands in front of a long one: any change repeats it.

    Args:
        whole: sources of COPY that bring in the consumer's sources.
    """
    copy: _Instruction | None = None
    for instruction in _instructions(dockerfile):
        if instruction.text.upper().startswith("FROM "):
            copy = None
        if copy is None and _sources(instruction.text) & whole:
            copy = instruction
            continue
        words = instruction.text.split()
        seconds = max((step.seconds for step in steps if step.text.split() == words), default=0.0)
        if copy is not None and seconds >= _LONG:
            return [
                f"line {copy.line} of the Dockerfile ({brief(copy.text)}) stands in front of line "
                f"{instruction.line} ({brief(instruction.text)}), which took {duration(seconds)}: "
                "any change repeats that. Copy the manifests first, or set [image] consumer = "
                '"manifests" and [test] source'
            ]
    return []


def _instructions(dockerfile: str) -> list[_Instruction]:
    instructions: list[_Instruction] = []
    held: list[str] = []
    begins = 0
    for number, line in enumerate(dockerfile.splitlines(), start=1):
        if _HIDDEN.match(line):
            continue
        begins = begins if held else number
        held.append(line.rstrip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            instructions.append(_Instruction(begins, " ".join(held)))
            held = []
    if held:
        instructions.append(_Instruction(begins, " ".join(held)))
    return instructions


def _reads(step: str, path: str) -> bool:
    """Whether a step may read something of the submodule at a path out of the build context."""
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


def _sources(text: str) -> set[str]:
    """What COPY or ADD takes from the build context; nothing for other instructions."""
    match = _COPY.fullmatch(text)
    if match is None or "--from=" in text:
        return set()
    words = [word for word in match["words"].split() if not word.startswith("--")]
    return {word.strip("\"'[],").removeprefix("./").strip("/") or "." for word in words[:-1]}
