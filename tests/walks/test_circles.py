"""Walks that went round: beside the superproject, away from it, and where others do not answer."""

from __future__ import annotations

import pytest

from tests.registry import Registry, log_in
from tests.walks.team import MASTER, NAMES, Developer, Team
from tests.walks.test_dead_ends import WORK, ends, names
from tests.walks.walker import Walker, put_guard_into
from tests.workshop import GUARD_TOML, Repo, Workshop


@pytest.fixture
def team(workshop: Workshop, base: str) -> Team:
    return Team(workshop, base)


def beside(team: Team, worktree: bool = False) -> tuple[Repo, Repo, Walker]:
    """A desk of three clones side by side; aula-docker, perhaps a linked worktree of it, and aula.

    What is committed in aula is staged in aula-docker.
    """
    desk = team.root / "desk"
    for name in NAMES:
        folder = desk / name
        folder.mkdir(parents=True)
        Repo(folder).git("clone", "--quiet", str(team.remote(name).folder), ".")
    docker, aula = Repo(desk / "aula-docker"), Repo(desk / "aula")
    if worktree:
        docker.git("worktree", "add", "--quiet", "--detach", str(desk / "more/other"))
        docker.git("switch", "--quiet", "--detach")
        docker = Repo(desk / "more/other")
        docker.git("switch", "--quiet", "master")
    ran = team.colleague.guard("install", at=docker)
    assert ran.status == 0, ran.text
    commit = aula.commit("Go on", WORK)
    docker.git("update-index", "--cacheinfo", f"160000,{commit},aula")
    put_guard_into(team.root / "bin")
    return docker, aula, Walker(docker, (docker, aula), (), team.root / "bin")


@pytest.mark.parametrize("worktree", [False, True])
def test_somebody_pushed_first_to_an_aula_that_is_cloned_beside(team: Team, worktree: bool) -> None:
    _, aula, walker = beside(team, worktree)
    team.colleague.aula.commit("Theirs", {"theirs": "x\n"})
    team.colleague.aula.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{MASTER}")
    ends(walker)
    assert team.remote("aula").git("rev-parse", MASTER) == aula.head == team.pins("aula")


def test_a_commit_that_was_amended_in_an_aula_that_is_cloned_beside(team: Team) -> None:
    _, aula, walker = beside(team)
    aula.git("commit", "--quiet", "--amend", "--message", "Go on, well said")
    ends(walker)
    assert team.remote("aula").git("rev-parse", MASTER) == aula.head == team.pins("aula")


@pytest.mark.parametrize("how", ["amend", "rebase"])
def test_a_staged_commit_of_aula_that_was_written_anew(team: Team, how: str) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    developer.docker.git("add", "aula")
    if how == "amend":
        developer.aula.write({"src/Main.hs": "main = print 1\n"})
        developer.aula.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    else:
        team.colleague.aula.commit("Theirs", {"theirs": "x\n"})
        team.colleague.aula.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{MASTER}")
        developer.aula.git("pull", "--quiet", "--rebase")
    walker = developer.walker()
    head = developer.aula.head
    ends(walker)
    assert walker.commands[0] == "git add aula"
    assert developer.aula.head == head == team.pins("aula")


