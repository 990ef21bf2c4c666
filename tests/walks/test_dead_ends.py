"""Walks from where `next:` once led in a circle, or to a command that failed."""

from __future__ import annotations

import shutil

import pytest

from tests.walks.team import MASTER, Developer, Team
from tests.walks.walker import Ending, Walker
from tests.workshop import GUARD_TOML, Repo, Workshop

WORK = {"src/Main.hs": "main = pure ()\n"}


@pytest.fixture
def team(workshop: Workshop, base: str) -> Team:
    return Team(workshop, base)


def ends(walker: Walker) -> None:
    """Walk to the end, where nothing is left and nobody has to be asked."""
    ending = walker.walk()
    walker.reaches(ending is Ending.NOTHING, f"nothing is left to do ({walker.told})")


def names(walker: Walker, person: str) -> None:
    """Walk to where a person is named, who has to do this."""
    ending = walker.walk()
    walker.reaches(ending is Ending.PERSON, "a person is named")
    walker.reaches(person in walker.told, f"{person} (but: {walker.told})")


def forget_to_push_aula(team: Team) -> str:
    """A colleague who pushes an aula-docker that pins an aula which only they have."""
    commit = team.colleague.aula.commit("Only here", WORK)
    team.colleague.pin("Take the newest aula")
    team.colleague.docker.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{MASTER}")
    return commit


def test_a_colleague_forgot_to_push_aula(team: Team) -> None:
    developer = team.join()
    commit = forget_to_push_aula(team)
    developer.docker.git("pull", "--quiet", "--no-recurse-submodules")
    names(developer.walker(), f"push {commit[:12]} of aula")


@pytest.mark.parametrize("is_own", [False, True])
def test_what_a_colleague_pinned_and_forgot_is_not_pulled_yet(team: Team, is_own: bool) -> None:
    developer = team.join()
    if is_own:
        developer.docker.commit("Mine", WORK)
    commit = forget_to_push_aula(team)
    developer.docker.git("fetch", "--quiet", "--no-recurse-submodules")
    # Of the next one that is forgotten, git would fetch the submodule's commit on demand.
    again = team.colleague.aula.commit("Only here, too", {"more": "x\n"})
    team.colleague.pin("Take it")
    team.colleague.docker.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{MASTER}")
    assert again != commit
    names(developer.walker(), f"push {again[:12]} of aula")


def test_a_colleague_forgot_to_push_an_aula_that_is_not_checked_out(team: Team) -> None:
    developer = team.join()
    commit = forget_to_push_aula(team)
    developer.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
    developer.docker.git("pull", "--quiet", "--no-recurse-submodules")
    names(developer.walker(), f"push {commit[:12]} of aula")


def test_a_colleague_pushed_aula_later(team: Team) -> None:
    developer = team.join()
    forget_to_push_aula(team)
    developer.docker.git("pull", "--quiet", "--no-recurse-submodules")
    team.colleague.publish("aula")
    ends(developer.walker())
    assert developer.aula.head == team.colleague.aula.head


def test_a_clone_without_its_submodules(team: Team) -> None:
    developer = team.join()
    for path in ("aula", "thentos"):
        developer.docker.git("submodule", "--quiet", "deinit", "--force", path)
        shutil.rmtree(developer.docker.folder / ".git/modules" / path)
    walker = developer.walker()
    for _ in range(2):
        walker.step()
    team.colleague.guard("install", at=developer.docker)
    ends(walker)
    assert developer.thentos.head == team.colleague.thentos.head


def test_a_commit_that_only_a_clone_on_this_machine_has(team: Team) -> None:
    developer = team.join()
    sibling = Repo(developer.docker.folder.parent / "aula")
    sibling.folder.mkdir()
    url = str(team.remote("aula").folder)
    sibling.git("clone", "--quiet", url, ".")
    developer.team.colleague.guard("install", at=developer.docker)
    commit = sibling.commit("Go on beside it", WORK)
    developer.docker.git("update-index", "--cacheinfo", f"160000,{commit},aula")
    ends(developer.walker())
    assert team.remote("aula").git("rev-parse", MASTER) == commit


def release_by_hand(developer: Developer) -> None:
    team = developer.team
    developer.thentos.commit("Release 0.4.0", team.colleague.thentos_files("0.4.0"))
    developer.thentos.git("tag", "v0.4.0")
    developer.aula.commit("Require thentos 0.4", team.colleague.aula_files(">=0.4 && <0.5"))


