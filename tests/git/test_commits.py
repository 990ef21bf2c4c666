"""Trees and commits of objects alone: exact, and nothing of the user's is touched."""

from __future__ import annotations

import os

import pytest

from guard.errors import GitError, GuardError
from guard.git import commits
from guard.git.commits import (
    advance,
    changed_index,
    new_commit,
    reachable,
    tree_with,
)
from guard.git.index import private_index
from guard.git.repository import Repository
from guard.git.trees import GITLINK, REGULAR
from tests.repositories import MakeRepo
from tests.workshop import Repo

FILES = {"a": "A\n", "below/b": "B\n", "grün/ein\nname": "C\n"}


@pytest.fixture(params=["sha1", "sha256"])
def full(make_repo: MakeRepo, request: pytest.FixtureRequest) -> Repo:
    """A repository with a commit, and something else staged and changed."""
    repo = make_repo("full", f"--object-format={request.param}")
    repo.commit("First", FILES)
    repo.write({"a": "staged\n", "below/b": "changed\n"})
    repo.git("add", "a")
    return repo


def new_blob(repository: Repository, data: bytes) -> str:
    return repository.text("hash-object", "-w", "--stdin", data=data)


def listed(repo: Repo, tree: str) -> dict[str, str]:
    """Path -> mode and id."""
    entries = repo.git("ls-tree", "-r", "-z", tree).split("\0")
    pairs = (entry.partition("\t") for entry in entries if entry)
    return {path: meta for meta, _, path in pairs}


def test_a_tree_differs_in_what_is_asked_for_and_in_nothing_else(full: Repo) -> None:
    before = full.git("status", "--porcelain")
    repository = full.repository
    blob = new_blob(repository, b"new\n")
    changes = {
        "lib": (GITLINK, full.head),
        "grün/ein\nname": None,
        "no such file": None,
        "below/new": (REGULAR, blob),
    }
    tree = tree_with(repository, "HEAD", changes)
    was = listed(full, "HEAD")
    del was["grün/ein\nname"]
    expected = {
        **was,
        "lib": f"160000 commit {full.head}",
        "below/new": f"100644 blob {blob}",
    }
    assert listed(full, tree) == expected
    assert full.git("status", "--porcelain") == before


def test_a_file_takes_the_place_of_a_folder(full: Repo) -> None:
    blob = new_blob(full.repository, b"new\n")
    tree = tree_with(full.repository, "HEAD", {"below": (REGULAR, blob)})
    assert listed(full, tree)["below"] == f"100644 blob {blob}"
    assert "below/b" not in listed(full, tree)


def test_a_tree_can_begin_with_nothing(full: Repo) -> None:
    blob = new_blob(full.repository, b"new\n")
    tree = tree_with(full.repository, None, {"new": (REGULAR, blob)})
    assert list(listed(full, tree)) == ["new"]


def test_of_private_objects_nothing_is_left(full: Repo) -> None:
    with private_index(full.repository, private_objects=True) as scratch:
        blob = new_blob(scratch, b"for a moment\n")
        tree = changed_index(scratch, "HEAD", {"new": (REGULAR, blob)})
        assert scratch.text("rev-parse", f"{tree}:a") == full.git("rev-parse", "HEAD:a")
        assert full.repository.run("cat-file", "-e", tree, ok=(1,)) == b""
    assert full.repository.run("cat-file", "-e", blob, ok=(1,)) == b""


def test_a_commit_is_made_and_nothing_moves(full: Repo) -> None:
    head = full.head
    commit = new_commit(full.repository, full.git("rev-parse", "HEAD^{tree}"), [head], "Why: ü")
    assert full.git("log", "--format=%P %B", "-1", commit) == f"{head} Why: ü"
    assert full.head == head


def test_who_has_no_identity_is_told_where_to_give_one(
    full: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.git("config", "user.useConfigOnly", "true")
    for name in (
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(GitError, match="no commit could be made: ") as caught:
        new_commit(full.repository, full.git("rev-parse", "HEAD^{tree}"), [], "x")
    assert "git config user.name and user.email" in caught.value.remedy


def test_a_branch_that_somebody_has_moved_is_left_alone(full: Repo) -> None:
    old = full.head
    new = full.commit("Second")
    branch = full.git("symbolic-ref", "HEAD")
    with pytest.raises(GuardError, match=f"{branch} of .* was not moved") as caught:
        advance(full.repository, branch, old, old, "guard recover")
    assert caught.value.remedy == "run guard recover again"
    assert full.head == new
    advance(full.repository, branch, old, new, "guard recover")
    assert full.head == old


def test_more_tips_than_a_command_line_takes(full: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_ARGUMENTS", 2)
    first = full.head
    tips = [full.commit(f"Tip {number}") for number in range(5)]
    full.git("checkout", "--quiet", "--orphan", "beside")
    beside = full.commit("Beside")
    assert reachable(full.repository, [first, beside, tips[4]], tips) == {first, tips[4]}
    assert reachable(full.repository, [beside], [*tips[:3], beside]) == {beside}
    assert reachable(full.repository, [first], []) == set()


def test_of_several_commits_those_that_a_tip_leads_to_whatever_their_dates(full: Repo) -> None:
    def commit(year: int) -> str:
        dates = {"GIT_COMMITTER_DATE": f"{year}-01-01T00:00:00Z"}
        full.git("commit", "--quiet", "--allow-empty", "-m", f"Of {year}", env=dates)
        return full.head

    below, above = commit(2040), commit(2041)
    tip = [commit(2010 - number) for number in range(12)][-1]
    full.git("checkout", "--quiet", "--force", "--detach", below)
    private = [commit(year) for year in (2042, 2043, 2044)]
    some = [above, below, *private]
    assert {below, above} < {*full.git("rev-list", *some, f"^{tip}").split()}
    assert reachable(full.repository, some, [tip]) == {below, above}
    assert reachable(full.repository, some, [tip, private[1]]) == {*some} - {private[2]}
    assert reachable(full.repository, [private[0], tip], [tip]) == {tip}
