"""``.cabal`` files: the components of a package and what each requires.

Source: Cabal user guide, "Package descriptions"; the library's
``Distribution.PackageDescription.Parsec``, ``parseCondTree`` and ``processImports``. Only what
bears on a requirement is looked at: a file that Cabal would refuse for another reason is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple, TypeVar

from guard.haskell.condition import chained, show_raw
from guard.haskell.dependency import Entry, leading_name, parse_single_name, read_entries, refused
from guard.haskell.layout import Argument, ArgumentKind, Elements, Field, Section, read_outline
from guard.haskell.model import (
    MAX_SHOWN,
    Component,
    Files,
    Flag,
    Manifest,
    Requirement,
    Unread,
    When,
    no_files,
    text_of,
)
from guard.haskell.ranges import Spec, Version, parse_range
from guard.haskell.scanner import ParseError, Scanner

_COMPONENTS = frozenset({"library", "foreign-library", "executable", "test-suite", "benchmark"})
# Sections of fields alone, and the field in them that holds dependencies.
_PLAIN = {"flag": None, "source-repository": None, "custom-setup": "setup-depends"}
# Fields that make a library in a file without sections (Cabal's `libraryFieldGrammar`).
_OF_LIBRARIES = re.compile(
    "(?:exposed|reexported|other|virtual|autogen)-modules|signatures|exposed|visibility|buildable"
    "|build-tools|build-tool-depends|pkgconfig-depends|mixins|default-language|other-languages"
    "|(?:default-|other-)?extensions|(?:cpp|asm|cmm|cc|cxx|ld|jhc|hugs|nhc98)-options"
    "|ghc(?:js)?(?:-prof|-shared)?-options|(?:asm|cmm|c|cxx|js)-sources|hs-source-dirs?|frameworks"
    "|(?:extra-framework|extra-lib|include)-dirs|extra-(?:ghci-|bundled-)?libraries"
    "|extra-(?:dynamic-)?library-flavours|(?:autogen-|install-)?includes"
)
_DEFAULT_SPEC: Spec = (1, 0)
_SPECS = (
    *((2, 0), (2, 2), (2, 4), (3, 0), (3, 4)),
    *((3, 6), (3, 8), (3, 12), (3, 14), (3, 16)),
)
# Common stanzas that import each other can multiply without end.
MAX_ENTRIES = 20_000

Value = TypeVar("Value")


class Branch(NamedTuple):
    """What holds under ``if``, ``elif`` or ``else``: the conditions before it are negated."""

    when: When
    body: Tree


class Tree(NamedTuple):
    """What a section says: unconditionally, and under conditions. ``size`` counts all entries."""

    entries: tuple[Entry, ...] = ()
    branches: tuple[Branch, ...] = ()
    size: int = 1
    buildable: bool = True

    def walk(self, when: When = ()) -> Iterator[tuple[Entry, When]]:
        """Each dependency with its conditions, from the outside in."""
        for entry in self.entries:
            yield entry, when
        for inner, body in self.branches:
            yield from body.walk((*when, *inner))

    def unbuilt(self, when: When = ()) -> Iterator[When]:
        """The conditions of each ``buildable: False``, from the outside in."""
        if not self.buildable:
            yield when
        for inner, body in self.branches:
            yield from body.unbuilt((*when, *inner))


def read_cabal(data: bytes, path: str, files: Files = no_files) -> Manifest:
    """Read a ``.cabal`` file, which takes in no other. Raises nothing."""
    return read_text(*text_of(data), path)


def read_text(text: str, unread: tuple[Unread, ...], path: str) -> Manifest:
    """Read the text of a ``.cabal`` file, of which some may be left out as unread."""
    return _CabalReader(text, unread, path).read()


class _CabalReader:
    """Reads one file, section by section, and notes what it cannot be sure of."""

    def __init__(self, text: str, unread: tuple[Unread, ...], path: str) -> None:
        outline = read_outline(text)
        self.path = path
        self.unread = list(unread)
        for fault in outline.faults:
            # A line that begins with a comma is the rest of a dependency list.
            package = leading_name(fault.text[1:]) if fault.text.startswith(",") else None
            self.unread.append(fault._replace(package=package))
        self.elements = _with_sections(outline.elements)
        self.fields = _leading_fields(self.elements)
        self.commons: dict[str, Tree] = {}
        self.components: list[tuple[str, Tree]] = []
        self.flags: list[Flag] = []
        self.ignored: list[Section] = []
        self.broken_list = False
        self.spec = self._read_spec(text)

    def read(self) -> Manifest:
        """package ::= fields sections"""
        package = self._value("name", parse_single_name)
        version = self._value("version", Version.parse)
        version_field = self._field("version")
        for element in self.elements[len(self.fields) :]:
            if isinstance(element, Section):
                self._read_section(element)
        self._suspect_ignored_sections()
        requirements, tools, own = self._requirements(package)
        return Manifest(
            self.path,
            package,
            version,
            version_field.line if version_field else None,
            requirements=requirements,
            unread=tuple(sorted(self.unread, key=lambda unread: unread.line)),
            tools=tools,
            own=own,
            components=tuple(
                Component(label, tuple(tree.unbuilt()))
                for label, tree in self.components
                if label != "custom-setup"
            ),
            flags=tuple(self.flags),
        )

    def _read_spec(self, text: str) -> Spec:
        """The format: in the first line alone, or from the last ``cabal-version`` before 2.2."""
        version = _scan_spec(text)
        field = self._field("cabal-version")
        if version is None and field is None:
            return _DEFAULT_SPEC
        shown, line = (field.text, field.line) if field else (str(version), 1)
        try:
            return _spec_of(field.text if field and version is None else str(version))
        except ParseError as error:
            self._refuse(line, f"cabal-version: {shown}", error.reason)
            return _SPECS[-1]

    def _value(self, name: str, parse: Callable[[str], Value]) -> Value | None:
        """The value of a field of the package; of a repeated field Cabal takes the last."""
        field = self._field(name)
        if field is None:
            self._refuse(1, "", f"the field {name} is missing")
            return None
        try:
            return parse(field.text.lstrip())
        except ParseError as error:
            self._refuse(field.line, f"{name}: {field.text}", error.reason)
            return None

    def _read_section(self, section: Section) -> None:
        """section ::= common | component | plain; Cabal ignores any other."""
        if section.name == "common" and self.spec >= (2, 2):
            self._read_common(section)
        elif section.name in _PLAIN and not (section.name == "custom-setup" and section.arguments):
            self._read_plain(section)
        elif section.name in _COMPONENTS:
            name = show_raw(section.arguments)
            is_main_library = section.name == "library" and not name
            if len(section.arguments) != 1 and not is_main_library:
                self._refuse(section.line, section.header, "expected one name")
            label = f"{section.name} {name}".rstrip(" ")
            self.components.append((label, self._read_component(section)))
        else:
            self.ignored.append(section)

    def _read_common(self, section: Section) -> None:
        """common ::= "common" name elements; only sections after it can import it."""
        name = show_raw(section.arguments)
        tree = self._read_component(section)
        if name in self.commons:
            self._doubt(section, "there is such a common stanza already")
        self.commons.setdefault(name, tree)

    def _read_plain(self, section: Section) -> None:
        """A section of fields alone, in which Cabal refuses any subsection."""
        fields = [element for element in section.elements if isinstance(element, Field)]
        for element in section.elements:
            if isinstance(element, Section):
                self._doubt(element, f"not allowed in {section.name}")
        tree = self._read_fields(fields, _PLAIN[section.name])
        if section.name == "flag":
            words = (self._is_true(fields, "default"), self._is_true(fields, "manual", False))
            self.flags.append(Flag(show_raw(section.arguments).lower(), *words))
        if section.name == "custom-setup":
            # Of several the last counts.
            self.components = [one for one in self.components if one[0] != section.name]
            self.components.append((section.name, tree))

    def _read_component(self, section: Section) -> Tree:
        """component ::= { import } { field | if }"""
        imported, elements = self._parse_imports(section.elements)
        return self._merge(imported, self._read_elements(elements), section)

    def _read_elements(self, elements: Elements) -> Tree:
        """The fields of one level, and the conditions."""
        fields = [element for element in elements if isinstance(element, Field)]
        tree = self._read_fields(fields, "build-depends", "build-tool-depends")
        branches = tuple(self._read_branches(elements))
        size = tree.size + sum(branch.body.size for branch in branches)
        buildable = self._is_true(fields, "buildable")
        return tree._replace(branches=branches, size=size, buildable=buildable)

    def _read_branches(self, elements: Elements) -> Iterator[Branch]:
        """The chains of conditions, with ``elif`` from spec 2.2. Other sections are ignored."""
        otherwise = ("elif", "else") if self.spec >= (2, 2) else ("else",)
        for element, when in chained(elements, self.unread, otherwise):
            if isinstance(element, Field):
                continue
            if when is None:
                self.ignored.append(element)
            elif self.spec >= (3, 0):  # the elements under a condition may begin with imports
                yield Branch(when, self._read_component(element))
            else:
                yield Branch(when, self._read_elements(element.elements))

    def _is_true(self, fields: Sequence[Field], name: str, default: bool = True) -> bool:
        """The value of a field that is True or False; of a repeated one Cabal takes the last."""
        words = [(field.text.strip().lower(), field.line) for field in fields if field.name == name]
        for word, line in words:
            if word not in ("true", "false"):
                self._refuse(line, f"{name}: {word}", "expected True or False")
        word, _ = words[-1] if words else ("", 0)
        return word == "true" if word in ("true", "false") else default

    def _read_fields(self, fields: Sequence[Field], *names: str | None) -> Tree:
        """The dependencies of the fields that are called so."""
        entries: list[Entry] = []
        for field in fields:
            if field.name in names:
                is_tool = field.name == "build-tool-depends"
                read, unread = read_entries(field, self.spec, is_tool)
                entries.extend(read)
                self.unread.extend(unread)
                self.broken_list |= bool(unread)
            elif field.name == "build-tools" and self.spec >= (3, 0):
                reason = "removed in cabal-version 3.0, for build-tool-depends"
                self._refuse(field.line, f"build-tools: {field.text}", reason)
        return Tree(tuple(entries), size=1 + len(entries))

    def _parse_imports(self, elements: Elements) -> tuple[list[Tree], Elements]:
        """import ::= "import" ":" name { "," name }, at the beginning of a section."""
        imported: list[Tree] = []
        at = 0
        while at < len(elements):
            element = elements[at]
            if not isinstance(element, Field) or element.name != "import":
                break
            at += 1
            if self.spec >= (2, 2):
                imported.extend(self._imported(element))
        return imported, elements[at:]

    def _imported(self, field: Field) -> Iterator[Tree]:
        for name in field.text.replace(",", " ").split():
            tree = self.commons.get(name.strip('"'))
            if tree is None:
                reason = "there is no such common stanza before this line"
                self.unread.append(Unread(field.line, f"import: {name}", reason))
            else:
                yield tree

    def _merge(self, imported: Sequence[Tree], own: Tree, section: Section) -> Tree:
        """What is imported comes first."""
        size = own.size + sum(tree.size for tree in imported)
        if size > MAX_ENTRIES:
            self._doubt(section, "imports more than can be read")
            return own
        if not imported:
            return own
        trees = [*imported, own]
        # Cabal drops an entry that an import repeats word for word.
        entries = {
            (entry.is_tool, *entry.dependency[:3]): entry
            for tree in reversed(trees)
            for entry in reversed(tree.entries)
        }
        return Tree(
            tuple(reversed(entries.values())),
            tuple(branch for tree in trees for branch in tree.branches),
            size,
            all(tree.buildable for tree in trees),
        )

    def _suspect_ignored_sections(self) -> None:
        """Cabal ignores a section it does not know. Where a dependency list is broken, or a line
        has no place, that section may be the rest of it: say so."""
        if not self.broken_list and not any(one.concerns_requirements for one in self.unread):
            return
        for section in self.ignored:
            shown = section.header
            reason = "a section that Cabal does not know, beside what could not be read"
            self.unread.append(Unread(section.line, shown, reason, leading_name(shown)))

    def _requirements(self, package: str | None) -> tuple[tuple[Requirement, ...], ...]:
        """Of other packages, of tools and of own libraries with names, which hide packages before
        spec 3.4."""
        internal = {
            label.removeprefix("library ")
            for label, _ in self.components
            if label.startswith("library ") and self.spec < (3, 4)
        }
        requirements: list[Requirement] = []
        tools: list[Requirement] = []
        own: list[Requirement] = []
        for label, tree in self.components:
            for entry, when in tree.walk():
                name, libraries, bound, _, _ = entry.dependency
                into = tools if entry.is_tool else requirements
                if name in internal and None in libraries:
                    libraries = entry.dependency.sublibraries
                if not libraries or (name == package and None not in libraries):
                    into, libraries = own, libraries or (name,)
                named = () if libraries == (None,) else tuple(one or name for one in libraries)
                into.append(Requirement(name, bound, entry.line, entry.text, label, when, named))
        return tuple(requirements), tuple(tools), tuple(own)

    def _field(self, name: str) -> Field | None:
        return next((field for field in reversed(self.fields) if field.name == name), None)

    def _refuse(self, line: int, text: str, reason: str) -> None:
        self.unread.append(refused(line, text, reason))

    def _doubt(self, section: Section, reason: str) -> None:
        """Note a section whose requirements cannot be told."""
        self.unread.append(Unread(section.line, section.header[:MAX_SHOWN], reason))


def _scan_spec(text: str) -> Version | None:
    """``cabal-version: 2.2`` in the first line, in any case and with any spaces, two or three
    numbers (``Distribution.PackageDescription.Parsec.scanSpecVersion``)."""
    first = text.split("\n", 1)[0].replace(" ", "").lower()
    name, colon, value = first.partition(":")
    if name != "cabal-version" or not colon:
        return None
    try:
        version = Version.parse(value)
    except ParseError:
        return None
    return version if len(version.numbers) in (2, 3) else None


def _spec_of(text: str) -> Spec:
    """The format that ``cabal-version`` asks for: ``2.2``, or before 2.2 ``>=1.10``."""
    scanner = Scanner(text)
    if scanner.peek().isdigit():
        numbers = Version.parse(text).numbers
    else:
        oldest = parse_range(scanner, (1, 24))
        scanner.expect_end("the end of the range")
        numbers = oldest.intervals[0].lower if oldest.intervals else (0,)
        if numbers >= (2, 2):
            scanner.fail("from 2.2 on this is no range", 0, len(text))
    if numbers >= (1, 25) and numbers not in _SPECS:
        scanner.fail(f"there is no cabal-version {text}", 0, len(text))
    return numbers


def _leading_fields(elements: Elements) -> tuple[Field, ...]:
    """The fields before the first section; Cabal ignores those after it."""
    fields = takewhile(lambda element: isinstance(element, Field), elements)
    return tuple(field for field in fields if isinstance(field, Field))


def _with_sections(elements: Elements) -> Elements:
    """A file without any section, as before Cabal 1.2, cut into sections.

    ``executable: NAME`` begins an executable; ``build-depends`` before the first one belongs to
    each of them, and to the library, which is there if anything else of a library is.
    """
    fields = [element for element in elements if isinstance(element, Field)]
    if len(fields) < len(elements):
        return elements
    starts = [at for at, field in enumerate(fields) if field.name == "executable"]
    first = fields[: starts[0]] if starts else fields
    shared = [field for field in first if field.name == "build-depends"]
    sections: list[Section] = []
    if any(_OF_LIBRARIES.fullmatch(field.name) for field in first):
        sections.append(Section("library", 1, (), tuple(first), "library"))
    for start, end in zip(starts, [*starts[1:], len(fields)], strict=False):
        name = Argument(ArgumentKind.WORD, fields[start].text.strip(" "))
        content = (*shared, *fields[start + 1 : end])
        header = f"executable {name.text}"
        sections.append(Section("executable", fields[start].line, (name,), content, header))
    return (*first, *sections)
