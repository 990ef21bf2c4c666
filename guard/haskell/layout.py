"""The outline of a cabal file: fields and sections, by indentation or braces.

Source: Cabal user guide, "Package descriptions" (syntax); the library's
``Distribution.Fields.Lexer`` and ``Distribution.Fields.Parser``, whose grammar this is (``\\n``
stands for the indentation that a line begins with):

    elements ::= { "\\n" name in-layout | name in-braces }
    in-layout ::= ":" ( "{" content "}" | { content } ) | argument* ( "{" elements "}" | elements )
    in-braces ::= ":" ( "{" content "}" | content )     | argument* "{" elements "}"

An element belongs to a section, and a line to a field, when it is indented more than its name. A
comment is a line that begins with ``--``. A tab and a no-break space count one column each.

Cabal stops at the first line that does not fit. This reader sets that line aside as `Unread` and
goes on with the next one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import Enum
from typing import NamedTuple

from guard.haskell.model import Unread
from guard.haskell.scanner import ParseError, Scanner

# A file in which more lines than this do not fit is no cabal file.
MAX_FAULTS = 50
# Lines and tokens beyond this many are not read: the longest real files have some thousands.
MAX_TOKENS = 10_000


class FieldLine(NamedTuple):
    """One line of a field's value, without its indentation."""

    line: int
    text: str


class Field(NamedTuple):
    """``name: value``; the name in lower case. ``braced``: the value stands in braces."""

    name: str
    line: int
    lines: tuple[FieldLine, ...]
    braced: bool = False

    @property
    def text(self) -> str:
        """The value as Cabal's field parsers see it: without comments and blank lines."""
        return "\n".join(line.text for line in self.lines)


class FieldText:
    """The value of a field as one text, and where in the file its parts stand."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self.text = field.text
        self._starts = [0]
        for line in field.lines:
            self._starts.append(self._starts[-1] + len(line.text) + 1)

    def line_at(self, offset: int) -> int:
        """The line of the file for an offset in the text."""
        lines = self._field.lines
        if not lines:
            return self._field.line
        return lines[min(bisect_right(self._starts, offset), len(lines)) - 1].line


class ArgumentKind(Enum):
    WORD = "word"
    STRING = "string"
    SYMBOL = "symbol"


class Argument(NamedTuple):
    """A token of a section's header."""

    kind: ArgumentKind
    text: str


class Section(NamedTuple):
    """``name arguments`` and the elements in it; the name in lower case."""

    name: str
    line: int
    arguments: tuple[Argument, ...]
    elements: tuple[Field | Section, ...]
    header: str


Elements = tuple[Field | Section, ...]


class Outline(NamedTuple):
    """What fits, and the lines that have no place in it."""

    elements: Elements
    faults: tuple[Unread, ...]


# Every character but the control characters is printable; a value's line may hold tabs as well.
_PRINTABLE = r"[^\x00-\x1f\x7f]"
_CONTENT = r"[^\x00-\x08\x0a-\x1f\x7f]"
_NEWLINE = re.compile(r"\r\n|\n|\r")
_BLANK = re.compile(rf"(?:[ \t\xa0]*+(?:\r\n|\n|\r)|[ \t]*+--{_CONTENT}*+)++")
_INDENT = re.compile(r"[ \t\xa0]*")
_IN_LINE = re.compile(rf"[ \t]*(?:--{_CONTENT}*)?")
_SPACE = re.compile(r"[ \t]+")
_LEADING = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]*")
_LINE = re.compile(rf"{_CONTENT}+")
_BRACED_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f{}]+")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
# A dash and a dot may belong to a name or a symbol: the longer match counts, and the name in a tie.
_NAME = re.compile(r'(?![.-]+[,=<>+*&|!$%^@#?/\\~])[^\x00-\x20\x7f:"{}()\[\],=<>+*&|!$%^@#?/\\~]+')
_SYMBOL = re.compile(r"[,=<>+*&|!$%^@#?/\\~.-]+|[()\[\]]")
_STRING_BODY = re.compile(rf'"(?:[^"\\\x00-\x1f\x7f]|\\{_PRINTABLE})*+')


