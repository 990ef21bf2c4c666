"""guard's ids, run by the real pre-commit and prek: `language: python`, from a local clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from guard.git.files import held
from guard.install.health import HookState, hook_health
from tests.hooks.places import opened
from tests.pages import blocks, page, section
from tests.workshop import Ran, Repo, Workshop, cabal

TOOLS = ("pre-commit", "prek")
UNCOVERED = "shows it only the first ref of a push"
_ROOT = Path(__file__).parents[2]


class Source(NamedTuple):
    """This repository as others name it in their configuration, and where tools keep it."""

    folder: Path
    commit: str
    homes: dict[str, str]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """What is in the working tree, committed; each tool installs it once for all the tests."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "guard-source"
    with held(str(shared / "guard-source.lock"), lambda: None):
        if not (folder / ".git").exists():
            _copy(folder)
    commit = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, check=True, text=True
    ).stdout.strip()
    homes = {name: str(shared / name) for name in ("PRE_COMMIT_HOME", "PREK_HOME")}
    return Source(folder, commit, homes)


def _copy(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (_ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, folder / name, follow_symlinks=False)
    here = ["git", "-C", str(folder)]
    someone = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
    subprocess.run([*here, "init", "-q"], check=True)
    subprocess.run([*here, "add", "--all"], check=True)
    subprocess.run([*here, *someone, "commit", "-qm", "guard"], check=True)


class Team:
    """A workshop whose two repositories let a tool run guard, and nothing else."""

    def __init__(self, workshop: Workshop, source: Source, tool: str) -> None:
        self.workshop = workshop
        self.tool = tool
        # What the page on installing shows, with this repository in its place.
        (shown,) = blocks(section(page("docs/installing.md"), "With pre-commit"), "yaml")
        text = shown.replace("<the URL of this repository>", str(source.folder))
        text = text.replace("<a release>", source.commit)
        assert "<" not in text
        for repo in (workshop.aula, workshop.docker):
            repo.commit("Let others run guard", {".pre-commit-config.yaml": text})
        workshop.push(workshop.aula, "--no-verify", "origin", "HEAD:refs/heads/master")
        # Of a first push, root commit and all, pre-commit names no commit at all.
        workshop.push(workshop.docker, "--no-verify", "origin", "HEAD~2:refs/heads/master")
        workshop.verdict()
        self.good = workshop.docker.head
        # One worker installs, the other finds it installed.
        with held(f"{source.folder}.{tool}.lock", lambda: None):
            for repo in (workshop.docker, workshop.aula):
                self.run("install", "--install-hooks", at=repo)

    def run(self, *arguments: str, at: Repo | None = None, ok: int | None = 0) -> str:
        program = shutil.which(self.tool, path=str(Path(sys.executable).parent))
        assert program, f"{self.tool} is not installed (see `make test`)"
        ran = self.workshop.run([program, *arguments], at or self.workshop.docker)
        assert ok is None or ran.status == ok, ran.text
        return ran.text

    def push(self, ref: str, **env: str) -> Ran:
        return self.workshop.push(self.workshop.docker, "origin", f"HEAD:{ref}", **env)

    def commit(self, at: Repo, *words: str) -> Ran:
        return self.workshop.run(["git", "commit", "-m", "a commit", *words], at)


@pytest.fixture(params=TOOLS)
def team(
    workshop: Workshop,
    source: Source,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Team:
    for name, home in source.homes.items():
        monkeypatch.setenv(name, home)
    return Team(workshop, source, request.param)


def test_the_push(team: Team) -> None:
    """The weaker form, and told as such; with guard's own hook it is not."""
    docker = team.workshop.docker
    assert hook_health(opened(docker.folder)).state is HookState.WEAKER
    status = team.workshop.guard("status").out
    assert "hook of aula-docker   weaker" in status
    assert status.splitlines()[-1] == "next: guard install"
    ran = team.push("refs/heads/good")
    assert ran.status == 0, ran.text
    assert "guard: aula-docker" in ran.text
    assert ran.text.count(UNCOVERED) == 1
    docker.git("commit", "--quiet", "--no-verify", "--allow-empty", "-m", "nothing")
    (docker.folder / "more").write_text("x\n")
    docker.git("add", "more")
    docker.git("commit", "--quiet", "-m", "Change what was tested")
    ran = team.push("refs/heads/bad")
    assert ran.status != 0
    assert "error tested" in ran.text
    assert ran.text.count(UNCOVERED) == 1
    ran = team.push("refs/heads/bad", GUARD_BYPASS="agreed")
    assert ran.status == 0, ran.text
    assert "it goes past guard, for: agreed" in ran.text
    assert "guard status shows that until it is settled" in ran.text
    assert ": agreed" in team.workshop.guard("status").out


def test_the_push_where_git_itself_runs_guard(team: Team) -> None:
    team.workshop.install()
    ran = team.push("refs/heads/good")
    assert ran.status == 0, ran.text
    assert UNCOVERED not in ran.text
    # The other order: the tool keeps guard's hook, and runs it first.
    team.workshop.guard("uninstall")
    for name in ("pre-push", "pre-push.legacy"):
        (team.workshop.docker.folder / ".git/hooks" / name).unlink(missing_ok=True)
    team.workshop.install()
    team.run("install", "-t", "pre-push")
    assert hook_health(opened(team.workshop.docker.folder)).state is HookState.RUN_BY_OTHER
    team.workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    ran = team.push("refs/heads/good")
    assert ran.status == 0, ran.text
    assert UNCOVERED not in ran.text


def test_by_hand(team: Team) -> None:
    assert "allowed" in team.run("run", "guard-check", "--hook-stage", "manual", "-v")


def test_a_commit_that_would_be_blocked_is_warned_of(team: Team) -> None:
    docker, aula = team.workshop.docker, team.workshop.aula
    team.workshop.thentos.commit("Change the API", {"api": "new\n"})
    ran = team.commit(docker, "-a")
    assert ran.status == 0, ran.text
    assert "error release-tag" in ran.text
    assert "its push would be: thentos" in ran.text
    aula.write({"aula.cabal": cabal("aula", "0.1", "thentos-core >=0.9")})
    ran = team.commit(aula, "--", "aula.cabal")
    assert ran.status == 0, ran.text
    assert "aula requires >=0.9 (aula.cabal:9)" in ran.text
    assert aula.git("status", "--porcelain") == ""


def test_a_commit_of_anything_else_is_not_spoken_of(team: Team) -> None:
    for at in (team.workshop.docker, team.workshop.aula):
        at.write({"more": "x\n"})
        at.git("add", "more")
        ran = team.commit(at)
        assert ran.status == 0, ran.text
        assert "guard (what is staged)" in ran.text
        assert "guard:" not in ran.text
        assert ": allowed" not in ran.text


def test_no_hook_is_installed_from_a_tools_cache(team: Team, source: Source) -> None:
    """That environment vanishes with the next cleaning."""
    home = source.homes["PRE_COMMIT_HOME" if team.tool == "pre-commit" else "PREK_HOME"]
    for python in Path(home).rglob("bin/python"):
        command = [str(python), "-I", "-m", "guard", "install"]
        refused = team.workshop.run(command, team.workshop.docker)
        assert refused.status == 3, refused.text
        assert "cache" in refused.text
        break
    else:
        pytest.fail(f"no interpreter in {home}")
