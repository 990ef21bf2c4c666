"""Which superproject a push of aula is judged with: by real pushes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.hooks.test_published import without_registry
from tests.hooks.test_release_order import TO_DEVELOP, asked, mend, paste
from tests.workshop import Ran, Repo, Workshop

MASTER = ("origin", "HEAD:refs/heads/master")
TOPIC = ("origin", "HEAD:refs/heads/topic")


@pytest.fixture
def ready(tmp_path: Path) -> Workshop:
    """aula-docker's master is on its remote, and has passed; aula has a commit that has not."""
    workshop = Workshop(tmp_path)
    workshop.install()
    workshop.verdict()
    # What the remote of thentos has is asked for, and kept.
    assert workshop.push(workshop.docker).status == 0
    workshop.docker.git("remote", "set-head", "origin", "--auto")
    workshop.aula.git("checkout", "--quiet", "-B", "master")
    workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    return workshop


def share(workshop: Workshop, ref: str = "refs/heads/master") -> None:
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{ref}")
    workshop.docker.git("fetch", "--quiet", "origin")


def on_branch(workshop: Workshop, name: str = "feature") -> None:
    """aula-docker is on a branch of its own, where aula's commit has passed with what is there."""
    workshop.docker.git("checkout", "--quiet", "-b", name)
    workshop.docker.commit(f"Go on with {name}", {name: "x"})
    workshop.verdict()


def unmerged(workshop: Workshop) -> None:
    """Leave aula-docker in the middle of a merge."""
    blob = workshop.docker.git("hash-object", "-w", "Dockerfile")
    entries = f"100644 {blob} 1\tfile\n100644 {blob} 2\tfile\n"
    workshop.docker.git("update-index", "--index-info", data=entries.encode())


def judge(ran: Ran) -> str:
    """With what an allowed push was judged, "" for the index."""
    assert ran.status == 0, ran.text
    match = re.search(r"^guard: aula: \S+ to \S+ allowed(?:, judged with (.*))?$", ran.text, re.M)
    assert match is not None, ran.text
    return match[1] or ""


class TestIndex:
    def test_it_counts_without_a_word(self, ready: Workshop) -> None:
        ready.pin()
        ready.verdict()
        assert judge(ready.push(ready.aula, *TOPIC)) == ""
        assert judge(ready.push(ready.aula, *MASTER)) == ""

    def test_what_is_staged_counts_as_what_is_committed(self, ready: Workshop) -> None:
        ready.pin()
        ready.verdict()
        ready.docker.git("reset", "--quiet", "--soft", "HEAD~")
        assert judge(ready.push(ready.aula, *MASTER)) == ""


class TestHead:
    """HEAD counts where it has all that its branch has on the remote, and is said."""

    def break_index(self, workshop: Workshop) -> None:
        old = workshop.thentos.git("rev-parse", "v0.2.1")
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{old},thentos")

    @pytest.mark.parametrize("to", [TOPIC, MASTER])
    def test_that_is_ahead(self, ready: Workshop, to: tuple[str, str]) -> None:
        ready.pin()
        ready.verdict()
        self.break_index(ready)
        ran = ready.push(ready.aula, *to)
        assert judge(ran) == "HEAD of aula-docker"
        told = ready.guard("check", "--for", to[1].partition(":")[2], at=ready.aula)
        assert ", judged with HEAD of aula-docker\n" in told.out

    def test_that_lacks_what_its_branch_has_does_not_count(self, ready: Workshop) -> None:
        ready.docker.commit("Of another", {"another": "x"})
        share(ready)
        ready.docker.git("reset", "--quiet", "--hard", "HEAD~")
        ready.pin()
        ready.verdict()
        self.break_index(ready)
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 1
        assert "error merged: aula-docker's HEAD lacks what origin/master has" in ran.text

    def test_of_a_new_branch_is_ahead_of_nothing(self, ready: Workshop) -> None:
        on_branch(ready)
        self.break_index(ready)
        assert judge(ready.push(ready.aula, *TOPIC)) == "HEAD of aula-docker"


