"""What git's configuration says to repositories."""

from __future__ import annotations

import pytest

from guard.errors import GitError
from guard.git.locate import open_checkout
from guard.git.remotes import Settings
from guard.git.repository import Repository
from tests.workshop import Workshop


def repository(workshop: Workshop, name: str = "") -> Repository:
    found = open_checkout(str(workshop.docker.folder / name))
    assert found is not None
    return found


def test_what_git_prints_is_kept_as_it_is(workshop: Workshop) -> None:
    workshop.aula.git("config", "remote.ä b.url", "x y\n.z")
    with (workshop.docker.folder / ".git/modules/aula/config").open("a") as file:
        file.write("[submodule]\n\trecurse\n")
    pairs = Settings().of(repository(workshop, "aula"))
    assert ("remote.ä b.url", "x y\n.z") in pairs
    assert ("submodule.recurse", "true") in pairs
    assert ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*") in pairs


def test_each_repository_has_its_own(workshop: Workshop) -> None:
    workshop.docker.git("config", "guard.superproject", "here")
    settings = Settings()
    top, aula = settings.of_all([repository(workshop), repository(workshop, "aula")])
    assert dict(top)["guard.superproject"] == "here"
    assert "guard.superproject" not in dict(aula)
    assert settings.of(repository(workshop, "aula")) is aula


def test_a_worktree_of_its_own_configuration(workshop: Workshop) -> None:
    workshop.aula.git("config", "extensions.worktreeConfig", "true")
    workshop.aula.git("config", "--worktree", "remote.origin.url", "https://example.org/other")
    pairs = Settings().of(repository(workshop, "aula"))
    assert dict(pairs)["remote.origin.url"] == "https://example.org/other"


def test_what_was_started_ahead_is_asked_once_and_ended_with_the_rest(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, aula = repository(workshop), repository(workshop, "aula")
    settings = Settings()
    settings.start(top)
    settings.start(aula)
    # What is started has no need of git any more.
    monkeypatch.setenv("PATH", str(workshop.root))
    assert ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*") in settings.of(top)
    assert settings.of(top) is settings.of(top)
    settings.close()
    with pytest.raises(GitError, match="git cannot be run"):
        settings.of(aula)
