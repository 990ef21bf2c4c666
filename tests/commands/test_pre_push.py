"""The gate, as a developer meets it: real pushes to bare remotes through the installed hook."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import GUARD_TOML, STACK, ZERO, Ran, Repo, Workshop, cabal


def test_a_tested_release_is_pushed(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    ran = workshop.push(workshop.docker)
    assert ran.status == 0, ran.text
    assert workshop.remote_head("aula-docker") == workshop.docker.head
    said = [line for line in ran.err.splitlines() if line.startswith("guard:")]
    assert len(said) == 1
    assert "allowed" in said[0]


def test_an_untested_combination_is_blocked(workshop: Workshop) -> None:
    workshop.install()
    ran = workshop.push(workshop.docker)
    assert ran.status != 0
    assert workshop.remote_head("aula-docker") is None
    assert "error tested: this combination has not been built and tested" in ran.text
    assert f"next: guard test {workshop.docker.head[:12]}" in ran.text


def test_a_pin_that_is_no_release_is_blocked(workshop: Workshop) -> None:
    workshop.install()
    commit = workshop.thentos.commit("Change the API", {"api": "new\n"})
    workshop.pin()
    workshop.verdict()
    ran = workshop.push(workshop.docker)
    assert ran.status != 0
    assert f"thentos is pinned to v0.3.0-1-g{commit[:7]}, which is no release" in ran.text
    assert "mend:     guard align" in ran.text
    assert workshop.remote_head("aula-docker") is None


def test_a_release_that_does_not_fit_is_blocked_with_file_and_line(workshop: Workshop) -> None:
    workshop.install()
    workshop.require(">=0.4 && <0.5")
    workshop.release("0.4.0")
    workshop.release("0.4.1")
    workshop.pin(thentos=workshop.thentos.git("rev-parse", "v0.3.0"))
    workshop.verdict()
    ran = workshop.push(workshop.docker)
    assert ran.status != 0
    assert "thentos-core is 0.3.0, but aula requires >=0.4 && <0.5 (aula.cabal:9)" in ran.text
    assert "aula.cabal:9  thentos-core >=0.4 && <0.5" in ran.text
    assert "satisfied by thentos v0.4.0, v0.4.1" in ran.text


def test_every_finding_is_shown_at_once(workshop: Workshop) -> None:
    workshop.install()
    workshop.require(">=0.4")
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    text = workshop.push(workshop.docker).text
    for line in ("error release-tag", "error dependency-match", "error tested", "warning"):
        assert line in text


def test_two_branches_of_which_one_is_bad(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.docker.git("branch", "good")
    workshop.docker.git("checkout", "--quiet", "-b", "bad")
    workshop.thentos.commit("Change the API", {"api": "new\n"})
    workshop.pin()
    ran = workshop.push(workshop.docker, "origin", "good", "bad")
    assert ran.status != 0
    assert "to refs/heads/bad: blocked" in ran.text
    assert "to refs/heads/good" not in ran.text
    assert workshop.remote_head("aula-docker", "refs/heads/good") is None
    assert workshop.push(workshop.docker, "origin", "good").status == 0


def test_an_annotated_tag_is_judged_by_what_it_points_at(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.docker.git("tag", "-a", "-m", "good", "good")
    workshop.docker.git("tag", "-a", "-m", "a tag of a tag", "nested", "good")
    assert workshop.push(workshop.docker, "origin", "good", "nested").status == 0
    workshop.docker.commit("Change a byte", {"Dockerfile": "FROM localhost/base\n"})
    workshop.docker.git("tag", "-a", "-m", "bad", "bad")
    ran = workshop.push(workshop.docker, "origin", "bad")
    assert ran.status != 0
    assert f"{workshop.docker.head[:12]} to refs/tags/bad: blocked" in ran.text


def test_the_working_tree_is_never_judged(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    good = workshop.docker.head
    workshop.thentos.commit("Change the API", {"api": "new\n"})
    bad = workshop.pin()
    workshop.docker.git("checkout", "--quiet", "--detach", good)
    workshop.docker.git("submodule", "--quiet", "update")
    assert workshop.push(workshop.docker, "origin", f"{bad}:refs/heads/bad").status != 0
    workshop.docker.git("checkout", "--quiet", "--detach", bad)
    workshop.docker.git("submodule", "--quiet", "update")
    workshop.docker.write({"Dockerfile": "FROM nothing\n", ".guard.toml": "broken ["})
    assert workshop.push(workshop.docker, "origin", f"{good}:refs/heads/good").status == 0


def test_a_repository_around_them_is_left_alone(workshop: Workshop) -> None:
    """Such as that of somebody's home."""
    workshop.install()
    workshop.verdict()
    workshop.run(["git", "init", "--quiet", "."], Repo(workshop.root))
    before = sorted(path.name for path in (workshop.root / ".git").iterdir())
    for name in ("one", "two"):
        assert workshop.push(workshop.docker, "origin", f"HEAD:refs/heads/{name}").status == 0
    assert sorted(path.name for path in (workshop.root / ".git").iterdir()) == before


