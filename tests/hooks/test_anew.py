"""A checkout of aula that git made anew has no hook: a push of aula-docker says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.recovering import recorded
from tests.workshop import Repo, Workshop

TOLD = "a push of aula from here is not judged: there is no hook in "


@pytest.fixture
def ready(workshop: Workshop) -> Workshop:
    """Everything that a push of aula-docker needs, and the hooks."""
    workshop.install()
    recorded(workshop)
    return workshop


def _told(workshop: Workshop, at: Repo, ref: str) -> str:
    """The one line that an accepted push says of it, "" for none."""
    ran = workshop.push(at, "origin", f"HEAD:refs/heads/{ref}")
    assert ran.status == 0, ran.text
    lines = [line for line in ran.text.splitlines() if TOLD in line]
    assert len(lines) < 2, ran.text
    return "".join(lines)


def test_a_checkout_with_its_hook_is_not_spoken_of(ready: Workshop) -> None:
    assert _told(ready, ready.docker, "one") == ""


def test_a_submodule_that_was_cloned_again(ready: Workshop) -> None:
    docker = ready.docker
    docker.git("submodule", "--quiet", "deinit", "--force", "aula")
    shutil.rmtree(docker.folder / ".git/modules/aula")
    docker.git("submodule", "--quiet", "update", "--init", "aula")
    told = _told(ready, docker, "one")
    assert told.endswith(f"{docker.folder}/.git/modules/aula/hooks: guard install"), told
    assert ready.run(["sh", "-c", told.rpartition(": ")[2]], docker).status == 0
    docker.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    assert _told(ready, docker, "two") == ""
    assert "guard: " in ready.push(ready.aula, "origin", "HEAD:refs/heads/one").text


def test_a_submodule_of_a_linked_worktree(ready: Workshop) -> None:
    docker, other = ready.docker, Repo(ready.root / "other-docker")
    docker.git("worktree", "add", "--quiet", str(other.folder), "HEAD")
    assert _told(ready, other, "one") == "", "not checked out there, so nothing is pushed from it"
    other.git("submodule", "--quiet", "update", "--init", "aula")
    told = _told(ready, other, "two")
    assert "worktrees/other-docker/modules/aula/hooks" in told
    assert ready.guard("install", at=other).status == 0
    assert _told(ready, other, "three") == ""


def test_a_hook_that_git_looks_for_elsewhere(ready: Workshop) -> None:
    docker, aula = ready.docker, ready.aula
    hook = docker.folder / ".git/modules/aula/hooks/pre-push"
    shared = Path(ready.root, "hooks")
    shared.mkdir()
    hook.rename(shared / "pre-push")
    aula.git("config", "core.hooksPath", str(shared))
    assert _told(ready, docker, "one") == ""
    # For a hook of somebody else's with guard's line it is the same.
    (shared / "pre-push").write_text('#!/bin/sh\nguard pre-push "$@" || exit 1\n')
    (shared / "pre-push").chmod(0o755)
    ran = ready.push(docker, "origin", "HEAD:refs/heads/line")
    assert (ran.status, "from here is not judged" in ran.text) == (0, False), ran.text
    (shared / "pre-push").unlink()
    ran = ready.push(docker, "origin", "HEAD:refs/heads/two")
    (told,) = (line for line in ran.text.splitlines() if "from here is not judged" in line)
    assert f"core.hooksPath is {shared}" in told


def test_a_blocked_push_says_it_as_well(ready: Workshop) -> None:
    (ready.docker.folder / ".git/modules/aula/hooks/pre-push").unlink()
    ready.docker.commit("Untested", {"Dockerfile": "FROM nowhere\n"})
    ran = ready.push(ready.docker)
    assert ran.status != 0
    assert ran.text.count(TOLD) == 1
