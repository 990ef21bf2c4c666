"""Branches without a `.guard.toml`, which go by the default branch's: by real pushes."""

from __future__ import annotations

import pytest

from tests.hooks.test_refs import ready as ready
from tests.workshop import Repo, Workshop


class TestOrphan:
    """A branch that has nothing to do with the others, and which master's policy leaves out."""

    @pytest.fixture
    def pages(self, ready: Workshop) -> Workshop:
        toml = (ready.docker.folder / ".guard.toml").read_text()
        for table in ("guard", "guard.consumer-push"):
            toml += f'[{table}]\nprotect = ["*", "!gh-pages"]\n'
        ready.docker.commit("Leave out the pages", {".guard.toml": toml})
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        ready.docker.git("fetch", "--quiet", "origin")
        return ready

    def orphan(self, repo: Repo, branch: str = "gh-pages") -> None:
        repo.git("checkout", "--quiet", "--orphan", branch)
        repo.git("rm", "-r", "--quiet", "--cached", "--force", ".")
        repo.write({"index.html": "<p>\n"})
        repo.git("add", "index.html")
        repo.git("commit", "--quiet", "-m", "The pages")

    def test_it_passes_while_it_is_checked_out(self, pages: Workshop) -> None:
        self.orphan(pages.docker)
        for _ in ("made", "moved"):
            ran = pages.push(pages.docker, "origin", "gh-pages")
            assert ran.status == 0, ran.text
            assert "refs/heads/gh-pages is not judged: .guard.toml does not" in ran.text
            pages.docker.git("commit", "--quiet", "--allow-empty", "-m", "More")
        assert pages.guard("check", "--for", "gh-pages").status == 0
        ran = pages.push(pages.docker, "origin", "HEAD:refs/heads/pages")
        assert ran.status != 0
        assert "to refs/heads/pages: " in ran.text

    def test_it_passes_from_another_branch(self, pages: Workshop) -> None:
        self.orphan(pages.docker)
        pages.docker.git("checkout", "--quiet", "--force", "master")
        ran = pages.push(pages.docker, "origin", "gh-pages")
        assert ran.status == 0, ran.text

    def test_where_nothing_leaves_it_out_it_is_judged(self, ready: Workshop) -> None:
        self.orphan(ready.docker)
        ran = ready.push(ready.docker, "origin", "gh-pages")
        assert ran.status == 1
        assert "error tested" in ran.text

    def test_of_aula_too(self, pages: Workshop) -> None:
        self.orphan(pages.aula)
        ran = pages.push(pages.aula, "origin", "gh-pages")
        assert ran.status == 0, ran.text
        assert "refs/heads/gh-pages is not judged: .guard.toml does not" in ran.text
        assert pages.push(pages.aula, "origin", "gh-pages:refs/heads/pages").status != 0

    def test_aula_is_judged_beside_it_by_what_others_have(self, pages: Workshop) -> None:
        pages.aula.git("commit", "--quiet", "--allow-empty", "-m", "Of the same content")
        self.orphan(pages.docker)
        ran = pages.push(pages.aula, "origin", "HEAD:refs/heads/topic")
        assert ran.status == 0, ran.text
        assert "topic allowed, judged with origin/master of aula-docker" in ran.text
        pages.aula.commit("Not tested", {"x.hs": "x"})
        assert pages.push(pages.aula, "origin", "HEAD:refs/heads/topic").status != 0
