"""Git's trees, held against git's own mktree and ls-tree."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.git.trees import (
    EXECUTABLE,
    FOLDER,
    GITLINK,
    REGULAR,
    SYMLINK,
    TreeEntry,
    parse_tree,
    tree_id,
)

ID_BYTES = {"sha1": 20, "sha256": 32}
TYPES = {FOLDER: b"tree", GITLINK: b"commit"}
NAMES = (
    st.binary(min_size=1, max_size=12)
    .map(lambda name: name.replace(b"/", b"-").replace(b"\0", b"0"))
    .filter(lambda name: name not in (b".", b"..", b".git"))
)
MODES = st.sampled_from([FOLDER, GITLINK, SYMLINK, EXECUTABLE, REGULAR])


@cache
def folder_of(format_: str, root: Path) -> Path:
    folder = root / format_
    command = ["git", "init", "--quiet", "--bare", f"--object-format={format_}", str(folder)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trees")


def git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    command = ["git", f"--git-dir={folder}", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def made_by_git(folder: Path, entries: list[TreeEntry]) -> str:
    lines = (
        b"%06o %s %s\t%s\0"
        % (item.mode, TYPES.get(item.mode, b"blob"), item.id.encode(), item.name)
        for item in entries
    )
    return git(folder, "mktree", "--missing", "-z", data=b"".join(lines)).decode().strip()


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_id_and_the_entries_are_those_of_git(
    root: Path, format_: str, data: st.DataObject
) -> None:
    size = ID_BYTES[format_]
    ids = st.binary(min_size=size, max_size=size).filter(any).map(bytes.hex)
    entries = data.draw(
        st.lists(st.builds(TreeEntry, MODES, NAMES, ids), unique_by=lambda item: item.name)
    )
    folder = folder_of(format_, root)
    made = made_by_git(folder, entries)
    assert tree_id(entries, size) == made
    read = parse_tree(git(folder, "cat-file", "tree", made), size)
    assert sorted(read) == sorted(entries)


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_folders_sort_as_if_they_ended_in_a_slash(root: Path, format_: str) -> None:
    # "a.b" < "a/" < "a0": as a file "a" would stand first.
    size = ID_BYTES[format_]
    some = "ab" * size
    entries = [
        TreeEntry(FOLDER, b"a", some),
        TreeEntry(REGULAR, b"a.b", some),
        TreeEntry(REGULAR, b"a0", some),
    ]
    folder = folder_of(format_, root)
    assert tree_id(entries, size) == made_by_git(folder, entries)
    as_files = [item._replace(mode=REGULAR) for item in entries]
    assert tree_id(as_files, size) == made_by_git(folder, as_files)


def test_the_empty_tree() -> None:
    assert tree_id([], 20) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert parse_tree(b"", 20) == []


@settings(max_examples=300)
@given(st.binary(max_size=80), st.sampled_from([20, 32]))
def test_what_is_no_tree_is_a_value_error(data: bytes, size: int) -> None:
    try:
        entries = parse_tree(data, size)
    except ValueError:
        return
    # Where it was read, nothing of it was lost.
    assert sum(len(item.name) + size + 2 for item in entries) < len(data) or not data


def test_a_tree_that_ends_inside_an_entry_is_refused() -> None:
    whole = b"100644 name\0" + b"\1" * 20
    assert parse_tree(whole, 20) == [TreeEntry(REGULAR, b"name", "01" * 20)]
    for end in range(1, len(whole)):
        with pytest.raises(ValueError, match=r"not found|ends in the middle"):
            parse_tree(whole[:end], 20)
