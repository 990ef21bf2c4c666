"""What lies around a combination and will not be tested."""

from __future__ import annotations

import pytest

from guard.git.store import Part
from guard.situation.untested import untested
from tests.workshop import Repo, Workshop


def notes(workshop: Workshop, index: bool = False) -> list[str]:
    docker = workshop.docker.repository
    at = {path: workshop.docker.git("rev-parse", f":{path}") for path in ("aula", "thentos")}
    parts = [Part("", "" if index else workshop.docker.head, "", docker)]
    parts += [
        Part(path, commit, "", Repo(workshop.docker.folder / path).repository)
        for path, commit in at.items()
    ]
    return untested(docker, parts)


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
    assert untested(top._replace(work_tree=None) if bare else top, [part]) == []
