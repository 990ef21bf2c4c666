"""Sections of a cabal file that hold dependencies: their fields, conditions and common stanzas.

Source: Cabal user guide, "Package descriptions", "Conditional blocks" and "Common stanzas"; the
library's ``parseCondTree`` and ``processImports``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guard.haskell.cabal_fields import check_field, is_component_type, is_single
from guard.haskell.condition import flags_of, show_condition, show_raw
from guard.haskell.entries import Entry, one_line, read_entries, read_tools
from guard.haskell.layout import Argument, ArgumentKind, Elements, Field, Section
from guard.haskell.model import MAX_SHOWN, Condition, Unread
from guard.haskell.ranges import Spec
from guard.haskell.scanner import ParseError

# Which field holds the dependencies of a section that is no component.
_PLAIN_DEPENDENCIES = {"custom-setup": "setup-depends"}
# Common stanzas that import each other can multiply without end.
MAX_ENTRIES = 20_000

When = tuple[Condition, ...]


class Branch(NamedTuple):
    """``if``: what holds under the condition, and what holds otherwise."""

    condition: str
    body: Tree
    otherwise: Tree | None


class Tree(NamedTuple):
    """What a section says: unconditionally, and under conditions.

    ``typed``: a field ``type`` is given whatever the conditions. ``size`` counts all entries.
    """

    entries: tuple[Entry, ...] = ()
    tools: tuple[Entry, ...] = ()
    branches: tuple[Branch, ...] = ()
    typed: bool = False
    size: int = 1

    def walk(self, when: When = ()) -> Iterator[tuple[Entry, When]]:
        """Each dependency with its conditions, from the outside in."""
        for entry in self.entries:
            yield entry, when
        for tree, inner in self._inner(when):
            yield from tree.walk(inner)

    def walk_tools(self, when: When = ()) -> Iterator[tuple[Entry, When]]:
        """The same for ``build-tool-depends``."""
        for entry in self.tools:
            yield entry, when
        for tree, inner in self._inner(when):
            yield from tree.walk_tools(inner)

    def _inner(self, when: When) -> Iterator[tuple[Tree, When]]:
        for condition, body, otherwise in self.branches:
            yield body, (*when, Condition(condition))
            if otherwise is not None:
                yield otherwise, (*when, Condition(condition, negated=True))


class StanzaReader:
    """Reads sections one after the other; knows the common stanzas and flags seen so far."""

    __slots__ = ("broken_list", "commons", "defined", "ignored", "spec", "unread", "used")

    def __init__(self, spec: Spec, unread: list[Unread]) -> None:
        self.spec = spec
        self.unread = unread
        self.commons: dict[str, Tree] = {}
        self.ignored: list[Section] = []
        self.broken_list = False
        self.defined: set[str] = set()
        self.used: dict[str, int] = {}

    def read_common(self, section: Section) -> None:
        """common ::= "common" name elements; only sections after it can import it."""
        name = _single_name(section.arguments)
        tree = self.read_component(section, typed_fields=False)
        if name is None:
            self.refuse(section.line, section.header, "expected one name")
        elif name in self.commons:
            self.refuse(section.line, section.header, "there is such a common stanza already")
        else:
            self.commons[name] = tree

    def read_flag(self, section: Section) -> None:
        """flag ::= "flag" name fields"""
        name = _single_name(section.arguments)
        if name is None:
            self.refuse(section.line, section.header, "expected one name")
        else:
            self.defined.add(name.lower())
        self.read_plain(section)

    def read_plain(self, section: Section) -> Tree:
        """A section of fields alone, in which Cabal refuses any subsection."""
        fields = [element for element in section.elements if isinstance(element, Field)]
        for element in section.elements:
            if isinstance(element, Section):
                self.unread.append(_unread_section(element, f"not allowed in {section.name}"))
        return self._read_fields(fields, False, _PLAIN_DEPENDENCIES.get(section.name))

    def read_component(self, section: Section, typed_fields: bool = True) -> Tree:
        """component ::= { import } { field | if }"""
        imported, elements = self._parse_imports(section.elements)
        return self._merge(imported, self._read_elements(elements, typed_fields), section)

    def check(self, fields: Sequence[Field], of_package: bool) -> None:
        """Note values that Cabal refuses; of a field for one value, it looks at the last alone."""
        last = {field.name: field for field in fields}
        for field in fields:
            if is_single(field.name) and field is not last[field.name]:
                continue
            try:
                check_field(field.name, field.text, self.spec, of_package)
            except ParseError as error:
                shown = one_line(f"{field.name}: {field.text}")
                self.refuse(field.line, shown, error.reason)

    def check_flags(self) -> None:
        """Flags that conditions use must be defined, before or after."""
        for name, line in self.used.items():
            if name not in self.defined:
                self.refuse(line, f"flag({name})", "this flag is not defined")

    def refuse(self, line: int, text: str, reason: str) -> None:
        """Note what makes Cabal refuse the file and hides no requirement."""
        self.unread.append(Unread(line, text[:MAX_SHOWN], reason, None, False))

    def _read_elements(self, elements: Elements, typed_fields: bool) -> Tree:
        """The fields of one level, and the conditions, which a field between them separates."""
        fields: list[Field] = []
        groups: list[list[Section]] = [[]]
        for element in elements:
            if isinstance(element, Section):
                groups[-1].append(element)
            elif element.name != "import":
                fields.append(element)
                groups.append([])
        tree = self._read_fields(fields, typed_fields, "build-depends")
        branches = [b for group in groups for b in self._parse_ifs(group, typed_fields)]
        typed = tree.typed or any(
            b.otherwise and b.body.typed and b.otherwise.typed for b in branches
        )
        size = tree.size + sum(
            b.body.size + (b.otherwise.size if b.otherwise else 0) for b in branches
        )
        return tree._replace(branches=tuple(branches), typed=typed, size=size)

    def _read_fields(
        self, fields: Sequence[Field], typed_fields: bool, dependencies: str | None
    ) -> Tree:
        entries: list[Entry] = []
        tools: list[Entry] = []
        for field in fields:
            if field.name == dependencies:
                found = read_entries(field, self.spec)
                entries.extend(found.entries)
                self.broken_list |= bool(found.unread)
                self.unread.extend(found.unread)
            elif field.name == "build-tool-depends":
                found = read_tools(field, self.spec)
                tools.extend(found.entries)
                self.unread.extend(found.unread)
        self.check(fields, of_package=False)
        typed = typed_fields and self._check_type(fields)
        size = 1 + len(entries) + len(tools)
        return Tree(tuple(entries), tuple(tools), (), typed, size)

    def _check_type(self, fields: Sequence[Field]) -> bool:
        """Whether ``type`` is given; what it makes mandatory must stand beside it."""
        given = {field.name: field for field in fields}
        field = given.get("type")
        if field is None:
            return False
        kind = field.text.strip()
        if kind == "exitcode-stdio-1.0" and "main-is" not in given:
            self.refuse(field.line, f"type: {kind}", "the field main-is is missing")
        elif not is_component_type(kind) and not kind.startswith("native-"):
            self.refuse(field.line, f"type: {kind}", "expected a type such as exitcode-stdio-1.0")
        return True

    def _parse_ifs(self, sections: Sequence[Section], typed_fields: bool) -> list[Branch]:
        """ifs ::= { "if" condition elements [ else ] }; other sections are ignored."""
        found: list[Branch] = []
        at = 0
        while at < len(sections):
            section = sections[at]
            at += 1
            if section.name != "if":
                self.ignored.append(section)
                continue
            chain = [section]
            while at < len(sections) and self._continues(chain[-1], sections[at]):
                chain.append(sections[at])
                at += 1
            found.append(self._parse_chain(chain, typed_fields))
        return found

    def _continues(self, before: Section, section: Section) -> bool:
        """Whether an ``elif`` (from spec 2.2) or ``else`` belongs to what stands before it."""
        if before.name == "else":
            return False
        return section.name == "else" or (section.name == "elif" and self.spec >= (2, 2))

    def _parse_chain(self, chain: Sequence[Section], typed_fields: bool) -> Branch:
        """if ::= "if" condition elements { "elif" condition elements } [ "else" elements ]"""
        otherwise: Tree | None = None
        bodies = [self._parse_body(section, typed_fields) for section in chain]
        for section, body in reversed(list(zip(chain, bodies, strict=True))[1:]):
            if section.name == "else":
                if section.arguments:
                    self.refuse(section.line, section.header, "else takes no condition")
                otherwise = body
            else:
                branch = Branch(self._parse_condition(section), body, otherwise)
                otherwise = _tree_of(branch)
        return Branch(self._parse_condition(chain[0]), bodies[0], otherwise)

    def _parse_body(self, section: Section, typed_fields: bool) -> Tree:
        """The elements under a condition; from spec 3.0 they may begin with imports."""
        if self.spec < (3, 0):
            return self._read_elements(section.elements, typed_fields)
        return self.read_component(section, typed_fields)

    def _parse_condition(self, section: Section) -> str:
        try:
            text = show_condition(section.arguments)
        except ParseError as error:
            self.refuse(section.line, section.header, error.reason)
            return show_raw(section.arguments)
        for name in flags_of(section.arguments):
            self.used.setdefault(name, section.line)
        return text

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
            self.unread.append(_unread_section(section, "imports more than can be read"))
            return own
        if not imported:
            return own
        trees = [*imported, own]
        # Cabal drops an entry that an import repeats word for word.
        entries = {
            (entry.dependency.name, entry.dependency.libraries, entry.dependency.range): entry
            for tree in reversed(trees)
            for entry in reversed(tree.entries)
        }
        return Tree(
            tuple(reversed(entries.values())),
            tuple(entry for tree in trees for entry in tree.tools),
            tuple(branch for tree in trees for branch in tree.branches),
            own.typed,
            size,
        )


def _tree_of(branch: Branch) -> Tree:
    otherwise = branch.otherwise
    typed = otherwise is not None and otherwise.typed and branch.body.typed
    size = 1 + branch.body.size + (otherwise.size if otherwise else 0)
    return Tree(branches=(branch,), typed=typed, size=size)


def _single_name(arguments: Sequence[Argument]) -> str | None:
    if len(arguments) != 1 or arguments[0].kind is ArgumentKind.SYMBOL:
        return None
    return arguments[0].text


def _unread_section(section: Section, reason: str) -> Unread:
    shown = section.header[:MAX_SHOWN]
    return Unread(section.line, shown, reason)
