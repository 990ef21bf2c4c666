"""What comes before a release: of every way to stand there is one step, or none, or a person."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.git.repository import Repository
from guard.plan.preparation import Todo, before_align, preparation
from guard.situation.checkouts import Checkout, Checkouts, Relation, Settings

TOP = Repository("/w/top/.git", "/w/top/.git", "/w/top")
OLD, NEW = "1" * 40, "2" * 40


def at(path: str, relation: Relation, branch: str = "master") -> Checkout:
    repository = Repository(f"/w/top/.git/modules/{path}", "", f"/w/top/{path}")
    head, gitlink = (NEW, OLD) if relation is Relation.AHEAD else (OLD, NEW)
    if relation is Relation.SAME:
        head = gitlink
    return Checkout(path, repository, head, branch, gitlink, relation)


def standing(*submodules: Checkout) -> Checkouts:
    return Checkouts(TOP, submodules=submodules)


def first(checkouts: Checkouts) -> Todo | None:
    return preparation(checkouts, "aula", "thentos")


def lines(todo: Todo | None) -> list[str]:
    """The commands, with the folder in which each is typed."""
    assert todo is not None
    return [
        f"{command.repository.work_tree if command.repository else ''}: {' '.join(command.argv)}"
        for command in todo.commands
    ]


def test_where_all_is_at_its_gitlink_there_is_nothing() -> None:
    assert first(standing(at("aula", Relation.SAME), at("thentos", Relation.SAME, ""))) is None


@pytest.mark.parametrize(
    ("checkout", "expected"),
    [
        (at("aula", Relation.AHEAD), "/w/top: git add aula"),
        (
            at("aula", Relation.AHEAD)._replace(is_beside=True),
            f"/w/top: git update-index --cacheinfo 160000,{NEW},aula",
        ),
        (at("aula", Relation.BEHIND), f"/w/top/aula: git merge --ff-only {NEW[:12]}"),
        (at("aula", Relation.BEHIND, ""), "/w/top: git submodule update aula"),
        (at("aula", Relation.APART), f"/w/top/aula: git rebase {NEW[:12]}"),
        (
            at("aula", Relation.MISSING)._replace(source=("origin", "tag", "v1")),
            "/w/top/aula: git fetch origin tag v1",
        ),
        (at("aula", Relation.CUT_OFF), "/w/top/aula: git fetch --unshallow"),
        (at("thentos", Relation.BEHIND, ""), "/w/top: git submodule update thentos"),
        (at("thentos", Relation.AHEAD)._replace(has_tag=True), "/w/top: git add thentos"),
        (at("thentos", Relation.APART)._replace(has_tag=True), "/w/top: git add thentos"),
        (at("other", Relation.BEHIND, ""), "/w/top: git submodule update other"),
        (
            at("aula", Relation.AHEAD, "")._replace(was_left=True),
            "/w/top: git submodule update aula",
        ),
        (
            at("thentos", Relation.APART, "")._replace(was_left=True, has_tag=True),
            "/w/top: git submodule update thentos",
        ),
        (
            at("aula", Relation.APART)._replace(is_published=True),
            f"/w/top/aula: git merge --no-edit {NEW[:12]}",
        ),
    ],
)
def test_each_way_to_stand_has_its_step(checkout: Checkout, expected: str) -> None:
    todo = first(standing(checkout))
    assert lines(todo) == [expected]
    assert todo is not None and not todo.person


@pytest.mark.parametrize("relation", [Relation.AHEAD, Relation.APART])
def test_a_dependency_that_is_tried_out_stays(relation: Relation) -> None:
    assert first(standing(at("thentos", relation))) is None


def test_a_branch_at_what_the_superproject_has_left_stays() -> None:
    assert first(standing(at("aula", Relation.AHEAD)._replace(was_left=True))) is None


@pytest.mark.parametrize("relation", [Relation.AHEAD, Relation.APART, Relation.BEHIND])
def test_a_feature_branch_beside_the_default_one_is_a_persons(relation: Relation) -> None:
    checkouts = standing(at("aula", relation, "topic")._replace(is_feature=True))
    todo = first(checkouts)
    assert todo is not None
    assert todo.person == "merge topic of aula, or check out its default branch"
    both = first(checkouts._replace(is_feature=True))
    assert both is not None and not both.person


@pytest.mark.parametrize(
    ("checkouts", "person", "look"),
    [
        (
            standing()._replace(unmerged=("README", "aula")),
            "resolve README and 1 more, and stage it",
            "/w/top: git status",
        ),
        (standing()._replace(under_way="a merge"), "finish a merge", "/w/top: git status"),
        (
            standing(at("aula", Relation.AHEAD)._replace(under_way="a rebase")),
            "finish a rebase in aula",
            "/w/top/aula: git status",
        ),
        (
            standing(at("aula", Relation.BEHIND)._replace(is_changed=True)),
            "commit or stash what is changed in aula",
            "/w/top/aula: git status",
        ),
        (
            standing(at("aula", Relation.APART)._replace(is_changed=True)),
            "commit or stash what is changed in aula",
            "/w/top/aula: git status",
        ),
        (
            standing(at("aula", Relation.BEHIND)._replace(obstacle="new")),
            "move away what is in the way in aula: new",
            "/w/top/aula: git status --ignored",
        ),
        (
            standing(at("aula", Relation.APART)._replace(obstacle="new")),
            "move away what is in the way in aula: new",
            "/w/top/aula: git status --ignored",
        ),
        (
            standing(at("aula", Relation.NOWHERE)._replace(pinned_by="Ann")),
            f"ask Ann to push {NEW[:12]} of aula, which its remote does not have",
            "/w/top: git log --max-count=1 -- aula",
        ),
        (
            standing(at("aula", Relation.NOWHERE)),
            f"stage another commit than {NEW[:12]} of aula, which its remote does not have",
            "/w/top: git log --max-count=1 -- aula",
        ),
        (
            standing(at("aula", Relation.APART, "")),
            "check out in aula what is meant: one of both, or what joins them",
            f"/w/top/aula: git log --oneline --graph {OLD[:12]} {NEW[:12]}",
        ),
    ],
)
def test_what_only_a_person_can_do_is_said(checkouts: Checkouts, person: str, look: str) -> None:
    todo = first(checkouts)
    assert todo is not None and todo.person == person
    assert lines(todo) == [look]


def test_settings_are_staged_first_and_what_is_behind_before_what_is_ahead() -> None:
    checkouts = standing(at("aula", Relation.AHEAD), at("thentos", Relation.BEHIND, ""))
    assert lines(first(checkouts._replace(settings=Settings.UNSTAGED))) == [
        "/w/top: git add .guard.toml"
    ]
    ignored = checkouts._replace(settings=Settings.IGNORED)
    assert lines(first(ignored)) == ["/w/top: git add --force .guard.toml"]
    assert lines(first(checkouts)) == ["/w/top: git submodule update thentos"]
    assert first(checkouts._replace(settings=Settings.ABSENT)) == first(checkouts)


def test_what_a_move_of_the_dependency_would_lose_is_saved_first() -> None:
    lost = at("thentos", Relation.SAME, "")._replace(is_lost=True)
    assert lines(before_align(standing(lost), "thentos")) == [
        f"/w/top/thentos: git branch keep-{NEW[:8]} {NEW[:12]}"
    ]
    todo = before_align(standing(lost._replace(is_changed=True)), "thentos")
    assert todo is not None and todo.person == "commit or stash what is changed in thentos"
    assert before_align(standing(at("thentos", Relation.SAME)), "thentos") is None
    assert before_align(standing(), "thentos") is None
    left = at("aula", Relation.AHEAD, "")._replace(was_left=True, is_lost=True)
    assert lines(first(standing(left))) == [f"/w/top/aula: git branch keep-{NEW[:8]} {NEW[:12]}"]


FLAGS = ("is_lost", "is_changed", "has_tag", "is_feature", "was_left", "is_published")
CHECKOUTS = st.builds(
    lambda path, relation, branch, *flags: at(path, relation, branch)._replace(
        **dict(zip(FLAGS, flags, strict=True))
    ),
    st.sampled_from(["aula", "thentos"]),
    st.sampled_from(Relation),
    st.sampled_from(["", "master", "feature"]),
    *[st.booleans()] * len(FLAGS),
)


def done(checkouts: Checkouts, todo: Todo) -> Checkouts:
    """How everything stands when the step has been done."""
    words = todo.commands[0].argv[1:]
    if words[0] == "add" and words[-1] == ".guard.toml":
        return checkouts._replace(settings=Settings.STAGED)
    path = todo.commands[0].argv[-1] if words[0] in ("add", "submodule") else ""
    moved = []
    for each in checkouts.submodules:
        if each.path == path or each.repository == todo.commands[0].repository:
            each = each._replace(is_lost=False)
            relation = {
                "branch": each.relation,
                "fetch": Relation.BEHIND,
                "rebase": Relation.AHEAD,
                "merge": Relation.SAME if "--ff-only" in words else Relation.AHEAD,
            }.get(words[0], Relation.SAME)
            each = each._replace(relation=relation)
        moved.append(each)
    return checkouts._replace(submodules=tuple(moved))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(CHECKOUTS, max_size=2, unique_by=lambda each: each.path),
    st.sampled_from(Settings),
)
def test_from_everywhere_it_ends(submodules: list[Checkout], toml: Settings) -> None:
    checkouts = Checkouts(TOP, settings=toml, submodules=tuple(submodules))
    before = set()
    while (todo := first(checkouts)) is not None and not todo.person:
        assert checkouts not in before
        before.add(checkouts)
        checkouts = done(checkouts, todo)
    if todo is None:
        behind = (Relation.BEHIND, Relation.MISSING, Relation.NOWHERE, Relation.CUT_OFF)
        assert not [each for each in checkouts.submodules if each.relation in behind]
        aula = checkouts.at("aula")
        assert aula is None or aula.relation is Relation.SAME or aula.was_left
