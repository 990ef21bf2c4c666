"""Why a build or a test failed: by its output, and whose fault a failed build is.

Of an output the last line seldom tells why: GHC ends with where ``error`` was called, hspec with
counts, cabal and stack with the name of a package, make with a target. So the first line counts
that marks a failure, and of several kinds of mark the most telling one.

A failed build is a verdict where the combination itself says so: a RUN that fails, a Dockerfile
that does not parse, a source of COPY that is not there. Exit statuses, error codes and the step
that failed tell that, and a builder's words (`TEXTS`) where there is nothing else. All else, and
everything that is not known here, is trouble of the engine.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from guard.engine.build import Outcome
from guard.errors import EngineError, without_secret

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
    """An image that the build needs could not be had; `image` is its name, or ""."""

    def __init__(self, problem: str, remedy: str, image: str) -> None:
        super().__init__(problem, remedy)
        self.image = image


class NoRuntimeError(EngineError):
    """The engine answers, and runs no container."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"the engine answers, but no container runs on it: {message}",
            "install its runtime (runc), or set the one of docker info in its daemon.json, and "
            "start the engine anew",
        )


class Trouble(NamedTuple):
    """What a builder said when it stopped.

    Args:
        message: its last words.
        status: exit status of the failing RUN, 0 where it gives none as a number.
        step: text of the step that failed, "" where none had begun.
        output: of that step, or of all.
        buildkit: whether BuildKit was the builder.
        refused: whether it refused the Dockerfile for what stands there, before any step.
    """

    message: str
    status: int
    step: str
    output: Excerpt
    buildkit: bool
    refused: bool = False


class Cause(Enum):
    """What a builder's words mean."""

    STATUS = "a RUN failed; the group of the pattern is its exit status"
    DISK = "the engine's disk is full"
    NEEDS_BUILDKIT = "the Dockerfile needs another builder"
    NETWORK = "the engine reaches no network"
    NO_RUNTIME = "no container runs on the engine"
    NOT_STARTED = "the program of a RUN did not start"
    COMBINATION = "the combination is wrong"