def read_outline(text: str) -> Outline:
    """Read the outline of a file's text. Raises nothing: what does not fit is among the faults."""
    return _OutlineParser(text).parse()


class _OutlineParser:
    """One method for each production of the grammar above."""

    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.line_starts = [0, *(newline.end() for newline in _NEWLINE.finditer(text))]
        self.faults: list[Unread] = []
        self.tokens = 0
        self.after_brace = 0

    def parse(self) -> Outline:
        """file ::= elements, to the end; a closing brace without an opening one is a fault."""
        elements: list[Field | Section] = []
        while True:
            elements.extend(self._parse_elements(0))
            if self._gave_up():
                self._note(self.scanner.position, "too much does not fit: not read from here on")
            if self.scanner.at_end() or self._gave_up():
                return Outline(tuple(elements), tuple(self.faults))
            self._set_aside("this brace closes nothing")

    def _parse_elements(self, level: int) -> Elements:
        """elements ::= { element }, each indented by ``level`` columns at least."""
        elements: list[Field | Section] = []
        while not self._gave_up():
            try:
                element = self._parse_element(level)
            except ParseError as error:
                self._set_aside(error.reason)
                continue
            if element is None:
                break
            elements.append(element)
        return tuple(elements)

    def _parse_element(self, level: int) -> Field | Section | None:
        """element ::= "\n" name in-layout | name in-braces. None where no further element is."""
        self.tokens += 1
        start = self.scanner.position
        indent = self._parse_indent()
        if self.scanner.at_end() or self.scanner.peek() == "}":
            return None
        if indent is not None and indent < level:
            self.scanner.position = start
            return None
        at = self.scanner.position
        name = self.scanner.match(_NAME)
        if name is None:
            self.scanner.fail("expected the name of a field or section")
        self.scanner.match(_IN_LINE)
        if self.scanner.take(":"):
            return self._parse_field(name, at, None if indent is None else indent + 1)
        return self._parse_section(name, at, None if indent is None else indent + 1)

    def _parse_indent(self) -> int | None:
        """Skip to the next token: the column it stands in, or None if it is on the same line."""
        scanner = self.scanner
        if scanner.position > self.after_brace:
            self.scanner.match(_IN_LINE)
            if scanner.peek() not in "\r\n":
                return None
        return self._skip_to_column()

    def _parse_field(self, name: str, at: int, level: int | None) -> Field:
        """field ::= "{" content "}" | { line }; ``level`` None: inside of braces, one line."""
        lines: list[FieldLine] = []
        scanner = self.scanner
        braced = self._take_brace("{")
        if braced:
            self._parse_braced_lines(lines)
            if not self._take_brace("}"):
                scanner.fail(f'expected "}}" at the end of the field {name}')
        else:
            scanner.match(_LEADING)
            self._parse_line(lines, _BRACED_LINE if level is None else _LINE)
            while level is not None and not self._gave_up() and self._next_line_within(level):
                self._parse_line(lines, _LINE)
        return Field(name.lower(), self._line_of(at), tuple(lines), braced)

    def _parse_line(self, lines: list[FieldLine], rule: re.Pattern[str]) -> None:
        """line ::= printable characters. What ends a line too early is a fault of its own."""
        self.tokens += 1
        at = self.scanner.position
        text = self.scanner.match(rule)
        if text is not None:
            lines.append(FieldLine(self._line_of(at), text))
        if rule is _LINE and self.scanner.peek() not in "\r\n":
            if text is not None:
                lines.pop()
            self._set_aside(f"a control character: {self.scanner.peek()!r}")

    def _parse_braced_lines(self, lines: list[FieldLine]) -> None:
        """content ::= { line }, up to the next brace."""
        scanner = self.scanner
        while True:
            scanner.match(_SPACE)
            if self._gave_up():
                return
            if scanner.peek() in "\r\n":
                if scanner.at_end() or scanner.match(_BLANK) is None:
                    return
            elif scanner.peek() in "{}":
                return
            else:
                self._parse_line(lines, _BRACED_LINE)
                if scanner.peek() not in "\r\n{}":
                    scanner.fail(f"a control character: {scanner.peek()!r}")

    def _parse_section(self, name: str, at: int, level: int | None) -> Section:
        """section ::= argument* ( "{" elements "}" | elements )"""
        scanner = self.scanner
        scanner.enter()
        try:
            arguments = self._parse_arguments()
            header = " ".join(scanner.text[at : scanner.position].split())
            if self._take_brace("{"):
                elements = self._parse_elements(0)
                if not self._take_brace("}"):
                    self._note(at, f'the brace of the section "{name}" is not closed')
            elif level is None:
                scanner.fail('expected "{"')
            else:
                elements = self._parse_elements(level)
        finally:
            scanner.leave()
        return Section(name.lower(), self._line_of(at), arguments, elements, header)

    def _parse_arguments(self) -> tuple[Argument, ...]:
        """argument ::= word | string | symbol, up to the end of the line or a brace."""
        scanner = self.scanner
        arguments: list[Argument] = []
        while True:
            self.scanner.match(_IN_LINE)
            if scanner.peek() in "\r\n{}":
                return tuple(arguments)
            if self._gave_up():
                scanner.fail("too long to be read")
            self.tokens += 1
            arguments.append(self._parse_argument())

    def _parse_argument(self) -> Argument:
        scanner = self.scanner
        if scanner.peek() == '"':
            return self._parse_string()
        word = scanner.match(_NAME)
        if word is not None:
            return Argument(ArgumentKind.WORD, word)
        symbol = scanner.match(_SYMBOL)
        if symbol is None:
            scanner.fail("unexpected in the header of a section")
        return Argument(ArgumentKind.SYMBOL, symbol)

    def _parse_string(self) -> Argument:
        """string ::= a quote, then up to the next one that no backslash stands before; if there is
        none, up to the last one on the line, whose backslash then is a plain character."""
        scanner = self.scanner
        start = scanner.position
        body = scanner.match(_STRING_BODY) or ""
        if not scanner.take('"'):
            end = body.rfind('"')
            if end <= 0:
                scanner.fail("this quote is not closed", start)
            scanner.position = start + end + 1
        return Argument(ArgumentKind.STRING, scanner.text[start + 1 : scanner.position - 1])

    def _take_brace(self, brace: str) -> bool:
        """A brace on this line, or as the first character of the next line that is not blank."""
        scanner = self.scanner
        start = scanner.position
        self.scanner.match(_IN_LINE)
        if scanner.peek() in "\r\n":
            scanner.match(_BLANK)
            scanner.match(_SPACE)
        at = scanner.position
        if not scanner.take(brace):
            scanner.position = start
            return False
        begin = self.line_starts[self._line_of(at) - 1]
        if not scanner.text[begin:at].strip(" \t{}"):
            # What follows a brace that begins a line begins a line itself, to Cabal's lexer.
            self.after_brace = scanner.position
        return True

    def _next_line_within(self, level: int) -> bool:
        """Move to the content of the next line if that is indented by ``level`` columns."""
        scanner = self.scanner
        start = scanner.position
        if self._skip_to_column() >= level and not scanner.at_end():
            return True
        scanner.position = start
        return False

    def _skip_to_column(self) -> int:
        """Skip blank lines and the white space that the next one begins with: the column there."""
        self.scanner.match(_BLANK)
        return len(self.scanner.match(_INDENT) or "")

    def _set_aside(self, reason: str) -> None:
        """Make a fault of the line that stands here, and go to its end."""
        self._note(self.scanner.position, reason)
        self.scanner.match(_REST_OF_LINE)

    def _note(self, at: int, reason: str) -> None:
        line = self._line_of(at)
        if self.faults and self.faults[-1].line == line:
            # A line may be a megabyte, and have a fault at every brace.
            text = self.faults[-1].text
        else:
            whole = _REST_OF_LINE.match(self.scanner.text, self.line_starts[line - 1])
            text = whole.group().strip() if whole else ""
        self.faults.append(Unread(line, text, reason))

    def _gave_up(self) -> bool:
        return len(self.faults) >= MAX_FAULTS or self.tokens >= MAX_TOKENS

    def _line_of(self, position: int) -> int:
        return bisect_right(self.line_starts, position)
