"""The rule `published` by real pushes: what others can fetch, whatever clocks and URLs say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hooks.test_release_order import TOPIC, asked, mend
from tests.workshop import Repo, Workshop


@pytest.fixture
def ready(tmp_path: Path) -> Workshop:
    workshop = Workshop(tmp_path)
    workshop.install()
    workshop.verdict()
    return workshop


def behind_clocks(repo: Repo) -> str:
    """A commit of a clock that is years ahead, with twelve of a clock years behind on top."""
    dates = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    repo.git("commit", "--quiet", "--allow-empty", "-m", "Of tomorrow", env=dates)
    commit = repo.head
    for number in range(12):
        dates["GIT_COMMITTER_DATE"] = f"2010-01-{12 - number}T00:00:00Z"
        repo.git("commit", "--quiet", "--allow-empty", "-m", "Of long ago", env=dates)
    return commit


class TestClocks:
    """Which commit leads to which, its parents say, and no date."""

    @pytest.mark.parametrize("branch", ["master", "feature"])
    def test_a_branch_of_the_remote_leads_to_it(self, ready: Workshop, branch: str) -> None:
        commit = behind_clocks(ready.aula)
        ready.aula.git("push", "--quiet", "--no-verify", "origin", f"HEAD:refs/heads/{branch}")
        ready.pin(aula=commit)
        ready.verdict()
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 0), ran.text

    def test_a_branch_leads_to_it_that_only_the_remote_names(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        url = str(ready.root / "remotes/aula.git")
        ready.aula.git("push", "--quiet", "--no-verify", url, "HEAD:refs/heads/feature")
        ready.pin(aula=commit)
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_several_at_once(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        for aula in (commit, f"{ready.aula.head}~3"):
            ready.pin(aula=ready.aula.git("rev-parse", aula))
            ready.verdict()
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/a", "HEAD~:refs/heads/b")
        assert ran.status == 0, ran.text

    def test_what_is_not_published_is_not(self, ready: Workshop) -> None:
        ready.publish("aula")
        commit = behind_clocks(ready.aula)
        ready.pin(aula=commit)
        ready.verdict()
        assert mend(ready.push(ready.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_the_default_branch_of_aula_leads_to_it(self, ready: Workshop) -> None:
        """`merged` asks that on the default branch."""
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        ready.pin(aula=commit)
        ready.verdict()
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text

    def test_the_superproject_has_what_its_remote_has(self, ready: Workshop) -> None:
        """Else `merged` would ask for a pull before aula is pushed."""
        dates = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
        ready.docker.git("commit", "--quiet", "--allow-empty", "-m", "Of tomorrow", env=dates)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        behind_clocks(ready.docker)
        ready.verdict()
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 0, ran.text

    def test_a_checkout_that_is_behind_is_brought_forward(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        ready.pin()
        ready.aula.git("checkout", "--quiet", "-B", "master", commit)
        ran = ready.guard("status", "--short")
        assert f"git -C aula merge --ff-only {ready.docker.git('rev-parse', ':aula')[:12]}" in (
            ran.text
        )
