"""`.dockerignore`: the semantics of the Docker CLI, of which guard must not differ by one file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.engine.dockerignore import IgnoreRules, read_dockerignore
from guard.errors import GuardError


def rules(*lines: str) -> IgnoreRules:
    return read_dockerignore("\n".join(lines).encode(errors="surrogateescape"))


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("/a", "a", True),
        ("a/", "a/b", True),
        ("./a//b/../b", "a/b", True),
        ("a/..", "a", False),
        (".", "a", False),
        ("/", "a", False),
        ("..", "a", False),
        ("../a", "a", False),
        ("# a", "# a", False),
        (" # a", "# a", True),
        ("  a\t", "a", True),
        ("a\r", "a", True),
        ("*", "a", True),
        ("*", "a/b", True),
        ("*/*", "a", False),
        ("*/*", "a/b/c", True),
        ("*.md", "a.md", True),
        ("*.md", "b/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "b/c/a.md", True),
        ("**/*.md", "b/c/a.txt", False),
        ("**", "a", True),
        ("**/", "a/b", True),
        ("**/a", "a", True),
        ("**/a", "b/a", True),
        ("**/a", "ba", False),
        ("**a", "ba", True),
        ("**a", "c/ba", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/d", "a/d", True),
        ("a/**/d", "a/b/c/d", True),
        ("a**/d", "ab/c/d", True),
        ("a/**b", "a/xb", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a?c", "a☺c", True),
        ("a[b-d]e", "ace", True),
        ("a[^b-d]e", "ace", False),
        ("a[^b-d]e", "aze", True),
        ("[a-ζ]*", "α", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "aXb", False),
        ("a.b", "aXb", False),
        ("a(b)+{c}|$", "a(b)+{c}|$", True),
        ("**/.git", "thentos/.git", True),
        ("*/temp*", "some/temporary.txt", True),
        ("*/temp*", "temporary.txt", False),
    ],
)
def test_one_pattern(pattern: str, path: str, excluded: bool) -> None:
    assert rules(pattern).excludes(path) is excluded


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        (("*.md", "!README.md"), "README.md", False),
        (("!README.md", "*.md"), "README.md", True),
        (("docs", "!docs/keep"), "docs/keep", False),
        (("docs", "!docs/keep"), "docs/other", True),
        (("**", "!a/b"), "a/b/c", False),
        (("**", "!a/b", "a/b/c"), "a/b/c", True),
        (("*", "!**/keep"), "a/b/keep", False),
        (("*", "! keep"), "keep", False),
        (("*", "!/keep"), "keep", False),
        (("a", "!a", "a/b"), "a/c", False),
        (("a", "!a", "a/b"), "a/b", True),
    ],
)
def test_the_last_pattern_that_fits_decides(
    patterns: tuple[str, ...], path: str, excluded: bool
) -> None:
    assert rules(*patterns).excludes(path) is excluded


@pytest.mark.parametrize("pattern", ["!", "! ", "[", "a[b", "a\\", "[z-a]", "[[:alpha:]]", "\\p"])
def test_a_line_that_is_no_pattern_is_named(pattern: str) -> None:
    with pytest.raises(GuardError, match=r"^\.dockerignore:2: .*") as caught:
        rules("fine", pattern)
    assert pattern.strip() in caught.value.problem.replace("\\\\", "\\")


def test_a_byte_order_mark_is_no_part_of_the_first_pattern() -> None:
    assert read_dockerignore(b"\xef\xbb\xbfa\n").excludes("a")


def test_a_name_that_is_not_utf8_can_be_named() -> None:
    assert read_dockerignore(b"\xff*\n").excludes("\udcffx")


def test_what_the_builder_reads_is_kept_whatever_the_patterns_say() -> None:
    kept = rules("**").keeping(["Dockerfile[1]"])
    assert not kept.excludes("Dockerfile[1]")
    assert kept.excludes("Dockerfile1")


@pytest.mark.parametrize(
    ("pattern", "folder", "may"),
    [
        ("!a/b/c", "a", True),
        ("!a/b/c", "a/b", True),
        ("!a/b/c", "a/b/c", False),
        ("!a/b/c", "big", False),
        ("!a/*.md", "a", True),
        ("!a/*.md", "a/b", True),
        ("!a/*.md", "big", False),
        ("!**/c", "big", True),
        ("!a[b]", "a", True),
        ("a/b", "a", False),
    ],
)
def test_an_excluded_folder_is_entered_only_for_an_exception_below_it(
    pattern: str, folder: str, may: bool
) -> None:
    assert rules("*", pattern).may_let_in_below(folder) is may


names = st.text("ab*?.é[]\\ \n", min_size=1, max_size=3).filter(lambda n: n not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@given(paths)
def test_nothing_is_excluded_without_patterns(path: str) -> None:
    assert not rules("", "# " + path.replace("\n", "")).excludes(path)


@given(st.lists(st.text("ab", min_size=1), min_size=1).map("/".join), paths)
def test_what_fits_a_folder_fits_what_is_below(folder: str, below: str) -> None:
    assert rules(folder).excludes(f"{folder}/{below}")
    assert rules(f"**/{folder}").excludes(f"x/y/{folder}/{below}")
    assert not rules("*", f"!{folder}").excludes(f"{folder}/{below}")


@given(st.lists(st.text("ab*?/!.", min_size=1, max_size=5), max_size=4), paths)
def test_an_exception_at_the_end_lets_its_path_in(lines: list[str], path: str) -> None:
    try:
        parsed = rules(*lines)
    except GuardError:
        return
    assert not parsed.keeping([path]).excludes(path)
    # What is let in by that is below the path, and nothing else.
    assert parsed.keeping([path]).excludes("ab/ab/b") == parsed.excludes("ab/ab/b") or path in (
        "ab",
        "ab/ab",
        "ab/ab/b",
    )