class TestPublished:
    """What others have of aula-docker is never a local branch, and is said."""

    @pytest.mark.parametrize("ref", ["refs/heads/topic", "refs/tags/topic", "refs/remotes/x/topic"])
    def test_an_old_branch_of_that_name_does_not_count(self, ready: Workshop, ref: str) -> None:
        on_branch(ready)
        ready.docker.git("update-ref", ref, "HEAD")
        ready.docker.git("checkout", "--quiet", "--force", "master")
        assert ready.push(ready.aula, *TOPIC).status == 1

    def test_the_branch_of_that_name(self, ready: Workshop) -> None:
        on_branch(ready)
        share(ready, "refs/heads/topic")
        ready.docker.git("checkout", "--quiet", "--force", "master")
        assert judge(ready.push(ready.aula, *TOPIC)) == "origin/topic of aula-docker"
        assert ready.push(ready.aula, "origin", "HEAD:refs/heads/other").status == 1

    def test_of_a_review_the_branch_that_it_is_for(self, ready: Workshop) -> None:
        on_branch(ready)
        share(ready, "refs/heads/topic")
        ready.docker.git("checkout", "--quiet", "--force", "master")
        ran = ready.push(ready.aula, "origin", "HEAD:refs/for/topic%wip")
        assert judge(ran) == "origin/topic of aula-docker"

    def test_else_the_default_one(self, ready: Workshop) -> None:
        ready.docker.commit("Go on", {"more": "x"})
        ready.verdict()
        share(ready)
        ready.docker.git("checkout", "--quiet", "-b", "old", "HEAD~")
        assert judge(ready.push(ready.aula, *TOPIC)) == "origin/master of aula-docker"

    def test_one_that_a_push_to_a_fork_has_moved_does_not_count(self, ready: Workshop) -> None:
        fork = ready.root / "remotes/fork.git"
        ready.docker.git("init", "--quiet", "--bare", str(fork))
        on_branch(ready)
        ready.docker.git("config", "remote.origin.pushurl", str(fork))
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/topic")
        ready.docker.git("checkout", "--quiet", "--force", "master")
        assert "refs/remotes/origin/topic" in ready.docker.git("for-each-ref")
        assert ready.push(ready.aula, *TOPIC).status == 1

    def test_of_an_unmerged_index(self, ready: Workshop) -> None:
        """HEAD is what the merge began with, and lacks what the remote has."""
        ready.docker.commit("Go on", {"more": "x"})
        ready.verdict()
        share(ready)
        ready.docker.git("reset", "--quiet", "--hard", "HEAD~")
        unmerged(ready)
        assert judge(ready.push(ready.aula, *TOPIC)) == "origin/master of aula-docker"
        ready.aula.commit("Not tested", {"more.hs": "x"})
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 1
        assert "has unmerged entries (file)" in ran.text
        assert "mend:     you: resolve file, and stage it: git" in ran.text


