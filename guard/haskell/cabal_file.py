"""``.cabal`` files: the components of a package and what each requires.

Source: Cabal user guide, "Package descriptions"; the library's
``Distribution.PackageDescription.Parsec``, whose order of steps this follows: the version of the
format, the fields of the package, then section by section, common stanzas included.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.haskell.cabal_fields import LIBRARY_FIELDS, known_spec, spec_of
from guard.haskell.dependency import leading_name, parse_name
from guard.haskell.entries import Entry, one_line
from guard.haskell.layout import (
    Argument,
    ArgumentKind,
    Elements,
    Fault,
    Field,
    Section,
    read_outline,
)
from guard.haskell.model import MAX_SHOWN, Condition, Manifest, Requirement, Unread, text_of
from guard.haskell.ranges import Spec, Version
from guard.haskell.scanner import ParseError, Scanner
from guard.haskell.stanzas import StanzaReader, Tree

_COMPONENTS = frozenset({"library", "foreign-library", "executable", "test-suite", "benchmark"})
_OTHER_SECTIONS = frozenset({"common", "flag", "custom-setup", "source-repository"})
_TYPED = frozenset({"foreign-library", "test-suite", "benchmark"})
_DEFAULT_SPEC: Spec = (1, 0)
_NEWEST_SPEC: Spec = (3, 4)


class Component(NamedTuple):
    """A section of the package with what it requires; ``label`` is the name in a requirement."""

    label: str
    tree: Tree


def read(data: bytes, path: str) -> Manifest:
    """Read a ``.cabal`` file. Raises nothing."""
    return read_text(*text_of(data), path)


def read_text(text: str, unread: tuple[Unread, ...], path: str) -> Manifest:
    """Read the text of a ``.cabal`` file, of which some may be left out as unread."""
    return _CabalReader(text, unread, path).read()


class _CabalReader:
    """Reads one file; notes whatever Cabal would refuse."""

    __slots__ = ("components", "elements", "fields", "ignored", "path", "spec", "stanzas", "unread")

    def __init__(self, text: str, unread: tuple[Unread, ...], path: str) -> None:
        outline = read_outline(text)
        self.path = path
        self.unread = [*unread, *map(_unread_fault, outline.faults)]
        self.elements = _with_sections(outline.elements)
        self.fields = _leading_fields(self.elements)
        self.spec = self._read_spec(text)
        self.stanzas = StanzaReader(self.spec, self.unread)
        self.components: list[Component] = []
        self.ignored: list[Section] = []

    def read(self) -> Manifest:
        package, version, version_line = self._read_package()
        for element in self.elements[len(self.fields) :]:
            if isinstance(element, Section):
                self._read_section(element)
        self._check_package()
        self._suspect_ignored_sections()
        requirements, tools = self._requirements(package)
        return Manifest(
            self.path,
            package,
            version,
            version_line,
            lenient=bool(self.unread),
            requirements=requirements,
            unread=tuple(sorted(self.unread, key=lambda unread: unread.line)),
            tools=tools,
        )

    def _read_spec(self, text: str) -> Spec:
        """The format: in the first line alone, or from the last ``cabal-version`` before 2.2."""
        scanned = _scan_spec(text)
        field = self._field("cabal-version")
        if scanned is None and field is None:
            return _DEFAULT_SPEC
        if scanned is None and field is not None:
            try:
                spec = spec_of(field.text)
            except ParseError as error:
                self._refuse(field, error.reason)
                return _NEWEST_SPEC
            if spec >= (2, 2):
                self._refuse(field, "from 2.2 on it must be the first line, without an operator")
            return spec
        spec_or_none = known_spec(scanned.numbers) if scanned is not None else None
        if spec_or_none is None:
            reason = f"there is no cabal-version {scanned} that this reader knows"
            self.unread.append(Unread(1, f"cabal-version: {scanned}", reason, None, False))
        elif field is not None and _spec_or_none(field) != spec_or_none:
            self._refuse(field, "the first line and the field say different versions")
        return spec_or_none or _NEWEST_SPEC

    def _read_package(self) -> tuple[str | None, Version | None, int | None]:
        """The package's name and version; of a repeated field Cabal takes the last."""
        self.stanzas.check(self.fields, of_package=True)
        package = version = None
        named = self._field("name")
        if named is None:
            self._missing("name")
        else:
            package = _name_or_none(named.text)
        versioned = self._field("version")
        if versioned is None:
            self._missing("version")
            return package, None, None
        try:
            version = Version.parse(versioned.text.lstrip())
        except ParseError as error:
            self._refuse(versioned, error.reason)
        return package, version, versioned.line

    def _read_section(self, section: Section) -> None:
        name = section.name
        if name == "common" and self.spec >= (2, 2):
            self.stanzas.read_common(section)
        elif name == "flag":
            self.stanzas.read_flag(section)
        elif name == "custom-setup" and not section.arguments:
            tree = self.stanzas.read_plain(section)
            self.components.append(Component("custom-setup", tree))
        elif name == "source-repository":
            if _section_name(section.arguments) is None:
                self.stanzas.refuse(section.line, section.header, "expected head or this")
            self.stanzas.read_plain(section)
        elif name in _COMPONENTS:
            self._read_component(section)
        else:
            self.ignored.append(section)

    def _read_component(self, section: Section) -> None:
        label = section.name
        if section.arguments or section.name != "library":
            named = _section_name(section.arguments)
            if named is None:
                self.stanzas.refuse(section.line, section.header, "expected one name")
            label = f"{section.name} {named or ''}".rstrip()
        elif any(component.label == "library" for component in self.components):
            self.stanzas.refuse(section.line, section.header, "there is a library already")
        typed = section.name in _TYPED
        tree = self.stanzas.read_component(section, typed_fields=typed)
        if typed and not tree.typed:
            self.stanzas.refuse(section.line, section.header, "the field type is missing")
        self.components.append(Component(label, tree))

    def _check_package(self) -> None:
        """What Cabal checks when all is read: flags, and custom-setup where it is mandatory."""
        self.stanzas.check_flags()
        field = self._field("build-type")
        custom = field.text.strip() == "Custom" if field else self.spec < (2, 2)
        has_setup = any(component.label == "custom-setup" for component in self.components)
        if custom and not has_setup and self.spec >= (1, 24):
            line, text = (field.line, f"build-type: {field.text}") if field else (1, "build-type")
            self.stanzas.refuse(line, text, "the build type Custom needs a section custom-setup")

    def _suspect_ignored_sections(self) -> None:
        """Cabal ignores a section it does not know. Where a dependency list is broken, or a line
        has no place, that section may be the rest of it: say so."""
        broken = any(one.concerns_requirements for one in self.unread) or self.stanzas.broken_list
        if not broken:
            return
        for section in (*self.ignored, *self.stanzas.ignored):
            shown = section.header[:MAX_SHOWN]
            reason = "a section that Cabal does not know, beside what could not be read"
            self.unread.append(Unread(section.line, shown, reason, leading_name(shown)))

    def _requirements(
        self, package: str | None
    ) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
        internal = frozenset(
            component.label.removeprefix("library ")
            for component in self.components
            if component.label.startswith("library ")
        )
        resolve = _Resolver(package, internal if self.spec < (3, 4) else frozenset())
        requirements: list[Requirement] = []
        tools: list[Requirement] = []
        for label, tree in self.components:
            for entry, when in tree.walk():
                requirements.extend(resolve.requirement(entry, label, when))
            for entry, when in tree.walk_tools():
                tools.extend(resolve.requirement(entry, label, when))
        return tuple(requirements), tuple(tools)

    def _field(self, name: str) -> Field | None:
        found = [field for field in self.fields if field.name == name]
        return found[-1] if found else None

    def _refuse(self, field: Field, reason: str) -> None:
        shown = one_line(f"{field.name}: {field.text}")[:MAX_SHOWN]
        self.unread.append(Unread(field.line, shown, reason, None, False))

    def _missing(self, name: str) -> None:
        self.unread.append(Unread(1, "", f"the field {name} is missing", None, False))


