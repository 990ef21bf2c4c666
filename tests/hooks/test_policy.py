"""Policy and recipe by real pushes: what is loosened counts later, a new recipe needs a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import GUARD_TOML, Ran, Repo, Workshop

PASSES_ALL = GUARD_TOML.replace('["/bin/sh", "/liqd/aula/test.sh"]', '["true"]')
TOPIC = ("origin", "HEAD:refs/heads/topic")


class Team(Workshop):
    """A workshop of which others have everything, tested; the hook is installed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.install()
        self.publish()
        self.verdict()
        assert self.push(self.docker).status == 0
        self.docker.git("fetch", "--quiet")

    def configure(self, text: str, message: str = "Configure") -> str:
        """Commit another `.guard.toml`; what it says has passed."""
        commit = self.docker.commit(message, {".guard.toml": text})
        self.verdict()
        return commit

    def breaks(self) -> None:
        """aula asks for what thentos is not, in both repositories, and that has passed."""
        self.require(">=0.9 && <1")
        self.publish("aula")
        self.pin()
        self.verdict()


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def mend(ran: Ran, rule: str = "policy") -> str:
    found = re.search(rf"error {rule}: (?:.*\n)+? +mend: +(.*)", ran.text)
    assert found is not None, ran.text
    return found[1]


def saying(ran: Ran, why: str = "a test") -> str:
    """What says why, with a reason in it."""
    person, _, command = mend(ran).partition(": ")[2].partition(": ")
    assert person == "say why"
    return command.replace("<why>", why)


RECIPES = {
    "test.command": PASSES_ALL,
    "test.entrypoint": GUARD_TOML.replace("[test]", "[test]\nentrypoint = true"),
    "test.source": GUARD_TOML.replace("[test]", '[test]\nsource = "/src"'),
    "image.target": GUARD_TOML.replace("[image]", '[image]\ntarget = "small"'),
    "image.builder": GUARD_TOML.replace("[image]", '[image]\nbuilder = "classic"'),
    "image.ignore": GUARD_TOML.replace("[image]", '[image]\nignore = ["docs"]'),
    "image.build-args": GUARD_TOML.replace("[image]", '[image]\nbuild-args = {FAST = "1"}'),
    "image.dockerfile": GUARD_TOML.replace("[image]", '[image]\ndockerfile = "Other"'),
    "image.platform": GUARD_TOML.replace("[image]", '[image]\nplatform = "linux/amd64"'),
}


