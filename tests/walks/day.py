"""A day in a team of two: what they may do, one operation after the other, all of it real.

The colleague releases and pushes; the developer works and then goes along `next:`. An operation
that git or guard refuses changes nothing, or leaves what it leaves, as it does for people.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from tests.walks.team import NAMES, Developer, Team
from tests.walks.tested import BROKEN
from tests.walks.walker import LostBranchError, Step, Walker, put_guard_into
from tests.workshop import Repo, Workshop, cabal, lasting_folder

# `guard test` is all of it but the engine.
_GUARD: Final = """\
#!/bin/sh
if [ "$1" = test ]; then
    shift
    PYTHONPATH="{tests}" exec "{python}" -m tests.walks.tested "$@"
fi
exec "{python}" -I -m guard "$@"
"""
_CONFLICT: Final = "CONFLICT ("
_TESTS: Final = Path(__file__).parents[2]
_FEATURE: Final = "feature"


class Day:
    """The repositories of the team, and the checkouts in which its developer works just now."""

    def __init__(self) -> None:
        prepared = _prepared()
        # Always in the same place, so that no path in it has to be changed.
        root = prepared.team.root
        shutil.rmtree(root)
        shutil.copytree(prepared.copy, root, symlinks=True)
        self.team, self.colleague = prepared.team, prepared.team.colleague
        self.desk = root / "desk"
        top = self.desk / "aula-docker"
        self.docker, self.aula, self.thentos = Repo(top), Repo(top / "aula"), Repo(top / "thentos")
        self._version = 3
        self._change = 0

    def do(self, operations: Iterable[str]) -> None:
        """Do what is called so, in order."""
        for name in operations:
            if name.startswith("their_"):
                self._colleague_merges()
            OPERATIONS[name](self)

    def walker(self, place: str) -> DayWalker:
        """The developer goes along `next:` from one of the checkouts."""
        main = self.desk / "aula-docker"
        tops = (main, self.desk / "beside")
        folders = [top / below for top in tops for below in ("", "aula", "thentos")]
        folders.append(self.desk / "aula")
        checkouts = [Repo(folder) for folder in folders if (folder / ".git").exists()]
        remotes = [self.team.remote(name) for name in NAMES]
        at = {"docker": self.docker, "aula": self.aula, "thentos": self.thentos}[place]
        if not (at.folder / ".git").exists():
            at = self.docker
        return DayWalker(at, checkouts, remotes, self._tools, ("test",))

    # What the colleague does; all of it is pushed.

    def their_release(self) -> None:
        """A release of thentos that nobody has taken."""
        self._version += 1
        self.colleague.release(f"0.{self._version}.0")
        self.colleague.thentos.git("push", "--quiet", "--tags", "origin", "HEAD:master")

    def their_take(self) -> None:
        """A release of thentos, with an aula that asks for it, in aula-docker."""
        self._version += 1
        self.team.release(f"0.{self._version}.0", self._newest)

    def their_aula(self) -> None:
        """A commit of aula that aula-docker has not."""
        self.colleague.aula.commit("Go on with aula", {"theirs": self._new()})
        self.colleague.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")

    def their_unpushed_aula(self) -> None:
        """A commit of aula in aula-docker that nobody else has; the colleague has no hook."""
        self.colleague.aula.commit("Go on with aula", {"theirs": self._new()})
        self.colleague.pin("Take what is not pushed")
        self.colleague.docker.git("push", "--quiet", "origin", "HEAD:master")

    def their_docker(self) -> None:
        """A commit of aula-docker, with whatever the colleague has of the others."""
        self.colleague.docker.write({"theirs": self._new()})
        self.colleague.docker.git("add", "theirs")
        self.colleague.pin("Go on with aula-docker")
        self.team.share()

    def their_verdict(self) -> None:
        """Aula-docker as the colleague has it has passed, and the team is told."""
        self.colleague.verdict()
        self.colleague.guard("sync")

    # What the developer does.

    def bound(self) -> None:
        """Ask for the newest release that the team has."""
        self.aula.write({"aula.cabal": cabal("aula", "0.1", f"thentos-core {self._newest}")})

    def bound_too_new(self) -> None:
        """Ask for a release that nobody has made."""
        self.aula.write({"aula.cabal": cabal("aula", "0.1", "thentos-core >=9")})

    def edit_aula(self) -> None:
        self.aula.write({"test.sh": f"echo {self._new()}"})

    def edit_docker(self) -> None:
        self.docker.write({"Dockerfile": f"FROM localhost/base\nCOPY . /liqd/\n# {self._new()}"})

    def edit_thentos(self) -> None:
        self.thentos.write({"README.md": self._new()})

    def new_file_in_aula(self) -> None:
        self.aula.write({f"src/New{self._change}.hs": self._new()})

    def break_aula(self) -> None:
        """With this, the tests fail."""
        self.aula.write({BROKEN: "not to be committed\n"})

    def commit_aula(self) -> None:
        self._try(self.aula, "add", "--all")
        self._try(self.aula, "commit", "-m", "Go on with aula")

    def commit_thentos(self) -> None:
        """A commit that is in no release."""
        self.thentos.write({"api": self._new()})
        self._try(self.thentos, "add", "--all")
        self._try(self.thentos, "commit", "-m", "Go on with thentos")

    def commit_docker(self) -> None:
        """What is staged."""
        self._try(self.docker, "commit", "-m", "Go on with aula-docker")

    def commit_all(self) -> None:
        """With the commits that are checked out in the submodules."""
        self._try(self.docker, "commit", "--all", "-m", "Go on with all of it")

    def stage_docker(self) -> None:
        self._try(self.docker, "add", "Dockerfile")

    def stage_aula(self) -> None:
        self._try(self.docker, "add", "aula")

    def stage_thentos(self) -> None:
        self._try(self.docker, "add", "thentos")

    def release(self) -> None:
        """A release of thentos of the developer's own, that is pushed."""
        self._try(self.thentos, "push", "--no-verify", "origin", self._tagged())

    def release_here(self) -> None:
        """A tag at what is checked out in thentos, that is not pushed."""
        self._version += 1
        self._try(self.thentos, "tag", f"v0.{self._version}.0")

    def newest_thentos(self) -> None:
        """Check out the newest release that is here."""
        tags = self.thentos.git("tag", "--sort=-creatordate", "--sort=-v:refname").splitlines()
        self._try(self.thentos, "checkout", tags[0])

    def unreleased_thentos(self) -> None:
        """Check out what the remote was last seen to have."""
        self._try(self.thentos, "checkout", "origin/master")

    def pull_docker(self) -> None:
        self._try(self.docker, "pull", "--no-rebase", "--no-edit")

    def pull_docker_by_rebase(self) -> None:
        self._try(self.docker, "pull", "--rebase")

    def pull_aula(self) -> None:
        self._try(self.aula, "pull", "--no-rebase", "--no-edit")

    def fetch_docker(self) -> None:
        self._try(self.docker, "fetch")

    def fetch_aula(self) -> None:
        self._try(self.aula, "fetch")

    def fetch_thentos(self) -> None:
        self._try(self.thentos, "fetch", "--tags")

    def update(self) -> None:
        """This leaves the branches of the submodules."""
        self._try(self.docker, "submodule", "update")

    def branch_docker(self) -> None:
        self._try(self.docker, "switch", "--create", _FEATURE)

    def branch_aula(self) -> None:
        self._try(self.aula, "switch", "--create", _FEATURE)

    def switch_docker(self) -> None:
        """From the feature branch to the default one, or back."""
        self._switch(self.docker)

    def switch_aula(self) -> None:
        self._switch(self.aula)

    def push_docker(self) -> None:
        """Past the hook, which would ask for a verdict."""
        self._try(self.docker, "push", "--no-verify", "origin", "HEAD")

    def push_aula(self) -> None:
        self._try(self.aula, "push", "--no-verify", "origin", "HEAD")

    def push_docker_by_the_hook(self) -> None:
        self._try(self.docker, "push", "origin", "HEAD")

    def push_aula_by_the_hook(self) -> None:
        self._try(self.aula, "push", "origin", "HEAD")

    def stash_docker(self) -> None:
        self._try(self.docker, "stash", "--include-untracked")

    def stash_aula(self) -> None:
        self._try(self.aula, "stash", "--include-untracked")

    def sync(self) -> None:
        self._guard("sync")

    def passes(self) -> None:
        """What is staged is tested; whether it passes lies in aula."""
        self._guard("test")

    def fails(self) -> None:
        """What is staged is tested, and fails whatever is in it."""
        self._guard("test", TESTS_FAIL="1")

    def worktree(self) -> None:
        """Go on in a linked worktree of aula-docker on a branch of its own; from there, back."""
        beside = self.desk / "beside"
        if self.docker.folder == beside:
            return self._go_to(self.desk / "aula-docker")
        if not beside.exists():
            self._try(self.docker, "worktree", "add", "-b", "beside", str(beside))
            self._try(Repo(beside), "submodule", "update", "--init")
            self._try(Repo(beside / "aula"), "switch", "master")
        return self._go_to(beside)

    def sibling(self) -> None:
        """Go on with aula in a clone beside aula-docker; from there, back."""
        beside = self.desk / "aula"
        if self.aula.folder == beside:
            return self._go_to(self.docker.folder)
        if not beside.exists():
            self._try(Repo(self.desk), "clone", str(self.team.remote("aula").folder), "aula")
        self.aula = Repo(beside)
        return None

    def sibling_alone(self) -> None:
        """As `sibling`, where aula-docker has no checkout of aula any more."""
        self.sibling()
        if self.aula.folder == self.desk / "aula":
            self._try(self.docker, "submodule", "deinit", "aula")

    def _colleague_merges(self) -> None:
        """The colleague goes on from what the developer pushed; where both moved, in their way."""
        for at in (self.colleague.thentos, self.colleague.aula, self.colleague.docker):
            self._try(at, "fetch", "origin")
            self._try(at, "merge", "--ff-only", "origin/master")
            self._try(at, "merge", "--no-edit", "--strategy=ours", "origin/master")

    def _go_to(self, top: Path) -> None:
        self.docker, self.aula, self.thentos = Repo(top), Repo(top / "aula"), Repo(top / "thentos")

    def _switch(self, at: Repo) -> None:
        is_default = at.git("branch", "--show-current") == "master"
        self._try(at, "switch", _FEATURE if is_default else "master")

    def _tagged(self) -> str:
        """The tag of a new release of thentos, which is here alone."""
        self._version += 1
        version = f"0.{self._version}.0"
        self.thentos.write(self.colleague.thentos_files(version))
        self._try(self.thentos, "add", "--all")
        self._try(self.thentos, "commit", "-m", f"Release {version}")
        self._try(self.thentos, "tag", f"v{version}")
        return f"v{version}"

    @property
    def _newest(self) -> str:
        return f">=0.{self._version} && <0.{self._version + 1}"

    @property
    def _tools(self) -> Path:
        return self.team.root / "bin"

    def _new(self) -> str:
        """What was in no file before."""
        self._change += 1
        return f"change {self._change}\n"

    def _try(self, at: Repo, *words: str) -> None:
        if (at.folder / ".git").exists() or at.folder == self.desk:
            command = ["git", *words]
            env = {**os.environ, "GIT_EDITOR": "true"}
            subprocess.run(command, cwd=at.folder, env=env, capture_output=True, check=False)

    def _guard(self, *words: str, **more: str) -> None:
        command = [str(self._tools / "guard"), *words]
        env = {**os.environ, **more}
        subprocess.run(command, cwd=self.docker.folder, env=env, capture_output=True, check=False)