def test_a_release_tag_that_was_pushed_by_hand(team: Team) -> None:
    developer = team.join()
    release_by_hand(developer)
    developer.thentos.git("push", "--quiet", "origin", "v0.4.0")
    walker = developer.walker()
    ends(walker)
    assert not [command for command in walker.commands if "v0.4.0" in command and "push" in command]


def test_a_release_tag_that_was_not_pushed(team: Team) -> None:
    developer = team.join()
    release_by_hand(developer)
    ends(developer.walker())
    assert team.remote("thentos").git("rev-parse", "v0.4.0") == developer.thentos.head


def test_a_release_tag_that_the_remote_has_elsewhere(team: Team) -> None:
    developer = team.join()
    team.colleague.release("0.4.0", {"theirs": "x\n"})
    team.colleague.publish("thentos")
    release_by_hand(developer)
    names(developer.walker(), "v0.4.0")


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_release_tag_that_was_deleted(team: Team, where: str) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    at = developer.thentos if where == "here" else team.remote("thentos")
    at.git("tag", "--delete", "v0.3.0")
    ends(developer.walker())
    if where == "there":  # one that the remote has need not be here
        assert developer.thentos.git("rev-parse", "v0.3.0") == developer.thentos.head
    assert team.remote("thentos").git("rev-parse", "v0.3.0") == developer.thentos.head
    assert team.pins("thentos") == developer.thentos.head


@pytest.mark.parametrize("name", ["aula", "aula-docker"])
def test_a_remote_that_moved_on_and_was_not_fetched(team: Team, name: str) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    walker = developer.walker()
    for _ in range(2):
        walker.step()  # staged, and tested
    colleague = team.colleague
    if name == "aula":
        colleague.aula.commit("Theirs", {"theirs": "x\n"})
    else:
        colleague.docker.commit("Theirs", {"theirs": "x\n"})
    team.share()
    ends(walker)
    at = developer.aula if name == "aula" else developer.docker
    assert team.remote(name).git("rev-parse", MASTER) == at.head
    assert (at.folder / "theirs").exists()


@pytest.mark.parametrize("path", ["README", "Dockerfile"])
def test_changes_in_the_way_of_a_rebase(team: Team, path: str) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    developer.docker.git("add", "aula")
    team.colleague.docker.commit("Theirs", {"README": "theirs\n"})
    team.share()
    developer.docker.git("fetch", "--quiet")
    developer.docker.write({path: "FROM nothing\n"})
    names(developer.walker(), "in aula-docker")


@pytest.mark.parametrize("kept", ["untracked", "changed"])
def test_changes_in_the_way_of_a_pull(team: Team, kept: str) -> None:
    developer = team.join()
    theirs = {"README": "theirs\n"} if kept == "untracked" else {"Dockerfile": "FROM theirs\n"}
    team.colleague.docker.commit("Theirs", theirs)
    team.share()
    developer.docker.git("fetch", "--quiet")
    developer.docker.write(dict.fromkeys(theirs, "mine\n"))
    names(developer.walker(), "in aula-docker")


@pytest.mark.parametrize("branch", ["master", ""])
def test_untracked_files_in_the_way_of_a_checkout(team: Team, branch: str) -> None:
    developer = team.join()
    if not branch:
        developer.aula.git("checkout", "--quiet", "--detach")
    team.colleague.aula.commit("Theirs", {"new": "theirs\n"})
    team.colleague.pin("Take it")
    team.share()
    developer.docker.git("pull", "--quiet")
    developer.aula.write({"new": "mine\n"})
    names(developer.walker(), "in aula")


@pytest.mark.parametrize("detached", ["here", "elsewhere"])
def test_a_branch_that_another_worktree_has(team: Team, detached: str) -> None:
    developer = team.join()
    other = developer.docker.folder.parent / "other"
    developer.docker.commit("Mine", WORK)
    if detached == "here":
        developer.docker.git("checkout", "--quiet", "--detach")
        developer.docker.git("worktree", "add", "--quiet", str(other), "master")
        names(developer.walker(), "master is checked out in")
    else:
        developer.docker.git("worktree", "add", "--quiet", "--detach", str(other), "master")
        names(developer.walker(Repo(other)), "master is checked out in")


