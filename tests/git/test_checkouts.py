"""Moving a submodule: it stands where it should, and nothing of a person's is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.checkouts import move_submodule
from guard.git.commits import commit_gitlink
from guard.git.repository import Repository, open_git_dir
from tests.workshop import Repo, Workshop


@pytest.fixture
def old(workshop: Workshop) -> str:
    return workshop.thentos.git("rev-parse", "v0.2.1")


def source(workshop: Workshop) -> Repository:
    found = open_git_dir(str(workshop.docker.folder / ".git/modules/thentos"))
    assert found is not None
    return found


def move(workshop: Workshop, commit: str, of: Repository | None = None) -> bool:
    repository = of or source(workshop)
    return move_submodule(
        workshop.docker.repository, "thentos", commit, repository, "refs/tags/v0.2.1"
    )


def staged(workshop: Workshop) -> str:
    return workshop.docker.git("rev-parse", ":thentos")


def test_it_is_checked_out_and_staged(workshop: Workshop, old: str) -> None:
    assert move(workshop, old) is True
    assert (workshop.thentos.head, staged(workshop)) == (old, old)
    assert (workshop.thentos.folder / "README.md").read_text() == "thentos 0.2.1\n"
    assert workshop.docker.git("status", "--porcelain") == "M  thentos"


def test_without_a_checkout_it_is_staged_alone(workshop: Workshop, old: str) -> None:
    shutil.rmtree(workshop.thentos.folder)
    assert move(workshop, old) is False
    assert staged(workshop) == old


def test_a_commit_that_the_checkout_lacks_is_fetched_from_where_it_is(workshop: Workshop) -> None:
    sibling = Repo(workshop.root / "thentos")
    workshop.docker.git("clone", "--quiet", str(workshop.thentos.folder), str(sibling.folder))
    new = sibling.commit("Release 0.3.1", workshop.thentos_files("0.3.1"))
    sibling.git("tag", "v0.3.1")
    move_submodule(
        workshop.docker.repository, "thentos", new, sibling.repository, "refs/tags/v0.3.1"
    )
    assert (workshop.thentos.head, staged(workshop)) == (new, new)
    assert "v0.3.1" not in workshop.thentos.git("tag").split()


def refused(workshop: Workshop, old: str, match: str) -> str:
    before = workshop.thentos.head, staged(workshop)
    with pytest.raises(GuardError, match=match) as caught:
        move(workshop, old)
    assert (workshop.thentos.head, staged(workshop)) == before
    return caught.value.remedy


def test_changes_are_not_lost(workshop: Workshop, old: str) -> None:
    workshop.thentos.write({"README.md": "my change\n"})
    remedy = refused(workshop, old, "thentos has uncommitted changes: README.md")
    assert remedy == f"git -C {workshop.thentos.folder} stash"
    workshop.thentos.git("add", "README.md")
    refused(workshop, old, "uncommitted")
    assert (workshop.thentos.folder / "README.md").read_text() == "my change\n"


def test_untracked_files_stay(workshop: Workshop, old: str) -> None:
    workshop.thentos.write({"notes": "mine\n"})
    assert move(workshop, old)
    assert (workshop.thentos.folder / "notes").read_text() == "mine\n"


def test_an_untracked_file_in_the_way_is_not_overwritten(workshop: Workshop) -> None:
    new = workshop.thentos.commit("more", {"more": "theirs\n"})
    workshop.thentos.git("checkout", "--quiet", "HEAD~")
    workshop.thentos.write({"more": "mine\n"})
    refused(workshop, new, "would be overwritten")
    assert (workshop.thentos.folder / "more").read_text() == "mine\n"


def test_an_ignored_file_in_the_way_is_not_overwritten(workshop: Workshop) -> None:
    new = workshop.thentos.commit("more", {"more": "theirs\n"})
    workshop.thentos.git("checkout", "--quiet", "HEAD~")
    exclude = Path(workshop.thentos.repository.git_dir) / "info/exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("more\n")
    workshop.thentos.write({"more": "mine\n"})
    refused(workshop, new, "would be overwritten")
    assert (workshop.thentos.folder / "more").read_text() == "mine\n"


def test_a_commit_that_nothing_else_has_is_not_left(workshop: Workshop, old: str) -> None:
    workshop.thentos.git("checkout", "--quiet", "--detach")
    mine = workshop.thentos.commit("mine", {"mine": "x"})
    remedy = refused(
        workshop, old, f"thentos is at {mine[:12]}, a commit that no branch and no tag"
    )
    assert remedy == f"git -C {workshop.thentos.folder} branch keep-{mine[:8]} {mine}"
    workshop.thentos.git("branch", "keep", mine)
    assert move(workshop, old)


def test_a_branch_is_left_where_it_is(workshop: Workshop, old: str) -> None:
    workshop.thentos.git("checkout", "--quiet", "-b", "topic")
    mine = workshop.thentos.commit("mine", {"mine": "x"})
    assert move(workshop, old)
    assert workshop.thentos.git("rev-parse", "refs/heads/topic") == mine


def test_a_bare_superproject_has_nothing_to_stage_in(workshop: Workshop, old: str) -> None:
    bare = workshop.docker.repository._replace(work_tree=None)
    with pytest.raises(GuardError, match="is bare"):
        move_submodule(bare, "thentos", old, source(workshop), "refs/tags/v0.2.1")


def test_one_path_alone_is_committed(workshop: Workshop, old: str) -> None:
    workshop.docker.write({"other": "staged\n"})
    workshop.docker.git("add", "other")
    move(workshop, old)
    commit = commit_gitlink(workshop.docker.repository, "thentos", old, "Move thentos")
    assert commit == workshop.docker.head
    assert workshop.docker.git("show", "--format=%s", "--name-only") == "Move thentos\n\nthentos"
    assert workshop.docker.git("status", "--porcelain") == "A  other"


def test_it_is_committed_without_a_checkout_too(workshop: Workshop, old: str) -> None:
    shutil.rmtree(workshop.thentos.folder)
    move(workshop, old)
    commit_gitlink(workshop.docker.repository, "thentos", old, "Move thentos")
    assert workshop.docker.git("rev-parse", "HEAD:thentos") == old
    assert workshop.docker.git("diff", "--cached", "--name-only") == ""


def test_a_hook_that_refuses_the_commit_is_told(workshop: Workshop, old: str) -> None:
    hook = workshop.docker.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    move(workshop, old)
    with pytest.raises(GuardError, match=r"git commit failed in .*not today"):
        commit_gitlink(workshop.docker.repository, "thentos", old, "Move thentos")
