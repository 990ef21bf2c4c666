"""The six steps of a release, what is done, next or blocked, and whether their order matters."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from guard.git.commands import Command
from guard.git.repository import Repository
from guard.model import Decision, Finding, Outcome, Severity, VerdictState
from guard.model import Tested as WasTested
from guard.plan.following import Next, Pushes, following
from guard.plan.walk import (
    SEEN_BY_OTHERS,
    Kind,
    Order,
    Step,
    StepState,
    next_command,
    order,
    pending,
    steps,
)
from guard.situation.checkouts import Checkouts
from guard.situation.publication import Publication, PublicationState, Unknown
from guard.situation.release import (
    Before,
    Published,
    PublishedImage,
    Reach,
    ReleaseFacts,
    Spot,
    Trouble,
)
from guard.situation.values import Pin
from tests.rules.case import NAMES, a_pin, aula_cabal
from tests.rules.case import facts as gathered

AULA, DOCKER, OTHER = "a" * 40, "d" * 40, "e" * 40
TAG = "refs/tags/v0.4.0"
PASSED = WasTested(VerdictState.PASSED, verdict="1234-5678")
UNTESTED = WasTested(VerdictState.UNTESTED)
IMAGE = PublishedImage(Published.YES, "registry/aula:one", "sha256:1")
NO_IMAGE = PublishedImage(Published.NO)
NO_HOOK = Trouble("there is no hook", "guard install")
OFFLINE = Trouble("origin does not answer", "git -C aula fetch origin", undecided=True)
TOP = Repository("/w/top/.git", "/w/top/.git", "/w/top")
COMMANDS = [
    "git -C /w/top/thentos push origin v0.4.0",
    "guard test",
    "guard test",
    "guard publish",
    f"git -C /w/top/aula push origin {AULA[:12]}:refs/heads/master",
    f"git -C /w/top push origin {DOCKER[:12]}:refs/heads/master",
]


def below(path: str) -> Repository:
    return Repository(f"/w/top/.git/modules/{path}", "", f"/w/top/{path}")


def thentos(reach: Reach, there: str = "", trouble: Trouble | None = None) -> Spot:
    return Spot(below("thentos"), "origin", TAG, TAG, reach, there, trouble, asked=True)


def aula(reach: Reach, there: str = "", trouble: Trouble | None = None) -> Spot:
    return Spot(below("aula"), "origin", AULA, "refs/heads/master", reach, there, trouble)


def docker(reach: Reach, there: str = "", trouble: Trouble | None = None) -> Spot:
    return Spot(TOP, "origin", DOCKER, "refs/heads/master", reach, there, trouble)


def nothing() -> ReleaseFacts:
    """Nothing of a release is done."""
    return ReleaseFacts(
        names=NAMES,
        top=TOP,
        faults=(),
        dependency=thentos(Reach.ABSENT),
        tested=UNTESTED,
        image=NO_IMAGE,
        consumer=aula(Reach.LACKING),
        superproject=docker(Reach.LACKING),
    )


def everything() -> ReleaseFacts:
    return nothing()._replace(
        dependency=thentos(Reach.SAME),
        tested=PASSED,
        image=IMAGE,
        consumer=aula(Reach.SAME, AULA),
        superproject=docker(Reach.SAME, DOCKER),
    )


def states(facts: ReleaseFacts) -> str:
    """A letter for each step: done, next, after another one, or blocked by itself."""
    return "".join(letter(step) for step in steps(facts))


def letter(step: Step) -> str:
    if step.state is StepState.BLOCKED:
        return "." if step.after else "B"
    return {StepState.DONE: "d", StepState.NEXT: "N"}[step.state]


def test_nothing_is_done() -> None:
    found = steps(nothing())
    assert [step.typed for step in found] == COMMANDS
    assert [step.title for step in found] == [
        "push thentos",
        "build the image",
        "test aula on it",
        "push the image",
        "push aula",
        "push aula-docker",
    ]
    assert [step.number for step in found] == [1, 2, 3, 4, 5, 6]
    assert states(nothing()) == "N....."
    assert {step.reason for step in found[1:]} == {"after step 1"}
    assert next_command(found) == COMMANDS[0]


def test_everything_is_done() -> None:
    found = steps(everything())
    assert states(everything()) == "dddddd"
    assert pending(found) is None
    assert next_command(found) == ""
    assert [step.typed for step in found] == [""] * 6
    assert [step.reason for step in found] == [
        "origin has v0.4.0",
        "verdict 1234-5678",
        "verdict 1234-5678",
        "registry/aula:one is sha256:1",
        f"origin is known to have {AULA[:12]} on master",
        f"origin is known to have {DOCKER[:12]} on master",
    ]


def test_a_branch_that_is_not_on_the_remote_is_not_said_to_be_there() -> None:
    found = steps(everything()._replace(superproject=docker(Reach.SAME)))
    assert found[-1].reason == f"origin is known to have {DOCKER[:12]}"


FIELDS = ("dependency", "tested", "image", "consumer", "superproject")


@pytest.mark.parametrize(
    ("done", "expected", "command"),
    [
        (1, "dN....", "guard test"),
        (2, "dddN..", "guard publish"),
        (3, "ddddN.", COMMANDS[4]),
        (4, "dddddN", COMMANDS[5]),
    ],
)
def test_one_after_the_other(done: int, expected: str, command: str) -> None:
    whole, facts = everything(), nothing()
    for field in FIELDS[:done]:
        facts = facts._replace(**{field: getattr(whole, field)})
    assert states(facts) == expected
    assert next_command(steps(facts)) == command


def test_what_was_pushed_too_early_is_done_and_what_was_left_out_comes_next() -> None:
    facts = everything()._replace(image=NO_IMAGE)
    assert states(facts) == "dddNdd"
    assert states(everything()._replace(dependency=thentos(Reach.ABSENT))) == "Nddddd"


def test_others_see_the_pushes_and_the_image() -> None:
    assert [kind in SEEN_BY_OTHERS for kind in Kind] == [True, False, False, True, True, True]


def test_a_branch_that_went_on_has_it() -> None:
    facts = everything()._replace(consumer=aula(Reach.AHEAD_THERE, OTHER))
    assert states(facts) == "dddddd"


def test_no_gitlink_leaves_nothing_to_push() -> None:
    facts = nothing()._replace(dependency=None, consumer=None)
    assert states(facts) == "dN..d."
    assert steps(facts)[0].reason == "there is no gitlink: thentos comes from elsewhere"


def test_what_speaks_against_the_combination_blocks_everything() -> None:
    fault = Finding("release-tag", Severity.ERROR, "thentos is no release", remedy="guard align")
    facts = nothing()._replace(faults=(fault,))
    first, *others = steps(facts)
    assert states(facts) == "B....."
    assert (first.reason, first.remedy) == ("release-tag: thentos is no release", "guard align")
    assert not first.undecided
    assert {step.after for step in others} == {1}
    assert next_command(steps(facts)) == "guard align"
    missing = fault._replace(severity=Severity.UNDECIDED, missing=("commit 1",))
    assert steps(facts._replace(faults=(missing,)))[0].undecided


@pytest.mark.parametrize(
    ("tested", "expected", "reason", "remedy"),
    [
        (
            WasTested(VerdictState.FAILED_TEST, detail="exit status 1", verdict="12-34"),
            "ddB...",
            "its tests fail: exit status 1 (verdict 12-34)",
            "guard log 12-34",
        ),
        (
            WasTested(VerdictState.FAILED_BUILD, detail="step 3", verdict="12-34"),
            "dB....",
            "it does not build: step 3 (verdict 12-34)",
            "guard log 12-34",
        ),
        (
            WasTested(VerdictState.NO_COMMAND),
            "dB....",
            "no test command is set, so nothing can have passed",
            "guard init",
        ),
        (
            WasTested(VerdictState.UNREADABLE, detail="damaged"),
            "dB....",
            "damaged",
            "guard test --again",
        ),
        (Unknown("aula is missing", "git fetch"), "dBB...", "aula is missing", "git fetch"),
    ],
)
def test_verdicts(tested: WasTested | Unknown, expected: str, reason: str, remedy: str) -> None:
    facts = nothing()._replace(dependency=thentos(Reach.SAME), tested=tested)
    step = pending(steps(facts))
    assert states(facts) == expected
    assert step is not None and (step.reason, step.remedy) == (reason, remedy)
    undecided = isinstance(tested, Unknown) or tested.state is VerdictState.UNREADABLE
    assert step.undecided is undecided
    assert next_command(steps(facts)) == remedy


def test_somebody_else_pushed_first() -> None:
    facts = nothing()._replace(consumer=aula(Reach.APART, OTHER))
    step = steps(facts)[4]
    assert states(facts) == "....B."
    assert step.reason == (
        "somebody else pushed to aula first: master of origin is at eeeeeeeeeeee, which does not "
        "lead to aaaaaaaaaaaa, nor aaaaaaaaaaaa to it"
    )
    # The new commit is another gitlink.
    assert step.remedy == (
        "git -C /w/top/aula fetch origin && git -C /w/top/aula rebase origin/master && "
        "git -C /w/top add aula"
    )
    assert next_command(steps(facts)) == step.remedy


def test_nothing_is_begun_that_cannot_be_ended() -> None:
    facts = nothing()._replace(superproject=docker(Reach.LACKING, trouble=NO_HOOK))
    found = steps(facts)
    assert states(facts) == ".....B"
    assert found[0].reason == "step 6 is in the way"
    assert found[1].reason == "after step 1"
    assert next_command(found) == "guard install"


def test_what_is_there_needs_no_hook_any_more() -> None:
    facts = everything()._replace(consumer=aula(Reach.SAME, trouble=NO_HOOK))
    assert states(facts) == "dddddd"


def test_what_nobody_can_tell_is_said_to_be_so() -> None:
    facts = nothing()._replace(consumer=OFFLINE)
    found = steps(facts)
    assert states(facts) == "....B."
    assert found[4].undecided and not found[0].undecided
    assert next_command(found) == "git -C aula fetch origin"
    down = Trouble("the registry does not answer", "look whether it runs", undecided=True)
    assert states(everything()._replace(image=down)) == "dddBdd"


def test_a_tag_in_the_registry_that_means_another_image() -> None:
    image = PublishedImage(Published.OTHER, "registry/aula:one", "sha256:2")
    facts = everything()._replace(image=image)
    step = pending(steps(facts))
    assert step is not None and states(facts) == "dddBdd"
    assert step.reason == "registry/aula:one means another image in the registry: sha256:2"


def test_an_image_that_the_registry_lost_is_pushed_again() -> None:
    image = PublishedImage(Published.GONE, "registry/aula:one", "sha256:1")
    assert states(everything()._replace(image=image)) == "dddNdd"


MESSAGE = "Release it's"


@pytest.mark.parametrize("reach", [Reach.SAME, Reach.LACKING, Reach.ABSENT])
def test_what_is_staged_is_committed_first(reach: Reach) -> None:
    facts = everything()._replace(superproject=docker(reach), staged=True, message=MESSAGE)
    assert states(facts) == "dddddN"
    assert steps(facts)[5].typed == (
        "git -C /w/top commit -m 'Release it'\"'\"'s'\n"
        "git -C /w/top push origin HEAD:refs/heads/master"
    )
    assert next_command(steps(facts)) == "git -C /w/top commit -m 'Release it'\"'\"'s'"


def test_nothing_is_committed_on_top_of_what_is_behind() -> None:
    facts = everything()._replace(superproject=docker(Reach.AHEAD_THERE, OTHER), staged=True)
    step = steps(facts)[5]
    assert states(facts) == "dddddB"
    assert step.reason == (
        "aula-docker is behind origin/master, which is at eeeeeeeeeeee, and something is staged"
    )
    # A pull or a rebase takes back what is staged of a submodule.
    alone = "--no-recurse-submodules"
    rebased = f"git -C /w/top fetch {alone} origin && git -C /w/top rebase origin/master"
    assert step.remedy == f"git -C /w/top commit -m '' && {rebased}"
    apart = facts._replace(superproject=docker(Reach.APART, OTHER), message="Take it")
    assert steps(apart)[5].remedy == f"git -C /w/top commit -m 'Take it' && {rebased}"
    committed = apart._replace(staged=False)
    assert steps(committed)[5].remedy == rebased
    no_hook = facts._replace(superproject=docker(Reach.SAME, trouble=NO_HOOK))
    assert steps(no_hook)[5].remedy == "guard install"


@pytest.mark.parametrize("state", [PublicationState.NO_REMOTE, PublicationState.NO_URL])
def test_where_something_would_go_is_not_known(state: PublicationState) -> None:
    """What the rule `published` says of the gitlink is in the way, with its remedy."""
    link = Publication("aula", AULA, state, "../aula.git", remedy="git -C aula remote --verbose")
    for facts, number in (
        (nothing()._replace(consumer=link), 5),
        (nothing()._replace(dependency=link), 1),
    ):
        step = steps(facts)[number - 1]
        assert (step.state, step.after) == (StepState.BLOCKED, 0)
        assert ".gitmodules names" in step.reason
        assert step.remedy == "git -C aula remote --verbose"
        assert step.undecided is (state is PublicationState.NO_REMOTE)


def test_what_lies_in_the_way_of_a_rebase_is_a_persons() -> None:
    behind = docker(Reach.AHEAD_THERE, OTHER)._replace(rebase_obstacle="README")
    for facts, number in (
        (everything()._replace(superproject=behind, staged=True), 6),
        (everything()._replace(superproject=behind._replace(reach=Reach.APART)), 6),
        (nothing()._replace(consumer=aula(Reach.APART, OTHER)._replace(rebase_obstacle="x")), 5),
    ):
        step = steps(facts)[number - 1]
        assert step.is_persons and "commit or move away first, in aula" in step.reason
        assert step.remedy.endswith(" status --ignored")


def test_where_nothing_says_where_the_superproject_is_pushed_no_relative_url_counts() -> None:
    nowhere = Trouble("aula-docker has no remote to push to", "git remote add origin URL")
    link = Publication("thentos", AULA, PublicationState.NO_REMOTE, "../thentos.git")
    first = steps(nothing()._replace(dependency=link, superproject=nowhere))[0]
    assert first.reason == "aula-docker has no remote to push to"


def test_releases_of_others_come_before_align() -> None:
    fault = Finding("release-tag", Severity.ERROR, "thentos is no release", remedy="guard align")
    facts = nothing()._replace(faults=(fault,), new_tags=Command(("git", "fetch"), TOP))
    assert next_command(steps(facts)) == "git -C /w/top fetch"


def at() -> Checkouts:
    return Checkouts(TOP)


def next_of(facts: ReleaseFacts, refused: Pushes = Pushes()) -> Next:  # noqa: B008
    return following(facts, at(), "", refused)


@pytest.mark.parametrize(
    ("remedy", "is_command"),
    [
        ("guard align", True),
        ("git -C 'a b' push origin master", True),
        ("git -C aula remote add upstream /x && git -C aula fetch upstream", True),
        ("git -C aula remote --verbose", False),
        ("git --git-dir=/x ls-remote origin", False),
        ("git -C aula log --oneline", False),
        ("guard log 12-34", False),
        ("guard check", False),
        ("git remote add origin <url>", False),
        ("release thentos in a version that fits", False),
        ("", False),
    ],
)
def test_what_only_shows_or_tells_is_a_persons(remedy: str, is_command: bool) -> None:
    fault = Finding("release-tag", Severity.ERROR, "thentos is no release", remedy=remedy)
    text = next_of(nothing()._replace(faults=(fault,))).text
    expected = f"you: release-tag: thentos is no release: {remedy or 'guard check'}"
    assert text == (remedy if is_command else expected)


def test_what_a_remote_has_is_asked_where_something_goes_there() -> None:
    assert next_of(nothing()).depends
    assert not next_of(nothing()._replace(dependency=thentos(Reach.SAME))).depends
    assert next_of(everything()._replace(superproject=docker(Reach.LACKING))).depends
    assert next_of(everything()) == Next()


def test_what_arrived_without_git_knowing_it_is_fetched() -> None:
    stale = everything()._replace(
        consumer=aula(Reach.SAME)._replace(stale="origin"), superproject=docker(Reach.LACKING)
    )
    assert next_of(stale).text == "git -C /w/top/aula fetch origin"


def test_a_push_that_the_hook_would_refuse_is_not_next() -> None:
    finding = Finding("published", Severity.ERROR, "it does not go with it", remedy="git fetch")
    for repository, commit, facts in (
        ("aula-docker", DOCKER, everything()._replace(superproject=docker(Reach.LACKING))),
        ("aula", AULA, everything()._replace(consumer=aula(Reach.LACKING))),
    ):
        no = Decision(
            repository, commit, None, Outcome.BLOCKED, None, (), (), None, (finding,), "", None
        )
        refused = Pushes(no if repository == "aula-docker" else None, no)
        assert next_of(facts, refused).text == "you: it does not go with it: git fetch"
        other = no._replace(commit=OTHER)
        assert next_of(facts, Pushes(other, other)).text.startswith("git -C /w/top")


RANGE = "thentos-core >=0.3 && <0.4"


def before(tag: str = "v0.3.0", asked: str = RANGE, now: Pin | None = None) -> Before:
    """What others have: a release, and an aula that asks for a range of it."""
    pin = a_pin(tags=[tag])._replace(commit="0" * 40)
    return Before(pin, gathered(aula_cabal(asked), pin=now), "origin/master")


def found(
    old: str, new: str, asked: str = RANGE, versions: Mapping[str, str | None] | None = None
) -> Order:
    number = new.removeprefix("v")
    pin = a_pin({"thentos-core": number} if versions is None else versions, tags=[new])
    return order(before(old, asked, pin))


@pytest.mark.parametrize(
    ("old", "new"), [("v0.3.0", "v0.3.1"), ("v0.3", "v0.3.0"), ("v0.3.9", "v0.3.10")]
)
def test_a_compatible_release_may_go_whenever(old: str, new: str) -> None:
    told = found(old, new)
    assert told.matters is False
    assert told.why == (
        f"{new} after {old} is a compatible change by its number (PVP), and aula at "
        "origin/master admits it",
    )
    assert [(item.path, item.line, item.text) for item in told.evidence] == [
        ("aula.cabal", 9, RANGE)
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("v0.3.0", "v0.4.0"), ("v0.3.0", "v1.3.0"), ("v0.3.1", "v0.3.0"), ("v1", "v2")]
)
def test_a_number_that_promises_nothing(old: str, new: str) -> None:
    told = found(old, new, "thentos-core >=0")
    assert told.matters is True
    assert told.why == (f"{new} after {old} is no compatible change by its number (PVP)",)


def test_a_range_that_does_not_admit_it() -> None:
    told = found("v0.3.0", "v0.3.1", "thentos-core ==0.3.0")
    assert told.matters is True
    assert told.why == (
        "aula at origin/master asks for thentos-core ==0.3.0 (aula.cabal:9); in v0.3.1 it is 0.3.1",
    )


def test_both_reasons_and_a_package_that_is_gone() -> None:
    told = found("v0.3.0", "v0.4.0", versions={})
    assert told.matters is True
    assert told.why == (
        "v0.4.0 after v0.3.0 is no compatible change by its number (PVP)",
        "aula at origin/master asks for thentos-core >=0.3 && <0.4 (aula.cabal:9); "
        "in v0.4.0 it is not in it",
    )


def test_what_comes_from_hackage_is_not_asked_for() -> None:
    files = {**aula_cabal("thentos-core ==0.3.0"), "stack.yaml": "extra-deps: [thentos-core-0.3.0]"}
    now = a_pin({"thentos-core": "0.3.1"}, tags=["v0.3.1"])
    old = before()._replace(facts=gathered(files, pin=now))
    assert order(old).matters is False


def test_the_same_commit_is_no_change() -> None:
    now = a_pin()._replace(commit="0" * 40)
    assert order(before(now=now)) == Order(False, ("thentos stays at v0.3.0",))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("v0.3.0", "v0.3.1-rc1", "is pinned now is the pre-release v0.3.1-rc1"),
        ("v0.3.1rc1", "v0.3.1", "was pinned before is the pre-release v0.3.1rc1"),
    ],
)
def test_a_pre_release_promises_nothing(old: str, new: str, why: str) -> None:
    told = found(old, new, versions={"thentos-core": "0.3.1"})
    assert told.matters is True
    assert told.why == (f"the thentos that {why}, so nothing is promised",)


def test_no_release_promises_nothing() -> None:
    now = a_pin(tags=())
    assert order(before(now=now)).why == (
        "the thentos that is pinned now is no release, so nothing is promised",
    )
    old = before()._replace(pin=a_pin(tags=())._replace(commit="0" * 40))
    assert order(old).why == (
        "the thentos that was pinned before is no release, so nothing is promised",
    )


def test_what_cannot_be_told() -> None:
    unread = Unknown("origin has no branch yet")
    assert order(unread) == Order(None, ("origin has no branch yet",))
    none = before()._replace(facts=gathered(no_pin=True))
    assert order(none) == Order(None, ("there is no gitlink for thentos",))
    missing = before()._replace(facts=gathered(pin=Unknown("thentos is missing")))
    assert order(missing) == Order(None, ("thentos is missing",))
    old = before()._replace(facts=gathered(consumer=Unknown("aula is missing")))
    assert order(old) == Order(None, ("aula is missing",))
