"""No input makes a reader raise anything but its own error, or take long."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.ci.image_mentions import mentions_in
from guard.ci.lines import UnreadableError
from guard.ci.project_files import project_files
from guard.ci.proposal import read_ci
from guard.errors import GuardError
from guard.haskell import (
    Manifest,
    ParseError,
    Reader,
    Version,
    VersionRange,
    read_cabal,
    read_cabal_project,
    read_package_yaml,
    read_stack_lock,
    read_stack_yaml,
)

READERS = [
    read_cabal,
    read_cabal_project,
    read_package_yaml,
    read_stack_lock,
    read_stack_yaml,
]
each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
MEGABYTE = 1_000_000

# Pieces that mean something to one grammar or another, so that chance gets past the first token.
PIECES = [
    *"{}()[]:,-+*&|<>=^!'\"\\#@%.;\n\t \r",
    "\n  ",
    "\n    ",
    "name",
    "library",
    "build-depends:",
    "if",
    "else",
    "flag(f)",
    "foo >=1",
    ">=0.3 && <0.4",
    "==1.*",
    "&&",
    "||",
    "when:",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "dependencies:",
    "extra-deps:",
    "packages:",
    "constraints:",
    "condition: ",
    "git: ",
    "commit: ",
    "verbatim: |\n  ",
    "<<<<<<< x\n",
    "=======\n",
    ">>>>>>> y\n",
    "source-repository-package",
    "\ufeff",
    "\x00",
    "\x0c",
    "\u00a0",
    "é",
    "0.10",
    "1e999999999",
    "010",
    "---\n",
    "...\n",
    "!include x",
]
soup = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def is_manifest(reader: Reader, data: bytes) -> None:
    assert isinstance(reader(data, "x"), Manifest)


@each_reader
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300))
def test_any_bytes(reader: Reader, data: bytes) -> None:
    is_manifest(reader, data)


@each_reader
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=soup)
def test_any_pieces(reader: Reader, text: str) -> None:
    is_manifest(reader, text.encode("utf-8", errors="surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=40), soup))
def test_any_range_and_version(text: str) -> None:
    for parse in (VersionRange.parse, Version.parse):
        try:
            parse(text)
        except ParseError as error:
            assert error.text == text
            assert 0 <= error.start <= error.end <= max(len(text), 1)
            assert error.reason in str(error)


def filled(unit: str, head: str = "", tail: str = "") -> str:
    return head + unit * ((MEGABYTE - len(head) - len(tail)) // len(unit)) + tail


HOSTILE = {
    "spaces": filled(" "),
    "newlines": filled("\n"),
    "letters": filled("a"),
    "colons": filled("a:\n"),
    "fields": filled("build-depends: a\n", "name: p\nlibrary\n"),
    "nested fields": filled("  a\n   b:c\n", "name: p\n"),
    "one list": filled("a,\n  ", "library\n build-depends:\n  "),
    "broken list": filled("1,", "library\n build-depends: a,"),
    "broken names": filled("a b,", "library\n build-depends: "),
    "commas": filled(",", "library\n build-depends: "),
    "alternatives": filled("==1 || ", "library\n build-depends: a ", "==1"),
    "conjunctions": filled("(==1 || ==2 || ==3 || >4) && ", "library\n build-depends: a ", ">=0"),
    "parentheses": filled("(", "library\n build-depends: a "),
    "set": filled("1,", "library\n build-depends: a == {"),
    "ifs": filled("if a\n"),
    "nested ifs": "library\n" + "".join(" " * i + "if os(x)\n" for i in range(1, 1400)),
    "elifs": filled(
        "  elif flag(f)\n    build-depends: a\n",
        "cabal-version: 2.2\nname: p\nlibrary\n  if flag(f)\n    build-depends: a\n",
    ),
    "condition": filled("!(", "library\n if "),
    "brace sections": filled("a{"),
    "close braces": filled("}"),
    "brace lines": filled("a {\n"),
    "quotes": filled('"\\'),
    "escaped quotes": filled('\\"', 'a "'),
    "imports": "cabal-version: 3.0\nname: p\ncommon c0\n build-depends: a\n"
    + "".join(f"common c{i}\n import: c{i - 1}, c{i - 1}\n" for i in range(1, 60)),
    "conflicts": filled("<<<<<<< a\nx: 1\n=======\nx: 2\n>>>>>>> b\n"),
    "flow lists": filled("["),
    "flow maps": filled("{a: "),
    "block lists": filled("- "),
    "dependencies": filled("- a >=1\n", "library:\n dependencies:\n"[0:8] + "\ndependencies:\n"),
    "keys": "".join(f"k{i}: 1\n" for i in range(80_000)),
    "tabs": filled("\t"),
    "packages": filled("a ", "packages: "),
    "braces": filled("{a,", "packages: "),
    "constraints": filled("a ==1,", "constraints: "),
    "broken constraints": filled("a = 1,", "constraints: "),
}


# stack's files are read by the same YAML tree as package.yaml.
@pytest.mark.parametrize(
    "reader",
    [read_cabal, read_cabal_project, read_package_yaml],
    ids=lambda reader: reader.__name__,
)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_takes_a_second_at_most(reader: Reader, text: str) -> None:
    data = text.encode()
    start = time.process_time()
    is_manifest(reader, data)
    assert time.process_time() - start < 1.0


TEN_MEGABYTES = {
    name: (text * (10_000_000 // len(text) + 1)).encode()
    for name, text in {
        "letters": "a",
        "digits": "9",
        "newlines": "\n",
        "returns": "\r",
        "no text": "\0",
        "dashes": "- ",
        "brackets": "[",
        "aliases": "*a ",
        "folders": "packages: */*/\n",
        "sections": "a {\n",
        "quotes": "\"'",
        "assignments": "A=$A$A thentos/aula\n",
        "commands": "script: docker run -v a:b thentos/aula\n",
    }.items()
}
EVERY_READER: dict[str, Callable[[bytes], object]] = {
    **{
        path: partial(reader, path=path)
        for path, reader in [
            ("p.cabal", read_cabal),
            ("package.yaml", read_package_yaml),
            ("stack.yaml", read_stack_yaml),
            ("snapshot.yaml", read_stack_yaml),
            ("stack.yaml.lock", read_stack_lock),
            ("cabal.project", read_cabal_project),
            ("cabal.project.freeze", read_cabal_project),
        ]
    },
    **{
        f"init {path}": partial(read_ci, path=path)
        for path in (".travis.yml", ".github/workflows/x.yml", ".gitlab-ci.yml", ".circleci/x.yml")
    },
    "project files": partial(project_files, path=".gitlab-ci.yml"),
    **{
        path: partial(mentions_in, path=path, names=["thentos/aula"])
        for path in (".gitlab-ci.yml", "Makefile", "run.sh", "Dockerfile")
    },
}


@pytest.mark.parametrize("read", EVERY_READER.values(), ids=EVERY_READER.keys())
@pytest.mark.parametrize("data", TEN_MEGABYTES.values(), ids=TEN_MEGABYTES.keys())
def test_ten_megabytes_are_refused_within_a_second(
    read: Callable[[bytes], object], data: bytes
) -> None:
    start = time.process_time()
    try:
        unread = getattr(read(data), "unread", None)
    except (GuardError, UnreadableError):
        unread = None
    assert time.process_time() - start < 1.0
    assert unread is None or [one.reason for one in unread][:1] == ["larger than 4 MiB"]


@pytest.mark.parametrize(
    "text",
    [
        "a = 0x" + "f" * 100_000,
        "version: " + "9" * 100_000,
        "version: 1e999999999",
        "version: 0o" + "7" * 100_000,
        "dependencies: {a: 1e999999999, b: 1.5e-999999999, c: 0x" + "f" * 10_000 + "}",
        "dependencies: a >=" + "9" * 100_000,
        "library\n build-depends: a >=" + "9" * 100_000,
        "library\n build-depends: a >=1" + ".1" * 100_000,
        "library\n if impl(ghc >=" + "9" * 100_000 + ")\n  build-depends: a",
        "extra-deps: [a-" + "9" * 100_000 + "]",
        "extra-deps: [a-1@rev:" + "9" * 100_000 + "]",
        "extra-deps: [{git: x, commit: 1e999999999}]",
        "constraints: a ==" + "9" * 100_000,
        "script: docker run thentos/aula:" + "9" * 100_000,
        "script: [docker run --memory 1e999999999 thentos/aula]",
    ],
    ids=range(15),
)
@pytest.mark.parametrize("read", EVERY_READER.values(), ids=EVERY_READER.keys())
def test_huge_numbers(read: Callable[[bytes], object], text: str) -> None:
    start = time.process_time()
    with suppress(GuardError, UnreadableError):
        read(text.encode())
    assert time.process_time() - start < 1.0


def laughs(levels: int) -> str:
    lines = ["a0: &a0 {condition: os(x), dependencies: [lol]}"]
    for i in range(1, levels):
        lines.append(f"a{i}: &a{i} {{condition: os(x), when: [{', '.join([f'*a{i - 1}'] * 9)}]}}")
    return "\n".join([*lines, "library:", f"  when: *a{levels - 1}"]) + "\n"


@pytest.mark.parametrize("path", ["package.yaml", "stack.yaml", "init .travis.yml"])
def test_merges_cannot_blow_up(path: str) -> None:
    maps = [f"a{i}: &a{i}\n  <<: [*a{i - 1}, *a{i - 1}]\n  y{i}: 1\n" for i in range(1, 4000)]
    start = time.process_time()
    with suppress(GuardError, UnreadableError):
        EVERY_READER[path](("a0: &a0 {x: 1}\n" + "".join(maps)).encode())
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("entry", ["1e5", "'>'", "foo bar", "{a: b}"])
def test_thousands_of_broken_dependencies_take_a_second_at_most(entry: str) -> None:
    text = "library: {}\ndependencies:\n" + f"- {entry}\n" * 8_000
    start = time.process_time()
    assert read_package_yaml(text.encode(), "package.yaml").unread
    assert time.process_time() - start < 1.0


def used(value: str, use: str) -> str:
    """A package.yaml in which an anchored value stands at thousands of places."""
    places = "".join(f"  e{number}: {use}\n" for number in range(2000))
    return f"_v: &v {value}\ntests:\n{places}"


LINES, NAMES = "|\n  {}\n", "[" + "x," * 9000 + "]"
MANY_TIMES = {
    "package.yaml literals": used(LINES.format("build-depends: x\n  " * 2000), "{verbatim: *v}"),
    "package.yaml comments": used(LINES.format("-- x\n  " * 2000), "{verbatim: *v}"),
    "package.yaml lists of literals": used("\n" + "- '-- x'\n" * 2000, "{verbatim: *v}"),
    "package.yaml dependencies": used(NAMES, "{dependencies: *v}"),
    "package.yaml defaults": used(NAMES, "{defaults: *v}"),
    "package.yaml components": used("{" + "".join(f"a{n}: b," for n in range(9000)) + "}", "*v"),
    "package.yaml at the top": f"dependencies: {NAMES}\n" + used("x", "{}"),
    "stack.yaml subdirs": f"_v: &v {NAMES}\nextra-deps:\n"
    + "- {git: x, commit: a, subdirs: *v}\n" * 2000,
    "stack.yaml flags": "_v: &v {"
    + "".join(f"a{n}: true," for n in range(9000))
    + "}\nflags:\n"
    + "".join(f"  a{number}: *v\n" for number in range(2000)),
}


@pytest.mark.parametrize("name", MANY_TIMES)
def test_what_stands_at_many_places_takes_a_second_at_most(name: str) -> None:
    start = time.process_time()
    EVERY_READER[name.split()[0]](MANY_TIMES[name].encode())
    assert time.process_time() - start < 1.0


INCLUDING: dict[str, Callable[[Callable[[str], bytes]], Manifest]] = {
    "cabal.project": lambda files: read_cabal_project(
        b"".join(b"import: f%d\n" % number for number in range(90)), "cabal.project", files
    ),
    "package.yaml": lambda files: read_package_yaml(
        b"defaults:\n" + b"".join(b"- local: f%d\n" % number for number in range(90)),
        "package.yaml",
        files,
    ),
    "stack.yaml": lambda files: read_stack_yaml(b"snapshot: s.yaml\n", "stack.yaml", files),
}


@pytest.mark.parametrize("read", INCLUDING.values(), ids=INCLUDING.keys())
@pytest.mark.parametrize("text", ["\n", "constraints: a ==1\n", "# a comment\n"])
def test_many_long_files_are_not_taken_in(
    read: Callable[[Callable[[str], bytes]], Manifest], text: str
) -> None:
    data = (text * (4_000_000 // len(text))).encode()
    start = time.process_time()
    manifest = read(lambda path: data)
    assert time.process_time() - start < 1.0
    assert "more than 512 KiB are taken in" in {one.reason for one in manifest.unread}


def test_aliases_cannot_blow_up() -> None:
    start = time.process_time()
    manifest = read_package_yaml(laughs(30).encode(), "package.yaml")
    assert time.process_time() - start < 1.0
    (unread,) = manifest.unread
    assert unread.reason == "more than 250000 values, with those of aliases"
    manifest = read_package_yaml(laughs(5).encode(), "package.yaml")
    assert "too many conditions" in {one.reason for one in manifest.unread}


def test_an_alias_cannot_contain_itself() -> None:
    manifest = read_package_yaml(b"library: &a\n  when: *a\n", "package.yaml")
    assert manifest.unread[0].reason == "this contains itself, by an alias"


@pytest.mark.parametrize("depth", [50, 500, 100_000])
def test_deep_parentheses(depth: int) -> None:
    text = "(" * depth + ">=1" + ")" * depth
    if depth == 50:
        assert Version.parse("2") in VersionRange.parse(text)
    else:
        with pytest.raises(ParseError, match="nested more than"):
            VersionRange.parse(text)


def test_many_ranges_together() -> None:
    found = VersionRange.any()
    for number in range(3000):
        found &= VersionRange.parse(f">={number}")
    assert Version.parse("3000") in found
    assert str(VersionRange.parse(str(found))) == str(found)


def nested(opening: Callable[[int], str], depth: int, inner: str) -> bytes:
    return ("".join(opening(i) for i in range(depth)) + inner).encode()


def test_deep_sections_are_said_not_to_be_read() -> None:
    data = b"name: p\nversion: 1\nbuild-type: Simple\nlibrary\n" + nested(
        lambda i: " " * (i + 1) + "if os(x)\n", 300, " " * 400 + "build-depends: deep\n"
    )
    manifest = read_cabal(data, "p.cabal")
    assert manifest.lenient
    assert any(one.concerns_requirements for one in manifest.unread)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dependencies: *x\n", "found undefined alias"),
        ("a:\n" + "- " * 200, "nested more than 100 deep"),
        ("a: " + "[" * 200 + "]" * 200, "nested more than 100 deep"),
        ("a: " + "[" * 200_000, "more than 50000 values"),
    ],
)
def test_yaml_that_is_not_followed_hides_nothing(text: str, reason: str) -> None:
    (unread,) = read_package_yaml(text.encode(), "package.yaml").unread
    assert unread.reason.startswith(reason)
    assert unread.concerns_requirements