def test_no_branch_of_that_name_is_here(team: Team) -> None:
    developer = team.join()
    developer.docker.git("checkout", "--quiet", "--detach")
    developer.docker.git("branch", "--quiet", "--delete", "--force", "master")
    developer.docker.git("remote", "add", "fork", str(team.remote("aula-docker").folder))
    developer.docker.git("fetch", "--quiet", "fork")
    ends(developer.walker())


def test_settings_that_are_ignored(workshop: Workshop, base: str) -> None:
    team = Team(workshop, base, settings=False)
    developer = team.join()
    developer.docker.write({".gitignore": ".guard.toml\naula\nthentos\n"})
    developer.docker.write({".guard.toml": GUARD_TOML.replace("[test]", "publish = false\n[test]")})
    developer.aula.commit("Go on", WORK)
    ends(developer.walker())


def test_submodules_that_git_ignores(team: Team) -> None:
    developer = team.join()
    for path in ("aula", "thentos"):
        developer.docker.git("config", f"submodule.{path}.ignore", "all")
    developer.aula.commit("Go on", WORK)
    ends(developer.walker())


def test_no_remote(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    developer.docker.git("remote", "remove", "origin")
    names(developer.walker(), "git remote add")


def test_no_remote_of_aula(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    developer.aula.git("remote", "remove", "origin")
    ends(developer.walker())


def test_two_remotes_of_which_none_is_usual(team: Team) -> None:
    developer = team.join()
    developer.docker.git("remote", "rename", "origin", "one")
    developer.docker.git("remote", "add", "two", str(team.remote("aula-docker").folder))
    for key in ("remote", "merge"):
        developer.docker.git("config", "--unset", f"branch.master.{key}")
    developer.aula.commit("Go on", WORK)
    # The URLs of the submodules count from one of the two.
    ends(developer.walker())


def test_a_commit_of_thentos_that_nothing_keeps(team: Team) -> None:
    developer = team.join()
    mine = developer.thentos.commit("Only here", {"mine": "x\n"})
    developer.docker.git("add", "thentos")
    developer.thentos.write({"README.md": "changed\n"})
    names(developer.walker(), "commit or stash what is changed in thentos")
    developer.thentos.git("checkout", "--quiet", "README.md")
    ends(developer.walker())
    assert mine in developer.thentos.git("for-each-ref", "--format=%(objectname)", "refs/heads/")


def test_a_bound_that_only_a_release_of_others_fits(team: Team) -> None:
    developer = team.join()
    team.colleague.release("0.4.0")
    team.colleague.publish("thentos")
    developer.aula.commit("Require it", team.colleague.aula_files(">=0.4 && <0.5"))
    ends(developer.walker())
    assert team.pins("thentos") == team.colleague.thentos.head


def test_a_bound_that_no_release_fits(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Require it", team.colleague.aula_files(">=0.9"))
    names(developer.walker(), "release thentos in a version that does")


def test_a_test_that_fails(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Break it", {"test.sh": "exit 7\n"})
    walker = developer.walker()
    walker.step()
    team.colleague.guard("test", at=developer.docker)
    names(walker, "guard log")


def test_a_remote_that_is_gone(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    walker = developer.walker()
    for _ in range(2):
        walker.step()
    team.remote("aula").folder.rename(team.root / "away")
    names(walker, "git ls-remote origin failed")


def test_a_recover_under_way(team: Team) -> None:
    developer = team.join()
    team.colleague.verdict()
    colleague = team.colleague
    good = colleague.docker.head
    ran = colleague.guard("test", at=developer.docker)
    assert ran.status == 0, ran.text
    key = colleague.guard("log", at=developer.docker).out
    name = key.split()[0]
    developer.docker.commit("Later", {"later": "x\n"})
    ran = colleague.guard("recover", "--local", name, at=developer.docker)
    assert ran.status == 0, ran.text + key
    walker = developer.walker()
    names(walker, "guard recover --local -")
    assert good


def test_a_feature_branch_of_aula_beside_a_superproject_that_lacks_a_commit(team: Team) -> None:
    developer = team.join()
    team.colleague.docker.commit("Theirs", {"README": "theirs\n"})
    team.share()
    developer.docker.git("fetch", "--quiet")
    for at in (developer.docker, developer.aula):
        at.git("switch", "--quiet", "--create", "feature")
    developer.aula.commit("Begin the feature", WORK)
    ends(developer.walker())
    assert team.remote("aula").git("rev-parse", "feature") == developer.aula.head
