"""Days in a team of two made by chance, each of which ends in a walk along `next:`.

What the two did is a list of operations (`tests.walks.day`). From where the developer stands at
the end, every `next:` is pasted until there is none or a person is named. `make walk` runs more of
them, and one of them alone; CONTRIBUTING says how.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.walks.day import OPERATIONS, PLACES, Day, DayWalker

# In CI always the same ones, and so few that they take less than two minutes.
DAYS = int(os.environ.get("DAYS", "26"))
SEED = int(os.environ.get("SEED", "1"))
DAY = os.environ.get("DAY", "aula their_aula edit_aula commit_aula")
# Of one seed.
_DAYS = 13

# What people do in one go; each operation also stands alone.
HABITS = (
    "bound commit_aula",
    "edit_aula commit_aula",
    "edit_aula commit_aula stage_aula",
    "edit_aula commit_aula push_aula",
    "edit_docker stage_docker",
    "their_release fetch_thentos newest_thentos",
    "release stage_thentos",
    "their_take fetch_docker",
    "their_take pull_docker",
    "their_docker pull_docker_by_rebase",
    "their_verdict sync",
    "branch_docker branch_aula",
    "passes push_aula_by_the_hook",
    "passes push_docker_by_the_hook",
)


# Each of them once led in a circle, or to a command that fails.
MENDED = (
    "docker fails",
    "docker their_unpushed_aula pull_docker",
    "docker commit_thentos stage_thentos",
    "docker release edit_thentos",
    "docker release bound commit_aula",
    "docker bound_too_new commit_aula",
    "docker their_take pull_aula",
    "docker their_take fetch_aula edit_docker stage_docker",
    "aula edit_aula commit_aula their_aula",
    "docker sibling_alone their_unpushed_aula pull_docker",
    "docker their_unpushed_aula pull_docker their_unpushed_aula",
    "docker sibling edit_aula commit_aula",
    "docker sibling edit_aula commit_aula sibling edit_aula commit_aula",
    "docker sibling_alone their_take pull_docker",
    "aula sibling their_take pull_docker stage_thentos",
    "aula edit_aula commit_aula sibling",
)


def walked(day: str, *settings: str) -> DayWalker:
    """Live through a day and go along `next:`.

    Args:
        settings: names and values of git's, in the superproject.

    Raises:
        WalkError: that does not end well.
    """
    place, *operations = day.split()
    team = Day()
    for setting in settings:
        team.docker.git("config", *setting.split())
    team.do(operations)
    walker = team.walker(place)
    walker.walk()
    walker.ends_well(team)
    return walker


def days() -> st.SearchStrategy[str]:
    """Where the developer stands at the end, and what was done before."""
    done = st.one_of(st.sampled_from(sorted(OPERATIONS)), st.sampled_from(HABITS))
    lists = st.lists(done, min_size=1, max_size=7).map(" ".join)
    return st.builds("{} {}".format, st.sampled_from(PLACES), lists)


@pytest.mark.parametrize("number", range(SEED, SEED - (-DAYS // _DAYS)))
def test_every_day_ends_with_nothing_left_or_with_a_person(number: int) -> None:
    @seed(number)
    @settings(
        max_examples=_DAYS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(days())
    def every(day: str) -> None:
        note(f'\nmake walk SEED={number} DAYS={_DAYS}\nmake walk DAY="{day}"')
        walked(day)

    every()


def test_one_day() -> None:
    walker = walked(DAY)
    print("", *walker.steps, f"next: {walker.told}", sep="\n")


@pytest.mark.parametrize("day", MENDED)
def test_what_was_mended_stays_so(day: str) -> None:
    walked(day)


def test_a_setting_that_hides_gitlinks_from_git_commit() -> None:
    walked("docker edit_aula commit_aula", "diff.ignoreSubmodules all")


def test_what_both_have_moved_is_rebased_before_it_is_committed_and_meets_no_conflict() -> None:
    assert walked("docker edit_aula commit_aula their_take").told.startswith("nothing")