class _Resolver(NamedTuple):
    """Tells requirements on other packages from those on internal libraries.

    Before spec 3.4 the name of an internal library hides a package of the same name.
    """

    package: str | None
    internal: frozenset[str]

    def requirement(
        self, entry: Entry, section: str, when: tuple[Condition, ...]
    ) -> tuple[Requirement, ...]:
        name, libraries, found, _, _ = entry.dependency
        if name in self.internal and None in libraries:
            libraries = tuple(library for library in libraries if library is not None)
            if not libraries:
                return ()
        if name == self.package and None not in libraries:
            return ()
        named = () if libraries == (None,) else tuple(library or name for library in libraries)
        return (Requirement(name, found, entry.line, entry.text, section, when, named),)


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


def _spec_or_none(field: Field) -> Spec | None:
    try:
        return spec_of(field.text)
    except ParseError:
        return None


def _leading_fields(elements: Elements) -> tuple[Field, ...]:
    """The fields before the first section; Cabal ignores those after it."""
    found: list[Field] = []
    for element in elements:
        if isinstance(element, Section):
            break
        found.append(element)
    return tuple(found)


def _with_sections(elements: Elements) -> Elements:
    """A file without any section, as before Cabal 1.2, cut into sections as Cabal cuts it.

    ``executable: NAME`` begins an executable; what belongs to a library makes one;
    ``build-depends`` before the first executable belongs to each of them.
    """
    fields = [element for element in elements if isinstance(element, Field)]
    if len(fields) < len(elements):
        return elements
    first = next((i for i, f in enumerate(fields) if f.name == "executable"), len(fields))
    shared = tuple(f for f in fields[:first] if f.name == "build-depends")
    head = [f for f in fields[:first] if f.name not in LIBRARY_FIELDS]
    library = [f for f in fields[:first] if f.name in LIBRARY_FIELDS and f not in shared]
    found: list[Field | Section] = [*head]
    if library:
        found.append(Section("library", library[0].line, (), (*shared, *library), "library"))
    starts = [i for i, f in enumerate(fields) if f.name == "executable"]
    for start, end in zip(starts, [*starts[1:], len(fields)], strict=False):
        name = Argument(ArgumentKind.WORD, fields[start].text.strip(" "))
        content = (*shared, *fields[start + 1 : end])
        header = f"executable {name.text}"
        found.append(Section("executable", fields[start].line, (name,), content, header))
    return tuple(found)


def _section_name(arguments: tuple[Argument, ...]) -> str | None:
    """name ::= word | string: exactly one argument."""
    if len(arguments) != 1 or arguments[0].kind is ArgumentKind.SYMBOL:
        return None
    return arguments[0].text


def _name_or_none(text: str) -> str | None:
    scanner = Scanner(text)
    try:
        name = parse_name(scanner)
        scanner.expect_end("the end of the name")
    except ParseError:
        return None
    return name


def _unread_fault(fault: Fault) -> Unread:
    """A line without a place; one that begins with a comma is the rest of a dependency list."""
    text = fault.text
    package = leading_name(text[1:]) if text.startswith(",") else None
    return Unread(fault.line, text[:MAX_SHOWN], fault.reason, package)
