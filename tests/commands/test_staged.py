"""`guard check --staged`: what is staged, before it is committed, by the static rules alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.hooks.places import picture, write_script
from tests.workshop import GUARD_TOML, STACK, Ran, Repo, Workshop, cabal

MISFIT = "thentos-core is 0.3.0, but aula requires >=0.9 (aula.cabal:9)"


def staged(workshop: Workshop, at: Repo | None = None, *more: str) -> Ran:
    return workshop.guard("check", "--staged", *more, at=at or workshop.docker)


def stage(at: Repo, files: dict[str, str]) -> None:
    at.write(files)
    at.git("add", "--all")


def misfit() -> dict[str, str]:
    return {"aula.cabal": cabal("aula", "0.1", "thentos-core >=0.9")}


def test_nothing_staged_is_what_is_committed(workshop: Workshop) -> None:
    ran = staged(workshop)
    assert (ran.status, ran.out) == (0, "aula-docker, what is staged: allowed\n")
    ran = staged(workshop, workshop.aula)
    assert (ran.status, ran.out) == (0, "aula, what is staged: allowed\n")


def test_a_gitlink_in_the_superproject(workshop: Workshop) -> None:
    workshop.thentos.commit("Change the API", {"api": "new\n"})
    assert staged(workshop).status == 0, "it is not staged yet"
    workshop.docker.git("add", "thentos")
    ran = staged(workshop)
    assert ran.status == 1
    assert "error release-tag: thentos is pinned to v0.3.0-1-g" in ran.out
    assert "error tested" not in ran.out
    # Settings that hide a submodule's changes hide nothing here.
    workshop.docker.git("config", "submodule.thentos.ignore", "all")
    workshop.docker.git("config", "diff.ignoreSubmodules", "all")
    ran = staged(workshop, None, "--warn")
    assert "its push would be: thentos" in ran.err


def test_a_manifest_in_the_consumer(workshop: Workshop) -> None:
    stage(workshop.aula, misfit())
    ran = staged(workshop, workshop.aula)
    assert ran.status == 1
    assert f"error dependency-match: {MISFIT}" in ran.out
    assert "at:       aula aula.cabal:9  thentos-core >=0.9" in ran.out


def test_the_index_counts_and_not_the_working_tree(workshop: Workshop) -> None:
    workshop.aula.write(misfit())
    assert staged(workshop, workshop.aula).status == 0
    workshop.aula.git("add", "aula.cabal")
    workshop.aula.write({"aula.cabal": cabal("aula", "0.1", "thentos-core >=0.3")})
    assert staged(workshop, workshop.aula).status == 1


def test_a_manifest_that_is_taken_away(workshop: Workshop) -> None:
    workshop.aula.git("rm", "--quiet", "stack.yaml", "aula.cabal")
    ran = staged(workshop, workshop.aula, "--warn")
    assert ran.status == 0
    assert "aula.cabal, stack.yaml" in ran.err


def test_nothing_is_written_into_a_repository(workshop: Workshop) -> None:
    stage(workshop.aula, misfit())
    workshop.docker.write({"more": "x\n"})
    workshop.docker.git("add", "more")

    def seen() -> dict[str, object]:
        found = picture(workshop.docker.folder)
        # What is remembered is a cache, by content.
        return {name: what for name, what in found.items() if "/guard/memo/" not in name}

    before = seen()
    for at in (workshop.docker, workshop.aula):
        staged(workshop, at)
        staged(workshop, at, "--warn")
    assert seen() == before


def test_json(workshop: Workshop) -> None:
    stage(workshop.aula, misfit())
    ran = staged(workshop, workshop.aula, "--json")
    assert ran.status == 1
    (decision,) = json.loads(ran.out)["decisions"]
    assert (decision["repository"], decision["commit"]) == ("aula", None)
    assert decision["outcome"] == "blocked"
    assert decision["rules_run"] == [
        "release-tag",
        "dependency-match",
        "dependency-source",
        "image-pin",
    ]
    assert decision["gitlinks"] == {"thentos": workshop.thentos.head}
    evidence = decision["findings"][0]["evidence"][0]
    assert (evidence["path"], evidence["line"], evidence["commit"]) == ("aula.cabal", 9, None)


@pytest.mark.parametrize("words", [["--staged", "HEAD"], ["--warn"]])
def test_options_that_do_not_go_together(workshop: Workshop, words: list[str]) -> None:
    ran = workshop.guard("check", *words)
    assert ran.status == 2
    assert "guard check --staged" in ran.err


# with --warn


def test_a_warning_stops_nothing(workshop: Workshop) -> None:
    stage(workshop.aula, misfit())
    ran = staged(workshop, workshop.aula, "--warn")
    assert ran.status == 0
    assert MISFIT in ran.out
    assert "the commit is not blocked, but its push would be: aula.cabal" in ran.err


@pytest.mark.parametrize(
    "files",
    [
        {"src/Main.hs": "main = pure ()\n"},
        {"thentos": ""},
        {"aula.cabal": cabal("aula", "0.1", "thentos-core >=0.3 && <0.3.9")},
    ],
)
def test_silence_where_nothing_is_wrong(workshop: Workshop, files: dict[str, str]) -> None:
    stage(workshop.aula, files)
    ran = staged(workshop, workshop.aula, "--warn")
    assert (ran.status, ran.text) == (0, "")


def test_silence_about_what_was_wrong_before(workshop: Workshop) -> None:
    workshop.require(">=0.9")
    stage(workshop.aula, {"src/Main.hs": "main = pure ()\n"})
    assert staged(workshop, workshop.aula, "--warn").text == ""
    stage(workshop.aula, {"stack.yaml": STACK + "flags: {}\n"})
    assert MISFIT in staged(workshop, workshop.aula, "--warn").text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("stack-ci.yaml", "resolver: lts-3.20\n"),
        ("cabal.project", "packages: ../nowhere/\n"),
        ("cabal.project.freeze", "constraints: any.thentos-core ==0.2.1\n"),
        ("package.yaml", "name: aula\ndependencies: thentos-core >=0.9\n"),
    ],
)
def test_every_manifest_is_looked_at(workshop: Workshop, name: str, content: str) -> None:
    workshop.require(">=0.9")
    stage(workshop.aula, {name: content})
    assert f"its push would be: {name}" in staged(workshop, workshop.aula, "--warn").err


def test_gitmodules_and_the_policy_in_the_superproject(workshop: Workshop) -> None:
    workshop.docker.git("rm", "--quiet", "--cached", "thentos")
    ran = staged(workshop, None, "--warn")
    assert ran.status == 0
    assert "dependency-source" in ran.out
    assert "its push would be: thentos" in ran.err
    workshop.docker.git("reset", "--quiet", "--hard")
    stage(workshop.docker, {".guard.toml": GUARD_TOML + "[nonsense]\n"})
    ran = staged(workshop, None, "--warn")
    assert (ran.status, "nonsense" in ran.err) == (0, True)
    assert staged(workshop).status == 3


def test_before_the_first_commit(workshop: Workshop) -> None:
    fresh = Repo(workshop.root / "fresh/aula")
    fresh.folder.mkdir(parents=True)
    fresh.git("init", "--quiet")
    fresh.git("config", "guard.superproject", str(workshop.docker.folder))
    stage(fresh, {"README": "x\n"})
    assert staged(workshop, fresh, "--warn").text == ""
    stage(fresh, {**workshop.aula_files(""), **misfit()})
    ran = staged(workshop, fresh, "--warn")
    assert ran.status == 0
    assert MISFIT in ran.out


def test_without_a_superproject(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lonely = Repo(tmp_path_factory.mktemp("lonely") / "aula")
    workshop.docker.git(
        "clone", "--quiet", str(workshop.root / "remotes/aula.git"), str(lonely.folder)
    )
    stage(lonely, {"src/Main.hs": "x\n"})
    assert staged(workshop, lonely, "--warn").text == ""
    stage(lonely, misfit())
    ran = staged(workshop, lonely, "--warn")
    assert (ran.status, "no superproject found" in ran.err) == (0, True)
    assert staged(workshop, lonely).status == 3


def test_sha256(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, "sha256")
    stage(workshop.aula, misfit())
    assert MISFIT in staged(workshop, workshop.aula, "--warn").out


# during a commit


def watched(workshop: Workshop, at: Repo) -> Path:
    """A pre-commit hook that asks, and keeps what was said."""
    said = workshop.root / "said"
    git_dir = Path(at.git("rev-parse", "--absolute-git-dir"))
    command = f"'{sys.executable}' -I -m guard check --staged --warn"
    write_script(git_dir / "hooks/pre-commit", f"#!/bin/sh\n{command} > '{said}' 2>&1\n")
    return said


@pytest.mark.parametrize("words", [["-a"], ["--", "aula.cabal"], ["--include", "aula.cabal"]])
def test_the_index_of_the_commit_in_the_making(workshop: Workshop, words: list[str]) -> None:
    """`git commit -a` and `git commit PATH` use an index of their own (GIT_INDEX_FILE)."""
    aula = workshop.aula
    said = watched(workshop, aula)
    aula.write(misfit())
    aula.git("commit", "--quiet", "-m", "Require more", *words)
    assert MISFIT in said.read_text()


def test_what_is_staged_but_not_in_the_commit(workshop: Workshop) -> None:
    aula = workshop.aula
    said = watched(workshop, aula)
    stage(aula, {**misfit(), "README": "x\n"})
    aula.git("commit", "--quiet", "-m", "Only that", "--", "README")
    assert said.read_text() == ""


def test_a_commit_from_a_folder_inside_and_from_a_linked_worktree(workshop: Workshop) -> None:
    linked = Repo(workshop.root / "linked")
    said = watched(workshop, workshop.docker)
    workshop.docker.git("worktree", "add", "--quiet", "--detach", str(linked.folder))
    unreleased = workshop.thentos.commit("Change the API", {"api": "new\n"})
    linked.git("update-index", "--cacheinfo", f"160000,{unreleased},thentos")
    (linked.folder / "deep").mkdir()
    Repo(linked.folder / "deep").git("commit", "--quiet", "-m", "Move thentos")
    assert "release-tag" in said.read_text()
    assert "its push would be: thentos" in said.read_text()
