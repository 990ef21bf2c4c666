"""A release counts when the dependency's remote has its tag: real pushes, and what comes after."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hooks.test_release_order import asked, mend, paste
from tests.workshop import GUARD_TOML, Repo, Workshop

TOPIC = ("origin", "HEAD:refs/heads/topic")
AGAIN = ("origin", "HEAD:refs/heads/again")
RULE = "release-tag"


@pytest.fixture(params=["sha1"])
def ready(tmp_path: Path, request: pytest.FixtureRequest) -> Workshop:
    workshop = Workshop(tmp_path, request.param)
    workshop.install()
    return workshop


def remote(workshop: Workshop, name: str = "thentos") -> Repo:
    return Repo(workshop.root / "remotes" / f"{name}.git")


def without_tag(workshop: Workshop) -> Path:
    """Another place that has all of thentos but the tag that is pinned."""
    place = workshop.root / "remotes/else/thentos.git"
    shutil.copytree(remote(workshop).folder, place)
    Repo(place).git("tag", "--delete", "v0.3.0")
    return place


def on_the_branch(workshop: Workshop, version: str = "0.3.5") -> str:
    """A commit of thentos that its remote has on its branch."""
    commit = workshop.thentos.commit("No release", workshop.thentos_files(version))
    workshop.thentos.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
    return commit


def pinned(workshop: Workshop) -> None:
    workshop.pin()
    workshop.verdict()


def both(workshop: Workshop) -> Iterator[Repo]:
    """Where pushes come from, each of a commit that is new to its remote, of the same content."""
    yield workshop.docker
    workshop.aula.commit("Nothing else")
    yield workshop.aula


def never_pushed(workshop: Workshop) -> None:
    on_the_branch(workshop)
    workshop.thentos.git("tag", "v0.3.5")


def never_pushed_annotated(workshop: Workshop) -> None:
    on_the_branch(workshop)
    workshop.thentos.git("tag", "-a", "-m", "x", "v0.3.5")


def a_pre_release(workshop: Workshop) -> None:
    on_the_branch(workshop)
    workshop.thentos.git("tag", "v0.3.5-rc1")


def moved_here(workshop: Workshop) -> None:
    on_the_branch(workshop, "0.3.0")
    workshop.thentos.git("tag", "--force", "v0.3.0")


def deleted_there(workshop: Workshop) -> None:
    workshop.release("0.3.6")
    workshop.publish("thentos")
    remote(workshop).git("tag", "--delete", "v0.3.6")


def moved_there(workshop: Workshop) -> None:
    workshop.release("0.3.6")
    workshop.publish("thentos")
    remote(workshop).git("tag", "--force", "-a", "-m", "x", "v0.3.6", "v0.3.0")


def fetched_from_a_fork(workshop: Workshop) -> None:
    on_the_branch(workshop)
    fork = workshop.root / "remotes/fork.git"
    shutil.copytree(remote(workshop).folder, fork)
    Repo(fork).git("tag", "v0.3.5", "master")
    workshop.thentos.git("remote", "add", "fork", str(fork))
    workshop.thentos.git("fetch", "--quiet", "--tags", "fork")


def in_a_clone_beside(workshop: Workshop) -> None:
    on_the_branch(workshop)
    beside = Repo(workshop.root / "thentos")
    workshop.docker.git("clone", "--quiet", str(remote(workshop).folder), str(beside.folder))
    beside.git("remote", "set-url", "origin", "https://example.invalid/else/where")
    beside.git("tag", "v0.3.5")


MINE = [
    never_pushed,
    never_pushed_annotated,
    a_pre_release,
    moved_here,
    deleted_there,
    moved_there,
    fetched_from_a_fork,
    in_a_clone_beside,
]


class TestAReleaseThatOnlyIHave:
    @pytest.mark.parametrize("arrange", MINE)
    def test_neither_push_goes_through_nor_does_a_fresh_clone_say_otherwise(
        self, ready: Workshop, arrange: Callable[[Workshop], None]
    ) -> None:
        arrange(ready)
        pinned(ready)
        for at in both(ready):
            ran, count = asked(ready, at, *TOPIC)
            assert f"error {RULE}: " in ran.text
            assert (ran.status != 0, count) == (True, 1)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        fresh = Repo(ready.root / "fresh")
        url = str(remote(ready, "aula-docker").folder)
        ready.docker.git("clone", "--quiet", "--recurse-submodules", url, str(fresh.folder))
        assert f"error {RULE}: " in ready.guard("check", at=fresh).text

    @pytest.mark.parametrize(
        "arrange", [never_pushed, never_pushed_annotated, a_pre_release, deleted_there]
    )
    @pytest.mark.parametrize("ready", ["sha1", "sha256"], indirect=True)
    def test_pushing_the_tag_makes_it_one(
        self, ready: Workshop, arrange: Callable[[Workshop], None]
    ) -> None:
        arrange(ready)
        pinned(ready)
        command = mend(ready.push(ready.docker, *TOPIC), RULE)
        assert re.fullmatch(r"git -C thentos push origin v0\.3\.\S+", command)
        assert paste(ready, command).status == 0
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 1), ran.text
        # Whoever is next asks nobody any more.
        for at in both(ready):
            ran, count = asked(ready, at, *AGAIN)
            assert (ran.status, count) == (0, 0), ran.text

    def test_a_tag_of_a_clone_beside_is_pushed_from_there(self, ready: Workshop) -> None:
        in_a_clone_beside(ready)
        pinned(ready)
        command = mend(ready.push(ready.docker, *TOPIC), RULE)
        assert command == f"git -C ../thentos push {remote(ready).folder} v0.3.5"
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    @pytest.mark.parametrize("arrange", [moved_here, moved_there])
    def test_a_tag_that_was_moved_is_a_persons_business(
        self, ready: Workshop, arrange: Callable[[Workshop], None]
    ) -> None:
        arrange(ready)
        pinned(ready)
        told = mend(ready.push(ready.docker, *TOPIC), RULE)
        assert told.startswith("you: a release is never moved: ")
        fetch = re.search(r"\((git -C thentos fetch --force .*?)\)", told)
        assert fetch is not None
        assert paste(ready, fetch[1]).status == 0
        assert paste(ready, "guard align && git commit -m x").status == 0
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_a_branch_of_the_tags_name(self, ready: Workshop) -> None:
        never_pushed(ready)
        ready.thentos.git("branch", "v0.3.5", "HEAD~")
        pinned(ready)
        command = mend(ready.push(ready.docker, *TOPIC), RULE)
        assert command == "git -C thentos push origin refs/tags/v0.3.5"
        assert paste(ready, command).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0


class TestATagThatIsNotHere:
    """Made after the last fetch, or in a clone without tags: what counts is what the remote has."""

    def made_there(self, workshop: Workshop, tag: str = "v0.3.5") -> None:
        commit = on_the_branch(workshop)
        remote(workshop).git("tag", tag, commit)
        pinned(workshop)

    @pytest.mark.parametrize("tag", ["v0.3.5", "v0.3.5-rc2", "v0.3.5.1"])
    def test_it_is_a_release(self, ready: Workshop, tag: str) -> None:
        self.made_there(ready, tag)
        for at in both(ready):
            ran = ready.push(at, *TOPIC)
            assert ran.status == 0, ran.text

    def test_an_annotated_one_of_which_the_object_is_not_here(self, ready: Workshop) -> None:
        commit = on_the_branch(ready)
        remote(ready).git("tag", "-a", "-m", "x", "v0.3.5", commit)
        pinned(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        ran, count = asked(ready, ready.docker, *AGAIN)
        assert (ran.status, count) == (0, 0), ran.text

    def test_align_stays_there(self, ready: Workshop) -> None:
        self.made_there(ready)
        ran = ready.guard("align")
        assert (ran.status, "thentos stays at v0.3.5" in ran.out) == (0, True), ran.text
        assert ready.thentos.git("tag", "--list", "v0.3.5") == ""

    def test_offline_align_leaves_it_for_no_older_one(self, ready: Workshop) -> None:
        self.made_there(ready)
        remote(ready).folder.rename(ready.root / "away")
        ran = ready.guard("align")
        assert ran.status == 3, ran.text
        assert "guard check --ask" in ran.text
        assert ready.docker.git("status", "--porcelain") == ""
        (ready.root / "away").rename(remote(ready).folder)
        assert ready.guard("check", "--ask").status == 0
        assert "stays at v0.3.5" in ready.guard("align").out

    def test_a_clone_without_tags(self, ready: Workshop) -> None:
        pinned(ready)
        for tag in ready.thentos.git("tag").split():
            ready.thentos.git("tag", "--delete", tag)
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_a_shallow_one_in_a_linked_worktree(self, ready: Workshop) -> None:
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        top = Repo(ready.root / "shallow")
        url = remote(ready, "aula-docker").folder.as_uri()
        ready.docker.git("clone", "--quiet", "--depth=1", url, str(top.folder))
        tree = Repo(ready.root / "tree")
        top.git("worktree", "add", "--quiet", str(tree.folder))
        tree.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
        assert RULE not in ready.guard("check", at=tree).text

    def test_a_form_of_ones_own(self, ready: Workshop) -> None:
        toml = GUARD_TOML + '[guard]\nrelease-tag = "thentos-{version}"\n'
        ready.docker.commit("Name releases", {".guard.toml": toml})
        ready.verdict()
        assert f"error {RULE}: " in ready.push(ready.docker, *TOPIC).text
        remote(ready).git("tag", "thentos-0.3.0", ready.thentos.head)
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text


class TestWhatIsKept:
    def test_a_tag_that_somebody_moves_is_seen_when_the_remote_is_asked(
        self, ready: Workshop
    ) -> None:
        for command in (("check", "--ask"), ("sync",), ("release", "--dry-run")):
            ready.verdict()
            assert ready.push(ready.docker, *TOPIC).status == 0
            remote(ready).git("tag", "--force", "v0.3.0", "v0.2.1")
            # It is kept, and so nobody is asked.
            assert ready.push(ready.docker, *AGAIN).status == 0
            ready.guard(*command)
            ran = ready.push(ready.docker, "origin", f"HEAD:refs/heads/{command[0]}")
            assert f"error {RULE}: " in ran.text, command
            remote(ready).git("tag", "--force", "v0.3.0", ready.thentos.head)
            for branch in ("topic", "again"):
                remote(ready, "aula-docker").git("branch", "-D", branch)

    def test_a_tag_that_became_a_folder_of_tags(self, ready: Workshop) -> None:
        pinned(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        for old, new in (("v0.3.0", "v0.3.0/final"), ("v0.3.0/final", "v0.3.0")):
            remote(ready).git("tag", "--delete", old)
            remote(ready).git("tag", new, ready.thentos.head)
            status = ready.guard("check", "--ask").status
            assert status == (1 if old == "v0.3.0" else 0)
            ready.docker.commit("More", {"README": new})
            ready.verdict()
            assert ready.push(ready.docker, *TOPIC).status == status

    def test_a_tag_that_is_gone_while_nothing_can_be_kept(self, ready: Workshop) -> None:
        pinned(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        remote(ready).git("tag", "--force", "v0.2.1", ready.thentos.head)
        remote(ready).git("tag", "--delete", "v0.3.0")
        folder = Path(ready.thentos.git("rev-parse", "--absolute-git-dir").strip())
        (folder / "refs/guard/seen/origin/tags/v0.2.1.lock").touch()
        assert ready.guard("check", "--ask").status == 0
        assert "refs/guard/seen/origin/tags" not in ready.thentos.git("for-each-ref")
        remote(ready).git("tag", "--delete", "v0.2.1")
        assert f"error {RULE}: " in ready.push(ready.docker, *AGAIN).text

    def test_another_url_of_the_remote(self, ready: Workshop) -> None:
        pinned(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        elsewhere = without_tag(ready)
        modules = (ready.docker.folder / ".gitmodules").read_text()
        ready.docker.commit("Move", {".gitmodules": modules.replace("../th", "../else/th")})
        ready.verdict()
        ready.thentos.git("remote", "set-url", "origin", str(elsewhere))
        assert (
            f"error {RULE}: v0.3.0 of thentos is only here" in ready.push(ready.docker, *AGAIN).text
        )

    def test_a_url_that_git_rewrites_from_now_on(self, ready: Workshop) -> None:
        pinned(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        elsewhere = without_tag(ready)
        key = f"url.{elsewhere}.insteadOf"
        ready.thentos.git("config", key, str(remote(ready).folder))
        ran = ready.push(ready.docker, *AGAIN)
        assert f"error {RULE}: v0.3.0 of thentos is only here" in ran.text

    @pytest.mark.parametrize("by", ["-c", "the environment"])
    def test_another_repository_that_answers_for_one_push(self, ready: Workshop, by: str) -> None:
        mirror = ready.root / "mirror.git"
        shutil.copytree(remote(ready).folder, mirror)
        ready.release("0.3.1")
        ready.thentos.git("push", "--quiet", "--no-verify", str(mirror), "HEAD:master", "v0.3.1")
        ready.thentos.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        pinned(ready)
        key, value = f"url.{mirror}.insteadOf", str(remote(ready).folder)
        if by == "-c":
            ran = ready.run(["git", "-c", f"{key}={value}", "push", *TOPIC], ready.docker)
        else:
            pair = {"GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": value}
            ran = ready.push(ready.docker, *TOPIC, GIT_CONFIG_COUNT="1", **pair)
        assert ran.status != 0
        assert f"undecided {RULE}: " in ran.text
        assert f"lets {ready.root}/mirror answer for origin" in ran.text
        # Nothing of it was kept.
        ran = ready.push(ready.docker, *TOPIC)
        assert f"error {RULE}: v0.3.1 of thentos is only here" in ran.text
        assert paste(ready, mend(ran, RULE)).status == 0
        assert ready.push(ready.docker, *TOPIC).status == 0

    def test_a_kept_ref_of_another_name_is_no_proof(self, ready: Workshop) -> None:
        never_pushed(ready)
        pinned(ready)
        head = ready.thentos.head
        for ref in (
            "refs/guard/seen/originx/tags/v0.3.5",
            "refs/tags/refs/guard/seen/origin/tags/v0.3.5",
        ):
            ready.thentos.git("update-ref", ref, head)
        assert f"error {RULE}: " in ready.push(ready.docker, *TOPIC).text


class TestNoAnswer:
    def test_it_is_undecided_and_asking_mends_it(self, ready: Workshop) -> None:
        pinned(ready)
        away = ready.root / "away"
        remote(ready).folder.rename(away)
        for at in both(ready):
            ran = ready.push(at, *TOPIC)
            assert f"undecided {RULE}: whether origin has a release of thentos" in ran.text
            assert mend(ran, RULE) == "guard check --ask"
            assert ran.status != 0
        assert paste(ready, "guard check --ask").status == 3
        away.rename(remote(ready).folder)
        assert paste(ready, "guard check --ask").status == 0
        for at in both(ready):
            ran, count = asked(ready, at, *TOPIC)
            assert (ran.status, count) == (0, 0), ran.text

    def test_of_a_commit_that_is_not_checked_out(self, ready: Workshop) -> None:
        never_pushed(ready)
        ready.publish("thentos")
        pinned(ready)
        away = ready.root / "away"
        remote(ready).folder.rename(away)
        other = ready.docker.head
        ready.docker.git("reset", "--quiet", "--hard", "HEAD~")
        command = mend(ready.push(ready.docker, "origin", f"{other}:refs/heads/topic"), RULE)
        assert command == f"guard check --ask {other[:12]}"
        away.rename(remote(ready).folder)
        assert paste(ready, command).status == 0
        ran, count = asked(ready, ready.docker, "origin", f"{other}:refs/heads/topic")
        assert (ran.status, count) == (0, 0), ran.text

    def test_git_may_ask_for_a_password_then(self, ready: Workshop) -> None:
        pinned(ready)
        url = self.over_ssh(ready, 'echo "$SSH_ASKPASS_REQUIRE." >&2; exit 1')
        ready.thentos.git("remote", "set-url", "origin", url)
        modules = (ready.docker.folder / ".gitmodules").read_text()
        ready.docker.commit("Move", {".gitmodules": modules.replace("../thentos.git", url)})
        ssh = str(ready.root / "ssh")
        assert "never." in ready.guard("check", GIT_SSH_COMMAND=ssh).text
        told = ready.guard("check", "--ask", GIT_SSH_COMMAND=ssh).text
        assert "failed: ." in told, told

    def over_ssh(self, workshop: Workshop, does: str) -> str:
        ssh = workshop.root / "ssh"
        ssh.write_text(f"#!/bin/sh\n{does}\n")
        ssh.chmod(0o755)
        return "ssh://example.org/thentos.git"

    @pytest.mark.parametrize("count", [2, 5])
    def test_silent_remotes_are_waited_for_side_by_side(self, ready: Workshop, count: int) -> None:
        """Of thentos, of aula whose commit is on no branch, and of others that nobody has."""
        ready.aula.commit("Nobody has it")
        names = ["thentos", "aula", *(f"more-{number}" for number in range(count - 2))]
        for name in names[2:]:
            url = str(remote(ready, "aula").folder)
            ready.docker.git(
                "-c", "protocol.file.allow=always", "submodule", "add", "-q", url, name
            )
            Repo(ready.docker.folder / name).commit("Nobody has it")
            ready.docker.git("add", name)
        ready.docker.commit("More submodules")
        self.over_ssh(ready, "exec sleep 600")
        text = (ready.docker.folder / ".gitmodules").read_text()
        for name in names:
            url = f"ssh://{name}.example.org/x.git"
            Repo(ready.docker.folder / name).git("remote", "set-url", "origin", url)
            text = re.sub(rf"(path = {name}\n\turl = ).*", rf"\g<1>{url}", text)
        ready.docker.commit("Silent", {".gitmodules": text})
        pinned(ready)
        ssh = {"GIT_SSH_COMMAND": str(ready.root / "ssh"), "GIT_SSH_VARIANT": "simple"}
        # Git itself would wait for the origin of aula.
        for at, to in zip(both(ready), ("origin", str(remote(ready, "aula").folder)), strict=True):
            began = time.monotonic()
            ran = ready.push(at, to, "HEAD:refs/heads/topic", **ssh)
            assert time.monotonic() - began < 8, ran.text
            assert f"undecided {RULE}: " in ran.text
            assert ran.status != 0
        sleeping = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
        assert f"{ready.root}/ssh".encode() not in sleeping


class TestVersion:
    def test_a_tag_of_a_version_that_no_package_has_is_a_warning(self, ready: Workshop) -> None:
        commit = on_the_branch(ready, "0.3.4")
        remote(ready).git("tag", "v0.3.9", commit)
        pinned(ready)
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text
        assert "warning: no package of thentos has the version that v0.3.9 names" in ran.text
        remote(ready).git("tag", "v0.3.4", commit)
        ready.guard("check", "--ask")
        assert "warning" not in ready.push(ready.docker, *AGAIN).text

    @pytest.mark.parametrize("tag", ["v0.3.4", "v0.3.4-rc1", "v0.3.4.0"])
    def test_of_one_that_has_it_nothing_is_said(self, ready: Workshop, tag: str) -> None:
        commit = on_the_branch(ready, "0.3.4")
        remote(ready).git("tag", tag, commit)
        pinned(ready)
        ran = ready.push(ready.docker, *TOPIC)
        assert (ran.status, "warning" in ran.text) == (0, False), ran.text


class TestWhatComesNext:
    """`next:` goes where the hook sends: no circle, and nobody is asked without need."""

    def next(self, workshop: Workshop) -> str:
        ran = workshop.guard("status")
        return ran.out.rpartition("\nnext: ")[2].strip()

    def test_a_tag_that_only_i_have_is_pushed_first(self, ready: Workshop) -> None:
        never_pushed(ready)
        ready.pin()
        assert self.next(ready) == "git -C thentos push origin v0.3.5"
        assert paste(ready, self.next(ready)).status == 0
        assert self.next(ready) == "guard test"
        remote(ready).folder.rename(ready.root / "away")
        assert self.next(ready) == "guard test"

    def test_release_pushes_it(self, ready: Workshop) -> None:
        never_pushed(ready)
        ready.pin()
        ran = ready.guard("release", "--dry-run")
        assert "git -C thentos push origin v0.3.5\n" in ran.out

    def test_offline_it_names_the_person(self, ready: Workshop) -> None:
        never_pushed(ready)
        ready.pin()
        remote(ready).folder.rename(ready.root / "away")
        said = self.next(ready)
        assert said.startswith("you: ")
        assert said.endswith(": guard check --ask")

    def test_in_a_prompt_nobody_is_asked(self, ready: Workshop) -> None:
        ready.pin()
        ran = ready.guard("status", "--short")
        assert (
            "whether origin has v0.3.0 of thentos was not asked yet: guard check --ask" in ran.out
        )
        assert ready.thentos.git("for-each-ref", "refs/guard/seen") == ""
