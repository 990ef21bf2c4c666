"""Lists of refs."""

from __future__ import annotations

import pytest

from guard.errors import GitError
from guard.git.objects import KeptRefs, ObjectPool
from guard.git.refs import Ref, list_refs
from guard.git.repository import Repository, open_checkout
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


def test_what_is_no_list_is_no_answer(here: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a git prints that was replaced, or whose format is not understood.
    monkeypatch.setattr(Repository, "run", lambda *_: b"garbage\n")
    with pytest.raises(GitError, match="git for-each-ref prints 'garbage'"):
        list_refs(here, "refs/heads/")


def test_a_ref_by_its_name_is_what_the_list_has(workshop: Workshop, here: Repository) -> None:
    git, head = workshop.docker.git, workshop.docker.head
    git("update-ref", "refs/remotes/origin/master", head)
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master")
    git("update-ref", "refs/guard/seen/origin/commits/x", head)
    git("tag", "origin/gone")
    for pack in (False, True):
        if pack:
            git("pack-refs", "--all")
        with ObjectPool() as pool:
            listed = dict(pool.refs(here).items())
            assert len(listed) == 3
            named = KeptRefs(pool.reader(here))
            assert {name: named[name] for name in listed} == listed
            for name in ("refs/remotes/origin/gone", "refs/heads/master", "HEAD"):
                assert name not in named
