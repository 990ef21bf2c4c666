"""`guard check`: decisions in a terminal and as JSON."""

from __future__ import annotations

import json

from tests.workshop import Repo, Workshop


def test_an_allowed_commit(workshop: Workshop) -> None:
    workshop.verdict()
    ran = workshop.guard("check")
    assert ran.status == 0
    assert ran.out == f"aula-docker {workshop.docker.head[:12]}: allowed\n"


def test_the_worst_decision_makes_the_exit_status(workshop: Workshop) -> None:
    workshop.verdict()
    good = workshop.docker.head
    lost = workshop.pin(aula="1" * 40)
    workshop.thentos.commit("After the release", {"api": "new\n"})
    bad = workshop.pin(aula=workshop.aula.head)
    assert workshop.guard("check", good).status == 0
    assert workshop.guard("check", good, lost).status == 3
    assert workshop.guard("check", good, lost, bad).status == 1


def test_a_range_is_its_commits_and_the_worst_of_them_decides(workshop: Workshop) -> None:
    workshop.verdict()
    start = workshop.docker.head
    workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "Nothing new")
    good = workshop.docker.head
    workshop.thentos.commit("After the release", {"api": "new\n"})
    bad = workshop.pin()
    ran = workshop.guard("check", f"{start}..{good}")
    assert (ran.status, ran.out) == (
        0,
        f"aula-docker {good[:12]}: allowed\n1 commit: 1 allowed, 0 blocked, 0 undecided\n",
    )
    ran = workshop.guard("check", f"{start}..HEAD")
    assert ran.status == 1
    assert ran.out.index(f"aula-docker {bad[:12]}: blocked") < ran.out.index(f" {good[:12]}: all")
    assert "2 commits: 1 allowed, 1 blocked, 0 undecided" in ran.out
    asked = json.loads(workshop.guard("check", "--json", start, "HEAD^!", f"{good}^!").out)
    assert [decision["commit"] for decision in asked["decisions"]] == [start, bad, good]
    assert "tested" in asked["decisions"][1]["rules_run"]


def test_a_range_of_the_consumer(workshop: Workshop) -> None:
    workshop.verdict()
    workshop.require(">=0.4")
    ran = workshop.guard("check", "HEAD~1..", at=workshop.aula)
    assert ran.status == 1
    assert f"aula {workshop.aula.head[:12]}: blocked" in ran.out
    assert ran.out.endswith("1 commit: 0 allowed, 1 blocked, 0 undecided\n")


def test_a_range_without_commits_says_so(workshop: Workshop) -> None:
    ran = workshop.guard("check", "HEAD..HEAD")
    assert (ran.status, ran.out) == (0, "0 commits: 0 allowed, 0 blocked, 0 undecided\n")


def test_a_range_of_what_is_not_there(workshop: Workshop) -> None:
    ran = workshop.guard("check", "origin/nope..HEAD")
    assert ran.status == 3
    assert "origin/nope names no commit" in ran.err


def test_json(workshop: Workshop) -> None:
    workshop.require(">=0.4")
    commit = workshop.pin()
    ran = workshop.guard("check", "--json")
    assert ran.status == 1
    found = json.loads(ran.out)
    assert found["version"] == 1
    (decision,) = found["decisions"]
    assert decision["repository"] == "aula-docker"
    assert decision["commit"] == commit
    assert decision["ref"] is None
    assert decision["outcome"] == "blocked"
    assert decision["release"] == "v0.3.0"
    assert decision["gitlinks"] == {"aula": workshop.aula.head, "thentos": workshop.thentos.head}
    assert len(decision["combination"]) == 40
    assert decision["rules_run"] == [
        "release-tag",
        "dependency-match",
        "dependency-source",
        "image-pin",
        "tested",
        "image-published",
        "step-back",
        "published",
        "merged",
    ]
    mismatch = next(item for item in decision["findings"] if item["severity"] == "error")
    assert mismatch["rule"] == "dependency-match"
    assert mismatch["evidence"] == [
        {
            "repository": "aula",
            "commit": workshop.aula.head,
            "path": "aula.cabal",
            "line": 9,
            "text": "thentos-core >=0.4",
        }
    ]
    assert mismatch["remedy"]


def test_what_is_missing_is_listed(workshop: Workshop) -> None:
    workshop.pin(aula="1" * 40)
    ran = workshop.guard("check", "--json")
    assert ran.status == 3
    (decision,) = json.loads(ran.out)["decisions"]
    assert decision["outcome"] == "undecided"
    assert any("1" * 40 in text for item in decision["findings"] for text in item["missing"])


def test_in_the_consumer(workshop: Workshop) -> None:
    workshop.verdict()
    ran = workshop.guard("check", at=workshop.aula)
    assert ran.status == 0
    assert ran.out == f"aula {workshop.aula.head[:12]}: allowed\n"


def test_in_the_dependency_there_is_nothing_to_judge(workshop: Workshop) -> None:
    ran = workshop.guard("check", at=workshop.thentos)
    assert ran.status == 3
    assert "pushes of thentos are not judged" in ran.err


def test_a_revision_that_is_none(workshop: Workshop) -> None:
    ran = workshop.guard("check", "nothing-like-it")
    assert ran.status != 0
    assert "nothing-like-it names no commit" in ran.err


