"""Which repository is which, from wherever a person or a push stands."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from guard.config import Config
from guard.errors import GuardError
from guard.model import Role
from guard.situation.workspace import Workspace, find_workspace, repositories_of
from tests.workshop import Repo, Workshop

ROLES = {"": Role.SUPERPROJECT, "aula": Role.CONSUMER, "thentos": Role.DEPENDENCY}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    return At(monkeypatch)


class At:
    """Looks for the workspace from a folder, as a command that was started there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, folder: Path, *probes: str) -> Workspace:
        self._monkeypatch.chdir(folder)
        return find_workspace(probes)


def clone(workshop: Workshop, name: str, folder: Path) -> Repo:
    url = str(workshop.root / "remotes" / f"{name}.git")
    workshop.docker.git("clone", "--quiet", url, str(folder))
    return Repo(folder)


def git_dir(*parts: object) -> str:
    return os.path.realpath(os.path.join(*map(str, parts)))


@pytest.mark.parametrize("path", ["", "aula", "thentos"])
def test_from_inside_each_checkout(workshop: Workshop, at: At, path: str) -> None:
    folder = workshop.docker.folder
    (folder / path / "deep/er").mkdir(parents=True)
    for inside in (folder / path, folder / path / "deep/er"):
        found = at(inside)
        assert found.superproject.work_tree == str(folder)
        assert found.here.work_tree == str(folder / path).rstrip("/")
        assert found.path(Config()) == path
        assert found.role(Config()) is ROLES[path]
        assert found.in_superproject is (path == "")


@pytest.mark.parametrize("name", ["aula", "thentos"])
def test_from_a_clone_beside_the_superproject(workshop: Workshop, at: At, name: str) -> None:
    found = at(clone(workshop, name, workshop.root / name).folder)
    assert found.superproject == workshop.docker.repository
    assert found.path(Config()) == name
    assert found.role(Config()) is ROLES[name]


def test_a_clone_of_another_name_is_the_consumer(workshop: Workshop, at: At) -> None:
    found = at(clone(workshop, "aula", workshop.root / "my-aula").folder)
    assert found.role(Config()) is Role.CONSUMER


def test_from_linked_worktrees(workshop: Workshop, at: At) -> None:
    linked = workshop.root / "elsewhere/linked"
    workshop.docker.git("worktree", "add", "--quiet", "--detach", str(linked))
    found = at(linked)
    assert found.in_superproject
    assert found.superproject.work_tree == str(linked)
    assert found.superproject.common_dir == git_dir(workshop.docker.folder, ".git")
    assert found.name("") == "aula-docker"
    Repo(linked).git("submodule", "--quiet", "update", "--init", "aula")
    inside = at(linked / "aula")
    assert inside.superproject.work_tree == str(linked)
    assert inside.role(Config()) is Role.CONSUMER


def test_a_worktree_of_a_sibling_clone_finds_what_is_beside_the_clone(
    workshop: Workshop, at: At
) -> None:
    aula = clone(workshop, "aula", workshop.root / "aula")
    linked = workshop.root / "far/away"
    aula.git("worktree", "add", "--quiet", "--detach", str(linked))
    assert at(linked).superproject == workshop.docker.repository


def test_a_configured_superproject_comes_first(workshop: Workshop, at: At) -> None:
    other = workshop.root / "a b/other"
    shutil.copytree(workshop.docker.folder, other, symlinks=True)
    for value in (str(other), "../a b/other"):
        aula = clone(workshop, "aula", workshop.root / f"aula-{len(value)}")
        aula.git("config", "guard.superproject", value)
        found = at(aula.folder)
        assert found.superproject.work_tree == str(other)
        assert found.role(Config()) is Role.CONSUMER


def test_a_configured_superproject_that_is_none(workshop: Workshop, at: At) -> None:
    workshop.aula.git("config", "guard.superproject", "/nowhere")
    with pytest.raises(GuardError, match="names /nowhere, which is no repository"):
        at(workshop.aula.folder)


def test_a_bare_superproject(workshop: Workshop, at: At) -> None:
    bare = workshop.root / "bare/aula-docker.git"
    workshop.docker.git("clone", "--quiet", "--bare", str(workshop.docker.folder), str(bare))
    found = at(bare)
    assert found.in_superproject
    assert found.superproject.work_tree is None
    assert found.name("") == "aula-docker"


def test_no_superproject_says_where_it_was_looked_for(workshop: Workshop, at: At) -> None:
    aula = clone(workshop, "aula", workshop.root / "lonely/aula")
    with pytest.raises(GuardError, match=r"no superproject found for .*lonely/aula") as caught:
        at(aula.folder)
    assert "../aula-docker" in caught.value.problem
    assert caught.value.remedy == "git config guard.superproject /path/to/aula-docker"
    assert caught.value.status == 3


def test_outside_of_any_repository(tmp_path: Path, at: At) -> None:
    with pytest.raises(GuardError, match="not in a git repository"):
        at(tmp_path)


def test_a_pushed_commit_tells_the_superproject(workshop: Workshop, at: At) -> None:
    # Neither HEAD nor the index shows it: another branch is checked out.
    tip = workshop.docker.head
    workshop.docker.git("checkout", "--quiet", "--orphan", "empty")
    workshop.docker.git("rm", "-r", "--quiet", "--cached", ".")
    with pytest.raises(GuardError, match="no superproject"):
        at(workshop.docker.folder)
    assert at(workshop.docker.folder, tip).in_superproject


