"""The ``dependencies`` of a package.yaml: a string, a list of strings or objects, or a map.

Source: hpack's README, "Dependencies"; ``Hpack.Syntax.Dependencies`` and ``DependencyVersion``.

    dependencies ::= entry | [ entry or object with "name" ] | { name: null | version | object }
    version      ::= a number, or a text that is a range once "==" stands before it, or as it is
    object       ::= "version", "mixin", and a source: "git" or "github" with "ref", or "path"

hpack writes name and range into a cabal file and leaves it to Cabal what they mean; so does this.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.haskell.dependency import leading_name, parse_single_dependency
from guard.haskell.model import Source, SourceKind, Unread
from guard.haskell.ranges import Spec, VersionRange, parse_range
from guard.haskell.scanner import ParseError, Scanner
from guard.haskell.yaml_tree import (
    Kind,
    Mapping,
    Node,
    Scalar,
    Sequence,
    describe,
    number_text,
    show,
)

# hpack reads with Cabal's newest format and writes 1.12, or 3.0 where there are sublibraries.
_READING: Spec = (3, 4)
_WRITING: Spec = (1, 12)
_WRITING_SUBLIBRARIES: Spec = (3, 0)
_SOURCE_KEYS = ("path", "git", "github", "ref", "subdir")
_GITHUB = "https://github.com/"


class HpackEntry(NamedTuple):
    """One dependency; ``key`` is what a later entry must share to replace this one."""

    key: str
    package: str
    libraries: tuple[str, ...]
    range: VersionRange
    line: int
    text: str
    source: Source | None = None


Item = HpackEntry | Unread


class _RefusedError(Exception):
    """hpack refuses an entry; the reason is its argument."""


def parse_dependencies(node: Node) -> list[Item]:
    """dependencies ::= entry | list | map. What hpack refuses is among the results as `Unread`."""
    if isinstance(node, Mapping):
        return [_parse_pair(key, value) for key, value in node.items()]
    if isinstance(node, Sequence):
        return [_parse_item(item) for item in node.items]
    if node.kind is Kind.STRING:
        return [_parse_item(node)]
    reason = f"expected a list, a map or a string, found {describe(node)}"
    shown = f"dependencies: {node.text}".strip()
    return [Unread(node.line, shown, reason, None, node.kind is not Kind.NULL)]


def item_key(item: Item) -> str | None:
    """What a later item must share to replace this one."""
    return item.package if isinstance(item, Unread) else item.key


def _parse_item(node: Node) -> Item:
    """item ::= string | object with "name" """
    try:
        if isinstance(node, Mapping):
            return _parse_named_object(node)
        if isinstance(node, Scalar) and node.kind is Kind.STRING:
            return _parse_string(node)
        raise _RefusedError(f"expected a string or a map, found {describe(node)}")
    except (_RefusedError, ParseError) as error:
        shown = show(node)
        return Unread(node.line, shown, _reason(error), leading_name(shown))


def _parse_string(node: Scalar) -> HpackEntry:
    """entry ::= Cabal's own syntax of a dependency."""
    dependency = parse_single_dependency(node.text, _READING)
    named = tuple(library for library in dependency.libraries if library is not None)
    key = ":".join([dependency.name, ",".join(named)]) if named else dependency.name
    line = node.line + 1 if node.block else node.line
    return HpackEntry(key, dependency.name, named, dependency.range, line, show(node))


def _parse_named_object(node: Mapping) -> HpackEntry:
    name = node.get("name")
    if not isinstance(name, Scalar) or name.kind is not Kind.STRING:
        raise _RefusedError('the key "name" is missing')
    return _parse_object(name.text, node, name.line, show(node))


def _parse_pair(key: Scalar, value: Node) -> Item:
    """pair ::= name ":" ( null | version | object )"""
    text = f"{key.text}: {show(value)}".rstrip(": ")
    try:
        if isinstance(value, Mapping):
            return _parse_object(key.text, value, key.line, text)
        return _entry(key.text, _parse_version(value), key.line, text)
    except (_RefusedError, ParseError) as error:
        return Unread(key.line, text, _reason(error), leading_name(key.text))


def _parse_object(name: str, node: Mapping, line: int, text: str) -> HpackEntry:
    """object ::= [ "version" ] [ "mixin" ] [ source ]"""
    version = node.get("version")
    bound = VersionRange.any() if version is None else _parse_version(version)
    entry = _entry(name, bound, line, text)
    return entry._replace(source=_parse_source(entry.package, node, line, text))


def _parse_version(node: Node) -> VersionRange:
    """version ::= null | number | text"""
    if not isinstance(node, Scalar) or node.kind is Kind.BOOLEAN:
        raise _RefusedError(f"expected a version, found {describe(node)}")
    if node.kind is Kind.NULL:
        return VersionRange.any()
    if node.kind is Kind.NUMBER:
        digits = number_text(node.text)
        if digits is None:
            raise _RefusedError("a number that is no version")
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
    named = tuple(library for library in dependency.libraries if library is not None)
    bound = dependency.range if bound.is_any else bound
    return HpackEntry(name, dependency.name, named, bound, line, text)


def _parse_source(package: str, node: Mapping, line: int, text: str) -> Source | None:
    """source ::= "path" | ( "git" | "github" ) "ref" [ "subdir" ]"""
    if not any(node.get(key) is not None for key in _SOURCE_KEYS):
        return None
    path = _string(node, "path")
    if path is not None:
        return Source(SourceKind.PATH, line, text, package, path=path)
    github, git = _string(node, "github"), _string(node, "git")
    subdir = _string(node, "subdir")
    if github is not None and github.count("/") == 2:
        owner, repository, inner = github.split("/")
        github, subdir = f"{owner}/{repository}", subdir or inner
    url = _GITHUB + github if github is not None else git
    ref = _string(node, "ref")
    if url is None or ref is None:
        raise _RefusedError(f'the key "{"ref" if url else "git"}" is missing')
    return Source(SourceKind.GIT, line, text, package, url=url, commit=ref, subdir=subdir)


def _string(node: Mapping, key: str) -> str | None:
    """The string of a key; raises _RefusedError if it is something else."""
    value = node.get(key)
    if value is None:
        return None
    if not isinstance(value, Scalar) or value.kind is not Kind.STRING:
        raise _RefusedError(f'expected a string for "{key}", found {describe(value)}')
    return value.text


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ParseError) else str(error)
