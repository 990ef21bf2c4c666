"""`guard recover` stopped anywhere, by a kill or a full disk, and its one journal."""

from __future__ import annotations

import sys

import pytest

from tests.commands.recovering import World, all_of, harmed, kill_at_head
from tests.workshop import Ran

__all__ = ["harmed"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("[" * 100_000, "it is no JSON: "),
        ("", "it is no JSON: "),
        ('{"version": 2, "home": [], "moves": []}', "version: 2 is not 1"),
        ('{"version": 1, "home": [{}], "moves": []}', "home[0].path is missing"),
        ('{"version": 1, "home": [], "moves": [1]}', "moves[0]: 1 is no object"),
    ],
)
def test_a_journal_that_cannot_be_read_says_why(harmed: World, data: str, problem: str) -> None:
    before = all_of(harmed.workshop)
    path = harmed.workshop.docker.folder / ".git/guard/recover.json"
    path.parent.mkdir(exist_ok=True)
    for words in (["--local", "-"], ["--local", harmed.record.name], ["--yes", "--push"]):
        path.write_text(data)
        ran = harmed.recover(*words)
        assert ran.status == 3, ran.text
        assert f"{path}, which says where everything was, cannot be read: {problem}" in ran.err
        assert f"to mend it: check out your branches by hand, then rm {path}\n" in ran.err
        assert all_of(harmed.workshop) == before
    path.unlink()
    assert "there is no home to go to" in harmed.recover("--local", "-").err


# guard, stopped where its journal is written or goes for the n-th time: before that by a full disk,
# or before or after it by a kill.
STOPPED = """
import os, runpy, signal, sys
how, turn = sys.argv.pop(1), int(sys.argv.pop(1))

def stopping(real):
    def call(path, *rest):
        global turn
        turn -= str((path, *rest)[-1]).endswith("/recover.json")
        if turn or how == "passed":
            return real(path, *rest)
        if how == "full":
            turn = -1
            raise OSError(28, "No space left on device")
        if how == "after":
            real(path, *rest)
        os.kill(os.getpid(), signal.SIGKILL)
    return call

os.replace, os.unlink = map(stopping, (os.replace, os.unlink))
sys.argv[0] = "guard"
runpy.run_module("guard", run_name="__main__")
"""


def stopped(world: World, how: str, turn: int, *words: str) -> Ran:
    command = [sys.executable, "-c", STOPPED, how, str(turn), "recover", "--no-image", *words]
    return world.workshop.run(command, world.workshop.docker)


@pytest.mark.parametrize("how", ["full", "before", "after"])
@pytest.mark.parametrize("turn", [1, 2])
def test_stopped_at_any_turn_of_the_journal_on_the_way_there(
    harmed: World, how: str, turn: int
) -> None:
    workshop = harmed.workshop
    workshop.thentos.git("checkout", "--quiet", "-b", "mine")
    before = all_of(workshop)
    words = ("--local", harmed.record.name)
    ran = stopped(harmed, how, turn, *words)
    if how == "full":
        assert ran.status == 3
        assert "recover.json: No space left on device" in ran.err
        assert "Traceback" not in ran.err
    else:
        assert ran.status == -9, ran.text
    if turn == 1:
        assert all_of(workshop) == before
    again = harmed.recover(*words)
    assert again.status == 0, again.text
    assert workshop.docker.head == harmed.good["aula-docker"]
    assert harmed.recover("--local", "-").status == 0
    assert all_of(workshop) == before
    assert not list((workshop.docker.folder / ".git/guard").glob("recover*"))


@pytest.mark.parametrize("how", ["full", "before", "after"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_stopped_at_any_turn_of_the_journal_on_the_way_home(
    harmed: World, how: str, turn: int
) -> None:
    workshop = harmed.workshop
    before = all_of(workshop)
    assert harmed.recover("--local", harmed.record.name).status == 0
    ran = stopped(harmed, how, turn, "--local", "-")
    assert ran.status == (3 if how == "full" else -9), ran.text
    again = harmed.recover("--local", "-")
    is_at_home = how == "after" and turn == 3
    assert again.status == (2 if is_at_home else 0), again.text
    assert all_of(workshop) == before
    assert not list((workshop.docker.folder / ".git/guard").glob("recover*"))


def test_the_journal_has_no_more_turns_than_these(harmed: World) -> None:
    assert stopped(harmed, "after", 3, "--local", harmed.record.name).status == 0
    assert stopped(harmed, "after", 4, "--local", "-").status == 0


def test_killed_on_the_way_there_and_home_at_once(harmed: World) -> None:
    workshop = harmed.workshop
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        repo.git("checkout", "--quiet", "--detach")
    before = all_of(workshop)
    kill_at_head(workshop, "modules/aula", "prepared", "--local", harmed.record.name)
    assert all_of(workshop) != before
    home = harmed.recover("--local", "-")
    assert home.status == 0, home.text
    assert "put right after an interrupted call" in home.out
    assert all_of(workshop) == before


def test_a_dry_run_after_a_kill_puts_nothing_right(harmed: World) -> None:
    workshop = harmed.workshop
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        repo.git("checkout", "--quiet", "--detach")
    kill_at_head(workshop, ".", "prepared", "--local", harmed.record.name)
    before = all_of(workshop)
    for words in (["--local", harmed.record.name], ["--local", "-"], [harmed.record.name]):
        ran = harmed.recover(*words, "--dry-run")
        assert ran.status == 3, ran.text
        assert f"an interrupted call has left {workshop.docker.folder} on the way" in ran.err
        assert all_of(workshop) == before
