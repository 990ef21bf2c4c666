"""The order of a release by real pushes: thentos's tag, then aula, then aula-docker."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.pages import blocks, page, section
from tests.workshop import Ran, Repo, Workshop

TOPIC = ("origin", "HEAD:refs/heads/topic")
TO_DEVELOP = ("symbolic-ref", "HEAD", "refs/heads/develop")


@pytest.fixture(params=["sha1"])
def ready(tmp_path: Path, request: pytest.FixtureRequest) -> Workshop:
    workshop = Workshop(tmp_path, request.param)
    workshop.install()
    workshop.verdict()
    return workshop


def mend(ran: Ran, rule: str = "published") -> str:
    """The command that a blocked push tells for a rule."""
    assert ran.status != 0, ran.text
    assert "Traceback" not in ran.text
    found = re.search(rf"(?:error|undecided) {rule}: (?:.*\n)+? +mend: +(.*)", ran.text)
    assert found is not None, ran.text
    return found[1]


def paste(workshop: Workshop, command: str, at: Repo | None = None) -> Ran:
    """What a user does with a remedy."""
    return workshop.run(["sh", "-c", command], at or workshop.docker)


def asked(workshop: Workshop, at: Repo, *arguments: str) -> tuple[Ran, int]:
    """A push, and how many times a remote was asked for it by guard."""
    log = workshop.root / "trace"
    log.unlink(missing_ok=True)
    ran = workshop.push(at, *arguments, GIT_TRACE=str(log))
    lines = log.read_text().splitlines()
    return ran, sum("built-in: git ls-remote" in line for line in lines)


def unpublished(workshop: Workshop, files: dict[str, str] | None = None) -> str:
    """A tested commit of aula that nobody has pushed, pinned by aula-docker."""
    commit = workshop.aula.commit("Change aula", files or {"src.hs": "main = pure ()\n"})
    workshop.pin()
    workshop.verdict()
    return commit


def share(workshop: Workshop) -> str:
    """Have the remote of aula-docker have its master: the first branch is the default one."""
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
    return workshop.docker.head


@pytest.fixture
def early(ready: Workshop) -> Workshop:
    """aula is tested with a release that only its author has."""
    ready.release("0.3.1")
    ready.aula.git("checkout", "--quiet", "-B", "master")
    ready.require(">=0.3.1 && <0.4")
    ready.pin()
    ready.verdict()
    return ready


class TestReleaseFirst:
    """aula waits for thentos's release as well."""

    def test_it_is_named(self, early: Workshop) -> None:
        ran = early.push(early.aula)
        assert ran.status != 0
        assert "error release-tag: v0.3.1 of thentos is only here" in ran.text
        assert early.remote_head("aula") != early.aula.head
        assert paste(early, mend(ran, "release-tag"), early.aula).status == 0
        # A push of a tag leaves no trace here, so that the remote is asked, once.
        for destination, questions in (("HEAD:master", 1), ("HEAD:refs/heads/more", 0)):
            ran, count = asked(early, early.aula, "origin", destination)
            assert (ran.status, count) == (0, questions), ran.text
        assert early.remote_head("aula") == early.aula.head

    def test_check_says_so(self, early: Workshop) -> None:
        told = early.guard("check", at=early.aula)
        assert told.status == 1
        assert "error release-tag: v0.3.1 of thentos is only here" in told.out
        early.publish("thentos")
        assert early.guard("check", at=early.aula).status == 0

    def test_a_remote_of_thentos_that_is_away_leaves_both_undecided(self, early: Workshop) -> None:
        (early.root / "remotes/thentos.git").rename(early.root / "away")
        for at in (early.aula, early.docker):
            assert mend(early.push(at), "release-tag") == "guard check --ask"

    def test_so_does_a_url_that_no_remote_has(self, early: Workshop) -> None:
        early.publish("thentos")
        early.thentos.git("remote", "set-url", "origin", "https://example.invalid/thentos")
        command = mend(early.push(early.aula), "release-tag")
        assert command == mend(early.push(early.docker)).replace(
            "git -C thentos", "git -C ../thentos"
        )
        assert paste(early, command, early.aula).status == 0
        assert early.push(early.aula).status == 0

    def test_a_relative_url_counts_from_the_superproject(self, early: Workshop) -> None:
        modules = early.docker.folder / ".gitmodules"
        text = modules.read_text().replace(f"{early.root}/remotes/", "../")
        assert "../thentos.git" in text
        early.docker.commit("Relative URLs", {".gitmodules": text})
        early.verdict()
        ran = early.push(early.aula)
        assert ran.status != 0
        assert paste(early, mend(ran, "release-tag"), early.aula).status == 0
        assert early.push(early.aula).status == 0


