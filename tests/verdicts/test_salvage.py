"""A lost part of the verdicts is gone around: nothing is a dead end, and nothing older passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import Ran, Workshop

REF = "refs/guard/verdicts"
LATER = "2016-03-05T10:00:00Z"


class Store:
    """A workshop with three verdicts: aula's content passed, then failed; another passed between.

    Attributes:
        first: the commit of aula-docker that passed and failed later, which is the newest verdict.
        other: the one that passed in between.
    """

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.docker = workshop.docker
        workshop.install()
        self.first = self.docker.head
        self.other = self.docker.commit("Another content", {"content": "other"})
        workshop.verdict(commit=self.other)
        workshop.verdict(commit=self.first)
        workshop.verdict(Result.FAILED_TEST, self.first, detail="it broke", finished=LATER)

    def push(self, commit: str) -> Ran:
        return self.workshop.push(self.docker, "origin", f"{commit}:refs/heads/{commit[:9]}")

    def path(self) -> str:
        """Where the newest record stands."""
        words = ("diff-tree", "--no-commit-id", "--name-only", "-r", REF)
        return self.docker.git(*words)

    def file(self, name: str) -> Path:
        """The loose object of a revision."""
        object_id = self.docker.git("rev-parse", name)
        return self.docker.folder / ".git/objects" / object_id[:2] / object_id[2:]


def the_commit(store: Store) -> Path:
    return store.file(REF)


def the_tree(store: Store) -> Path:
    return store.file(f"{REF}^{{tree}}")


def a_folder(store: Store) -> Path:
    return store.file(f"{REF}:{store.path()[:2]}")


def a_folder_below(store: Store) -> Path:
    return store.file(f"{REF}:{store.path().rpartition('/')[0]}")


def the_record(store: Store) -> Path:
    return store.file(f"{REF}:{store.path()}")


def the_ref(store: Store) -> Path:
    return store.docker.folder / ".git" / REF


def is_missing(path: Path) -> None:
    path.unlink()


def is_empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def is_garbage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"garbage\n")


# Of a ref alone what it named is still there, for people to see.
READ = (["passed", "passed"], ["failed at test", "passed"])


DAMAGES = [
    *((part, is_missing) for part in (the_commit, the_tree, a_folder, a_folder_below, the_record)),
    *((part, is_empty) for part in (the_tree, the_record, the_ref)),
    *((part, is_garbage) for part in (the_commit, a_folder, the_ref)),
]


@pytest.mark.parametrize(
    ("part", "damage"), DAMAGES, ids=[f"{part.__name__} {how.__name__}" for part, how in DAMAGES]
)
def test_around_what_is_lost_all_goes_on_and_no_older_pass_stands_in_for_a_lost_failure(
    workshop: Workshop, part: Callable[[Store], Path], damage: Callable[[Path], None]
) -> None:
    store = Store(workshop)
    damage(part(store))
    _is_undecided(store.push(store.first))
    assert workshop.remote_head("aula-docker", f"refs/heads/{store.first[:9]}") is None
    for words in ("log --all", "log --prune", "recover", "status"):
        ran = workshop.guard(*words.split())
        assert ran.status == 0, ran.text
    shown = json.loads(workshop.guard("log", "--json").out)["verdicts"]
    assert [verdict["result"] for verdict in shown] in READ
    # Another combination is recorded, and that goes around.
    third = store.docker.commit("A third content", {"content": "third"})
    workshop.verdict(commit=third)
    assert store.push(third).status == 0
    store.docker.git("gc", "--quiet", "--prune=now")
    assert "missing" not in store.docker.git("fsck", "--connectivity-only")
    _is_undecided(store.push(store.first))
    assert len(json.loads(workshop.guard("log", "--json").out)["verdicts"]) == 3
    # Both ways out: what was never shared is tested anew.
    workshop.verdict(commit=store.first)
    assert store.push(store.first).status == 0


def _is_undecided(ran: Ran) -> None:
    assert ran.status == 1, ran.text
    assert "undecided" in ran.text, ran.text
    assert "guard test --again" in ran.text
