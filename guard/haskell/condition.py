"""The conditions of ``if`` and ``elif`` in a cabal file.

Source: Cabal user guide, "Package descriptions", "Conditional blocks"; the library's
``Distribution.Fields.ConfVar``. A condition is read from the tokens of a section's header:

    or   ::= and { "||" and }
    and  ::= atom { "&&" atom }
    atom ::= "true" | "false" | "(" or ")" | "!" atom
           | ("os" | "arch" | "flag") "(" word ")" | "impl" "(" word [ range ] ")"
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NoReturn

from guard.haskell.dependency import refused
from guard.haskell.layout import Argument, ArgumentKind, Elements, Field, Section
from guard.haskell.model import Chain, Condition, Expression, Negation, Unread, Variable, When
from guard.haskell.ranges import VersionRange
from guard.haskell.scanner import MAX_NESTING, ParseError

_LITERALS = ("True", "true", "False", "false")
# Other names of operating systems that Cabal knows.
_SYSTEMS = (
    ("mingw32", "windows"),
    ("win32", "windows"),
    ("darwin", "osx"),
    ("gnu", "hurd"),
    ("kfreebsdgnu", "freebsd"),
    ("solaris2", "solaris"),
    ("linux-android", "android"),
)
# The names that Cabal knows, which it tells apart without their case.
_KNOWN_SYSTEMS = re.compile(
    "linux|windows|osx|freebsd|openbsd|netbsd|dragonfly|solaris|aix|hpux|irix|halvm|hurd|ios"
    "|android|ghcjs",
    re.IGNORECASE,
)
_KNOWN_ARCHITECTURES = re.compile(
    "i386|x86_64|ppc|ppc64|sparc|arm|aarch64|mips|sh|ia64|s390|alpha|hppa|rs6000|m68k|vax"
    "|javascript",
    re.IGNORECASE,
)
_KNOWN_COMPILERS = re.compile("ghc|ghcjs|nhc|yhc|hugs|hbc|helium|jhc|lhc|uhc|eta", re.IGNORECASE)


def parse_condition(arguments: Sequence[Argument]) -> Expression:
    """The condition that the tokens say. Raises ParseError."""
    return _ConditionParser(arguments).parse()


def chained(
    elements: Elements, unread: list[Unread], otherwise: Collection[str] = ("elif", "else")
) -> Iterator[tuple[Field | Section, When | None]]:
    """Each element, with the conditions of its place in a chain: what stands before it is negated.

        chain ::= "if" condition { "elif" condition } [ "else" ]

    None for an element that is in no chain; a field between ends one. What Cabal refuses is noted.
    """
    before: When | None = None
    for element in elements:
        if isinstance(element, Field):
            before = before if element.name == "import" else None
            yield element, None
            continue
        if element.name == "if":
            before = ()
        elif before is None or element.name not in otherwise:
            yield element, None
            before = None
            continue
        if element.name == "else":
            if element.arguments:
                unread.append(refused(element.line, element.header, "else takes no condition"))
            yield element, before
            before = None
        else:
            test = _read_condition(element, unread)
            yield element, (*before, Condition(test))
            before = (*before, Condition(test, negated=True))


def _read_condition(section: Section, unread: list[Unread]) -> Expression:
    """The condition of an ``if``; one that Cabal refuses is noted, and given as it stands."""
    try:
        return parse_condition(section.arguments)
    except ParseError as error:
        unread.append(refused(section.line, section.header, error.reason))
        return show_raw(section.arguments)


def show_raw(arguments: Sequence[Argument]) -> str:
    """The tokens of a header, with a space between."""
    return " ".join(argument.text for argument in arguments)


def is_elsewhere(when: When) -> bool:
    """Whether conditions never hold on Linux, which is what an image has."""
    return any(_on_linux(one.test) is one.negated for one in when)


def _on_linux(test: Expression) -> bool | None:
    """None for what hangs on more than the system."""
    match test:
        case bool():
            return test
        case Variable("os", name):
            return name == "linux"
        case Negation(part):
            whole = _on_linux(part)
            return None if whole is None else not whole
        case Chain(operator, parts):
            settles = operator == "||"
            results = [_on_linux(part) for part in parts]
            if settles in results:
                return settles
            return None if None in results else not settles
    return None


class _ConditionParser:
    """One method for each production; ``at`` is the index of the next token."""

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self.arguments = arguments
        self.at = 0
        self.depth = 0

    def parse(self) -> Expression:
        expression = self._parse_or()
        if self.at < len(self.arguments):
            self._fail("the condition should end here")
        return expression

    def _parse_or(self) -> Expression:
        """or ::= and { "||" and }"""
        return self._parse_chain("||", self._parse_and)

    def _parse_and(self) -> Expression:
        """and ::= atom { "&&" atom }"""
        return self._parse_chain("&&", self._parse_atom)

    def _parse_chain(self, operator: str, parse_part: Callable[[], Expression]) -> Expression:
        parts = [parse_part()]
        while self._take(operator):
            parts.append(parse_part())
        return parts[0] if len(parts) == 1 else Chain(operator, tuple(parts))

    def _parse_atom(self) -> Expression:
        """atom ::= literal | "(" or ")" | "!" atom | variable"""
        if self._take("("):
            return self._nested(self._parse_group)
        if self._take("!"):
            return Negation(self._nested(self._parse_atom))
        word = self._word("a condition")
        if word in _LITERALS:
            return word.lower() == "true"
        if word not in ("os", "arch", "flag", "impl") or not self._take("("):
            self.at -= 1
            self._fail("expected os(...), arch(...), flag(...), impl(...), true or false")
        variable = self._parse_variable(word)
        self._expect_close()
        return variable

    def _parse_group(self) -> Expression:
        inner = self._parse_or()
        self._expect_close()
        return inner

    def _parse_variable(self, kind: str) -> Variable:
        """What stands in the parentheses of ``kind``; names are told apart without their case."""
        word = self._word(f"a name in {kind}(...)")
        if kind == "flag":
            return Variable(kind, word.lower())
        if kind == "os":
            return Variable(kind, _known(dict(_SYSTEMS).get(word.lower(), word), _KNOWN_SYSTEMS))
        if kind == "arch":
            return Variable(kind, _known(word, _KNOWN_ARCHITECTURES))
        return Variable(kind, _known(word, _KNOWN_COMPILERS), self._parse_compiler_range())

    def _parse_compiler_range(self) -> VersionRange:
        """range ::= what stands up to the parenthesis that closes ``impl(``; none is "any"."""
        start, depth = self.at, 0
        while self.at < len(self.arguments) and not (depth == 0 and self._at_symbol(")")):
            depth += self._at_symbol("(") - self._at_symbol(")")
            self.at += 1
        text = "".join(argument.text for argument in self.arguments[start : self.at])
        return VersionRange.parse(text) if text else VersionRange.any()

    def _nested(self, parse: Callable[[], Expression]) -> Expression:
        if self.depth >= MAX_NESTING:
            self._fail(f"nested more than {MAX_NESTING} deep")
        self.depth += 1
        expression = parse()
        self.depth -= 1
        return expression

    def _word(self, expected: str) -> str:
        following = self.arguments[self.at : self.at + 1]
        if not following or following[0].kind is not ArgumentKind.WORD:
            self._fail(f"expected {expected}")
        self.at += 1
        return following[0].text

    def _at_symbol(self, text: str) -> bool:
        if self.at >= len(self.arguments):
            return False
        argument = self.arguments[self.at]
        return argument.kind is ArgumentKind.SYMBOL and argument.text == text

    def _take(self, text: str) -> bool:
        taken = self._at_symbol(text)
        self.at += taken
        return taken

    def _expect_close(self) -> None:
        if not self._take(")"):
            self._fail('expected ")"')

    def _fail(self, reason: str) -> NoReturn:
        before = show_raw(self.arguments[: self.at])
        start = len(before) + 1 if before else 0
        text = show_raw(self.arguments)
        width = len(self.arguments[self.at].text) if self.at < len(self.arguments) else 1
        raise ParseError(text, start, start + width, reason)


def _known(name: str, names: re.Pattern[str]) -> str:
    """A name that Cabal knows, in lower case; any other as it stands."""
    return name.lower() if names.fullmatch(name) else name
