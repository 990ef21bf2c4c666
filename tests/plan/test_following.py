"""`next:` from every way to stand: it is always said, each step brings the work on, and it ends.

Situations are drawn as values, whether or not git could bring them about. What a command does is
played on the values, and what it cannot know beforehand (whether the tests pass, what a fetch
brings) is drawn as well.
"""

from __future__ import annotations

import shlex
from random import Random
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.git.commands import PERSON
from guard.git.repository import Repository
from guard.model import Decision, Finding, Outcome, Severity, VerdictState
from guard.model import Tested as WasTested
from guard.plan.following import Pushes, Todo, before_align, following, preparation
from guard.situation.checkouts import Checkout, Checkouts, Relation, Settings
from guard.situation.publication import Unknown
from guard.situation.release import Published, PublishedImage, Reach, ReleaseFacts, Spot, Trouble
from guard.situation.values import FILL_IN
from tests.plan.test_walk import IMAGE, NO_HOOK, NO_IMAGE, TOP, aula, docker, nothing, thentos

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


INSTALL = "guard install"
BRING = "git -C /w/top/aula fetch origin"
_Value = TypeVar("_Value")
# They show, and change nothing: by themselves they bring nobody on.
SHOWING = ("guard log", "guard check", "git ls-remote", "git status", "git log")
# From where a checkout has to be brought to the gitlink, or the gitlink to it: the shortest first.
DISTANCES = (
    Relation.SAME,
    Relation.AHEAD,
    Relation.BEHIND,
    Relation.APART,
    Relation.CUT_OFF,
    Relation.MISSING,
    Relation.NOWHERE,
)
BRANCHES = [Reach.SAME, Reach.AHEAD_THERE, Reach.LACKING, Reach.ABSENT, Reach.APART]
ALIGN = Finding("release-tag", Severity.ERROR, "thentos is no release", remedy="guard align")
MISSING = ALIGN._replace(remedy="git -C /w/top/thentos fetch --tags", missing=("a tag",))


class Stand(NamedTuple):
    """A situation, as `following` has it."""

    release: ReleaseFacts
    at: Checkouts
    hook: str
    others: str

    @property
    def next(self) -> str:
        finding = Finding("merged", Severity.ERROR, "it is behind", remedy=self.others)
        findings = (finding,) if self.others else ()
        decision = Decision("aula", "", None, Outcome.BLOCKED, None, (), (), None, findings)
        return following(self._release, self.at, self.hook, Pushes(consumer=decision)).text

    @property
    def _release(self) -> ReleaseFacts:
        """Where settings are in the index and no command is, that is what has to be filled in."""
        tested, is_there = self.release.tested, (Settings.STAGED, Settings.CHANGED)
        if tested == NO_COMMAND and self.at.settings in is_there:
            return self.release._replace(tested=NO_COMMAND._replace(remedy=FILL_IN))
        return self.release


def drawn(*made: Spot) -> st.SearchStrategy[Spot]:
    troubles = st.sampled_from([None, None, NO_HOOK])
    locals_ = st.sampled_from(["", "refs/heads/master", "refs/heads/feature"])
    return st.builds(
        lambda spot, trouble, local: spot._replace(trouble=trouble, local=local),
        st.sampled_from(made),
        troubles,
        locals_,
    )


def released(fields: dict[str, Any]) -> ReleaseFacts:
    return nothing()._replace(message="Take it", **fields)


FETCH_TAGS = Trouble("the tag is here alone", "git -C /w/top/thentos fetch --tags", True)
FETCH = Trouble("no repository has it", "git -C /w/top/aula fetch", True)
SET_HEAD = Trouble(
    "which is the default?", "git -C /w/top/aula remote set-head origin --auto", True
)
NO_TAG = Trouble("thentos stands at no release", "guard align")
NO_COMMAND = WasTested(VerdictState.NO_COMMAND, verdict="12-34")
TESTED = [WasTested(state, verdict="12-34") for state in VerdictState]
UNREAD = [Unknown("aula is missing", "git -C /w/top/aula fetch")]
RELEASES = st.fixed_dictionaries(
    {
        "faults": st.sampled_from([(), (), (ALIGN,), (MISSING,)]),
        "dependency": st.one_of(
            st.sampled_from([None, NO_TAG, FETCH_TAGS]),
            drawn(*(thentos(r, "e" * 40) for r in (Reach.SAME, Reach.ABSENT))),
        ),
        "tested": st.sampled_from([*TESTED, *UNREAD]),
        "image": st.sampled_from([PublishedImage(state) for state in Published]),
        "consumer": st.one_of(
            st.sampled_from([None, FETCH, SET_HEAD]), drawn(*(aula(r, "e" * 40) for r in BRANCHES))
        ),
        "superproject": drawn(*(docker(reach, "e" * 40) for reach in BRANCHES)),
        "staged": st.booleans(),
    }
).map(released)
PLACES = st.builds(
    Checkouts,
    st.just(TOP),
    st.sampled_from([(), (), (), ("aula",)]),
    st.sampled_from(["", "", "", "a merge"]),
    st.sampled_from(Settings),
    st.lists(CHECKOUTS, max_size=2, unique_by=lambda each: each.path).map(tuple),
    st.booleans(),
    st.booleans(),
    st.just(()),
    st.booleans(),
)
STANDS = st.builds(
    Stand, RELEASES, PLACES, st.sampled_from(["", "", INSTALL]), st.sampled_from(["", BRING])
)


