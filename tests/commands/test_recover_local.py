"""`guard recover --local`: the good commits checked out here, and home again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.recovering import World, all_of, harmed, kill_at_head, recorded
from tests.workshop import Ran, Repo, Workshop

__all__ = ["harmed"]


def where(workshop: Workshop) -> list[tuple[str, str]]:
    """Branch and commit of each checkout."""
    repos = (workshop.docker, workshop.aula, workshop.thentos)
    return [
        (repo.git("rev-parse", "--symbolic-full-name", "HEAD"), repo.git("rev-parse", "HEAD"))
        for repo in repos
    ]


def test_there_and_home_again(harmed: World) -> None:
    workshop, good = harmed.workshop, harmed.good
    workshop.thentos.git("checkout", "--quiet", "-b", "my-wörk")
    before = all_of(workshop)
    ran = harmed.recover("--local", harmed.record.name)
    assert ran.status == 0, ran.text
    assert where(workshop) == [
        ("HEAD", good["aula-docker"]),
        ("HEAD", good["aula"]),
        ("HEAD", good["thentos"]),
    ]
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        assert repo.git("status", "--porcelain") == ""
    assert workshop.guard("check").status == 0
    there = all_of(workshop)
    assert {name for name in before if before[name] != there[name] and "refs" in name} == set()
    home = harmed.recover("--local", "-")
    assert home.status == 0, home.text
    assert all_of(workshop) == before
    assert "thentos: my-wörk, as before" in home.out
    again = harmed.recover("--local", "-")
    assert again.status == 2
    assert "there is no home to go to" in again.err


def test_a_dry_run_moves_nothing(harmed: World) -> None:
    workshop = harmed.workshop
    before = all_of(workshop)
    ran = harmed.recover("--local", harmed.record.name, "--dry-run")
    assert f"aula: would be checked out at {harmed.good['aula'][:12]}\n" in ran.out
    assert all_of(workshop) == before
    assert harmed.recover("--local", "-").status == 2
    assert harmed.recover("--local", harmed.record.name).status == 0
    before = all_of(workshop)
    assert "aula: would go back to master\n" in harmed.recover("--local", "-", "--dry-run").out
    assert all_of(workshop) == before
    assert harmed.recover("--local", "-").status == 0


def test_from_one_to_another_and_home_to_the_first_place(harmed: World) -> None:
    workshop = harmed.workshop
    before = all_of(workshop)
    assert harmed.recover("--local", harmed.record.name).status == 0
    assert harmed.recover("--local", harmed.record.name).status == 0
    assert harmed.recover("--local", "-").status == 0
    assert all_of(workshop) == before


def test_everything_that_would_be_lost_is_listed(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.docker.write({"Dockerfile": "FROM staged\n"})
    workshop.docker.git("add", "Dockerfile")
    workshop.aula.git("checkout", "--quiet", "--detach")
    lost = workshop.aula.commit("On no branch", {"x": "y\n"})
    workshop.thentos.git("rm", "--quiet", "README.md")
    workshop.thentos.git("commit", "--quiet", "-m", "Without README")
    workshop.thentos.git("branch", "--quiet", "--force", "kept")
    workshop.thentos.write({"README.md": "precious\n"})
    before = all_of(workshop)
    ran = harmed.recover("--local", harmed.record.name)
    assert ran.status == 3
    assert "  aula-docker has uncommitted changes: Dockerfile\n" in ran.err
    assert f"  aula is at {lost[:12]}, a commit that no branch and no tag has\n" in ran.err
    assert "  thentos: " in ran.err and "README.md" in ran.err
    assert all_of(workshop) == before
    assert (workshop.thentos.folder / "README.md").read_text() == "precious\n"


def test_a_change_that_is_half_of_the_way_there_is_a_change(harmed: World) -> None:
    """Somebody began to go back by hand; nothing was killed, so nothing is put right."""
    workshop = harmed.workshop
    workshop.docker.git("checkout", "--quiet", harmed.good["aula-docker"], "--", "Dockerfile")
    workshop.aula.git("rm", "--quiet", "new")
    before = all_of(workshop)
    ran = harmed.recover("--local", harmed.record.name)
    assert ran.status == 3
    assert "  aula-docker has uncommitted changes: Dockerfile\n" in ran.err
    assert "  aula has uncommitted changes: new\n" in ran.err
    assert all_of(workshop) == before
    workshop.docker.git("reset", "--quiet", "--hard")
    workshop.aula.git("reset", "--quiet", "--hard")
    assert harmed.recover("--local", harmed.record.name).status == 0
    workshop.docker.git("checkout", "--quiet", "master", "--", "Dockerfile")
    before = all_of(workshop)
    ran = harmed.recover("--local", "-")
    assert ran.status == 3
    assert "  aula-docker has uncommitted changes: Dockerfile\n" in ran.err
    assert all_of(workshop) == before


def test_work_done_on_the_detour_is_not_left_behind(harmed: World) -> None:
    workshop = harmed.workshop
    assert harmed.recover("--local", harmed.record.name).status == 0
    found = workshop.aula.commit("Found it", {"fix": "x\n"})
    ran = harmed.recover("--local", "-")
    assert ran.status == 3
    assert f"aula is at {found[:12]}, a commit that no branch and no tag has" in ran.err
    assert workshop.aula.head == found
    workshop.aula.git("branch", "found-it")
    assert harmed.recover("--local", "-").status == 0
    assert workshop.aula.head == harmed.bad["aula"]


def test_a_branch_that_is_gone_meanwhile(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.aula.git("checkout", "--quiet", "-b", "gone")
    assert harmed.recover("--local", harmed.record.name).status == 0
    workshop.aula.git("branch", "--quiet", "-D", "gone")
    ran = harmed.recover("--local", "-")
    assert ran.status == 3
    assert "aula has no branch gone any more" in ran.err
    assert f"branch gone {harmed.bad['aula']}" in ran.err


def test_a_submodule_that_is_not_checked_out(harmed: World) -> None:
    harmed.workshop.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
    ran = harmed.recover("--local", harmed.record.name)
    assert ran.status == 3
    assert "aula is not checked out" in ran.err
    assert "submodule update --init aula" in ran.err


@pytest.mark.parametrize(("folder", "state"), [(".", "prepared"), ("modules/aula", "committed")])
@pytest.mark.parametrize("back", [False, True])
def test_killed_and_called_again(harmed: World, folder: str, state: str, back: bool) -> None:
    workshop = harmed.workshop
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        # Of a move to a branch this git tells no hook.
        repo.git("checkout", "--quiet", "--detach")
    before = all_of(workshop)
    words = ["--local", harmed.record.name]
    if back:
        assert harmed.recover(*words).status == 0
        words = ["--local", "-"]
    kill_at_head(workshop, folder, state, *words)
    again = harmed.recover(*words)
    assert again.status == 0, again.text
    if not back:
        assert Repo(workshop.docker.folder).head == harmed.good["aula-docker"]
        assert harmed.recover("--local", "-").status == 0
    assert all_of(workshop) == before


def test_home_is_still_known_after_a_way_back_with_commits(harmed: World) -> None:
    workshop = harmed.workshop
    workshop.thentos.git("checkout", "--quiet", "-b", "mine")
    mine = workshop.thentos.head
    assert harmed.recover("--local", harmed.record.name).status == 0
    workshop.docker.git("checkout", "--quiet", "master")
    assert harmed.recover("--yes", harmed.record.name).status == 0
    restored = workshop.docker.head
    home = harmed.recover("--local", "-")
    assert home.status == 0, home.text
    assert "thentos: mine, as before" in home.out
    assert f"aula-docker: master, which has moved to {restored[:12]} meanwhile" in home.out
    assert workshop.thentos.head == mine


def test_a_branch_of_home_that_another_working_tree_has_meanwhile(harmed: World) -> None:
    workshop = harmed.workshop
    before = all_of(workshop)
    assert harmed.recover("--local", harmed.record.name).status == 0
    other = workshop.root / "other place"
    workshop.aula.git("worktree", "add", "--quiet", str(other), "master")
    there = all_of(workshop)
    ran = harmed.recover("--local", "-")
    assert ran.status == 3, ran.text
    assert f"aula: master is checked out in {other} meanwhile" in ran.err
    assert all_of(workshop) == there
    assert paste(workshop, ran).status == 0
    assert harmed.recover("--local", "-").status == 0
    assert all_of(workshop) == before


def test_a_submodule_that_is_not_checked_out_any_more_stays_so(harmed: World) -> None:
    workshop = harmed.workshop
    before = all_of(workshop)
    assert harmed.recover("--local", harmed.record.name).status == 0
    workshop.docker.git("submodule", "--quiet", "deinit", "--force", "aula")
    home = harmed.recover("--local", "-")
    assert home.status == 0, home.text
    assert "guard: aula is not checked out any more and stays so\n" in home.err
    assert workshop.docker.head == harmed.bad["aula-docker"]
    assert (
        workshop.thentos.git("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
        == (before["thentos HEAD"])
    )
    assert "there is no home to go to" in harmed.recover("--local", "-").err


def paste(workshop: Workshop, ran: Ran) -> Ran:
    """The remedy, as a person pastes it."""
    remedy = ran.err.partition("to mend it: ")[2].strip()
    return workshop.run(["sh", "-ec", remedy], workshop.docker)


def test_remedies_can_be_pasted_where_folders_have_spaces(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "it's my work")
    record = recorded(workshop)
    workshop.aula.git("checkout", "--quiet", "--detach")
    workshop.aula.commit("On no branch", {"x": "y\n"})
    workshop.pin()
    workshop.docker.write({"Dockerfile": "FROM changed\n"})
    workshop.docker.git("submodule", "--quiet", "deinit", "--force", "thentos")
    before = workshop.guard("recover", "--no-image", "--local", record.name)
    assert before.status == 3
    assert "thentos is not checked out" in before.err
    assert "aula-docker has uncommitted changes: Dockerfile" in before.err
    assert "a commit that no branch and no tag has" in before.err
    assert paste(workshop, before).status == 0
    ran = workshop.guard("recover", "--no-image", "--local", record.name)
    assert ran.status == 0, ran.text