def test_deletions_are_always_allowed(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.push(workshop.docker, "origin", "HEAD:refs/heads/topic")
    workshop.docker.write({".guard.toml": "broken ["})
    assert workshop.push(workshop.docker, "origin", ":refs/heads/topic").status == 0
    assert workshop.remote_head("aula-docker", "refs/heads/topic") is None


def test_nothing_to_push_is_allowed(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.push(workshop.docker)
    assert workshop.push(workshop.docker).status == 0
    ran = workshop.run(
        [str(workshop.docker.folder / ".git/hooks/pre-push"), "origin", "url"], workshop.docker, b""
    )
    assert (ran.status, ran.text) == (0, "")


def test_notes_are_not_judged(workshop: Workshop) -> None:
    workshop.install()
    workshop.docker.git("notes", "add", "-m", "a note")
    ran = workshop.push(workshop.docker, "origin", "refs/notes/commits")
    assert ran.status == 0
    assert "refs/notes/commits is not judged" in ran.text


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Result.FAILED_BUILD, "does not build: RUN cabal build failed"),
        (Result.FAILED_TEST, "the tests of this combination fail: RUN cabal build failed"),
    ],
)
def test_a_failed_verdict_blocks_and_says_so(workshop: Workshop, result: Result, text: str) -> None:
    workshop.install()
    key = workshop.verdict(result, detail="RUN cabal build failed")
    ran = workshop.push(workshop.docker)
    assert ran.status != 0
    assert text in ran.text
    assert f"mend:     you: mend what fails: guard log {key[:12]}" in ran.text