class TestRecipe:
    @pytest.mark.parametrize("key", RECIPES)
    def test_another_one_needs_a_reason_whatever_of_it_changed(self, team: Team, key: str) -> None:
        team.configure(RECIPES[key])
        ran = team.push(team.docker)
        assert ran.status != 0
        (line,) = re.findall(r"error policy: .*\((.*)\)", ran.text)
        assert key in line.split(", ")
        assert f"next: {mend(ran)}\n" in ran.text
        assert team.guard("check").status == 1
        assert team.paste(saying(ran)).status == 0
        assert team.push(team.docker).status == 0

    def test_a_new_branch_and_a_tag_need_it_as_well(self, team: Team) -> None:
        team.configure(PASSES_ALL)
        team.docker.git("tag", "t1")
        assert "error policy" in team.push(team.docker, *TOPIC).text
        assert "error policy" in team.push(team.docker, "origin", "t1").text

    def test_another_commit_of_the_push_may_not_say_it(self, team: Team) -> None:
        team.configure(PASSES_ALL)
        team.docker.commit("Write\n\nGuard-Recipe: it is meant", {"README.md": "x"})
        team.verdict()
        assert "error policy" in team.push(team.docker).text

    def test_commits_on_top_of_the_reason_change_nothing(self, team: Team) -> None:
        team.configure(PASSES_ALL, "Faster\n\nguard-recipe: the tests are gone")
        team.docker.commit("Write", {"README.md": "x"})
        team.configure(PASSES_ALL + '[guard]\nprotect = ["*"]\n', "More")
        assert team.push(team.docker).status == 0

    def test_what_is_changed_again_needs_a_reason_again(self, team: Team) -> None:
        team.configure(PASSES_ALL, "Faster\n\nGuard-Recipe: the tests are gone")
        team.configure(RECIPES["image.target"], "Otherwise")
        assert "error policy" in team.push(team.docker).text

    def test_what_is_as_before_in_the_end_needs_none(self, team: Team) -> None:
        team.configure(PASSES_ALL)
        team.configure(GUARD_TOML + "\n# as before\n")
        assert team.push(team.docker).status == 0

    @pytest.mark.parametrize("why", ["<why>", "", "< >", "(<why>)", "..."])
    def test_what_is_pasted_without_a_reason_says_nothing(self, team: Team, why: str) -> None:
        team.configure(PASSES_ALL)
        for reason, status in ((why, 1), (why, 1), ("<b> is gone", 0)):
            assert team.paste(saying(team.push(team.docker), reason)).status == 0
            assert team.push(team.docker).status == status

    def test_a_pass_by_the_old_one_does_not_count(self, team: Team) -> None:
        team.docker.commit("Faster\n\nGuard-Recipe: why", {".guard.toml": PASSES_ALL})
        ran = team.push(team.docker)
        assert ran.status != 0
        assert "error tested" in ran.text

    def test_the_first_one_of_all_needs_none(self, tmp_path: Path) -> None:
        workshop = Workshop(tmp_path)
        workshop.install()
        toml = workshop.docker.folder / ".guard.toml"
        toml.unlink()
        workshop.docker.commit("Without")
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        workshop.docker.git("fetch", "--quiet")
        workshop.publish()
        workshop.docker.commit("Configure", {".guard.toml": GUARD_TOML})
        workshop.verdict()
        assert workshop.push(workshop.docker).status == 0

    @pytest.mark.parametrize("branch", ["master", "topic"])
    @pytest.mark.parametrize("left", [None, "", GUARD_TOML.partition("[test]")[0]])
    def test_it_is_not_changed_in_two_steps(
        self, team: Team, branch: str, left: str | None
    ) -> None:
        """The file or its test command goes first, and then another one comes."""
        team.docker.git("push", "--quiet", "--no-verify", "origin", f"HEAD:refs/heads/{branch}")
        team.docker.git("rm", "--quiet", ".guard.toml")
        if left is not None:
            team.docker.write({".guard.toml": left})
            team.docker.git("add", ".guard.toml")
        team.docker.git("commit", "--quiet", "-m", "Tidy up")
        ran = team.push(team.docker, "origin", f"HEAD:refs/heads/{branch}")
        assert "error policy" in ran.text
        assert "test.command" in ran.text
        if left is None:
            assert team.paste(saying(ran)).status == 0
            assert team.push(team.docker, "origin", f"HEAD:refs/heads/{branch}").status == 0

    def test_another_history_that_has_none_says_so_itself(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "--orphan", "other")
        team.docker.git("rm", "--quiet", "--cached", ".guard.toml")
        team.docker.git("commit", "--quiet", "-m", "Begin anew")
        team.docker.write({"README.md": "x"})
        team.docker.git("add", "README.md")
        team.docker.git("commit", "--quiet", "-m", "Go on")
        onto = ("--force", "origin", "HEAD:refs/heads/master")
        ran = team.push(team.docker, *onto)
        assert "error policy" in ran.text
        assert team.paste(saying(ran)).status == 0
        assert "error policy" not in team.push(team.docker, *onto).text

    def test_a_merge_says_why_it_takes_what_master_got_without_a_reason(self, team: Team) -> None:
        """Nobody rewrites what is published for it."""
        team.docker.git("checkout", "--quiet", "-b", "topic")
        team.docker.commit("Write", {"README.md": "x"})
        team.verdict()
        assert team.push(team.docker, *TOPIC).status == 0
        team.docker.git("checkout", "--quiet", "master")
        team.configure(PASSES_ALL, "By a button")
        team.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        team.docker.git("checkout", "--quiet", "topic")
        team.docker.git("merge", "--quiet", "-m", "Merge master", "master")
        team.verdict()
        ran = team.push(team.docker, *TOPIC)
        assert f"commit {team.docker.head[:12]} does not say why" in ran.text
        assert team.paste(saying(ran)).status == 0
        assert team.push(team.docker, *TOPIC).status == 0

    def test_a_merge_below_the_tip_stays_one_where_it_is_reworded(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "-b", "side")
        team.docker.commit("Write", {"README.md": "x"})
        team.docker.git("checkout", "--quiet", "master")
        team.docker.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
        team.docker.write({".guard.toml": PASSES_ALL})
        merge = team.docker.commit("Merge side")
        team.docker.commit("On top", {"LICENSE": "x"})
        ran = team.push(team.docker)
        assert f"git rebase --interactive --rebase-merges '{merge[:12]}^'" in mend(ran)

    def test_status_says_it_before_the_push(self, team: Team) -> None:
        team.configure(PASSES_ALL)
        team.aula.git("checkout", "--quiet", "-b", "elsewhere")
        team.aula.commit("What would be staged next", {"word": "x"})
        command = mend(team.push(team.docker))
        assert team.guard("status").out.endswith(f"\nnext: {command}\n")