# All that is known of builders' words. The first text that fits decides; letters count in either
# case, and the dot for any character. tests/engine/test_texts.py makes a builder say each of them.
# Compiled where a build has failed: that takes 4 ms, which a build that succeeds need not wait.
TEXTS: Final[tuple[tuple[Cause, str], ...]] = (
    (Cause.DISK, r"no space left on device|disk quota exceeded"),
    (Cause.STATUS, r"did not complete successfully: exit code: (\d+)$"),  # BuildKit
    (Cause.STATUS, r"^executor failed running \[.*\]: exit code: (\d+)$"),  # BuildKit of 20.10
    (Cause.STATUS, r"while running runtime: exit status (\d+)$"),  # Buildah
    (Cause.NEEDS_BUILDKIT, r"option requires BuildKit"),
    (Cause.NETWORK, r"dial tcp"),
    (Cause.NO_RUNTIME, r"unable to retrieve OCI runtime error"),
    (Cause.NOT_STARTED, r'exec: ".*": .*(?:executable file not found|no such file or directory)'),
    (Cause.NOT_STARTED, r'exec: ".*": permission denied'),
    (Cause.NOT_STARTED, r"executable file `.*` not found"),  # crun
    (
        Cause.NOT_STARTED,
        r"the path `.*` (?:exists but it is not executable|is not a regular)",
    ),  # crun
    (Cause.NOT_STARTED, r"unable to find (?:user|group)"),
    (Cause.NOT_STARTED, r"determining run uid: user: unknown"),  # Buildah
    (Cause.COMBINATION, r"dockerfile parse error"),
    (Cause.COMBINATION, r"the Dockerfile cannot be empty"),
    (Cause.COMBINATION, r"invalid escape token"),
    (Cause.COMBINATION, r"target stage .* could not be found"),
    (Cause.COMBINATION, r"^lint violation found"),
    (Cause.COMBINATION, r"invalid stage index"),
    (Cause.COMBINATION, r"invalid from flag value \S+: index out of bounds"),
    # A source of COPY or ADD.
    (Cause.COMBINATION, r"(?:COPY|ADD) failed: (?:file not found|no source files|forbidden path)"),
    (Cause.COMBINATION, r"(?:COPY|ADD) failed: stat .*: file does not exist"),
    (Cause.COMBINATION, r'"/[^"]*"(?: not found)?: not found$'),  # BuildKit
    # BuildKit; it walks what it copies from another stage.
    (Cause.COMBINATION, r"^(?:failed to walk .*: )?lstat .*: no such file or directory$"),
    (Cause.COMBINATION, r"with more than one source file, the destination must be a directory"),
    (Cause.COMBINATION, r"copier: stat: .*: no such file or directory$"),  # Buildah
    # A file where a folder is needed.
    (Cause.COMBINATION, r"^(?:Cannot mkdir|failed to copy files): .*not a directory$"),
    (Cause.COMBINATION, r"^(?:mkdir|lstat) .*: not a directory$"),
    (Cause.COMBINATION, r"^cannot copy to non-directory"),
    (Cause.COMBINATION, r"unable to convert uid/gid chown string"),
    # What the classic builder reads when it gets there.
    (Cause.COMBINATION, r"^base name \(.*\) should not be blank"),
    (Cause.COMBINATION, r"^invalid reference format"),
    (Cause.COMBINATION, r'^failed to process "'),
    (Cause.COMBINATION, r"stage name already used$"),
    (Cause.COMBINATION, r"^invalid (?:containerPort|signal)"),
    # What Buildah reads when it gets there.
    (Cause.COMBINATION, r"^The target .* was not found"),
    (Cause.COMBINATION, r"^no (?:FROM statement found|contents in)"),
    (Cause.COMBINATION, r"^FROM requires either one argument"),
    (Cause.COMBINATION, r"Build error: Unknown instruction"),
    (Cause.COMBINATION, r"^building at STEP .*: \S+ only supports the"),
    (Cause.COMBINATION, r"^building at STEP .*: copier: mkdir: .*not a directory$"),
    (Cause.COMBINATION, r"Invalid image name"),
)
# The runtime's own words; the status of a RUN is then the runtime's, too.
_RUNTIME: Final = r"runc run failed: |container_linux\.go:"
_RUNTIMES: Final = frozenset({0, 1, 126, 127, 255})
# How BuildKit says that it looked for what is not there; that of 20.10 says twice that it is not.
_LOOKING: Final = (
    r"failed to (?:calculate checksum of ref|compute cache key|walk)(?: [^\s\"]+)?: |"
    r" not found(?=: not found)"
)
# Where a step tells which image it needs.
_IMAGE: Final = (
    r"(load metadata for|resolve image config for|^FROM\b|--(?:mount=\S*,)?from=)(?:\s+--\S+)*\s*"
    r"(?:docker-image://)?(?:([^\s,\[$][^\s,$]*)(?![^\s,]))?"
)
_STAGE: Final = r"(?im)^\s*FROM\s.*\sAS\s+(\S+)\s*$"
_PULL: Final = "pull it, or correct its name in the Dockerfile; docker login where it is private"
_NEWER: Final = (
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
    tail = trouble.output.tail
    cause, status = meaning(trouble.message)
    # A program may print the same, and ends as it likes.
    if trouble.buildkit and tail and re.match(_RUNTIME, tail[-1]) and status in _RUNTIMES:
        trouble = trouble._replace(message=tail[-1])
        cause, status = meaning(trouble.message)
    status = trouble.status or status
    reason = _reason(trouble, cause, status, dockerfile)
    return trouble.output.outcome(reason, status or None)


def meaning(message: str) -> tuple[Cause | None, int]:
    """What a builder's words mean, None where they are not known; and a RUN's exit status."""
    for cause, text in TEXTS:
        match = re.search(text, message.strip(), re.IGNORECASE | re.DOTALL)
        if match:
            return cause, int(match[1]) if cause is Cause.STATUS else 0
    return None, 0


def _reason(trouble: Trouble, cause: Cause | None, status: int, dockerfile: str) -> str:
    # Without what is another one each time.
    words = without_secret(" ".join(trouble.message.split()))
    message = re.sub(_LOOKING, "", words)[:500]
    step = trouble.step
    if cause is Cause.DISK or any(meaning(line)[0] is Cause.DISK for line in trouble.output.tail):
        raise EngineError(
            f"the engine's disk is full: {message}",
            "make room on it: docker system df; docker builder prune; docker image prune",
        )
    if status in _KILLED:
        raise EngineError(
            f"the step was killed (exit status {status}): {step}",
            "look for want of memory (dmesg) or a stopped engine, then run guard test again",
        )
    if status:
        return f"exit status {status}: {step}"
    newer = re.search("parse error|unknown flag", message, re.IGNORECASE)
    if cause is Cause.NEEDS_BUILDKIT or (newer and re.search(_NEWER, dockerfile)):
        raise EngineError(
            f"the Dockerfile needs {'a newer BuildKit' if trouble.buildkit else 'BuildKit'}: "
            f"{message}",
            "name a newer frontend in the Dockerfile's first line: # syntax=docker/dockerfile:1"
            if trouble.buildkit
            else "install docker buildx, and set [image] builder to auto, or leave it out",
        )
    is_run = re.match(r"RUN\b", step, re.IGNORECASE) is not None
    if trouble.refused or cause is Cause.COMBINATION or (cause is Cause.NOT_STARTED and is_run):
        return f"{message}: {step}" if step else message
    at = f" at {step!r}" if step else ""
    image = re.search(_IMAGE, step, re.IGNORECASE)
    if image and (image[2] or "").lower() not in _stages(dockerfile):
        kind = "frontend" if image[1].lower().startswith("resolve") else "base image"
        name = (image[2] or "").removeprefix("docker.io/library/").removeprefix("docker.io/")
        raise BaseImageError(
            f"the engine has no {kind}{f' {name}' if name else at}: {message}",
            # Its words tell a wrong name from a want of docker login.
            f"docker pull {shlex.quote(name)}" if name else _PULL,
            name,
        )
    if cause is Cause.NO_RUNTIME:
        raise NoRuntimeError(message)
    if cause is Cause.NETWORK:
        raise EngineError(
            f"the engine reaches no network{at}: {message}",
            "look at the engine's network and proxy, then run guard test again",
        )
    raise EngineError(f"the engine could not build{at}: {message}")


def _stages(dockerfile: str) -> set[str]:
    """What stands for a stage of the Dockerfile, where the name of an image could."""
    names = [name.lower() for name in re.findall(_STAGE, dockerfile)]
    return {*names, *map(str, range(len(re.findall(r"(?im)^\s*FROM\s", dockerfile))))}
