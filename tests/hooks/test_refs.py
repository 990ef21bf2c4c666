"""Which refs of a push are judged, and as what: by real pushes."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import Repo, Workshop


@pytest.fixture
def ready(tmp_path: Path) -> Workshop:
    """aula-docker is on its remote; what is at HEAD has passed."""
    workshop = Workshop(tmp_path)
    workshop.install()
    workshop.verdict()
    assert workshop.push(workshop.docker).status == 0
    return workshop


def change(workshop: Workshop) -> str:
    """A commit of aula-docker that nobody has tested."""
    return workshop.docker.commit("Change it", {"Dockerfile": "FROM localhost/base\n"})


def beside(workshop: Workshop) -> str:
    """A commit of aula-docker that has passed, with an aula on a branch of its own alone."""
    workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/feature")
    commit = workshop.pin()
    workshop.verdict()
    return commit


class TestCommits:
    """A commit is judged, whatever it is pushed to."""

    @pytest.mark.parametrize(
        "ref",
        ["refs/for/master", "refs/wip/x", "refs/stash/x", "refs/notes-x/y"],
    )
    def test_outside_of_branches_and_tags(self, ready: Workshop, ref: str) -> None:
        assert ready.push(ready.docker, "origin", f"HEAD:{ref}").status == 0
        change(ready)
        ran = ready.push(ready.docker, "--force", "origin", f"HEAD:{ref}")
        assert ran.status == 1
        assert f"to {ref}: blocked" in ran.text
        assert "error tested" in ran.text

    def test_of_aula_too(self, ready: Workshop) -> None:
        ready.aula.commit("Change aula", {"src.hs": "x"})
        ran = ready.push(ready.aula, "origin", "HEAD:refs/for/master")
        assert ran.status == 1
        assert "to refs/for/master: blocked" in ran.text

    def test_behind_a_tag_in_a_folder_of_nobodys(self, ready: Workshop) -> None:
        change(ready)
        ready.docker.git("tag", "-a", "-m", "inner", "inner")
        ready.docker.git("tag", "-a", "-m", "outer", "outer", "inner")
        assert ready.push(ready.docker, "origin", "refs/tags/outer:refs/wip/tag").status == 1

    @pytest.mark.parametrize("ref", ["refs/notes/x", "refs/guard/x", "refs/stash"])
    def test_but_notes_a_stash_and_records(self, ready: Workshop, ref: str) -> None:
        change(ready)
        # A remote takes no stash, whatever guard says.
        ran = ready.push(ready.docker, "--dry-run", "origin", f"HEAD:{ref}")
        assert ran.status == 0, ran.text
        assert f"guard: {ref} is not judged: nobody builds notes, a stash or what" in ran.text

    def test_what_is_no_commit_is_not_judged(self, ready: Workshop) -> None:
        tree = change(ready) + "^{tree}"
        ran = ready.push(ready.docker, "origin", f"{tree}:refs/wip/tree")
        assert ran.status == 0, ran.text
        assert "guard: refs/wip/tree is not judged: it is no commit" in ran.text

    def test_a_deletion_passes(self, ready: Workshop) -> None:
        ready.push(ready.docker, "--no-verify", "origin", "HEAD:refs/wip/x", "HEAD:refs/for/x")
        ran = ready.push(ready.docker, "origin", ":refs/wip/x", ":refs/for/x")
        assert ran.status == 0, ran.text


class TestReview:
    """Gerrit's refs/for/X counts as X, before anything is merged."""

    @pytest.mark.parametrize(
        "ref", ["refs/for/master", "refs/for/refs/heads/master%topic=x", "refs/for/master%wip"]
    )
    def test_what_is_to_be_merged_is_a_warning(self, ready: Workshop, ref: str) -> None:
        commit = beside(ready)
        assert "error merged" in ready.push(ready.docker).text
        ran = ready.push(ready.docker, "origin", f"HEAD:{ref}")
        assert ran.status == 0, ran.text
        assert f"guard: aula-docker: {commit[:12]} to {ref} allowed" in ran.text
        assert f"warning: aula {ready.aula.head[:12]} is not in origin/master of aula" in ran.text
        assert "warning" not in ready.push(ready.docker, "origin", "HEAD:refs/for/topic").text

    def test_what_is_to_be_published_is_a_warning(self, ready: Workshop) -> None:
        ready.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
        ready.pin()
        ready.verdict()
        ran = ready.push(ready.docker, "origin", "HEAD:refs/for/topic")
        assert ran.status == 0, ran.text
        assert f"warning: aula {ready.aula.head[:12]} is not published" in ran.text

    def test_a_release_that_aula_waits_for_is_a_warning(self, ready: Workshop) -> None:
        """As `published` has it; `release-tag` blocks all the same."""
        ready.release("0.3.1")
        ready.aula.commit("Change aula", {"src.hs": "x"})
        ready.pin()
        ready.verdict()
        told = ready.push(ready.aula, "origin", "HEAD:refs/heads/topic").text
        assert "error published: thentos" in told
        told = ready.push(ready.aula, "origin", "HEAD:refs/for/topic").text
        assert "warning published: thentos" in told
        assert "error release-tag" in told

    def test_the_policy_is_that_of_the_branch(self, ready: Workshop) -> None:
        toml = (ready.docker.folder / ".guard.toml").read_text()
        toml += '[guard]\nprotect = ["*", "!wip/*"]\n'
        ready.docker.commit("Protect less", {".guard.toml": toml})
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        ready.docker.git("fetch", "--quiet", "origin")
        ready.docker.commit("Change a byte", {"Dockerfile": "FROM x\n"})
        ran = ready.push(ready.docker, "origin", "HEAD:refs/for/wip/x%topic=master")
        assert ran.status == 0, ran.text
        assert ".guard.toml does not protect it" in ran.text
        assert ready.push(ready.docker, "origin", "HEAD:refs/for/master").status == 1

    def test_all_other_rules_block(self, ready: Workshop) -> None:
        ready.require(">=0.4 && <0.5")
        ready.publish("aula")
        ready.pin()
        ran = ready.push(ready.docker, "origin", "HEAD:refs/for/master")
        assert ran.status == 1
        assert "error dependency-match" in ran.text


