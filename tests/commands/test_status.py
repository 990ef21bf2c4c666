"""`guard status`: where things stand, and the next command from step to step."""

from __future__ import annotations

import json
import shutil

import pytest

from guard.model import Result
from tests.commands.recovering import recorded
from tests.workshop import Repo, Workshop, cabal

MASTER = "refs/heads/master"


def next_of(workshop: Workshop) -> str:
    return workshop.guard("status").out.splitlines()[-1].removeprefix("next: ")


def test_the_next_command_leads_to_the_push(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    assert next_of(workshop) == "guard align"
    workshop.guard("align")
    assert next_of(workshop) == "guard install"
    workshop.install()
    assert next_of(workshop) == "guard test"
    workshop.docker.git("commit", "--quiet", "-m", "Move thentos")
    workshop.verdict()
    workshop.docker.git("reset", "--quiet", "--soft", "HEAD^")
    assert next_of(workshop) == "guard publish"
    workshop.verdict(commit="HEAD@{1}", published=True)
    # The commit before has a later thentos, which nobody else has.
    commit = f"git commit -m 'Take aula {workshop.aula.head[:7]} with thentos v0.3.0'"
    assert next_of(workshop) == commit
    workshop.docker.git("commit", "--quiet", "-m", "Move thentos again")
    assert next_of(workshop) == "git push origin master"
    assert workshop.push(workshop.docker).status == 0
    assert next_of(workshop) == "nothing: this combination is tested, published and pushed"


@pytest.mark.parametrize(
    ("mapping", "is_twice", "branch", "tag"),
    [
        ("+refs/heads/*:refs/heads/me/*", False, f"{MASTER}:{MASTER}", "{0}:{0}"),
        (f"{MASTER}:refs/heads/incoming", True, f"{MASTER}:{MASTER}", "{0}:{0}"),
        ("", True, MASTER, "{0}"),
    ],
)
def test_a_name_that_git_would_take_elsewhere_is_written_out(
    workshop: Workshop, mapping: str, is_twice: bool, branch: str, tag: str
) -> None:
    """`remote.<name>.push` maps what is named alone, and a branch and a tag may have one name."""
    workshop.install()
    workshop.aula.git("checkout", "--quiet", "-B", "master")
    workshop.aula.commit("More", {"more": "x\n"})
    workshop.release("0.3.1")
    for repository in (workshop.thentos, workshop.aula, workshop.docker):
        if mapping:
            repository.git("config", "remote.origin.push", mapping)
        if is_twice:
            repository.git("branch", "v0.3.1")
            repository.git("tag", "master")
    workshop.pin()
    workshop.verdict(published=True)
    for path, names in (("thentos", tag.format("refs/tags/v0.3.1")), ("aula", branch)):
        assert next_of(workshop) == f"git -C {path} push origin {names}"
        assert workshop.run(["sh", "-c", next_of(workshop)], workshop.docker).status == 0
    assert next_of(workshop) == f"git push origin {branch}"
    assert workshop.run(["sh", "-c", next_of(workshop)], workshop.docker).status == 0
    assert next_of(workshop) == "nothing: this combination is tested, published and pushed"


def test_after_all_that_the_work_goes_on_in_aula(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict(published=True)
    workshop.push(workshop.docker)
    workshop.aula.commit("More", {"more": "x\n"})
    assert next_of(workshop) == "git add aula"
    workshop.docker.git("add", "aula")
    assert next_of(workshop) == "guard test"


def next_at(workshop: Workshop, at: Repo) -> str:
    return workshop.guard("status", at=at).out.splitlines()[-1].removeprefix("next: ")


class TestCheckouts:
    """What is checked out beside what is staged: each way to stand has its one step."""

    @pytest.fixture(autouse=True)
    def settled(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict(published=True)
        workshop.push(workshop.docker)
        assert next_of(workshop).startswith("nothing")

    def pasted(self, workshop: Workshop, at: Repo, command: str) -> None:
        """Type what is next where that was said."""
        assert next_at(workshop, at) == command
        ran = workshop.run(["sh", "-c", command], at)
        assert ran.status == 0, ran.text

    def test_a_commit_in_aula_is_staged_from_wherever_one_stands(self, workshop: Workshop) -> None:
        workshop.aula.commit("More", {"more": "x\n"})
        out = workshop.guard("status").out
        head = workshop.aula.head[:12]
        assert f"\n              checked out at {head}, ahead of the gitlink\n" in out
        self.pasted(workshop, workshop.aula, "git -C .. add aula")
        assert next_at(workshop, workshop.aula) == "guard test"

    def test_a_branch_that_is_behind_its_gitlink_is_brought_up_and_not_left(
        self, workshop: Workshop
    ) -> None:
        new = workshop.aula.commit("More", {"more": "x\n"})
        workshop.docker.git("add", "aula")
        workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
        self.pasted(workshop, workshop.docker, f"git -C aula merge --ff-only {new[:12]}")
        assert workshop.aula.head == new
        assert workshop.aula.git("symbolic-ref", "HEAD") == "refs/heads/master"

    def test_a_detached_head_that_is_behind_follows_its_gitlink(self, workshop: Workshop) -> None:
        workshop.thentos.git("checkout", "--quiet", "v0.2.1")
        self.pasted(workshop, workshop.aula, "git -C .. submodule update thentos")
        assert next_of(workshop).startswith("nothing")

    def test_what_moved_on_both_sides_is_put_on_top(self, workshop: Workshop) -> None:
        theirs = workshop.aula.commit("Theirs", {"theirs": "x\n"})
        workshop.docker.git("add", "aula")
        workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
        workshop.aula.commit("Mine", {"mine": "x\n"})
        self.pasted(workshop, workshop.docker, f"git -C aula rebase {theirs[:12]}")
        assert next_of(workshop) == "git add aula"

    def test_changes_that_are_in_the_way_are_a_persons(self, workshop: Workshop) -> None:
        workshop.aula.commit("More", {"more": "x\n"})
        workshop.docker.git("add", "aula")
        workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
        workshop.aula.write({"aula.cabal": "changed\n"})
        expected = "you: commit or stash what is changed in aula: git -C aula status"
        assert next_of(workshop) == expected
        state = json.loads(workshop.guard("status", "--json").out)
        assert state["next"] == expected

    def test_a_release_that_is_checked_out_is_staged_and_a_commit_that_is_none_is_not(
        self, workshop: Workshop
    ) -> None:
        workshop.thentos.commit("Try something", {"new": "x\n"})
        assert next_of(workshop).startswith("nothing")
        workshop.thentos.git("tag", "v0.3.1")
        self.pasted(workshop, workshop.docker, "git add thentos")

    def test_what_others_have_pushed_comes_first(self, workshop: Workshop) -> None:
        docker = workshop.docker
        docker.git("update-ref", "refs/remotes/origin/master", docker.commit("Theirs"))
        docker.git("reset", "--quiet", "--hard", "HEAD^")
        assert next_of(workshop) == "git pull --ff-only --no-recurse-submodules origin master"


def test_what_it_shows(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    out = workshop.guard("status", at=workshop.thentos).out
    assert out.startswith("aula-docker (index, as in HEAD)")
    assert f"  aula        {workshop.aula.head[:12]}" in out
    assert f"  thentos     {workshop.thentos.head[:12]}  release v0.3.0" in out
    assert "  requires    thentos-core >=0.3 && <0.4  (aula.cabal:9)" in out
    assert "  verdict     passed" in out
    assert f"push of aula-docker {workshop.docker.head[:12]}: allowed" in out
    assert f"push of aula {workshop.aula.head[:12]}: allowed, nothing to push\n" in out
    assert out.count("effective") == 2
    assert len(out.splitlines()) <= 25


def test_a_hook_that_is_gone_is_missed(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    (workshop.docker.folder / ".git/hooks/pre-push").unlink()
    out = workshop.guard("status").out
    assert "absent" in out
    assert next_of(workshop) == "guard install"


def test_json(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    found = json.loads(workshop.guard("status", "--json", at=workshop.aula).out)
    assert found["version"] == 1
    assert found["pushes"]["superproject"]["outcome"] == "allowed"
    assert found["pushes"]["consumer"]["commit"] == workshop.aula.head
    assert [hook["effective"] for hook in found["hooks"]] == [True, True]
    assert found["verdict"]["state"] == "passed"
    assert found["next"] == "guard publish"


class TestPushes:
    """What two pushes share is told once; what a remote has is not pushed again."""

    @pytest.fixture(autouse=True)
    def settled(self, workshop: Workshop) -> None:
        workshop.install()
        recorded(workshop)
        assert workshop.push(workshop.docker).status == 0
        workshop.docker.git("fetch", "--quiet")

    def pushes(self, workshop: Workshop, *options: str) -> str:
        out = workshop.guard("status", *options).out
        return out[out.index("push of") : out.index("\nnext: ")]

    def test_there_is_nothing_to_push_of_what_the_remote_has(self, workshop: Workshop) -> None:
        docker, aula = workshop.docker.head[:12], workshop.aula.head[:12]
        assert self.pushes(workshop) == (
            f"push of aula-docker {docker}: allowed, nothing to push\n"
            f"push of aula {aula}: allowed, nothing to push\n"
        )
        found = json.loads(workshop.guard("status", "--json").out)["pushes"]
        assert [found[name]["on"] for name in ("superproject", "consumer")] == ["origin", "origin"]
        commit = workshop.aula.commit("More", {"more": "x\n"})
        workshop.pin()
        workshop.verdict()
        assert f"push of aula {commit[:12]}: allowed\n" in self.pushes(workshop)
        docker = workshop.docker.head[:12]
        assert f"push of aula-docker {docker}: blocked\n" in self.pushes(workshop)
        found = json.loads(workshop.guard("status", "--json").out)["pushes"]
        assert [found[name]["on"] for name in ("superproject", "consumer")] == [None, None]

    @pytest.mark.parametrize("how", ["failed", "misfit"])
    def test_what_is_bad_and_pushed_names_the_way_back(self, workshop: Workshop, how: str) -> None:
        if how == "failed":
            workshop.docker.commit("Break it", {"Dockerfile": "FROM base\nRUN false\n"})
            workshop.verdict(Result.FAILED_TEST)
        else:
            workshop.require(">=0.9")
            workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
            workshop.pin()
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        docker, aula = workshop.docker.head[:12], workshop.aula.head[:12]
        told = self.pushes(workshop)
        word = "blocked, already on origin: guard recover --push"
        assert f"push of aula-docker {docker}: {word}\n" in told
        assert f"push of aula {aula}: {word}\n  as above: " in told
        assert told.count("mend:") == told.count("  error ")
        ran = workshop.guard("recover", "--push", "--yes", "--no-image")
        assert ran.status == 0, ran.text
        assert self.pushes(workshop).count(": allowed, nothing to push\n") == 2

    def test_what_lacks_only_its_tag_here_is_not_gone_back_from(self, workshop: Workshop) -> None:
        """A colleague's release is no harm, however little of it was fetched."""
        workshop.release("0.4.0")
        workshop.require(">=0.4")
        workshop.publish()
        workshop.pin()
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        workshop.thentos.git("tag", "--delete", "v0.4.0")
        assert self.pushes(workshop).count(": blocked, nothing to push\n") == 2
        short = workshop.guard("status", "--short").out
        assert "guard recover" not in short
        # What its remote has a tag at is a release.
        assert next_of(workshop) == "guard test"
        # Where the remote has none either, it is one.
        workshop.thentos.git("push", "--quiet", "--no-verify", "origin", ":refs/tags/v0.4.0")
        workshop.guard("check", "--ask")
        word = ": blocked, already on origin: guard recover --push\n"
        assert self.pushes(workshop).count(word) == 2

    def test_what_is_only_untested_is_not_gone_back_from(self, workshop: Workshop) -> None:
        workshop.docker.commit("Of a colleague", {"Dockerfile": "FROM base\n"})
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        told = self.pushes(workshop)
        assert f"aula-docker {workshop.docker.head[:12]}: blocked, nothing to push\n" in told
        assert "guard recover" not in told

    def test_what_others_have_put_on_top_is_pulled_first(self, workshop: Workshop) -> None:
        bad = workshop.docker.commit("Break it", {"Dockerfile": "FROM base\nRUN false\n"})
        workshop.verdict(Result.FAILED_TEST)
        workshop.docker.commit("Mend it", {"Dockerfile": "FROM base\nRUN true\n"})
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        workshop.docker.git("reset", "--quiet", "--hard", bad)
        told = self.pushes(workshop)
        assert told.count(": blocked, nothing to push\n") == 2
        assert next_of(workshop) == "git pull --ff-only --no-recurse-submodules origin master"

    def test_what_is_bad_here_alone_is_not_gone_back_from(self, workshop: Workshop) -> None:
        workshop.thentos.commit("Change the API", {"api": "new\n"})
        workshop.pin()
        docker, aula = workshop.docker.head[:12], workshop.aula.head[:12]
        told = self.pushes(workshop)
        assert f"push of aula-docker {docker}: blocked\n" in told
        # What others have goes with it.
        judged = "allowed, judged with origin/master of aula-docker, nothing to push"
        assert f"push of aula {aula}: {judged}\n" in told

    def test_a_bad_feature_branch_is_only_said_to_be_pushed(self, workshop: Workshop) -> None:
        workshop.docker.git("switch", "--quiet", "--create", "topic")
        workshop.docker.commit("Break it", {"Dockerfile": "FROM base\nRUN false\n"})
        workshop.verdict(Result.FAILED_TEST)
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:topic")
        told = self.pushes(workshop)
        docker = workshop.docker.head[:12]
        assert f"push of aula-docker {docker}: blocked, already on origin\n" in told

    def test_what_both_share_is_told_once_and_what_differs_twice(self, workshop: Workshop) -> None:
        workshop.thentos.commit("Change the API", {"api": "new\n"})
        workshop.pin()
        more = workshop.aula.commit("More", {"more": "x\n"})
        told = self.pushes(workshop)
        assert told.count("error release-tag:") == 1
        assert "  as above: release-tag, published\n  error tested:" in told
        assert f"mend:     guard test --consumer {more[:12]}\n" in told
        assert told.count("error tested:") == 2
        assert told.count("rules: guard explain release-tag tested published\n") == 1

    def test_warnings_are_in_one_line_and_notes_unsaid_unless_all_is_asked_for(
        self, workshop: Workshop
    ) -> None:
        workshop.aula.commit("No bound", workshop.aula_files(""))
        workshop.pin()
        brief, whole = self.pushes(workshop), self.pushes(workshop, "--verbose")
        warning = "  warning dependency-match: aula sets no upper bound on thentos-core"
        assert warning in brief and warning in whole
        assert "an upper bound, as in" not in brief
        assert "expected: an upper bound, as in" in whole

    def test_notes_are_told_where_all_is_asked_for(self, workshop: Workshop) -> None:
        commit = workshop.thentos.commit("Another commit of the same content")
        workshop.pin()
        note = f"note release-tag: the content of thentos at {commit[:12]} is identical to v0.3.0"
        assert note not in self.pushes(workshop)
        assert self.pushes(workshop, "--verbose").count(note) == 1


class TestShort:
    """One line, for a prompt; no engine is asked for it."""

    def short(self, workshop: Workshop, at: Repo | None = None) -> str:
        ran = workshop.guard("status", "--short", at=at, DOCKER_HOST="unix:///nonexistent/sock")
        assert (ran.status, ran.err, ran.out.count("\n")) == (0, "", 1), ran.text
        return ran.out.rstrip("\n")

    def test_where_all_is_done(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict(published=True)
        workshop.push(workshop.docker)
        aula = workshop.aula.head[:12]
        expected = f"aula {aula}, thentos release v0.3.0: passed; nothing to do"
        for at in (workshop.docker, workshop.aula, workshop.thentos):
            assert self.short(workshop, at) == expected

    def test_what_comes_next_and_what_is_open(self, workshop: Workshop) -> None:
        workshop.install()
        aula = workshop.aula.head[:12]
        start = f"aula {aula}, thentos release v0.3.0: untested, push blocked"
        asked = "you: whether origin has v0.3.0 of thentos was not asked yet: guard check --ask"
        assert self.short(workshop) == f"{start}; next: {asked}"
        workshop.guard("check", "--ask")
        assert self.short(workshop) == f"{start}; next: guard test"
        assert workshop.push(workshop.docker, GUARD_BYPASS="hurry").status == 0
        assert self.short(workshop).startswith(f"{start}, 1 open bypass; ")

    def test_where_only_a_person_can_go_on(self, workshop: Workshop) -> None:
        docker = workshop.docker
        docker.commit("Ours", {"both": "ours\n"})
        docker.git("branch", "ours")
        docker.git("reset", "--quiet", "--hard", "HEAD^")
        docker.commit("Theirs", {"both": "theirs\n"})
        workshop.run(["git", "merge", "--quiet", "ours"], docker)
        ran = workshop.guard("status", "--short")
        assert (ran.status, ran.out.count("\n")) == (0, 1)
        assert ran.out.startswith("the index of ")
        assert ran.out.endswith("; next: you: resolve both, and stage it: git status\n")

    def test_it_is_not_json_as_well(self, workshop: Workshop) -> None:
        ran = workshop.guard("status", "--short", "--json")
        assert (ran.status, ran.out) == (2, "")
        assert "not allowed with argument --short" in ran.err


def test_many_packages_do_not_fill_the_screen(workshop: Workshop) -> None:
    names = [f"thentos-{word}" for word in ("one", "two", "three", "four", "five", "six")]
    for name in names:
        workshop.thentos.write({f"{name}/{name}.cabal": cabal(name, "0.3.0")})
    workshop.thentos.commit("More packages")
    bounds = [f"{name} >=0.3 && <0.4" for name in names]
    workshop.aula.commit("Take them", {"aula.cabal": cabal("aula", "0.1", *bounds)})
    workshop.pin()
    out = workshop.guard("status").out
    assert out.count("  requires    ") == 4
    assert "\n              and 2 packages more (--verbose)\n" in out
    assert workshop.guard("status", "--verbose").out.count("  requires    ") == 6


def test_the_engine_that_would_build(workshop: Workshop) -> None:
    assert "  engine      Docker Engine" in workshop.guard("status").out
    ran = workshop.guard("status", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert ran.status == 0
    assert "  engine      none: no engine answers at unix:///nonexistent/docker.sock" in ran.out


def test_what_is_not_published_as_far_as_is_known_here(workshop: Workshop) -> None:
    workshop.install()
    commit = workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    workshop.pin()
    workshop.verdict()
    workshop.guard("check", "--ask")  # about the release
    log = workshop.root / "trace"
    out = workshop.guard("status", GIT_TRACE=str(log)).out
    assert "git ls-remote" not in log.read_text()
    assert f"warning published: aula {commit[:12]} is in nothing that origin is known" in out
    assert "a push will ask it" in out


def test_a_stale_superproject(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "Of another")
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
    workshop.docker.git("reset", "--quiet", "--hard", "HEAD~")
    assert next_of(workshop) == "git pull --ff-only --no-recurse-submodules origin master"


class TestWhatIsNobodysWork:
    """What others took back, or have, is not pushed again; what is one's own is not left behind."""

    @pytest.fixture(autouse=True)
    def settled(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict(published=True)
        workshop.push(workshop.docker)
        assert next_of(workshop).startswith("nothing")

    def test_a_revert_of_the_team_is_not_undone(self, workshop: Workshop) -> None:
        bumped = workshop.aula.commit("More", {"more": "x\n"})
        workshop.pin()
        workshop.docker.git("revert", "--no-edit", "HEAD")
        workshop.verdict(published=True)
        assert workshop.aula.head == bumped
        assert next_of(workshop) == "git push origin master"
        workshop.aula.git("checkout", "--quiet", "--detach")
        assert next_of(workshop) == "git submodule update aula"

    def test_a_feature_branch_is_not_published_from_the_default_one(
        self, workshop: Workshop
    ) -> None:
        workshop.aula.git("switch", "--quiet", "--create", "feature")
        workshop.aula.commit("Begin", {"more": "x\n"})
        workshop.docker.git("add", "aula")
        merge = (
            "you: merge feature of aula into master, or stage another commit: "
            "git -C aula log --oneline origin/master.."
        )
        assert next_of(workshop) == merge
        workshop.docker.git("commit", "--quiet", "--message", "Take it")
        workshop.verdict(published=True)
        assert next_of(workshop) == merge
        workshop.push(workshop.aula, "feature")
        assert next_of(workshop) == merge
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "feature:master")
        assert next_of(workshop) == "git push origin master"

    def test_a_feature_branch_is_tested_and_pushed_and_then_left_alone(
        self, workshop: Workshop
    ) -> None:
        workshop.aula.git("switch", "--quiet", "--create", "feature")
        begun = workshop.aula.commit("Begin", {"more": "x\n"})
        assert next_of(workshop) == f"guard test --consumer {begun[:12]}"
        workshop.pin()
        workshop.verdict(published=True)
        workshop.docker.git("reset", "--quiet", "--hard", "HEAD~")
        assert next_of(workshop) == "git -C aula push origin feature"
        workshop.run(["git", "-C", "aula", "push", "origin", "feature"], workshop.docker)
        assert workshop.remote_head("aula", "refs/heads/feature") == begun
        assert next_of(workshop).startswith("nothing")

    def test_a_feature_branch_that_others_pushed_to_is_put_on_top(self, workshop: Workshop) -> None:
        workshop.aula.git("switch", "--quiet", "--create", "feature")
        workshop.aula.commit("Theirs", {"theirs": "x\n"})
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "feature")
        workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
        workshop.aula.commit("Mine", {"mine": "x\n"})
        workshop.pin()
        workshop.verdict(published=True)
        workshop.docker.git("reset", "--quiet", "--hard", "HEAD~")
        assert next_of(workshop) == (
            "git -C aula fetch origin && git -C aula rebase origin/feature"
        )

    def test_what_others_have_fetched_is_merged_and_not_rebased(self, workshop: Workshop) -> None:
        theirs = workshop.aula.commit("Theirs", {"theirs": "x\n"})
        workshop.docker.git("add", "aula")
        workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
        workshop.aula.commit("Mine", {"mine": "x\n"})
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:mine")
        assert next_of(workshop) == f"git -C aula merge --no-edit {theirs[:12]}"

    def test_a_commit_on_a_detached_head_is_kept_first(self, workshop: Workshop) -> None:
        workshop.docker.git("checkout", "--quiet", "--detach")
        mine = workshop.docker.commit("Mine", {"mine": "x\n"})
        assert next_of(workshop) == f"git branch keep-{mine[:8]} {mine[:12]}"
        workshop.docker.git("branch", f"keep-{mine[:8]}", mine)
        assert next_of(workshop) == "git switch master"

    def test_what_is_pushed_past_the_hook_is_still_to_be_tested(self, workshop: Workshop) -> None:
        workshop.docker.commit("Untested", {"Dockerfile": "FROM base\nRUN false\n"})
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        assert next_of(workshop) == "guard test"

    def test_settings_without_a_test_command_are_a_persons(self, workshop: Workshop) -> None:
        workshop.docker.commit("No command", {".guard.toml": '[image]\nname = "a/b"\n'})
        assert next_of(workshop) == "you: fill in [test] command in .guard.toml"
        workshop.docker.write({".guard.toml": '[image]\nname = "a/b"\n[test]\ncommand = ["x"]\n'})
        assert next_of(workshop) == "git add .guard.toml"

    def test_a_merge_that_is_not_ended_is_a_persons(self, workshop: Workshop) -> None:
        docker = workshop.docker
        docker.commit("Ours", {"both": "ours\n"})
        docker.git("branch", "ours")
        docker.git("reset", "--quiet", "--hard", "HEAD^")
        docker.commit("Theirs", {"both": "theirs\n"})
        ran = workshop.run(["git", "merge", "--quiet", "ours"], docker)
        assert ran.status == 1, ran.text
        shown = workshop.guard("status")
        assert shown.status == 0
        assert shown.out.endswith("next: you: resolve both, and stage it: git status\n")

    def test_a_clone_beside_the_superproject_has_its_next_step(self, workshop: Workshop) -> None:
        sibling = Repo(workshop.root / "aula")
        workshop.docker.git("clone", "--quiet", str(workshop.aula.folder), str(sibling.folder))
        workshop.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
        workshop.guard("install", at=sibling)
        new = sibling.commit("More", {"more": "x\n"})
        staging = f"update-index --cacheinfo 160000,{new},aula"
        assert next_at(workshop, sibling) == f"git -C ../aula-docker {staging}"

    def test_a_bare_clone_of_aula_does_not_know_its_default_branch(
        self, workshop: Workshop
    ) -> None:
        bare = Repo(workshop.root / "aula.git")
        remote = str(workshop.root / "remotes/aula.git")
        workshop.docker.git("clone", "--quiet", "--bare", remote, str(bare.folder))
        bare.git("config", "guard.superproject", str(workshop.docker.folder))
        assert workshop.guard("install", at=bare).status == 0
        assert next_at(workshop, bare) == next_of(workshop)
        # Where no other repository tells, what comes next tells.
        workshop.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
        shutil.rmtree(workshop.docker.folder / ".git/modules/aula")
        command = next_at(workshop, bare)
        assert command.endswith("remote set-head origin --auto")
        assert workshop.run(["sh", "-c", command], bare).status == 0
        assert next_at(workshop, bare) != command


@pytest.mark.parametrize("gone", [("thentos",), ("aula",), ("aula", "thentos")])
@pytest.mark.parametrize("is_committed", [False, True])
def test_a_gitlink_that_is_taken_out(
    workshop: Workshop, gone: tuple[str, ...], is_committed: bool
) -> None:
    workshop.install()
    workshop.publish()
    workshop.push(workshop.docker, "--no-verify", "origin", "HEAD:refs/heads/master")
    workshop.docker.git("fetch", "--quiet")
    workshop.docker.git("rm", "--quiet", "--cached", *gone)
    if is_committed:
        workshop.docker.git("commit", "--quiet", "-m", "Take it out")
    person = f"you: add a submodule at {gone[0]} of aula-docker, or "
    assert next_of(workshop).startswith(person)
    ran = workshop.guard("release", "--dry-run")
    assert person in ran.err
    assert "mistake" not in ran.text


@pytest.mark.parametrize(
    ("toml", "person"),
    [
        ("[guard", "you: correct .guard.toml"),
        ("[guard]\nconsumers = 1\n", "you: correct .guard.toml"),
        ('[guard]\nrequires = ">=99"\n', "you: update guard"),
        ('[image]\nconsumer = "manifests"\n', "you: say in .guard.toml where the test finds them"),
        ('[image]\nignore = ["Dockerfile"]\n', "you: correct .guard.toml"),
    ],
)
def test_settings_that_cannot_be_read_are_a_persons(
    workshop: Workshop, toml: str, person: str
) -> None:
    good = (workshop.docker.folder / ".guard.toml").read_text()
    workshop.docker.commit("Write settings by hand", {".guard.toml": toml})
    ran = workshop.guard("status")
    assert ran.status == 0
    assert ".guard.toml" in ran.err
    assert ran.out.startswith(f"next: {person}")
    short = workshop.guard("status", "--short")
    assert (short.status, short.err, short.out.count("\n")) == (0, "", 1)
    assert f"; next: {person}" in short.out
    # In place of half an object.
    assert workshop.guard("status", "--json").status == 3
    workshop.docker.write({".guard.toml": good})
    assert next_of(workshop) == "git add .guard.toml"
    workshop.docker.git("add", ".guard.toml")
    assert next_of(workshop) == "guard install"


def test_gitmodules_that_git_cannot_read_are_a_persons(workshop: Workshop) -> None:
    workshop.install()
    modules = workshop.docker.folder / ".gitmodules"
    good = modules.read_text()
    workshop.docker.commit("Write it by hand", {".gitmodules": good + '[submodule "x\n'})
    where = f".gitmodules:{len(good.splitlines()) + 1}"
    pushed = workshop.push(workshop.docker)
    assert f"  next: you: correct {where}\n" in pushed.err
    assert "git --git-dir" not in pushed.err
    assert next_of(workshop) == f"you: correct {where}"
    assert f"correct {where}" in workshop.guard("status", "--short").out
    modules.write_text(good)
    assert next_of(workshop) == "git add .gitmodules"
    workshop.docker.git("add", ".gitmodules")
    assert next_of(workshop) == "guard test"
    assert "  next: git commit\n" in workshop.push(workshop.docker).err


@pytest.mark.parametrize("lost", ["url", "section"])
def test_a_submodule_of_which_gitmodules_name_no_url(workshop: Workshop, lost: str) -> None:
    workshop.install()
    how = ("--unset", "submodule.aula.url") if lost == "url" else ("--remove-section",)
    words = how if lost == "url" else (*how, "submodule.aula")
    workshop.docker.git("config", "--file=.gitmodules", *words)
    workshop.docker.git("commit", "--quiet", "-a", "-m", "Lose it")
    workshop.verdict(published=True)
    command = next_of(workshop)
    assert command.endswith("submodule.aula.url ../aula.git && git add .gitmodules")
    workshop.run(["sh", "-c", command.rpartition(" && ")[0]], workshop.docker)
    assert next_of(workshop) == "git add .gitmodules"
    workshop.docker.git("add", ".gitmodules")
    assert next_of(workshop) == "guard test"
    workshop.docker.git("commit", "--quiet", "-m", "Name it again")
    workshop.verdict(published=True)
    assert workshop.push(workshop.docker).status == 0


def test_what_guard_keeps_that_cannot_be_read_takes_nobody_back(workshop: Workshop) -> None:
    kept = workshop.docker.folder / ".git/guard"
    kept.mkdir(exist_ok=True)
    (kept / "recover.json").write_text("{")
    person = "you: check out your branches by hand, then rm "
    assert f"next: {person}" in workshop.guard("status", "--short").out
    assert next_of(workshop).startswith(person)
    shutil.rmtree(kept)
    kept.write_text("in the way")
    for shown in (workshop.guard("status", "--short"), workshop.guard("status")):
        assert shown.out.endswith(f"next: you: mv {kept} {kept}.unused\n")
    kept.unlink()
    assert next_of(workshop) == "guard install"


@pytest.mark.parametrize("size", [0, 10, 50, 200])
def test_an_index_that_was_cut_short(workshop: Workshop, size: int) -> None:
    workshop.install()
    workshop.verdict(published=True)
    workshop.aula.commit("Nothing but a commit that the remote has not")
    before = next_of(workshop)
    index = workshop.docker.folder / ".git/index"
    index.write_bytes(index.read_bytes()[:size])
    pushed = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/next")
    assert pushed.status != 0
    assert "undecided" in pushed.err
    ran = workshop.guard("status")
    assert (ran.status, ran.out) == (0, "next: git read-tree HEAD\n")
    assert "is damaged" in ran.err
    workshop.docker.git("read-tree", "HEAD")
    assert workshop.docker.git("status", "--porcelain", "--ignore-submodules") == ""
    assert next_of(workshop) == before
    assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/next").status == 0


def test_an_index_that_is_gone(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict(published=True)
    before = next_of(workshop)
    (workshop.docker.folder / ".git/index").unlink()
    assert next_of(workshop) == "git reset"
    assert next_at(workshop, workshop.aula) == "git -C .. reset"
    assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/next").status == 0
    workshop.docker.git("reset", "--quiet")
    assert next_of(workshop) == before


def test_a_gitmodules_that_is_malformed_in_the_checkout_alone(workshop: Workshop) -> None:
    workshop.install()
    modules = workshop.docker.folder / ".gitmodules"
    text = modules.read_text()
    modules.write_text(f"{text}[submodule \n")
    assert workshop.run(["git", "status"], workshop.docker).status == 128
    line = len(text.splitlines()) + 1
    mend = f"you: correct .gitmodules:{line}"
    told = workshop.guard("status").out.splitlines()[-1]
    assert told.startswith(f"next: {mend}")
    assert f"\n  next: {mend}" in workshop.push(workshop.docker).text
    modules.write_text(text)
    assert ".gitmodules" not in workshop.guard("status").out.splitlines()[-1]
