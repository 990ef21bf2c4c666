"""`guard audit`: which pushes of the past would have been blocked, and why."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.workshop import Repo, Workshop


def history(workshop: Workshop) -> dict[str, str]:
    """The shape of March 2016 in four commits of aula-docker."""
    commits = {"good": workshop.docker.head}
    workshop.thentos.commit("Change the API", {"api": "new\n"})
    commits["unreleased"] = workshop.pin("Pin what is no release")
    workshop.thentos.git("checkout", "--quiet", "v0.3.0")
    workshop.require(">=0.4")
    commits["mismatch"] = workshop.pin("Require what is not there")
    commits["lost"] = workshop.pin("Pin what is nowhere", aula="1" * 40)
    return commits


def test_every_commit_gets_a_decision(workshop: Workshop) -> None:
    commits = history(workshop)
    ran = workshop.guard("audit", "--json")
    assert ran.status == 0
    outcomes = {item["commit"]: item["outcome"] for item in json.loads(ran.out)["decisions"]}
    assert outcomes == {
        commits["good"]: "allowed",
        commits["unreleased"]: "blocked",
        commits["mismatch"]: "blocked",
        commits["lost"]: "undecided",
    }


def test_the_table_and_its_summary(workshop: Workshop) -> None:
    commits = history(workshop)
    out = workshop.guard("audit").out
    assert f"{commits['good'][:8]}  2016-03-02  allowed    v0.3.0     -" in out
    assert "release-tag: thentos is pinned to v0.3.0-1-g" in out
    assert "4 commits: 1 allowed, 2 blocked, 1 undecided" in out


def test_verdicts_are_asked_for_on_request(workshop: Workshop) -> None:
    static = json.loads(workshop.guard("audit", "--json").out)["decisions"][0]
    assert "tested" not in static["rules_run"]
    assert static["outcome"] == "allowed"
    tested = json.loads(workshop.guard("audit", "--json", "--tested").out)["decisions"][0]
    assert "tested" in tested["rules_run"]
    assert tested["outcome"] == "blocked"


def test_which_image_others_have_today_is_not_asked_of_the_past(workshop: Workshop) -> None:
    workshop.docker.git("update-ref", "refs/remotes/origin/master", "HEAD")
    workshop.release("0.3.1")
    workshop.aula.commit("Go on", {"word": "x"})
    workshop.pin()
    workshop.verdict()
    pushed = workshop.guard("check", "--json", at=workshop.aula).out
    assert '"image-published"' in pushed
    ran = workshop.guard("audit", "--json", "--consumer", "--tested")
    (now, *_) = json.loads(ran.out)["decisions"]
    assert (now["commit"], now["outcome"]) == (workshop.aula.head, "allowed")
    assert "tested" in now["rules_run"]
    assert "image-published" not in ran.out


def test_git_rev_list_arguments(workshop: Workshop) -> None:
    commits = history(workshop)
    ran = workshop.guard("audit", "--json", "--max-count=1", "--skip=1", "--all")
    assert [item["commit"] for item in json.loads(ran.out)["decisions"]] == [commits["mismatch"]]
    wrong = workshop.guard("audit", "--no-such-option")
    assert wrong.status != 0
    assert "Traceback" not in wrong.text


def test_commits_of_the_consumer_meet_what_was_published_then(workshop: Workshop) -> None:
    dates = {"GIT_COMMITTER_DATE": "2016-03-05T12:00:00Z"}
    workshop.aula.git("commit", "--quiet", "--allow-empty", "-m", "Before the move", env=dates)
    before = workshop.aula.head
    workshop.aula.write({"aula.cabal": workshop.aula_files(">=0.4")["aula.cabal"]})
    workshop.aula.git("commit", "--quiet", "--all", "-m", "After the move", env=dates)
    after = workshop.aula.head
    ran = workshop.guard("audit", "--json", "--consumer", f"{before}^..{after}", at=workshop.aula)
    found = {item["commit"]: item["outcome"] for item in json.loads(ran.out)["decisions"]}
    assert found == {before: "allowed", after: "blocked"}


def test_a_commit_older_than_the_superproject(workshop: Workshop) -> None:
    dates = {"GIT_COMMITTER_DATE": "2015-01-01T12:00:00Z"}
    workshop.aula.git("commit", "--quiet", "--allow-empty", "-m", "Long ago", env=dates)
    ran = workshop.guard("audit", "--consumer", "--max-count=1", "HEAD", at=workshop.aula)
    assert "had not been published at that date" in ran.out


def test_options_that_print_something_else_are_refused(workshop: Workshop) -> None:
    for option in ("--oneline", "--count", "--graph", "--quiet"):
        ran = workshop.guard("audit", option)
        assert ran.status == 2, option
        assert "prints something else than a list of commits" in ran.err


def test_without_a_revision_it_is_head(workshop: Workshop) -> None:
    workshop.verdict()
    assert "1 commit: 1 allowed" in workshop.guard("audit", "-n", "5").out
    # Verdicts are commits, and none of anybody's pushes.
    assert "1 commit: 1 allowed" in workshop.guard("audit", "--all").out


def test_a_subject_does_not_steer_the_terminal(workshop: Workshop) -> None:
    workshop.docker.git("commit", "--quiet", "--amend", "-m", "red \033[31mand \033]0;title\007")
    assert "\033" not in workshop.guard("audit").out


def test_what_commits_in_a_row_have_in_common_is_told_once(workshop: Workshop) -> None:
    commits = history(workshop)
    workshop.thentos.commit("Not released either", {"api": "newer\n"})
    workshop.require(">=0.5")
    first = workshop.pin("Break two things", aula=workshop.aula.head)
    workshop.pin("Go on")
    workshop.require("")
    workshop.pin("Break one thing")
    out = workshop.guard("audit").out
    assert f"since {first[:8]}, 3 commits: release-tag: thentos is pinned to v0.3.0-1-g" in out
    assert f"since {first[:8]}, 2 commits: dependency-match: thentos-core is 0.3.0" in out
    assert out.count("thentos is pinned to") == 2
    assert f"{'':<22}release-tag: thentos is pinned to" in out  # of the one by itself, long ago
    assert "7 commits: 1 allowed, 5 blocked, 1 undecided" in out
    reverse = workshop.guard("audit", "--reverse", "HEAD").out
    assert f"since {first[:8]}, 3 commits: release-tag" in reverse
    assert reverse.index(commits["good"][:8]) < reverse.index(first[:8])
    decisions = json.loads(workshop.guard("audit", "--json").out)["decisions"]
    rules = [[finding["rule"] for finding in decision["findings"]] for decision in decisions[:3]]
    assert all("release-tag" in names for names in rules)


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ("nope", "nope"),
        ("nope..HEAD", "nope"),
        ("HEAD...nope", "nope"),
        ("HEAD ^nope", "nope"),
        ("nope^!", "nope"),
        ("--first-parent nope", "nope"),
        ("HEAD~99..", "HEAD~99"),
        ("-n 5 12345678", "12345678"),
        ("1" * 40, "1" * 40),
    ],
)
def test_an_unknown_revision_is_one_line_and_a_remedy(
    workshop: Workshop, words: str, lost: str
) -> None:
    ran = workshop.guard("audit", *words.split())
    problem, remedy = ran.err.splitlines()
    assert (ran.status, ran.out) == (3, "")
    assert problem == f"guard: error: {lost} names no commit in {workshop.docker.folder}"
    pasted = workshop.run(shlex.split(remedy.partition("to mend it: ")[2]), workshop.docker)
    assert workshop.docker.head[:7] in pasted.out


def test_an_unknown_revision_of_the_consumer(workshop: Workshop) -> None:
    ran = workshop.guard("audit", "--consumer", "nope")
    assert f"nope names no commit in {workshop.aula.folder}\n" in ran.err


def test_the_remedy_is_for_where_one_stands(workshop: Workshop) -> None:
    folder = workshop.root / "with a space"
    workshop.docker.folder.rename(folder)
    for words in ("audit nope", "check nope"):
        ran = workshop.guard(*words.split(), at=Repo(folder))
        assert "  to mend it: git log --oneline --all\n" in ran.err
    ran = workshop.guard("audit", "nope", at=Repo(folder / "thentos"))
    remedy = ran.err.partition("to mend it: ")[2]
    assert remedy == "git -C .. log --oneline --all\n"


def test_an_option_that_git_does_not_take(workshop: Workshop) -> None:
    ran = workshop.guard("audit", "--no-such-option")
    assert "git rev-list does not take --no-such-option HEAD\n" in ran.err
    assert len(ran.err.splitlines()) == 2
