"""Fields of a cabal file that are no dependencies, read only to know whether Cabal takes the file.

Source: Cabal user guide, "Package descriptions" (fields); the library's
``Distribution.PackageDescription.FieldGrammar``. One bad field makes Cabal refuse the whole file,
so a reader that is to say what Cabal says has to look at them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from guard.haskell.dependency import parse_name
from guard.haskell.ranges import ALPHANUMERIC, Spec, Version, parse_range
from guard.haskell.scanner import Scanner

_LICENSE_NAME = re.compile(f"{ALPHANUMERIC}+")
_LICENSE_ID = re.compile(r"[A-Za-z0-9.+:-]+")
# Names of before SPDX that are no SPDX identifiers.
_OLD_LICENSES = frozenset(
    [
        "BSD2",
        "BSD3",
        "BSD4",
        "GPL",
        "GPL-2",
        "GPL-3",
        "LGPL",
        "LGPL-2",
        "LGPL-3",
        "LGPL-2.1",
        "AGPL",
        "AGPL-3",
        "Apache",
        "PublicDomain",
        "AllRightsReserved",
        "OtherLicense",
        "UnspecifiedLicense",
        "UnknownLicense",
        "MPL",
        "MPL-2",
    ]
)
_LETTERS = re.compile(r"[^\W\d_]+")
_WORD = re.compile(f"{ALPHANUMERIC}+")
_MODULE = re.compile(r"\"?(?:[^\W\d_a-z][\w']*)(?:\.[^\W\d_a-z][\w']*)*\"?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,]+')
_TYPE = re.compile(rf"{ALPHANUMERIC}+(?:-{ALPHANUMERIC}+)*-[0-9]+(?:\.[0-9]+)*\Z")

Check = Callable[[Scanner, Spec], None]


def spec_of(text: str) -> Spec:
    """The format that the value of ``cabal-version`` asks for: ``2.2``, or before 2.2 ``>=1.10``.

    Raises ParseError, also for a format that does not exist.
    """
    scanner = Scanner(text)
    if scanner.peek().isdigit():
        numbers = Version.parse(text).numbers
    else:
        found = parse_range(scanner, (1, 24))
        scanner.expect_end("the end of the range")
        numbers = found.intervals[0].lower if found.intervals else (0,)
    spec = known_spec(numbers)
    if spec is None:
        scanner.fail("there is no such version of the cabal format", 0, len(text))
    return spec


def known_spec(numbers: tuple[int, ...]) -> Spec | None:
    """The format that a number stands for; before 1.25 the odd ones count as the next even one."""
    if numbers in ((2, 0), (2, 2), (2, 4), (3, 0), (3, 4)):
        return numbers
    if numbers >= (1, 25):
        return None
    for start, spec in ((23, 24), (21, 22), (19, 20), (17, 18), (11, 12), (9, 10)):
        if numbers >= (1, start):
            return (1, spec)
    for start, spec in ((7, 8), (5, 6), (3, 4), (1, 2)):
        if numbers >= (1, start):
            return (1, spec)
    return (1, 0)


def check_field(name: str, text: str, spec: Spec, of_package: bool) -> None:
    """Raise ParseError if Cabal would refuse this value of this field, of the package or of a
    section in it. A field without a value is as good as none, but for the name."""
    check = (_PACKAGE_CHECKS if of_package else _SECTION_CHECKS).get(name)
    if check is None or (not text and name != "name"):
        return
    scanner = Scanner(text)
    scanner.spaces()
    check(scanner, spec)
    scanner.expect_end(f"the end of the field {name}")


def is_single(name: str) -> bool:
    """Whether a field holds one value; of repeated ones the last counts."""
    return name in _SINGLE


def is_component_type(text: str) -> bool:
    """Whether a ``type`` names a kind and a version, such as ``exitcode-stdio-1.0``."""
    return _TYPE.match(text.strip()) is not None


def _parse_name_field(scanner: Scanner, spec: Spec) -> None:
    parse_name(scanner)


def _parse_license(scanner: Scanner, spec: Spec) -> None:
    """license ::= name [ "-" version ] before 2.2, an SPDX expression from then on."""
    if spec >= (2, 2):
        _parse_spdx(scanner)
        return
    if scanner.match(_LICENSE_NAME) is None:
        scanner.fail("expected the name of a licence")
    if scanner.take("-"):
        rest = scanner.text[scanner.position :]
        Version.parse(rest)
        scanner.position = len(scanner.text)


def _parse_spdx(scanner: Scanner) -> None:
    """expression ::= simple { ("AND" | "OR" | "WITH") simple }
    simple ::= identifier | "(" expression ")"
    """
    while True:
        scanner.spaces()
        if scanner.take("("):
            scanner.enter()
            _parse_spdx(scanner)
            if not scanner.take(")"):
                scanner.fail('expected ")"')
            scanner.leave()
        else:
            start = scanner.position
            word = scanner.match(_LICENSE_ID)
            if word is None or word in _OLD_LICENSES:
                scanner.fail("expected an SPDX licence identifier", start)
        scanner.spaces()
        if not (scanner.take("AND ") or scanner.take("OR ") or scanner.take("WITH ")):
            return


def _parse_boolean(scanner: Scanner, spec: Spec) -> None:
    word = scanner.match(_LETTERS)
    if word is None or word.lower() not in ("true", "false"):
        scanner.fail("expected True or False", 0)


def _parse_build_type(scanner: Scanner, spec: Spec) -> None:
    word = scanner.match(_WORD)
    known = ("Simple", "Configure", "Custom", "Make")
    if word not in known and not (word == "Default" and spec <= (1, 18)):
        scanner.fail(f"expected a build type: {', '.join(known)}", 0)


def _parse_modules(scanner: Scanner, spec: Spec) -> None:
    """modules ::= { module [ "," ] }"""
    _parse_words(scanner, spec, _MODULE, "the name of a module")


def _parse_tokens(scanner: Scanner, spec: Spec) -> None:
    """tokens ::= { token [ "," ] }"""
    _parse_words(scanner, spec, _TOKEN, "a word")


def _parse_token(scanner: Scanner, spec: Spec) -> None:
    """One word or string."""
    if scanner.match(_TOKEN) is None:
        scanner.fail("expected a word")


def _parse_words(scanner: Scanner, spec: Spec, rule: re.Pattern[str], what: str) -> None:
    """With commas between all words or between none; from spec 2.2 one more at either end."""
    if spec >= (2, 2) and scanner.take(","):
        scanner.spaces()
    while not scanner.at_end():
        if scanner.match(rule) is None:
            scanner.fail(f"expected {what}")
        scanner.spaces()
        if scanner.take(","):
            scanner.spaces()
            if scanner.at_end() and spec < (2, 2):
                scanner.fail(f"expected {what} after the comma")


def _parse_tested_with(scanner: Scanner, spec: Spec) -> None:
    """tested-with ::= { compiler [ range ] [ "," ] }"""
    while not scanner.at_end():
        scanner.take(",")
        scanner.spaces()
        if scanner.match(_WORD) is None:
            scanner.fail("expected a compiler")
        scanner.spaces()
        if scanner.peek() in tuple("<>=^-("):
            parse_range(scanner, spec)
        scanner.spaces()


_BOOLEANS = ("buildable", "exposed", "default", "manual")
_MODULES = (
    "exposed-modules",
    "other-modules",
    "autogen-modules",
    "virtual-modules",
    "signatures",
)
_PACKAGE_TOKENS = (
    "data-files",
    "extra-source-files",
    "extra-doc-files",
    "extra-tmp-files",
    "license-file",
    "license-files",
)
_SECTION_TOKENS = ("c-sources", "hs-source-dirs", "include-dirs", "extra-libraries")
_PACKAGE_CHECKS: dict[str, Check] = {
    "name": _parse_name_field,
    "license": _parse_license,
    "build-type": _parse_build_type,
    "tested-with": _parse_tested_with,
    "data-dir": _parse_token,
    **dict.fromkeys(_PACKAGE_TOKENS, _parse_tokens),
}
_SECTION_CHECKS: dict[str, Check] = {
    "main-is": _parse_token,
    **dict.fromkeys(_BOOLEANS, _parse_boolean),
    **dict.fromkeys(_MODULES, _parse_modules),
    **dict.fromkeys(_SECTION_TOKENS, _parse_tokens),
}
_SINGLE = frozenset({"name", "license", "build-type", "data-dir", "main-is", *_BOOLEANS})

# What belongs to the library in a file without sections (Cabal's `libraryFieldGrammar`).
LIBRARY_FIELDS = frozenset(
    [
        "exposed-modules",
        "reexported-modules",
        "signatures",
        "exposed",
        "visibility",
        "buildable",
        "build-tools",
        "build-tool-depends",
        "cpp-options",
        "asm-options",
        "cmm-options",
        "cc-options",
        "cxx-options",
        "ld-options",
        "pkgconfig-depends",
        "frameworks",
        "extra-framework-dirs",
        "asm-sources",
        "cmm-sources",
        "c-sources",
        "cxx-sources",
        "js-sources",
        "hs-source-dirs",
        "hs-source-dir",
        "other-modules",
        "virtual-modules",
        "autogen-modules",
        "default-language",
        "other-languages",
        "default-extensions",
        "other-extensions",
        "extensions",
        "extra-libraries",
        "extra-ghci-libraries",
        "extra-bundled-libraries",
        "extra-library-flavours",
        "extra-dynamic-library-flavours",
        "extra-lib-dirs",
        "include-dirs",
        "includes",
        "autogen-includes",
        "install-includes",
        "ghc-options",
        "ghcjs-options",
        "jhc-options",
        "hugs-options",
        "nhc98-options",
        "ghc-prof-options",
        "ghcjs-prof-options",
        "ghc-shared-options",
        "ghcjs-shared-options",
        "build-depends",
        "mixins",
    ]
)
