"""How real checkouts stand beside their gitlinks, and what of them is not tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.git.objects import ObjectPool
from guard.git.store import Part
from guard.situation.checkouts import (
    Checkout,
    Checkouts,
    Link,
    Relation,
    Settings,
    checkouts,
    untested,
)
from tests.workshop import Repo, Workshop


def standing(workshop: Workshop, *beside: Repo) -> Checkouts:
    docker, clones = workshop.docker, tuple(clone.repository for clone in beside)
    links = {path: docker.git("rev-parse", f":{path}") for path in ("aula", "thentos")}
    with ObjectPool() as pool:
        return checkouts(
            docker.repository,
            {path: Link(commit, clones, path == "aula") for path, commit in links.items()},
            pool,
        )


def of(workshop: Workshop, path: str = "aula", beside: Repo | None = None) -> Checkout:
    checkout = standing(workshop, *filter(None, [beside])).at(path)
    assert checkout is not None
    return checkout


def test_a_fresh_one_is_at_its_gitlinks(workshop: Workshop) -> None:
    stands = standing(workshop)
    assert (stands.unmerged, stands.under_way, stands.settings) == ((), "", Settings.STAGED)
    assert [each.relation for each in stands.submodules] == [Relation.SAME, Relation.SAME]


def test_a_commit_more_is_ahead_and_one_less_is_behind(workshop: Workshop) -> None:
    workshop.aula.commit("More", {"more": "x"})
    ahead = of(workshop)
    assert (ahead.relation, ahead.head, ahead.is_changed) == (
        Relation.AHEAD,
        workshop.aula.head,
        False,
    )
    workshop.docker.git("add", "aula")
    assert of(workshop).relation is Relation.SAME
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
    assert of(workshop).relation is Relation.BEHIND


def test_two_ways_are_apart(workshop: Workshop) -> None:
    workshop.aula.commit("Here", {"here": "x"})
    workshop.docker.git("add", "aula")
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
    workshop.aula.commit("There", {"there": "x"})
    workshop.aula.write({"there": "y"})
    apart = of(workshop)
    assert (apart.relation, apart.is_changed) == (Relation.APART, True)


def test_a_gitlink_that_the_checkout_lacks(workshop: Workshop) -> None:
    other = Repo(workshop.root / "other")
    theirs = other.commit("Theirs")
    workshop.docker.git("update-index", "--cacheinfo", f"160000,{theirs},aula")
    nowhere = of(workshop)
    assert (nowhere.relation, nowhere.pinned_by) == (Relation.NOWHERE, "")
    workshop.docker.git("commit", "--quiet", "-m", "Pin it")
    assert of(workshop).pinned_by == workshop.docker.git("log", "-1", "--format=%an")
    remote = str(workshop.root / "remotes/aula.git")
    other.git("push", "--quiet", remote, "HEAD:later")
    missing = of(workshop)
    assert (missing.relation, missing.source) == (Relation.MISSING, ("origin",))
    workshop.aula.git("config", "remote.origin.fetch", "+refs/heads/master:refs/remotes/origin/x")
    assert of(workshop).source == ("origin", "+refs/heads/*:refs/remotes/origin/*")
    workshop.aula.git("remote", "set-url", "origin", "/nowhere")
    assert of(workshop).source == ("origin",)


def test_a_gitlink_that_only_a_tag_of_the_remote_leads_to(workshop: Workshop) -> None:
    other = Repo(workshop.root / "other")
    theirs = other.commit("Theirs")
    other.git("tag", "--annotate", "-m", "One", "one")
    other.git("push", "--quiet", str(workshop.root / "remotes/aula.git"), "one")
    workshop.docker.git("update-index", "--cacheinfo", f"160000,{theirs},aula")
    assert of(workshop).source == ("origin", "tag", "one")
    workshop.aula.git("fetch", "--quiet", *of(workshop).source)
    assert of(workshop).relation is Relation.BEHIND


def test_a_commit_that_nothing_keeps(workshop: Workshop) -> None:
    workshop.aula.git("checkout", "--quiet", "--detach")
    assert not of(workshop).is_lost
    workshop.aula.commit("Only here", {"more": "x"})
    assert of(workshop).is_lost
    workshop.docker.git("add", "aula")
    assert of(workshop).is_lost
    workshop.aula.git("branch", "kept")
    assert not of(workshop).is_lost


def test_what_is_in_the_way_of_what_the_gitlink_has(workshop: Workshop) -> None:
    workshop.aula.commit("More", {"more": "x"})
    workshop.docker.git("add", "aula")
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
    assert of(workshop).obstacle == ""
    workshop.aula.write({"more": "mine"})
    assert "more" in of(workshop).obstacle
    workshop.aula.commit("Mine", {"less": "x", ".gitignore": "more\n"})
    apart = of(workshop)
    assert (apart.relation, apart.obstacle, apart.is_changed) == (Relation.APART, "more", False)


def test_settings_that_git_ignores(workshop: Workshop) -> None:
    workshop.docker.git("rm", "--quiet", "--cached", ".guard.toml")
    assert standing(workshop).settings is Settings.UNSTAGED
    workshop.docker.write({".gitignore": "*.toml\n"})
    assert standing(workshop).settings is Settings.IGNORED


def test_history_that_is_cut_off(workshop: Workshop) -> None:
    head = workshop.aula.head
    staged = workshop.aula.commit("More", {"more": "x"})
    workshop.docker.git("add", "aula")
    workshop.aula.git("reset", "--quiet", "--hard", head)
    (Path(workshop.aula.repository.common_dir) / "shallow").write_text(f"{staged}\n")
    assert of(workshop).relation is Relation.CUT_OFF


def test_a_branch_and_a_tag(workshop: Workshop) -> None:
    workshop.thentos.git("checkout", "--quiet", "v0.2.1")
    thentos = of(workshop, "thentos")
    assert (thentos.branch, thentos.relation, thentos.has_tag) == ("", Relation.BEHIND, True)
    workshop.thentos.git("switch", "--quiet", "--create", "grün")
    assert of(workshop, "thentos").branch == "grün"


def test_a_submodule_that_is_not_checked_out_is_none(workshop: Workshop) -> None:
    workshop.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
    assert standing(workshop).at("aula") is None
    assert standing(workshop).at("thentos") is not None


@pytest.mark.parametrize("where", ["docker", "aula"])
def test_a_merge_that_is_not_ended(workshop: Workshop, where: str) -> None:
    at: Repo = getattr(workshop, where)
    at.commit("Ours", {"both": "ours\n"})
    at.git("branch", "ours")
    at.git("reset", "--quiet", "--hard", "HEAD~")
    at.commit("Theirs", {"both": "theirs\n"})
    with pytest.raises(Exception, match="merge"):
        at.git("merge", "--quiet", "ours")
    stands = standing(workshop)
    if where == "docker":
        assert (stands.unmerged, stands.under_way) == (("both",), "a merge")
    else:
        assert of(workshop).under_way == "a merge"


def test_settings_that_nobody_has_staged(workshop: Workshop) -> None:
    workshop.docker.git("rm", "--quiet", "--cached", ".guard.toml")
    assert standing(workshop).settings is Settings.UNSTAGED
    (workshop.docker.folder / ".guard.toml").unlink()
    assert standing(workshop).settings is Settings.ABSENT


def test_a_clone_beside_counts_where_its_branch_has_what_nobody_else_has(
    workshop: Workshop,
) -> None:
    clone = Repo(workshop.root / "beside")
    url = str(workshop.root / "remotes/aula.git")
    workshop.aula.git("push", "--quiet", "origin", "HEAD:master")
    workshop.docker.git("clone", "--quiet", url, str(clone.folder))
    assert not of(workshop, beside=clone).is_beside
    new = clone.commit("New", {"new": "x"})
    counted = of(workshop, beside=clone)
    assert (counted.is_beside, counted.head, counted.relation) == (True, new, Relation.AHEAD)
    workshop.aula.commit("In the checkout", {"here": "x"})
    assert not of(workshop, beside=clone).is_beside
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
    clone.git("push", "--quiet", "origin", "HEAD")
    assert not of(workshop, beside=clone).is_beside
    clone.git("checkout", "--quiet", "--detach")
    clone.commit("Tried", {"new": "y"})
    assert not of(workshop, beside=clone).is_beside
    (clone.folder / ".git/MERGE_HEAD").write_text(f"{new}\n")
    assert of(workshop, beside=clone).under_way == "a merge"


def notes(workshop: Workshop, index: bool = False) -> list[str]:
    docker = workshop.docker.repository
    at = {path: workshop.docker.git("rev-parse", f":{path}") for path in ("aula", "thentos")}
    parts = [Part("", "" if index else workshop.docker.head, "", docker)]
    parts += [
        Part(path, commit, "", Repo(workshop.docker.folder / path).repository)
        for path, commit in at.items()
    ]
    return [note for part in parts for note in untested(docker, part)]


def test_nothing_lies_around(workshop: Workshop) -> None:
    assert notes(workshop) == []


def test_changes_and_new_files_are_counted(workshop: Workshop) -> None:
    workshop.docker.write({"Dockerfile": "changed\n", "new": "x", "aula/new file": "x"})
    assert notes(workshop) == [
        "2 uncommitted or untracked files in aula-docker",
        "1 uncommitted or untracked files in aula",
    ]


def test_a_checkout_elsewhere(workshop: Workshop) -> None:
    there = workshop.thentos.head
    old = workshop.thentos.git("rev-parse", "v0.2.1")
    workshop.thentos.git("checkout", "--quiet", old)
    assert notes(workshop) == [f"thentos is checked out at {old[:12]}, not at {there[:12]}"]


def test_what_is_staged_is_tested_where_the_index_is(workshop: Workshop) -> None:
    assert notes(workshop, index=True) == []
    workshop.docker.git("config", "submodule.aula.ignore", "all")
    workshop.aula.commit("new")
    workshop.docker.git("add", "aula")
    workshop.docker.git("update-index", "--cacheinfo", f"160000,{workshop.aula.head},aula")
    expected = "the index of aula-docker differs from HEAD: tested is what is staged"
    assert notes(workshop, index=True) == [expected]


@pytest.mark.parametrize("bare", [True, False])
def test_where_there_is_no_checkout_nothing_is_said(workshop: Workshop, bare: bool) -> None:
    part = Part("gone", "1" * 40, "", workshop.docker.repository)
    top = workshop.docker.repository
    assert untested(top._replace(work_tree=None) if bare else top, part) == []
