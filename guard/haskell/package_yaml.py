"""hpack's ``package.yaml``: what each component of the package requires.

Source: hpack's README; ``Hpack.Config``, ``Hpack.Syntax.Dependencies``, ``DependencyVersion``. What
stands at the top level reaches every component; a component's own entry replaces that of the same
name; what stands under ``when`` adds to both. ``build-tools`` are written the same way and become
``build-tool-depends``: ``tool`` alone means ``tool:tool``. ``system-build-tools`` are no packages.

    dependencies ::= entry | [ entry or object with "name" ] | { name: null | version | object }
    version      ::= a number, or a text that is a range once "==" stands before it, or as it is
    object       ::= "version", "mixin", and a source: "git" or "github" with "ref", or "path"

hpack writes name and range into a cabal file and leaves it to Cabal what they mean; so does this.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from guard.haskell.cabal_file import read_text
from guard.haskell.condition import parse_condition
from guard.haskell.dependency import leading_name, parse_single_dependency, parse_single_name
from guard.haskell.layout import Section, read_outline
from guard.haskell.model import (
    MAX_SHOWN,
    Component,
    Condition,
    Expression,
    Files,
    Flag,
    Further,
    Manifest,
    Requirement,
    Source,
    SourceKind,
    Unread,
    When,
    no_files,
)
from guard.haskell.ranges import Spec, Version, VersionRange, parse_range
from guard.haskell.scanner import ParseError, Scanner
from guard.haskell.yaml_tree import (
    Kind,
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlFiles,
    is_false,
    is_true,
    listed,
    number_text,
    refused_node,
    show,
    string_of,
)

_NAMED_SECTIONS = (
    ("internal-libraries", "library"),
    ("executables", "executable"),
    ("tests", "test-suite"),
    ("benchmarks", "benchmark"),
)
# What hpack refuses with nothing after it. Versions of 2016 took it, and a history is full of it.
_NOT_EMPTY = re.compile(
    "source-dirs|.*-dependencies|.*-extensions|.*-options|.*-sources|extra-.*|frameworks|.*-dirs"
    "|install-includes|author|copyright|license-file|tested-with|data-files"
    "|(?P<modules>.*exposed-modules|.*other-modules|reexported-modules|signatures)"
)
# The lists of a component, and the fields of a cabal file that hpack writes them as.
_LISTS = (("dependencies", "build-depends"), ("build-tools", "build-tool-depends"))
# A literal is read as a part of the cabal file that hpack would write.
_HEAD = "name: p\nversion: 0\nbuild-type: Simple\ncabal-version: 1.12\n"
_INTO_COMPONENT = _HEAD + "library\n"
_NO_VERSION = Version((0, 0, 0))
_SPECIFICATION = Version((0, 38, 3))
# hpack reads with Cabal's newest format and writes 1.12, or 3.0 where there are sublibraries.
_READING: Spec = (3, 16)
_WRITING: Spec = (1, 12)
_WRITING_SUBLIBRARIES: Spec = (3, 0)
_SOURCE_KEYS = ("path", "git", "github", "ref", "subdir")
_GITHUB = "https://github.com/"
# `when` can be an alias that holds aliases: more branches than this are not followed.
MAX_BRANCHES = 2000
# So can components: more requirements than this are not given.
MAX_REQUIREMENTS = 30_000


class HpackEntry(NamedTuple):
    """A requirement of no component yet; ``key``: what a later entry must share to replace it."""

    key: str
    requirement: Requirement
    source: Source | None = None


Item = HpackEntry | Unread


def read_package_yaml(data: bytes, path: str, files: Files = no_files) -> Manifest:
    """Read a package.yaml."""
    yaml = YamlFiles(Further(files))
    root = yaml.mapping(data, (path,))
    manifest = Manifest(path) if root is None else _PackageReader(root, path, yaml).read()
    return yaml.placed(manifest)


class _PackageReader:
    """Reads one file; one method for each production."""

    def __init__(self, root: Mapping, path: str, yaml: YamlFiles) -> None:
        self.root = root
        self.path = path
        self.yaml = yaml
        self.unread: list[Unread] = []
        self.is_whole = not yaml.unread
        self.requirements: list[Requirement] = []
        self.tools: list[Requirement] = []
        self.sources: list[Source] = []
        self.unbuilt: dict[str, list[When]] = {}
        self.flags: list[Flag] = []
        self.top = self._parse_defaults(root, (path,))
        self.parsed: dict[int, list[Item]] = {}
        self.spec = _WRITING
        self.branches = 0
        self.literals: dict[tuple[int, str], Manifest] = {}
        self.given = 0
        self.gave_up = False

    def read(self) -> Manifest:
        """package ::= fields, common fields, components"""
        self._check_specification()
        package = self._parse_name()
        version, version_line = self._parse_version()
        for label, component in self._parse_components(package):
            self._parse_component(label, component)
        self._parse_custom_setup()
        self._parse_top_verbatim()
        self._parse_flags()
        for level in self.top:
            for key, field in _LISTS:
                self._note_refused(self._items(level, key, field))
        counting = {
            one._replace(concerns_requirements=False)
            for one in self.unread
            if one.concerns_requirements
        }
        return Manifest(
            self.path,
            package,
            version,
            version_line,
            requirements=tuple(
                one for one in self.requirements if not self._internal(one, package)
            ),
            own=tuple(one for one in self.requirements if self._internal(one, package)),
            sources=tuple(dict.fromkeys(self.sources)),
            # What is unread, and counts somewhere, is not said once more of where it does not.
            unread=tuple(one for one in self.unread if one not in counting),
            tools=tuple(one for one in self.tools if not self._is_own_tool(one)),
            components=tuple(
                Component(label, tuple(dict.fromkeys(unbuilt)))
                for label, unbuilt in self.unbuilt.items()
            ),
            flags=tuple(self.flags),
        )

    def _check_specification(self) -> None:
        """spec-version ::= string | number; hpack refuses what is newer than itself."""
        node = self.root.get("spec-version")
        try:
            if node is not None and Version.parse(_version_text(node)) > _SPECIFICATION:
                raise refused_node(node, f"hpack {_SPECIFICATION} is older")
        except ParseError as error:
            assert node is not None  # else nothing was parsed
            self._refuse(node.line, f"spec-version: {show(node)}", error.reason)

    def _parse_name(self) -> str | None:
        """name ::= string; without it, hpack takes the name of the directory."""
        node = self.root.get("name")
        if node is None and not self.is_whole:
            return None
        if node is None:
            directory = self.path.replace("\\", "/").split("/")[:-1]
            return directory[-1] if directory and directory[-1] not in ("", ".", "..") else None
        if not isinstance(node, Scalar) or node.kind is not Kind.STRING:
            return None
        try:
            return parse_single_name(node.text)
        except ParseError as error:
            self._refuse(node.line, f"name: {node.text}", error.reason)
            return None

    def _parse_version(self) -> tuple[Version | None, int | None]:
        """version ::= string | number, verbatim before hpack's; 0.0.0 without it."""
        node = self._verbatim("version") or self.root.get("version")
        if node is None:
            return _NO_VERSION if self.is_whole else None, None
        try:
            return Version.parse(_version_text(node)), node.line
        except ParseError as error:
            self._refuse(node.line, f"version: {show(node)}", error.reason)
            return None, node.line

    def _parse_components(self, package: str | None) -> Iterable[tuple[str, Mapping]]:
        """components ::= library, named libraries, executables, tests, benchmarks"""
        library = self.root.get("library")
        if library is not None:
            yield from self._component("library", library)
        single = self.root.get("executable")
        if single is not None:
            yield from self._component(f"executable {package or ''}".rstrip(), single)
        for key, kind in _NAMED_SECTIONS:
            node = self.root.get(key)
            if node is None or (key == "executables" and single is not None):
                continue
            if not isinstance(node, Mapping):
                self._unexpected(key, node)
                continue
            for name, value in node.items():
                yield from self._component(f"{kind} {name.text}", value)

    def _component(self, label: str, node: Node) -> Iterable[tuple[str, Mapping]]:
        if isinstance(node, Mapping):
            yield label, node
            return
        self._unexpected(label, node)
        if node.kind is Kind.NULL:
            yield label, Mapping(node.line, {})

    def _parse_component(self, label: str, component: Mapping) -> None:
        """component ::= lists, "buildable", when, verbatim; the top level's come before."""
        levels = self._parse_defaults(component, (self.path,))
        stated = [level.get("buildable") for level in (*self.top, *levels)]
        buildable = next((one for one in reversed(stated) if one is not None), None)
        self.unbuilt[label] = [()] if is_false(buildable) else []
        self._parse_lists(self.top, levels, label, ())
        for level in (*self.top, *levels):
            self._parse_whens(level, label, ())

    def _parse_defaults(self, level: Mapping, chain: tuple[str, ...]) -> list[Mapping]:
        """defaults ::= one | [ one ]; one ::= { "local": path } | a file on GitHub. Each is a level
        that comes before the one it stands in, which is the last."""
        self._note_empty_fields(level)
        levels: list[Mapping] = []
        for one in listed(level.get("defaults")):
            local = one.get("local") if isinstance(one, Mapping) else None
            try:
                if not isinstance(local, Scalar):
                    raise LookupError(f"what {show(one)} says is not known here")
                path, data = self.yaml.further.read(local.text, chain)
            except LookupError as error:
                self.unread.append(Unread(one.line, f"defaults: {show(one)}", str(error)))
                continue
            inner = self.yaml.mapping(data, (*chain, path))
            if inner is not None:
                levels += self._parse_defaults(inner, (*chain, path))
        return [*levels, level]

    def _parse_lists(
        self, above: list[Mapping], levels: list[Mapping], label: str, when: When
    ) -> None:
        """lists ::= [ "dependencies" ] [ "build-tools" ], unless a level writes them verbatim."""
        verbatim = {field for level in levels for field in self._parse_verbatim(level, label, when)}
        for key, field in _LISTS:
            if f"{field}:" not in verbatim:
                into = self.tools if key == "build-tools" else self.requirements
                lists = (self._items(level, key, field) for level in (*above, *levels))
                self._emit(chain.from_iterable(lists), label, when, into)

    def _items(self, level: Mapping, key: str = "dependencies", other: str = "") -> list[Item]:
        """The entries of a level's list; those of the top level are asked for many times. From
        hpack 0.35 it goes by Cabal's name as well, where its own does not stand."""
        node = level.get(key) or level.get(other)
        if node is None:
            return []
        if id(node) not in self.parsed:
            self.parsed[id(node)] = _parse_dependencies(node)
        return self.parsed[id(node)]

    def _emit(self, items: Iterable[Item], label: str, when: When, into: list[Requirement]) -> None:
        """Of entries with one name the last counts, whatever it says, and even if it is unread."""
        if self._is_full(label):
            return
        last: dict[str | None, Item] = {}
        for item in items:
            self.given += 1
            key = item.package if isinstance(item, Unread) else item.key
            if key is None:
                self._give(item, label, when, into)
            else:
                self._note_refused([last[key]] if key in last else [])
                last[key] = item
        for item in last.values():
            self._give(item, label, when, into)

    def _is_full(self, label: str) -> bool:
        """Whether more is asked than can be given, which is said once."""
        if self.given + len(self.unread) > MAX_REQUIREMENTS and not self.gave_up:
            self.unread.append(Unread(1, label, "too many dependencies to be read"))
            self.gave_up = True
        return self.gave_up

    def _note_refused(self, items: Iterable[Item]) -> None:
        """hpack refuses the file for an entry that cannot be read, even one that does not count."""
        for item in items:
            if isinstance(item, Unread):
                self.unread.append(item._replace(concerns_requirements=False))

    def _give(self, item: Item, label: str, when: When, into: list[Requirement]) -> None:
        if isinstance(item, HpackEntry):
            requirement = item.requirement._replace(section=label, when=when)
            # What stands behind the colon of a tool is no library.
            into.append(requirement._replace(libraries=()) if into is self.tools else requirement)
            if item.source is not None:
                self.sources.append(item.source)
        else:
            self.unread.append(item)

    def _parse_whens(self, level: Mapping, label: str, when: When) -> None:
        """whens ::= when | [ when ]"""
        node = level.get("when")
        if node is None:
            return
        for one in listed(node):
            self.branches += 1
            if self.branches > MAX_BRANCHES:
                if self.branches == MAX_BRANCHES + 1:
                    self.unread.append(Unread(node.line, "when", "too many conditions"))
                return
            if isinstance(one, Mapping):
                self._parse_when(one, label, when)
            else:
                self._unexpected("when", one)

    def _parse_when(self, node: Mapping, label: str, when: When) -> None:
        """when ::= "condition" ( "then" level "else" level | level )"""
        condition = self._parse_condition(node)
        if condition is None:
            return
        if node.get("then") is None and node.get("else") is None:
            self._parse_branch(node, label, (*when, Condition(condition)))
            return
        for key, negated in (("then", False), ("else", True)):
            branch = node.get(key)
            if isinstance(branch, Mapping):
                self._parse_branch(branch, label, (*when, Condition(condition, negated)))
            elif branch is not None:
                self._unexpected(key, branch)

    def _parse_branch(self, level: Mapping, label: str, when: When) -> None:
        self._note_empty_fields(level)
        if is_false(level.get("buildable")):
            self.unbuilt[label].append(when)
        self._parse_lists([], [level], label, when)
        self._parse_whens(level, label, when)

    def _parse_condition(self, node: Mapping) -> Expression | None:
        """condition ::= Cabal's | true | false, which drops the branch; None then, or if unread."""
        condition = node.get("condition")
        if not isinstance(condition, Scalar) or condition.kind in (Kind.NULL, Kind.NUMBER):
            self.unread.append(Unread(node.line, "when", 'the key "condition" is missing'))
            return None
        if condition.kind is Kind.BOOLEAN:
            return is_true(condition) or None
        elements, faults = read_outline(f"if {condition.text}")
        section = elements[0] if len(elements) == 1 and not faults else None
        try:
            if not isinstance(section, Section) or section.elements:
                raise ParseError(condition.text, 0, len(condition.text), "not a condition")
            return parse_condition(section.arguments)
        except ParseError as error:
            self._refuse(condition.line, f"condition: {show(condition)}", error.reason)
            return " ".join(condition.text.split())

    def _parse_verbatim(self, level: Mapping, label: str, when: When) -> set[str]:
        """verbatim ::= one | [ one ]; one ::= literal | { field: value }, in a component. The
        fields that it replaces of what hpack would write."""
        replaced: set[str] = set()
        for one in listed(level.get("verbatim")):
            fields: list[tuple[str, Node | None]] = [(" ", one)]
            if isinstance(one, Mapping):
                fields = [(f"{field}:", one.get(field)) for _, field in _LISTS]
                if show(one.get("buildable") or one).lower() == "false":
                    self.unbuilt[label].append(when)
            for prefix, value in fields:
                if value is not None:
                    replaced.add(prefix)
                if isinstance(value, Scalar) and value.kind is not Kind.NULL:
                    self._read_literal(value, prefix, label, when)
        return replaced

    def _parse_top_verbatim(self) -> None:
        """At the top level a literal is text of the cabal file, with sections of its own, and a
        field replaces hpack's."""
        for one in (one for level in self.top for one in listed(level.get("verbatim"))):
            if isinstance(one, Scalar):
                self._read_literal(one, "", "", ())
        spec = self._verbatim("cabal-version")
        if spec is not None:
            with suppress(ParseError):
                self.spec = Version.parse(_version_text(spec)).numbers

    def _verbatim(self, field: str) -> Node | None:
        """What a field of the package is set to in place of what hpack would write."""
        stated = [one for level in self.top for one in listed(level.get("verbatim"))]
        values = [one.get(field) for one in stated if isinstance(one, Mapping)]
        return next((one for one in reversed(values) if one is not None), None)

    def _parse_flags(self) -> None:
        """flags ::= { name: { "default": boolean, "manual": boolean } }"""
        flags = self.root.get("flags")
        for name, flag in flags.items() if isinstance(flags, Mapping) else ():
            if isinstance(flag, Mapping):
                default = not is_false(flag.get("default"))
                self.flags.append(Flag(name.text.lower(), default, is_true(flag.get("manual"))))

    def _read_literal(self, node: Scalar, prefix: str, label: str, when: When) -> None:
        """The literal as text of a cabal file: with a prefix, inside of a component."""
        if self._is_full(label):
            return
        if not prefix:
            text, head = _HEAD + node.text, _HEAD
        else:
            lines = node.text.replace("\n", "\n  ")
            text, head = f"{_INTO_COMPONENT} {prefix}{lines}", _INTO_COMPONENT
        # An alias can stand in any number of components.
        key = (id(node), prefix)
        manifest = self.literals.get(key) or read_text(text, (), "")
        self.literals[key] = manifest
        offset = node.line - 1 + node.block - head.count("\n")
        self.unread.extend(one._replace(line=one.line + offset) for one in manifest.unread)
        self.flags.extend(manifest.flags)
        for component in manifest.components:
            unbuilt = self.unbuilt.setdefault(label or component.section, [])
            unbuilt.extend((*when, *inner) for inner in component.unbuilt)
            self.given += len(component.unbuilt)
        for literal, into in (
            (manifest.requirements, self.requirements),
            (manifest.tools, self.tools),
        ):
            self.given += len(literal)
            for one in literal:
                section, under = label or one.section, (*when, *one.when)
                into.append(one._replace(line=one.line + offset, section=section, when=under))

    def _parse_custom_setup(self) -> None:
        """custom-setup ::= "dependencies" of its own"""
        node = self.root.get("custom-setup")
        if isinstance(node, Mapping):
            self._emit(self._items(node), "custom-setup", (), self.requirements)
        elif node is not None:
            self._unexpected("custom-setup", node)

    def _internal(self, one: Requirement, package: str | None) -> bool:
        """Whether a requirement is on a library of the package itself that has a name; from 3.4,
        which hpack leaves to verbatim fields, a plain name is another package's."""
        named = self.root.get("internal-libraries") if self.spec < (3, 4) else None
        inner = isinstance(named, Mapping) and one.package in named.pairs and not one.libraries
        own = one.package == package and bool(one.libraries) and package not in one.libraries
        return inner or own

    def _is_own_tool(self, one: Requirement) -> bool:
        """Whether a tool is an executable of the package itself, by its mere name."""
        own = self.root.get("executables")
        return isinstance(own, Mapping) and one.package in own.pairs and ":" not in one.text

    def _note_empty_fields(self, level: Mapping) -> None:
        """Note what hpack refuses and older ones take; it hides no requirement."""
        for key, value in level.items():
            # At the top level there are no modules, and a field that is none is ignored.
            names = _NOT_EMPTY.fullmatch(key.text)
            if value.kind is Kind.NULL and names and not (level is self.root and names["modules"]):
                reason = "expected a string or a list of strings, found null"
                self._refuse(key.line, f"{key.text}:", reason)

    def _unexpected(self, what: str, node: Node) -> None:
        """A value of the wrong type; null declares nothing, anything else hides something."""
        reason = f"expected a map, found {node.kind.value}"
        shown = f"{what}: {show(node)}".rstrip()
        self.unread.append(
            Unread(node.line, shown[:MAX_SHOWN], reason, None, node.kind is not Kind.NULL)
        )

    def _refuse(self, line: int, text: str, reason: str) -> None:
        self.unread.append(Unread(line, text[:MAX_SHOWN], reason, None, False))


