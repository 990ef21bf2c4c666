"""Which refs of a push are judged, and as what: by real pushes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workshop import Workshop


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
        ready.release("0.3.1")
        ready.pin()
        ready.verdict()
        assert ready.push(ready.aula, "origin", "HEAD:refs/heads/topic").status == 1
        ran = ready.push(ready.aula, "origin", "HEAD:refs/for/topic")
        assert ran.status == 0, ran.text
        assert "warning: thentos" in ran.text

    def test_the_policy_is_that_of_the_branch(self, ready: Workshop) -> None:
        toml = (ready.docker.folder / ".guard.toml").read_text()
        toml += '[guard]\nprotect = ["*", "!wip/*"]\n'
        ready.docker.commit("Protect less", {".guard.toml": toml, "Dockerfile": "FROM x\n"})
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