class TestStaged:
    """What is only staged is told what its commit would be, with what mends it while it is."""

    def stage(self, team: Team, text: str) -> None:
        team.docker.write({".guard.toml": text})
        team.docker.git("add", ".guard.toml")

    def test_another_recipe_needs_a_reason_in_the_commit_to_be(self, team: Team) -> None:
        self.stage(team, PASSES_ALL)
        ran = team.guard("check", "--staged")
        assert (ran.status, "and what is staged does not say why" in ran.text) == (1, True)
        assert "its push would be: .guard.toml" in team.guard("check", "--staged", "--warn").err
        for name in ("status", "release"):
            assert f"{mend(ran)}" in team.guard(name, *["--dry-run"][: name == "release"]).text
        assert team.paste(saying(ran)).status == 0
        assert team.guard("check", "--staged").status == 0
        team.verdict()
        assert team.push(team.docker).status == 0

    def test_what_was_committed_before_is_said_there(self, team: Team) -> None:
        team.configure(PASSES_ALL)
        team.docker.write({"README.md": "x"})
        team.docker.git("add", "README.md")
        ran = team.guard("check", "--staged")
        assert "commit --amend --only" in mend(ran)
        assert team.paste(saying(ran)).status == 0
        assert team.guard("check", "--staged").status == 0

    def test_it_is_judged_by_what_is_in_force(self, team: Team) -> None:
        self.stage(team, '[guard]\ndependency = "nowhere"\n' + GUARD_TOML)
        ran = team.guard("check", "--staged")
        assert ran.status == 0
        assert "warning policy" in ran.out
        aula = team.require(">=0.9 && <1")
        team.docker.git("update-index", "--cacheinfo", f"160000,{aula},aula")
        ran = team.guard("check", "--staged")
        assert (ran.status, "error dependency-match" in ran.text) == (1, True)

    def test_a_recipe_on_a_branch_that_nobody_judges_needs_none(self, team: Team) -> None:
        team.configure('[guard]\nprotect = ["master"]\n' + GUARD_TOML)
        assert team.push(team.docker).status == 0
        team.docker.git("fetch", "--quiet")
        team.docker.git("checkout", "--quiet", "-b", "work")
        self.stage(team, '[guard]\nprotect = ["master"]\n' + PASSES_ALL)
        assert team.guard("check", "--staged").status == 0

    def test_before_aula_docker_is_pushed_at_all_head_counts_for_aula(self, tmp_path: Path) -> None:
        workshop = Workshop(tmp_path)
        workshop.install()
        workshop.thentos.git("push", "--quiet", "--no-verify", "--tags", "origin", "HEAD:master")
        workshop.docker.write({".guard.toml": PASSES_ALL})
        workshop.docker.git("add", ".guard.toml")
        workshop.aula.commit("More", {"more": "x"})
        workshop.docker.git("add", "aula")
        assert "error policy" in workshop.push(workshop.aula).text
        ran = workshop.guard("release", "--dry-run")
        assert "step 1, push thentos, is blocked: policy: " in ran.err
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        assert "policy" not in workshop.guard("release", "--dry-run").text

    def test_the_commit_of_a_recipe_says_too_why_the_dependency_goes_back(self, team: Team) -> None:
        team.release("0.3.1")
        team.publish()
        team.pin()
        team.verdict()
        assert team.push(team.docker).status == 0
        self.stage(team, PASSES_ALL)
        assert team.guard("align", "--to", "v0.3.0").status == 0
        command = team.guard("status").out.splitlines()[-1].partition("say why: ")[2]
        assert team.paste(command.replace("<why>", "a test")).status == 0
        team.verdict()
        assert team.push(team.docker).status == 0


