"""The entries of ``extra-deps`` and of ``packages`` in stack's files, old syntax and new.

Source: stack docs, "Package location"; for the old syntax, the docs of stack 1.9, "packages".

    location ::= text | { "hackage": text } | place [ "subdir" | "subdirs" ] [ "name", "version" ]
    place    ::= ( "git" | "hg" ) "commit" | "github" "commit" | "url" | "archive" | "path"
    old      ::= directory | url | { "location": directory | url | place, "subdirs", "extra-dep" }
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.haskell.model import Role, Source, SourceKind, Unread
from guard.haskell.pins import is_archive, is_url, parse_pin, pin_or_none
from guard.haskell.ranges import Version
from guard.haskell.scanner import ParseError
from guard.haskell.yaml_tree import Kind, Mapping, Node, Scalar, Sequence, describe, is_true, show

_OLD = "stack 2 refuses this syntax of stack 1"
_FULL_HASH = re.compile(r"[0-9a-f]{40}\Z")


class Located(NamedTuple):
    """What one entry gave."""

    sources: tuple[Source, ...] = ()
    unread: tuple[Unread, ...] = ()


class Place(NamedTuple):
    """Where something is, before its subdirectories are told apart."""

    kind: SourceKind
    path: str | None = None
    url: str | None = None
    commit: str | None = None
    vcs: str | None = None


class _RefusedError(Exception):
    """stack refuses an entry; the reason is its argument."""


def parse_location(node: Node) -> Located:
    """location ::= text | object"""
    try:
        if isinstance(node, Scalar) and node.kind is Kind.STRING:
            return Located((_parse_text(node),))
        if isinstance(node, Mapping):
            return _parse_object(node, node, Role.DEPENDENCY)
        raise _RefusedError(f"expected a text or a map, found {describe(node)}")
    except (_RefusedError, ParseError) as error:
        reason = error.reason if isinstance(error, ParseError) else str(error)
        return Located((), (Unread(node.line, show(node), reason),))


def parse_old_location(node: Node) -> Located:
    """An entry of ``packages``: a directory; anything else is of stack 1 and noted so."""
    role = Role.PROJECT
    try:
        if isinstance(node, Scalar) and node.kind is not Kind.NULL:
            source = _source(node, _text_place(node.text), role)
            return Located((source,), _noted(node) if is_url(node.text) else ())
        if not isinstance(node, Mapping):
            raise _RefusedError(f"expected a directory, found {describe(node)}")
        if is_true(node.get("extra-dep")):
            role = Role.DEPENDENCY
        inner = node.get("location")
        if isinstance(inner, Scalar):
            place = _text_place(inner.text)
            return Located(_in_subdirs(node, place, node, role), _noted(node))
        located = _parse_object(inner if isinstance(inner, Mapping) else node, node, role)
        return located._replace(unread=(*located.unread, *_noted(node)))
    except (_RefusedError, ParseError) as error:
        reason = error.reason if isinstance(error, ParseError) else str(error)
        return Located((), (Unread(node.line, show(node), reason),))


def _noted(node: Node) -> tuple[Unread, ...]:
    return (Unread(node.line, show(node), _OLD, None, False),)


def _parse_text(node: Scalar) -> Source:
    """text ::= archive | hackage | directory, the first that fits."""
    pin = None if is_archive(node.text) else pin_or_none(node.text)
    if pin is None:
        return _source(node, _text_place(node.text), Role.DEPENDENCY)
    source = _source(node, Place(SourceKind.HACKAGE), Role.DEPENDENCY)
    return source._replace(package=pin.package, version=pin.version)


def _text_place(text: str) -> Place:
    if is_url(text):
        return Place(SourceKind.ARCHIVE, url=text)
    return Place(SourceKind.ARCHIVE if is_archive(text) else SourceKind.PATH, path=text)


def _parse_object(node: Mapping, outer: Mapping, role: Role) -> Located:
    """object ::= hackage | place with subdirectories, which old syntax keeps outside."""
    hackage = _string(node, "hackage")
    if hackage is not None:
        pin = parse_pin(hackage)
        source = _source(node, Place(SourceKind.HACKAGE), role)
        return Located((source._replace(package=pin.package, version=pin.version),))
    place = _parse_place(node)
    sources = _in_subdirs(outer if outer is not node else node, place, node, role)
    hashed = place.commit is None or _FULL_HASH.match(place.commit)
    reason = "stack 2 wants the commit as a full hash"
    unread = () if hashed else (Unread(node.line, show(node), reason, None, False),)
    return Located(sources, unread)


def _parse_place(node: Mapping) -> Place:
    """place ::= git | hg | github | url | archive | path"""
    for vcs in ("git", "hg"):
        url = _string(node, vcs)
        if url is not None:
            return Place(SourceKind.GIT, None, url, _commit(node), None if vcs == "git" else vcs)
    github = _string(node, "github")
    if github is not None:
        owner, slash, repository = github.partition("/")
        if not (owner and slash and repository) or "/" in repository:
            raise _RefusedError("expected owner/repository")
        commit = _commit(node)
        archive = f"https://github.com/{github}/archive/{commit}.tar.gz"
        return Place(SourceKind.ARCHIVE, url=archive, commit=commit)
    for key in ("url", "archive", "location"):
        text = _string(node, key)
        if text is not None:
            place = _text_place(text)
            return place._replace(kind=SourceKind.ARCHIVE)
    path = _string(node, "path")
    if path is not None:
        return Place(SourceKind.PATH, path=path)
    raise _RefusedError("this names no package, archive or repository")


def _commit(node: Mapping) -> str:
    commit = _string(node, "commit")
    if commit is None:
        raise _RefusedError('the key "commit" is missing')
    return commit


def _in_subdirs(outer: Mapping, place: Place, inner: Mapping, role: Role) -> tuple[Source, ...]:
    """One source for each subdirectory; ``subdir`` is one, ``subdirs`` are several."""
    subdirs = outer.get("subdirs") or inner.get("subdirs")
    source = _source(outer, place, role)._replace(
        package=_string(inner, "name"), version=_version(inner)
    )
    if subdirs is None:
        return (source._replace(subdir=_string(inner, "subdir") or None),)
    names = subdirs.items if isinstance(subdirs, Sequence) else []
    if not names or not all(isinstance(name, Scalar) for name in names):
        raise _RefusedError('expected names in "subdirs"')
    # A name and a version beside several subdirectories can belong to none of them.
    several = source if len(names) == 1 else source._replace(package=None, version=None)
    return tuple(
        several._replace(subdir=name.text, line=name.line)
        for name in names
        if isinstance(name, Scalar)
    )


def _source(node: Node, place: Place, role: Role) -> Source:
    kind, path, url, commit, vcs = place
    made = Source(None, kind, None, path, url, commit, None, node.line, show(node))
    return made._replace(role=role, vcs=vcs)


def _version(node: Mapping) -> Version | None:
    value = node.get("version")
    return Version.parse(value.text) if isinstance(value, Scalar) else None


def _string(node: Mapping, key: str) -> str | None:
    """The text of a key. A commit of digits alone is a number to YAML, which stack refuses."""
    value = node.get(key)
    if value is None:
        return None
    if not isinstance(value, Scalar) or value.kind is not Kind.STRING:
        raise _RefusedError(f'expected a text for "{key}", found {describe(value)} (quote it)')
    return value.text