def test_an_amended_message_keeps_the_verdict_and_one_byte_loses_it(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.aula.git("commit", "--quiet", "--amend", "-m", "Say it better")
    workshop.publish("aula")
    workshop.pin("Move aula to the same content")
    workshop.docker.git("commit", "--quiet", "--amend", "-m", "Say it better")
    assert workshop.push(workshop.docker, "origin", "HEAD:refs/heads/topic").status == 0
    workshop.aula.commit("Change one byte", {"test.sh": "echo the tests of aula ran.\n"})
    workshop.publish("aula")
    workshop.pin()
    ran = workshop.push(workshop.docker, "origin", "HEAD:refs/heads/topic")
    assert "has not been built and tested" in ran.text
    assert ran.status != 0


def test_another_test_command_loses_the_verdict(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    workshop.docker.commit("Policy only", {".guard.toml": GUARD_TOML + '[guard]\ntested = ["*"]\n'})
    assert workshop.push(workshop.docker, "origin", "HEAD:refs/heads/a").status == 0
    changed = GUARD_TOML.replace("test.sh", "other.sh")
    workshop.docker.commit("Another test", {".guard.toml": changed})
    ran = workshop.push(workshop.docker, "origin", "HEAD:refs/heads/a")
    assert ran.status != 0
    assert "built or tested in another way than" in ran.text
    assert "(test.command)" in ran.text


class TestWhatIsNext:
    """What mends HEAD already, and is not committed, is not asked for again."""

    def next_after(self, workshop: Workshop, at: Repo | None = None) -> str:
        ran = workshop.push(at or workshop.docker)
        assert ran.status != 0
        (line,) = (line for line in ran.text.splitlines() if line.startswith("  next: "))
        return line.removeprefix("  next: ")

    def test_after_align_it_is_the_commit(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.thentos.git("checkout", "--quiet", "v0.2.1")
        workshop.pin()
        assert self.next_after(workshop) == "guard align"
        assert workshop.guard("align").status == 0
        assert self.next_after(workshop) == "git commit"
        workshop.docker.git("commit", "--quiet", "-m", "Align")
        assert self.next_after(workshop).startswith("guard test")

    def test_what_is_staged_and_mends_nothing_is_not_to_be_committed(
        self, workshop: Workshop
    ) -> None:
        workshop.install()
        workshop.thentos.git("checkout", "--quiet", "v0.2.1")
        workshop.pin()
        workshop.docker.write({"README": "new\n"})
        workshop.docker.git("add", "README")
        assert self.next_after(workshop) == "guard align"

    def test_after_init_it_is_the_settings(self, workshop: Workshop) -> None:
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        workshop.docker.commit("Forget the settings")
        workshop.install()
        assert self.next_after(workshop) == "guard init"
        workshop.docker.write({".guard.toml": GUARD_TOML})  # as guard init, and an editor
        assert self.next_after(workshop) == "git add .guard.toml && git commit"
        workshop.docker.git("add", ".guard.toml")
        assert self.next_after(workshop) == "git commit"

    def test_settings_that_lack_the_command_are_a_persons(self, workshop: Workshop) -> None:
        workshop.docker.commit("Settings", {".guard.toml": '[image]\nname = "a/b"\n'})
        workshop.install()
        assert self.next_after(workshop) == "you: fill in [test] command in .guard.toml"
        workshop.docker.write({".guard.toml": GUARD_TOML})
        assert self.next_after(workshop) == "git add .guard.toml && git commit"

    def test_settings_that_are_not_staged_count_for_aula_when_they_are(
        self, workshop: Workshop
    ) -> None:
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        workshop.docker.commit("Forget the settings")
        workshop.install()
        workshop.aula.commit("Go on", {"new": "x"})
        assert self.next_after(workshop, workshop.aula) == "guard init"
        workshop.docker.write({".guard.toml": GUARD_TOML})
        add = self.next_after(workshop, workshop.aula)
        assert add == "git -C .. add .guard.toml"
        assert workshop.run(add.split(), workshop.aula).status == 0
        assert self.next_after(workshop, workshop.aula).startswith("guard test")

    def test_after_a_failure_it_is_a_persons(self, workshop: Workshop) -> None:
        workshop.install()
        key = workshop.verdict(Result.FAILED_TEST, detail="no parse")
        said = f"you: mend what fails: guard log {key[:12]}"
        assert self.next_after(workshop).startswith(said)
        assert f"  next: {said}" in workshop.guard("check").out

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_who_has_pinned_what_is_nowhere_has_to_push_it(
        self, workshop: Workshop, path: str
    ) -> None:
        workshop.install()
        commit = "1234567890" * 4
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{commit},{path}")
        workshop.docker.git("commit", "--quiet", "--message", "Pin", "--author", "Ada <ada@x>")
        status = workshop.guard("status").out.splitlines()[-1].removeprefix("next: ")
        assert status.startswith(f"you: ask Ada to push {commit[:12]} of {path}")
        assert self.next_after(workshop) == status
        assert f"  next: {status}\n" in workshop.guard("check").out

    def test_what_its_remote_has_is_fetched(self, workshop: Workshop) -> None:
        workshop.install()
        colleague = Repo(workshop.root / "colleague")
        remote = workshop.root / "remotes/thentos.git"
        workshop.docker.git("clone", "--quiet", str(remote), str(colleague.folder))
        commit = colleague.commit("Go on", {"new": "x"})
        colleague.git("push", "--quiet", "origin", "HEAD:refs/heads/more")
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{commit},thentos")
        workshop.docker.git("commit", "--quiet", "--message", "Pin")
        assert self.next_after(workshop) == "git -C thentos fetch origin"

    def test_an_unmerged_index_is_resolved_by_a_person(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.docker.git("checkout", "--quiet", "-b", "side")
        workshop.docker.commit("One", {"f": "1"})
        workshop.docker.git("checkout", "--quiet", "master")
        workshop.docker.commit("Other", {"f": "2"})
        workshop.run(["git", "merge", "side"], workshop.docker)
        said = "you: resolve f, and stage it: git"
        assert f"to mend it: {said}" in workshop.guard("check", "--staged").text
        assert workshop.guard("status").out.splitlines()[-1].startswith(f"next: {said}")


class TestConsumer:
    """Pushes of aula, judged as the combination that they would make."""

    def test_a_tested_commit_of_aula_is_pushed(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
        workshop.pin()
        workshop.verdict()
        ran = workshop.push(workshop.aula)
        assert ran.status == 0, ran.text
        assert workshop.remote_head("aula") == workshop.aula.head

    def test_the_commit_is_put_into_the_index(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
        ran = workshop.push(workshop.aula)
        assert ran.status != 0
        assert f"next: guard test --consumer {workshop.aula.head[:12]}" in ran.text
        workshop.pin()
        workshop.verdict()
        # The commit that pinned it is gone; its content is not.
        workshop.docker.git("reset", "--quiet", "--soft", "HEAD^")
        assert workshop.push(workshop.aula).status == 0

    def test_where_the_index_does_not_fit_head_may(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        old = workshop.thentos.git("rev-parse", "v0.2.1")
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{old},thentos")
        assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/same").status == 0

    def test_where_neither_fits_the_published_branch_of_the_same_name_may(
        self, workshop: Workshop
    ) -> None:
        workshop.install()
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        workshop.require(">=0.4 && <0.5")
        workshop.release("0.4.0")
        workshop.publish("thentos")
        workshop.docker.git("checkout", "--quiet", "-b", "feature")
        workshop.pin()
        workshop.verdict()
        workshop.docker.git("checkout", "--quiet", "--force", "master")
        assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/other").status != 0
        assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/feature").status != 0
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "feature")
        ran = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/feature")
        assert ran.status == 0
        assert "feature allowed, judged with origin/feature of aula-docker" in ran.text

    def test_unmerged_entries_are_undecided_where_nothing_else_allows_it(
        self, workshop: Workshop
    ) -> None:
        workshop.install()
        workshop.verdict()
        blob = workshop.docker.git("hash-object", "-w", "Dockerfile")
        entry = f"100644 {blob} 1\tfile\n100644 {blob} 2\tfile\n"
        workshop.docker.git("update-index", "--index-info", data=entry.encode())
        ran = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/other")
        assert ran.status == 0
        assert "to refs/heads/other allowed, judged with HEAD of aula-docker" in ran.text
        workshop.aula.commit("Change aula", {"src.hs": "x"})
        ran = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/more")
        assert ran.status != 0
        assert "has unmerged entries (file)" in ran.text
        assert "undecided" in ran.text

    def test_a_gitlink_is_never_invented(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        workshop.docker.git("rm", "--quiet", "--cached", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "No aula any more")
        workshop.aula.commit("Change aula", {"src.hs": "x"})
        ran = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/other")
        assert ran.status != 0
        assert "has no gitlink at aula that this commit could replace" in ran.text

    def test_a_sibling_clone_is_judged_with_aula_docker_beside_it(self, workshop: Workshop) -> None:
        sibling = Repo(workshop.root / "aula")
        workshop.docker.git(
            "clone", "--quiet", str(workshop.root / "remotes/aula.git"), str(sibling.folder)
        )
        workshop.install()
        workshop.verdict()
        assert workshop.push(sibling, "origin", "HEAD:refs/heads/same").status == 0
        sibling.commit("Change aula", {"src.hs": "main = pure ()\n"})
        ran = workshop.push(sibling)
        assert ran.status != 0
        assert "has not been built and tested" in ran.text

    def test_nothing_of_the_superproject_is_touched(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        index = workshop.docker.folder / ".git/index"
        before = (index.read_bytes(), index.stat().st_mtime_ns)
        objects = workshop.docker.git("count-objects", "-v")
        workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
        workshop.push(workshop.aula)
        assert (index.read_bytes(), index.stat().st_mtime_ns) == before
        assert workshop.docker.git("count-objects", "-v") == objects


class TestBadInput:
    """Never a traceback, never an allowed push."""

    def assert_blocked(self, ran: Ran, text: str) -> None:
        assert ran.status != 0
        assert text in ran.text
        assert "Traceback" not in ran.text

    def test_no_superproject(self, workshop: Workshop, tmp_path: Path) -> None:
        workshop.install()
        lonely = Repo(tmp_path / "elsewhere" / "aula")
        remote = str(workshop.root / "remotes/aula.git")
        workshop.docker.git("clone", "--quiet", remote, str(lonely.folder))
        ran = workshop.guard("pre-push", "origin", remote, at=lonely, data=line(lonely.head))
        self.assert_blocked(ran, "no superproject found")
        assert "git config guard.superproject" in ran.text

    def test_no_repository(self, workshop: Workshop, tmp_path: Path) -> None:
        ran = workshop.guard("pre-push", "origin", "url", at=Repo(tmp_path), data=line("1" * 40))
        self.assert_blocked(ran, "not in a git repository")

    def test_no_arguments(self, workshop: Workshop) -> None:
        ran = workshop.guard("pre-push")
        self.assert_blocked(ran, "takes the two arguments that git gives to a hook")
        assert ran.status == 2

    def test_other_input(self, workshop: Workshop) -> None:
        ran = workshop.guard("pre-push", "origin", "url", data=b"what is this\n")
        self.assert_blocked(ran, "line 1 of the hook's standard input is not of git's form")

    def test_a_submodule_that_is_not_there(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        shutil.rmtree(workshop.docker.folder / "thentos")
        shutil.rmtree(workshop.docker.folder / ".git/modules/thentos")
        (workshop.docker.folder / "thentos").mkdir()
        ran = workshop.push(workshop.docker)
        self.assert_blocked(ran, "no repository of thentos is on this machine")
        assert "git submodule update --init thentos" in ran.text
        assert "undecided" in ran.text

    def test_a_gitlink_to_nowhere(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.pin(aula="5f578e3731ebc5824cb02ac5783411a2bb9054e7")
        ran = workshop.push(workshop.docker)
        self.assert_blocked(
            ran, "commit 5f578e3731ebc5824cb02ac5783411a2bb9054e7 of aula is missing"
        )

    def test_no_gitlink_of_the_consumer(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.docker.git("rm", "--quiet", "--cached", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "No aula any more")
        self.assert_blocked(workshop.push(workshop.docker), "has no gitlink at aula")

    @pytest.mark.parametrize(
        ("toml", "text"),
        [
            ("broken [", ".guard.toml is not valid TOML"),
            ("[image]\nnam = 'x'\n", "image.nam is not a key that guard knows"),
            ("[image]\nnam = 'x'\n", "or update guard: in the clone that it was installed from"),
            ("[guard]\nrequires = '>=9000'\nnew = 1\n", "guard.requires is >=9000, but this is"),
            ("[test]\ntimeout = 5\n", "test.timeout must be a duration"),
        ],
    )
    def test_a_malformed_configuration(self, workshop: Workshop, toml: str, text: str) -> None:
        workshop.install()
        workshop.docker.commit("Configure", {".guard.toml": toml})
        self.assert_blocked(workshop.push(workshop.docker), text)

    def test_a_manifest_that_does_not_parse(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.aula.commit(
            "Break a manifest",
            {
                "package.yaml": "name: aula\nlibrary:\n  dependencies:\n  - thentos-core >=>0.3\n",
                "aula.cabal": cabal("aula", "0.1", "thentos-core >=0.9"),
            },
        )
        workshop.pin()
        workshop.verdict()
        ran = workshop.push(workshop.docker)
        self.assert_blocked(ran, "package.yaml:4")
        assert "thentos-core is 0.3.0, but aula requires >=0.9 (aula.cabal:9)" in ran.text

    def test_a_verdict_ref_that_is_garbage(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        blob = workshop.docker.git("rev-parse", "HEAD:Dockerfile")
        workshop.docker.git("update-ref", "refs/guard/verdicts", blob)
        self.assert_blocked(workshop.push(workshop.docker), "or its tree, is missing or damaged")

    def test_a_record_that_was_copied_to_another_key(self, workshop: Workshop) -> None:
        workshop.install()
        good = workshop.verdict()
        workshop.docker.commit("Change a byte", {"Dockerfile": "FROM localhost/base\n"})
        other = workshop.verdict(Result.FAILED_TEST)
        recipe = workshop.config("HEAD").recipe.digest
        tip = "refs/guard/verdicts"
        blob = workshop.docker.git("rev-parse", f"{tip}:{good[:2]}/{good[2:]}/{recipe}.json")
        index = {"GIT_INDEX_FILE": str(workshop.root / "forged")}
        workshop.docker.git("read-tree", tip, env=index)
        path = f"{other[:2]}/{other[2:]}/{recipe}.json"
        workshop.docker.git("update-index", "--cacheinfo", f"100644,{blob},{path}", env=index)
        tree = workshop.docker.git("write-tree", env=index)
        commit = workshop.docker.git("commit-tree", "-m", "forged", tree)
        workshop.docker.git("update-ref", tip, commit)
        self.assert_blocked(workshop.push(workshop.docker), "is one of another combination")

    def test_a_replace_ref_does_not_hide_what_is_pushed(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.verdict()
        good = workshop.docker.head
        workshop.thentos.commit("Change the API", {"api": "new\n"})
        bad = workshop.pin()
        workshop.docker.git("replace", bad, good)
        self.assert_blocked(workshop.push(workshop.docker), "which is no release")

    def test_a_graft_does_not_hide_what_is_pushed(self, workshop: Workshop) -> None:
        workshop.install()
        released = workshop.thentos.head
        loose = workshop.thentos.commit("Change the API", {"api": "new\n"})
        workshop.thentos.git("replace", "--graft", loose)
        workshop.thentos.git("replace", "--force", loose, released)
        workshop.pin()
        self.assert_blocked(workshop.push(workshop.docker), "which is no release")

    def test_a_commit_that_a_partial_clone_only_promises(self, workshop: Workshop) -> None:
        workshop.install()
        workshop.push(workshop.docker, "--no-verify", "origin", "HEAD:refs/heads/master")
        for name in ("aula", "thentos", "aula-docker"):
            remote = Repo(workshop.root / "remotes" / f"{name}.git")
            remote.git("config", "uploadpack.allowFilter", "true")
            remote.git("config", "uploadpack.allowAnySHA1InWant", "true")
        folder = workshop.root / "partial" / "aula-docker"
        url = f"file://{workshop.root}/remotes/"
        workshop.docker.git("clone", "--quiet", f"{url}aula-docker.git", str(folder))
        partial = Repo(folder)
        for name in ("aula", "thentos"):
            modules = str(folder / ".git/modules" / name)
            workshop.docker.git(
                "clone", "--quiet", "--bare", "--filter=tree:0", f"{url}{name}.git", modules
            )
        ran = workshop.guard("check", at=partial)
        self.assert_blocked(ran, "undecided")
        assert ran.status == 3
        assert "missing" in ran.text


def line(commit: str, ref: str = "refs/heads/master") -> bytes:
    return f"refs/heads/master {commit} {ref} {ZERO}\n".encode()


def test_ten_thousand_refs_at_one_commit_are_one_matter(workshop: Workshop) -> None:
    head = workshop.docker.head
    data = b"".join(line(head, f"refs/heads/topic-{number}") for number in range(10_000))
    ran = workshop.guard("pre-push", "origin", "url", data=data)
    assert ran.status == 1
    assert ran.err.count("has not been built and tested") == 1
    assert "refs/heads/topic-4 and 9995 more: blocked" in ran.err
    workshop.verdict()
    ran = workshop.guard("pre-push", "origin", "url", data=data)
    assert ran.status == 0
    assert ran.err.startswith("guard: aula-docker: 10000 refs allowed\n")


def test_ten_thousand_branches_of_aula(workshop: Workshop) -> None:
    head = workshop.aula.head
    data = b"".join(line(head, f"refs/heads/topic-{number}") for number in range(10_000))
    ran = workshop.guard("pre-push", "origin", "url", at=workshop.aula, data=data)
    assert ran.status == 1
    assert ran.err.count("has not been built and tested") == 1


def test_a_verdict_that_is_named_and_not_there_is_undecided(workshop: Workshop) -> None:
    key = workshop.verdict()
    recipe = workshop.config("HEAD").recipe.digest
    path = f"refs/guard/verdicts:{key[:2]}/{key[2:]}/{recipe}.json"
    blob = workshop.docker.git("rev-parse", path)
    (workshop.docker.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    ran = workshop.guard("check")
    assert ran.status == 3
    assert f"is missing or damaged (blob {blob})" in ran.text


class TestNothingIsKnown:
    """Each of these once let a push through, because what was wrong was not looked at."""

    def blocked(self, workshop: Workshop) -> str:
        workshop.pin()
        workshop.verdict()
        ran = workshop.guard("check")
        assert ran.status != 0, ran.text
        return ran.text

    def test_a_dependency_of_a_wrong_name(self, workshop: Workshop) -> None:
        workshop.thentos.commit("After the release", {"api": "new\n"})
        toml = GUARD_TOML + '[guard]\ndependency = "thentoss"\n'
        workshop.docker.commit("A typo", {".guard.toml": toml})
        text = self.blocked(workshop)
        assert "has no gitlink at thentoss and aula requires no package of thentoss" in text

    def test_a_path_that_leads_nowhere(self, workshop: Workshop) -> None:
        workshop.docker.git("mv", "thentos", "vendored")
        toml = GUARD_TOML + '[guard]\ndependency = "vendored"\n'
        workshop.docker.commit("Move the submodule", {".guard.toml": toml})
        workshop.verdict()
        ran = workshop.guard("check")
        assert ran.status == 1
        assert "by path (stack.yaml:4), but aula-docker holds nothing there" in ran.text

    def test_a_manifest_that_is_a_symbolic_link(self, workshop: Workshop) -> None:
        workshop.aula.write({"real/aula.cabal": cabal("aula", "0.1", "thentos-core >=0.9")})
        (workshop.aula.folder / "aula.cabal").unlink()
        (workshop.aula.folder / "aula.cabal").symlink_to("real/aula.cabal")
        workshop.aula.commit("Link the manifest")
        text = self.blocked(workshop)
        assert "aula/aula.cabal is a symbolic link, which guard does not follow" in text

    def test_a_manifest_that_is_empty(self, workshop: Workshop) -> None:
        workshop.aula.commit("Empty the manifest", {"aula.cabal": ""})
        assert "aula/aula.cabal names no package" in self.blocked(workshop)

    def test_a_local_package_that_is_not_there(self, workshop: Workshop) -> None:
        workshop.aula.commit("Name a folder", {"stack.yaml": STACK + "- ./parts/one\n"})
        text = self.blocked(workshop)
        assert "aula/stack.yaml:5 names ./parts/one, and aula has no such folder" in text

    def test_a_verdict_of_another_consumer(self, workshop: Workshop) -> None:
        swapped = '[guard]\nconsumer = "thentos"\ndependency = "aula"\n'
        source = GUARD_TOML + 'source = "/src"\n'
        workshop.docker.commit("Swapped", {".guard.toml": source + swapped})
        workshop.verdict()
        workshop.docker.commit("Corrected", {".guard.toml": source})
        ran = workshop.guard("check")
        assert ran.status == 1
        assert "has not been built and tested" in ran.text


def test_what_the_policy_makes_of_head_counts_for_the_consumer(workshop: Workshop) -> None:
    toml = GUARD_TOML + "[guard.consumer-push]\ntested = []\n"
    workshop.docker.commit("Loosen", {".guard.toml": toml})
    unreleased = workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.docker.git("update-index", "--cacheinfo", f"160000,{unreleased},thentos")
    data = line(workshop.aula.head)
    ran = workshop.guard("pre-push", "origin", "url", at=workshop.aula, data=data)
    assert ran.status == 0, ran.text
    assert "warning: this combination has not been built and tested" in ran.err


def test_a_partial_dependency_is_undecided_and_not_said_to_lack_packages(
    workshop: Workshop,
) -> None:
    workshop.verdict()
    blob = workshop.thentos.git("rev-parse", "HEAD:thentos-core/thentos-core.cabal")
    (workshop.docker.folder / ".git/modules/thentos/objects" / blob[:2] / blob[2:]).unlink()
    ran = workshop.guard("check")
    assert ran.status == 3, ran.text
    assert f"blob {blob} is missing" in ran.text
    assert "does not have" not in ran.text