def _parse_dependencies(node: Node) -> list[Item]:
    """dependencies ::= entry | list | map. What hpack refuses is among the results as `Unread`."""
    if isinstance(node, Mapping):
        return [_parse_pair(key, value) for key, value in node.items()]
    if isinstance(node, Sequence):
        return [_parse_item(item) for item in node.items]
    if node.kind is Kind.STRING:
        return [_parse_item(node)]
    reason = f"expected a list, a map or a string, found {node.kind.value}"
    shown = f"dependencies: {node.text}".strip()
    return [Unread(node.line, shown, reason, None, node.kind is not Kind.NULL)]


def _parse_item(node: Node) -> Item:
    """item ::= string | object with "name" """
    try:
        if isinstance(node, Mapping):
            name = node.get("name")
            if not isinstance(name, Scalar) or name.kind is not Kind.STRING:
                raise refused_node(node, 'the key "name" is missing')
            return _parse_object(name.text, node, name.line, show(node))
        if isinstance(node, Scalar) and node.kind is Kind.STRING:
            return _parse_string(node)
        raise refused_node(node, f"expected a string or a map, found {node.kind.value}")
    except ParseError as error:
        shown = show(node)
        return Unread(node.line, shown, error.reason, leading_name(shown))


def _parse_string(node: Scalar) -> HpackEntry:
    """entry ::= Cabal's own syntax of a dependency."""
    dependency = parse_single_dependency(node.text, _READING)
    named = dependency.sublibraries
    key = ":".join([dependency.name, ",".join(named)]) if named else dependency.name
    bound, line, text = dependency.range, node.line + node.block, show(node)
    return HpackEntry(key, Requirement(dependency.name, bound, line, text, "", libraries=named))


