"""The gate's decisions, and how many git processes they take."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.objects import ObjectPool
from guard.git.remotes import Asking
from guard.model import COMBINATION_RULES, Decision, Gitlink, Outcome, Result, Severity
from guard.situation.gitlinks import Destination
from guard.situation.workspace import Workspace
from tests.workshop import ZERO, Repo, Workshop

ABSENT = "1" * 40


@pytest.fixture
def gate(workshop: Workshop) -> Iterator[Gate]:
    with open_gate(workshop) as gate:
        yield gate


def open_gate(workshop: Workshop, here: Repo | None = None, asks_verdicts: bool = True) -> Gate:
    pool = ObjectPool(Asking())
    top = workshop.docker.repository
    own = (here or workshop.docker).repository
    inside = (here or workshop.docker).folder.name if here else ""
    workspace = Workspace(own, top, inside, options=tuple(pool.settings.of(top)))
    gate = Gate(workspace, asks_verdicts, pool)
    gate.enter_context(pool)
    return gate


def rules(decision: Decision) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in decision.findings}


class TestSuperproject:
    def test_what_fits_and_has_passed_is_allowed(self, workshop: Workshop, gate: Gate) -> None:
        key = workshop.verdict()
        head = workshop.docker.head
        found = gate.superproject(head, "refs/heads/master")
        assert found == Decision(
            "aula-docker",
            head,
            "refs/heads/master",
            Outcome.ALLOWED,
            key,
            COMBINATION_RULES,
            (Gitlink("aula", workshop.aula.head), Gitlink("thentos", workshop.thentos.head)),
            "v0.3.0",
            (),
            f"aula-docker: commit {head[:12]}",
            workshop.config(head).recipe.digest,
        )

    def test_every_rule_speaks_at_once(self, workshop: Workshop, gate: Gate) -> None:
        files = {"stack.yaml": "resolver: x\npackages:\n- '.'\n- ../thentos/gone\n"}
        workshop.aula.commit("gone", files)
        workshop.require(">=0.9")
        workshop.thentos.commit("unreleased", {"new": "x"})
        workshop.pin()
        found = gate.superproject(workshop.docker.head)
        assert found.outcome is Outcome.BLOCKED
        errors = {rule for rule, item in rules(found).items() if item is Severity.ERROR}
        assert {"release-tag", "dependency-source", "tested"} <= errors
        assert [item.rule for item in found.findings if item.severity is Severity.ERROR][1] == (
            "dependency-match"
        )
        assert found.release is None

    def test_the_static_rules_alone(self, workshop: Workshop) -> None:
        with open_gate(workshop, asks_verdicts=False) as gate:
            found = gate.superproject(workshop.docker.head)
        assert (found.outcome, found.combination) == (Outcome.ALLOWED, None)
        assert found.rules_run == (
            "release-tag",
            "dependency-match",
            "dependency-source",
            "image-pin",
        )

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_a_missing_commit_is_undecided_and_named(
        self, workshop: Workshop, gate: Gate, path: str
    ) -> None:
        workshop.pin(**{path: ABSENT})
        found = gate.superproject(workshop.docker.head)
        assert found.outcome is Outcome.UNDECIDED
        assert any(f"commit {ABSENT} of {path}" in item.message for item in found.findings)
        assert all(item.missing for item in found.findings)

    def test_an_error_beside_what_is_missing_is_blocked(
        self, workshop: Workshop, gate: Gate
    ) -> None:
        workshop.thentos.commit("unreleased", {"new": "x"})
        workshop.pin(aula=ABSENT)
        found = gate.superproject(workshop.docker.head)
        assert found.outcome is Outcome.BLOCKED
        assert {Severity.ERROR, Severity.UNDECIDED} <= {item.severity for item in found.findings}

    def test_a_pushed_commit_that_is_missing(self, gate: Gate) -> None:
        found = gate.superproject(ABSENT)
        assert found.outcome is Outcome.UNDECIDED
        assert found.findings[0].message == f"commit {ABSENT} of the superproject is missing"
        assert found.findings[0].remedy.endswith(f"fetch origin {ABSENT}")

    def test_malformed_configuration_is_undecided(self, workshop: Workshop, gate: Gate) -> None:
        workshop.docker.commit("malformed", {".guard.toml": "[guard]\nconsumers = 1\n"})
        (finding,) = gate.superproject(workshop.docker.head).findings
        assert finding.severity is Severity.UNDECIDED
        assert ".guard.toml:2: guard.consumers is not a key" in finding.message

    def test_a_damaged_object_is_undecided(self, workshop: Workshop, gate: Gate) -> None:
        workshop.docker.write({".guard.toml": "# long\n" * 2000})
        workshop.docker.commit("long")
        blob = workshop.docker.git("rev-parse", "HEAD:.guard.toml")
        path = workshop.docker.folder / ".git/objects" / blob[:2] / blob[2:]
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:40])
        assert gate.superproject(workshop.docker.head).outcome is Outcome.UNDECIDED

    def test_a_good_working_tree_does_not_help(self, workshop: Workshop, gate: Gate) -> None:
        workshop.require(">=0.9")
        workshop.pin()
        workshop.aula.git("checkout", "--quiet", "HEAD~")
        workshop.docker.git("add", "aula")
        assert gate.superproject(workshop.docker.head).outcome is Outcome.BLOCKED

    def test_a_bad_working_tree_does_not_harm(self, workshop: Workshop, gate: Gate) -> None:
        workshop.verdict()
        workshop.docker.write({"Dockerfile": "broken\n", ".guard.toml": "broken ["})
        workshop.aula.write({"aula.cabal": "broken\n"})
        workshop.thentos.git("checkout", "--quiet", "v0.2.1")
        workshop.docker.git("add", "--all")
        assert gate.superproject(workshop.docker.head).outcome is Outcome.ALLOWED


class TestConsumer:
    """A commit of aula is judged in the index, then in HEAD, then in what is published."""

    REF = "refs/heads/topic"

    @pytest.fixture
    def change(self, workshop: Workshop) -> str:
        """A commit of aula that needs thentos 0.2, pinned by nobody, tested with it."""
        return workshop.require("==0.2.*")

    def old_thentos(self, workshop: Workshop) -> str:
        """Commit, beside master, a superproject in which that commit would pass."""
        old = workshop.thentos.git("rev-parse", "v0.2.1")
        workshop.docker.git("checkout", "--quiet", "--detach")
        made = workshop.pin(thentos=old)
        workshop.verdict()
        workshop.docker.git("checkout", "--quiet", "--force", "master")
        return made

    def judge(self, workshop: Workshop, commit: str, ref: str = REF) -> Decision:
        with open_gate(workshop, workshop.aula) as gate:
            destination = Destination("origin", asks=False)
            aula = workshop.aula.repository
            order = Order(gate, consumer=aula, destination=destination)
            return order.consumer(commit, ref)

    def test_in_none_it_is_blocked_as_in_the_index(self, workshop: Workshop, change: str) -> None:
        found = self.judge(workshop, change)
        assert found.outcome is Outcome.BLOCKED
        assert (found.repository, found.commit, found.ref) == ("aula", change, self.REF)
        assert found.judged_with == "aula-docker: the index"
        assert found.gitlinks[0] == Gitlink("aula", change)
        assert f"guard test --consumer {change[:12]}" in [item.remedy for item in found.findings]

    def test_in_the_index(self, workshop: Workshop, change: str) -> None:
        self.old_thentos(workshop)
        old = workshop.thentos.git("rev-parse", "v0.2.1")
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{old},thentos")
        found = self.judge(workshop, change)
        assert (found.outcome, found.judged_with) == (Outcome.ALLOWED, "aula-docker: the index")
        assert found.release == "v0.2.1"

    def test_in_head(self, workshop: Workshop, change: str) -> None:
        made = self.old_thentos(workshop)
        workshop.docker.git("checkout", "--quiet", "--force", "-B", "moved", made)
        new = workshop.thentos.git("rev-parse", "v0.3.0")
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{new},thentos")
        found = self.judge(workshop, change)
        assert (found.outcome, found.judged_with) == (Outcome.ALLOWED, "aula-docker: HEAD")

    def test_in_the_published_branch_of_the_same_name(
        self, workshop: Workshop, change: str
    ) -> None:
        made = self.old_thentos(workshop)
        for ref in ("refs/heads/topic", "refs/tags/topic", "refs/remotes/origin/another"):
            workshop.docker.git("update-ref", ref, made)
            assert self.judge(workshop, change).outcome is Outcome.BLOCKED
        workshop.docker.git("update-ref", "refs/remotes/origin/topic", made)
        found = self.judge(workshop, change)
        assert (found.outcome, found.judged_with) == (Outcome.ALLOWED, "aula-docker: origin/topic")

    def test_a_tag_has_no_branch_of_its_name(self, workshop: Workshop, change: str) -> None:
        made = self.old_thentos(workshop)
        workshop.docker.git("update-ref", "refs/remotes/origin/topic", made)
        assert self.judge(workshop, change, "refs/tags/topic").outcome is Outcome.BLOCKED

    def unmerge(self, workshop: Workshop) -> None:
        head = workshop.docker.head
        lines = "".join(f"160000 {head} {number}\taula\n" for number in (1, 2, 3))
        workshop.docker.git("update-index", "--force-remove", "aula")
        workshop.docker.git("update-index", "--index-info", data=lines.encode())

    def test_an_index_with_unmerged_entries_goes_on_to_head(self, workshop: Workshop) -> None:
        workshop.verdict()
        self.unmerge(workshop)
        found = self.judge(workshop, workshop.aula.head)
        assert (found.outcome, found.judged_with) == (Outcome.ALLOWED, "aula-docker: HEAD")

    def test_where_nothing_else_allows_it_the_unmerged_entries_are_told(
        self, workshop: Workshop, change: str
    ) -> None:
        self.unmerge(workshop)
        found = self.judge(workshop, change)
        assert found.outcome is Outcome.UNDECIDED
        assert "unmerged entries (aula)" in found.findings[0].message

    def test_a_gitlink_is_replaced_and_never_invented(
        self, workshop: Workshop, change: str
    ) -> None:
        workshop.docker.git("rm", "--quiet", "--cached", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "without aula")
        found = self.judge(workshop, change)
        assert found.outcome is Outcome.UNDECIDED
        assert "has no gitlink at aula that this commit could replace" in found.findings[0].message

    def test_without_an_index_it_is_head(self, workshop: Workshop) -> None:
        workshop.verdict()
        (workshop.docker.folder / ".git/index").unlink()
        found = self.judge(workshop, workshop.aula.head)
        assert (found.outcome, found.judged_with) == (Outcome.ALLOWED, "aula-docker: HEAD")

    def test_neither_index_nor_commit(self, workshop: Workshop) -> None:
        (workshop.docker.folder / ".git/index").unlink()
        workshop.docker.git("symbolic-ref", "HEAD", "refs/heads/unborn")
        found = self.judge(workshop, workshop.aula.head)
        assert found.outcome is Outcome.UNDECIDED
        assert "has neither an index nor a commit" in found.findings[0].message


class TestHonesty:
    """What stands in the way of the truth: git's own means of showing another commit."""

    def pushes_bad(self, workshop: Workshop) -> tuple[str, str]:
        workshop.verdict()
        good = workshop.docker.head
        workshop.require(">=0.9")
        return good, workshop.pin()

    def test_a_replace_ref(self, workshop: Workshop, gate: Gate) -> None:
        good, bad = self.pushes_bad(workshop)
        workshop.docker.git("replace", bad, good)
        assert gate.superproject(bad).outcome is Outcome.BLOCKED

    def test_a_replaced_tree(self, workshop: Workshop, gate: Gate) -> None:
        good, bad = self.pushes_bad(workshop)
        trees = (workshop.docker.git("rev-parse", f"{name}^{{tree}}") for name in (bad, good))
        workshop.docker.git("replace", *trees)
        assert gate.superproject(bad).outcome is Outcome.BLOCKED

    def test_a_replaced_manifest(self, workshop: Workshop, gate: Gate) -> None:
        _, bad = self.pushes_bad(workshop)
        blobs = (workshop.aula.git("rev-parse", f"{name}:aula.cabal") for name in ("@", "@~"))
        workshop.aula.git("replace", *blobs)
        assert gate.superproject(bad).outcome is Outcome.BLOCKED

    def test_other_repositories_in_the_environment(
        self, workshop: Workshop, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, bad = self.pushes_bad(workshop)
        for name in ("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            monkeypatch.setenv(name, str(workshop.root / "other/.git"))
        monkeypatch.setenv("GIT_NAMESPACE", "x")
        found = gate.superproject(bad)
        assert (found.outcome, len(found.gitlinks)) == (Outcome.BLOCKED, 2)


def test_a_commit_older_than_the_superproject(gate: Gate) -> None:
    found = gate.consumer_at(ABSENT, None)
    assert found.outcome is Outcome.UNDECIDED
    assert found.findings[0].message == "aula-docker had not been published at that date"


def test_a_consumer_with_a_given_superproject(workshop: Workshop) -> None:
    workshop.verdict()
    head = workshop.docker.head
    with open_gate(workshop, workshop.aula) as gate:
        found = gate.consumer_at(workshop.aula.head, head)
        assert found.outcome is Outcome.ALLOWED
        assert found.judged_with == f"aula-docker: commit {head[:12]}"
        assert gate.consumer_at(workshop.aula.head, ABSENT).outcome is Outcome.UNDECIDED


class TestProcesses:
    """A push takes as many git processes for fifty refs as for one, and so for tags and commits."""

    @pytest.fixture
    def tools(self, tmp_path: Path) -> Path:
        """A folder for PATH with a git that notes each of its runs."""
        folder = tmp_path / "tools"
        folder.mkdir()
        real = shutil.which("git")
        text = f'#!/bin/sh\necho "$*" >> "{tmp_path}/runs"\nexec {real} "$@"\n'
        (folder / "git").write_text(text)
        (folder / "git").chmod(0o755)
        return folder

    def count(self, tools: Path, at: Repo, commits: list[str], status: int, new: bool) -> int:
        """How many times git is started to judge one push of these commits, one ref each."""
        old = ZERO if new else at.git("rev-parse", f"{commits[0]}~")
        refs = "".join(
            f"refs/heads/b{number} {commit} refs/heads/b{number} {old}\n"
            for number, commit in enumerate(commits)
        )
        runs = tools.with_name("runs")
        memo = tools.with_name("aula-docker") / ".git/guard/memo"
        for time in ("asked", "first", "remembered"):
            if time == "first":  # what the remotes have is asked for once
                shutil.rmtree(memo, ignore_errors=True)
                runs.write_text("")
            ran = subprocess.run(
                [sys.executable, "-I", "-m", "guard", "pre-push", "origin", "url"],
                cwd=at.folder,
                input=refs.encode(),
                capture_output=True,
                check=False,
                env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tools)},
            )
            assert ran.returncode == status, ran.stderr.decode()
        assert any(memo.iterdir())
        return len(runs.read_text().splitlines())

    def series(self, workshop: Workshop, count: int) -> list[str]:
        """Commits of the superproject, each with another published commit of aula."""
        made = []
        for number in range(count):
            workshop.aula.commit(f"change {number}")
            made.append(workshop.pin())
        workshop.publish()
        return made

    def test_they_do_not_grow_with_refs(self, workshop: Workshop, tools: Path) -> None:
        workshop.verdict()
        commits = self.series(workshop, 8)
        for new in (True, False):
            one = self.count(tools, workshop.docker, commits[-2:], 0, new)
            assert 0 < one == self.count(tools, workshop.docker, commits, 0, new)

    def test_nor_where_they_are_blocked(self, workshop: Workshop, tools: Path) -> None:
        workshop.verdict(Result.FAILED_TEST)
        commits = self.series(workshop, 8)
        one = self.count(tools, workshop.docker, commits[-2:], 1, True)
        assert 0 < one == self.count(tools, workshop.docker, commits, 1, True)

    def test_nor_where_nothing_is_published(self, workshop: Workshop, tools: Path) -> None:
        made = []
        for number in range(24):
            workshop.aula.commit(f"change {number}")
            made.append(workshop.pin())
        few = self.count(tools, workshop.docker, made[:8], 1, True)
        assert 0 < few == self.count(tools, workshop.docker, made, 1, True)

    def test_nor_with_refs_of_the_consumer(self, workshop: Workshop, tools: Path) -> None:
        commits = [workshop.aula.commit(f"change {number}", {"n": "x"}) for number in range(8)]
        one = self.count(tools, workshop.aula, commits[-1:], 1, True)
        assert 0 < one == self.count(tools, workshop.aula, commits, 1, True)

    def test_nor_with_tags(self, workshop: Workshop, tools: Path) -> None:
        workshop.thentos.commit("unreleased")
        workshop.pin()
        head = [workshop.docker.head]
        few = self.count(tools, workshop.docker, head, 1, True)
        lines = "".join(f"create refs/tags/v9.{n} {workshop.thentos.head}~\n" for n in range(300))
        before = workshop.thentos.git("rev-parse", "HEAD~")
        lines = lines.replace(f"{workshop.thentos.head}~", before)
        workshop.thentos.git("update-ref", "--stdin", data=lines.encode())
        assert 0 < few == self.count(tools, workshop.docker, head, 1, True)

    def test_nor_with_commits(self, workshop: Workshop, tools: Path) -> None:
        workshop.verdict()
        one = self.count(tools, workshop.docker, [self.series(workshop, 1)[-1]], 0, True)
        for number in range(60):
            workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", f"commit {number}")
        sixty = self.count(tools, workshop.docker, [workshop.docker.head], 0, True)
        assert 0 < one == sixty

    def test_nor_with_releases_that_are_pinned(self, workshop: Workshop, tools: Path) -> None:
        commits = []
        for number in range(4, 9):
            workshop.release(f"0.{number}.0")
            commits.append(workshop.pin())
        workshop.publish()
        few = self.count(tools, workshop.docker, commits[:2], 1, True)
        assert 0 < few == self.count(tools, workshop.docker, commits, 1, True)
