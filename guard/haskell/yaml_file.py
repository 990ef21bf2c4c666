"""The way from the text of a YAML manifest to its top level, with what is wrong on the way."""

from __future__ import annotations

from guard.haskell.model import Unread
from guard.haskell.yaml_tree import Mapping, YamlError, describe, load


def load_mapping(text: str) -> tuple[Mapping | None, tuple[Unread, ...]]:
    """The map that the file consists of; None, and why, if it is none. Raises nothing."""
    try:
        document = load(text)
    except YamlError as error:
        lines = text.splitlines()
        shown = lines[error.line - 1].strip()[:200] if 0 < error.line <= len(lines) else ""
        return None, (Unread(error.line, shown, error.reason),)
    if not isinstance(document.root, Mapping):
        reason = f"expected a map, found {describe(document.root)}"
        return None, (Unread(document.root.line, "", reason),)
    if document.second_line is not None:
        return document.root, (Unread(document.second_line, "---", "a second document"),)
    return document.root, ()