class TestPublished:
    def test_in_order_it_goes_through(self, early: Workshop) -> None:
        ran = early.push(early.docker)
        assert mend(ran) == "git -C thentos push origin v0.3.1"
        assert "\n  next: git -C thentos push origin v0.3.1\n" in ran.text
        assert paste(early, mend(ran)).status == 0
        ran = early.push(early.docker)
        assert "thentos" not in ran.text.partition("guard:")[0].replace("aula-docker", "")
        assert mend(ran) == "git -C aula push origin master"
        assert paste(early, mend(ran)).status == 0
        assert early.remote_head("aula") == early.aula.head
        ran = early.push(early.docker)
        assert ran.status == 0, ran.text
        assert early.remote_head("aula-docker") == early.docker.head

    @pytest.mark.parametrize("ready", ["sha1", "sha256"], indirect=True)
    @pytest.mark.parametrize("annotated", [False, True])
    def test_a_tag_alone_publishes_and_is_asked_for_once(
        self, ready: Workshop, annotated: bool
    ) -> None:
        commit = ready.release("0.3.1")
        if annotated:
            ready.thentos.git("tag", "-f", "-a", "-m", "x", "v0.3.1", commit)
        ready.pin()
        ready.verdict()
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert mend(ran) == "git -C thentos push origin v0.3.1"
        assert count == 1
        assert f"thentos {commit[:12]} is not published" in ran.text
        assert paste(ready, mend(ran)).status == 0
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 1), ran.text
        seen = ready.thentos.git("for-each-ref", "--format=%(refname)", "refs/guard/seen/origin")
        assert "refs/guard/seen/origin/tags/v0.3.1" in seen.splitlines()
        shutil.rmtree(ready.root / "remotes/thentos.git")
        ran, count = asked(ready, ready.docker, "origin", "HEAD:refs/heads/other")
        assert (ran.status, count) == (0, 0), ran.text

    def test_nobody_is_asked_in_the_normal_path(self, ready: Workshop) -> None:
        ran, count = asked(ready, ready.docker, "origin", "HEAD:refs/heads/first")
        assert (ran.status, count) == (0, 1), ran.text
        shutil.rmtree(ready.root / "remotes/thentos.git")
        shutil.rmtree(ready.root / "remotes/aula.git")
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 0), ran.text
        assert ready.aula.git("for-each-ref", "refs/guard/seen") == ""

    def test_what_a_fork_has_is_not_published(self, ready: Workshop) -> None:
        unpublished(ready)
        fork = ready.root / "remotes/fork.git"
        ready.docker.git("init", "--quiet", "--bare", str(fork))
        for name in ("fork", "origin/fork"):
            ready.aula.git("remote", "add", name, str(fork))
            ready.aula.git("push", "--quiet", "--no-verify", name, "HEAD:refs/heads/x")
        assert "refs/remotes/origin/fork/x" in ready.aula.git("for-each-ref")
        assert mend(ready.push(ready.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_only_a_fork_is_a_remote(self, ready: Workshop) -> None:
        commit = ready.aula.head
        ready.aula.git("remote", "rename", "origin", "upstream")
        fork = ready.root / "remotes/fork.git"
        shutil.copytree(ready.root / "remotes/aula.git", fork)
        ready.aula.git("remote", "set-url", "upstream", str(fork))
        ran = ready.push(ready.docker, *TOPIC)
        url = ready.root / "remotes/aula.git"
        assert mend(ran) == (
            f"git -C aula remote add published {url} && git -C aula fetch published"
        )
        assert f"no remote of aula has the URL that .gitmodules names, {url}" in ran.text
        assert paste(ready, mend(ran)).status == 0
        assert commit in ready.aula.git("for-each-ref", "refs/remotes/published")
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_renamed_remote_is_known_by_its_url(self, ready: Workshop) -> None:
        ready.aula.git("remote", "rename", "origin", "liqd")
        ready.aula.git("remote", "set-url", "liqd", f"file://{ready.root}/remotes/aula.git/")
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 1), ran.text  # about the release of thentos

    def test_a_fork_that_is_pushed_to_does_not_count(self, ready: Workshop) -> None:
        """A push moves the tracking refs of its remote, wherever it goes."""
        share(ready)
        fork = ready.root / "remotes/fork.git"
        ready.docker.git("init", "--quiet", "--bare", str(fork))
        ready.aula.git("config", "remote.origin.pushurl", str(fork))
        commit = unpublished(ready)
        ready.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")
        assert commit in ready.aula.git("for-each-ref", "refs/remotes/origin/x")
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command.startswith(f"git -C aula push {ready.root}/remotes/aula.git ")
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_offline_is_undecided_with_a_way_on(self, ready: Workshop) -> None:
        commit = unpublished(ready)
        remote, away = ready.root / "remotes/aula.git", ready.root / "away"
        remote.rename(away)
        ran = ready.push(ready.docker, *TOPIC)
        assert (
            f"undecided published: whether origin has aula {commit[:12]} is not known" in ran.text
        )
        assert "git ls-remote origin failed" in ran.text
        assert "GUARD_BYPASS='reason' git push" in ran.text
        assert mend(ran) == "guard check --ask"
        ran = ready.push(ready.docker, *TOPIC, GUARD_BYPASS="on a train")
        assert ran.status == 0, ran.text

    @pytest.mark.parametrize("is_fetched", [True, False])
    def test_offline_one_command_asks_all_of_them(self, ready: Workshop, is_fetched: bool) -> None:
        ready.release("0.3.1")
        unpublished(ready)
        for at in (ready.docker, ready.aula) if not is_fetched else ():
            for ref in at.git("for-each-ref", "--format=%(refname)", "refs/remotes").split():
                at.git("update-ref", "--no-deref", "-d", ref)
        for name in ("thentos", "aula"):
            (ready.root / f"remotes/{name}.git").rename(ready.root / name)
        commit = ready.docker.head
        for command in ("guard check --ask", f"guard check --ask {commit[:12]}"):
            ran = ready.push(ready.docker, "origin", f"{commit}:refs/heads/master")
            assert re.findall(r"mend: +(.*)", ran.text) == [command] * 3, ran.text
            assert f": {command}\n" in ran.text.partition("\n  next: ")[2]
            ready.docker.git("reset", "--quiet", "--hard", f"{commit}~")
        for name in ("thentos", "aula"):
            (ready.root / name).rename(ready.root / f"remotes/{name}.git")
        assert "error release-tag: v0.3.1 of thentos is only here" in paste(ready, command).text

    def test_a_remote_is_asked_as_the_user_would(self, ready: Workshop) -> None:
        """As CI and containers give credentials, or another way to the same place."""
        share(ready)
        unpublished(ready)
        remote = ready.root / "remotes/aula.git"
        ready.aula.git("push", "--quiet", "--no-verify", str(remote), "HEAD:refs/heads/topic")
        ready.aula.git("config", "protocol.file.allow", "never")
        assert "undecided published" in ready.push(ready.docker, *TOPIC).text
        settings = {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.file://{remote}.insteadOf",
            "GIT_CONFIG_VALUE_0": str(remote),
            "GIT_CONFIG_KEY_1": "protocol.file.allow",
            "GIT_CONFIG_VALUE_1": "always",
        }
        ran = ready.push(ready.docker, *TOPIC, **settings)
        assert ran.status == 0, ran.text

    def test_a_commit_behind_a_branch_of_the_remote(self, ready: Workshop) -> None:
        """The remote has it, and nothing here has been fetched since."""
        share(ready)
        unpublished(ready)
        ready.aula.commit("And more", {"more.hs": "x"})
        url = str(ready.root / "remotes/aula.git")
        ready.aula.git("push", "--quiet", "--no-verify", url, "HEAD:refs/heads/topic")
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 2), ran.text  # about the release of thentos as well
        ran, count = asked(ready, ready.docker, "origin", "HEAD:refs/heads/other")
        assert (ran.status, count) == (0, 0), ran.text

    @pytest.mark.parametrize("single", [False, True])
    def test_a_commit_behind_what_was_never_fetched(self, ready: Workshop, single: bool) -> None:
        """Others have published it, and gone on from there."""
        share(ready)
        branch = "topic" if single else "master"
        if single:
            key = "remote.origin.fetch"
            ready.aula.git("config", key, "+refs/heads/master:refs/remotes/origin/master")
        commit = unpublished(ready)
        other = Repo(ready.root / "other")
        other.git("fetch", "--quiet", str(ready.aula.folder), commit)
        other.git("checkout", "--quiet", "--detach", commit)
        other.commit("Go on", {"more.hs": "x"})
        url = str(ready.root / "remotes/aula.git")
        other.git("push", "--quiet", url, f"HEAD:refs/heads/{branch}")
        ran = ready.push(ready.docker, *TOPIC)
        assert f"origin has more than was fetched of it ({branch})" in ran.text
        assert "bad object" not in ran.text
        assert paste(ready, mend(ran)).status == 0
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_a_commit_beside_what_was_never_fetched(self, ready: Workshop) -> None:
        unpublished(ready)
        other = Repo(ready.root / "other")
        other.commit("Something else", {"more.hs": "x"})
        other.git("push", "--quiet", str(ready.root / "remotes/aula.git"), "HEAD:refs/heads/topic")
        assert paste(ready, mend(ready.push(ready.docker, *TOPIC))).status == 0
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command.startswith("git -C aula push origin ")
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_pull_request_of_a_fork_is_no_branch(self, ready: Workshop) -> None:
        commit = unpublished(ready)
        url = str(ready.root / "remotes/aula.git")
        ready.aula.git("push", "--quiet", "--no-verify", url, f"{commit}:refs/pull/5/head")
        refspec = "+refs/pull/*/head:refs/remotes/origin/pr/*"
        ready.aula.git("config", "--add", "remote.origin.fetch", refspec)
        ready.aula.git("fetch", "--quiet")
        assert commit == ready.aula.git("rev-parse", "refs/remotes/origin/pr/5")
        assert mend(ready.push(ready.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_a_clone_beside_the_bare_repository_is_another_place(self, ready: Workshop) -> None:
        unpublished(ready)
        beside = ready.root / "remotes/aula"
        ready.docker.git("clone", "--quiet", f"{beside}.git", str(beside))
        ready.aula.git("remote", "add", "beside", str(beside))
        ready.aula.git("push", "--quiet", "--no-verify", "beside", "HEAD:refs/heads/x")
        assert mend(ready.push(ready.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_a_remote_of_another_url_forgets_what_was_seen(self, ready: Workshop) -> None:
        ready.release("0.3.1")
        ready.pin()
        ready.verdict()
        ready.thentos.git("push", "--quiet", "origin", "v0.3.1")
        assert ready.push(ready.docker, *TOPIC).status == 0
        moved = ready.root / "remotes/moved.git"
        ready.docker.git("init", "--quiet", "--bare", str(moved))
        ready.thentos.git("remote", "set-url", "origin", str(moved))
        ready.docker.git("config", "--file=.gitmodules", "submodule.thentos.url", "../moved.git")
        ready.docker.commit("Move thentos")
        ready.verdict()
        # What was fetched before cannot be told from what is there now; what was seen can.
        for ref in ready.thentos.git("for-each-ref", "--format=%(refname)", "refs/remotes").split():
            ready.thentos.git("update-ref", "--no-deref", "-d", ref)
        ran = ready.push(ready.docker, *TOPIC)
        assert mend(ran) == "git -C thentos push origin v0.3.1"
        assert paste(ready, mend(ran)).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_submodule_without_a_url(self, ready: Workshop) -> None:
        ready.docker.git("config", "--file=.gitmodules", "--unset", "submodule.aula.url")
        ready.docker.commit("Lose the URL")
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert "error published: .gitmodules names no URL from which others could" in ran.text
        assert paste(ready, mend(ran)).status == 0
        ready.docker.commit("Name it")
        ready.verdict()
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_any_other_submodule_too(self, ready: Workshop) -> None:
        ready.docker.git("init", "--quiet", "--bare", str(ready.root / "remotes/other.git"))
        other = Repo(ready.docker.folder / "parts" / "a third")
        ready.docker.git("init", "--quiet", str(other.folder))
        commit = other.commit("Start", {"x": "y"})
        other.git("remote", "add", "origin", str(ready.root / "remotes/other.git"))
        modules = ready.docker.folder / ".gitmodules"
        modules.write_text(
            f'{modules.read_text()}[submodule "third"]\n\tpath = parts/a third\n'
            "\turl = ../other.git\n"
        )
        ready.docker.commit("Add it")
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert f"a third {commit[:12]} is not published" in ran.text
        assert mend(ran) == "git -C 'parts/a third' push origin master"
        assert paste(ready, mend(ran)).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_detached_head_goes_to_the_default_branch(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "--detach")
        commit = unpublished(ready)
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/master"
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_detached_head_beside_the_default_branch(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "--detach")
        ready.aula.git("commit", "--quiet", "--amend", "-m", "Another line")
        commit = unpublished(ready)
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/pin-{commit[:8]}"
        assert paste(ready, command).status == 0
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD~:refs/heads/master")
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_from_a_feature_branch_the_default_one_of_aula_stays_as_it_is(
        self, ready: Workshop
    ) -> None:
        assert ready.push(ready.docker).status == 0
        ready.aula.git("checkout", "--quiet", "-B", "master")
        before = ready.remote_head("aula")
        ready.docker.git("checkout", "--quiet", "-b", "feat")
        commit = unpublished(ready)
        command = mend(ready.push(ready.docker, "origin", "feat"))
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/feat"
        assert mend(ready.guard("check")) == command
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, "origin", "feat").status == 0
        assert ready.remote_head("aula") == before

    def test_from_a_feature_branch_the_own_branch_of_aula_goes(self, ready: Workshop) -> None:
        assert ready.push(ready.docker).status == 0
        ready.aula.git("checkout", "--quiet", "-b", "mine")
        ready.docker.git("checkout", "--quiet", "-b", "feat")
        unpublished(ready)
        command = mend(ready.push(ready.docker, "origin", "feat"))
        assert command == "git -C aula push origin mine"

    def test_from_a_linked_worktree_the_default_one_of_aula_stays_as_it_is(
        self, ready: Workshop
    ) -> None:
        assert ready.push(ready.docker).status == 0
        ready.aula.git("checkout", "--quiet", "-B", "master")
        commit = unpublished(ready)
        linked = Repo(ready.root / "linked")
        ready.docker.git("worktree", "add", "--quiet", "-b", "feat", str(linked.folder))
        command = mend(ready.push(linked, "origin", "feat"))
        assert command.endswith(f"/aula push origin {commit[:12]}:refs/heads/feat")
        assert paste(ready, command, linked).status == 0
        assert ready.push(linked, "origin", "feat").status == 0

    def test_no_branch_of_thentos_is_moved(self, ready: Workshop) -> None:
        commit = ready.thentos.commit("Go on", {"new": "x"})
        ready.pin()
        ready.verdict()
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command.startswith(f"you: release {commit[:12]} with a new tag and push that")

    def test_of_a_branch_no_more_is_pushed_than_the_gitlink(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "-B", "wip")
        commit = unpublished(ready)
        ready.aula.commit("Not ready")
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/wip"

    def test_a_commit_of_the_clone_beside(self, ready: Workshop) -> None:
        """It was made there, and the submodule's checkout has never seen it."""
        ready.docker.git("clone", "--quiet", str(ready.root / "remotes/aula.git"), "../aula")
        beside = Repo(ready.root / "aula")
        ready.pin(aula=beside.commit("Made beside", {"beside.hs": "x"}))
        ready.verdict()
        command = mend(ready.push(ready.docker))
        assert command == "git -C ../aula push origin master"
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text

    def test_a_tag_that_was_moved_in_the_clone_beside(self, ready: Workshop) -> None:
        url = str(ready.root / "remotes/thentos.git")
        ready.docker.git("clone", "--quiet", url, "../thentos")
        Repo(ready.root / "thentos").git("tag", "--force", "v0.3.0", "v0.2.1")
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_a_tag_and_a_branch_of_one_name(self, ready: Workshop) -> None:
        ready.release("0.3.1")
        ready.thentos.git("branch", "v0.3.1")
        ready.pin()
        ready.verdict()
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == "git -C thentos push origin refs/tags/v0.3.1"
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_pre_release_is_pushed_by_its_tag_and_a_release_before_it(
        self, ready: Workshop
    ) -> None:
        ready.thentos.commit("A candidate", ready.thentos_files("0.3.1"))
        ready.thentos.git("tag", "v0.3.1-rc1")
        ready.pin()
        ready.verdict()
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == "git -C thentos push origin v0.3.1-rc1"
        ready.thentos.git("tag", "v0.3.1")
        assert mend(ready.push(ready.docker, *TOPIC)).endswith(" v0.3.1")
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_folder_and_names_that_a_shell_would_take_apart(self, ready: Workshop) -> None:
        unpublished(ready)
        (ready.docker.folder / "deep er").mkdir()
        ran = ready.push(Repo(ready.docker.folder / "deep er"), *TOPIC)
        command = mend(ran)
        assert shlex.split(command)[:3] == ["git", "-C", "../aula"]
        assert paste(ready, command, Repo(ready.docker.folder / "deep er")).status == 0

    def test_a_push_by_url(self, ready: Workshop) -> None:
        url = str(ready.root / "remotes/aula-docker.git")
        assert ready.push(ready.docker, url, "HEAD:refs/heads/a").status == 0
        unpublished(ready)
        assert mend(ready.push(ready.docker, url, "HEAD:refs/heads/b"))

    def test_a_branch_that_is_not_protected_is_not_asked(self, ready: Workshop) -> None:
        toml = (ready.docker.folder / ".guard.toml").read_text()
        toml += '[guard]\nprotect = ["*", "!refs/heads/wip/*"]\n'
        ready.docker.commit("Protect less", {".guard.toml": toml})
        unpublished(ready)
        ran, count = asked(ready, ready.docker, "origin", "HEAD:refs/heads/wip/x")
        assert (ran.status, count) == (0, 0), ran.text
        assert mend(ready.push(ready.docker, *TOPIC))


class TestNothingIsFooled:
    """What is no proof of publication, whatever it is called."""

    def blocked(self, workshop: Workshop) -> None:
        assert mend(workshop.push(workshop.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_tags_named_as_the_refs_that_count(self, ready: Workshop) -> None:
        commit = unpublished(ready)
        for name in (
            f"refs/guard/seen/origin/commits/{commit}",
            "refs/guard/seen/origin/tags/v1",
            "refs/remotes/origin/master",
            "origin/master",
        ):
            ready.aula.git("update-ref", f"refs/tags/{name}", commit)
        ready.aula.git("tag", "v9.9")
        self.blocked(ready)

    def test_replaced_commits(self, ready: Workshop) -> None:
        old = ready.aula.head
        commit = unpublished(ready)
        ready.aula.git("replace", commit, old)
        self.blocked(ready)
        ready.aula.git("replace", "-d", commit)
        ready.aula.git("replace", old, commit)
        self.blocked(ready)

    def test_grafted_commits(self, ready: Workshop) -> None:
        old = ready.aula.head
        commit = unpublished(ready)
        graft = ready.docker.folder / ".git/modules/aula/info/grafts"
        graft.parent.mkdir(exist_ok=True)
        graft.write_text(f"{old} {commit}\n")
        self.blocked(ready)
        graft.unlink()
        ready.aula.git("replace", "--graft", old, commit)
        self.blocked(ready)

    def test_an_alike_name_of_a_remote(self, ready: Workshop) -> None:
        commit = unpublished(ready)
        ready.aula.git("update-ref", "refs/remotes/originx/master", commit)
        ready.aula.git("update-ref", "refs/guard/seen/originx/tags/v1", commit)
        self.blocked(ready)

    def test_a_shallow_history_is_undecided(self, ready: Workshop) -> None:
        ready.publish("aula")
        old = ready.aula.head
        for number in range(3):
            ready.aula.commit(f"Commit {number}", {"n": f"{number}"})
        ready.publish("aula")
        (ready.docker.folder / ".git/modules/aula/shallow").write_text(f"{ready.aula.head}\n")
        ready.aula.git("checkout", "--quiet", old)
        ran = ready.push(ready.docker, *TOPIC)
        assert "undecided published: the history of aula is cut off" in ran.text
        assert mend(ran) == "git -C aula fetch --unshallow origin"
        assert paste(ready, mend(ran)).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_bare_superproject_without_its_submodules(self, ready: Workshop) -> None:
        """Git has no checkout to put a submodule into."""
        bare = Repo(ready.root / "elsewhere/aula-docker.git")
        bare.folder.parent.mkdir()
        source = str(ready.docker.folder)
        ready.docker.git("clone", "--quiet", "--bare", source, str(bare.folder))
        bare.git("fetch", "--quiet", source, "refs/guard/verdicts:refs/guard/verdicts")
        assert ready.guard("install", at=bare).status == 0
        url = str(ready.root / "remotes/aula-docker.git")
        for name in ("thentos", "aula"):
            said = mend(ready.push(bare, url, "master:refs/heads/topic"))
            person, _, command = said.rpartition(": ")
            assert person == f"you: clone {name}, and say where it is"
            assert command.endswith(f" config guard.{name}.repository /path/to/{name}")
            folder = str(ready.docker.folder / name)
            assert paste(ready, command.replace(f"/path/to/{name}", folder), bare).status == 0
        ran = ready.push(bare, url, "master:refs/heads/topic")
        assert ran.status == 0, ran.text

    def test_a_submodule_that_is_nowhere(self, ready: Workshop) -> None:
        shutil.rmtree(ready.docker.folder / "thentos")
        shutil.rmtree(ready.docker.folder / ".git/modules/thentos")
        ran = ready.push(ready.docker, *TOPIC)
        assert mend(ran) == "git submodule update --init thentos"


class TestOnDemand:
    """On demand git runs the superproject's hook first, and then pushes the submodules."""

    def test_where_it_is_configured_it_is_a_note(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "-B", "master")
        unpublished(ready)
        ready.docker.git("config", "submodule.recurse", "true")
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text
        assert ready.remote_head("aula") == ready.aula.head

    @pytest.mark.parametrize("flag", ["--no-recurse-submodules", "--recurse-submodules=check"])
    def test_a_flag_against_it(self, ready: Workshop, flag: str) -> None:
        ready.aula.git("checkout", "--quiet", "-B", "master")
        unpublished(ready)
        ready.docker.git("config", "push.recurseSubmodules", "on-demand")
        old = ready.remote_head("aula")
        ran = ready.push(ready.docker, flag, "origin", "HEAD:master")
        assert mend(ran) == "git -C aula push origin master"
        setting = ["git", "-c", "push.recurseSubmodules=no", "push", "origin", "HEAD:master"]
        assert mend(ready.run(setting, ready.docker)) == "git -C aula push origin master"
        assert (ready.remote_head("aula"), ready.remote_head("aula-docker")) == (old, None)

    def test_as_a_bare_flag_it_blocks_with_the_pushes_in_order(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "-B", "master")
        unpublished(ready)
        ran = ready.push(ready.docker, "--recurse-submodules=on-demand", "origin", "HEAD:master")
        assert mend(ran) == "git -C aula push origin master"

    def test_where_the_submodules_hook_is_gone_it_blocks(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "-B", "master")
        unpublished(ready)
        ready.docker.git("config", "push.recurseSubmodules", "on-demand")
        (ready.docker.folder / ".git/modules/aula/hooks/pre-push").unlink()
        assert mend(ready.push(ready.docker)) == "git -C aula push origin master"

    def test_where_git_would_not_push_it_blocks(self, ready: Workshop) -> None:
        """Git pushes no commit that any remote has, and none of a detached head."""
        ready.docker.git("config", "push.recurseSubmodules", "on-demand")
        ready.aula.git("checkout", "--quiet", "--detach")
        unpublished(ready)
        assert mend(ready.push(ready.docker, *TOPIC))
        ready.aula.git("checkout", "--quiet", "-B", "topic")
        fork = ready.root / "remotes/fork.git"
        ready.docker.git("init", "--quiet", "--bare", str(fork))
        ready.aula.git("remote", "add", "fork", str(fork))
        ready.aula.git("push", "--quiet", "--no-verify", "fork", "HEAD:refs/heads/x")
        assert mend(ready.push(ready.docker, *TOPIC))


class TestMerged:
    def incident(self, workshop: Workshop) -> str:
        """A branch of aula wants thentos 0.3 and is tested with it; aula's master wants 0.2."""
        workshop.require("==0.2.*")
        workshop.publish("aula")
        workshop.aula.git("checkout", "--quiet", "-b", "thentos-0.3", "HEAD~")
        commit = workshop.require(">=0.3 && <0.4")
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "thentos-0.3")
        workshop.pin()
        workshop.verdict()
        return commit

    def test_the_incident_with_a_feature_branch(self, ready: Workshop) -> None:
        old = share(ready)
        commit = self.incident(ready)
        ran = ready.push(ready.docker)
        text = f"error merged: aula {commit[:12]} is not in origin/master of aula"
        assert text in ran.text
        assert ran.status != 0
        assert "thentos-core is 0.3.0, but aula requires >=0.2 && <0.3 (aula.cabal:9)" in ran.text
        assert "aula.cabal:9  thentos-core ==0.2.*" in ran.text
        assert ready.remote_head("aula-docker") == old
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_the_lines_for_a_feature_branch_in_both(self, ready: Workshop) -> None:
        """As the page on pushes has them; a verdict stands for the first."""
        (text,) = blocks(section(page("docs/pushing.md"), "Feature branches"), "console")
        test, first, then = (line.partition("$ ")[2] for line in text.splitlines())
        assert test == "guard test"
        share(ready)
        for repository in (ready.aula, ready.docker):
            repository.git("checkout", "--quiet", "-b", "topic")
        commit = unpublished(ready)
        assert mend(paste(ready, then)) == first
        assert paste(ready, first).status == 0
        ran = paste(ready, then)
        assert ran.status == 0, ran.text
        assert ready.remote_head("aula", "refs/heads/topic") == commit
        assert f"git -C aula push origin {commit[:12]}:refs/heads/master" in mend(
            ready.push(ready.docker), "merged"
        )

    def test_a_branch_that_carries_master_on_is_pushed_there(self, ready: Workshop) -> None:
        ready.aula.git("checkout", "--quiet", "-b", "topic")
        commit = unpublished(ready)
        ready.aula.git("push", "--quiet", "--no-verify", "origin", "topic")
        command = mend(ready.push(ready.docker), "merged")
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/master"
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text

    def test_a_branch_beside_master_is_merged(self, ready: Workshop) -> None:
        ready.aula.commit("On master", {"master.hs": "x"})
        ready.publish("aula")
        ready.aula.git("checkout", "--quiet", "-b", "topic", "HEAD~")
        commit = unpublished(ready, {"topic.hs": "x"})
        ready.aula.git("push", "--quiet", "--no-verify", "origin", "topic")
        command = mend(ready.push(ready.docker), "merged")
        assert command == (
            f"git -C aula checkout --detach origin/master && git -C aula merge {commit[:12]} && "
            "git -C aula push origin HEAD:refs/heads/master"
        )
        assert paste(ready, command.partition(" && git -C aula push")[0]).status == 0
        ready.pin(aula=ready.aula.head)
        ready.verdict()
        assert paste(ready, command.rpartition(" && ")[2]).status == 0
        assert ready.push(ready.docker).status == 0

    def test_a_master_that_has_moved_on_and_does_not_fit(self, ready: Workshop) -> None:
        share(ready)
        ready.publish("aula")
        good = ready.aula.head
        ready.require("==0.4.*")
        ready.publish("aula")
        ready.aula.git("checkout", "--quiet", good)
        ready.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
        ran = ready.push(ready.docker)
        assert "error merged: origin/master of aula (" in ran.text
        assert "thentos-core is 0.3.0, but aula requires >=0.4 && <0.5" in ran.text
        command = mend(ran, "merged")
        assert command.startswith("git push origin ")
        assert paste(ready, command).status == 0

    def test_a_master_that_has_moved_on_and_fits(self, ready: Workshop) -> None:
        good = ready.aula.head
        ready.aula.commit("More", {"more.hs": "x"})
        ready.publish("aula")
        ready.aula.git("checkout", "--quiet", good)
        for _ in ("first", "remembered"):
            ran = ready.push(ready.docker)
            assert ran.status == 0, ran.text
            Repo(ready.root / "remotes/aula-docker.git").git(
                "update-ref", "-d", "refs/heads/master"
            )

    def test_another_default_branch(self, ready: Workshop) -> None:
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:develop")
        Repo(ready.root / "remotes/aula-docker.git").git(*TO_DEVELOP)
        ready.docker.git("remote", "set-head", "origin", "--auto")
        self.incident(ready)
        assert ready.push(ready.docker).status == 0
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/develop")
        assert "error merged" in ran.text

    def test_a_default_branch_that_is_not_known(self, ready: Workshop) -> None:
        """As in a repository that was not cloned: nothing says which one the remote's HEAD is."""
        develop = ("origin", "HEAD:refs/heads/develop")
        assert ready.push(ready.docker, *develop).status == 0
        remote = Repo(ready.root / "remotes/aula-docker.git")
        remote.git(*TO_DEVELOP)
        self.incident(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        assert "error merged" in ready.push(ready.docker, *develop).text
        shutil.rmtree(ready.docker.folder / ".git/guard/memo")
        away = ready.root / "away"
        remote.folder.rename(away)
        url = f"url.{away}.pushInsteadOf"
        ran = ready.run(["git", "-c", f"{url}={remote.folder}", "push", *develop], ready.docker)
        away.rename(remote.folder)
        assert "undecided merged: the default branch of origin in aula-docker is not " in ran.text
        command = mend(ran, "merged")
        assert command == (
            "git fetch --no-recurse-submodules origin && git remote set-head origin --auto"
        )
        assert paste(ready, command).status == 0
        assert "error merged" in ready.push(ready.docker, *develop).text
        ready.docker.commit("More", {"README": "x"})
        ready.verdict()
        assert ready.push(ready.docker, *TOPIC).status == 0

    @pytest.mark.parametrize("way", ["mirror", "both", "rewritten"])
    def test_a_remote_that_is_pushed_to_elsewhere_as_well(self, ready: Workshop, way: str) -> None:
        """What git keeps of it says nothing of what others fetch; one more remote does."""
        share(ready)
        url, mirror = f"{ready.root}/remotes/aula.git", f"{ready.root}/mirror"
        ready.aula.git("clone", "--quiet", "--bare", url, mirror)
        if way == "rewritten":
            ready.aula.git("config", f"url.{mirror}.pushInsteadOf", url)
        for each in {"mirror": [mirror], "both": [url, mirror]}.get(way, []):
            ready.aula.git("config", "--add", "remote.origin.pushurl", each)
        ready.docker.commit("More", {"README": "x"})
        ready.verdict(published=True)
        ran = ready.push(ready.docker)
        assert "undecided merged: the default branch of origin in aula is not known" in ran.text
        command = mend(ran, "merged")
        assert f"next: {command}" in ready.guard("status").out
        assert paste(ready, command).status == 0
        assert "next: git push origin" in ready.guard("status").out
        assert ready.push(ready.docker).status == 0

    def test_a_remote_without_a_default_branch(self, ready: Workshop) -> None:
        """Its HEAD is at a master that nobody has pushed."""
        assert ready.push(ready.docker, *TOPIC).status == 0
        self.incident(ready)
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 1), ran.text

        # Nor is it asked again on that day, until the branch is made at which its HEAD is.
        def again(branch: str) -> tuple[int, int]:
            ready.docker.git("commit", "--quiet", "--allow-empty", "--message=More")
            ran, count = asked(ready, ready.docker, "origin", f"HEAD:refs/heads/{branch}")
            return ran.status, count

        assert again("topic") == (0, 0)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        assert again("topic") == (0, 0)
        assert again("master")[0] == 1

    @pytest.mark.parametrize("option", ["--no-prune", "--prune"])
    def test_a_default_branch_that_was_renamed(self, ready: Workshop, option: str) -> None:
        """Git keeps to what the remote's HEAD was when it was cloned."""
        assert ready.push(ready.docker).status == 0
        ready.docker.git("remote", "set-head", "origin", "--auto")
        remote = Repo(ready.root / "remotes/aula-docker.git")
        remote.git("branch", "--move", "master", "main")
        ready.docker.git("fetch", "--quiet", option)
        self.incident(ready)
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/main")
        assert "error merged" in ran.text
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_sibling_that_was_fetched_later(self, ready: Workshop) -> None:
        """The submodule's checkout knows of aula's master as it was."""
        beside = Repo(ready.root / "aula")
        ready.docker.git("clone", "--quiet", str(ready.root / "remotes/aula.git"), "../aula")
        beside.commit("Back to 0.2", ready.aula_files("==0.2.*"))
        beside.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        ran = ready.push(ready.docker)
        assert f"origin/master of aula ({beside.head[:12]}) does not go with" in ran.text
        assert ran.status != 0

    @pytest.mark.parametrize("refspec", ["+refs/heads/topic:refs/remotes/origin/topic", ""])
    def test_a_clone_of_one_branch_or_of_none(self, ready: Workshop, refspec: str) -> None:
        ready.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/topic")
        ready.aula.git("config", "--unset-all", "remote.origin.fetch")
        if refspec:
            ready.aula.git("config", "remote.origin.fetch", refspec)
        ready.aula.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
        ready.aula.git("update-ref", "-d", "refs/remotes/origin/master")
        command = mend(ready.push(ready.docker), "merged")
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text

    def test_a_master_that_has_gone_another_way(self, ready: Workshop) -> None:
        other = Repo(ready.root / "other")
        other.commit("Of another", {"other.hs": "x"})
        other.git("push", "--quiet", str(ready.root / "remotes/aula.git"), "HEAD:master")
        ready.aula.git("checkout", "--quiet", "-B", "master")
        commit = unpublished(ready)
        ready.aula.git("fetch", "--quiet")
        command = mend(ready.push(ready.docker))
        assert command == f"git -C aula push origin {commit[:12]}:refs/heads/pin-{commit[:8]}"
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert "error published" not in ran.text
        command = mend(ran, "merged")
        assert "git -C aula checkout --detach origin/master && git -C aula merge" in command
        assert paste(ready, command.partition(" && git -C aula push")[0]).status == 0

    def test_no_default_branch_of_aula_is_asked_for(self, ready: Workshop) -> None:
        ready.aula.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
        ready.aula.git("update-ref", "refs/remotes/origin/main", ready.aula.head)
        remote, away = ready.root / "remotes/aula.git", ready.root / "away"
        remote.rename(away)
        ran = ready.push(ready.docker)
        assert "undecided merged: the default branch of origin in aula is not known" in ran.text
        command = mend(ran, "merged")
        assert command == (
            "git -C aula fetch --no-recurse-submodules origin "
            "&& git -C aula remote set-head origin --auto"
        )
        away.rename(remote)
        ran, count = asked(ready, ready.docker, "--dry-run", "origin", "HEAD:master")
        assert (ran.status, count) == (0, 1), ran.text
        ran, count = asked(ready, ready.docker, "--dry-run", "origin", "HEAD:master")
        assert (ran.status, count) == (0, 0), ran.text
        shutil.rmtree(ready.docker.folder / ".git/guard/memo")
        assert paste(ready, command).status == 0
        ran, count = asked(ready, ready.docker, "origin", "HEAD:master")
        assert (ran.status, count) == (0, 0), ran.text

    def test_a_tag_named_as_the_default_branch(self, ready: Workshop) -> None:
        commit = self.incident(ready)
        for name in ("refs/remotes/origin/master", "origin/master", "refs/remotes/origin/HEAD"):
            ready.aula.git("update-ref", f"refs/tags/{name}", commit)
        old = ready.aula.git("rev-parse", "refs/remotes/origin/master")
        ready.aula.git("replace", old, commit)
        assert "error merged" in ready.push(ready.docker).text


class TestStale:
    """aula is judged by a superproject that is not behind."""

    def behind(self, workshop: Workshop) -> None:
        """Others have pushed to aula-docker, untested, and that is fetched; aula has moved, too."""
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        workshop.docker.commit("Of another", {"another": "x"})
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        workshop.docker.git("reset", "--quiet", "--hard", "HEAD~")
        workshop.aula.git("commit", "--quiet", "--allow-empty", "-m", "Of the same content")

    def test_a_stale_superproject_blocks_until_the_pull(self, ready: Workshop) -> None:
        self.behind(ready)
        ran = ready.push(ready.aula, *TOPIC)
        assert "error merged: aula-docker's HEAD lacks what origin/master has" in ran.text
        command = mend(ran, "merged")
        assert command == "git -C .. pull --no-recurse-submodules origin master"
        assert paste(ready, command, ready.aula).status == 0
        ready.verdict()
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_what_others_have_may_allow_it_all_the_same(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.verdict(commit="origin/master")
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 0, ran.text
        assert "topic allowed, judged with origin/master of aula-docker" in ran.text

    def test_with_an_upstream_it_names_no_branch(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.docker.git("branch", "--quiet", "--set-upstream-to=origin/master")
        command = "git -C .. pull --no-recurse-submodules"
        assert mend(ready.push(ready.aula, *TOPIC), "merged") == command

    def test_one_that_has_gone_its_own_way(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.docker.commit("Of our own", {"README": "x"})
        ready.verdict()
        command = mend(ready.push(ready.aula, *TOPIC), "merged")
        assert command == "git -C .. pull --no-recurse-submodules --no-rebase origin master"
        assert paste(ready, command, ready.aula).status == 0
        ready.verdict()
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_a_gitlink_that_nobody_can_fetch_stops_no_pull(self, ready: Workshop) -> None:
        self.behind(ready)
        command = mend(ready.push(ready.aula, *TOPIC), "merged")
        docker, head = ready.docker, ready.docker.head
        docker.git("reset", "--quiet", "--hard", "origin/master")
        docker.git("update-index", "--cacheinfo", f"160000,{'9' * 40},thentos")
        docker.git("commit", "--quiet", "-m", "Pin what is not pushed")
        there = str(ready.root / "remotes/aula-docker.git")
        docker.git("push", "--quiet", "--no-verify", there, "HEAD:master")
        docker.git("reset", "--quiet", "--hard", head)
        assert paste(ready, command, ready.aula).status == 0
        assert docker.head == ready.remote_head("aula-docker")

    def test_one_that_is_ahead_is_not_stale(self, ready: Workshop) -> None:
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        ready.docker.git("commit", "--quiet", "--allow-empty", "-m", "More")
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_a_default_branch_that_was_renamed(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.docker.git("remote", "set-head", "origin", "--auto")
        remote = Repo(ready.root / "remotes/aula-docker.git")
        remote.git("branch", "--move", "master", "main")
        ready.docker.git("fetch", "--quiet", "--prune")
        command = mend(ready.push(ready.aula, *TOPIC), "merged")
        assert command == "git -C .. pull --no-recurse-submodules origin main"
        assert paste(ready, command, ready.aula).status == 0
        ready.verdict()
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_two_usual_branches_of_which_one_is_the_default(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.docker.git("update-ref", "refs/remotes/origin/main", "refs/remotes/origin/master")
        ready.docker.git("update-ref", "refs/remotes/origin/master", "HEAD")
        ready.docker.git("remote", "set-head", "origin", "master")
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_another_branch_of_the_remote_does_not_count(self, ready: Workshop) -> None:
        self.behind(ready)
        ready.docker.git("update-ref", "refs/remotes/origin/develop", "HEAD")
        head = "refs/remotes/origin/HEAD"
        ready.docker.git("symbolic-ref", head, "refs/remotes/origin/develop")
        assert ready.push(ready.aula, *TOPIC).status == 0

    def test_a_remote_that_was_never_fetched(self, ready: Workshop) -> None:
        ready.docker.git("update-ref", "refs/tags/refs/remotes/origin/master", ready.docker.head)
        assert ready.push(ready.aula, *TOPIC).status == 0