class TestLoosened:
    """What a push loosens counts from the next push on, whatever it is."""

    @pytest.mark.parametrize(
        "text",
        [
            "[guard]\nprotect = []\n",
            '[guard]\nconsumer = "nowhere"\n',
            '[guard]\ndependency = "nowhere"\n',
        ],
    )
    def test_it_is_judged_by_what_was_in_force(self, team: Team, text: str) -> None:
        loosened, fitting = team.configure(text + GUARD_TOML), team.aula.head
        team.breaks()
        assert "error dependency-match" in team.push(team.docker).text
        team.aula.git("push", "--quiet", "--no-verify", "--force", "origin", f"{fitting}:master")
        ran = team.push(team.docker, "origin", f"{loosened}:refs/heads/master")
        assert ran.status == 0, ran.text
        assert "asks for less from the next push on: guard." in ran.text
        team.publish("aula")
        assert "error dependency-match" not in team.push(team.docker).text

    def test_it_has_to_be_tested_once_more(self, team: Team) -> None:
        team.docker.commit("Loosen", {".guard.toml": "[guard]\ntested = []\n" + GUARD_TOML})
        assert team.push(team.docker).status == 0, "settings are no content"
        team.docker.git("fetch", "--quiet")
        team.docker.commit("Tighten", {".guard.toml": GUARD_TOML})
        team.docker.commit("Write", {"Dockerfile": "FROM localhost/other\nCOPY . /liqd/\n"})
        assert "error tested" in team.push(team.docker).text

    def test_a_file_that_is_removed_is_in_force_all_the_same(self, team: Team) -> None:
        team.docker.git("rm", "--quiet", ".guard.toml")
        team.docker.git("commit", "--quiet", "-m", "Remove it")
        team.require(">=0.9 && <1")
        team.publish("aula")
        team.pin()
        assert "error dependency-match" in team.push(team.docker).text


