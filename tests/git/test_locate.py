"""Repositories on disk, found without git's own climbing search."""

from __future__ import annotations

from guard.git.locate import (
    distinct,
    open_any,
    open_checkout,
    open_git_dir,
    sibling_repositories,
    submodule_repositories,
)
from guard.git.repository import Repository
from tests.repositories import MakeRepo
from tests.workshop import Repo


def test_a_checkout_is_its_own_folder_and_no_other(repo: Repo) -> None:
    folder = repo.folder
    git = str(folder / ".git")
    assert open_checkout(str(folder)) == Repository(git, git, str(folder))
    (folder / "inside").mkdir()
    for other in (folder / "inside", folder.parent, folder / "gone", folder / ".git"):
        assert open_checkout(str(other)) is None


def test_a_bare_repository(make_repo: MakeRepo) -> None:
    folder = str(make_repo("bare.git", "--bare").folder)
    assert open_any(folder) == Repository(folder, folder, None)
    assert open_checkout(folder) is None


def test_a_linked_worktree_has_two_git_dirs(repo: Repo) -> None:
    repo.commit()
    linked = repo.folder.with_name("linked")
    repo.git("worktree", "add", "--quiet", "--detach", str(linked))
    git = repo.folder / ".git"
    assert open_checkout(str(linked)) == Repository(
        str(git / "worktrees/linked"), str(git), str(linked)
    )


def test_a_git_dir_elsewhere(make_repo: MakeRepo, repo: Repo) -> None:
    moved = repo.folder.with_name("moved")
    (repo.folder / ".git").rename(moved)
    for content in (f"gitdir: {moved}\n", "gitdir: ../moved", "gitdir: ../moved\r\n"):
        (repo.folder / ".git").write_text(content)
        assert open_checkout(str(repo.folder)) == Repository(
            str(moved), str(moved), str(repo.folder)
        )


def test_what_only_looks_like_one(repo: Repo) -> None:
    for content in ("", "gitdir: ../gone\n", "gitdir: .\n", "something else\n"):
        folder = repo.folder / "other"
        folder.mkdir(exist_ok=True)
        (folder / ".git").write_text(content)
        assert open_checkout(str(folder)) is None
    (repo.folder / ".git/HEAD").unlink()
    assert open_checkout(str(repo.folder)) is None
    assert open_git_dir(str(repo.folder / ".git")) is None


def test_siblings_lie_beside_the_checkout(make_repo: MakeRepo) -> None:
    docker, aula = make_repo("aula-docker"), make_repo("aula")
    found = list(sibling_repositories(docker.repository, "aula"))
    assert found == [aula.repository]
    assert list(sibling_repositories(docker.repository, "thentos")) == []
    # A superproject is not its own sibling.
    assert list(sibling_repositories(docker.repository, "aula-docker")) == []


def test_siblings_of_bare_repositories(make_repo: MakeRepo) -> None:
    docker, aula = make_repo("aula-docker.git", "--bare"), make_repo("aula")
    assert list(sibling_repositories(docker.repository, "aula")) == [aula.repository]


def test_submodules_of_several_names(make_repo: MakeRepo) -> None:
    top = make_repo("top")
    for name in ("first", "second"):
        made = make_repo(name)
        (top.folder / ".git/modules").mkdir(exist_ok=True)
        (made.folder / ".git").rename(top.folder / ".git/modules" / name)
    names = ("second", "gone", "first")
    found = list(submodule_repositories((top.repository,), "path", names))
    assert [item.git_dir.rpartition("/")[2] for item in found] == ["second", "first"]
    assert {item.work_tree for item in found} == {None}


def test_each_database_counts_once(repo: Repo) -> None:
    first = repo.repository
    again = first._replace(work_tree=None)
    other = Repository("/other", "/other")
    assert distinct([first, again, other, first]) == (first, other)
