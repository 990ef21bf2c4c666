"""A lost part of the verdicts is gone around: nothing is a dead end, and nothing older passes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import Ran, Repo, Workshop

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
        self.ref = REF
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
        return self.docker.git("diff-tree", "--no-commit-id", "--name-only", "-r", self.ref)

    def file(self, name: str) -> Path:
        """The loose object of a revision of the ref."""
        object_id = self.docker.git("rev-parse", f"{self.ref}{name}")
        return self.docker.folder / ".git/objects" / object_id[:2] / object_id[2:]


def the_commit(store: Store) -> Path:
    return store.file("")


def the_tree(store: Store) -> Path:
    return store.file("^{tree}")


def a_folder(store: Store) -> Path:
    return store.file(f":{store.path()[:2]}")


def a_folder_below(store: Store) -> Path:
    return store.file(f":{store.path().rpartition('/')[0]}")


def the_record(store: Store) -> Path:
    return store.file(f":{store.path()}")


def the_ref(store: Store) -> Path:
    return store.docker.folder / ".git" / store.ref


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
    *((part, is_missing) for part in (the_commit, the_tree, a_folder, a_folder_below)),
    *((part, is_empty) for part in (the_commit, the_record, the_ref)),
    *((part, is_garbage) for part in (a_folder, the_ref)),
]


@pytest.mark.parametrize(
    ("part", "damage"), DAMAGES, ids=[f"{part.__name__} {how.__name__}" for part, how in DAMAGES]
)
def test_around_what_is_lost_all_goes_on_and_no_older_pass_stands_in_for_a_lost_failure(
    workshop: Workshop, part: Callable[[Store], Path], damage: Callable[[Path], None]
) -> None:
    store = Store(workshop)
    damage(part(store))
    refused = store.push(store.first)
    _is_undecided(refused, store.first)
    # Git's word for no object, and its own lines, tell nobody anything.
    assert (f"{REF} itself cannot be read" in refused.text) == (part is the_ref)
    assert not re.search("0{40}|^(error: object|fatal)", refused.text, re.MULTILINE), refused.text
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
    _is_undecided(store.push(store.first), store.first)
    assert len(json.loads(workshop.guard("log", "--json").out)["verdicts"]) == 3
    # Both ways out: what was never shared is tested anew.
    workshop.verdict(commit=store.first)
    assert store.push(store.first).status == 0


def _is_undecided(ran: Ran, commit: str) -> None:
    assert ran.status == 1, ran.text
    assert "undecided" in ran.text, ran.text
    assert f"next: guard test --again {commit[:12]}\n" in ran.text


SHARED = [(the_commit, is_missing), (the_tree, is_empty), (the_record, is_garbage)]


@pytest.mark.parametrize(
    ("part", "damage"), SHARED, ids=[f"{part.__name__} {how.__name__}" for part, how in SHARED]
)
def test_what_was_shared_comes_back_with_a_sync(
    workshop: Workshop, part: Callable[[Store], Path], damage: Callable[[Path], None]
) -> None:
    store = Store(workshop)
    _synced(workshop)
    before = workshop.guard("log", "--all", "--json").out
    damage(part(store))
    _is_undecided(store.push(store.first), store.first)
    ran = _synced(workshop)
    assert f"what was lost of {REF}" in ran.err
    blocked = store.push(store.first)
    assert "failed at test" in blocked.text
    assert store.push(store.other).status == 0
    assert workshop.guard("log", "--all", "--json").out == before
    assert "lost" not in _synced(workshop).text


def test_what_came_after_the_last_sync_stays_undecided_until_it_is_tested(
    workshop: Workshop,
) -> None:
    store = Store(workshop)
    store.docker.git("update-ref", REF, f"{REF}^")
    _synced(workshop)
    workshop.verdict(Result.FAILED_TEST, store.first, detail="it broke", finished=LATER)
    is_missing(the_record(store))
    assert "was lost" in _synced(workshop).err
    _is_undecided(store.push(store.first), store.first)
    assert store.push(store.other).status == 0
    # A colleague who has the older pass as well says nothing of what was lost here.
    workshop.docker.git("config", "guard.trust", "all")
    _is_undecided(store.push(store.first), store.first)
    workshop.verdict(commit=store.first, finished="2016-03-06T10:00:00Z")
    assert store.push(store.first).status == 0


@pytest.mark.parametrize("depth", [1, 2])
def test_where_only_attempts_of_before_are_lost_the_newest_stay(
    workshop: Workshop, depth: int
) -> None:
    store = Store(workshop)
    is_missing(store.file(f"~{depth}"))
    assert store.push(store.other).status == 0
    assert "failed at test" in store.push(store.first).text
    assert workshop.guard("log", "--all").status == 0
    assert "earlier attempts in refs/guard/verdicts were lost" in _synced(workshop).err
    assert store.push(store.other).status == 0
    assert "failed at test" in store.push(store.first).text
    assert "missing" not in store.docker.git("fsck", "--connectivity-only")


def test_a_pack_with_all_of_them_is_damaged(workshop: Workshop) -> None:
    store = Store(workshop)
    listed = store.docker.git("rev-list", "--objects", "--no-object-names", REF)
    place = store.docker.folder / ".git/objects/pack/pack"
    name = store.docker.git("pack-objects", "-q", str(place), data=f"{listed}\n".encode())
    store.docker.git("prune-packed")
    pack = place.with_name(f"pack-{name}.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:40] + b"garbage" * 400)
    _is_undecided(store.push(store.first), store.first)
    assert workshop.guard("log").status == 0
    third = store.docker.commit("A third content", {"content": "third"})
    workshop.verdict(commit=third)
    assert store.push(third).status == 0
    _is_undecided(store.push(store.first), store.first)
    _is_undecided(store.push(store.other), store.other)


THEIRS = [
    *((part, is_missing) for part in (a_folder_below, the_record)),
    *((part, is_garbage) for part in (the_commit, the_ref)),
]


@pytest.mark.parametrize(
    ("part", "damage"), THEIRS, ids=[f"{part.__name__} {how.__name__}" for part, how in THEIRS]
)
def test_ones_own_pass_does_not_stand_in_for_a_lost_failure_of_a_trusted_colleague(
    workshop: Workshop, part: Callable[[Store], Path], damage: Callable[[Path], None]
) -> None:
    store = Store(workshop)
    # What a colleague recorded and one's own, which passed and was pushed before that came.
    remote = str(workshop.root / "remotes/aula-docker.git")
    store.docker.git("push", "--quiet", remote, REF)
    store.docker.git("update-ref", REF, f"{REF}^")
    assert store.push(store.first).status == 0
    _synced(workshop)
    workshop.docker.git("config", "guard.trust", "all")
    store.ref = "refs/guard/remotes/origin/verdicts"
    damage(part(store))
    again = ("origin", f"{store.first}:refs/heads/again")
    ran = workshop.push(workshop.docker, *again)
    assert ran.status == 1 and "undecided" in ran.text, ran.text
    assert "guard sync" in ran.text
    assert ("others: their ref itself cannot be read" in ran.text) == (part is the_ref)
    for words in ("log", "recover", "status"):
        assert workshop.guard(words).status == 0
    # Whoever trusts nobody is not concerned.
    workshop.docker.git("config", "guard.trust", "none")
    assert workshop.push(workshop.docker, "--dry-run", *again).status == 0
    workshop.docker.git("config", "guard.trust", "all")
    _synced(workshop)
    assert "failed at test" in workshop.push(workshop.docker, *again).text


@pytest.mark.parametrize("what", ["blob:none", "tree:0"])
def test_what_a_partial_clone_was_promised_is_fetched_and_not_lost(
    workshop: Workshop, what: str
) -> None:
    store = Store(workshop)
    store.docker.git("config", "uploadpack.allowFilter", "true")
    store.docker.git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = Repo(workshop.root / "clone")
    source = f"file://{store.docker.folder}"
    store.docker.git("clone", "--quiet", f"--filter={what}", source, str(clone.folder))
    clone.git("fetch", "--quiet", "origin", f"{REF}:{REF}")
    for name in ("aula", "thentos"):
        clone.git("config", f"guard.{name}.repository", str(store.docker.folder / name))
    clone.git("config", "guard.trust", "all")
    assert "undecided tested" in workshop.guard("check", store.other, at=clone).text
    ran = workshop.guard("sync", at=clone)
    assert ran.status == 0 and "lost" not in ran.text, ran.text
    assert "tested" not in workshop.guard("check", store.other, at=clone).text
    assert "failed at test" in workshop.guard("log", at=clone).out


def _synced(workshop: Workshop) -> Ran:
    ran = workshop.guard("sync")
    assert ran.status == 0, ran.text
    return ran
