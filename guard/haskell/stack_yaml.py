"""``stack.yaml``, custom snapshot files and lock files: where packages come from.

Source: stack docs, "Project-specific configuration", "Snapshot location", "Package location", "Lock
files". stack has no ranges: whatever it names, it names in one version. The syntax of stack 0.1 to
1.9, which stack 2 refuses, is read as well and flagged, for it is what a history is written in.

    location ::= text | { "hackage": text } | place [ "subdir" | "subdirs" ] [ "name", "version" ]
    text     ::= archive | hackage | directory, the first that fits
    hackage  ::= name "-" numbers [ "@rev:" digits | "@sha256:" hex64 [ "," digits ] ]
    place    ::= ( "git" | "hg" ) "commit" | "github" "commit" | "url" | "archive" | "path"
    old      ::= directory | url | { "location": directory | url | place, "subdirs", "extra-dep" }

So no text is a syntax error: a mistyped pin is the name of a directory that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from guard.haskell.archive import archive_at, parse_package_id
from guard.haskell.model import (
    AllowNewer,
    Files,
    FlagSetting,
    Further,
    Manifest,
    Role,
    Source,
    SourceKind,
    Unread,
    Variable,
    compiler_of,
    is_url,
    no_files,
)
from guard.haskell.ranges import Version
from guard.haskell.scanner import ParseError, Scanner
from guard.haskell.yaml_tree import (
    Kind,
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlFiles,
    is_true,
    refused_node,
    show,
    string_of,
)

# A snapshot that stack knows by name, or a compiler; any other text is a path or a URL (pantry's
# `parseRawSnapshotLocation`).
_COMPILER = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*(?:-[A-Za-z0-9]+)*"
_KNOWN_SNAPSHOT = re.compile(
    r"lts-[0-9]+\.[0-9]+|nightly-[0-9]{4}-[0-9]{2}-[0-9]{2}|ghc-git-.*"
    rf"|ghc-{_COMPILER}|ghcjs-{_COMPILER}_ghc-{_COMPILER}|github:[^/]+/[^:]+:.+"
)
_OLD = "stack 2 refuses this syntax of stack 1"
_ARCHIVES = (".zip", ".tar", ".tar.gz")
_DIGITS = re.compile(r"[0-9]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def read_stack_yaml(data: bytes, path: str, files: Files = no_files) -> Manifest:
    """Read a stack.yaml with its snapshots, or one: whatever is not called ``stack*.yaml``."""
    return _read(data, path, files, _StackReader.parse)


def read_stack_lock(data: bytes, path: str, files: Files = no_files) -> Manifest:
    """Read a lock file: what the entries of stack.yaml were resolved to."""
    return _read(data, path, files, _StackReader.parse_locked)


def _read(data: bytes, path: str, files: Files, parse: Callable[[_StackReader], None]) -> Manifest:
    yaml = YamlFiles(Further(files))
    root = yaml.mapping(data, (path,))
    if root is None:
        return yaml.placed(Manifest(path))
    reader = _StackReader(root, (path,), yaml)
    parse(reader)
    return reader.manifest()


class _StackReader:
    """Reads one file, the last of a chain; one method for each production."""

    def __init__(self, root: Mapping, chain: tuple[str, ...], yaml: YamlFiles) -> None:
        self.root = root
        self.chain = chain
        self.yaml = yaml
        self.unread: list[Unread] = []
        self.sources: list[Source] = []
        self.below: list[Source] = []
        self.allow_newer: list[AllowNewer] = []
        self.settings: list[FlagSetting] = []
        self.compiler: Variable | None = None

    def manifest(self) -> Manifest:
        read = Manifest(
            self.chain[0],
            sources=(*self.sources, *self.below),
            unread=tuple(self.unread),
            allow_newer=tuple(self.allow_newer),
            settings=tuple(self.settings),
            compiler=self.compiler,
        )
        return self.yaml.placed(read)

    def parse(self) -> None:
        """project ::= snapshot, "packages" (directories), "extra-deps", "allow-newer", "flags"
        snapshot-file ::= snapshot, "packages" (locations)
        snapshot ::= "resolver" | "snapshot", without what "drop-packages" names"""
        self._parse_snapshot()
        packages = self.root.get("packages")
        name = self.chain[0].replace("\\", "/").rsplit("/", 1)[-1]
        is_project = name.startswith("stack") or "extra-deps" in self.root.pairs
        if is_project and len(self.chain) == 1:
            self._parse_directories(packages)
            self._parse_locations("extra-deps", self.root.get("extra-deps"))
            self._parse_flags()
        else:
            self._parse_locations("packages", packages)
        self._check_duplicates()
        self._parse_allow_newer()

    def parse_locked(self) -> None:
        """lock ::= { "packages": [ { "completed", "original" } ], "snapshots": [ same ] }"""
        for item in _items(self.root.get("packages")):
            completed = item.get("completed") if isinstance(item, Mapping) else None
            if completed is None:
                self._unread(item, "expected what an entry was completed to")
            else:
                self._parse_location(completed)
        for item in _items(self.root.get("snapshots")):
            original = item.get("original") if isinstance(item, Mapping) else None
            if original is not None:
                self._parse_snapshot_value(original, follow=False)

    def _parse_snapshot(self) -> None:
        """snapshot ::= "resolver" | "snapshot", not both; a snapshot file may name a compiler."""
        resolver, snapshot = self.root.get("resolver"), self.root.get("snapshot")
        if resolver is not None and snapshot is not None:
            self._refuse(snapshot, "resolver and snapshot are the same field")
        chosen = resolver or snapshot
        if chosen is not None:
            self._parse_snapshot_value(chosen, follow=True)
        elif self.root.get("compiler") is None:
            line = self.root.line
            self.unread.append(Unread(line, "", "no snapshot is named", None, False))
        compiler = self.root.get("compiler")
        if isinstance(compiler, Scalar):
            self.compiler = compiler_of(compiler.text)

    def _parse_snapshot_value(self, node: Node, follow: bool) -> None:
        """value ::= text | { "url" | "filepath" | "compiler" | "location" }"""
        name, key = node.text if isinstance(node, Scalar) else None, ""
        if isinstance(node, Mapping):
            for key in ("url", "filepath", "compiler", "location"):
                value = node.get(key)
                if isinstance(value, Scalar):
                    name = value.text
                    if key == "location":
                        self._refuse(node, "the syntax of stack 1.5 and earlier")
                    break
        if not name:
            self._unread(node, "expected the name of a snapshot")
            return
        url = name if is_url(name) else None
        known = key != "filepath" and _KNOWN_SNAPSHOT.fullmatch(name) is not None
        path = None if url or known else name.removeprefix("file://")
        source = Source(SourceKind.SNAPSHOT, node.line, show(node), path=path, url=url, name=name)
        self.sources.append(source)
        self.compiler = compiler_of(name) if known else None
        if path is not None and follow:
            self._parse_snapshot_file(path, node)

    def _parse_snapshot_file(self, reference: str, node: Node) -> None:
        """The layer below, whose path counts from this one, without the packages it drops."""
        try:
            path, data = self.yaml.further.read(reference, self.chain)
        except LookupError as error:
            self._unread(node, str(error))
            return
        chain = (*self.chain, path)
        root = self.yaml.mapping(data, chain)
        if root is not None:
            layer = _StackReader(root, chain, self.yaml)
            layer.parse()
            self.compiler = layer.compiler
            dropped = {
                one.text
                for one in _items(self.root.get("drop-packages"))
                if isinstance(one, Scalar)
            }
            self.below = [
                one._replace(role=Role.SNAPSHOT)
                for one in (*layer.sources, *layer.below)
                if one.package not in dropped
            ]
            self.unread += layer.unread

    def _parse_directories(self, node: Node | None) -> None:
        """packages ::= [ directory | old location ]; null means the directory of the file."""
        if node is not None and node.kind is Kind.NULL:
            folder = Source(SourceKind.PATH, node.line, ".", path=".", role=Role.PROJECT)
            self.sources.append(folder)
            return
        if node is not None and not isinstance(node, Sequence):
            self._unread(node, f"expected a list of packages, found {node.kind.value}")
        for item in _items(node):
            self._parse_old_location(item)

    def _parse_locations(self, name: str, node: Node | None) -> None:
        """extra-deps ::= [ location ]"""
        if node is None or node.kind is Kind.NULL:
            return
        if not isinstance(node, Sequence):
            self._unread(node, f"expected a list for {name}, found {node.kind.value}")
        for item in _items(node):
            self._parse_location(item)

    def _parse_location(self, node: Node) -> None:
        """location ::= text | object"""
        try:
            if isinstance(node, Scalar) and node.kind is Kind.STRING:
                self.sources.append(_parse_text(node))
            elif isinstance(node, Mapping):
                self._parse_object(node, node, Role.DEPENDENCY)
            else:
                raise refused_node(node, f"expected a text or a map, found {node.kind.value}")
        except ParseError as error:
            self._unread(node, error.reason)

    def _parse_old_location(self, node: Node) -> None:
        """An entry of ``packages``: a directory; anything else is of stack 1 and noted so."""
        try:
            if isinstance(node, Scalar) and node.kind is not Kind.NULL:
                self.sources.append(_source_of_text(node, node.text, Role.PROJECT))
                if is_url(node.text):
                    self._refuse(node, _OLD)
                return
            if not isinstance(node, Mapping):
                raise refused_node(node, f"expected a directory, found {node.kind.value}")
            role = Role.DEPENDENCY if is_true(node.get("extra-dep")) else Role.PROJECT
            inner = node.get("location")
            if isinstance(inner, Scalar):
                source = _source_of_text(node, inner.text, role)
                self.sources.extend(_in_subdirs(source, node, node))
            else:
                self._parse_object(inner if isinstance(inner, Mapping) else node, node, role)
            self._refuse(node, _OLD)
        except ParseError as error:
            self._unread(node, error.reason)

    def _parse_object(self, node: Mapping, outer: Mapping, role: Role) -> None:
        """object ::= hackage | place with subdirectories, which old syntax keeps outside."""
        hackage = string_of(node, "hackage")
        if hackage is not None:
            self.sources.append(_pinned(node, _parse_pin(hackage), role))
            return
        self.sources.extend(_in_subdirs(_parse_place(node, outer, role), outer, node))

    def _check_duplicates(self) -> None:
        """stack wants each package once among the dependencies, even in the same version."""
        seen: set[str] = set()
        for source in self.sources:
            if source.package is None or source.role is Role.PROJECT:
                continue
            if source.package in seen:
                reason = f"{source.package} is named more than once"
                self.unread.append(Unread(source.line, source.text, reason, source.package))
            seen.add(source.package)

    def _parse_flags(self) -> None:
        """flags ::= { package: { flag: boolean } }"""
        packages = self.root.get("flags")
        for package, flags in packages.items() if isinstance(packages, Mapping) else ():
            for flag, value in flags.items() if isinstance(flags, Mapping) else ():
                setting = FlagSetting(package.text, flag.text.lower(), is_true(value))
                self.settings.append(setting)

    def _parse_allow_newer(self) -> None:
        """allow-newer ::= boolean; "allow-newer-deps" (stack 2.9.3) names whose bounds it lifts."""
        node = self.root.get("allow-newer")
        if not is_true(node) or node is None:
            return
        named = _items(self.root.get("allow-newer-deps"))
        scopes = [(one.text, one.line) for one in named if isinstance(one, Scalar)]
        for scope, line in scopes or [("*", node.line)]:
            self.allow_newer.append(AllowNewer(scope, "*", line, "allow-newer: true"))

    def _unread(self, node: Node, reason: str) -> None:
        self.unread.append(Unread(node.line, show(node), reason))

    def _refuse(self, node: Node, reason: str) -> None:
        self.unread.append(Unread(node.line, show(node), reason, None, False))


def _items(node: Node | None) -> Iterable[Node]:
    return node.items if isinstance(node, Sequence) else ()


def _parse_text(node: Scalar) -> Source:
    """text ::= archive | hackage | directory, the first that fits."""
    if not _is_archive(node.text):
        try:
            return _pinned(node, _parse_pin(node.text), Role.DEPENDENCY)
        except ParseError:
            pass
    return _source_of_text(node, node.text, Role.DEPENDENCY)


def _source_of_text(node: Node, text: str, role: Role) -> Source:
    source = Source(SourceKind.PATH, node.line, show(node), path=text, role=role)
    return archive_at(source, text) if _is_archive(text) else source


def _parse_place(node: Mapping, outer: Mapping, role: Role) -> Source:
    """place ::= git | hg | github | url | archive | path"""
    source = Source(SourceKind.ARCHIVE, outer.line, show(outer), role=role)
    for key in ("git", "hg"):
        url = string_of(node, key)
        if url is not None:
            return source._replace(kind=SourceKind.GIT, url=url, commit=_commit(node))
    github = string_of(node, "github")
    if github is not None:
        owner, slash, repository = github.partition("/")
        if not (owner and slash and repository) or "/" in repository:
            raise refused_node(node, "expected owner/repository")
        commit = _commit(node)
        archive = f"https://github.com/{github}/archive/{commit}.tar.gz"
        return source._replace(url=archive, commit=commit)
    for key in ("url", "archive", "location"):
        text = string_of(node, key)
        if text is not None:
            return archive_at(source, text)
    path = string_of(node, "path")
    if path is not None:
        return source._replace(kind=SourceKind.PATH, path=path)
    raise refused_node(node, "this names no package, archive or repository")


def _commit(node: Mapping) -> str:
    commit = string_of(node, "commit")
    if commit is None:
        raise refused_node(node, 'the key "commit" is missing')
    return commit


def _in_subdirs(source: Source, outer: Mapping, inner: Mapping) -> tuple[Source, ...]:
    """One source for each subdirectory; ``subdir`` is one, ``subdirs`` are several."""
    subdirs = outer.get("subdirs") or inner.get("subdirs")
    subdir, name, version = (
        string_of(inner, "subdir"),
        string_of(inner, "name"),
        inner.get("version"),
    )
    if name or subdir or subdirs is not None or isinstance(version, Scalar):
        number = Version.parse(version.text) if isinstance(version, Scalar) else None
        source = source._replace(package=name, version=number)
    if subdirs is None:
        return (source._replace(subdir=subdir or None),)
    names = subdirs.items if isinstance(subdirs, Sequence) else []
    if not names or not all(isinstance(name, Scalar) for name in names):
        raise refused_node(outer, 'expected names in "subdirs"')
    # A name and a version beside several subdirectories can belong to none of them.
    several = source if len(names) == 1 else source._replace(package=None, version=None)
    return tuple(
        several._replace(subdir=name.text, line=name.line)
        for name in names
        if isinstance(name, Scalar)
    )


def _pinned(node: Node, pin: tuple[str, Version], role: Role) -> Source:
    package, version = pin
    return Source(SourceKind.HACKAGE, node.line, show(node), package, version, role=role)


def _parse_pin(text: str) -> tuple[str, Version]:
    """hackage ::= name "-" numbers [ revision ]. Raises ParseError for what is no such pin."""
    scanner = Scanner(text)
    package, version = parse_package_id(scanner)
    if scanner.take("@"):
        _parse_revision(scanner)
    if not scanner.at_end():
        scanner.fail("expected the end of the pin")
    return package, version


def _parse_revision(scanner: Scanner) -> None:
    """revision ::= "rev:" digits | "sha256:" hex64 [ "," digits ]"""
    if scanner.take("rev:"):
        if scanner.match(_DIGITS) is None:
            scanner.fail("expected the number of a revision")
        return
    if not scanner.take("sha256:") or scanner.match(_SHA256) is None:
        scanner.fail("expected rev:NUMBER or sha256: with 64 hexadecimal digits")
    if scanner.take(",") and scanner.match(_DIGITS) is None:
        scanner.fail("expected the size in bytes")


def _is_archive(text: str) -> bool:
    """Whether a text names an archive: a URL, or a file that ends like one."""
    return is_url(text) or text.endswith(_ARCHIVES)