def test_no_engine_answers(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    walker = developer.walker()
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nope")
        names(walker, "start Docker")
        assert walker.told.endswith(": guard test")
    ends(walker)


def new_branch(developer: Developer, how: str) -> Repo:
    """A branch as its first command leaves it, in the checkout or in a worktree of its own."""
    if how == "switch":
        developer.docker.git("switch", "--quiet", "--create", "topic")
        return developer.docker
    folder = developer.docker.folder.parent / "topic"
    developer.docker.git("worktree", "add", "--quiet", "-b", "topic", str(folder))
    return Repo(folder)


@pytest.mark.parametrize("how", ["switch", "worktree"])
@pytest.mark.parametrize("is_tested", [False, True])
def test_a_new_branch_without_a_commit_of_its_own(team: Team, how: str, is_tested: bool) -> None:
    developer = team.join()
    if is_tested:
        developer.aula.commit("Go on", WORK)
        ends(developer.walker())
    walker = developer.walker(new_branch(developer, how))
    ends(walker)
    assert not walker.commands
    assert "topic" not in "".join(team.refs())


@pytest.mark.parametrize("how", ["switch", "worktree"])
def test_a_new_branch_with_a_commit_of_its_own(team: Team, how: str) -> None:
    developer = team.join()
    at = new_branch(developer, how)
    at.commit("Begin the topic", WORK)
    ends(developer.walker(at))
    assert team.remote("aula-docker").git("rev-parse", "topic") == at.head


def test_commits_that_were_made_while_a_recover_was_under_way(team: Team) -> None:
    developer, guard = team.join(), team.colleague.guard
    assert guard("test", at=developer.docker).status == 0
    name = guard("log", at=developer.docker).out.split()[0]
    developer.docker.commit("Later", {"later": "x\n"})
    assert guard("recover", "--local", name, at=developer.docker).status == 0
    developer.aula.commit("Tried there", WORK)
    developer.docker.commit("Tried there", {"tried": "x\n"})
    walker = developer.walker()
    while not (following := walker.next()).startswith("you: "):
        assert following.split(" && ")[0].startswith("git ")
        ran = team.colleague.run(["/bin/sh", "-c", following], developer.docker)
        assert ran.status == 0, ran.text
    assert following.endswith("guard recover --local -")
    ran = guard("recover", "--local", "-", "--yes", at=developer.docker)
    assert ran.status == 0, ran.text
    assert developer.docker.git("branch", "--show-current") == "master"


def test_a_change_that_was_made_while_a_recover_was_under_way(team: Team) -> None:
    developer, guard = team.join(), team.colleague.guard
    assert guard("test", at=developer.docker).status == 0
    name = guard("log", at=developer.docker).out.split()[0]
    assert guard("recover", "--local", name, at=developer.docker).status == 0
    developer.aula.write({"test.sh": "exit 7\n"})
    walker = developer.walker()
    names(walker, "guard recover --local -")
    assert walker.commands == ["git -C aula stash"]
    ran = guard("recover", "--local", "-", "--yes", at=developer.docker)
    assert ran.status == 0, ran.text


def test_a_commit_in_a_clone_of_aula_beside_its_checkout(team: Team) -> None:
    developer = team.join()
    sibling = Repo(developer.docker.folder.parent / "aula")
    sibling.folder.mkdir()
    sibling.git("clone", "--quiet", str(team.remote("aula").folder), ".")
    ran = team.colleague.guard("install", at=sibling)
    assert ran.status == 0, ran.text
    commit = sibling.commit("Go on beside it", WORK)
    ends(developer.walker(sibling))
    assert team.remote("aula").git("rev-parse", MASTER) == commit == team.pins("aula")


def published(workshop: Workshop, base: str, name: str) -> Developer:
    """A developer whose images go to a registry, and what is left is to push one there."""
    team = Team(workshop, base)
    toml = GUARD_TOML.replace("localhost/aula", name)
    workshop.docker.commit("Publish", {".guard.toml": toml})
    team.share()
    developer = team.join()
    developer.aula.commit("Go on", WORK)
    return developer


def test_no_registry_answers(workshop: Workshop, base: str) -> None:
    developer = published(workshop, base, "localhost:1/aula")
    walker = developer.walker()
    while walker.next() != "guard publish":
        walker.step()
    assert workshop.guard("publish", at=developer.docker).status != 0
    names(walker, "localhost:1")
    assert walker.told.endswith("guard publish")


def test_a_registry_that_wants_credentials(
    workshop: Workshop, base: str, closed_registry: Registry
) -> None:
    developer = published(workshop, base, closed_registry.name)
    walker = developer.walker()
    while walker.next() != "guard publish":
        walker.step()
    assert workshop.guard("publish", at=developer.docker).status != 0
    names(walker, "docker login")
    assert walker.told.endswith("guard publish")
    log_in(closed_registry.address)
    ran = workshop.guard("publish", at=developer.docker)
    assert ran.status == 0, ran.text
    ends(developer.walker())
