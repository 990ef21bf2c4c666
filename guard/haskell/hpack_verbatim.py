"""``verbatim`` in a package.yaml: text and fields that go into the cabal file as they stand.

Source: hpack's README, "Passing things to Cabal verbatim". A literal is added to what hpack writes;
a map replaces the fields it names.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.haskell.cabal_file import read_text
from guard.haskell.model import Requirement, Unread
from guard.haskell.yaml_tree import Kind, Mapping, Node, Scalar, Sequence

# The literal is read as a part of the cabal file that hpack would write.
_HEAD = "name: p\nversion: 0\nbuild-type: Simple\ncabal-version: 1.12\n"
_INTO_COMPONENT = _HEAD + "library\n"


class Verbatim(NamedTuple):
    """What the literals require; ``replaces``: hpack's own build-depends are not written."""

    requirements: tuple[Requirement, ...] = ()
    unread: tuple[Unread, ...] = ()
    replaces: bool = False


def read_verbatim(node: Node | None) -> Verbatim:
    """verbatim ::= one | [ one ]; one ::= literal | { field: value }, in a component."""
    if node is None:
        return Verbatim()
    requirements: list[Requirement] = []
    unread: list[Unread] = []
    replaces = False
    for one in node.items if isinstance(node, Sequence) else [node]:
        literal: Node | None = one
        if isinstance(one, Mapping):
            literal = one.get("build-depends")
            replaces |= literal is not None
        if isinstance(literal, Scalar) and literal.kind is not Kind.NULL:
            label = "build-depends:" if isinstance(one, Mapping) else " "
            found = read_literal(literal, label)
            requirements.extend(found.requirements)
            unread.extend(found.unread)
    return Verbatim(tuple(requirements), tuple(unread), replaces)


def read_literal(node: Scalar, prefix: str) -> Verbatim:
    """The literal as text of a cabal file: with a prefix, inside of a component."""
    if not prefix:
        text, head = _HEAD + node.text, _HEAD
    else:
        lines = node.text.replace("\n", "\n  ")
        text, head = f"{_INTO_COMPONENT} {prefix}{lines}", _INTO_COMPONENT
    manifest = read_text(text, (), "")
    offset = node.line - 1 + node.block - head.count("\n")
    moved = [one._replace(line=one.line + offset) for one in manifest.requirements]
    unread = [one._replace(line=one.line + offset) for one in manifest.unread]
    return Verbatim(tuple(moved), tuple(unread))
