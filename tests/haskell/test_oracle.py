"""Every answer of the real tools, case by case."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from guard.haskell import (
    Manifest,
    ParseError,
    Source,
    SourceKind,
    Version,
    VersionRange,
    read_cabal,
    read_cabal_project,
    read_package_yaml,
    read_stack_yaml,
    reader_for,
)
from guard.haskell.__main__ import interval_json
from guard.haskell.dependency import parse_dependencies
from tests.haskell import oracle

in_each_place = pytest.mark.parametrize("place", oracle.PLACES, ids=oracle.NAMES)


def answer(text: str, version: str) -> str:
    try:
        found = VersionRange.parse(text)
    except ParseError:
        return "range-error"
    try:
        return str(Version.parse(version) in found).lower()
    except ParseError:
        return "version-error"


@in_each_place
def test_membership(place: Path) -> None:
    rows = oracle.rows(place / "ranges.tsv")
    wrong = [
        (text, version, expected)
        for text, version, expected in rows
        if answer(text, version) != expected
        # The answers are those of the newest format, which has no -any and -none any more.
        and not (expected == "range-error" and ("-any" in text or "-none" in text))
    ]
    assert len(rows) > 100
    assert wrong == []


@in_each_place
def test_print_of_a_range_is_read_again(place: Path) -> None:
    for text, _, expected in oracle.rows(place / "ranges.tsv"):
        if expected in ("true", "false"):
            found = VersionRange.parse(text)
            assert VersionRange.parse(str(found)).intervals == found.intervals


@in_each_place
def test_order(place: Path) -> None:
    wrong = []
    for left, right, expected in oracle.rows(place / "version_order.tsv"):
        try:
            a, b = Version.parse(left), Version.parse(right)
            found = "LT" if a < b else "GT" if a > b else "EQ"
            assert (found == "EQ") == (a == b) == (hash(a) == hash(b))
        except ParseError:
            found = "error"
        if found != expected:
            wrong.append((left, right, expected))
    assert wrong == []


@in_each_place
def test_build_depends(place: Path) -> None:
    wrong = []
    for case in oracle.lines(place / "build_depends.jsonl"):
        try:
            found: list[dict[str, Any]] | None = [
                {
                    "name": one.name,
                    "libs": list(one.libraries),
                    "intervals": [interval_json(i) for i in one.range.intervals],
                    "has_upper": one.range.has_upper_bound,
                }
                for one in parse_dependencies(case["text"])
            ]
        except ParseError:
            found = None
        if found != (case["deps"] if case["ok"] else None):
            wrong.append(case["text"])
    assert wrong == []


def requirements(manifest: Manifest) -> list[str]:
    return sorted(
        json.dumps(
            [
                one.section,
                one.package,
                [interval_json(interval) for interval in one.range.intervals],
                [condition.to_json() for condition in one.when],
                list(one.libraries),
            ]
        )
        for one in manifest.requirements
    )


def check(manifest: Manifest, expected: dict[str, Any]) -> None:
    assert manifest.unread == ()
    assert not manifest.lenient
    assert (manifest.package, str(manifest.version)) == (expected["name"], expected["version"])
    assert requirements(manifest) == oracle.expected_requirements(expected)


def cabal_cases(place: Path) -> list[dict[str, Any]]:
    return oracle.lines(place / "cabal_files.jsonl")


def test_oracle_holds_accepted_and_refused_cases() -> None:
    answers = {case["expected"]["ok"] for case in cabal_cases(oracle.CASES)}
    assert answers == {True, False}


# What Cabal refuses for something that asks for no version is read like any other file.
READ_ALL_THE_SAME = {"test-no-type-1.10": ["hspec"], "two-libraries": ["base", "text"]}


@pytest.mark.parametrize(
    "case",
    [case for place in oracle.PLACES[-1:] for case in cabal_cases(place)],
    ids=lambda case: str(case["name"]),
)
def test_cabal_file(case: dict[str, Any]) -> None:
    text = case.get("text")
    data = base64.b64decode(case["base64"]) if text is None else text.encode()
    manifest = read_cabal(data, "p.cabal")
    expected = case.get("expected_3_16", case["expected"])
    if expected["ok"]:
        check(manifest, expected)
    elif case["name"] in READ_ALL_THE_SAME:
        names = [one.package for one in manifest.requirements]
        assert names == READ_ALL_THE_SAME[case["name"]]
    else:
        assert manifest.lenient
        assert manifest.unread


@pytest.mark.parametrize(
    "case",
    [case for place in oracle.PLACES[-1:] for case in oracle.cases(place / "package_yaml.json")],
    ids=lambda case: str(case["name"]),
)
def test_package_yaml(case: dict[str, Any]) -> None:
    manifest = read_package_yaml(case["text"].encode(), "package.yaml")
    if case["hpack_ok"] and case["cabal_ok"]:
        check(manifest, case["expected"])
    else:
        assert manifest.lenient
        assert manifest.unread


def expected_pin(pin: dict[str, Any]) -> tuple[object, ...] | None:
    match pin["kind"]:
        case "local":
            return ("path", pin["path"])
        case "hackage":
            return ("hackage", pin["package"], pin["version"])
        case "git" | "hg":
            return ("git", pin["url"], pin["commit"], pin["subdir"])
        case "archive":
            return ("archive", pin["location"], pin.get("commit"), pin["subdir"])
        case "snapshot":
            return ("snapshot", pin["name"])
        case "constraint" | "extra-package":
            return ("constraint", pin["package"], pin["range"], pin.get("scope", "extra-packages"))
        case "allow-newer":
            return ("allow-newer", pin.get("package", "*"), pin.get("scope") or pin["packages"][0])
    return None


def found_pin(source: Source) -> tuple[object, ...]:
    match source.kind:
        case SourceKind.PATH:
            return ("path", source.path)
        case SourceKind.HACKAGE:
            return ("hackage", source.package, str(source.version))
        case SourceKind.GIT:
            return ("git", source.url, source.commit, source.subdir)
        case SourceKind.ARCHIVE:
            return ("archive", source.path or source.url, source.commit, source.subdir)
        case SourceKind.SNAPSHOT:
            return ("snapshot", source.name)
        case SourceKind.CONSTRAINT:
            return ("constraint", source.package, str(source.range), source.scope)


def read_any(path: str, data: bytes) -> Manifest:
    imported = read_stack_yaml if path.endswith(".yaml") else read_cabal_project
    return (reader_for(path) or imported)(data, path)


@pytest.mark.parametrize(
    "case",
    [
        case
        for place in oracle.PLACES[-1:]
        for case in oracle.cases(place / "project_pins.json")
        if case["file"] != "add-source-timestamps"  # sandboxes went with cabal 3; nobody reads it
    ],
    ids=lambda case: str(case["id"]),
)
def test_pins(case: dict[str, Any]) -> None:
    # Beside the file in question lie those that it imports, and a project file that says nothing.
    asked = [
        (path, text)
        for path, text in case["files"].items()
        if path == case["file"] or path not in ("cabal.project", "stack.yaml")
    ]
    manifests = [read_any(path, text.encode()) for path, text in asked]
    if case["expect"] is None:
        assert any(manifest.lenient and manifest.unread for manifest in manifests)
        return
    found = [found_pin(source) for one in manifests for source in one.sources]
    found += [("allow-newer", a.package, a.scope) for one in manifests for a in one.allow_newer]
    expected = [pin for pin in map(expected_pin, case["expect"]) if pin is not None]
    assert sorted(map(str, found)) == sorted(map(str, expected))
