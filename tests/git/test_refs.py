"""Lists of refs."""

from __future__ import annotations

import pytest

from guard.errors import GitError
from guard.git.locate import open_checkout
from guard.git.refs import Ref, list_refs, listed
from guard.git.repository import Repository
from tests.workshop import Workshop


@pytest.fixture
def here(workshop: Workshop) -> Repository:
    found = open_checkout(str(workshop.docker.folder))
    assert found is not None
    return found


def test_names_and_folders(workshop: Workshop, here: Repository) -> None:
    head = workshop.docker.head
    workshop.docker.git("tag", "one")
    workshop.docker.git("tag", "two")
    workshop.docker.git("symbolic-ref", "refs/heads/other", "refs/heads/master")
    assert list_refs(here, "refs/tags/one", "refs/heads/") == {
        "refs/tags/one": Ref(head),
        "refs/heads/master": Ref(head),
        "refs/heads/other": Ref(head, "refs/heads/master"),
    }


def test_a_name_means_that_ref_alone(workshop: Workshop, here: Repository) -> None:
    workshop.docker.git("tag", "v1/x")
    workshop.docker.git("tag", "refs/tags/v1")
    assert list_refs(here, "refs/tags/v1") == {}


def test_what_is_no_list_is_no_answer() -> None:
    # As a git prints that was replaced, or whose format is not understood.
    with pytest.raises(GitError, match="git for-each-ref prints 'garbage'"):
        listed(b"garbage\n", "refs/heads/")