class TestDefaultBranch:
    """aula's default branch is not judged by what goes to another branch of aula-docker."""

    def test_a_branch_of_aula_docker_does_not_judge_it(self, ready: Workshop) -> None:
        on_branch(ready)
        assert judge(ready.push(ready.aula, *TOPIC)) == ""
        for words in (MASTER, ("origin", "HEAD:refs/for/master")):
            ran = ready.push(ready.aula, *words)
            assert ran.status == 1
            text = (
                "error merged: aula-docker goes to feature, so what is checked out there does not "
                "judge a push to master, the default branch of aula"
            )
            assert (text in ran.text) or (text.replace("error", "warning") in ran.text)
        assert ready.guard("check", "--for", "master", at=ready.aula).status == 1
        assert ready.guard("check", "--for", "topic", at=ready.aula).status == 0

    def test_the_remedy_leads_there(self, ready: Workshop) -> None:
        on_branch(ready)
        command = mend(ready.push(ready.aula, *MASTER), "merged")
        assert command == "git -C .. switch master"
        assert paste(ready, command, ready.aula).status == 0
        ready.pin()
        ready.verdict()
        assert judge(ready.push(ready.aula, *MASTER)) == ""

    def test_a_detached_head_goes_to_no_branch(self, ready: Workshop) -> None:
        on_branch(ready)
        ready.docker.git("checkout", "--quiet", "--detach")
        assert judge(ready.push(ready.aula, *TOPIC)) == ""
        ran = ready.push(ready.aula, *MASTER)
        assert ran.status == 1
        assert "error merged: aula-docker has no branch checked out" in ran.text

    def test_what_others_have_judges_it(self, ready: Workshop) -> None:
        ready.pin()
        ready.verdict()
        share(ready)
        commit = ready.aula.head
        ready.docker.git("checkout", "--quiet", "-b", "feature")
        ready.aula.commit("More", {"more.hs": "x"})
        on_branch(ready, "further")
        ran = ready.push(ready.aula, "origin", f"{commit}:refs/heads/master")
        assert judge(ran) == "origin/master of aula-docker"

    def test_nor_does_a_merge_on_a_branch_keep_that_from_it(self, ready: Workshop) -> None:
        ready.pin()
        ready.verdict()
        share(ready)
        ready.docker.git("checkout", "--quiet", "-b", "feature")
        unmerged(ready)
        assert judge(ready.push(ready.aula, *MASTER)) == "origin/master of aula-docker"

    def test_a_branch_of_the_name_of_aulas_default_one_does_not(self, ready: Workshop) -> None:
        """aula's default branch is develop, which in aula-docker is any branch."""
        remote = Repo(ready.root / "remotes/aula.git")
        remote.git("branch", "--move", "master", "develop")
        ready.aula.git("fetch", "--quiet", "--prune")
        ready.aula.git("remote", "set-head", "origin", "--auto")
        on_branch(ready, "develop")
        share(ready, "refs/heads/develop")
        ran = ready.push(ready.aula, "origin", "HEAD:refs/heads/develop")
        assert ran.status == 1
        assert "does not judge a push to develop, the default branch of aula" in ran.text

    @pytest.mark.parametrize(
        ("way", "judging"),
        [
            *((way, "origin/master of aula-docker") for way in ("", "simple", "current")),
            ("upstream", ""),
        ],
    )
    def test_a_branch_with_the_default_one_for_its_upstream(
        self, ready: Workshop, way: str, judging: str
    ) -> None:
        """By default git refuses to push it there, as the names differ."""
        ready.docker.git("checkout", "--quiet", "-b", "work", "--track", "origin/master")
        if way:
            ready.docker.git("config", "push.default", way)
        ready.pin()
        ready.verdict()
        assert judge(ready.push(ready.aula, *MASTER)) == judging

    def test_nobody_is_asked_where_nothing_is_in_doubt(self, ready: Workshop) -> None:
        ready.pin()
        ready.verdict()
        for to in (TOPIC, MASTER):
            ran, count = asked(ready, ready.aula, *to)
            assert (ran.status, count) == (0, 0), ran.text

    def test_where_nothing_is_published_any_branch_may_be_the_default_one(
        self, ready: Workshop
    ) -> None:
        for ref in ready.docker.git("for-each-ref", "--format=%(refname)", "refs/remotes").split():
            ready.docker.git("update-ref", "--no-deref", "-d", ref)
        on_branch(ready)
        assert judge(ready.push(ready.aula, *MASTER)) == ""


