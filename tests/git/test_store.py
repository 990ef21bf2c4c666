"""Several repositories read as one, and paths inside their trees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guard.errors import MissingObjectError
from guard.git.folders import all_files, files_in, matching_folders
from guard.git.objects import ObjectPool
from guard.git.store import Root, Store
from guard.git.trees import FOLDER, GITLINK, REGULAR
from tests.repositories import MakeRepo
from tests.workshop import Repo

ABSENT = "1" * 40
FILES = {
    "top.cabal": "top",
    "a/a.cabal": "a",
    "a/deep/er.cabal": "er",
    "b/b.cabal": "b",
    "b/README": "b",
    "gr\udcfcn/x.cabal": "no UTF-8",
}


@pytest.fixture
def pool() -> Iterator[ObjectPool]:
    with ObjectPool() as pool:
        yield pool


@pytest.fixture
def root(repo: Repo, pool: ObjectPool) -> tuple[Store, Root]:
    (repo.folder / "link").symlink_to("a")
    repo.write(FILES)
    repo.git("add", "--all")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{ABSENT},sub/module")
    repo.git("commit", "--quiet", "-m", "files")
    store = Store(pool, (repo.repository,))
    found = store.root(repo.head)
    assert found is not None
    return store, found


def test_the_first_that_has_an_object_serves(
    repo: Repo, make_repo: MakeRepo, pool: ObjectPool
) -> None:
    other = make_repo("other")
    mine, theirs = repo.commit("mine", {"m": "mine"}), other.commit("theirs", {"t": "theirs"})
    store = Store(pool, (repo.repository, other.repository))
    first, second = store.root(mine), store.root(theirs)
    assert first is not None and first.repository == repo.repository
    assert second is not None and second.repository == other.repository
    assert store.root(ABSENT) is None
    names = [other.git("rev-parse", "HEAD:t"), ABSENT, repo.git("rev-parse", "HEAD:m")]
    assert [item.data if item else None for item in store.read_all([*names, names[0]])] == [
        b"theirs",
        None,
        b"mine",
        b"theirs",
    ]
    assert store.read_all([]) == []
    assert Store(pool, ()).root(mine) is None


def test_only_commits_have_a_root(repo: Repo, pool: ObjectPool) -> None:
    commit = repo.commit("one", {"a": "a"})
    repo.git("tag", "-a", "-m", "tag", "v1")
    store = Store(pool, (repo.repository,))
    assert store.root(commit) is not None
    for name in ("v1", "HEAD^{tree}", "HEAD:a"):
        assert store.root(repo.git("rev-parse", name)) is None


@pytest.mark.parametrize(
    ("path", "mode", "rest"),
    [
        ("", FOLDER, ""),
        (".", FOLDER, ""),
        ("a", FOLDER, ""),
        ("a/", FOLDER, ""),
        ("./a//deep/er.cabal", REGULAR, ""),
        ("gr\udcfcn/x.cabal", REGULAR, ""),
        ("sub/module", GITLINK, ""),
        ("sub/module/in/side", GITLINK, "in/side"),
    ],
)
def test_a_path_leads_to_its_entry(
    root: tuple[Store, Root], path: str, mode: int, rest: str
) -> None:
    store, top = root
    found = store.walk(top.tree, path)
    assert found is not None
    assert (found[0].mode, found[1]) == (mode, rest)


@pytest.mark.parametrize("path", ["gone", "a/gone", "top.cabal/below", "link/a.cabal", "A"])
def test_a_path_that_leads_nowhere(root: tuple[Store, Root], path: str) -> None:
    store, top = root
    assert store.walk(top.tree, path) is None


def test_a_tree_that_is_missing_on_the_way(root: tuple[Store, Root], repo: Repo) -> None:
    store, top = root
    name = repo.git("rev-parse", "HEAD:a")
    (repo.folder / ".git/objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(LookupError, match=name):
        store.walk(top.tree, "a/deep")
    with pytest.raises(MissingObjectError, match=rf"tree {name} \(a\) is missing"):
        all_files(store, top.tree, lambda name: True)
    with pytest.raises(MissingObjectError, match=rf"tree {name} \(a\) is missing"):
        list(matching_folders(store, top.tree, "a/*"))


def test_files_are_regular_ones(root: tuple[Store, Root]) -> None:
    store, top = root
    assert [item.path for item in files_in(top.tree, "")] == ["top.cabal"]
    found = all_files(store, top.tree, lambda name: name.endswith(".cabal"))
    assert sorted(item.path for item in found) == sorted(set(FILES) - {"b/README"})
    contents = store.read_all([item.blob for item in found])
    assert {item.data.decode() for item in contents if item} == set(FILES.values())


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("", [""]),
        (".", [""]),
        ("a", ["a"]),
        ("*", ["a", "b", "gr\udcfcn", "sub"]),
        ("[ab]", ["a", "b"]),
        ("*/deep", ["a/deep"]),
        ("?/", ["a", "b"]),
        ("gone/*", []),
        ("..", []),
    ],
)
def test_folders_by_wildcards(root: tuple[Store, Root], pattern: str, folders: list[str]) -> None:
    store, top = root
    assert [folder for folder, _ in matching_folders(store, top.tree, pattern)] == folders
