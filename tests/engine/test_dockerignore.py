"""`.dockerignore`: the semantics of the docker CLI; see also `test_against_cli.py`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.engine.context import IGNORE
from guard.engine.dockerignore import exception_for, read_patterns, sent
from guard.errors import GuardError


def excludes(folder: Path, path: str, *lines: str, kept: tuple[str, ...] = ()) -> bool:
    """Whether the file with these lines leaves the path out."""
    (folder / IGNORE).write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    parts = path.split("/")
    paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    patterns = (*read_patterns(str(folder), IGNORE), *map(exception_for, kept))
    return path not in sent(paths, patterns)


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
def test_one_pattern(pattern: str, path: str, excluded: bool, tmp_path: Path) -> None:
    assert excludes(tmp_path, path, pattern) is excluded


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        (("*.md", "!README.md"), "README.md", False),
        (("!README.md", "*.md"), "README.md", True),
        (("docs", "!docs/keep"), "docs/keep", False),
        (("docs", "!docs/keep"), "docs/other", True),
        (("**", "!a/b"), "a/b/c", False),
        (("**", "!a/b", "a/b/c"), "a/b/c", True),
        (("*", "!**/keep"), "a/b/keep", True),
        (("*.md", "!**/keep.md"), "a/keep.md", False),
        (("*", "! keep"), "keep", False),
        (("*", "!/keep"), "keep", False),
        (("*", "/!keep"), "keep", False),
        (("a", "!a", "a/b"), "a/c", False),
        (("a", "!a", "a/b"), "a/b", True),
        (("a/b", "!a"), "a/b", True),
        (("a", "!ab/c"), "a/b", True),
    ],
)
def test_the_last_pattern_that_fits_decides(
    patterns: tuple[str, ...], path: str, excluded: bool, tmp_path: Path
) -> None:
    assert excludes(tmp_path, path, *patterns) is excluded


@pytest.mark.parametrize(
    "pattern", ["!", "! ", "!/", "/ !", "!/..", "[", "a[b", "a\\", "[z-a]", "[[:alpha:]]", "\\p"]
)
def test_a_line_that_is_no_pattern_is_named(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(GuardError, match=r"^\.dockerignore:2: .*") as caught:
        excludes(tmp_path, "a", "fine", pattern)
    assert pattern.strip() in caught.value.problem


def test_a_name_that_is_not_utf8_can_be_named(tmp_path: Path) -> None:
    assert excludes(tmp_path, "\udcffx", "\udcff*")
    with pytest.raises(GuardError, match=r"\.dockerignore:1: the pattern \[\\xff cannot be read"):
        excludes(tmp_path, "a", "[\udcff")


def test_what_the_builder_reads_is_kept_whatever_the_patterns_say(tmp_path: Path) -> None:
    kept = ("Dockerfile[1]", "ci/Dockerfile")
    for path in kept:
        assert not excludes(tmp_path, path, "**", kept=kept)
    for path in ("Dockerfile1", "ci", "ci/other"):
        assert excludes(tmp_path, path, "**", kept=kept)


def test_without_a_file_everything_is_sent(tmp_path: Path) -> None:
    assert sent(["a", "a/b"], read_patterns(str(tmp_path), IGNORE)) == {"a", "a/b"}


names = st.text("ab*?.é[]\\ \n", min_size=1, max_size=3).filter(lambda n: n not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@given(paths)
def test_nothing_is_excluded_without_patterns(path: str) -> None:
    with TemporaryDirectory() as folder:
        assert not excludes(Path(folder), path, "", "# " + path.replace("\n", ""))


@given(st.lists(st.text("ab", min_size=1), min_size=1).map("/".join), paths)
def test_what_fits_a_folder_fits_what_is_below(path: str, below: str) -> None:
    with TemporaryDirectory() as folder:
        assert excludes(Path(folder), f"{path}/{below}", path)
        assert excludes(Path(folder), f"x/y/{path}/{below}", f"**/{path}")
        assert not excludes(Path(folder), f"{path}/{below}", "*", f"!{path}")
