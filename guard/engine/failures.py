"""Whose fault a failed build is: the combination's, which is a verdict, or the engine's.

Only what the combination itself says can be a verdict: a RUN that fails, a Dockerfile that does
not parse, a source of COPY that is not there. All else, and everything that is not known here, is
trouble of the engine and no verdict. The texts are those of moby 20.10 to 28 and of BuildKit.
"""

from __future__ import annotations

import re
import shlex
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


# Compiled where a build has failed: that takes 4 ms, which a build that succeeds need not wait.
_FULL: Final = r"(?i)no space left on device|disk quota exceeded"
_NETWORK: Final = (
    r"(?i)dial tcp|no such host|i/o timeout|TLS handshake|connection refused|connection reset"
    r"|toomanyrequests|server misbehaving|net/http|unexpected EOF"
)
_NO_BASE: Final = (
    r"(?i)pull access denied|manifest (?:for .* |unknown|not found)|repository does not exist"
    r"|failed to resolve source metadata|not found: does not exist|failed to load metadata"
    r"|failed to resolve reference|failed to do request|No such image"
)
# Where a step tells which image it needs.
_BASE: Final = r"(?:load metadata for|\bFROM(?:\s+--\S+)*|--from=)\s*([^\s\[$][^\s$]*)(?!\S)"
_PULL: Final = "pull it, or correct its name in the Dockerfile; docker login where it is private"
_NEEDS_BUILDKIT: Final = r"(?i)requires? BuildKit|BuildKit (?:is|needs|component)"
# A RUN of which not even the program started, by the container runtime's words.
_NOT_STARTED: Final = (
    r'(?s)exec: ".*": .*(?:executable file not found|no such file or directory|permission denied'
    r"|is a directory)|exec format error|unable to find (?:user|group)"
)
_COMBINATIONS_FAULT: Final = (
    r"(?is)dockerfile parse error|failed to parse Dockerfile|Dockerfile .*cannot be empty"
    r"|file with no instructions|no build stage in current context|failed to reach build target"
    r"|target stage .* could not be found|base name \(.*\) should not be blank"
    r"|invalid reference format|failed to process \"|unknown instruction|unknown flag"
    r"|circular dependency detected"
    r"|(?:COPY|ADD) failed: (?:file not found in build context|no source files were specified"
    r"|forbidden path|(?:stat|lstat) .*(?:file does not exist|no such file or directory))"
    r"|failed to (?:compute cache key|calculate checksum).*not found"
    r"|^\"/.*\" not found"
    r"|^lstat .*: no such file or directory"
)
_BUILDKIT_ONLY: Final = (
    r"(?im)^\s*#\s*syntax\s*=|^\s*(?:RUN|COPY|ADD)\b.*(?:<<-?[\"']?\w|--(?:mount|link|chmod|parents"
    r"|exclude|network|security|checksum)\b)"
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
    if any(re.search(_FULL, line) for line in lines):
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
    if re.search(_NEEDS_BUILDKIT, message) or (newer and re.search(_BUILDKIT_ONLY, dockerfile)):
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
    if re.search(_NO_BASE, message) or re.search(_NETWORK, message):
        return False
    if re.search(_NOT_STARTED, message):
        return re.match(r"(?:\[.*?\]\s*)?RUN\b", trouble.step, re.IGNORECASE) is not None
    return re.search(_COMBINATIONS_FAULT, message) is not None


def _engines_fault(trouble: Trouble, message: str) -> EngineError:
    at = f" at {trouble.step!r}" if trouble.step else ""
    pulls = re.search(r"\bFROM\b|--from=|load metadata", trouble.step, re.IGNORECASE)
    if pulls or re.search(_NO_BASE, message):
        named = re.search(_BASE, trouble.step, re.IGNORECASE)
        return BaseImageError(
            f"the engine has no base image{f' {named[1]}' if named else at}: {_first(message)}",
            # Its words tell a wrong name from a want of docker login.
            f"docker pull {shlex.quote(named[1])}" if named else _PULL,
        )
    if re.search(_NETWORK, message):
        return EngineError(
            f"the engine reaches no network{at}: {_first(message)}",
            "look at the engine's network and proxy, then run guard test again",
        )
    return EngineError(f"the engine could not build{at}: {_first(message)}")


def _first(message: str) -> str:
    return " ".join(message.split())[:500]
