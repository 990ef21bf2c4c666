"""What git says to a hook, read to the letter; and which refs are meant."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import UsageError
from guard.git.objects import ObjectReader
from guard.git.pushes import (
    RefUpdate,
    fits,
    is_judged,
    is_review,
    meant,
    parse_updates,
    peel,
    pre_commit_updates,
)
from tests.workshop import ZERO, Repo

A, B = "a" * 40, "b" * 40
IDS = st.sampled_from([A, B, ZERO, "0" * 64, "c" * 64])
LOCAL = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
REMOTE = st.text(st.characters(exclude_characters="\n ", exclude_categories=["Cs"]), max_size=20)
UPDATES = st.builds(RefUpdate, LOCAL, IDS, REMOTE, IDS)


def test_the_lines_of_a_push() -> None:
    data = (
        f"refs/heads/master {A} refs/heads/master {B}\n"
        f"(delete) {ZERO} refs/heads/old {A}\n"
        f"HEAD~ {A} refs/tags/v1 {ZERO}\n"
    )
    first, deletion, third = parse_updates(data.encode())
    assert first == RefUpdate("refs/heads/master", A, "refs/heads/master", B)
    assert [first.deletes, deletion.deletes, third.deletes] == [False, True, False]
    assert third.local_ref == "HEAD~"


def test_a_local_name_may_hold_spaces(repo: Repo) -> None:
    line = f"HEAD^{{/fix the build}} {A} refs/heads/x {ZERO}\n"
    (update,) = parse_updates(line.encode())
    assert update == RefUpdate("HEAD^{/fix the build}", A, "refs/heads/x", ZERO)


def test_sha256_ids() -> None:
    new, old = "c" * 64, "0" * 64
    (update,) = parse_updates(f"HEAD {new} refs/heads/x {old}\n".encode())
    assert (update.local_id, update.remote_id, update.deletes) == (new, old, False)


def test_names_that_are_no_utf8_are_kept() -> None:
    (update,) = parse_updates(b"HEAD " + A.encode() + b" refs/heads/gr\xfcn " + ZERO.encode())
    assert update.remote_ref == "refs/heads/gr\udcfcn"


def test_no_line_is_no_update() -> None:
    assert parse_updates(b"") == []


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        f"HEAD {A} refs/heads/x",
        f"HEAD {A[:-1]} refs/heads/x {B}",
        f"HEAD {A.upper()} refs/heads/x {B}",
        f"HEAD {A} refs/heads/x {B} ",
        f"HEAD\t{A}\trefs/heads/x\t{B}",
        f"HEAD {A} refs/heads/a space {B}",
    ],
)
def test_what_git_never_writes_is_refused_with_its_number(line: str) -> None:
    good = f"HEAD {A} refs/heads/x {B}\n"
    with pytest.raises(UsageError, match="line 2 of the hook's standard input") as caught:
        parse_updates(f"{good}{line}\n{good}".encode())
    assert caught.value.status == 2
    assert caught.value.remedy == "run it through git push"


@given(st.lists(UPDATES, max_size=5))
def test_every_push_reads_back(updates: list[RefUpdate]) -> None:
    data = "".join(" ".join(update) + "\n" for update in updates)
    assert parse_updates(data.encode()) == updates


@given(
    st.one_of(st.binary(), st.lists(UPDATES).map(lambda u: "\n".join(map(" ".join, u)).encode()))
)
def test_any_bytes_are_updates_or_refused(data: bytes) -> None:
    try:
        updates = parse_updates(data)
    except UsageError:
        return
    assert len(updates) == sum(1 for line in data.split(b"\n") if line)


class TestPreCommit:
    ENVIRONMENT: ClassVar = {
        "PRE_COMMIT_TO_REF": A,
        "PRE_COMMIT_FROM_REF": B,
        "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/topic",
        "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/master",
        "PRE_COMMIT_REMOTE_NAME": "origin",
        "PRE_COMMIT_REMOTE_URL": "git@example.org:x.git",
    }

    def test_a_push(self) -> None:
        assert pre_commit_updates(self.ENVIRONMENT, str) == [
            RefUpdate("refs/heads/topic", A, "refs/heads/master", B)
        ]

    def test_a_new_branch_comes_without_what_was_there(self) -> None:
        environment = {**self.ENVIRONMENT, "PRE_COMMIT_FROM_REF": ""}
        assert pre_commit_updates(environment, str) == [
            RefUpdate("refs/heads/topic", A, "refs/heads/master", ZERO)
        ]

    @pytest.mark.parametrize(
        "names",
        [["PRE_COMMIT_REMOTE_NAME"], ["PRE_COMMIT_TO_REF", "PRE_COMMIT_LOCAL_BRANCH"]],
    )
    def test_without_these_pre_commit_has_not_called(self, names: list[str]) -> None:
        environment = {key: value for key, value in self.ENVIRONMENT.items() if key not in names}
        assert pre_commit_updates(environment, str) is None
        assert pre_commit_updates({}, str) is None

    def test_the_first_push_of_all_names_the_branch_alone(self) -> None:
        environment = {
            name: value
            for name, value in self.ENVIRONMENT.items()
            if name not in ("PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF")
        }
        found = pre_commit_updates(environment, {"refs/heads/topic": "1" * 40}.__getitem__)
        assert found is not None
        assert [(update.local_id, update.remote_id) for update in found] == [("1" * 40, "0" * 40)]

    def test_a_push_to_nowhere_is_refused_and_not_let_through(self) -> None:
        # pre-commit before 2.10 does not name the branches.
        environment = {key: value for key, value in self.ENVIRONMENT.items() if "BRANCH" not in key}
        with pytest.raises(UsageError, match="does not say which branch"):
            pre_commit_updates(environment, str)


def test_pushed_objects_are_followed_to_their_commits(repo: Repo) -> None:
    commit = repo.commit("one", {"a": "A\n"})
    repo.git("tag", "-a", "-m", "tag", "v1")
    repo.git("tag", "-a", "-m", "tag of a tag", "v2", "v1")
    tag, blob, tree = (repo.git("rev-parse", name) for name in ("v2", "HEAD:a", "HEAD^{tree}"))
    ids = (commit, tag, blob, tree, ZERO, A, commit)
    updates = [RefUpdate("x", name, f"refs/heads/{at}", ZERO) for at, name in enumerate(ids)]
    reader = ObjectReader(repo.repository)
    pushed = peel(reader, updates)
    assert [item.update for item in pushed] == updates
    # A missing object is left for the gate to miss; what is no commit is not judged.
    assert [item.commit for item in pushed] == [commit, commit, None, None, None, A, commit]
    assert peel(reader, []) == []


@pytest.mark.parametrize(
    ("ref", "judged"),
    [
        ("refs/heads/master", True),
        ("refs/tags/v1", True),
        ("refs/notes/commits", False),
        ("refs/guard/verdicts", False),
        ("refs/notes", True),
        ("refs/notesman/x", True),
        ("refs/stash", False),
        ("refs/stash/x", True),
        ("refs/for/master", True),
        ("refs/for/refs/notes/commits", True),
        ("refs/pull/7/head", True),
        ("refs/wip/x", True),
    ],
)
def test_a_commit_is_judged_wherever_it_goes_but_to_notes_a_stash_and_records(
    ref: str, judged: bool
) -> None:
    assert is_judged(ref) is judged


@pytest.mark.parametrize(
    ("ref", "branch"),
    [
        ("refs/for/master", "refs/heads/master"),
        ("refs/for/release/0.3%topic=x,wip", "refs/heads/release/0.3"),
        ("refs/for/refs/heads/master%r=a@b.c", "refs/heads/master"),
        ("refs/for/refs/meta/config", "refs/meta/config"),
        ("refs/heads/50%", "refs/heads/50%"),
        ("refs/tags/v1", "refs/tags/v1"),
    ],
)
def test_a_review_is_for_a_branch(ref: str, branch: str) -> None:
    assert meant(ref) == branch
    assert is_review(ref) is (ref != branch)


@pytest.mark.parametrize(
    ("ref", "patterns", "meant"),
    [
        ("refs/heads/master", "*", True),
        ("refs/heads/a/b", "*", True),
        ("refs/heads/master", "", False),
        ("refs/heads/master", "master", True),
        ("refs/tags/master", "master", True),
        ("refs/heads/master", "refs/heads/master", True),
        ("refs/tags/master", "refs/heads/master", False),
        ("refs/heads/wip/x/y", "* !refs/heads/wip/*", False),
        ("refs/heads/wip", "* !refs/heads/wip/*", True),
        ("refs/heads/wip/x", "* !wip/*", False),
        ("refs/heads/wip/x", "!wip/* *", True),
        ("refs/heads/wip/keep", "* !wip/* wip/keep", True),
        ("refs/heads/Master", "master", False),
        ("refs/heads/v0.3", "v[0-9]*", True),
        ("refs/heads/x", "!*", False),
        ("refs/heads/x", "* !*", False),
        ("refs/heads/master", "!wip/*", False),
    ],
)
def test_the_last_pattern_that_fits_decides(ref: str, patterns: str, meant: bool) -> None:
    assert fits(ref, patterns.split()) is meant
