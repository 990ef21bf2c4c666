"""`guard release` with real remotes, hooks, engine and registry."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.demo.registry import registry as loopback_registry
from tests.commands.releasing import Release
from tests.registry import Registry
from tests.workshop import COMMAND, Repo, Workshop

MASTER = "refs/heads/master"
TAG = "refs/tags/v0.4.0"
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def release(workshop: Workshop, registry: Registry, base: str) -> Iterator[Release]:
    """A release to be made, with all that it takes."""
    made = Release(workshop, registry.name, base, registry)
    yield made
    made.remove_images()


@pytest.fixture
def unbuilt(workshop: Workshop) -> Release:
    """The same for what needs neither engine nor registry."""
    return Release(workshop, f"{NOWHERE}/liqd/aula", "localhost/base")


def test_from_nothing_to_all_six(release: Release) -> None:
    aula, thentos = release.workshop.aula, release.workshop.thentos
    ran = release.release()
    release.is_done()
    first = ran.out.splitlines()
    assert (
        first[0] == f"releasing aula {aula.head[:7]} with thentos v0.4.0 in aula-docker (the index)"
    )
    assert (
        "the order matters: v0.4.0 after v0.3.0 is no compatible change by its number (PVP); aula "
        "at origin/master asks for thentos-core >=0.3 && <0.4 (aula.cabal:9); in v0.4.0 it is 0.4.0"
    ) in first
    done = [line for line in first if line[:2] in ("1 ", "2 ", "3 ", "4 ", "5 ", "6 ")]
    assert done == [
        "1 push thentos: git -C thentos push origin v0.4.0",
        "2 build the image: guard test",
        "4 push the image: guard publish",
        "5 push aula: git -C aula push origin master",
        f"6 push aula-docker: git commit -m 'Take aula {aula.head[:7]} with thentos v0.4.0'",
    ]
    assert first[-1] == "all six steps are done"
    # Every push went through the hook that there is.
    assert f"guard: aula: {aula.head[:12]} to {MASTER} allowed" in ran.err
    assert f"guard: aula-docker: {release.workshop.docker.head[:12]} to {MASTER} allowed" in ran.err
    assert thentos.git("rev-parse", "v0.4.0") == thentos.head
    again = release.release()
    assert again.out.splitlines()[-1] == "all six steps are done"
    release.is_done()


def test_a_verdict_of_a_trusted_colleague_goes_the_rest_of_the_way(release: Release) -> None:
    docker = release.workshop.docker
    release.guard("test")
    docker.git("update-ref", "refs/guard/remotes/origin/verdicts", "refs/guard/verdicts")
    docker.git("update-ref", "-d", "refs/guard/verdicts")
    docker.git("config", "guard.trust", "all")
    release.remove_images()
    assert release.states()[1:3] == ["done", "done"]
    release.release()
    release.is_done()


def test_a_team_without_a_registry_gets_to_the_end(workshop: Workshop, base: str) -> None:
    release = Release(workshop, f"{NOWHERE}/liqd/alone", base)
    stopped = release.release(status=3)
    assert "publish = false there that there is none" in stopped.err
    toml = (workshop.docker.folder / ".guard.toml").read_text()
    workshop.docker.write({".guard.toml": toml.replace("[test]", "publish = false\n[test]")})
    workshop.docker.git("add", ".guard.toml")
    ran = release.release()
    release.remove_images()
    assert "4 push the image        done      [image] publish = false" in ran.out
    assert "CI would test" not in ran.text
    assert release.arrived()[1:] == ["aula refs/heads/master", "aula-docker refs/heads/master"]
    assert release.states() == ["done"] * 6
    assert "publish = false in .guard.toml" in release.guard("publish", status=1).err


def hook_of(name: str) -> Callable[[Release], str]:
    """Killed by the remote itself, once what was pushed is there."""

    def run(release: Release) -> str:
        release.remote_hook(
            name, "post-receive", f'{release.writes(name)}\nkill -9 "$(cat {release.pid})"'
        )
        said = release.killed()
        release.remote_hook(name, "post-receive", release.writes(name))
        return said

    return run


def line(start: str) -> Callable[[Release], str]:
    """Killed as soon as it says something."""
    return lambda release: release.killed(lambda said: said.startswith(start))


@pytest.mark.parametrize(
    ("kill", "arrived"),
    [
        pytest.param(hook_of("thentos"), 1, id="1 thentos"),
        pytest.param(line("testing: "), 1, id="2 built"),
        pytest.param(line("passed: "), 1, id="3 tested"),
        pytest.param(line("published: "), 1, id="4 published"),
        pytest.param(hook_of("aula"), 2, id="5 aula"),
        pytest.param(line("committed "), 2, id="6 committed"),
        pytest.param(hook_of("aula-docker"), 3, id="6 aula-docker"),
    ],
)
def test_killed_after_each_step_and_run_again(
    release: Release, kill: Callable[[Release], str], arrived: int
) -> None:
    # So that the kill at the beginning of the test comes before its end.
    release.new_release("0.4.0", ">=0.4 && <0.5 ", test="sleep 1\n", tag=False)
    kill(release)
    assert len(release.arrived()) in (arrived, arrived + 1)
    release.release()
    release.is_done()
    verdicts = json.loads(release.guard("log", "--json", "--all").out)["verdicts"]
    assert sum(1 for verdict in verdicts if verdict["published"]) == 1


def test_somebody_else_pushes_to_aula_in_the_middle(release: Release) -> None:
    workshop = release.workshop
    other = Repo(workshop.root / "other")
    remote = workshop.root / "remotes/aula.git"
    # The very moment of the push: everything before it is done, and the remote was asked.
    release.own_hook(
        workshop.aula,
        f"[ -e {workshop.root}/once ] && exit 0\ntouch {workshop.root}/once\n"
        f"cd {other.folder} && unset $(git rev-parse --local-env-vars) && "
        f"git commit --quiet --allow-empty -m First && git push --quiet {remote} HEAD:{MASTER}",
    )
    ran = release.release(status=1)
    # What the remote says of two that come at once is another word in every git.
    assert "push aula: somebody else pushed first ([" in ran.err
    mend = "git -C aula fetch origin && git -C aula rebase origin/master && git add aula"
    assert f"to mend it: {mend}" in ran.err
    assert release.arrived() == [f"thentos {TAG}", f"aula {MASTER}"]
    assert workshop.remote_head("aula") == other.head
    again = release.release(status=1)
    assert "somebody else pushed to aula first: master of origin is at" in again.err
    assert f"to mend it: {mend}" in again.err
    assert workshop.run(["sh", "-c", mend], workshop.docker).status == 0
    release.release()
    assert release.arrived() == [
        f"thentos {TAG}",
        f"aula {MASTER}",
        f"aula {MASTER}",
        f"aula-docker {MASTER}",
    ]
    assert workshop.remote_head("aula") == workshop.aula.head
    assert release.states() == ["done"] * 6


def test_what_arrived_without_git_knowing_it_is_not_pushed_again(release: Release) -> None:
    aula = release.workshop.aula
    # As a push that was killed after it had arrived: the tracking ref stays behind.
    aula.git("push", "--quiet", "--no-verify", "../../remotes/aula.git", f"HEAD:{MASTER}")
    release.log.write_text("")
    assert aula.git("rev-parse", "origin/master") != aula.head
    ran = release.release()
    assert "  5 push aula             done      origin has" in ran.out
    assert release.arrived() == [f"thentos {TAG}", f"aula-docker {MASTER}"]
    assert aula.git("rev-parse", "origin/master") == aula.head


def test_a_test_that_fails_ends_it_and_nothing_is_pushed_after_it(release: Release) -> None:
    release.new_release("0.4.0", ">=0.4 && <0.5 ", test="echo it breaks; exit 7\n", tag=False)
    ran = release.release(status=1)
    assert "failed at test" in ran.out
    assert release.arrived() == [f"thentos {TAG}"]
    assert release.registry is not None and release.registry.tags() == []
    again = release.release(status=1)
    name = json.loads(release.guard("log", "--json").out)["verdicts"][0]["name"]
    assert "guard: step 3, test aula on it, is blocked: its tests fail" in again.err
    assert f"to mend it: guard log {name}" in again.err
    assert release.arrived() == [f"thentos {TAG}"]


def test_an_image_that_the_registry_lost_is_pushed_again_and_nothing_else(release: Release) -> None:
    release.release()
    registry = release.registry
    assert registry is not None
    (tag,) = registry.tags()
    digest = registry.digest(tag)
    registry.forget(digest)
    assert release.states() == ["done", "done", "done", "next", "done", "done"]
    release.release()
    assert registry.digest(tag) == digest
    release.is_done()


def test_a_registry_that_is_down(workshop: Workshop, base: str, tmp_path: Path) -> None:
    with loopback_registry(tmp_path / "registry") as address:
        release = Release(workshop, f"{address}/liqd/aula", base)
        release.release()
    found = release.state()
    step = found["steps"][3]
    assert (step["state"], step["undecided"]) == ("blocked", True)
    assert "could not be found out: the registry" in step["reason"]
    ran = release.release(status=3)
    assert "step 4, push the image, is blocked" in ran.err
    assert len(release.arrived()) == 3
    # Of a release that has not got that far, nothing is pushed behind it.
    release.new_release("0.4.1", ">=0.4 && <0.5")
    ran = release.release(status=3)
    assert "does not answer" in ran.err
    assert release.arrived()[3:] == ["thentos refs/tags/v0.4.1"]
    release.remove_images()


def test_nobody_is_asked_where_there_is_no_terminal_and_nothing_is_pushed(unbuilt: Release) -> None:
    before = unbuilt.refs()
    ran = unbuilt.guard("release", status=1)
    assert ran.out.splitlines()[-1] == (
        "stopped before step 1; guard release goes on from here, --yes without asking"
    )
    assert unbuilt.refs() == before


@pytest.mark.parametrize(("answer", "arrived"), [("n", 0), ("y", 1)])
def test_a_person_is_asked(unbuilt: Release, answer: str, arrived: int) -> None:
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "guard", "release"],
        cwd=unbuilt.workshop.docker.folder,
        stdin=child,
        stdout=child,
        stderr=subprocess.PIPE,
        # The step after the question cannot be done.
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock"},
    ) as process:
        os.close(child)
        said = ""
        while "[y/N]" not in said:
            said += os.read(parent, 1000).decode()
        os.write(parent, f"{answer}\n".encode())
        process.communicate(timeout=120)
    os.close(parent)
    assert said.endswith("push thentos, for others to see? [y/N] ")
    assert process.returncode == (3 if arrived else 1)
    assert len(unbuilt.arrived()) == arrived


def test_a_dry_run_says_everything_and_changes_nothing(unbuilt: Release) -> None:
    workshop = unbuilt.workshop
    other = Repo(workshop.root / "other")
    other.commit("Something new that is not here")
    other.git("push", "--quiet", str(workshop.root / "remotes/aula.git"), "HEAD:refs/heads/other")
    before = unbuilt.refs()
    ran = unbuilt.guard("release", "--dry-run")
    aula = workshop.aula.head[:7]
    assert ran.out.splitlines()[-6:] == [
        "git -C thentos push origin v0.4.0",
        "guard test",
        "guard publish",
        "git -C aula push origin master",
        f"git commit -m 'Take aula {aula} with thentos v0.4.0'",
        "git push origin master",
    ]
    found = unbuilt.state()
    assert found["order"]["matters"] is True
    assert found["order"]["evidence"][0]["path"] == "aula.cabal"
    assert found["next"] == "git -C thentos push origin v0.4.0"
    assert unbuilt.states() == ["next", *["blocked"] * 5]
    assert unbuilt.refs() == before
    assert workshop.guard("release", "--json", "--dry-run").status == 2


def test_from_inside_aula_the_commands_are_those_to_type_there(unbuilt: Release) -> None:
    ran = unbuilt.workshop.guard("release", "--dry-run", at=unbuilt.workshop.aula)
    assert ran.out.splitlines()[-6:][0] == "git -C ../thentos push origin v0.4.0"
    assert ran.out.splitlines()[-1] == "git -C .. push origin master"


def test_what_lies_around_is_said_and_left_alone(release: Release) -> None:
    workshop = release.workshop
    workshop.aula.write({"stack.yaml": "changed\n", "untracked": "x\n"})
    workshop.docker.write({"Dockerfile": "FROM nothing\n"})
    ran = release.release()
    assert "note: 2 uncommitted or untracked files in aula" in ran.out
    assert "note: 1 uncommitted or untracked files in aula-docker" in ran.out
    release.is_done()
    assert (workshop.aula.folder / "stack.yaml").read_text() == "changed\n"
    assert (workshop.docker.folder / "Dockerfile").read_text() == "FROM nothing\n"
    assert workshop.docker.git("status", "--porcelain", "--ignore-submodules").split() == [
        *("M", "Dockerfile")
    ]


def blocked(release: Release, status: int = 1) -> str:
    """What is in the way; nothing has been pushed or changed then."""
    before = release.refs()
    ran = release.release(status=status)
    assert release.refs() == before
    assert release.arrived() == []
    return ran.err


def test_a_hook_that_is_gone_blocks_before_anything_is_pushed(unbuilt: Release) -> None:
    (Path(unbuilt.workshop.aula.repository.git_dir) / "hooks/pre-push").unlink()
    said = blocked(unbuilt)
    assert "step 5, push aula, is blocked: guard's hook in aula is absent" in said
    assert "to mend it: guard install" in said


def test_a_detached_head(unbuilt: Release) -> None:
    unbuilt.workshop.docker.git("checkout", "--quiet", "--detach")
    said = blocked(unbuilt)
    assert "step 6, push aula-docker, is blocked: HEAD of aula-docker is detached" in said
    assert "to mend it: git switch master" in said


def test_on_a_branch_beside_the_default_one_aula_goes_to_one_of_that_name(
    unbuilt: Release,
) -> None:
    workshop = unbuilt.workshop
    workshop.docker.git("checkout", "--quiet", "-b", "wip")
    commands = [step["commands"] for step in unbuilt.state()["steps"]]
    aula = workshop.aula.head[:12]
    assert commands[4] == [f"git -C aula push origin {aula}:refs/heads/wip"]
    assert commands[5][1] == "git push origin wip"
    workshop.aula.git("checkout", "--quiet", "-b", "mine")
    assert unbuilt.state()["steps"][4]["commands"] == ["git -C aula push origin mine"]
    # What is on any branch of aula's remote already may be tried out on any.
    workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:other")
    assert unbuilt.states() == ["next", "blocked", "blocked", "blocked", "done", "blocked"]


def test_somebody_else_pushed_before_it_begins(unbuilt: Release) -> None:
    workshop = unbuilt.workshop
    theirs = workshop.docker.git("commit-tree", "-m", "x", "-p", "HEAD", "HEAD^{tree}")
    remote = str(workshop.root / "remotes/aula-docker.git")
    workshop.docker.git("push", "--quiet", "--no-verify", remote, f"{theirs}:{MASTER}")
    unbuilt.log.write_text("")
    said = blocked(unbuilt)
    assert f"aula-docker is behind origin/master, which is at {theirs[:12]}" in said
    # A pull would take back what is staged of a submodule.
    assert "to mend it: git commit -m 'Take aula " in said
    fetch = "git fetch --no-recurse-submodules origin"
    assert f"' && {fetch} && git rebase origin/master\n" in said


def test_commits_of_others_that_are_not_here_are_fetched_without_moving_a_ref(
    unbuilt: Release,
) -> None:
    workshop = unbuilt.workshop
    other = Repo(workshop.root / "other")
    theirs = other.commit("First")
    other.git("push", "--quiet", str(workshop.root / "remotes/aula.git"), f"HEAD:{MASTER}")
    unbuilt.log.write_text("")
    said = blocked(unbuilt)
    assert f"somebody else pushed to aula first: master of origin is at {theirs[:12]}" in said


def test_a_remote_that_does_not_answer(unbuilt: Release) -> None:
    remotes = unbuilt.workshop.root / "remotes"
    before = unbuilt.workshop.docker.git("for-each-ref")
    (remotes / "aula.git").rename(remotes / "away")
    ran = unbuilt.release(status=3)
    assert "step 5, push aula, is blocked: git ls-remote origin failed" in ran.err
    assert "to mend it: git -C aula fetch origin" in ran.err
    assert unbuilt.arrived() == []
    assert unbuilt.workshop.docker.git("for-each-ref") == before


def test_a_remote_that_refuses(unbuilt: Release) -> None:
    unbuilt.remote_hook("thentos", "pre-receive", "echo not on a Friday; exit 1")
    said = blocked(unbuilt)
    assert "remote: not on a Friday" in said
    assert (
        "push thentos: the remote refused it ([remote rejected] (pre-receive hook declined))"
        in said
    )


def test_a_release_that_others_know_as_another_commit(unbuilt: Release) -> None:
    workshop = unbuilt.workshop
    remote = str(workshop.root / "remotes/thentos.git")
    workshop.thentos.git("push", "--quiet", remote, f"HEAD~:{TAG}")
    unbuilt.log.write_text("")
    said = blocked(unbuilt)
    assert "step 1, push thentos, is blocked: release-tag: v0.4.0 of thentos is" in said


def test_what_the_static_rules_refuse(unbuilt: Release) -> None:
    workshop = unbuilt.workshop
    workshop.thentos.commit("After the release")
    workshop.docker.git("add", "thentos")
    said = blocked(unbuilt)
    assert "step 1, push thentos, is blocked: release-tag: thentos is pinned to" in said
    assert "to mend it: guard align" in said


RECIPE = "policy: aula-docker is built or tested in another way than"
BACK = "step-back: {} steps back:"


def configure(release: Release, old: str, new: str) -> None:
    docker = release.workshop.docker
    docker.write({".guard.toml": (docker.folder / ".guard.toml").read_text().replace(old, new)})
    docker.git("add", ".guard.toml")


def recipe(release: Release) -> str:
    configure(release, COMMAND, '["true"]')
    return RECIPE


def loosened(release: Release) -> str:
    """By its own settings nothing depends on thentos."""
    workshop = release.workshop
    configure(release, "[image]", '[guard]\ndependency = "nowhere"\n[image]')
    workshop.require(">=0.9")
    workshop.docker.git("add", "aula")
    workshop.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.4.0")
    release.log.write_text("")
    return "dependency-match: thentos-core is 0.4.0, but aula requires >=0.9"


def back(path: str) -> Callable[[Release], str]:
    """What others have is newer than what is to be released."""

    def run(release: Release) -> str:
        workshop, docker = release.workshop, release.workshop.docker
        at = {"aula": workshop.aula, "thentos": workshop.thentos}[path]
        old = at.git("rev-parse", f":{path}" if at is docker else "HEAD")
        at.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        if path == "thentos":
            at.git("push", "--quiet", "--no-verify", "origin", "v0.4.0")
            workshop.release("0.4.1")
            at.git("push", "--quiet", "--no-verify", "origin", "v0.4.1")
        else:
            at.commit("More", {"more": "x"})
            at.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        docker.git("add", "aula", "thentos")
        docker.git("commit", "--quiet", "-m", "Newer")
        docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        docker.git("update-index", "--cacheinfo", f"160000,{old},{path}")
        release.log.write_text("")
        return BACK.format(path)

    return run


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("make", [recipe, loosened, back("aula"), back("thentos")])
def test_what_the_last_push_would_be_told_is_in_the_way_of_the_first_step(
    unbuilt: Release, make: Callable[[Release], str], is_committed: bool
) -> None:
    expected = make(unbuilt)
    if is_committed:
        unbuilt.workshop.docker.git("commit", "--quiet", "-m", "Take them")
    elif expected == BACK.format("thentos"):
        # Its commit will say why.
        assert "Guard-Step-Back: thentos v0.4.0" in unbuilt.guard("release", "--dry-run").out
        return
    said = blocked(unbuilt)
    name = "nowhere" if make is loosened else "thentos"
    assert f"guard: step 1, push {name}, is blocked: {expected}" in said
    assert said in unbuilt.guard("release", "--dry-run", status=1).err
    assert "to mend it: " in said


def test_a_compatible_release_may_go_freely(unbuilt: Release) -> None:
    workshop = unbuilt.workshop
    workshop.thentos.git("checkout", "--quiet", "v0.3.0")
    unbuilt.new_release("0.3.1", ">=0.3 && <0.4")
    ran = unbuilt.guard("release", "--dry-run")
    assert (
        "the order does not matter for the dependency, which may be pushed freely: v0.3.1 after "
        "v0.3.0 is a compatible change by its number (PVP), and aula at origin/master admits it"
    ) in ran.out
    assert unbuilt.state()["order"]["matters"] is False


def test_the_next_command_of_the_status_is_the_same(unbuilt: Release) -> None:
    workshop = unbuilt.workshop

    def following() -> str:
        return str(json.loads(workshop.guard("status", "--json").out)["next"])

    assert following() == unbuilt.state()["next"] == "git -C thentos push origin v0.4.0"
    workshop.thentos.git("push", "--quiet", "origin", "v0.4.0", "HEAD:master")
    assert following() == unbuilt.state()["next"] == "guard test"
    workshop.docker.git("commit", "--quiet", "-m", "Take them")
    workshop.verdict()
    assert following() == unbuilt.state()["next"] == "guard publish"