class Played:
    """What commands do to a situation; what is open beforehand, chance decides."""

    def __init__(self, stand: Stand, chance: Random) -> None:
        self.stand = stand
        self._chance = chance

    def do(self, line: str) -> None:
        for text in line.split(" && "):
            words = shlex.split(text)
            folder = "/w/top"
            if words[1:2] == ["-C"]:
                folder, words = words[2], [words[0], *words[3:]]
            path = folder.removeprefix("/w/top").strip("/")
            program, verb, *rest = words
            if program == "guard":
                self._guard(verb)
            else:
                self._git(path, verb, rest)
        if "aula rebase origin/" in line:
            self._release(consumer=aula(Reach.LACKING))

    def _guard(self, verb: str) -> None:
        stand, release = self.stand, self.stand.release
        if verb == "install":
            self.stand = stand._replace(hook="")
            for name in ("dependency", "consumer", "superproject"):
                spot = getattr(release, name)
                if isinstance(spot, Spot):
                    self._release(**{name: spot._replace(trouble=None)})
        elif verb == "align":
            self._checkout("thentos", Relation.SAME)
            self._pinned(faults=(), dependency=thentos(self._one(Reach.SAME, Reach.ABSENT)))
        elif verb == "test":
            self._release(tested=self._one(*TESTED[2:5]))
        elif verb == "publish":
            self._release(image=IMAGE)
        elif verb == "init":
            toml = self._one(Settings.CHANGED, Settings.UNSTAGED)
            self.stand = stand._replace(at=stand.at._replace(settings=toml))
        else:
            raise AssertionError(f"nobody said what this does: guard {verb}")

    def _git(self, path: str, verb: str, rest: list[str]) -> None:
        release = self.stand.release
        match verb:
            case "add" if rest[-1] == ".guard.toml":
                self.stand = self.stand._replace(
                    at=self.stand.at._replace(settings=Settings.STAGED)
                )
                self._pinned()
            case "add":
                self._checkout(rest[0], Relation.SAME)
                self._pinned(faults=self._one((), (ALIGN,), (MISSING,)))
                if rest[0] == "aula" and release.consumer is not None:
                    self._release(consumer=aula(self._one(*BRANCHES)))
            case "reset":
                self.stand = self.stand._replace(at=self.stand.at._replace(lacks_index=False))
            case "submodule":
                self._checkout(rest[-1], Relation.SAME)
            case "merge":
                ahead = Relation.SAME if rest[0] == "--ff-only" else Relation.AHEAD
                self._checkout(path, ahead)
            case "rebase" if not path:
                assert not release.staged, "it takes back what is staged"
                self._release(superproject=docker(Reach.LACKING))
            case "rebase":
                self._checkout(path, Relation.AHEAD)
            case "pull":
                assert not release.staged, "it takes back what is staged"
                self._release(superproject=docker(Reach.SAME))
                for each in self.stand.at.submodules:
                    self._checkout(each.path, self._one(each.relation, Relation.BEHIND))
                self._known()
            case "fetch":
                self._fetched(path)
            case "branch":
                self._checkout(path, is_lost=False)
            case "remote":
                self._release(consumer=aula(self._one(*BRANCHES)))
            case "commit":
                self._release(staged=False, superproject=docker(self._ahead()))
            case "push":
                name = {"thentos": "dependency", "aula": "consumer"}.get(path, "superproject")
                self._release(**{name: getattr(release, name)._replace(reach=Reach.SAME)})
            case _:
                raise AssertionError(f"nobody said what this does: git {verb}")

    def _ahead(self) -> Reach:
        """How the branch lies to its remote with one commit more."""
        reach = self.stand.release.superproject.reach  # type: ignore[union-attr]
        behind = (Reach.AHEAD_THERE, Reach.APART)
        return (
            Reach.APART
            if reach in behind
            else Reach.ABSENT
            if reach is Reach.ABSENT
            else Reach.LACKING
        )

    def _fetched(self, path: str) -> None:
        """What was missing is there."""
        self.stand = self.stand._replace(others="")
        for each in self.stand.at.submodules:
            if each.path == path and each.relation in (Relation.MISSING, Relation.CUT_OFF):
                self._checkout(path, self._one(Relation.AHEAD, Relation.BEHIND, Relation.APART))
        self._known()

    def _known(self) -> None:
        """All of the combination can be read."""
        release = self.stand.release
        if MISSING in release.faults:
            self._release(faults=self._one((), (ALIGN,)))
        if release.dependency == FETCH_TAGS:
            self._release(dependency=thentos(self._one(Reach.SAME, Reach.ABSENT)))
        if release.consumer == FETCH:
            self._release(consumer=aula(self._one(*BRANCHES)))
        if isinstance(release.tested, Unknown):
            self._release(tested=self._one(*TESTED))

    def _pinned(self, **more: Any) -> None:
        """Something is staged: it is another combination."""
        self._release(staged=True, tested=self._one(*TESTED[:5]), image=NO_IMAGE, **more)

    def _checkout(self, path: str, relation: Relation | None = None, **more: Any) -> None:
        at = self.stand.at
        if relation is not None:
            more["relation"] = relation
        moved = tuple(
            each._replace(**more) if each.path == path else each for each in at.submodules
        )
        self.stand = self.stand._replace(at=at._replace(submodules=moved))

    def _release(self, **more: Any) -> None:
        self.stand = self.stand._replace(release=self.stand.release._replace(**more))

    def _one(self, *choices: _Value) -> _Value:
        return self._chance.choice(choices)