class TestForks:
    """A fork's master is nobody's default branch: neither aula-docker's nor aula's."""

    def fork(self, at: Repo, name: str, has_it: bool = True) -> str:
        url = at.git("remote", "get-url", "origin").removesuffix(f"{name}.git") + f"{name}-fork.git"
        at.git("init", "--quiet", "--bare", url)
        at.git("remote", "add", "fork", url)
        if has_it:
            at.git("push", "--quiet", "--no-verify", "fork", "origin/master:refs/heads/master")
        return url

    @pytest.mark.parametrize(
        ("key", "has_it", "by_url"),
        [
            ("remote.pushDefault", True, False),
            ("branch.master.pushRemote", False, False),
            ("remote.pushDefault", False, True),
        ],
    )
    def test_what_goes_to_a_fork_does_not_judge_it(
        self, ready: Workshop, key: str, has_it: bool, by_url: bool
    ) -> None:
        ready.docker.commit("Go on", {"more": "x"})
        ready.pin()
        ready.verdict()
        url = self.fork(ready.docker, "aula-docker", has_it)
        to = url if by_url else "fork"
        ready.docker.git("config", key, to)
        assert judge(ready.push(ready.aula, *TOPIC)) == ""
        ran = ready.push(ready.aula, *MASTER)
        assert (
            f"error merged: aula-docker goes to master of {to}, so what is checked out there does "
            "not judge a push to master, the default branch of aula"
        ) in ran.text
        command = mend(ran, "merged")
        assert command == "git -C .. config branch.master.pushRemote origin"
        assert paste(ready, command, ready.aula).status == 0
        assert judge(ready.push(ready.aula, *MASTER)) == ""

    def test_nor_does_a_branch_that_goes_there(self, ready: Workshop) -> None:
        self.fork(ready.docker, "aula-docker")
        ready.docker.git("config", "remote.pushDefault", "fork")
        on_branch(ready)
        command = mend(ready.push(ready.aula, *MASTER), "merged")
        assert command == (
            "git -C .. switch master && git -C .. config branch.master.pushRemote origin"
        )
        assert paste(ready, command, ready.aula).status == 0
        ready.pin()
        ready.verdict()
        assert judge(ready.push(ready.aula, *MASTER)) == ""

    def test_others_have_what_the_default_branch_comes_from(self, ready: Workshop) -> None:
        """A branch that comes from a fork says nothing of what is published."""
        ready.docker.git("config", "branch.master.remote", "origin")
        self.fork(ready.docker, "aula-docker")
        on_branch(ready)
        ready.docker.git("push", "--quiet", "--no-verify", "fork", "HEAD:refs/heads/master")
        ready.docker.git("push", "--quiet", "--no-verify", "-u", "fork", "HEAD:refs/heads/feature")
        assert ready.push(ready.aula, *MASTER).status == 1

    @pytest.mark.parametrize("by_url", [True, False])
    def test_aulas_fork_is_judged_by_what_is_checked_out(
        self, ready: Workshop, by_url: bool
    ) -> None:
        url = self.fork(ready.aula, "aula", has_it=not by_url)
        on_branch(ready)
        to = url if by_url else "fork"
        assert judge(ready.push(ready.aula, to, "HEAD:refs/heads/master")) == ""
        assert ready.push(ready.aula, *MASTER).status == 1

    def test_aulas_home_is_what_gitmodules_name(self, ready: Workshop) -> None:
        url = self.fork(ready.aula, "aula")
        ready.aula.git("remote", "rename", "origin", "upstream")
        ready.aula.git("remote", "rename", "fork", "origin")
        on_branch(ready)
        assert ready.push(ready.aula, "upstream", "HEAD:refs/heads/master").status == 1
        ready.aula.git("remote", "remove", "upstream")
        # Nothing tells that it is a fork.
        assert ready.push(ready.aula, url, "HEAD:refs/heads/master").status == 1


