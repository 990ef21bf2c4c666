"""``cabal.project``, ``cabal.project.local``, ``.freeze`` and ``cabal.config``.

Source: Cabal user guide, "cabal.project reference"; cabal-install's ``UserConstraint`` and
``RelaxDeps``. The outline is that of a cabal file. All files of a project hold together: a freeze
file adds its constraints, it overrides none.

    constraint ::= scope name property
    scope      ::= "" | "any." | "setup." | name ":setup."
    property   ::= flag { flag } | range | "installed" | "source" | "test" | "bench"
    flag       ::= ( "+" | "-" ) word
    relaxed    ::= "all" | "none" | [ ( name [ "-" version ] | "*" ) ":" ] [ "^" ] ( name | "*" )
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from guard.haskell.archive import archive_at
from guard.haskell.condition import chained, is_elsewhere, show_raw
from guard.haskell.dependency import (
    leading_name,
    one_line,
    parse_list,
    parse_name,
    pieces,
    read_entries,
    refused,
)
from guard.haskell.layout import Elements, Field, FieldText, Section, read_outline
from guard.haskell.model import (
    MAX_SHOWN,
    STACKAGE,
    AllowNewer,
    Files,
    FlagSetting,
    Further,
    Manifest,
    Requirement,
    Role,
    Said,
    Source,
    SourceKind,
    Unread,
    Variable,
    When,
    compiler_of,
    is_url,
    no_files,
    text_of,
)
from guard.haskell.ranges import VersionRange, parse_numbers, parse_range
from guard.haskell.scanner import MAX_NESTING, ParseError, Scanner

_NEWEST = (3, 16)
# More paths than this are not read, nor more that one path stands for.
MAX_TOKENS = 10_000
MAX_ALTERNATIVES = 500
_ARCHIVES = (".tar.gz", ".tgz")
# Braces keep a comma or space inside of a token together: `../{core,cookie}`.
_BRACES = r"\{(?:[^{}\n]|\{[^{}\n]*\})*\}"
_TOKEN = re.compile(rf'"[^"\n]*"|(?:[^\s,{{}}]|{_BRACES})+')
_INNER_BRACES = re.compile(r"\{([^{}]*)\}")
_SEPARATORS = re.compile(r"[\s,]+")
_FLAG = re.compile(r"[+-](?:[^\W_]|_)[\w-]*")
_NAME_BEFORE_VERSION = re.compile(r"([^\W_]+(?:-[^\W_]+)*?)-(?=[0-9.]+:)")
_PLACES = ("packages", "optional-packages", "import")
_WORDS = ("installed", "source", "test", "bench")
_SCOPE = re.compile(r"\A\s*(?:any\.|setup\.|[\w-]+:setup\.)")


class Constraint(NamedTuple):
    """One constraint; ``range`` is None where it asks for something else than a version."""

    scope: str
    package: str
    range: VersionRange | None
    start: int
    end: int


def read_cabal_project(data: bytes, path: str, files: Files = no_files) -> Manifest:
    """Read a cabal.project or one of its companions, with what it imports."""
    return _ProjectReader(data, (path,), Further(files)).read(())


class _ProjectReader:
    """Reads one file, the last of a chain; one method for each field or section."""

    def __init__(self, data: bytes, chain: tuple[str, ...], further: Further) -> None:
        text, unread = text_of(data)
        outline = read_outline(text)
        self.chain = chain
        self.further = further
        self.elements = outline.elements
        self.unread = [*unread, *outline.faults]
        self.requirements: list[Requirement] = []
        self.sources: list[Source] = []
        self.allow_newer: list[AllowNewer] = []
        self.settings: list[FlagSetting] = []
        self.compiler: Variable | None = None

    def read(self, when: When) -> Manifest:
        self._parse_elements(self.elements, when)
        return Manifest(
            self.chain[0],
            requirements=tuple(self.requirements),
            sources=tuple(self.sources),
            unread=tuple(sorted(self.unread, key=lambda one: (one.file or "", one.line))),
            allow_newer=tuple(self.allow_newer),
            settings=tuple(self.settings),
            compiler=self.compiler,
        )

    def _parse_elements(self, elements: Elements, when: When) -> None:
        """elements ::= { field | "source-repository-package" | if, but false | section }"""
        for element, inner in chained(elements, self.unread):
            if isinstance(element, Field):
                self._parse_field(element, when)
            elif inner is not None:
                if not any(one.test is one.negated for one in inner):
                    self._parse_elements(element.elements, (*when, *inner))
            elif element.name == "source-repository-package":
                if not is_elsewhere(when):
                    self._parse_repository(element)
            elif element.name == "package":
                self._parse_package(element, when)

    def _parse_package(self, section: Section, when: When) -> None:
        """package ::= "package" ( name | "*", which means none of the project's ) { field }"""
        package = show_raw(section.arguments)
        for element in section.elements:
            if isinstance(element, Field) and element.name == "flags":
                self._parse_flags(package, element, when)

    def _parse_flags(self, package: str | None, field: Field, when: When) -> None:
        """flags ::= { flag }, with spaces between; what else stands there may set any"""
        for one in field.lines:
            for word in one.text.split():
                if _FLAG.fullmatch(word) is None:
                    reason = "expected + or - and the name of a flag"
                    self.unread.append(Unread(one.line, f"flags: {word}"[:MAX_SHOWN], reason))
        if package != "*":
            self._set_flags(package, field.text, when)

    def _set_flags(self, package: str | None, text: str, when: When) -> None:
        """flags ::= { ( "+" | "-" ) word }, where the last counts of those with one name"""
        words = {word[1:].lower(): word[0] == "+" for word in _FLAG.findall(text)}
        for word, value in words.items():
            self.settings.append(FlagSetting(package, word, value, when))

    def _parse_field(self, field: Field, when: When) -> None:
        if field.name in _PLACES and is_elsewhere(when):
            return  # where packages come from is asked for the image alone
        if field.name in ("packages", "optional-packages"):
            self._parse_packages(field)
        elif field.name == "constraints":
            self._parse_constraints(field, when)
        elif field.name == "extra-packages":
            self._parse_extra_packages(field, when)
        elif field.name in ("allow-newer", "allow-older"):
            self._parse_relaxed(field)
        elif field.name == "flags":
            self._parse_flags(None, field, when)
        elif field.name == "import":
            self._parse_import(field, when)
        elif field.name == "with-compiler" and not when:
            self.compiler = compiler_of(one_line(field.text).strip('"')) or self.compiler
        else:
            return
        if field.braced:
            self._refuse(field.line, f"{field.name}: {{", "cabal 3.4 takes no braces here")

    def _parse_import(self, field: Field, when: When) -> None:
        """import ::= path | url; a path counts from this file, those in it from the first one."""
        reference = one_line(field.text)
        if STACKAGE.match(reference):
            return
        try:
            if "://" in reference:
                raise LookupError(f"what {reference} says is not known here")
            if len(when) > MAX_NESTING:
                raise LookupError(f"conditions nest more than {MAX_NESTING} deep")
            path, data = self.further.read(reference, self.chain)
        except LookupError as error:
            self.unread.append(Unread(field.line, f"import: {reference}"[:MAX_SHOWN], str(error)))
            return
        imported = _ProjectReader(data, (*self.chain, path), self.further).read(when)
        self.requirements += _standing_in(path, imported.requirements)
        self.sources += _standing_in(path, imported.sources)
        self.unread += _standing_in(path, imported.unread)
        self.allow_newer += _standing_in(path, imported.allow_newer)
        self.settings += imported.settings
        self.compiler = self.compiler or imported.compiler

    def _parse_packages(self, field: Field) -> None:
        """packages ::= { path | glob | archive | url }"""
        role = Role.OPTIONAL if field.name.startswith("optional") else Role.PROJECT
        for text, line in _tokens(field):
            is_archive = is_url(text) or text.endswith(_ARCHIVES)
            if len(glob_patterns(text)) > MAX_ALTERNATIVES:
                self.unread.append(Unread(line, text[:MAX_SHOWN], "too many alternatives"))
            source = Source(SourceKind.PATH, line, text, path=text, role=role)
            self.sources.append(archive_at(source, text) if is_archive else source)
        if _SEPARATORS.sub("", _TOKEN.sub("", field.text)):
            self._refuse(field.line, f"{field.name}: {field.text}", "expected braces in pairs")

    def _parse_constraints(self, field: Field, when: When) -> None:
        """constraints ::= constraint { "," constraint }, with a comma more at one end"""
        value = FieldText(field)
        try:
            constraints = parse_list(Scanner(value.text), _parse_constraint, outer_comma=True)
        except ParseError as error:
            self._parse_broken_constraints(field, value, error, when)
            return
        for one in constraints:
            self._constrain(one, value.line_at(one.start), value.text[one.start : one.end], when)

    def _parse_broken_constraints(
        self, field: Field, value: FieldText, error: ParseError, when: When
    ) -> None:
        """cabal refuses the field: what reads by itself counts all the same."""
        complete = True
        for start, text in pieces(value.text):
            line = value.line_at(start)
            scanner = Scanner(text)
            try:
                constraint = _parse_constraint(scanner)
                scanner.expect_end("the end of the constraint")
            except ParseError as inner:
                complete = False
                # The package that it is about stands behind the scope.
                package = leading_name(_SCOPE.sub("", text))
                self.unread.append(Unread(line, one_line(text), inner.reason, package))
            else:
                self._constrain(constraint, line, text, when)
        if complete:
            self._refuse(value.line_at(error.start), f"{field.name}: {value.text}", error.reason)

    def _constrain(self, constraint: Constraint, line: int, text: str, when: When) -> None:
        """A constraint on the version is a requirement, and a source of its package."""
        scope, package, bound, _, _ = constraint
        if bound is not None:
            shown = one_line(text)
            self._require(Requirement(package, bound, line, shown, "constraints", when, (), scope))
        elif scope in ("toplevel", "any"):
            self._set_flags(package, text.removeprefix("any.").removeprefix(package), when)

    def _require(self, requirement: Requirement) -> None:
        package, bound, line, text, *_ = requirement
        self.requirements.append(requirement)
        source = Source(SourceKind.CONSTRAINT, line, text, package, bound.exact, range=bound)
        self.sources.append(source._replace(scope=requirement.scope or requirement.section))

    def _parse_extra_packages(self, field: Field, when: When) -> None:
        """extra-packages ::= dependencies: asked for, and bounded"""
        entries, unread = read_entries(field, _NEWEST)
        self.unread.extend(unread)
        for dependency, line, text, _ in entries:
            name, bound = dependency.name, dependency.range
            self._require(Requirement(name, bound, line, text, "extra-packages", when))

    def _parse_relaxed(self, field: Field) -> None:
        """allow-newer ::= relaxed { "," relaxed }"""
        value = FieldText(field)
        for start, text in pieces(value.text):
            line = value.line_at(start)
            scanner = Scanner(text)
            try:
                scope, package = _parse_relaxed(scanner)
                scanner.expect_end("the end of the dependency")
            except ParseError as error:
                self._refuse(line, f"{field.name}: {text}", error.reason)
                continue
            if (scope, package) == ("*", "all"):
                package = "*"
            if (scope, package) != ("*", "none"):
                self.allow_newer.append(AllowNewer(scope, package, line, text))

    def _parse_repository(self, section: Section) -> None:
        """repository ::= "type", "location", [ "tag" ], [ "branch" ], [ "subdir": { path } ]"""
        fields = {one.name: one for one in section.elements if isinstance(one, Field)}
        words = {name: [text for text, _ in _tokens(field)] for name, field in fields.items()}
        reasons = [
            *(f"expected one {n}" for n in ("type", "location") if len(words.get(n, ())) != 1),
            *(
                f"expected one word for {n}"
                for n in ("tag", "branch")
                if n in fields and len(fields[n].text.split()) != 1
            ),
        ]
        if reasons:
            location = fields["location"].text if "location" in fields else ""
            shown = one_line(f"{section.header} {location}")
            self.unread.append(Unread(section.line, shown, reasons[0]))
            return
        (url,) = words["location"]
        commit = next(iter(words.get("tag") or words.get("branch") or ()), None)
        text = f"{url} {commit or ''}".strip()
        source = Source(SourceKind.GIT, section.line, text, url=url, commit=commit)
        for subdir in words.get("subdir") or (None,):
            self.sources.append(source._replace(subdir=subdir))

    def _refuse(self, line: int, text: str, reason: str) -> None:
        self.unread.append(refused(line, text, reason))


def glob_patterns(path: str) -> list[str]:
    """What a path of ``packages`` stands for, each as a pattern of `fnmatch`.

    glob ::= { "*" | "{" glob { "," glob } "}" | any other character, which stands for itself }
    """
    patterns: list[str] = []
    waiting = [path]
    while waiting and len(patterns) + len(waiting) <= MAX_ALTERNATIVES:
        text = waiting.pop(0)
        braces = _INNER_BRACES.search(text)
        if braces is None:
            patterns.append(re.sub(r"([?\[])", r"[\1]", text))
        else:
            before, after = text[: braces.start()], text[braces.end() :]
            waiting[:0] = (f"{before}{each.strip()}{after}" for each in braces[1].split(","))
    return patterns + waiting


def leads_to(target: str, path: str) -> bool:
    """Whether a path of a project names a package, by its folder or its ``.cabal`` file.

    Args:
        target: a path or a pattern of `fnmatch`, relative to the root of the tree.
        path: the file of the package, relative to the same root.
    """
    folder = posixpath.dirname(path)
    if target == (folder or "."):
        return True
    steps = target.split("/")
    whole = (path if target.endswith(".cabal") else folder).split("/")
    return len(steps) == len(whole) and all(map(fnmatchcase, whole, steps))


def _standing_in(file: str, several: Iterable[Said]) -> Iterator[Said]:
    return (one if one.file else one._replace(file=file) for one in several)


def _tokens(field: Field) -> list[tuple[str, int]]:
    """tokens ::= { word | string }, with spaces or commas between; each with its line."""
    tokens: list[tuple[str, int]] = []
    for one in field.lines:
        scanner = Scanner(one.text)
        while not scanner.at_end() and len(tokens) < MAX_TOKENS:
            scanner.match(_SEPARATORS)
            token = scanner.match(_TOKEN)
            if token is None:
                scanner.position += 1
            elif token.strip('"'):
                tokens.append((token.strip('"'), one.line))
    return tokens


def _parse_constraint(scanner: Scanner) -> Constraint:
    """constraint ::= scope name property. Raises ParseError."""
    start = scanner.position
    scope, package = _parse_scoped_name(scanner)
    scanner.spaces()
    bound = None
    if scanner.peek() in ("+", "-"):
        while scanner.peek() in ("+", "-"):
            if scanner.match(_FLAG) is None:
                scanner.fail("expected the name of a flag")
            scanner.spaces()
    elif not any(scanner.take(word) for word in _WORDS):
        bound = parse_range(scanner, _NEWEST)
    end = start + len(scanner.text[start : scanner.position].rstrip())
    return Constraint(scope, package, bound, start, end)


def _parse_scoped_name(scanner: Scanner) -> tuple[str, str]:
    """scope name ::= name | ( "any" | "setup" ) "." name | name ":setup." name"""
    start = scanner.position
    first = parse_name(scanner)
    if scanner.take(":"):
        if not scanner.take("setup."):
            scanner.fail('expected "setup." after the colon')
        return f"{first}:setup", parse_name(scanner)
    if not scanner.take("."):
        return "toplevel", first
    if first not in ("any", "setup"):
        scanner.fail("expected any. or setup.", start)
    return "any" if first == "any" else "setup.*", parse_name(scanner)


def _parse_relaxed(scanner: Scanner) -> tuple[str, str]:
    """relaxed ::= [ scope ":" ] [ "^" ] subject; what it gives is scope and subject."""
    scanner.take("^")
    first = _parse_subject(scanner, versioned=True)
    if not scanner.take(":"):
        return "*", first
    scanner.take("^")
    return first, _parse_subject(scanner, versioned=False)


def _parse_subject(scanner: Scanner, versioned: bool) -> str:
    """subject ::= "*" | name [ "-" numbers ]"""
    if scanner.take("*"):
        return "*"
    start = scanner.position
    name = _NAME_BEFORE_VERSION.match(scanner.text, start)
    if versioned and name is not None:
        parse_name(Scanner(name.group(1)))
        scanner.position = name.end()
        parse_numbers(scanner)
        return scanner.text[start : scanner.position]
    return parse_name(scanner)