HELD = (Published.YES, Published.NOWHERE)


def is_pasted(line: str) -> bool:
    """Whether it is a command, and not what a person has to do."""
    return bool(line) and not line.startswith(PERSON)


def shows(line: str) -> bool:
    """Whether a command changes nothing that anybody would see."""
    words = [word for word in shlex.split(line) if not word.startswith(("-", "/"))]
    return " ".join(words[:2]) in SHOWING


def measure(stand: Stand) -> tuple[int, ...]:
    """What is left to do: what can bring new work with it stands before that."""
    release, at = stand.release, stand.at
    top, consumer, dependency = release.superproject, release.consumer, release.dependency
    tested, image = release.tested, release.image
    spots = (top, consumer, dependency)
    return (
        at.lacks_index,
        bool(stand.hook) or any(isinstance(spot, Spot) and spot.trouble for spot in spots),
        isinstance(top, Spot) and top.reach in (Reach.AHEAD_THERE, Reach.APART),
        bool(stand.others),
        list(Settings).index(at.settings),
        sum(each.is_lost + 2 * DISTANCES.index(each.relation) for each in at.submodules),
        isinstance(consumer, Trouble) * 2 + is_at(consumer, Reach.APART),
        isinstance(dependency, Trouble) + len(release.faults) + bool(release.faults == (MISSING,)),
        2
        if isinstance(tested, Unknown)
        else tested is not None
        and tested.state in (VerdictState.UNTESTED, VerdictState.UNREADABLE),
        isinstance(image, PublishedImage) and image.state not in HELD,
        is_at(dependency, Reach.ABSENT),
        is_at(consumer, Reach.ABSENT, Reach.LACKING),
        release.staged,
        is_at(top, Reach.ABSENT, Reach.LACKING),
    )


def is_at(spot: object, *reaches: Reach) -> bool:
    return isinstance(spot, Spot) and spot.reach in reaches


def is_done(stand: Stand) -> bool:
    """Whether nothing may be said to be left."""
    behind = (Relation.BEHIND, Relation.CUT_OFF, Relation.MISSING, Relation.NOWHERE)
    is_behind = any(each.relation in behind for each in stand.at.submodules)
    is_tested = isinstance(stand.release.tested, WasTested)
    return is_tested and not (is_behind or stand.release.staged or stand.release.faults)


@settings(max_examples=6000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STANDS, st.integers(0, 2**32))
def test_each_step_leaves_less_to_do_until_there_is_none_or_a_person_is_named(
    stand: Stand, seed: int
) -> None:
    """From each situation four times, for what is left to chance comes otherwise each time."""
    for number in range(4):
        played, lines = Played(stand, Random(seed + number)), []
        while is_pasted(line := played.stand.next):
            lines.append(line)
            assert not shows(line), lines
            before = measure(played.stand)
            played.do(line)
            assert measure(played.stand) < before, lines
        assert line or is_done(played.stand), lines


@pytest.mark.parametrize(
    "release",
    [
        nothing()._replace(tested=WasTested(VerdictState.FAILED_TEST, verdict="12-34")),
        nothing()._replace(tested=WasTested(VerdictState.FAILED_BUILD, verdict="12-34")),
        nothing()._replace(faults=(ALIGN._replace(remedy=""),)),
    ],
)
def test_what_only_shows_names_a_person(release: ReleaseFacts) -> None:
    assert Stand(release, Checkouts(TOP), "", "").next.startswith(PERSON)
