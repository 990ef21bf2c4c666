"""What the hook allows one developer, a fresh clone allows everybody.

Days of two developers, both with the hook, made by chance (`tests.walks.day`). After each push of
aula-docker that the hook let through, the verdicts are shared, and a new clone is asked what it
says of that push: nothing that is in one clone alone (a tag, a branch, an index, an answer that was
kept) may have let it through. ``DAY="push_tag push"`` lives through one day alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.walks.day import OPERATIONS, Day
from tests.workshop import Ran, Repo

EXAMPLES = int(os.environ.get("AGREEMENTS", "36"))
SEED = int(os.environ.get("SEED", "1"))
DAY = os.environ.get("DAY", "edit_aula commit_aula push_aula stage_aula commit_docker passes push")
_EACH = 12


class Push(NamedTuple):
    """A push of one ref of aula-docker that the hook let through."""

    ref: str
    old: str
    new: str


class DisagreementError(AssertionError):
    """A fresh clone would not have let a push through."""


class Shared(Day):
    """A day in which the colleague has the hook as well."""

    def __init__(self) -> None:
        super().__init__()
        ran = self.colleague.guard("install")
        assert ran.status == 0, ran.text
        self.docker.git("fetch", "--quiet", "--all")
        self.pushes: list[Push] = []

    def live(self, day: str) -> None:
        """Do what is called so, in order."""
        for name in day.split():
            if name in PUSHES:
                PUSHES[name](self)
            else:
                self.do([name])

    def push(self) -> None:
        """What is checked out, to the branch of its name."""
        branch = self.docker.git("branch", "--show-current") or "master"
        self._push(self.docker, f"refs/heads/{branch}")

    def push_by_force(self) -> None:
        branch = self.docker.git("branch", "--show-current") or "master"
        self._push(self.docker, f"+refs/heads/{branch}")

    def push_to_feature(self) -> None:
        self._push(self.docker, "refs/heads/feature")

    def push_tag(self) -> None:
        self._change += 1
        self._push(self.docker, f"refs/tags/build-{self._change}")

    def push_for_review(self) -> None:
        self._push(self.docker, "refs/for/master")

    def their_push(self) -> None:
        """The colleague's, as it stands, with verdicts of the colleague's own."""
        self._push(self.colleague.docker, "refs/heads/master")

    def their_tested_push(self) -> None:
        self._try(self.colleague.docker, "commit", "--all", "--allow-empty", "-m", "Go on")
        self.colleague.verdict()
        self._push(self.colleague.docker, "refs/heads/master")

    # What makes pushes that must not go through.

    def step_back_aula(self) -> None:
        """A stale checkout of aula, and all of it committed."""
        self._try(self.aula, "checkout", "--detach", "HEAD~1")
        self.commit_all()

    def step_back_thentos(self) -> None:
        """The release before, wherever that is."""
        self._try(self.thentos, "checkout", "--detach", "v0.2.1")
        self.commit_all()

    def step_back_docker(self) -> None:
        """The commit before, with its submodules."""
        self._try(self.docker, "reset", "--hard", "HEAD~1")
        self._try(self.docker, "submodule", "update", "--force")

    def amend(self) -> None:
        self._try(self.docker, "commit", "--all", "--amend", "--allow-empty", "-m", "Anew")

    def tag_moved_here(self) -> None:
        """A release tag at another commit than its remote has it at."""
        self.thentos.write({"api": self._new()})
        self._try(self.thentos, "add", "--all")
        self._try(self.thentos, "commit", "-m", "Go on with thentos")
        self._try(self.thentos, "push", "--no-verify", "origin", "HEAD:refs/heads/wip")
        self._try(self.thentos, "tag", "--force", "v0.3.0")

    def tag_only_here(self) -> None:
        """A release whose branch is pushed, and whose tag is not."""
        self._tagged()
        self._try(self.thentos, "push", "--no-verify", "origin", "HEAD:refs/heads/wip")

    def loosen(self) -> None:
        """Settings that ask for less."""
        text = (self.docker.folder / ".guard.toml").read_text()
        self.docker.write({".guard.toml": f"{text}\n[guard]\ntested = []\n"})
        self._try(self.docker, "commit", "-m", "Test nothing", ".guard.toml")

    def another_test(self) -> None:
        """Settings that test less."""
        text = (self.docker.folder / ".guard.toml").read_text()
        self.docker.write({".guard.toml": text.replace("/liqd/aula/test.sh", "-c")})
        self._try(self.docker, "commit", "-m", "Test something else", ".guard.toml")

    @property
    def _remote(self) -> Repo:
        return self.team.remote("aula-docker")

    def _push(self, at: Repo, to: str) -> None:
        """Push HEAD by the hook, and hold what came of it against a fresh clone."""
        ref = to.lstrip("+")
        old = self._remote.git("for-each-ref", "--format=%(objectname)", ref)
        self._try(at, "push", "origin", f"{'+' if ref != to else ''}HEAD:{ref}")
        new = self._remote.git("for-each-ref", "--format=%(objectname)", ref)
        if new != old:
            push = Push(ref, old or "0" * len(new), new)
            self.pushes.append(push)
            self._agrees(at, push)

    def _agrees(self, at: Repo, push: Push) -> None:
        self._run(at, "guard", "sync")
        fresh = Path(self.team.root / "fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        url = str(self._remote.folder)
        cloned = self._run(Repo(self.team.root), "git", "clone", "--quiet", url, "fresh")
        for words in (
            ["git", "fetch", "--quiet", "origin", push.ref],
            ["git", "checkout", "--quiet", push.new],
            ["git", "submodule", "--quiet", "update", "--init"],
            ["git", "config", "guard.trust", "all"],
            ["guard", "sync"],
            ["guard", "check", "--for", push.ref, "--from", push.old, push.new],
        ):
            if cloned.status == 0:
                cloned = self._run(Repo(fresh), *words)
        if cloned.status != 0:
            raise DisagreementError(f"the hook let {push} through; a fresh clone: {cloned.text}")

    def _run(self, at: Repo, *words: str) -> Ran:
        if words[0] == "guard":
            return self.colleague.guard(*words[1:], at=at)
        return self.colleague.run(words, at)


def _named() -> dict[str, Callable[[Shared], None]]:
    public = {name: each for name, each in vars(Shared).items() if not name.startswith("_")}
    return {name: each for name, each in public.items() if name != "live"}


PUSHES: Final[Mapping[str, Callable[[Shared], None]]] = MappingProxyType(_named())

# What leads to a push that goes through, and what goes wrong on the way.
_HABITS: Final = (
    "passes push",
    "passes push_to_feature",
    "commit_all passes push",
    "commit_all passes push_by_force",
    "edit_docker stage_docker commit_docker passes push",
    "edit_aula commit_aula push_aula stage_aula commit_docker passes push",
    "bound commit_aula push_aula stage_aula newest_thentos stage_thentos commit_docker passes push",
    "their_release fetch_thentos newest_thentos bound commit_aula push_aula commit_all passes push",
    "their_take pull_docker update passes push",
    "their_aula pull_aula commit_all passes push",
    "step_back_aula passes push",
    "step_back_aula passes push_to_feature",
    "step_back_thentos passes push",
    "step_back_docker passes push_by_force",
    "tag_only_here commit_all passes push",
    "tag_moved_here commit_all passes push",
    "another_test passes push",
    "loosen push",
    "branch_docker commit_all passes push switch_docker",
    "branch_docker branch_aula edit_aula commit_aula push_aula commit_all passes push",
    "push_tag push_for_review",
    "their_tested_push pull_docker",
)


def days() -> st.SearchStrategy[str]:
    """What the two do, pushes among it."""
    single = st.sampled_from(sorted([*PUSHES, *OPERATIONS]))
    # Nothing was ever tested in the beginning, and little goes through where more is done.
    start = st.sampled_from(_HABITS[:6])
    rest = st.lists(st.one_of(st.sampled_from(_HABITS), single), max_size=4)
    return st.builds(lambda first, others: " ".join((first, *others)), start, rest)


@pytest.mark.parametrize("number", range(SEED, SEED - (-EXAMPLES // _EACH)))
def test_what_the_hook_lets_through_a_fresh_clone_lets_through(number: int) -> None:
    went = []

    @seed(number)
    @settings(
        max_examples=_EACH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(days())
    def every(day: str) -> None:
        note(f'\nDAY="{day}"')
        shared = Shared()
        shared.live(day)
        went.extend(shared.pushes)

    every()
    assert len(went) >= _EACH // 2, "hardly anything went through, so this says little"


def test_one_day() -> None:
    shared = Shared()
    shared.live(DAY)
    print("", *shared.pushes, sep="\n")