def test_before_its_first_commit_the_index_tells_the_superproject(
    workshop: Workshop, at: At
) -> None:
    fresh = workshop.root / "far/fresh"
    workshop.docker.git("init", "--quiet", str(fresh))
    with pytest.raises(GuardError, match="no superproject"):
        at(fresh)
    Repo(fresh).git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},aula")
    assert at(fresh).in_superproject


def test_a_submodule_without_rules_is_refused(workshop: Workshop, at: At) -> None:
    url = str(workshop.root / "remotes/aula.git")
    workshop.docker.git("submodule", "--quiet", "add", url, "docs")
    found = at(workshop.docker.folder / "docs")
    assert found.path(Config()) == "docs"
    with pytest.raises(GuardError, match="docs is a submodule of aula-docker that guard has no"):
        found.role(Config())


class TestRepositories:
    """Where a submodule's objects are looked for, in this order."""

    CONFIG = Config()

    def found(self, workspace: Workspace, *names: str) -> list[str]:
        repositories = repositories_of(workspace, self.CONFIG, "thentos", names)
        return [repository.git_dir for repository in repositories]

    def test_the_order(self, workshop: Workshop, at: At) -> None:
        docker = workshop.docker.folder
        clone(workshop, "thentos", workshop.root / "thentos")
        clone(workshop, "thentos", workshop.root / "configured")
        clone(workshop, "thentos", docker / "own")
        shutil.rmtree(workshop.thentos.folder)
        (docker / "own").rename(workshop.thentos.folder)  # no submodule's, a repository of its own
        named = clone(workshop, "thentos", workshop.root / "named").folder
        (named / ".git").rename(docker / ".git/modules/other-name")
        workshop.docker.git("config", "guard.thentos.repository", "../configured")
        assert self.found(at(docker), "other-name") == [
            git_dir(docker, "thentos/.git"),
            git_dir(docker, ".git/modules/other-name"),
            git_dir(docker, ".git/modules/thentos"),
            git_dir(workshop.root, "thentos/.git"),
            git_dir(workshop.root, "configured/.git"),
        ]

    def test_the_name_where_it_is_not_the_path(self, workshop: Workshop, at: At) -> None:
        modules = workshop.docker.folder / ".git/modules"
        shutil.rmtree(workshop.thentos.folder)
        (modules / "thentos").rename(modules / "deep")
        (modules / "deep").rename(modules / "name")
        workspace = at(workshop.docker.folder)
        assert self.found(workspace) == []
        assert self.found(workspace, "name") == [git_dir(modules, "name")]

    def test_a_submodules_checkout_and_its_git_dir_are_one(
        self, workshop: Workshop, at: At
    ) -> None:
        modules = workshop.docker.folder / ".git/modules/thentos"
        assert self.found(at(workshop.docker.folder)) == [str(modules)]

    def test_an_empty_folder_is_not_answered_by_the_superproject(
        self, workshop: Workshop, at: At
    ) -> None:
        shutil.rmtree(workshop.docker.folder / ".git/modules/thentos")
        shutil.rmtree(workshop.thentos.folder)
        workshop.thentos.folder.mkdir()
        assert self.found(at(workshop.docker.folder)) == []

    def test_a_submodule_that_is_no_longer_in_the_tree(self, workshop: Workshop, at: At) -> None:
        workshop.docker.git("rm", "--quiet", "thentos")
        assert not workshop.thentos.folder.exists()
        modules = git_dir(workshop.docker.folder, ".git/modules/thentos")
        assert self.found(at(workshop.docker.folder)) == [modules]

    def test_a_linked_worktree_has_the_common_modules_and_its_own(
        self, workshop: Workshop, at: At
    ) -> None:
        linked = workshop.root / "linked"
        workshop.docker.git("worktree", "add", "--quiet", "--detach", str(linked))
        Repo(linked).git("submodule", "--quiet", "update", "--init", "thentos")
        git = workshop.docker.folder / ".git"
        assert self.found(at(linked)) == [
            git_dir(git, "worktrees/linked/modules/thentos"),
            git_dir(git, "modules/thentos"),
        ]
        shutil.rmtree(linked / "thentos")
        assert self.found(at(linked)) == [
            git_dir(git, "modules/thentos"),
            git_dir(git, "worktrees/linked/modules/thentos"),
        ]

    def test_the_pushed_repository_itself_comes_first(self, workshop: Workshop, at: At) -> None:
        sibling = clone(workshop, "thentos", workshop.root / "thentos")
        assert self.found(at(sibling.folder)) == [
            git_dir(sibling.folder, ".git"),
            git_dir(workshop.docker.folder, ".git/modules/thentos"),
        ]

    def test_a_configured_repository_that_is_none(self, workshop: Workshop, at: At) -> None:
        workshop.docker.git("config", "guard.thentos.repository", "/nowhere")
        with pytest.raises(GuardError, match=r"guard.thentos.repository names /nowhere") as caught:
            self.found(at(workshop.docker.folder))
        assert caught.value.remedy == "git config --unset 'guard.thentos.repository'"

    @pytest.mark.parametrize(
        ("key", "path"),
        [
            ("guard.thentos.repository", "thentos"),
            ("guard.repository.thentos", "thentos"),
            ("guard.Vendor/then_tos 2.repository", "Vendor/then_tos 2"),
        ],
    )
    def test_both_forms_of_the_setting(
        self, workshop: Workshop, at: At, key: str, path: str
    ) -> None:
        clone(workshop, "thentos", workshop.root / "configured")
        workshop.docker.git("config", key, "../configured")
        workspace = at(workshop.docker.folder)
        found = repositories_of(workspace, Config(dependency=path), path)
        assert git_dir(workshop.root, "configured/.git") in [item.git_dir for item in found]
