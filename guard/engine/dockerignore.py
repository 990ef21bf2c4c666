"""`.dockerignore` as the docker CLI applies it for the classic builder, which does not itself.

The rules are those of moby's `patternmatcher`: Go's `filepath.Match` with ``**``, ``!`` for
exceptions; the last pattern that fits decides, and what fits a folder fits everything below it.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guard.engine.context import IGNORE
from guard.errors import GuardError

# What Go's strings.TrimSpace strips; Python's str.strip takes four more control characters.
_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
# What Go's filepath.Match accepts.
_IN_CLASS: Final = r"(?:\\.|[^\\\]-])"
_SOUND: Final = re.compile(
    rf"(?:\\.|[^\\\[]|\[\^?+(?:{_IN_CLASS}(?:-{_IN_CLASS})?)+\])*", re.DOTALL
)
# The pieces of which moby makes a regular expression; all else it takes as it is.
_PIECE: Final = re.compile(r"\*\*/?|\*|\?|\\.|[.+()|{}$]", re.DOTALL)
# What means after a backslash to Go what it means to Python.
_ESCAPED: Final = re.compile(r"\\[dDwWsSaftnrv\0-/:-@\[-`{-\x7f]")


class Pattern(NamedTuple):
    """One line: whether it begins with ``!``, the rest, and what a path must be as a whole."""

    exception: bool
    text: str
    expression: re.Pattern[str]


def ignore_file(folder: str, dockerfile: str) -> str:
    """By which BuildKit and Buildah go: the Dockerfile's own one, where it has one."""
    own = f"{dockerfile}{IGNORE}"
    return own if os.path.exists(f"{folder}/{own}") else IGNORE


def read_patterns(folder: str, name: str) -> list[Pattern]:
    """The patterns of a file of a context; none where it is not there.

    Raises:
        GuardError: a line that the CLI refuses, or one that guard cannot read as it does.
    """
    patterns = []
    path = Path(folder, name)
    data = (path.read_bytes() if path.exists() else b"").removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(os.fsdecode(data).split("\n"), start=1):
        text = line.strip(_SPACE)
        if line.startswith("#") or not text:
            continue
        try:
            patterns.append(_pattern(text))
        except (ValueError, re.error) as error:
            shown = os.fsencode(text).decode(errors="backslashreplace")
            problem = f"{name}:{number}: the pattern {shown} cannot be read: {error}"
            raise GuardError(problem, f"correct {name}") from error
    return patterns


def exception_for(path: str) -> Pattern:
    """What lets in just this path."""
    return Pattern(True, path, re.compile(re.escape(path)))


def sent(paths: Iterable[str], patterns: Sequence[Pattern]) -> set[str]:
    """The paths that are not left out.

    Args:
        paths: from the top of the context, a folder before what is in it.
    """
    # Of every folder, which patterns it fits; none where nothing below it is looked at.
    fitting: dict[str, list[bool] | None] = {"": [False] * len(patterns)}
    result = set()
    for path in paths:
        above = fitting[path.rpartition("/")[0]]
        fitting[path] = None
        if above is None:
            continue
        excluded, fits = False, []
        for pattern, fits_above in zip(patterns, above, strict=True):
            # One that could change nothing is not tried, so it fits nothing below, either.
            tried = pattern.exception == excluded
            fits.append(fits_above or (tried and bool(pattern.expression.fullmatch(path))))
            excluded = not pattern.exception if fits[-1] else excluded
        below = (f"{each.text}/".startswith(f"{path}/") for each in patterns if each.exception)
        if not excluded or any(below):
            fitting[path] = fits
        if not excluded:
            result.add(path)
    return result


def _pattern(text: str) -> Pattern:
    # Read twice, as by moby: `/!a` is an exception, too.
    sign, rest = text[: text.startswith("!")], text.removeprefix("!").strip(_SPACE)
    if rest:
        rest = _clean(rest)
        rest = rest[rest.startswith("/") and len(rest) > 1 :]
    text = _clean(f"{sign}{rest}".strip(_SPACE))
    exception, text = text.startswith("!"), text.removeprefix("!")
    if not text:
        raise ValueError("nothing follows the exclamation mark")
    if not _SOUND.fullmatch(text):
        raise ValueError("syntax error")
    with warnings.catch_warnings():
        # Python announces set operations such as [[a]; Go has none, and reads what Python reads.
        warnings.simplefilter("ignore")
        return Pattern(exception, text, re.compile(_expression(text), re.ASCII))


def _clean(path: str) -> str:
    """Go's `filepath.Clean`: the shortest equivalent path."""
    root = path[: path.startswith("/")]
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".", "..") or (part == ".." and not root):
            parts.append(part)
    return root + "/".join(parts) or "."


def _expression(pattern: str) -> str:
    """The regular expression that moby makes of it."""
    before, stars, after = pattern.partition("**")
    if re.search(r"[*?\\\[\]]", before + after) or (before and after):
        if "[:" in pattern:
            raise ValueError("guard does not know classes with a name")
        return _PIECE.sub(_piece, pattern)
    # One without a wildcard is no expression to moby; nor is one that is a beginning or an end.
    if not before and after.startswith("/"):
        return f"(?s:.*/)?{re.escape(after[1:])}"
    return re.escape(before) + ("(?s:.*)" if stars else "") + re.escape(after)


def _piece(match: re.Match[str]) -> str:
    piece = match[0]
    if piece.startswith("**"):
        return ".*" if match.end() == len(match.string) else "(.*/)?"
    if piece in ("*", "?"):
        return "[^/]*" if piece == "*" else "[^/]"
    if not piece.startswith("\\"):
        return f"\\{piece}"
    if not _ESCAPED.fullmatch(piece):
        raise ValueError(f"guard does not know {piece}")
    return piece