def _parse_pair(key: Scalar, value: Node) -> Item:
    """pair ::= name ":" ( null | version | object )"""
    text = f"{key.text}: {show(value)}".rstrip(": ")
    try:
        if isinstance(value, Mapping):
            return _parse_object(key.text, value, key.line, text)
        return _entry(key.text, _parse_bound(value), key.line, text)
    except ParseError as error:
        return Unread(key.line, text, error.reason, leading_name(key.text))


def _parse_object(name: str, node: Mapping, line: int, text: str) -> HpackEntry:
    """object ::= [ "version" ] [ "mixin" ] [ source ]"""
    version = node.get("version")
    bound = VersionRange.any() if version is None else _parse_bound(version)
    entry = _entry(name, bound, line, text)
    return entry._replace(source=_parse_source(entry.requirement.package, node, line, text))


def _parse_bound(node: Node) -> VersionRange:
    """version ::= null | number | text"""
    if not isinstance(node, Scalar) or node.kind is Kind.BOOLEAN:
        raise refused_node(node, f"expected a version, found {node.kind.value}")
    if node.kind is Kind.NULL:
        return VersionRange.any()
    if node.kind is Kind.NUMBER:
        digits = number_text(node.text)
        if digits is None:
            raise refused_node(node, "a number that is no version")
        return _range(f"=={digits}")
    try:
        return _range(f"== {node.text}")
    except ParseError:
        return _range(node.text)


