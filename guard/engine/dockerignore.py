"""`.dockerignore` with the Docker CLI's semantics, over the paths of a tree.

The engine applies no `.dockerignore` to a build context that comes as a tar, so guard does. The
rules are those of moby's `patternmatcher` and `ignorefile` packages (docker CLI 23 and later, and
BuildKit): Go's `filepath.Match` with ``**``, ``!`` for exceptions, the last pattern that fits
decides, and what fits a folder fits everything below it.

The classic builder of the CLI does not look into an excluded folder for an exception that begins
with a wildcard (``!**/keep``); BuildKit does, as the documentation says, and so does guard.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.errors import GuardError

FILE: Final = ".dockerignore"

# What Go's strings.TrimSpace strips; Python's str.strip takes four more control characters.
_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_ESCAPED: Final = frozenset(".+()|{}$")
# Letters that mean the same after a backslash in Go's regular expressions and in Python's.
_LETTERS: Final = frozenset("dDwWsSaftnrv")

# For each pattern, whether it fits the folder or one of its parents.
Matched = tuple[bool, ...]


class Pattern(NamedTuple):
    """One line.

    Args:
        exception: whether it begins with ``!``.
        expression: what a path must be as a whole.
        fixed: the names at its beginning that hold no wildcard, with a slash behind each.
        whole: whether there is nothing behind them.
    """

    exception: bool
    expression: re.Pattern[str]
    fixed: str
    whole: bool

    def may_fit_below(self, folder: str) -> bool:
        """Whether something below the folder, and not the folder itself, may fit."""
        below = f"{folder}/"
        if self.fixed.startswith(below):
            return not self.whole or self.fixed != below
        return not self.whole and below.startswith(self.fixed)


class IgnoreRules(NamedTuple):
    """The patterns of one file in their order; none excludes nothing."""

    patterns: tuple[Pattern, ...] = ()

    def may_let_in_below(self, folder: str) -> bool:
        """Whether something below an excluded folder may be let in again."""
        return any(each.exception and each.may_fit_below(folder) for each in self.patterns)

    def excludes(self, path: str) -> bool:
        """Whether a path is left out, looked at alone.

        Args:
            path: relative to the context's root, with slashes, decoded as `os.fsdecode` does.
        """
        excluded, matched = False, self.start()
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            excluded, matched = self.step("/".join(parts[:count]), matched)
        return excluded

    def start(self) -> Matched:
        """What `step` wants for a path at the root."""
        return (False,) * len(self.patterns)

    def step(self, path: str, parent: Matched) -> tuple[bool, Matched]:
        """Whether a path is left out, and what `step` wants for what is below it.

        Args:
            parent: the answer for the folder that the path stands in.
        """
        excluded = False
        matched = []
        for pattern, above in zip(self.patterns, parent, strict=True):
            fits = above
            if not above and pattern.exception == excluded:
                fits = pattern.expression.fullmatch(path) is not None
            matched.append(fits)
            if fits:
                excluded = not pattern.exception
        return excluded, tuple(matched)

    def keeping(self, paths: Iterable[str]) -> IgnoreRules:
        """The rules that let these paths through whatever the patterns say."""
        kept = tuple(Pattern(True, re.compile(re.escape(path)), f"{path}/", True) for path in paths)
        return IgnoreRules(self.patterns + kept) if self.patterns else self


def read_dockerignore(data: bytes, where: str = FILE) -> IgnoreRules:
    """The rules in a file's content.

    Args:
        where: how messages name the file.

    Raises:
        GuardError: a pattern that the Docker CLI refuses too, with its line.
    """
    patterns = []
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if line.startswith("#") or not line.strip(_SPACE):
            continue
        try:
            patterns.append(_pattern(line.strip(_SPACE)))
        except (ValueError, re.error) as error:
            raise GuardError(
                f"{where}:{number}: {line.strip(_SPACE)!r} is no pattern: {error}",
                f"correct {where}",
            ) from error
    return IgnoreRules(tuple(patterns))


def _pattern(text: str) -> Pattern:
    exception = text.startswith("!")
    if exception:
        text = text[1:].strip(_SPACE)
        if not text:
            raise ValueError("nothing follows the exclamation mark")
    text = _clean(text)
    if len(text) > 1:
        text = text.removeprefix("/")
    with warnings.catch_warnings():
        # Python announces set operations such as [[a]; Go has none, and reads what Python reads.
        warnings.simplefilter("ignore")
        expression = re.compile(_expression(text), re.ASCII)
    fixed = re.match(r"(?:[^*?\\\[/]*/)*", f"{text}/")
    assert fixed is not None
    return Pattern(exception, expression, fixed[0], fixed[0] == f"{text}/")


def _clean(path: str) -> str:
    """Go's `filepath.Clean`: the shortest equivalent path."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".", "..") or (part == ".." and not rooted):
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def _expression(pattern: str) -> str:
    """The regular expression that `patternmatcher` makes of a cleaned pattern."""
    if "[:" in pattern:
        raise ValueError("guard does not know character classes with a name")
    if pattern.startswith("**") and not re.search(r"[*?\\\[\]]", pattern[2:]):
        return _suffix(pattern[2:])
    result = ""
    at = 0
    while at < len(pattern):
        token, at = _token(pattern, at)
        result += token
    return result


def _suffix(rest: str) -> str:
    # **/foo fits "foo" and "a/foo"; **foo fits whatever ends so.
    literal = re.escape(rest.removeprefix("/"))
    return rf"(?s:.*/)?{literal}" if rest.startswith("/") else rf"(?s:.*){literal}"


def _token(pattern: str, at: int) -> tuple[str, int]:
    """The next piece of the expression, and where the pattern goes on."""
    character, rest = pattern[at], pattern[at + 1 :]
    if character == "*" and rest.startswith("*"):
        after = at + (3 if rest[1:].startswith("/") else 2)
        if after < len(pattern):
            return "(?:.*/)?", after
        # "a/**" is a prefix for moby, where a line's end is a character like others.
        only = "*" not in pattern[:at] and not re.search(r"[?\\\[\]]", pattern[:at])
        return ("(?s:.*)" if only else ".*"), after
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\":
        return _escaped(rest), at + 2
    return ("\\" + character if character in _ESCAPED else character), at + 1


def _escaped(rest: str) -> str:
    if not rest:
        raise ValueError("nothing follows the backslash")
    if rest[0].isascii() and rest[0].isalnum() and rest[0] not in _LETTERS:
        raise ValueError(f"a backslash before {rest[0]!r} has no meaning")
    return "\\" + rest[0]