def test_git_variables_do_not_follow(workshop: Workshop) -> None:
    workshop.verdict()
    elsewhere = Repo(workshop.root / "source")
    ran = workshop.guard(
        "check",
        GIT_INDEX_FILE=str(elsewhere.folder / ".git/index"),
        GIT_OBJECT_DIRECTORY=str(elsewhere.folder / ".git/objects"),
        GIT_NAMESPACE="elsewhere",
    )
    assert ran.status == 0, ran.text


def test_commits_that_are_taken_away_from_others(workshop: Workshop) -> None:
    workshop.docker.commit("More", {"more": "x"})
    ran = workshop.guard("check", "^HEAD~1", "HEAD")
    assert ran.out.startswith(f"aula-docker {workshop.docker.head[:12]}: blocked\n")
    assert ran.out.count(": blocked\n") == 1
    assert "git fetch" not in ran.text


def test_a_password_in_gitmodules_is_not_printed(workshop: Workshop) -> None:
    secret = "https://bob:S3cret@git.example.org/"
    docker = workshop.docker
    for repo in (docker, workshop.aula, workshop.thentos):
        repo.git("config", f"url.{workshop.root}/remotes/.insteadOf", secret)
    for name, repo in (("aula", workshop.aula), ("thentos", workshop.thentos)):
        docker.git("config", "-f", ".gitmodules", f"submodule.{name}.url", f"{secret}{name}.git")
        repo.git("remote", "set-url", "origin", f"{secret}{name}.git")
    docker.commit("Name them with a password")
    workshop.thentos.commit("Not published")
    workshop.pin()
    for words in (["check"], ["check", "--json"], ["status", "--verbose"], ["status", "--json"]):
        ran = workshop.guard(*words)
        assert "S3cret" not in ran.text
    assert "https://git.example.org/thentos.git" in workshop.guard("check").text


def test_for_a_ref_judges_as_if_it_were_pushed_there(workshop: Workshop) -> None:
    """What only one branch asks for: a verdict, and that the consumer's commit is merged."""
    text = workshop.docker.git("show", "HEAD:.guard.toml") + '\n[guard]\ntested = ["master"]\n'
    workshop.docker.commit("Test master alone", {".guard.toml": text})
    for ref in ("feature", "refs/heads/feature"):
        ran = workshop.guard("check", "--for", ref)
        assert (ran.status, "refs/heads/feature" in ran.text) == (0, True), ran.text
    ran = workshop.guard("check", "--for", "master")
    assert (ran.status, "error tested" in ran.text) == (1, True), ran.text

    workshop.verdict()
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", "master")
    workshop.aula.git("switch", "--quiet", "--create", "feature")
    workshop.aula.commit("Not merged", {"new": "x"})
    workshop.aula.git("push", "--quiet", "--no-verify", "origin", "feature")
    workshop.pin()
    workshop.verdict()
    assert workshop.guard("check", "--for", "feature", "HEAD").status == 0
    ran = workshop.guard("check", "--for", "master", "HEAD")
    assert (ran.status, "error merged" in ran.text) == (1, True), ran.text


def test_for_a_ref_that_is_never_judged_says_so(workshop: Workshop) -> None:
    ran = workshop.guard("check", "--for", "refs/notes/review")
    assert ran.status == 0
    assert "refs/notes/review is not judged" in ran.text


def test_the_ref_s_old_commit_may_be_told(workshop: Workshop) -> None:
    """What is loosened is held against what is there, which CI has not fetched as a branch."""
    workshop.verdict()
    old = workshop.docker.head
    text = workshop.docker.git("show", "HEAD:.guard.toml")
    text += "\n[guard]\ntested = []\n"
    workshop.docker.commit("Test nothing", {".guard.toml": text})
    differs = "differs from the published one"
    for words in (["--from", old], ["--from", "HEAD~1"]):
        assert differs in workshop.guard("check", "--for", "master", *words).text
    ran = workshop.guard("check", "--for", "master", "--from", "0" * 40)
    assert differs not in ran.text
    assert workshop.guard("check", "--for", "master").text == ran.text


def test_what_for_and_from_do_not_go_with(workshop: Workshop) -> None:
    for words in (
        ["--from", "HEAD"],
        ["--for", "master", "HEAD", "HEAD~1"],
        ["--for", "master", "HEAD~1..HEAD"],
        ["--for", "master", "--staged"],
        ["--for", "master", "--hooks"],
    ):
        ran = workshop.guard("check", *words)
        assert (ran.status, ran.out) == (2, ""), ran.text
    assert (
        "pushes of thentos are not judged"
        in workshop.guard("check", "--for", "master", at=workshop.thentos).text
    )


def test_for_a_ref_in_the_consumer(workshop: Workshop) -> None:
    workshop.verdict()
    assert workshop.guard("check", "--for", "master", at=workshop.aula).status == 0
    workshop.require(">=0.4")
    ran = workshop.guard("check", "--for", "master", "--json", at=workshop.aula)
    (decision,) = json.loads(ran.out)["decisions"]
    assert (ran.status, decision["ref"]) == (1, "refs/heads/master")