class TestOfAula:
    """A push of aula goes by what others have of aula-docker, not by what is only staged."""

    def stage(self, team: Team, text: str) -> None:
        team.docker.write({".guard.toml": text})
        team.docker.git("add", ".guard.toml")

    @pytest.mark.parametrize(
        "text",
        [
            "[guard.consumer-push]\nprotect = []\n",
            "[guard.consumer-push]\ntested = []\n",
            '[guard]\ndependency = "aula"\nconsumer = "thentos"\n',
            '[guard]\ndependency = "nowhere"\n',
        ],
    )
    @pytest.mark.parametrize("is_committed", [False, True])
    def test_what_others_do_not_have_loosens_nothing(
        self, team: Team, text: str, is_committed: bool
    ) -> None:
        self.stage(team, text + GUARD_TOML)
        if is_committed:
            team.docker.git("commit", "--quiet", "-m", "Loosen")
        team.require(">=0.9 && <1")
        ran = team.push(team.aula, *TOPIC)
        assert ran.status != 0, ran.text
        assert "error tested" in ran.text

    def test_a_recipe_that_is_only_staged_passes_nothing(self, team: Team) -> None:
        self.stage(team, PASSES_ALL)
        team.aula.commit("Change aula", {"src.hs": "x"})
        team.docker.git("add", "aula")
        head = team.docker.head
        team.docker.git("commit", "--quiet", "-m", "For the verdict")
        team.verdict()
        team.docker.git("reset", "--quiet", "--soft", head)
        ran = team.push(team.aula, *TOPIC)
        assert ran.status != 0
        assert "what is staged does not say why" in ran.text
        assert team.paste(saying(ran), team.aula).status == 0
        assert team.push(team.aula, *TOPIC).status == 0

    def test_what_others_have_counts(self, team: Team) -> None:
        self.stage(team, "[guard.consumer-push]\nprotect = []\n" + GUARD_TOML)
        team.docker.git("commit", "--quiet", "-m", "Loosen")
        team.verdict()
        assert team.push(team.docker).status == 0
        team.require(">=0.9 && <1")
        assert team.push(team.aula, *TOPIC).status == 0


class TestUnknown:
    """A policy is there that nobody can read here: what it asks is not known, so nothing passes."""

    def clone(self, team: Team, *words: str) -> Repo:
        """Another clone of aula-docker, which is guarded and has its submodules."""
        url, clone = str(team.root / "remotes/aula-docker.git"), Repo(team.root / "clone")
        team.docker.git("clone", "--quiet", *words, url, str(clone.folder))
        clone.git("submodule", "--quiet", "update", "--init")
        assert team.guard("install", at=clone).status == 0
        clone.git("fetch", "--quiet", str(team.docker.folder), "refs/guard/*:refs/guard/*")
        return clone

    @pytest.mark.parametrize("ref", ["refs/heads/new", "refs/tags/v1"])
    @pytest.mark.parametrize("text", ["[guard]\nprotect = []\n" + GUARD_TOML, PASSES_ALL])
    def test_that_of_a_default_branch_that_was_not_fetched(
        self, team: Team, ref: str, text: str
    ) -> None:
        team.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:topic")
        clone = self.clone(team, "--single-branch", "--branch=topic")
        team.configure(text)
        clone.git("pull", "--quiet", str(team.docker.folder), "HEAD")
        clone.git("fetch", "--quiet", str(team.docker.folder), "+refs/guard/*:refs/guard/*")
        ran = team.push(clone, "origin", f"HEAD:{ref}")
        assert "undecided policy: the default branch of origin" in ran.text
        assert ran.status != 0
        found = re.search(r"undecided policy: .*\n +mend: +(.*)", ran.text)
        assert found is not None
        assert team.paste(found[1], clone).status == 0
        text = team.push(clone, "origin", f"HEAD:{ref}").text
        assert "undecided" not in text
        assert ("error policy" in text) is ("protect" not in text)

    def test_that_at_a_tip_that_is_not_here(self, team: Team) -> None:
        team.configure("[guard]\nprotect = []\n" + GUARD_TOML, "Loosen")
        assert team.push(team.docker).status == 0
        clone = self.clone(team)
        clone.commit("Tighten", {".guard.toml": GUARD_TOML})
        clone.git("push", "--quiet", "--no-verify", "origin", "HEAD:master", "HEAD:refs/tags/v1")
        team.docker.commit("Untested", {"Dockerfile": "FROM localhost/other\nCOPY . /liqd/\n"})
        for ref in ("refs/heads/master", "refs/tags/v1"):
            ran = team.push(team.docker, "--force", "origin", f"HEAD:{ref}")
            assert ran.status != 0
            found = re.search(r"undecided policy: .*\n +mend: +(.*)", ran.text)
            assert found is not None, ran.text
            assert team.paste(found[1]).status == 0
            ran = team.push(team.docker, "--force", "origin", f"HEAD:{ref}")
            assert "error tested" in ran.text
            assert "undecided" not in ran.text
            clone.commit("More", {"README.md": ref})
            clone.git("push", "--quiet", "--no-verify", "--force", "origin", "HEAD:refs/tags/v1")

    def test_a_remote_that_has_no_default_branch_has_none(self, team: Team) -> None:
        new = team.root / "remotes/new.git"
        team.docker.git("init", "--quiet", "--bare", str(new))
        clone = self.clone(team)
        clone.git("remote", "add", "new", str(new))
        clone.git("remote", "remove", "origin")
        for name in ("one", "two"):  # HEAD of the remote is at neither
            ran = team.push(clone, "new", f"HEAD:refs/heads/{name}")
            assert "policy" not in ran.text


