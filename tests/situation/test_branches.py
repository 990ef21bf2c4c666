"""Which remote and which branch is meant where nobody names one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guard.git.refs import Ref
from guard.git.remotes import Settings
from guard.situation.branches import (
    PushedTo,
    default_branch,
    default_branches,
    fetch_remote,
    head_branch,
    moves_default,
    push_remote,
    pushed_to,
    remote_head,
)
from tests.commands.recovering import recorded
from tests.workshop import Ran, Repo, Workshop

HEADS = "refs/heads/"
TOPIC = f"{HEADS}topic"
MASTER = f"{HEADS}master"
FORK = {"remote.pushdefault": "fork"}
OF_ORIGIN = {"branch.topic.remote": "origin", "branch.topic.merge": MASTER}


def tracked(*names: str, head: str = "") -> dict[str, Ref]:
    """Refs below refs/remotes/, and what the HEAD of origin follows."""
    refs = {f"refs/remotes/{name}": Ref("1" * 40) for name in names}
    if head:
        refs["refs/remotes/origin/HEAD"] = Ref("1" * 40, f"refs/remotes/origin/{head}")
    return refs


class TestRemote:
    @pytest.mark.parametrize(
        ("remotes", "options", "remote"),
        [
            ("", {}, ""),
            ("upstream", {}, "upstream"),
            ("fork origin", {}, "origin"),
            ("fork upstream", {}, ""),
            ("fork origin", {"branch.topic.remote": "fork"}, "fork"),
            ("fork origin", {"branch.other.remote": "fork"}, "origin"),
            ("fork origin", {"branch.topic.remote": "."}, "origin"),
            ("upstream", {"branch.topic.remote": "https://example.org/x"}, "upstream"),
            ("fork origin", FORK, "origin"),
        ],
    )
    def test_fetched_from(self, remotes: str, options: Mapping[str, str], remote: str) -> None:
        assert fetch_remote(options, remotes.split(), "topic") == remote

    @pytest.mark.parametrize(
        ("options", "remote"),
        [
            ({}, "origin"),
            (FORK, "fork"),
            ({**FORK, **OF_ORIGIN}, "fork"),
            ({**FORK, "branch.topic.pushremote": "third"}, "third"),
            ({**FORK, "branch.other.pushremote": "third"}, "fork"),
            ({"branch.topic.remote": "third"}, "third"),
            ({"remote.pushdefault": "https://example.org/x"}, "https://example.org/x"),
        ],
    )
    def test_pushed_to(self, options: Mapping[str, str], remote: str) -> None:
        assert push_remote(options, ["fork", "origin", "third"], "topic") == remote

    @pytest.mark.parametrize(
        ("names", "settings"),
        [
            ("only", ""),
            ("fork origin", ""),
            ("fork origin", "remote.pushDefault=fork"),
            ("fork origin", "branch.topic.remote=fork"),
            ("fork origin", "branch.topic.remote=fork remote.pushDefault=origin"),
            ("fork origin", "branch.topic.pushRemote=fork remote.pushDefault=origin"),
        ],
    )
    def test_git_says_the_same(self, tmp_path: Path, names: str, settings: str) -> None:
        """It names the remote that ``git push`` would use as ``%(push:remotename)``."""
        repo = Repo(tmp_path)
        repo.git("init", "--quiet", "--initial-branch=topic")
        repo.commit("The first")
        for name in names.split():
            repo.git("remote", "add", name, f"/nowhere/{name}")
        options = {}
        for setting in settings.split():
            key, _, value = setting.partition("=")
            repo.git("config", key, value)
            section, _, last = key.rpartition(".")
            options[f"{section}.{last.lower()}"] = value
        told = repo.git("for-each-ref", "--format=%(push:remotename)", TOPIC)
        # Of a branch without any configuration older versions say nothing, and push all the same.
        if not told:
            ran = subprocess.run(
                ["git", "push", "--dry-run"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            told = next(name for name in names.split() if f"/nowhere/{name}" in ran.stderr or
                        f"--set-upstream {name} " in ran.stderr)  # fmt: skip
        assert push_remote(options, names.split(), "topic") == told


class TestPush:
    @pytest.mark.parametrize(
        ("options", "remote", "ref"),
        [
            ({}, "origin", TOPIC),
            (OF_ORIGIN, "origin", TOPIC),
            ({**OF_ORIGIN, "push.default": "simple"}, "origin", TOPIC),
            ({**OF_ORIGIN, "push.default": "upstream"}, "origin", MASTER),
            ({**OF_ORIGIN, "push.default": "tracking"}, "origin", MASTER),
            ({**OF_ORIGIN, "push.default": "current"}, "origin", TOPIC),
            ({**OF_ORIGIN, **FORK}, "fork", TOPIC),
            ({"branch.topic.remote": ".", "branch.topic.merge": MASTER}, "origin", TOPIC),
            ({**OF_ORIGIN, "remote.pushdefault": "https://example.org/x"}, "origin", TOPIC),
        ],
    )
    def test_of_a_branch(self, options: Mapping[str, str], remote: str, ref: str) -> None:
        url = options.get("remote.pushdefault", "").removeprefix("fork")
        to = PushedTo(remote, ref, False, url)
        assert pushed_to(options, ["fork", "origin"], TOPIC, {}) == to

    @pytest.mark.parametrize(
        ("refs", "branch"),
        [
            (tracked("origin/trunk", "origin/master", head="trunk"), "trunk"),
            (tracked("origin/main", "origin/topic"), "main"),
            ({}, "master"),
        ],
    )
    def test_of_a_detached_head(self, refs: Mapping[str, Ref], branch: str) -> None:
        assert pushed_to({}, ["origin"], "", refs) == PushedTo("origin", HEADS + branch, True)

    def test_there_is_nowhere(self) -> None:
        assert pushed_to({}, [], TOPIC, {}).remote == ""
        assert pushed_to({}, ["fork", "upstream"], TOPIC, {}).remote == ""


class TestDefault:
    @pytest.mark.parametrize(
        ("refs", "names"),
        [
            (tracked("origin/trunk", "origin/master", head="trunk"), "trunk"),
            (tracked("origin/master", "origin/topic"), "master"),
            (tracked("origin/main", "origin/master", "origin/topic"), "main master"),
            (tracked("origin/topic"), ""),
            (tracked("origin/main", head="master"), "main"),
            (tracked("origin/main", head="trunk"), "main"),
            (tracked("fork/master"), ""),
        ],
    )
    def test_the_likeliest_first(self, refs: Mapping[str, Ref], names: str) -> None:
        found = default_branches(refs, "origin")
        assert found == tuple(f"refs/remotes/origin/{name}" for name in names.split())

    @pytest.mark.parametrize(
        ("branch", "head", "refs", "moves"),
        [
            ("master", "master", "", True),
            ("main", "master", "", True),  # it may have been renamed
            ("topic", "master", "topic", False),
            ("master", "", "", True),
            ("trunk", "trunk", "", True),
            ("master", "trunk", "trunk master", False),
            ("master", "trunk", "master", True),
            ("topic", "trunk", "trunk topic", False),
            ("topic", "", "topic master", False),
            ("topic", "", "topic", None),
            ("topic", "", "other", False),
        ],
    )
    def test_a_push_to_it(self, branch: str, head: str, refs: str, moves: bool | None) -> None:
        followed = f"refs/remotes/origin/{head}" if head else ""
        names = {f"refs/remotes/origin/{name}": "1" * 40 for name in refs.split()}
        assert moves_default("origin", branch, followed, names) is moves

    def test_of_a_url_that_no_remote_has_only_the_usual_names_count(self) -> None:
        assert moves_default("", "main", "", ()) is True
        assert moves_default("", "trunk", "", ()) is False


class TestReading:
    def test_what_head_is_at(self, workshop: Workshop) -> None:
        docker, folder = workshop.docker, workshop.root / "linked"
        docker.git("worktree", "add", "--quiet", "-b", "feature/x", str(folder))
        for at, branch in ((docker, MASTER), (Repo(folder), f"{HEADS}feature/x")):
            assert head_branch(at.repository) == branch
            at.git("checkout", "--quiet", "--detach")
            assert head_branch(at.repository) == ""

    def test_heads_that_are_links(self, workshop: Workshop) -> None:
        """As git makes them where core.preferSymlinkRefs is set."""
        head = Path(workshop.docker.repository.git_dir) / "HEAD"
        head.unlink()
        head.symlink_to(MASTER)
        assert head_branch(workshop.docker.repository) == MASTER

    def test_what_a_remote_s_head_follows(self, workshop: Workshop) -> None:
        repository = workshop.aula.repository
        assert remote_head(repository, "origin") == "refs/remotes/origin/master"
        assert remote_head(repository, "nobody") == ""
        workshop.aula.git("symbolic-ref", "refs/remotes/origin/HEAD", MASTER)
        assert remote_head(repository, "origin") == ""

    def test_without_a_remote_it_is_the_branch_that_is_checked_out(self, tmp_path: Path) -> None:
        repo = Repo(tmp_path)
        repo.git("init", "--quiet", "--initial-branch=trunk")
        found = default_branch(repo.repository, Settings())
        assert (found.remote, found.name, found.tracked, found.local) == ("", "trunk", None, None)
        commit = repo.commit("The first")
        found = default_branch(repo.repository, Settings())
        assert (found.local, found.checked_out) == (commit, (str(tmp_path),))


class TestWhatPeopleSee:
    """Where commands had answers of their own."""

    def forked(self, workshop: Workshop) -> None:
        """aula-docker's origin is one's fork; the work comes together at upstream."""
        docker, fork = workshop.docker, workshop.root / "fork/aula-docker.git"
        docker.git("push", "--quiet", "--no-verify", "origin", "master")
        docker.git("clone", "--quiet", "--bare", ".", str(fork))
        docker.git("remote", "rename", "origin", "upstream")
        docker.git("remote", "add", "origin", str(fork))
        docker.git("fetch", "--quiet", "--all")
        docker.git("branch", "--quiet", "--set-upstream-to=upstream/master")

    def test_a_check_goes_by_where_a_push_would_go(self, workshop: Workshop) -> None:
        """`merged` is told of pushes to a default branch, and names another branch there."""
        self.forked(workshop)
        workshop.docker.git("config", "remote.pushDefault", "origin")
        workshop.require("==0.3.*")
        workshop.aula.git("push", "--quiet", "origin", "HEAD:refs/heads/topic")
        workshop.aula.git("fetch", "--quiet")
        commit = workshop.docker.commit("Take it")
        workshop.verdict()
        ran = workshop.guard("check")
        assert "error merged" in ran.out
        assert f"git push origin {commit[:12]}:refs/heads/pin-{commit[:8]}" in ran.out
        workshop.docker.git("config", "--unset", "remote.pushDefault")
        elsewhere = f"git push upstream {commit[:12]}:refs/heads/pin-{commit[:8]}"
        assert elsewhere in workshop.guard("check").out

    def test_recover_goes_to_the_remote_that_the_branch_comes_from(
        self, workshop: Workshop
    ) -> None:
        record = recorded(workshop)
        self.forked(workshop)
        workshop.docker.commit("Not pushed to the fork", {"README": "x"})
        workshop.docker.git("push", "--quiet", "--no-verify", "upstream", "master")
        ran = workshop.guard("recover", "--no-image", "--dry-run", record.name)
        assert "a new commit on upstream/master" in ran.text

    def test_sync_goes_there_as_well(self, workshop: Workshop) -> None:
        self.forked(workshop)
        assert workshop.guard("sync", "--dry-run").out.startswith("upstream: ")
        workshop.docker.git("checkout", "--quiet", "--detach")
        assert workshop.guard("sync", "--dry-run").out.startswith("origin: ")

    def test_sync_has_to_be_told_where_nothing_says_which(self, workshop: Workshop) -> None:
        self.forked(workshop)
        workshop.docker.git("remote", "rename", "origin", "fork")
        workshop.docker.git("branch", "--unset-upstream")
        ran = workshop.guard("sync", "--dry-run")
        assert "none of the remotes fork, upstream is the usual one" in ran.text
        assert "guard sync fork" in ran.text
        assert workshop.guard("sync", "--dry-run", "fork").status == 0

    def test_what_others_have_is_what_the_branch_comes_from(self, workshop: Workshop) -> None:
        """The fork has the image of this superproject; those who build from upstream do not."""
        self.forked(workshop)
        workshop.release("0.3.1")
        workshop.thentos.git("push", "--quiet", "--tags", "origin", "HEAD:refs/heads/master")
        workshop.aula.commit("Go on", {"word": "x"})
        workshop.pin()
        workshop.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        workshop.verdict()
        ran = workshop.guard("check", at=workshop.aula)
        assert "found:    unlike aula-docker on upstream: thentos" in ran.out

    def test_nothing_says_where_a_push_would_go(self, workshop: Workshop) -> None:
        self.forked(workshop)
        workshop.docker.git("remote", "rename", "origin", "fork")
        workshop.docker.git("branch", "--unset-upstream")
        step = self.last_step(workshop)
        assert "nothing says to which of the remotes upstream, fork aula-docker is pushed" in step
        (remedy,) = (step["remedy"] for step in self.steps(workshop) if step["number"] == 6)
        assert remedy == "git config remote.pushDefault upstream"
        workshop.docker.git(*remedy.split()[1:])
        assert "nothing says" not in self.last_step(workshop)

    def test_a_push_to_the_branch_of_the_same_name(self, workshop: Workshop) -> None:
        """A topic that was begun at origin/master has that for its upstream."""
        workshop.install()
        docker = workshop.docker
        docker.git("push", "--quiet", "--no-verify", "origin", "master")
        docker.git("checkout", "--quiet", "-b", "topic", "--track", "origin/master")
        docker.commit("More", {"README": "x"})
        step = self.last_step(workshop)
        assert "refs/heads/master" not in step and "origin topic" in step
        docker.git("config", "push.default", "upstream")
        assert "refs/heads/master" in self.last_step(workshop)

    def test_a_detached_head_of_a_remote_without_a_head(self, workshop: Workshop) -> None:
        docker = workshop.docker
        docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/main")
        docker.git("checkout", "--quiet", "--detach")
        assert "origin has" in self.last_step(workshop)

    def test_a_default_branch_of_aula_that_was_renamed_and_pruned(self, workshop: Workshop) -> None:
        """What its HEAD follows is gone; main is all that is left to be the default branch."""
        workshop.publish("thentos")
        remote = Repo(workshop.root / "remotes/aula.git")
        remote.git("branch", "--move", "master", "main")
        workshop.aula.git("fetch", "--quiet", "--prune")
        workshop.aula.commit("Beside it", {"word": "x"})
        workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/topic")
        workshop.pin()
        workshop.verdict()
        ran = workshop.guard("check")
        assert "error merged" in ran.out
        assert "origin/main" in ran.out

    def test_the_url_that_a_submodule_is_to_be_given(self, workshop: Workshop) -> None:
        """It is fetched from there, whatever the remote is called."""
        workshop.aula.git("remote", "rename", "origin", "home")
        workshop.docker.git("config", "--file=.gitmodules", "--unset", "submodule.aula.url")
        workshop.docker.commit("No URL")
        ran = workshop.guard("check")
        assert "submodule.aula.url ../aula.git && git add .gitmodules" in ran.out

    def steps(self, workshop: Workshop) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(workshop.guard("release", "--json").out)["steps"]
        return found

    def last_step(self, workshop: Workshop) -> str:
        ran: Ran = workshop.guard("release", "--dry-run")
        return ran.text
