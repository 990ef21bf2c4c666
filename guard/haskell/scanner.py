"""The one tool every reader of this package is built on: a text, a position in it, and named rules.

A grammar is written as one function for each production (``_parse_term``, ``_parse_factor``); each
asks the scanner for tokens, which are compiled regular expressions with a name. The idea is that
of ``packaging``'s tokenizer. What does not fit is a `ParseError`, which knows where.
"""

import re
from typing import NoReturn

# What Haskell's `isSpace` accepts: ASCII white space and the Unicode category Zs. (Python's
# `str.isspace` and `\s` take U+0085, U+2028 and the ASCII separators U+001C to U+001F as well.)
SPACE_CHARACTERS = " \t\n\r\f\v\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
SPACES = re.compile(f"[{SPACE_CHARACTERS}]*")

# How deep parentheses, conditions and sections may nest: far beyond any real file, and far below
# Python's own limit, so that a hostile file gives an error and no exhausted stack.
MAX_NESTING = 100

# How many parts (entries, bounds, numbers) one text may have: ten times those of the longest list
# in use, a freeze file of all of Stackage. What is longer would only cost time.
MAX_PARTS = 10_000


class ParseError(ValueError):
    """A text that its grammar does not accept.

    ``text`` is the whole text that was read, ``start`` and ``end`` the span (in characters, end
    excluded) of what does not fit, ``reason`` one line of explanation. ``str()`` shows the line
    of the text in question with carets below the span.
    """

    def __init__(self, text: str, start: int, end: int, reason: str) -> None:
        super().__init__(text, start, end, reason)
        self.text = text
        self.start = start
        self.end = end
        self.reason = reason

    def __str__(self) -> str:
        begin = self.text.rfind("\n", 0, self.start) + 1
        stop = self.text.find("\n", self.start)
        line = self.text[begin : stop if stop >= 0 else len(self.text)]
        width = max(1, min(self.end, begin + len(line)) - self.start)
        # A tab is kept in the margin, so that the caret stands below its character.
        margin = "".join("\t" if c == "\t" else " " for c in line[: self.start - begin])
        return f"{self.reason}\n    {line}\n    {margin}{'^' * width}"


class Scanner:
    """Reads a text from left to right, one named rule at a time."""

    __slots__ = ("depth", "parts", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0
        self.parts = 0

    def match(self, rule: re.Pattern[str]) -> str | None:
        """Consume what ``rule`` matches here and return it; None, and nothing consumed, if not."""
        match = rule.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def take(self, literal: str) -> bool:
        """Consume exactly ``literal``, if it stands here."""
        if not self.text.startswith(literal, self.position):
            return False
        self.position += len(literal)
        return True

    def peek(self) -> str:
        """The next character, empty at the end."""
        return self.text[self.position : self.position + 1]

    def spaces(self) -> None:
        """Skip white space, of which there may be none."""
        spaces = SPACES.match(self.text, self.position)
        if spaces is not None:
            self.position = spaces.end()

    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def enter(self) -> None:
        """One level deeper; raises ParseError beyond MAX_NESTING levels."""
        if self.depth >= MAX_NESTING:
            self.fail(f"nested more than {MAX_NESTING} deep")
        self.depth += 1

    def count_part(self) -> None:
        """One more part of a list; raises ParseError beyond MAX_PARTS of them."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            self.fail(f"more than {MAX_PARTS} parts")

    def leave(self) -> None:
        self.depth -= 1

    def expect_end(self, expected: str) -> None:
        """Skip white space; raise ParseError, with what was ``expected``, if that is not all."""
        self.spaces()
        if not self.at_end():
            self.fail(f"expected {expected}")

    def fail(self, reason: str, start: int | None = None, end: int | None = None) -> NoReturn:
        """Raise ParseError for the span, by default for the character that stands here."""
        begin = self.position if start is None else start
        stop = max(begin + 1, self.position) if end is None else end
        raise ParseError(self.text, begin, min(stop, len(self.text)), reason)