def _range(text: str) -> VersionRange:
    scanner = Scanner(text)
    version_range = parse_range(scanner, _READING)
    scanner.expect_end("the end of the range")
    return version_range


def _entry(name: str, bound: VersionRange, line: int, text: str) -> HpackEntry:
    """A name is written out as it stands: ``name: base >=4`` is a dependency with a range."""
    written = name if bound.is_any else f"{name} ==0"
    spec = _WRITING_SUBLIBRARIES if ":" in name else _WRITING
    dependency = parse_single_dependency(written, spec)
    bound = dependency.range if bound.is_any else bound
    named = dependency.sublibraries
    return HpackEntry(name, Requirement(dependency.name, bound, line, text, "", libraries=named))


def _parse_source(package: str, node: Mapping, line: int, text: str) -> Source | None:
    """source ::= "path" | ( "git" | "github" ) "ref" [ "subdir" ]"""
    if not any(node.get(key) is not None for key in _SOURCE_KEYS):
        return None
    path = string_of(node, "path")
    if path is not None:
        return Source(SourceKind.PATH, line, text, package, path=path)
    github, git = string_of(node, "github"), string_of(node, "git")
    subdir = string_of(node, "subdir")
    if github is not None and github.count("/") == 2:
        owner, repository, inner = github.split("/")
        github, subdir = f"{owner}/{repository}", subdir or inner
    url = _GITHUB + github if github is not None else git
    ref = string_of(node, "ref")
    if url is None or ref is None:
        raise refused_node(node, f'the key "{"ref" if url else "git"}" is missing')
    return Source(SourceKind.GIT, line, text, package, url=url, commit=ref, subdir=subdir)


def _version_text(node: Node) -> str:
    """The text of a version that is a string or a number; empty for anything else."""
    if not isinstance(node, Scalar):
        return ""
    if node.kind is Kind.NUMBER:
        return number_text(node.text) or ""
    return node.text if node.kind is Kind.STRING else ""