class TestContent:
    """Same bytes, other combination: what a verdict does not cover is asked for again."""

    def untested(self, team: Team) -> None:
        ran = team.push(team.docker, *TOPIC)
        assert ran.status != 0
        assert "error tested: this combination has not been built" in ran.text

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_a_submodule_that_becomes_a_folder_of_its_files(self, team: Team, path: str) -> None:
        team.docker.commit("Attributes", {".gitattributes": "*.sh text eol=crlf\n"})
        team.verdict()
        assert team.push(team.docker).status == 0
        tree = (team.aula if path == "aula" else team.thentos).git("rev-parse", "HEAD^{tree}")
        source = team.docker.folder / path
        team.docker.git("rm", "--quiet", "--cached", path)
        team.docker.git("fetch", "--quiet", str(source), "HEAD")
        team.docker.git("read-tree", f"--prefix={path}/", tree)
        team.docker.git("commit", "--quiet", "-m", "Vendor it")
        assert team.docker.git("rev-parse", f"HEAD:{path}") == tree
        self.untested(team)

    def test_a_third_submodule_that_becomes_a_folder(self, team: Team) -> None:
        source = Repo(team.root / "lib")
        team.docker.git("init", "--quiet", str(source.folder))
        source.commit("One", {"x": "1"})
        team.docker.git("clone", "--quiet", "--bare", "../lib", "../remotes/lib.git")
        team.docker.git("submodule", "--quiet", "add", "../lib.git", "lib")
        team.docker.git("commit", "--quiet", "-m", "Add it")
        team.verdict()
        assert team.push(team.docker).status == 0
        modules = team.docker.git("rev-parse", "HEAD:.gitmodules")
        team.docker.git("rm", "--quiet", "--cached", "lib")
        team.docker.git("fetch", "--quiet", str(source.folder), "HEAD")
        team.docker.git("read-tree", "--prefix=lib/", "FETCH_HEAD^{tree}")
        team.docker.git("update-index", "--cacheinfo", f"100644,{modules},.gitmodules")
        team.docker.git("commit", "--quiet", "-m", "Vendor it")
        self.untested(team)

    @pytest.mark.parametrize("key", ["image.builder", "image.target", "test.entrypoint"])
    def test_another_build_of_the_same_files(self, team: Team, key: str) -> None:
        why = "Otherwise\n\nGuard-Recipe: a test"
        team.docker.commit(why, {".guard.toml": RECIPES[key]})
        self.untested(team)
        team.verdict(Result.FAILED_TEST)
        assert (
            "error tested: the tests of this combination fail"
            in team.push(team.docker, *TOPIC).text
        )
        team.verdict(finished="2016-03-05T15:32:00Z")
        assert team.push(team.docker, *TOPIC).status == 0
