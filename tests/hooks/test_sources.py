"""Where aula takes thentos from, as real pushes are told: what a ref means may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workshop import STACK, Workshop

SOURCE = "extra-deps:\n- git: https://example.org/liqd/thentos.git\n  commit: {}\n"


@pytest.fixture
def ready(tmp_path: Path) -> Workshop:
    workshop = Workshop(tmp_path)
    workshop.install()
    return workshop


def taken_at(workshop: Workshop, ref: str) -> None:
    """An aula that takes thentos from a repository at a ref, tested and ready to be pushed."""
    workshop.aula.commit("Take thentos", {"stack.yaml": STACK + SOURCE.format(ref)})
    workshop.publish("aula")
    workshop.pin()
    workshop.verdict()


def test_a_branch_that_has_moved_is_looked_up_at_the_next_push(ready: Workshop) -> None:
    taken_at(ready, "master")
    assert ready.push(ready.docker, "origin", "HEAD:refs/heads/one").status == 0
    ready.thentos.git("update-ref", "refs/remotes/origin/master", "v0.2.1")
    ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/two")
    assert ran.status == 1
    assert "aula takes thentos at master from https://example.org/liqd/thentos.git" in ran.err


def test_a_ref_that_is_fetched_is_known(ready: Workshop) -> None:
    taken_at(ready, "stable")
    ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/one")
    assert ran.status == 1
    assert "which commit that is is not known here" in ran.err
    assert f"you: edit stack.yaml:6 of aula (wanted: {ready.thentos.head})" in ran.err
    ready.thentos.git("push", "--quiet", "--no-verify", "origin", "HEAD:stable")
    assert ready.push(ready.docker, "origin", "HEAD:refs/heads/one").status == 0
