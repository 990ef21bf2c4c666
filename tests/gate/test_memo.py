"""What is in the memo changes no decision, only how long it takes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guard.git.memo import Memo
from guard.model import Gitlink, Result
from tests.workshop import GUARD_TOML, Repo, Workshop

# Findings that no rule would give.
FREE = {"release": "v0.3.0", "findings": []}


def files(workshop: Workshop, kind: str = "*") -> list[Path]:
    return sorted((workshop.docker.folder / ".git/guard/memo").glob(f"{kind}-*.json"))


def forge(path: Path, answer: Any) -> None:
    """Another answer under the sum of the old one, as whoever edits a file by hand writes it."""
    path.write_text(json.dumps({**json.loads(path.read_text()), "answer": answer}))


@pytest.fixture
def pushed(workshop: Workshop) -> Workshop:
    """A combination that was pushed already, from both repositories."""
    workshop.verdict()
    workshop.install()
    assert push(workshop, workshop.docker, "before").status == 0
    # What aula's master has already would bring nothing new.
    workshop.aula.git("commit", "--quiet", "--allow-empty", "-m", "Of the same content")
    assert push(workshop, workshop.aula, "before").status == 0
    assert files(workshop, "static")
    return workshop


def push(workshop: Workshop, at: Repo, name: str) -> Any:
    return workshop.push(at, "origin", f"HEAD:refs/heads/{name}")


class TestFile:
    def test_an_answer_is_read_for_its_ids_and_shape_only(self, tmp_path: Path) -> None:
        Memo(str(tmp_path)).write((Gitlink("aula", "1"),), "links", "a", "b")
        memo = Memo(str(tmp_path))
        assert memo.read(tuple[Gitlink, ...], "links", "a", "b") == (Gitlink("aula", "1"),)
        assert memo.read(Gitlink, "links", "a", "b") is None
        assert memo.read(tuple[Gitlink, ...], "links", "a", "c") is None
        assert memo.read(tuple[Gitlink, ...], "other", "a", "b") is None
        # Under the name of another, as where two have one sum.
        (path,) = (tmp_path / "guard/memo").iterdir()
        memo.write(True, "links", "a", "c")
        (other,) = {*(tmp_path / "guard/memo").iterdir()} - {path}
        shutil.copy(path, other)
        assert memo.read(tuple[Gitlink, ...], "links", "a", "c") is None

    def test_there_is_room_for_so_many_and_the_old_ones_go(self, tmp_path: Path) -> None:
        folder = tmp_path / "guard/memo"
        folder.mkdir(parents=True)
        for number in range(1023):
            (folder / f"old-{number}").touch()
        memo = Memo(str(tmp_path))
        memo.write("x", "kind", "a")
        assert len(list(folder.iterdir())) == 1024
        memo.write("y", "kind", "b")
        assert len(list(folder.iterdir())) == 513
        assert [memo.read(str, "kind", name) for name in "ab"] == ["x", "y"]

    def test_a_file_of_other_code_is_none(self, tmp_path: Path) -> None:
        package = tmp_path / "site/guard"
        shutil.copytree(Path(__file__).parents[2] / "guard", package)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from guard.git.memo import Memo\n"
            "memo = Memo(sys.argv[2])\n"
            "print(memo.read(str, 'kind', 'a')); memo.write('x', 'kind', 'a')"
        )

        def run() -> str:
            argv = [sys.executable, "-S", "-c", code, str(package.parent), str(tmp_path)]
            return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

        assert [run(), run()] == ["None", "x"]
        with (package / "rules/tested.py").open("a") as file:
            file.write("# another rule\n")
        assert [run(), run()] == ["None", "x"]

    def test_who_is_killed_or_races_leaves_whole_files(self, tmp_path: Path) -> None:
        code = (
            "import sys; from guard.git.memo import Memo\n"
            "memo = Memo(sys.argv[1])\n"
            "while True: memo.write(sys.argv[2] * 200_000, 'kind', 'a')"
        )
        writers = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path), word]) for word in "xy"
        ]
        answers: set[str | None] = set()
        try:
            while not {"x" * 200_000, "y" * 200_000} <= answers:
                answers.add(Memo(str(tmp_path)).read(str, "kind", "a"))
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        assert answers - {None} == {"x" * 200_000, "y" * 200_000}
        assert Memo(str(tmp_path)).read(str, "kind", "a") is not None


class TestDecision:
    def test_the_second_is_the_first(self, workshop: Workshop) -> None:
        workshop.require(">=0.3")
        workshop.pin()
        workshop.verdict()
        first = workshop.guard("check", "--json")
        assert files(workshop, "static")
        assert workshop.guard("check", "--json").out == first.out
        assert "sets no upper bound on thentos-core" in first.out

    @pytest.mark.parametrize(
        "damage", [b"", b"{", b"\xff\xfe" * 100, b"[]", b"{}", b"null", b'{"answer": 1}']
    )
    def test_damaged_files_are_none(self, workshop: Workshop, damage: bytes) -> None:
        workshop.verdict()
        before = workshop.guard("check", "--json").out
        assert len(files(workshop)) >= 3
        for path in files(workshop):
            path.write_bytes(damage)
        assert workshop.guard("check", "--json").out == before

    def test_files_that_were_cut_short_are_none(self, workshop: Workshop) -> None:
        workshop.verdict()
        before = workshop.guard("check", "--json").out
        for path in files(workshop):
            path.write_bytes(path.read_bytes()[:-1])
        assert workshop.guard("check", "--json").out == before

    def test_what_is_edited_opens_no_gate(self, pushed: Workshop) -> None:
        pushed.require(">=0.9")
        pushed.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        pushed.pin()
        pushed.verdict()
        before = {path: json.loads(path.read_text())["answer"] for path in files(pushed)}
        assert push(pushed, pushed.docker, "bad").status != 0
        new = [path for path in files(pushed, "static") if path not in before]
        assert not new  # nothing bad is kept
        for path in files(pushed, "static"):
            forge(path, {**before[path], "release": "v0.2.1"})
        # By the name that the bad combination's would have, too.
        here = pushed.docker.git("rev-parse", "HEAD^{tree}")
        ids = "aula-docker", here, pushed.aula.git("rev-parse", "HEAD^{tree}")
        Memo(str(pushed.docker.folder / ".git")).write(FREE, "static", *ids)
        (path,) = set(files(pushed, "static")) - {*before}
        forge(path, {**FREE, "tested": before[files(pushed, "static")[0]].get("tested")})
        ran = push(pushed, pushed.docker, "bad")
        assert ran.status != 0
        assert "dependency-match" in ran.text

    @pytest.mark.parametrize("name", ["guard/memo", "guard", "guard leads nowhere"])
    def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(
        self, pushed: Workshop, name: str
    ) -> None:
        folder = pushed.docker.folder / ".git" / name.split()[0]
        shutil.rmtree(folder)
        if name.endswith("nowhere"):
            folder.symlink_to("nowhere/at all")
        else:
            folder.write_text("in the way")
        assert push(pushed, pushed.docker, "after").status == 0
        assert push(pushed, pushed.aula, "after").status == 0

    def test_two_pushes_at_once(self, pushed: Workshop) -> None:
        shutil.rmtree(pushed.docker.folder / ".git/guard/memo")
        pushes = [
            subprocess.Popen(
                ["git", "push", "--quiet", "origin", f"HEAD:refs/heads/{number}"],
                cwd=at.folder,
                stderr=subprocess.DEVNULL,
            )
            for number in range(3)
            for at in (pushed.docker, pushed.aula)
        ]
        assert [one.wait() for one in pushes] == [0] * 6
        assert all(json.loads(path.read_text()) for path in files(pushed))
        assert len(files(pushed)) == len(list(files(pushed)[0].parent.iterdir()))


class TestWhatChangedSince:
    """Everything that can change is asked again, by real pushes."""

    @pytest.mark.parametrize("annotated", [False, True])
    def test_a_tag_that_moves_away(self, pushed: Workshop, annotated: bool) -> None:
        """On the remote, as it was last asked: what becomes of the tag here does not matter."""
        remote = Repo(pushed.root / "remotes/thentos.git")
        tag = ("tag", "--force", *(("-a", "-m", "release") if annotated else ()), "v0.3.0")
        pushed.thentos.git(*tag, "v0.2.1")
        remote.git(*tag, "v0.3.0^{commit}")
        assert pushed.guard("check", "--ask").status == 0
        assert push(pushed, pushed.docker, "same").status == 0
        remote.git(*tag, "v0.2.1")
        assert pushed.guard("check", "--ask").status == 1
        for at in (pushed.docker, pushed.aula):
            ran = push(pushed, at, "after")
            assert ran.status != 0
            assert "which is no release" in ran.text
        remote.git("tag", "--delete", "v0.3.0")
        assert push(pushed, pushed.docker, "after").status != 0

    def test_a_sibling_that_contradicts(self, pushed: Workshop) -> None:
        sibling = pushed.root / "thentos"
        clone = ["git", "clone", "--quiet", str(pushed.thentos.folder), str(sibling)]
        pushed.run(clone, pushed.docker)
        Repo(sibling).git("tag", "--force", "v0.3.0", "v0.2.1")
        assert push(pushed, pushed.docker, "after").status == 0
        remote = Repo(pushed.root / "remotes/thentos.git")
        remote.git("tag", "--force", "v0.3.0", "v0.2.1")
        assert pushed.guard("check", "--ask").status == 1
        ran = push(pushed, pushed.docker, "after-that")
        assert ran.status != 0
        assert "v0.3.0" in ran.text

    def test_a_verdict_that_fails_later(self, pushed: Workshop) -> None:
        pushed.verdict(Result.FAILED_TEST, detail="exit status 1")
        for at in (pushed.docker, pushed.aula):
            ran = push(pushed, at, "after")
            assert ran.status != 0
            assert "exit status 1" in ran.text

    def test_a_verdict_that_is_lost(self, pushed: Workshop) -> None:
        pushed.docker.git("update-ref", "-d", "refs/guard/verdicts")
        # Under a name by which git would find it as well.
        pushed.docker.git("tag", "verdicts", pushed.docker.head)
        assert push(pushed, pushed.docker, "after").status != 0

    def test_a_colleagues_failure_that_comes_in(self, pushed: Workshop) -> None:
        git = pushed.docker.git
        git("config", "guard.trust", "all")
        passed = git("rev-parse", "refs/guard/verdicts")
        pushed.verdict(Result.FAILED_TEST, finished="2016-03-05T00:00:00Z")
        failed = git("rev-parse", "refs/guard/verdicts")
        git("update-ref", "refs/guard/verdicts", passed)
        assert push(pushed, pushed.docker, "same").status == 0
        git("update-ref", "refs/guard/remotes/origin/verdicts", failed)
        assert push(pushed, pushed.docker, "after").status != 0

    @pytest.mark.parametrize("change", ["rename", "remove", "by hand"])
    def test_what_a_remote_brought_that_is_configured_no_more(
        self, pushed: Workshop, change: str
    ) -> None:
        git = pushed.docker.git
        url = git("config", "remote.origin.url")
        git("remote", "add", "ada", url)
        passed = git("rev-parse", "refs/guard/verdicts")
        pushed.verdict(Result.FAILED_TEST, finished="2016-03-05T00:00:00Z")
        git("update-ref", "refs/guard/remotes/ada/verdicts", "refs/guard/verdicts")
        git("update-ref", "refs/guard/verdicts", passed)
        for trust, status in (("all", 1), ("none", 0), ("all", 1)):
            git("config", "guard.trust", trust)
            assert pushed.guard("check").status == status
        if change == "by hand":
            git("config", "--remove-section", "remote.ada")
        else:
            git("remote", change, "ada", *(["eve"] if change == "rename" else []))
        with_memo = pushed.guard("check", "--json").out
        (memo,) = {path.parent for path in files(pushed)}
        shutil.rmtree(memo)
        assert pushed.guard("check", "--json").out == with_memo
        assert push(pushed, pushed.docker, "after").status == 0
        assert "ada" not in (shown := pushed.guard("log").out), shown
        assert "failed" not in shown
        # Fetched again under the new name, it is a colleague's as before.
        if change == "rename":
            git("update-ref", "refs/guard/remotes/eve/verdicts", "refs/guard/remotes/ada/verdicts")
            assert push(pushed, pushed.docker, "again").status != 0

    def test_settings_that_are_changed(self, pushed: Workshop) -> None:
        toml = GUARD_TOML.replace("[test]", "[guard]\nrelease-tag = 'r{version}'\n\n[test]")
        pushed.docker.commit("Name releases in another way", {".guard.toml": toml})
        pushed.verdict()
        ran = push(pushed, pushed.docker, "after")
        assert ran.status != 0
        assert "release-tag" in ran.text

    def test_a_url_that_is_changed(self, pushed: Workshop) -> None:
        assert push(pushed, pushed.docker, "same").status == 0
        other = str(pushed.root / "remotes/other.git")
        pushed.docker.git("init", "--quiet", "--bare", other)
        pushed.thentos.git("remote", "set-url", "origin", other)
        ran = push(pushed, pushed.docker, "after")
        assert ran.status != 0
        assert "published" in ran.text

    def test_a_commit_that_a_remote_has_no_more(self, pushed: Workshop) -> None:
        pushed.aula.git("update-ref", "refs/remotes/origin/master", pushed.aula.commit("next"))
        pushed.docker.git("submodule", "--quiet", "update", "aula")
        assert push(pushed, pushed.docker, "same").status == 0
        pushed.aula.git("push", "--quiet", "--no-verify", "origin", ":refs/heads/before")
        tree = pushed.aula.git("rev-parse", "HEAD^{tree}")
        strange = pushed.aula.git("commit-tree", "-m", "of no relation", tree)
        pushed.aula.git("push", "--quiet", "--no-verify", "-f", "origin", f"{strange}:master")
        ran = push(pushed, pushed.docker, "after")
        assert ran.status != 0
        assert "published" in ran.text

    def test_an_index_whose_tree_is_gone(self, pushed: Workshop) -> None:
        (path,) = files(pushed, "index")
        kept = json.loads(path.read_text())
        assert kept["answer"] == pushed.docker.git("rev-parse", "HEAD^{tree}")
        Memo(str(pushed.docker.folder / ".git")).write("1" * 40, "index", *kept["ids"])
        assert json.loads(path.read_text())["answer"] == "1" * 40
        assert push(pushed, pushed.aula, "after").status == 0

    def test_a_staged_change(self, pushed: Workshop) -> None:
        pushed.docker.write({"Dockerfile": "FROM localhost/other\n"})
        pushed.docker.git("add", "Dockerfile")
        ran = pushed.guard("check", "--json", at=pushed.aula)
        assert "aula-docker: HEAD" in ran.out  # the index is untested now


class TestNamesakes:
    """A tag named ``refs/tags/v1``, which ``git tag refs/tags/v1`` makes, is no tag ``v1``."""

    @pytest.mark.parametrize("at", ["docker", "aula"])
    def test_one_of_the_release_is_no_release(self, pushed: Workshop, at: str) -> None:
        remote = Repo(pushed.root / "remotes/thentos.git")
        for repo in (remote, pushed.thentos):
            repo.git("tag", "refs/tags/v0.3.0", "v0.3.0")
            repo.git("tag", "--delete", "v0.3.0")
        assert pushed.guard("check", "--ask").status == 1
        ran = push(pushed, getattr(pushed, at), "after")
        assert ran.status != 0
        assert "error release-tag" in ran.text

    def test_one_beside_the_release_does_no_harm(self, pushed: Workshop) -> None:
        pushed.thentos.git("tag", "refs/tags/v0.3.0", "v0.2.1")
        assert push(pushed, pushed.docker, "after").status == 0

    def test_one_of_the_verdicts_is_no_verdict(self, pushed: Workshop) -> None:
        pushed.docker.git("tag", "refs/guard/verdicts", "refs/guard/verdicts")
        pushed.docker.git("update-ref", "-d", "refs/guard/verdicts")
        ran = push(pushed, pushed.docker, "after")
        assert ran.status != 0
        assert "error tested" in ran.text
