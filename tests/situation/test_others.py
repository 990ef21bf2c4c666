"""What a push of the consumer is told while others have another image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from guard.config import Config, Image
from guard.git.objects import ObjectPool
from guard.model import Result
from guard.situation.contents import Contents, of_commit
from guard.situation.others import Drift, Others
from guard.situation.workspace import Workspace
from guard.verdicts.verdicts import Verdicts
from tests.workshop import GUARD_TOML, ZERO, Workshop

OLDER = "CI would test this commit of aula in an older image"


@pytest.fixture
def shared(workshop: Workshop) -> Workshop:
    """The superproject as others have it, too."""
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
    workshop.docker.git("fetch", "--quiet", "origin")
    return workshop


def release(workshop: Workshop) -> None:
    """Release another thentos, for others too: a push of aula waits for it."""
    workshop.release("0.3.1")
    workshop.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.1")


def drift(workshop: Workshop, config: Config | None = None) -> Drift | None:
    repository = workshop.docker.repository
    with ObjectPool() as pool:
        contents = Contents(Workspace(repository, repository), pool)
        combination = of_commit(repository, pool, workshop.docker.head, "")
        return Others(contents).drift(combination, config or contents.config(combination))


def differs(workshop: Workshop) -> tuple[str, ...]:
    found = drift(workshop)
    return found.differs if found is not None else ()


def publish(workshop: Workshop, key: str) -> None:
    """Note with a verdict that its image was published, as `guard publish` does."""
    with ObjectPool() as pool:
        verdicts = Verdicts(workshop.docker.repository, pool)
        (record,) = [item for item in verdicts.newest() if item.key == key]
        name = "localhost/aula"
        verdicts.record(record.publish(f"{name}:1", f"{name}@sha256:1", "2016-03-05T10:00:00Z"), ())


class TestPush:
    def test_another_thentos_and_no_image_is_a_warning(self, shared: Workshop) -> None:
        shared.install()
        release(shared)
        shared.aula.commit("Go on", {"word": "x"})
        shared.pin()
        shared.verdict()
        for _ in ("first", "remembered"):
            ran = shared.push(shared.aula, "--dry-run", "origin", "HEAD:refs/heads/master")
            assert ran.status == 0
            assert OLDER in ran.err
            assert "(guard publish " in ran.err
        told = shared.guard("check", at=shared.aula)
        assert "found:    unlike aula-docker on origin: thentos" in told.out

    def test_a_published_image_is_what_ci_takes(self, shared: Workshop) -> None:
        shared.install()
        release(shared)
        shared.aula.commit("Go on", {"word": "x"})
        shared.pin()
        publish(shared, shared.verdict())
        ran = shared.push(shared.aula)
        assert ran.status == 0
        assert OLDER not in ran.text

    def test_the_same_image_as_others_have(self, shared: Workshop) -> None:
        shared.install()
        shared.aula.commit("Go on", {"word": "x"})
        shared.pin()
        shared.verdict()
        ran = shared.push(shared.aula)
        assert ran.status == 0
        assert OLDER not in ran.text

    def test_it_can_be_set_to_block(self, shared: Workshop) -> None:
        shared.install()
        release(shared)
        shared.aula.commit("Go on", {"word": "x"})
        toml = GUARD_TOML + '[rules]\nimage-published = "error"\n'
        shared.docker.commit("Be strict", {".guard.toml": toml})
        shared.pin()
        key = shared.verdict()
        ran = shared.push(shared.aula)
        assert ran.status != 0
        assert f"error image-published: {OLDER}" in ran.err
        assert shared.remote_head("aula") != shared.aula.head
        publish(shared, key)
        assert shared.push(shared.aula).status == 0

    def test_what_has_not_passed_is_told_by_the_other_rule(self, shared: Workshop) -> None:
        shared.release("0.3.1")
        shared.pin()
        shared.verdict(Result.FAILED_TEST)
        told = shared.guard("check", at=shared.aula)
        assert "error tested" in told.out
        assert "image-published" not in told.out

    def test_a_push_of_the_superproject_is_what_ends_it(self, shared: Workshop) -> None:
        shared.install()
        shared.release("0.3.1")
        shared.thentos.git("push", "--quiet", "--tags", "origin", "HEAD:refs/heads/master")
        shared.pin()
        shared.verdict()
        ran = shared.push(shared.docker)
        assert ran.status == 0
        assert OLDER not in ran.text


class TestDrift:
    def test_others_have_the_same(self, shared: Workshop) -> None:
        assert drift(shared) is None

    def test_the_consumer_is_left_out(self, shared: Workshop) -> None:
        shared.aula.commit("Go on", {"word": "x"})
        shared.pin()
        assert drift(shared) is None

    def test_every_path_that_differs_is_named(self, shared: Workshop) -> None:
        shared.release("0.3.1")
        shared.docker.git("rm", "--quiet", "--cached", "Dockerfile")
        shared.docker.git("commit", "--quiet", "-m", "No Dockerfile")
        shared.docker.write({"lib/new": "x"})
        shared.docker.git("add", "lib")
        shared.pin()
        assert drift(shared) == Drift("origin", ("Dockerfile", "lib", "thentos"))

    def test_a_policy_is_no_image(self, shared: Workshop) -> None:
        strict = GUARD_TOML + '[rules]\nimage-published = "error"\n'
        shared.docker.commit("Be strict", {".guard.toml": strict})
        assert drift(shared) is None
        toml = GUARD_TOML.replace("[test]", 'target = "small"\n[test]')
        shared.docker.commit("Another stage", {".guard.toml": toml})
        assert differs(shared) == (".guard.toml",)

    def test_a_consumer_in_a_folder(self, shared: Workshop) -> None:
        git = shared.docker.git
        for commit in (shared.aula.head, shared.aula.commit("Go on")):
            git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib/app/aula")
            git("commit", "--quiet", "-m", "Put aula into a folder")
            if commit != shared.aula.head:
                git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/master")
        config = Config(consumer="lib/app/aula", image=Image("localhost/aula"))
        found = drift(shared, config)
        assert found is None or found.differs == ("aula",)
        shared.docker.write({"lib/word": "x"})
        git("add", "lib/word")
        git("commit", "--quiet", "-m", "Beside it")
        found = drift(shared, config)
        assert found is not None and found.differs[-1] == "lib/word"

    def test_nothing_is_known_of_a_remote(self, workshop: Workshop) -> None:
        workshop.release("0.3.1")
        workshop.pin()
        assert drift(workshop) is None

    @pytest.mark.parametrize("branch", ["main", "trunk"])
    def test_a_remote_and_a_branch_of_another_name(self, shared: Workshop, branch: str) -> None:
        git = shared.docker.git
        git("update-ref", f"refs/remotes/upstream/{branch}", "HEAD")
        git("remote", "rename", "origin", "upstream")
        git("update-ref", "-d", "refs/remotes/upstream/master")
        shared.release("0.3.1")
        shared.pin()
        if branch == "trunk":
            assert drift(shared) is None
            git("remote", "set-head", "upstream", branch)
        assert drift(shared) == Drift("upstream", ("thentos",))


def test_it_takes_no_other_git_process(shared: Workshop, tmp_path: Path) -> None:
    release(shared)
    shared.aula.commit("Go on", {"word": "x"})
    shared.pin()
    key = shared.verdict()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(
        f'#!/bin/sh\necho run >> "{tmp_path}/runs"\nexec {shutil.which("git")} "$@"\n'
    )
    (tools / "git").chmod(0o755)

    def count() -> int:
        (tmp_path / "runs").write_text("")
        line = f"HEAD {shared.aula.head} refs/heads/master {ZERO}\n".encode()
        path = f"{tools}:{os.environ['PATH']}"
        words = ("pre-push", "origin", "url")
        ran = shared.guard(*words, at=shared.aula, data=line, PATH=path)
        assert ran.status == 0
        assert (OLDER in ran.text) is not published
        return len((tmp_path / "runs").read_text().split())

    published = False
    _, warned = count(), count()
    publish(shared, key)
    published = True
    _, silent = count(), count()  # the first one reads the new verdict
    assert 0 < warned == silent