class DayWalker(Walker):
    """One who goes on where a command fails for a reason that guard cannot know beforehand.

    Tests may fail, a rebase may meet a conflict: what `next:` is then names a person.
    """

    def ends_well(self, day: Day) -> None:
        """Hold that others have what was committed, or that a person is really needed.

        Raises:
            DeadEndError: they have not, or nobody is.
        """
        if "in a version that fits" in self.told:
            made = set(day.team.remote("thentos").git("tag").splitlines())
            self.reaches(made <= set(day.thentos.git("tag").splitlines()), "no release is missing")
        if self.told.startswith("you: "):
            return
        staged = day.docker.git("diff", "--cached", "--name-only")
        self.reaches(not staged, f"nothing is staged ({staged})")
        commits = [("aula-docker", day.docker.head)]
        for line in day.docker.git("ls-tree", "HEAD", "aula", "thentos").splitlines():
            entry, name = line.split("\t")
            commits.append((name, entry.split()[2]))
        if (day.aula.folder / ".git").exists():
            commits.append(("aula", day.aula.head))
        for name, commit in commits:
            there = day.team.remote(name).git("rev-list", "--all").splitlines()
            self.reaches(commit in there, f"{commit} of {name} is pushed")

    def _step(self, command: str) -> None:
        try:
            super()._step(command)
        except LostBranchError:
            # A rebase that meets a conflict stands beside its branch until that is resolved.
            if not self._is_conflict(self.steps[-1]):
                raise

    def _is_conflict(self, ran: Step) -> bool:
        return _CONFLICT in ran.text and self.next().startswith("you: ")

    def _may_fail(self, ran: Step) -> bool:
        if ran.command.startswith("guard test"):
            return "failed at test" in ran.text
        return self._is_conflict(ran)


class _Prepared(NamedTuple):
    """A team in its place, and a copy of it as it was at the beginning."""

    copy: Path
    team: Team


@cache
def _prepared() -> _Prepared:
    folder = lasting_folder()
    team = Team(Workshop(folder / "day"), "localhost/base")
    Developer(team)
    put_guard_into(team.root / "bin", _GUARD.format(tests=_TESTS, python=sys.executable))
    shutil.copytree(team.root, folder / "copy", symlinks=True)
    return _Prepared(folder / "copy", team)


def _operations() -> dict[str, Callable[[Day], None]]:
    public = {name: each for name, each in vars(Day).items() if not name.startswith("_")}
    return {name: each for name, each in public.items() if name not in ("do", "walker")}


OPERATIONS: Final[Mapping[str, Callable[[Day], None]]] = MappingProxyType(_operations())
PLACES: Final = ("docker", "aula", "thentos")
