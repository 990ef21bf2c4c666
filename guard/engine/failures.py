"""Why a build or a test failed: by its output, and whose fault a failed build is.

Of an output the last line seldom tells why: GHC ends with where ``error`` was called, hspec with
counts, cabal and stack with the name of a package, make with a target. So the first line counts
that marks a failure, and of several kinds of mark the most telling one.

A failed build is a verdict where the combination itself says so: a RUN that fails, a Dockerfile
that does not parse, a source of COPY that is not there. All else, and everything that is not known
here, is trouble of the engine. The texts are those of moby 20.10 to 28 and of BuildKit.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from enum import IntEnum
from typing import Final, NamedTuple

from guard.engine.build import Outcome
from guard.errors import EngineError

# Lines of output that are kept.
TAIL: Final = 40
# Lines that one which tells why may go on for.
_MORE: Final = 2

# Colours and what else moves a terminal (ECMA-48), and characters that are none.
_UNSHOWN: Final = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x1f\x7f-\x9f]"
)
# Stack says so of which package a line is.
_PACKAGE: Final = re.compile(r"^[\w-]+ *> ")
# The next line goes on, as after "error: [GHC-88464]".
_UNFINISHED: Final = re.compile(r"(?::|: \[[^\]]*\])$")
# What follows says where GHC was, what stands before it why.
_CALL_STACK: Final = re.compile(r"^CallStack \(from HasCallStack\):$|^HasCallStack backtrace:$")


class _Kind(IntEnum):
    """What a line tells of a failure, most telling first."""

    CERTAIN = 0  # the name of a failed test, or the place of an error in the sources
    LIKELY = 1
    SUMMARY = 2
    UNMARKED = 3
    SILENT = 4  # comes last, and says nothing of why


# The first pattern that a line has decides.
_TABLE: Final = (
    (
        _Kind.SILENT,
        r"""
          ,\ called\ at\ \S+:\d+:\d+ | \berror,\ called\ at\b                             # GHC
        | ^make(?:\[\d+\])?:\ \*\*\*\ \[.*\ Error\ \d+$
        | ^Randomized\ with\ seed\b | ^To\ rerun\ use: | ^Finished\ in\ [\d.]+\ seconds   # hspec
        | ^Test\ suite\ logged\ to:                                                   # cabal
        | ^Logs\ printed\ to\ console$ | \bExitFailure\ \d+$                           # stack
        """,
    ),
    (
        _Kind.SUMMARY,
        r"""
          ^Test\ suite\ .*:\ FAIL$ | ^\d+\ of\ \d+\ test\ suites                         # cabal
        | \bTests\ failed\ for\b | \bFailed\ to\ build\b | \[Cabal-7125\]
        | ^Test\ suite\ failure\ for\ package | \[S-7282\]                             # stack
        | ^\d+\ examples?,\ [1-9]\d*\ failures?                                        # hspec
        | ^[1-9]\d*\ out\ of\ \d+\ tests?\ failed                                      # tasty
        | ^(?:Cases|Examples):\ \d+\ \ Tried:                                  # HUnit, doctest
        """,
    ),
    (
        _Kind.CERTAIN,
        r"""
          \bFAILED\ \[\d+\]$ | \[✘\]$                                              # hspec
        | :\s+FAIL(?:\ \(\d[^)]*\))?$                                              # tasty
        | ^\#\#\#\ (?:Failure|Error)\ in\b                                 # HUnit, doctest
        | :\ (?:failure|error)\ in\ expression\b                                 # doctest
        | ^✗\ .*\ failed\ at\b                                                  # hedgehog
        | :\ \[Failed\]$                                                  # test-framework
        | ^not\ ok\ \d+\b                                                            # TAP
        | ^\S+\.l?hs:(?:\d+:\d+(?:-\d+)?|\(\d+,\d+\)-\(\d+,\d+\)):(?:\ error\b|$)     # GHC
        """,
    ),
    (
        _Kind.LIKELY,
        r"""
          (?<!\b[Nn]o\ )\b(?i:error):(?!\d) | (?<!\b[Nn]o\ )(?<!\b0\ )\bFAIL(?:ED|URES?|S)?\b
        | \bpanic!\ | \bUncaught\ exception\b
        | ^\*\*\*\ (?:Failed!|Gave\ up!)                                      # QuickCheck
        | \bCould\ not\ resolve\ dependencies\b                                   # cabal
        """,
    ),
)


class Excerpt:
    """Takes an output line by line, and keeps its end and the line that tells why it failed."""

    def __init__(self) -> None:
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._kind = _Kind.UNMARKED
        self._marked = ""
        self._more = 0
        self._last = ""

    def add(self, line: str) -> None:
        """The next line, without its end."""
        self._tail.append(line)
        if self._kind is _Kind.CERTAIN and not self._more:
            return  # nothing is more telling, and an output may be long
        text = _PACKAGE.sub("", plain(line)).strip()
        if not re.search(r"\w", text):
            return
        if _CALL_STACK.search(text):
            if self._kind > _Kind.LIKELY:
                self._mark(self._last, _Kind.LIKELY, 0)
            return
        kind = _kind(text)
        if kind is _Kind.SILENT:
            return
        self._last = text
        if kind < self._kind:
            self._mark(text, kind, _MORE)
        elif self._more:
            text = f"{self._marked} {text.removeprefix('• ')}"
            self._mark(text, self._kind, self._more - 1)

    def _mark(self, text: str, kind: _Kind, more: int) -> None:
        self._marked, self._kind = text, kind
        self._more = more if _UNFINISHED.search(text) else 0

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._tail)

    def outcome(self, failure: str, status: int | None, seconds: float = 0.0) -> Outcome:
        """How what wrote this ended. Its words are "" where the output has none."""
        return Outcome(failure, status, self.tail, self._marked or self._last, seconds)


def _kind(text: str) -> _Kind:
    kinds = (kind for kind, marks in _TABLE if re.search(marks, text, re.VERBOSE))
    return next(kinds, _Kind.UNMARKED)


def plain(line: str) -> str:
    """A line as a terminal would leave it: without colours, the last of what overwrites itself."""
    kept = [part for part in line.split("\r") if part.strip()]
    return _UNSHOWN.sub("", kept[-1].expandtabs() if kept else "").rstrip()


class BaseImageError(EngineError):
    """A base image could not be had."""


class Trouble(NamedTuple):
    """What a builder said when it stopped.

    Args:
        message: its last words.
        status: exit status of the failing RUN, 0 where there was none.
        step: text of the step that failed, "" where none had begun.
        output: of that step, or of all.
        buildkit: whether BuildKit was the builder.
    """

    message: str
    status: int
    step: str
    output: Excerpt
    buildkit: bool


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


def judged(trouble: Trouble, dockerfile: str) -> Outcome:
    """How the build failed, where the combination is to blame.

    Args:
        dockerfile: the Dockerfile's text.

    Raises:
        EngineError: it is the engine's trouble, or it cannot be known whose.
    """
    return trouble.output.outcome(_reason(trouble, dockerfile), trouble.status or None)


def _reason(trouble: Trouble, dockerfile: str) -> str:
    message = trouble.message.strip()
    lines = (message, *trouble.output.tail)
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
