"""Which line of an output tells why it failed, out of all that compilers and tests print.

The last line seldom does: GHC ends with where ``error`` was called, hspec with counts, cabal and
stack with the name of a package, make with a target. So the first line counts that marks a
failure, and of several kinds of mark the most telling one.
"""

from __future__ import annotations

import re
from collections import deque
from enum import IntEnum
from typing import Final

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
          ,\ called\ at\ \S+:\d+:\d+                                                      # GHC
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
          \b(?i:error):(?!\d) | ^FAIL(?:ED|URE)?\b | \bpanic!\ | \bUncaught\ exception\b
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

    @property
    def words(self) -> str:
        """Why it failed, as far as the output tells; "" where it has no words."""
        return self._marked or self._last


def _kind(text: str) -> _Kind:
    kinds = (kind for kind, marks in _TABLE if re.search(marks, text, re.VERBOSE))
    return next(kinds, _Kind.UNMARKED)


def plain(line: str) -> str:
    """A line as a terminal would leave it: without colours, the last of what overwrites itself."""
    kept = [part for part in line.split("\r") if part.strip()]
    return _UNSHOWN.sub("", kept[-1].expandtabs() if kept else "").rstrip()
