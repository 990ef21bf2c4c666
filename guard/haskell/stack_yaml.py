"""``stack.yaml``, custom snapshot files and lock files: where packages come from.

Source: stack docs, "Project-specific configuration", "Snapshot location", "Package location", "Lock
files". stack has no ranges: whatever it names, it names in one version. The syntax of stack 0.1 to
1.9, which stack 2 refuses, is read as well and flagged, for it is what a history is written in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from guard.haskell.locations import Located, parse_location, parse_old_location
from guard.haskell.model import AllowNewer, Import, Manifest, Role, Source, SourceKind, Unread
from guard.haskell.pins import is_url
from guard.haskell.yaml_tree import (
    Kind,
    Mapping,
    Node,
    Scalar,
    Sequence,
    describe,
    is_true,
    load_mapping,
    show,
)

# A snapshot that stack knows by name, or a compiler; any other text is a path or a URL.
_KNOWN_SNAPSHOT = re.compile(r"(?:lts|nightly|ghc|ghcjs)(?:-[\w.-]+)?\Z")


def read(data: bytes, path: str) -> Manifest:
    """Read a stack.yaml, or a snapshot file: whatever is not called ``stack*.yaml``."""
    root, unread = load_mapping(data)
    if root is None:
        return Manifest(path, lenient=True, unread=unread)
    reader = _StackReader(root, path, list(unread))
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    reader.parse(is_project=name.startswith("stack") or "extra-deps" in root.values)
    return reader.manifest()


def read_lock(data: bytes, path: str) -> Manifest:
    """Read a lock file: what the entries of stack.yaml were resolved to."""
    root, unread = load_mapping(data)
    if root is None:
        return Manifest(path, lenient=True, unread=unread)
    reader = _StackReader(root, path, list(unread))
    reader.parse_locked()
    return reader.manifest()


class _StackReader:
    """Reads one file; one method for each production."""

    __slots__ = ("allow_newer", "imports", "path", "root", "sources", "unread")

    def __init__(self, root: Mapping, path: str, unread: list[Unread]) -> None:
        self.root = root
        self.path = path
        self.unread = unread
        self.sources: list[Source] = []
        self.imports: list[Import] = []
        self.allow_newer: list[AllowNewer] = []

    def manifest(self) -> Manifest:
        return Manifest(
            self.path,
            lenient=bool(self.unread),
            sources=tuple(self.sources),
            unread=tuple(sorted(self.unread, key=lambda one: one.line)),
            allow_newer=tuple(self.allow_newer),
            imports=tuple(self.imports),
        )

    def parse(self, is_project: bool) -> None:
        """project ::= snapshot, "packages" (directories), "extra-deps", "allow-newer"
        snapshot-file ::= snapshot, "packages" (locations)"""
        self._parse_snapshot()
        packages = self.root.get("packages")
        if is_project:
            self._parse_directories(packages)
            self._parse_locations("extra-deps", self.root.get("extra-deps"))
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
                self._add(parse_location(completed))
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

    def _parse_snapshot_value(self, node: Node, follow: bool) -> None:
        """value ::= text | { "url" | "filepath" | "compiler" | "location" }"""
        name = node.text if isinstance(node, Scalar) else None
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
        known = _KNOWN_SNAPSHOT.match(name) is not None or name.startswith("github:")
        path = None if url or known else name.removeprefix("file://")
        line, text = node.line, show(node)
        source = Source(None, SourceKind.SNAPSHOT, None, path, url, None, None, line, text)
        self.sources.append(source._replace(name=name))
        if path is not None and follow:
            self.imports.append(Import(path, node.line))

    def _parse_directories(self, node: Node | None) -> None:
        """packages ::= [ directory | old location ]; null means the directory of the file."""
        if isinstance(node, Scalar) and node.kind is Kind.NULL:
            here = Source(None, SourceKind.PATH, None, ".", None, None, None, node.line, ".")
            self.sources.append(here._replace(role=Role.PROJECT))
            return
        if node is not None and not isinstance(node, Sequence):
            self._unread(node, f"expected a list of packages, found {describe(node)}")
        for item in _items(node):
            self._add(parse_old_location(item))

    def _parse_locations(self, name: str, node: Node | None) -> None:
        """extra-deps ::= [ location ]"""
        if node is None or (isinstance(node, Scalar) and node.kind is Kind.NULL):
            return
        if not isinstance(node, Sequence):
            self._unread(node, f"expected a list for {name}, found {describe(node)}")
        for item in _items(node):
            self._add(parse_location(item))

    def _add(self, located: Located) -> None:
        self.sources.extend(located.sources)
        self.unread.extend(located.unread)

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

    def _parse_allow_newer(self) -> None:
        """allow-newer ::= boolean; "allow-newer-deps" (stack 2.9.3) names whose bounds it lifts."""
        node = self.root.get("allow-newer")
        if not is_true(node) or node is None:
            return
        named = _items(self.root.get("allow-newer-deps"))
        scopes = [(one.text, one.line) for one in named if isinstance(one, Scalar)]
        for scope, line in scopes or [("*", node.line)]:
            lifted = AllowNewer(scope, "*", line, "allow-newer: true", lower_too=True)
            self.allow_newer.append(lifted)

    def _unread(self, node: Node, reason: str) -> None:
        self.unread.append(Unread(node.line, show(node), reason))

    def _refuse(self, node: Node, reason: str) -> None:
        self.unread.append(Unread(node.line, show(node), reason, None, False))


def _items(node: Node | None) -> Iterable[Node]:
    return node.items if isinstance(node, Sequence) else ()