class TestRenamed:
    """Which branch is the default one is asked where it matters, once a day."""

    def rename(self, workshop: Workshop, name: str) -> None:
        remote = Repo(workshop.root / f"remotes/{name}.git")
        remote.git("branch", "develop", "master")
        remote.git(*TO_DEVELOP)
        at = workshop.docker if name == "aula-docker" else workshop.aula
        at.git("fetch", "--quiet")

    def test_aulas(self, ready: Workshop) -> None:
        self.rename(ready, "aula")
        on_branch(ready)
        to = ("origin", "HEAD:refs/heads/develop")
        ran, count = asked(ready, ready.aula, *to)
        assert (ran.status, count) == (1, 1), ran.text
        assert "does not judge a push to develop, the default branch of aula" in ran.text
        ran, count = asked(ready, ready.aula, *to)
        assert (ran.status, count) == (1, 0), ran.text
        # Which is what master was before.
        ran, count = asked(ready, ready.aula, *MASTER)
        assert (ran.status, count) == (0, 0), ran.text

    def test_aula_dockers(self, ready: Workshop) -> None:
        self.rename(ready, "aula-docker")
        ready.docker.git("checkout", "--quiet", "-b", "develop", "origin/develop")
        ready.pin()
        ready.verdict()
        ran, count = asked(ready, ready.aula, *MASTER)
        assert (judge(ran), count) == ("", 2)

    def test_aula_dockers_that_is_pruned(self, ready: Workshop) -> None:
        """master is what it was called, and what is checked out goes there all the same."""
        self.rename(ready, "aula-docker")
        Repo(ready.root / "remotes/aula-docker.git").git("branch", "-D", "master")
        ready.docker.git("fetch", "--quiet", "--prune")
        ready.docker.commit("Go on", {"more": "x"})
        ready.verdict()
        ran = ready.push(ready.aula, *MASTER)
        assert ran.status == 1
        assert "error merged: aula-docker goes to master, so what is checked out" in ran.text
        command = mend(ran, "merged")
        assert command == "git -C .. switch develop"
        assert paste(ready, command, ready.aula).status == 0

    def test_aula_dockers_that_is_not_here_yet(self, ready: Workshop) -> None:
        Repo(ready.root / "remotes/aula-docker.git").git("branch", "--move", "master", "trunk")
        ready.aula.commit("A feature", {"feature.hs": "x"})
        ready.aula.git("push", "--quiet", "--no-verify", *TOPIC)
        ready.pin()
        ready.verdict()
        # It asks, and says what is to be merged.
        assert ready.push(ready.docker, "origin", "HEAD:refs/heads/trunk").status == 1
        ran = ready.push(ready.aula, *MASTER)
        assert ran.status == 1
        assert "expected: trunk of aula-docker" in ran.text
        command = mend(ran, "merged")
        assert command.endswith("git -C .. switch trunk")
        assert paste(ready, command, ready.aula).status == 0
        assert ready.docker.git("branch", "--show-current") == "trunk"

    def test_status_asks_where_a_push_would(self, ready: Workshop) -> None:
        self.rename(ready, "aula-docker")
        ready.docker.git("checkout", "--quiet", "-b", "develop", "origin/develop")
        without_registry(ready)
        ready.aula.git("push", "--quiet", "--no-verify", *TOPIC)
        ready.pin()
        ready.verdict()
        step = ready.guard("status").out.rpartition("\nnext: ")[2]
        assert step.startswith("you: aula"), step
        command = f"git -C aula push origin {ready.aula.head[:12]}:refs/heads/master\n"
        assert step.endswith(f": {command}"), step
        assert f"mend:     {command}" in ready.push(ready.docker, "origin", "develop").text
        assert ready.guard("status", "--short").out.endswith(f"; next: {step}")

    def test_a_new_branch_asks_nobody(self, ready: Workshop) -> None:
        on_branch(ready)
        ran, count = asked(ready, ready.aula, *TOPIC)
        assert (ran.status, count) == (0, 0), ran.text

    def test_no_answer_is_what_was_known_last_with_a_note(self, ready: Workshop) -> None:
        self.rename(ready, "aula")
        on_branch(ready)
        remote, away = ready.root / "remotes/aula.git", ready.root / "away"
        remote.rename(away)
        ready.aula.git("config", f"url.{away}.pushInsteadOf", str(remote))
        ran = ready.push(ready.aula, "origin", "HEAD:refs/heads/develop")
        assert ran.status == 0, ran.text
        assert "guard: note: which branch is the default one is as it was last known" in ran.text
