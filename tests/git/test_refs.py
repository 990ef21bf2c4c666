"""Refs that are asked for ahead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guard.git.locate import open_checkout
from guard.git.process import Repository
from guard.git.refs import Ref, RefLists
from tests.workshop import Workshop


@pytest.fixture
def here(workshop: Workshop) -> Repository:
    found = open_checkout(str(workshop.docker.folder))
    assert found is not None
    return found


@pytest.fixture
def refs() -> Iterator[RefLists]:
    lists = RefLists()
    yield lists
    lists.close()


def test_one_list_answers_several(workshop: Workshop, here: Repository, refs: RefLists) -> None:
    head = workshop.docker.head
    workshop.docker.git("tag", "one")
    workshop.docker.git("symbolic-ref", "refs/heads/other", "refs/heads/master")
    refs.ask(here, "refs/tags/one", "refs/heads/")
    assert refs.is_asked(here, "refs/heads/")
    assert refs.take(here, "refs/tags/one") == {"refs/tags/one": Ref(head)}
    assert refs.take(here, "refs/heads/") == {
        "refs/heads/master": Ref(head),
        "refs/heads/other": Ref(head, "refs/heads/master"),
    }


def test_a_second_answer_is_a_new_one(workshop: Workshop, here: Repository, refs: RefLists) -> None:
    refs.ask(here, "refs/tags/")
    refs.take(here, "refs/tags/")
    workshop.docker.git("tag", "late")
    assert not refs.is_asked(here, "refs/tags/")
    assert list(refs.take(here, "refs/tags/")) == ["refs/tags/late"]


def test_the_last_question_counts(workshop: Workshop, here: Repository, refs: RefLists) -> None:
    refs.ask(here, "refs/tags/", "refs/heads/")
    assert list(refs.take(here, "refs/heads/")) == ["refs/heads/master"]
    workshop.docker.git("tag", "late")
    refs.ask(here, "refs/tags/")
    assert list(refs.take(here, "refs/tags/")) == ["refs/tags/late"]


def test_a_name_means_that_ref_alone(workshop: Workshop, here: Repository, refs: RefLists) -> None:
    workshop.docker.git("tag", "v1/x")
    workshop.docker.git("tag", "refs/tags/v1")
    assert refs.take(here, "refs/tags/v1") == {}


def test_what_nobody_takes_is_ended(workshop: Workshop, here: Repository) -> None:
    lines = "".join(f"create refs/tags/t{n} {workshop.docker.head}\n" for n in range(3000))
    workshop.docker.git("update-ref", "--stdin", data=lines.encode())
    lists = RefLists()
    lists.ask(here, "refs/tags/")  # more than a pipe holds
    lists.close()
    assert not lists.is_asked(here, "refs/tags/")
