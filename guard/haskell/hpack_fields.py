"""Fields of a package.yaml that are no dependencies, looked at only to know whether hpack takes it.

Source: hpack's README; ``Hpack.Config``. A value of the wrong type makes hpack refuse the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from guard.haskell.model import Unread
from guard.haskell.ranges import Spec, Version
from guard.haskell.scanner import ParseError
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

# The version of hpack whose word this reader gives.
HPACK: Spec = (0, 34, 7)

_LISTS = frozenset(
    [
        "source-dirs",
        "pkg-config-dependencies",
        "default-extensions",
        "other-extensions",
        "ghc-options",
        "ghc-prof-options",
        "ghcjs-options",
        "cpp-options",
        "cc-options",
        "c-sources",
        "cxx-options",
        "cxx-sources",
        "js-sources",
        "extra-lib-dirs",
        "extra-libraries",
        "extra-frameworks-dirs",
        "frameworks",
        "include-dirs",
        "install-includes",
        "ld-options",
        "exposed-modules",
        "generated-exposed-modules",
        "other-modules",
        "generated-other-modules",
        "reexported-modules",
        "signatures",
        "author",
        "copyright",
        "license-file",
        "tested-with",
        "extra-source-files",
        "extra-doc-files",
        "data-files",
    ]
)
_LISTS_OR_NULL = frozenset({"maintainer"})
_STRINGS = frozenset(
    [
        "main",
        "visibility",
        "name",
        "synopsis",
        "description",
        "category",
        "stability",
        "data-dir",
        "git",
        "github",
        "build-type",
    ]
)
_STRINGS_OR_NULL = frozenset(["homepage", "bug-reports", "license"])
_BOOLEANS = frozenset(["buildable", "exposed"])
_BUILD_TYPES = ("Simple", "Configure", "Make", "Custom")


def refused_fields(mapping: Mapping) -> Iterator[Unread]:
    """What hpack refuses among the plain fields of one level."""
    for key, value in mapping.items():
        expected = _expected(key.text, value)
        if expected is not None:
            reason = f"expected {expected}, found {describe(value)}"
            yield Unread(key.line, f"{key.text}: {show(value)}".rstrip(), reason, None, False)


def _expected(name: str, value: Node) -> str | None:
    """What hpack would have wanted; None if the value will do, or the field is not looked at."""
    if name in _LISTS or name in _LISTS_OR_NULL:
        allowed = _is_strings(value) or (name in _LISTS_OR_NULL and _is(value, Kind.NULL))
        return None if allowed else "a string or a list of strings"
    if name in _STRINGS or name in _STRINGS_OR_NULL:
        if name == "build-type" and _is(value, Kind.STRING) and show(value) not in _BUILD_TYPES:
            return "one of " + ", ".join(_BUILD_TYPES)
        allowed = _is(value, Kind.STRING) or (name in _STRINGS_OR_NULL and _is(value, Kind.NULL))
        return None if allowed else "a string"
    if name in _BOOLEANS:
        return None if _is(value, Kind.BOOLEAN) else "a boolean"
    return None


def refused_flags(node: Node | None) -> Iterator[Unread]:
    """flags ::= { name: { "manual": boolean, "default": boolean } }"""
    if node is None:
        return
    if not isinstance(node, Mapping):
        yield Unread(node.line, "flags", f"expected a map, found {describe(node)}", None, False)
        return
    for key, value in node.items():
        flag = value if isinstance(value, Mapping) else None
        for needed in ("manual", "default"):
            given = flag.get(needed) if flag is not None else None
            if given is None or not _is(given, Kind.BOOLEAN):
                reason = f'the flag needs a boolean "{needed}"'
                yield Unread(key.line, f"flags: {key.text}", reason, None, False)


def refused_spec_version(node: Node | None) -> Unread | None:
    """``spec-version`` asks for an hpack that is as new at least."""
    if node is None:
        return None
    text = version_text(node)
    try:
        asked = Version.parse(text or "").numbers
    except ParseError:
        return Unread(node.line, f"spec-version: {show(node)}", "no version", None, False)
    if asked <= HPACK:
        return None
    newest = ".".join(map(str, HPACK))
    reason = f"asks for a newer hpack than {newest}"
    return Unread(node.line, f"spec-version: {text}", reason, None, False)


def version_text(node: Node) -> str | None:
    """The text of a version that is a string or a number; None for anything else."""
    if not isinstance(node, Scalar):
        return None
    if node.kind is Kind.NUMBER:
        return number_text(node.text)
    return node.text if node.kind is Kind.STRING else None


def _is(node: Node, kind: Kind) -> bool:
    return isinstance(node, Scalar) and node.kind is kind


def _is_strings(node: Node) -> bool:
    items = node.items if isinstance(node, Sequence) else [node]
    return all(_is(item, Kind.STRING) for item in items)
