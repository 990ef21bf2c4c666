"""`guard recover`: what is known to be good, and back to it by new commits alone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.commands.recovering import MASTER, World, all_of, harmed, heads, recorded, remote
from tests.workshop import GUARD_TOML, Repo, Workshop

__all__ = ["harmed"]


def test_the_list_names_what_is_good(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.aula.git("tag", "v0.1", harmed.good["aula"])
    ran = workshop.guard("recover", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert ran.status == 0, ran.text
    heading, row, *rest = ran.out.splitlines()
    shown = ["verdict", "passed", "(UTC)", "aula", "thentos", "aula-docker", "image"]
    assert heading.split() == shown
    assert row.split() == [
        harmed.record.name,
        "2016-03-01",
        "12:00",
        "v0.1",
        "v0.3.0",
        workshop.docker.git("rev-parse", "--short", harmed.good["aula-docker"]),
        "not",
        "asked",
    ]
    assert rest[0].startswith("engine not asked: no engine answers at unix:///nonexistent")
    assert f"guard recover {harmed.record.name}" in rest[-1]


def test_the_list_as_json(harmed: World) -> None:
    ran = harmed.workshop.guard("recover", "--json")
    assert ran.status == 0, ran.text
    listed = json.loads(ran.out)
    assert listed["version"] == 1
    (one,) = listed["combinations"]
    assert one["verdict"] == harmed.record.name
    assert one["superproject"]["commit"] == harmed.good["aula-docker"]
    assert one["gitlinks"]["aula"]["commit"] == harmed.good["aula"]
    assert (one["release"], one["recoverable"]) == ("v0.3.0", True)
    assert one["image"]["state"] == "gone"


def test_nothing_is_known(workshop: Workshop) -> None:
    ran = workshop.guard("recover")
    assert (ran.status, ran.out) == (
        0,
        "nothing is known to be good yet: guard sync brings the verdicts of origin, "
        "guard test makes one\n",
    )


def test_one_call_brings_the_remotes_back(harmed: World) -> None:
    workshop, good, bad = harmed.workshop, harmed.good, harmed.bad
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 0, ran.text
    for name in ("aula", "aula-docker"):
        there = remote(workshop, name)
        tip = workshop.remote_head(name) or ""
        # Only added to, and by one commit.
        assert there.git("rev-parse", f"{tip}^") == bad[name]
    assert harmed.tree("aula") == workshop.aula.git("rev-parse", f"{good['aula']}^{{tree}}")
    tip = workshop.remote_head("aula-docker") or ""
    assert workshop.docker.git("rev-parse", f"{tip}:aula") == workshop.remote_head("aula")
    assert workshop.docker.git("rev-parse", f"{tip}:thentos") == good["thentos"]
    assert workshop.docker.git("show", f"{tip}:Dockerfile").startswith("FROM localhost/base")
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        assert repo.git("status", "--porcelain") == ""
    assert workshop.thentos.head == good["thentos"]
    assert workshop.aula.git("symbolic-ref", "HEAD") == MASTER
    assert "aula: pushed" in ran.out
    assert "undone: " in ran.out and "Try\\u2028again" in ran.out
    assert workshop.guard("check").out.splitlines()[0].endswith(": allowed")
    subject = workshop.aula.git("log", "-1", "--format=%s")
    name = workshop.aula.git("describe", "--tags", "--always", good["aula"])
    expected = f"Restore the tree of {name}: combination {harmed.record.name} passed on 2016-03-01"
    assert subject == expected


def own_hooks(workshop: Workshop, line: str) -> None:
    """Hooks of the user's own, which guard's run as well."""
    assert workshop.guard("uninstall").status == 0
    for folder in ("aula-docker/.git/hooks", "aula-docker/.git/modules/aula/hooks"):
        hook = workshop.root / folder / "pre-push"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{line}\n")
        hook.chmod(0o755)
    workshop.install()


def test_the_pushes_go_through_the_hooks(harmed: World) -> None:
    workshop = harmed.workshop
    said = workshop.root / "said"
    own_hooks(workshop, f"pwd >>'{said}'")
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 0, ran.text
    assert said.read_text().splitlines() == [str(workshop.aula.folder), str(workshop.docker.folder)]


def test_a_clone_made_afterwards_has_the_good_content(harmed: World) -> None:
    workshop = harmed.workshop
    assert harmed.recover("--push", "--yes").status == 0
    clone = Repo(workshop.root / "fresh" / "aula-docker")
    url = str(workshop.root / "remotes/aula-docker.git")
    workshop.docker.git("clone", "--quiet", "--recurse-submodules", url, str(clone.folder))
    refs = "refs/guard/verdicts:refs/guard/verdicts"
    clone.git("fetch", "--quiet", str(workshop.docker.folder), refs)
    ran = workshop.guard("check", at=clone)
    assert ran.status == 0, ran.text


def test_work_that_would_be_published_with_it_is_told(harmed: World) -> None:
    harmed.workshop.aula.commit("Not yet for others", {"draft": "x\n"})
    note = "note: aula: master has 1 commit that origin/master lacks"
    told = harmed.recover("--push", "--dry-run").out
    assert f"{note}, and which are pushed as well\n" in told
    assert f"{note}\n" in harmed.recover("--dry-run").out


def test_files_that_were_only_touched_are_no_changes(harmed: World) -> None:
    """As after a restored backup: the index knows other times than the files have."""
    workshop = harmed.workshop
    for repo, name in ((workshop.docker, "Dockerfile"), (workshop.aula, "aula.cabal")):
        os.utime(repo.folder / name, (1, 1))
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 0, ran.text
    assert (workshop.aula.folder / "aula.cabal").read_text() != "broken\n"
    assert harmed.tree("aula") == workshop.aula.git("rev-parse", f"{harmed.good['aula']}^{{tree}}")


def test_without_push_the_remotes_stay(harmed: World) -> None:
    workshop = harmed.workshop
    ran = harmed.recover(harmed.record.name, "--yes")
    assert ran.status == 0, ran.text
    assert workshop.remote_head("aula") == harmed.bad["aula"]
    assert workshop.aula.git("rev-parse", "HEAD^") == harmed.bad["aula"]
    assert workshop.docker.git("rev-parse", "HEAD^") == harmed.bad["aula-docker"]
    assert f"guard recover --push {harmed.record.name}" in ran.out
    once = heads(workshop)
    again = harmed.recover(harmed.record.name, "--yes", "--push")
    assert again.status == 0, again.text
    assert heads(workshop) == once
    assert workshop.remote_head("aula-docker") == once["aula-docker"]
    third = harmed.recover(harmed.record.name, "--yes", "--push")
    assert third.status == 0
    assert "push: nothing" in third.out


def test_a_dry_run_and_a_no_change_nothing(harmed: World) -> None:
    before = all_of(harmed.workshop)
    objects = harmed.workshop.docker.git("count-objects", "-v")
    ran = harmed.recover("--dry-run")
    assert ran.status == 0, ran.text
    assert "aula-docker: a new commit on origin/master with the tree of" in ran.out
    assert "Dockerfile | 3 ++-" in ran.out
    assert harmed.recover(harmed.record.name).status == 1
    assert all_of(harmed.workshop) == before
    assert harmed.workshop.docker.git("count-objects", "-v") == objects


def test_a_tag_names_the_combination_that_has_it(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.docker.git("tag", "stable", harmed.good["aula-docker"])
    workshop.aula.git("tag", "-a", "-m", "annotated", "v0.1", harmed.good["aula"])
    for tag in ("stable", "v0.1", "v0.3.0", harmed.record.name[:6]):
        ran = harmed.recover(tag, "--dry-run")
        assert ran.status == 0, ran.text
        assert f"back to {harmed.record.name}" in ran.out
    workshop.docker.git("tag", "broken", harmed.bad["aula-docker"])
    for tag in ("broken", "nowhere"):
        ran = harmed.recover(tag, "--dry-run")
        assert ran.status == 2
        assert f"no passed verdict is named {tag}, and none contains a tag" in ran.err


def test_a_tag_of_several_is_no_choice(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.docker.git("checkout", "--quiet", harmed.good["aula-docker"])
    workshop.docker.commit("Another image", {"README": "x\n"})
    other = recorded(workshop, "2016-03-02T12:00:00Z")
    workshop.docker.git("checkout", "--quiet", "--force", "master")
    before = all_of(workshop)
    ran = harmed.recover("v0.3.0", "--yes")
    assert ran.status == 2
    assert "v0.3.0 means 2 known-good combinations" in ran.err
    assert [line.split()[0] for line in ran.out.splitlines()[1:3]] == [
        other.name,
        harmed.record.name,
    ]
    assert all_of(workshop) == before


def test_the_last_good_one_is_that_of_the_branch(harmed: World) -> None:
    """A newer verdict that no push brought to master is not where everybody is to go."""
    workshop = harmed.workshop
    workshop.docker.git("checkout", "--quiet", "-b", "topic", harmed.good["aula-docker"])
    workshop.docker.commit("A topic", {"README": "x\n"})
    recorded(workshop, "2016-03-09T12:00:00Z")
    workshop.docker.git("checkout", "--quiet", "--force", "master")
    ran = harmed.recover("--push", "--dry-run")
    assert f"back to {harmed.record.name}" in ran.out, ran.text


def test_policy_made_since_stays_and_another_recipe_goes(harmed: World) -> None:
    workshop = harmed.workshop
    stricter = GUARD_TOML + '\n[guard]\nprotect = ["refs/heads/*"]\n'
    workshop.docker.commit("Policy", {".guard.toml": stricter})
    assert harmed.recover(harmed.record.name, "--yes").status == 0
    assert workshop.docker.git("show", "HEAD:.guard.toml") == stricter.strip()
    other = GUARD_TOML.replace("test.sh", "other.sh")
    workshop.docker.commit("Another recipe", {".guard.toml": other})
    ran = harmed.recover(harmed.record.name, "--yes")
    assert ".guard.toml comes back as it was tested" in ran.out
    assert workshop.docker.git("show", "HEAD:.guard.toml") == GUARD_TOML.strip()


def test_an_index_that_was_committed_after_its_test_is_found(workshop: Workshop) -> None:
    recorded(workshop, superproject="")
    good = workshop.docker.head
    workshop.aula.commit("Harm", {"x": "y\n"})
    workshop.pin()
    ran = workshop.guard("recover", "--json")
    assert json.loads(ran.out)["combinations"][0]["superproject"]["commit"] == good


def test_a_commit_of_aula_that_was_tested_in_the_superproject_as_it_was(workshop: Workshop) -> None:
    """Its gitlink was never committed: the content is put together from both."""
    before = workshop.docker.head
    good = workshop.aula.commit("Good", {"x": "y\n"})
    workshop.pin()
    record = recorded(workshop, superproject=before)
    workshop.docker.git("reset", "--quiet", "--hard", before)
    workshop.docker.git("reflog", "expire", "--expire=now", "--all")
    workshop.docker.git("gc", "--quiet", "--prune=now")
    workshop.docker.commit("Harm", {"Dockerfile": "FROM nowhere\n"})
    workshop.install()
    ran = workshop.guard("recover", "--no-image", "--yes", "--push", record.name)
    assert ran.status == 0, ran.text
    assert workshop.aula.git("rev-parse", "HEAD^{tree}") == workshop.aula.git(
        "rev-parse", f"{good}^{{tree}}"
    )
    assert workshop.guard("check").status == 0


def test_another_recipe_everywhere_is_no_way_back(workshop: Workshop) -> None:
    record = recorded(workshop, recipe="e" * 64)
    workshop.docker.commit("Harm", {"Dockerfile": "FROM nowhere\n"})
    before = all_of(workshop)
    ran = workshop.guard("recover", "--no-image", "--yes", record.name)
    assert ran.status == 3
    assert "was earned with another recipe" in ran.err
    assert all_of(workshop) == before


class TestRefusals:
    """Each in a clear word, with everything as it was."""

    def refused(self, harmed: World, *arguments: str) -> str:
        before = all_of(harmed.workshop)
        ran = harmed.recover(*(arguments or (harmed.record.name, "--yes")))
        assert ran.status not in (0, 1), ran.text
        assert all_of(harmed.workshop) == before
        assert "Traceback" not in ran.text and "mistake in guard" not in ran.text
        return ran.err

    def test_dirty_trees_all_at_once(self, harmed: World) -> None:
        workshop = harmed.workshop
        workshop.docker.write({"Dockerfile": "FROM changed\n"})
        workshop.aula.write({"aula.cabal": "changed\n"})
        workshop.aula.git("add", "aula.cabal")
        (workshop.thentos.folder / "README.md").unlink()
        said = self.refused(harmed)
        assert "nothing was changed; in the way of it:" in said
        for name, path in (
            ("aula-docker", "Dockerfile"),
            ("aula", "aula.cabal"),
            ("thentos", "README.md"),
        ):
            assert f"  {name} has uncommitted changes: {path}\n" in said
        assert "to mend it: git stash; git -C aula stash; git -C thentos stash\n" in said

    def test_a_staged_gitlink(self, harmed: World) -> None:
        commit = harmed.good["thentos"]
        harmed.workshop.docker.git("update-index", "--cacheinfo", f"160000,{commit},thentos")
        said = self.refused(harmed)
        assert "aula-docker has uncommitted changes: thentos" in said
        self.mended(harmed, said)

    def test_a_staged_gitlink_beside_a_changed_file(self, harmed: World) -> None:
        workshop = harmed.workshop
        commit = harmed.good["thentos"]
        workshop.docker.git("update-index", "--cacheinfo", f"160000,{commit},thentos")
        workshop.docker.write({"Dockerfile": "FROM changed\n"})
        self.mended(harmed, self.refused(harmed))
        assert "FROM changed" in workshop.docker.git("stash", "show", "--patch")

    @pytest.mark.parametrize("name", ["aula", "thentos"])
    def test_the_remedies_are_typed_where_one_stands(self, harmed: World, name: str) -> None:
        workshop = harmed.workshop
        at = {"aula": workshop.aula, "thentos": workshop.thentos}[name]
        workshop.aula.write({"aula.cabal": "changed\n"})
        workshop.docker.write({"Dockerfile": "FROM changed\n"})
        words = ("recover", "--no-image", "--yes", harmed.record.name)
        said = workshop.guard(*words, at=at).err
        remedy = said.partition("to mend it: ")[2].strip()
        assert workshop.run(["sh", "-c", remedy], at).status == 0, remedy
        ran = workshop.guard(*words, at=at)
        assert ran.status == 0, ran.text
        assert "changed" in workshop.aula.git("stash", "show", "--patch")

    def mended(self, harmed: World, said: str) -> None:
        remedy = said.partition("to mend it: ")[2].strip()
        assert harmed.workshop.run(["sh", "-c", remedy], harmed.workshop.docker).status == 0
        ran = harmed.recover("--yes", harmed.record.name)
        assert ran.status == 0, ran.text

    def test_an_untracked_file_where_another_belongs(self, harmed: World) -> None:
        workshop = harmed.workshop
        workshop.aula.git("rm", "--quiet", "stack.yaml")
        workshop.aula.git("commit", "--quiet", "-m", "Without stack")
        workshop.aula.write({"stack.yaml": "precious\n"})
        said = self.refused(harmed)
        assert "aula: " in said and "stack.yaml" in said
        assert (workshop.aula.folder / "stack.yaml").read_text() == "precious\n"

    @pytest.mark.parametrize("mine", ["stack.yaml", "stack.yaml/notes"])
    def test_an_ignored_file_where_another_belongs(self, harmed: World, mine: str) -> None:
        """git itself overwrites what is ignored without a word."""
        workshop = harmed.workshop
        workshop.aula.git("rm", "--quiet", "stack.yaml")
        workshop.aula.commit("Each has their own", {".gitignore": "stack.yaml\n"})
        workshop.aula.write({mine: "precious\n"})
        said = self.refused(harmed)
        assert f"aula: ignored files would be overwritten: {mine}\n" in said
        assert "to mend it: git -C aula status --ignored\n" in said
        assert (workshop.aula.folder / mine).read_text() == "precious\n"
        said = self.refused(harmed, "--local", harmed.record.name)
        assert f"aula: ignored files would be overwritten: {mine}\n" in said

    def test_a_detached_head_that_nothing_names(self, harmed: World) -> None:
        harmed.workshop.aula.git("checkout", "--quiet", "--detach")
        lost = harmed.workshop.aula.commit("On no branch", {"x": "y\n"})
        said = self.refused(harmed)
        assert f"aula is at {lost[:12]}, a commit that no branch and no tag has" in said

    def test_a_superproject_that_is_elsewhere(self, harmed: World) -> None:
        harmed.workshop.docker.git("checkout", "--quiet", "--detach")
        said = self.refused(harmed)
        assert "aula-docker is on no branch" in said
        assert "to mend it: git checkout master\n" in said
        harmed.workshop.docker.git("checkout", "--quiet", "-b", "wip")
        assert "aula-docker is on wip; the way back is a commit on master" in self.refused(harmed)

    def test_a_merge_under_way(self, harmed: World) -> None:
        head = harmed.workshop.docker.repository.git_dir + "/MERGE_HEAD"
        with open(head, "w", encoding="ascii") as file:
            file.write(harmed.good["aula-docker"] + "\n")
        said = self.refused(harmed)
        assert "a merge is under way" in said
        assert "to mend it: git status\n" in said

    def test_branches_that_have_gone_different_ways(self, harmed: World) -> None:
        workshop = harmed.workshop
        workshop.aula.git("reset", "--quiet", "--hard", harmed.good["aula"])
        workshop.aula.commit("My own", {"mine": "x\n"})
        workshop.docker.git("add", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "Pin mine")
        said = self.refused(harmed)
        assert "aula: master and origin/master have gone different ways" in said
        remedy = said.partition("to mend it: ")[2].strip()
        assert workshop.run(remedy.split(), workshop.docker).status == 0
        mine = workshop.aula.head
        ran = harmed.recover("--push", "--yes", harmed.record.name)
        assert ran.status == 0, ran.text
        assert workshop.aula.git("rev-parse", f"master-{mine[:8]}") == mine
        assert remote(workshop, "aula").git("rev-parse", f"{MASTER}^") == harmed.bad["aula"]

    def test_a_commit_that_is_nowhere_any_more(self, harmed: World) -> None:
        """Force-pushed away, and pruned: the objects are gone."""
        workshop = harmed.workshop
        workshop.aula.git("update-ref", "-d", f"refs/guard/keep/{harmed.good['aula']}")
        workshop.aula.git("checkout", "--quiet", "--orphan", "fresh")
        workshop.aula.commit("Start anew")
        workshop.aula.git("branch", "--quiet", "-M", "fresh", "master")
        workshop.aula.git("push", "--quiet", "--force", "--no-verify", "origin", "master")
        workshop.aula.git("reflog", "expire", "--expire=now", "--all")
        workshop.aula.git("gc", "--quiet", "--prune=now")
        workshop.docker.git("add", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "Pin the new one")
        said = self.refused(harmed)
        assert f"missing: commit {harmed.good['aula']} of aula" in said
        listed = workshop.guard("recover")
        assert f"not recoverable: missing: commit {harmed.good['aula']} of aula" in listed.out

    def test_a_remote_that_does_not_answer(self, harmed: World) -> None:
        harmed.workshop.aula.git("remote", "set-url", "origin", "/nonexistent/aula.git")
        said = self.refused(harmed, harmed.record.name, "--yes", "--push")
        assert "aula's remote origin does not answer" in said

    def test_no_hook_to_go_through(self, harmed: World) -> None:
        assert harmed.workshop.guard("uninstall").status == 0
        said = self.refused(harmed, harmed.record.name, "--yes", "--push")
        assert "aula: the push would go through no hook" in said

    def test_no_identity(self, harmed: World) -> None:
        harmed.workshop.docker.git("config", "--global", "--unset", "user.email")
        harmed.workshop.docker.git("config", "--global", "user.useConfigOnly", "true")
        assert "no commit could be made" in self.refused(harmed)

    def test_no_engine_for_the_image(self, harmed: World) -> None:
        before = all_of(harmed.workshop)
        ran = harmed.workshop.guard(
            "recover", harmed.record.name, "--yes", DOCKER_HOST="unix:///nonexistent/docker.sock"
        )
        assert ran.status == 3
        assert "the image cannot be brought back: no engine answers" in ran.err
        assert "--no-image" in ran.err
        assert all_of(harmed.workshop) == before

    def test_a_release_tag_that_was_moved_here(self, harmed: World) -> None:
        workshop = harmed.workshop
        workshop.thentos.git("tag", "--force", "v0.3.0", "HEAD")
        said = self.refused(harmed, harmed.record.name, "--yes", "--push")
        assert f"v0.3.0 is {workshop.thentos.head[:12]} here; a push" in said
        remedy = said.partition("to mend it: ")[2].strip()
        assert workshop.run(remedy.split(), workshop.docker).status == 0
        ran = harmed.recover("--push", "--yes")
        assert ran.status == 0, ran.text

    def test_a_remote_tag_that_means_something_else(self, harmed: World) -> None:
        there = remote(harmed.workshop, "thentos")
        there.git("update-ref", "refs/tags/v0.3.0", "refs/heads/wip")
        said = self.refused(harmed, harmed.record.name, "--yes", "--push")
        assert "thentos's remote has v0.3.0 at" in said


def test_a_good_commit_that_was_force_pushed_away_comes_back(harmed: World) -> None:
    """Its verdict kept it; its content comes back in a new commit."""
    workshop = harmed.workshop
    workshop.aula.git("checkout", "--quiet", "--orphan", "fresh")
    anew = workshop.aula.commit("Start anew", {"aula.cabal": "other\n"})
    workshop.aula.git("branch", "--quiet", "-M", "fresh", "master")
    workshop.aula.git("push", "--quiet", "--force", "--no-verify", "origin", "master")
    workshop.aula.git("reflog", "expire", "--expire=now", "--all")
    workshop.aula.git("gc", "--quiet", "--prune=now")
    workshop.docker.git("add", "aula")
    workshop.docker.git("commit", "--quiet", "-m", "Pin the new one")
    ran = harmed.recover(harmed.record.name, "--yes", "--push")
    assert ran.status == 0, ran.text
    assert f"aula {harmed.good['aula'][:12]} is not in the history of" in ran.out
    assert remote(workshop, "aula").git("rev-parse", f"{MASTER}^") == anew


def test_somebody_pushed_first(harmed: World) -> None:
    """Between our fetch and our push: named, not forced; the next call joins both."""
    workshop = harmed.workshop
    other = Repo(workshop.root / "colleague")
    workshop.docker.git(
        "clone", "--quiet", str(workshop.root / "remotes/aula.git"), str(other.folder)
    )
    theirs = other.commit("Faster", {"faster": "x\n"})
    push = f"git -C '{other.folder}' push --quiet origin HEAD:master"
    own_hooks(workshop, f"env -u GIT_DIR {push} || :")
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 3, ran.text
    assert "aula: somebody else pushed to master of origin first; nothing was forced" in ran.err
    assert workshop.remote_head("aula") == theirs
    assert workshop.remote_head("aula-docker") == harmed.bad["aula-docker"]
    ours = workshop.aula.head
    again = harmed.recover("--push", "--yes")
    assert again.status == 0, again.text
    tip = remote(workshop, "aula")
    assert tip.git("show", "--no-patch", "--format=%P", MASTER).split() == [theirs, ours]
    assert harmed.tree("aula") == workshop.aula.git("rev-parse", f"{harmed.good['aula']}^{{tree}}")
    assert workshop.remote_head("aula-docker") == workshop.docker.head


def test_a_release_tag_that_the_remote_lacks_is_pushed_first(harmed: World) -> None:
    remote(harmed.workshop, "thentos").git("update-ref", "-d", "refs/tags/v0.3.0")
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 0, ran.text
    assert "push: thentos v0.3.0, then aula master, then aula-docker master" in ran.out
    there = remote(harmed.workshop, "thentos").git("rev-parse", "refs/tags/v0.3.0")
    assert there == harmed.good["thentos"]


def test_a_release_of_the_tested_content_comes_before_its_candidate(harmed: World) -> None:
    workshop, good = harmed.workshop, harmed.good["thentos"]
    for each in (workshop.thentos, remote(workshop, "thentos")):
        each.git("update-ref", "-d", "refs/tags/v0.3.0")
        for tag in ("v0.2.9-rc1", "v0.3.0-rc1", "v0.3.0.1"):
            each.git("update-ref", f"refs/tags/{tag}", good)
    remote(workshop, "thentos").git("update-ref", "-d", "refs/tags/v0.3.0.1")
    ran = harmed.recover("--push", "--yes")
    assert ran.status == 0, ran.text
    assert "push: thentos v0.3.0.1, then aula master" in ran.out


def test_a_checkout_that_leaves_its_branch_is_told(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.aula.git("checkout", "--quiet", "-b", "mine")
    mine = workshop.aula.head
    ran = harmed.recover("--yes", harmed.record.name)
    assert ran.status == 0, ran.text
    at = workshop.aula.head
    assert f"aula: checked out at {at[:12]}, and no longer on mine\n" in ran.out
    assert "thentos: checked out at" in ran.out
    assert "aula-docker: checked out at" not in ran.out
    assert workshop.aula.git("rev-parse", "mine") == mine


def test_a_detached_submodule_stays_detached(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.aula.git("checkout", "--quiet", "--detach")
    assert harmed.recover("--push", "--yes").status == 0
    ran = workshop.run(["git", "symbolic-ref", "--quiet", "HEAD"], workshop.aula)
    assert ran.status == 1
    assert workshop.aula.head == workshop.aula.git("rev-parse", "master")
    assert workshop.aula.head == workshop.remote_head("aula")


def test_submodules_of_submodules_follow(workshop: Workshop) -> None:
    inner = Repo(workshop.root / "remotes" / "servant")
    workshop.docker.git("init", "--quiet", str(inner.folder))
    first = inner.commit("One", {"servant.txt": "one\n"})
    workshop.thentos.git("submodule", "--quiet", "add", "../servant", "servant")
    workshop.thentos.commit("Nest servant", {})
    workshop.release("0.3.1")
    workshop.pin()
    record = recorded(workshop)
    nested = Repo(workshop.thentos.folder / "servant")
    inner.commit("Two", {"servant.txt": "two\n"})
    nested.git("pull", "--quiet", "origin", "master")
    workshop.thentos.commit("Harm", {})
    workshop.pin()
    nested.write({"servant.txt": "mine\n"})
    refused = workshop.guard("recover", "--no-image", "--yes", record.name)
    assert refused.status == 3
    assert "thentos/servant has uncommitted changes: servant.txt" in refused.err
    nested.git("checkout", "--quiet", "servant.txt")
    ran = workshop.guard("recover", "--no-image", "--yes", record.name)
    assert ran.status == 0, ran.text
    assert nested.head == first
    assert workshop.docker.git("status", "--porcelain") == ""


def test_sha256(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, "sha256")
    record = recorded(workshop)
    workshop.aula.commit("Harm", {"x": "y\n"})
    workshop.pin()
    workshop.install()
    ran = workshop.guard("recover", "--no-image", "--yes", "--push", record.name)
    assert ran.status == 0, ran.text
    assert workshop.guard("check").status == 0


# A ref's move, as git tells its hook: in which repository, and which ref.
STEPS = {
    "aula's branch": ("modules/aula", MASTER),
    "aula-docker's branch": (".", MASTER),
    "thentos's head": ("modules/thentos", "HEAD"),
    "aula's push": ("modules/aula", "refs/remotes/origin/master"),
    "aula-docker's push": (".", "refs/remotes/origin/master"),
}


@pytest.mark.parametrize("state", ["prepared", "committed"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_called_again(harmed: World, step: str, state: str) -> None:
    """A real SIGKILL, from the hook that git runs around every move of a ref."""
    workshop = harmed.workshop
    folder, ref = STEPS[step]
    hook = workshop.root / "aula-docker/.git" / folder / "hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    # The whole group: guard and whatever git it waits for.
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = {state} ] || exit 0\n'
        f"grep -q ' {ref}$' && kill -9 -\"$(ps -o pgid= -p $$ | tr -d ' ')\"\nexit 0\n"
    )
    hook.chmod(0o755)
    command = [
        "setsid",
        "--wait",
        sys.executable,
        "-I",
        "-m",
        "guard",
        "recover",
        "--no-image",
        "--push",
        "--yes",
    ]
    killed = workshop.run(command, workshop.docker)
    assert killed.status in (-9, 137), killed.text
    hook.unlink()
    for lock in (workshop.root / "aula-docker/.git").rglob("*.lock"):
        if "guard" not in lock.parts:
            lock.unlink()
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        assert repo.git("fsck", "--strict", "--no-dangling") == ""
    again = harmed.recover("--push", "--yes")
    assert again.status == 0, again.text
    for name, repo in (("aula", workshop.aula), ("aula-docker", workshop.docker)):
        tip = workshop.remote_head(name) or ""
        assert repo.git("rev-parse", f"{tip}^") == harmed.bad[name], "more than one commit"
        assert (repo.head, repo.git("status", "--porcelain")) == (tip, "")
    assert workshop.thentos.head == harmed.good["thentos"]
    assert workshop.thentos.git("status", "--porcelain") == ""