class TestNothingNew:
    """A new ref at a commit that the remote's default branch leads to passes with a note."""

    NOTE = "is not judged: it brings nothing new, origin/master leads to it"

    @pytest.fixture
    def fresh(self, ready: Workshop) -> Repo:
        """A clone of aula-docker, with the hook and without its submodules; nothing is tested."""
        clone = Repo(ready.root / "fresh/aula-docker")
        ready.docker.git("commit", "--quiet", "--allow-empty", "-m", "Untested")
        change(ready)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        url = str(ready.root / "remotes/aula-docker.git")
        ready.docker.git("clone", "--quiet", url, str(clone.folder))
        assert ready.guard("install", at=clone).status == 0
        return clone

    @pytest.mark.parametrize("words", [("tag", "v1"), ("tag", "-a", "-m", "x", "v1")])
    @pytest.mark.parametrize("at", ["origin/master", "origin/master~2"])
    def test_a_tag_in_a_fresh_clone(
        self, ready: Workshop, fresh: Repo, words: tuple[str, ...], at: str
    ) -> None:
        fresh.git(*words, at)
        ran = ready.push(fresh, "origin", "v1")
        assert ran.status == 0, ran.text
        assert f"guard: refs/tags/v1 {self.NOTE}" in ran.text
        told = ready.guard("check", "--for", "refs/tags/v2", "v1", at=fresh)
        assert told.status == 0, told.text
        assert f"guard: refs/tags/v2 {self.NOTE}" in told.text

    @pytest.mark.parametrize("ref", ["refs/heads/old", "refs/wip/x", "refs/for/release"])
    def test_any_new_ref_and_by_url(self, ready: Workshop, fresh: Repo, ref: str) -> None:
        url = str(ready.root / "remotes/aula-docker.git")
        ran = ready.push(fresh, url, f"origin/master~1:{ref}")
        assert ran.status == 0, ran.text
        assert f"guard: {ref} {self.NOTE}" in ran.text

    def test_one_that_is_there_is_judged(self, ready: Workshop, fresh: Repo) -> None:
        assert ready.push(fresh, "origin", "origin/master~1:refs/heads/old").status == 0
        assert ready.push(fresh, "origin", "origin/master:refs/heads/old").status != 0
        assert ready.push(fresh, "-f", "origin", "origin/master~2:refs/heads/old").status != 0

    def test_one_commit_more_is_judged(self, ready: Workshop, fresh: Repo) -> None:
        fresh.git("commit", "--quiet", "--allow-empty", "-m", "More")
        ran = ready.push(fresh, "origin", "HEAD:refs/heads/new", "HEAD~:refs/heads/old")
        assert ran.status != 0
        assert "to refs/heads/new: " in ran.text
        assert f"guard: refs/heads/old {self.NOTE}" in ran.text

    def test_what_another_remote_has_is_new_there(self, ready: Workshop, fresh: Repo) -> None:
        fork = str(ready.root / "remotes/fork.git")
        fresh.git("init", "--quiet", "--bare", fork)
        fresh.git("remote", "add", "fork", fork)
        assert ready.push(fresh, "fork", "HEAD:refs/heads/old").status != 0
        fresh.git("config", "remote.origin.pushurl", fork)
        assert ready.push(fresh, "origin", "HEAD:refs/heads/old").status != 0

    def test_a_branch_that_leads_there_is_not_the_default_one(self, ready: Workshop) -> None:
        change(ready)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/other")
        assert ready.push(ready.docker, "origin", "HEAD:refs/heads/new").status == 1

    @pytest.mark.parametrize("result", [Result.FAILED_TEST, Result.FAILED_BUILD])
    def test_what_has_failed_is_judged(self, ready: Workshop, result: Result) -> None:
        ready.verdict(result)
        ready.docker.git("tag", "v1")
        ran = ready.push(ready.docker, "origin", "v1")
        assert ran.status == 1
        assert "error tested" in ran.text
        assert ready.guard("check", "--for", "refs/tags/v1").status == 1

    def test_of_aula_too(self, ready: Workshop) -> None:
        """What aula-docker pins does not fit it any more."""
        ready.aula.git("tag", "v1", "origin/master")
        old = ready.thentos.git("rev-parse", "v0.2.1")
        ready.docker.git("update-index", "--cacheinfo", f"160000,{old},thentos")
        ready.docker.git("commit", "--quiet", "-m", "Go back")
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        ran = ready.push(ready.aula, "origin", "v1")
        assert ran.status == 0, ran.text
        assert f"guard: refs/tags/v1 {self.NOTE}" in ran.text
        ready.verdict(Result.FAILED_TEST)
        ran = ready.push(ready.aula, "origin", "v1:refs/tags/v2")
        assert ran.status == 1
        assert "error tested" in ran.text
