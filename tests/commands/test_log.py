"""`guard log`: what a person reads there, and what `--prune` leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guard.model import Gitlink, Result
from tests.workshop import Workshop, a_record


def logged(workshop: Workshop, result: Result, at: str, finished: str) -> Path:
    """Record a verdict that has a log, and give the log's path."""
    folder = workshop.docker.folder / ".git/guard/logs"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{finished}.log"
    log.write_text("the output\n")
    workshop.record(
        lambda key, config: a_record(key, config, result)._replace(finished=finished, log=log.name),
        at,
    )
    return log


def pruned(workshop: Workshop) -> None:
    ran = workshop.guard("log", "--prune", "--yes", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert ran.status == 0, ran.text


@pytest.mark.parametrize("result", [Result.FAILED_BUILD, Result.FAILED_TEST])
def test_the_log_of_a_failure_that_stands_is_kept(workshop: Workshop, result: Result) -> None:
    log = logged(workshop, result, workshop.docker.head, "2016-03-04T15:32:00Z")
    pruned(workshop)
    assert log.exists()
    assert "the output" in workshop.guard("log", workshop.guard("log").out.split()[0]).out


def test_a_failure_that_something_newer_has_replaced_goes(workshop: Workshop) -> None:
    head = workshop.docker.head
    failed = logged(workshop, Result.FAILED_TEST, head, "2016-03-04T15:32:00Z")
    passed = logged(workshop, Result.PASSED, head, "2016-03-04T16:32:00Z")
    pruned(workshop)
    assert (failed.exists(), passed.exists()) == (False, True)
    again = logged(workshop, Result.FAILED_TEST, head, "2016-03-04T17:32:00Z")
    pruned(workshop)
    assert (passed.exists(), again.exists()) == (True, True)


@pytest.mark.parametrize("detached", [True, False])
def test_a_worktree_keeps_what_it_stands_at(workshop: Workshop, detached: bool) -> None:
    earlier = workshop.docker.head
    log = logged(workshop, Result.PASSED, earlier, "2016-03-04T15:32:00Z")
    workshop.release("0.3.1")
    workshop.pin()
    if detached:
        workshop.docker.git("worktree", "add", "--quiet", "--detach", "../linked", earlier)
    else:
        workshop.docker.git("worktree", "add", "--quiet", "-b", "topic", "../linked", earlier)
    pruned(workshop)
    assert log.exists()
    workshop.docker.git("worktree", "remove", "../linked")
    pruned(workshop)
    assert log.exists() is not detached


def test_times_say_their_zone(workshop: Workshop) -> None:
    workshop.verdict()
    log = workshop.guard("log").out
    assert "  2016-03-04 15:32:00 UTC  passed" in log
    name = log.split()[0]
    assert "finished      2016-03-04 15:32:00 UTC\n" in workshop.guard("log", name).out
    heads, row, *_ = workshop.guard("recover").out.splitlines()
    assert "passed (UTC)" in heads
    assert "  2016-03-04 15:32  " in row
    workshop.install()
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    assert workshop.push(workshop.docker, GUARD_BYPASS="no time").status == 0
    (bypass, *_) = workshop.guard("log").out.splitlines()
    assert re.match(r"bypass  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC  A Developer", bypass)


def test_a_long_name_does_not_touch_what_it_names(workshop: Workshop) -> None:
    long = "vendor/the-application"
    links = (Gitlink(long, "1" * 40), Gitlink("thentos", "2" * 40))
    workshop.record(
        lambda key, config: a_record(key, config, Result.PASSED)._replace(gitlinks=links)
    )
    name = workshop.guard("log").out.split()[0]
    shown = workshop.guard("log", name).out
    assert f"{long} {'1' * 40}\n" in shown
    assert f"thentos       {'2' * 40}\n" in shown


def test_an_empty_log_names_who_has_verdicts(workshop: Workshop) -> None:
    sync = "guard sync brings the verdicts of origin, guard test makes one"
    assert workshop.guard("log").out == f"no verdicts yet: {sync}\n"
    assert workshop.guard("recover").out == f"nothing is known to be good yet: {sync}\n"
    workshop.docker.git("remote", "rename", "origin", "first")
    workshop.docker.git("remote", "add", "second", "../elsewhere")
    assert "guard sync first brings the verdicts of a remote" in workshop.guard("log").out
    for name in ("first", "second"):
        workshop.docker.git("remote", "remove", name)
    assert workshop.guard("log").out == "no verdicts yet: guard test makes a verdict\n"
