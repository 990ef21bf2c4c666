"""Whose fault a failed build is: the combination's, which is a verdict, or the engine's.

Only what the combination itself says can be a verdict: a RUN that fails, a Dockerfile that does
not parse, a source of COPY that is not there. All else, and everything that is not known here, is
trouble of the engine and no verdict. The texts are those of moby 20.10 to 28 and of BuildKit.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from guard.errors import EngineError


class BaseImageError(EngineError):
    """A base image could not be had."""


class Trouble(NamedTuple):
    """What a builder said when it stopped.

    Args:
        message: its last words.
        status: exit status of the failing RUN, 0 where there was none.
        step: text of the step that failed, "" where none had begun.
        tail: the last lines of output.
        buildkit: whether BuildKit was the builder.
    """

    message: str
    status: int = 0
    step: str = ""
    tail: tuple[str, ...] = ()
    buildkit: bool = False


_FULL: Final = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_NETWORK: Final = re.compile(
    r"dial tcp|no such host|i/o timeout|TLS handshake|connection refused|connection reset"
    r"|toomanyrequests|server misbehaving|net/http|unexpected EOF",
    re.IGNORECASE,
)
_NO_BASE: Final = re.compile(
    r"pull access denied|manifest (?:for .* |unknown|not found)|repository does not exist"
    r"|failed to resolve source metadata|not found: does not exist|failed to load metadata"
    r"|failed to resolve reference|failed to do request|No such image",
    re.IGNORECASE,
)
_NEEDS_BUILDKIT: Final = re.compile(r"requires? BuildKit|BuildKit (?:is|needs|component)", re.I)
# A RUN of which not even the program started, by the container runtime's words.
_NOT_STARTED: Final = re.compile(
    r'exec: ".*": .*(?:executable file not found|no such file or directory|permission denied'
    r"|is a directory)|exec format error|unable to find (?:user|group)",
    re.DOTALL,
)
_COMBINATIONS_FAULT: Final = re.compile(
    r"dockerfile parse error|failed to parse Dockerfile|Dockerfile .*cannot be empty"
    r"|file with no instructions|no build stage in current context|failed to reach build target"
    r"|target stage .* could not be found|base name \(.*\) should not be blank"
    r"|invalid reference format|failed to process \"|unknown instruction|unknown flag"
    r"|circular dependency detected"
    r"|(?:COPY|ADD) failed: (?:file not found in build context|no source files were specified"
    r"|forbidden path|(?:stat|lstat) .*(?:file does not exist|no such file or directory))"
    r"|failed to (?:compute cache key|calculate checksum).*not found"
    r"|^\"/.*\" not found"
    r"|^lstat .*: no such file or directory",
    re.IGNORECASE | re.DOTALL,
)
_BUILDKIT_ONLY: Final = re.compile(
    r"^\s*#\s*syntax\s*=|^\s*(?:RUN|COPY|ADD)\b.*(?:<<-?[\"']?\w|--(?:mount|link|chmod|parents"
    r"|exclude|network|security|checksum)\b)",
    re.IGNORECASE | re.MULTILINE,
)
# The statuses of a program that SIGKILL or SIGTERM ended: by the kernel for want of memory, by an
# engine that shuts down, by hand. None of them says anything about the combination.
_KILLED: Final = frozenset({137, 143})


def reason(trouble: Trouble, dockerfile: str) -> str:
    """Why the build failed, in one line, where the combination is to blame.

    Args:
        dockerfile: the Dockerfile's text.

    Raises:
        EngineError: it is the engine's trouble, or it cannot be known whose.
    """
    message = trouble.message.strip()
    lines = (message, *trouble.tail)
    if any(_FULL.search(line) for line in lines):
        raise EngineError(
            f"the engine's disk is full: {_first(message)}",
            "make room on it: docker system df; docker builder prune; docker image prune",
        )
    if trouble.status in _KILLED:
        raise EngineError(
            f"the step was killed (exit status {trouble.status}): {trouble.step}",
            "look for want of memory (dmesg) or a stopped engine, then run guard test again",
        )
    if trouble.status:
        return f"exit status {trouble.status}: {trouble.step}"
    newer = re.search("parse error|unknown flag", message, re.IGNORECASE)
    if _NEEDS_BUILDKIT.search(message) or (newer and _BUILDKIT_ONLY.search(dockerfile)):
        raise EngineError(
            f"the Dockerfile needs {'a newer BuildKit' if trouble.buildkit else 'BuildKit'}: "
            f"{_first(message)}",
            "install docker buildx (or a docker CLI that speaks BuildKit), or name a frontend by "
            "# syntax=docker/dockerfile:1 in the Dockerfile's first line",
        )
    if _is_combinations_fault(trouble, message):
        return f"{_first(message)}: {trouble.step}" if trouble.step else _first(message)
    raise _engines_fault(trouble, message)


def _is_combinations_fault(trouble: Trouble, message: str) -> bool:
    if _NO_BASE.search(message) or _NETWORK.search(message):
        return False
    if _NOT_STARTED.search(message):
        return re.match(r"(?:\[.*?\]\s*)?RUN\b", trouble.step, re.IGNORECASE) is not None
    return _COMBINATIONS_FAULT.search(message) is not None


def _engines_fault(trouble: Trouble, message: str) -> EngineError:
    at = f" at {trouble.step!r}" if trouble.step else ""
    pulls = re.search(r"\bFROM\b|--from=|load metadata", trouble.step, re.IGNORECASE)
    if pulls or _NO_BASE.search(message):
        return BaseImageError(
            f"the engine has no base image{at}: {_first(message)}",
            "pull it, or correct its name in the Dockerfile; docker login where it is private",
        )
    if _NETWORK.search(message):
        return EngineError(
            f"the engine reaches no network{at}: {_first(message)}",
            "look at the engine's network and proxy, then run guard test again",
        )
    return EngineError(f"the engine could not build{at}: {_first(message)}")


def _first(message: str) -> str:
    return " ".join(message.split())[:500]
