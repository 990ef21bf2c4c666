"""Remotes: URLs that lead to one place or count from another, settings, what a remote answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.errors import GitError
from guard.git import remotes as remotes_of_git
from guard.git.remotes import (
    Asking,
    Pairs,
    Remotes,
    Settings,
    fetch,
    is_path,
    ls_remote,
    place,
    read_remotes,
    resolved,
)
from guard.git.repository import Repository, open_checkout
from tests.workshop import Workshop

HERE = "/home/dev/aula-docker"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/liqd/aula",
        "https://github.com/liqd/aula/",
        "https://github.com/liqd/aula.git/",
        "https://GitHub.com:443/liqd/aula.git",
        "https://user:secret@github.com/liqd/aula.git",
        "http://github.com/liqd/aula.git",
        "git://github.com/liqd/aula.git",
        "ssh://git@github.com/liqd/aula.git",
        "ssh://git@github.com:22/liqd/aula",
        "git@github.com:liqd/aula.git",
        "git@github.com:/liqd/aula",
        "github.com:liqd/aula.git",
        "https://github.com/liqd/%61ula",
    ],
)
def test_forms_of_one_place(url: str) -> None:
    assert place(url, HERE) == "github.com/liqd/aula"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/fork/aula.git",
        "https://example.org/liqd/aula.git",
        "https://github.com:8443/liqd/aula.git",
        "git@github.com:liqd/aula-docker.git",
        "/github.com/liqd/aula",
        "./github.com:liqd/aula",
    ],
)
def test_other_places(url: str) -> None:
    assert place(url, HERE) != "github.com/liqd/aula"


def test_paths_are_followed_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "real" / "aula.git").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    whole = str(tmp_path / "real" / "aula")
    for url in (f"{whole}.git", f"file://{whole}.git/", "link/aula.git", f"{whole}/.git"):
        assert place(url, str(tmp_path)) == whole
    assert place("[::1]:aula.git", HERE) == place("ssh://[::1]/aula", HERE)


def test_a_folder_beside_a_bare_repository_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "aula.git").mkdir()
    assert place("aula", str(tmp_path)) == place("aula.git", str(tmp_path))
    (tmp_path / "aula").mkdir()
    assert place("aula", str(tmp_path)) != place("aula.git", str(tmp_path))
    assert place("aula/.git", str(tmp_path)) == place("aula", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("../aula.git", "https://github.com/liqd/aula-docker.git"),
        ("../aula.git", "https://github.com/liqd/aula-docker/"),
        ("../../other/aula.git/", "https://github.com/liqd/aula-docker"),
        ("./aula", "ssh://git@host:22/x/y"),
        ("../aula.git", "git@github.com:liqd/aula-docker.git"),
        ("../../aula.git", "git@github.com:liqd/aula-docker.git"),
        ("../aula", "host:docker"),
        ("../aula", "/srv/git/docker"),
        ("../aula", "../remotes/docker.git"),
        ("../aula", "./docker"),
        ("../aula", "remotes/docker"),
        ("../../../aula", "/a"),
        ("https://x/y", "/srv"),
    ],
)
def test_relative_urls_are_what_git_makes_of_them(tmp_path: Path, url: str, base: str) -> None:
    def git(*words: str, ok: bool = True) -> str:
        ran = subprocess.run(
            ["git", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0 or not ok, ran.stderr
        return ran.stdout.strip()

    git("init", "--quiet")
    git("remote", "add", "origin", base)
    for key, value in (("path", "sub"), ("url", url)):
        git("config", "--file=.gitmodules", f"submodule.sub.{key}", value)
    git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git("submodule", "init", "sub", ok=False)
    assert (resolved(url, base) or "") == git("config", "submodule.sub.url", ok=False)


def remotes(*pairs: tuple[str, str]) -> Remotes:
    return read_remotes(pairs, Repository("/home/dev/aula/.git", "/home/dev/aula/.git", HERE))


def names(found: Remotes, url: str) -> list[str]:
    return [item.name for item in found.at(found.places(url))]


def test_remotes_by_their_url() -> None:
    found = remotes(
        ("remote.origin.url", "git@github.com:me/aula.git"),
        ("remote.Up.stream.url", "https://github.com/liqd/aula"),
        ("remote.none.fetch", "+refs/heads/*:refs/remotes/none/*"),
    )
    assert names(found, "git@github.com:liqd/aula.git") == ["Up.stream"]
    assert names(found, "https://github.com/me/aula") == ["origin"]
    assert names(found, "https://github.com/other/aula") == []


def test_the_longest_beginning_is_replaced() -> None:
    found = remotes(
        ("url.https://mirror/.insteadof", "gh:"),
        ("url.https://github.com/liqd/.insteadof", "gh:liqd/"),
        ("remote.origin.url", "gh:liqd/aula"),
    )
    assert names(found, "https://github.com/liqd/aula.git") == ["origin"]


FETCH = "+refs/heads/*:refs/remotes/origin/*"
URL = "https://github.com/liqd/aula"


def tracks(ref: str, *pairs: tuple[str, str]) -> bool:
    found = remotes(("remote.origin.url", URL), ("remote.origin.fetch", FETCH), *pairs)
    remote = found.named("origin")
    assert remote is not None
    return found.tracked(remote, found.places(URL), [ref]) == [ref]


def test_refs_that_say_what_a_remote_has() -> None:
    ref = "refs/remotes/origin/master"
    assert tracks(ref)
    assert not tracks("refs/remotes/originx/master")
    assert not tracks("refs/tags/refs/remotes/origin/master")
    assert tracks(ref, ("remote.origin.pushurl", "git@github.com:liqd/aula.git"))
    assert not tracks(ref, ("remote.origin.pushurl", "git@github.com:me/aula.git"))
    assert not tracks(ref, ("remote.origin.url", "git@github.com:me/aula.git"))
    assert not tracks(ref, ("url.https://elsewhere/.pushinsteadof", "https://github.com/"))


def test_pull_requests_are_no_branches() -> None:
    fetch = ("remote.origin.fetch", "+refs/pull/*/head:refs/remotes/origin/pr/*")
    assert tracks("refs/remotes/origin/master", fetch)
    assert not tracks("refs/remotes/origin/pr/5", fetch)
    assert tracks("refs/remotes/origin/x", ("remote.origin.fetch", "x:refs/remotes/origin/x"))


def test_another_remote_kept_under_the_same_names() -> None:
    fork: Pairs = (
        ("remote.origin/fork.url", "https://github.com/me/aula"),
        ("remote.origin/fork.fetch", "+refs/heads/*:refs/remotes/origin/fork/*"),
    )
    assert tracks("refs/remotes/origin/master", *fork)
    assert not tracks("refs/remotes/origin/fork/master", *fork)


def repository(workshop: Workshop, name: str = "") -> Repository:
    found = open_checkout(str(workshop.docker.folder / name))
    assert found is not None
    return found


def test_what_git_prints_is_kept_as_it_is(workshop: Workshop) -> None:
    workshop.aula.git("config", "remote.ä b.url", "x y\n.z")
    with (workshop.docker.folder / ".git/modules/aula/config").open("a") as file:
        file.write("[submodule]\n\trecurse\n")
    pairs = Settings().of(repository(workshop, "aula"))
    assert ("remote.ä b.url", "x y\n.z") in pairs
    assert ("submodule.recurse", "true") in pairs
    assert ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*") in pairs


def test_each_repository_has_its_own(workshop: Workshop) -> None:
    workshop.docker.git("config", "guard.superproject", "here")
    settings = Settings()
    top, aula = settings.of_all([repository(workshop), repository(workshop, "aula")])
    assert dict(top)["guard.superproject"] == "here"
    assert "guard.superproject" not in dict(aula)
    assert settings.of(repository(workshop, "aula")) is aula


def test_a_worktree_of_its_own_configuration(workshop: Workshop) -> None:
    workshop.aula.git("config", "extensions.worktreeConfig", "true")
    workshop.aula.git("config", "--worktree", "remote.origin.url", "https://example.org/other")
    pairs = Settings().of(repository(workshop, "aula"))
    assert dict(pairs)["remote.origin.url"] == "https://example.org/other"


def test_what_was_started_ahead_is_asked_once_and_ended_with_the_rest(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, aula = repository(workshop), repository(workshop, "aula")
    settings = Settings()
    settings.start(top)
    settings.start(aula)
    # What is started has no need of git any more.
    monkeypatch.setenv("PATH", str(workshop.root))
    assert ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*") in settings.of(top)
    assert settings.of(top) is settings.of(top)
    settings.close()
    with pytest.raises(GitError, match="git cannot be run"):
        settings.of(aula)


def test_what_a_remote_has(workshop: Workshop) -> None:
    workshop.thentos.git("tag", "-a", "-m", "x", "v9", "v0.3.0")
    workshop.thentos.git("push", "--quiet", "origin", "v9")
    shown = ls_remote(workshop.thentos.repository, "origin")
    head = workshop.thentos.head
    assert shown["refs/heads/master"] == shown["refs/tags/v0.3.0"] == head
    assert shown["refs/tags/v9^{}"] == head
    assert "HEAD" not in shown


def test_a_remote_that_is_not_there(workshop: Workshop) -> None:
    workshop.thentos.git("remote", "set-url", "origin", str(workshop.root / "gone"))
    with pytest.raises(GitError, match="git ls-remote origin failed: "):
        ls_remote(workshop.thentos.repository, "origin")


def shown(repository: Repository) -> None:
    answer = Asking(None).shown(repository, "origin")
    assert isinstance(answer, GitError)
    raise answer


def fetched_again(repository: Repository) -> None:
    repository.text_as_user("fetch", "origin", seconds=2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda repository: ls_remote(repository, "origin", seconds=2),
        # Where git may ask for a password, its helpers are in the group of whoever asks.
        lambda repository: ls_remote(repository, "origin", seconds=None),
        lambda repository: fetch(repository, "origin"),
        shown,
        fetched_again,
    ],
)
def test_one_that_does_not_answer_is_given_up_and_nothing_of_it_is_left(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Repository], object]
) -> None:
    monkeypatch.setattr(remotes_of_git, "_LOGIN", 2.0)
    monkeypatch.setattr(remotes_of_git, "FETCHING", 2.0)
    pid = workshop.root / "pid"
    ssh = workshop.root / "ssh"
    ssh.write_text(f'#!/bin/sh\necho $$ > "{pid}.new"\nmv "{pid}.new" "{pid}"\nexec sleep 60\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    workshop.thentos.git("remote", "set-url", "origin", "ssh://example.org/thentos")
    with pytest.raises(GitError, match=r"git .* origin did not answer in 2 seconds"):
        ask(workshop.thentos.repository)
    started = int(pid.read_text())
    # The kernel takes its time over a killed process; 60 seconds would be the sleep's own end.
    end = time.monotonic() + 30
    while _runs(started):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_nobody_is_asked_for_a_password(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = workshop.root / "told"
    ssh = workshop.root / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$GIT_TERMINAL_PROMPT $SSH_ASKPASS_REQUIRE $GIT_DIR" > "{told}"\n'
        f'(: < /dev/tty) 2>/dev/null && echo a terminal >> "{told}"\nexit 1\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    workshop.thentos.git("remote", "set-url", "origin", "ssh://example.org/thentos")
    repository = workshop.thentos.repository
    monkeypatch.setenv("GIT_DIR", os.devnull)
    with pytest.raises(GitError):
        ls_remote(repository, "origin")
    assert told.read_text().splitlines()[0].startswith("0 never")
    assert "a terminal" not in told.read_text()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/srv/git/aula.git", True),
        ("../aula.git", True),
        ("~/aula.git", True),
        ("file:///srv/git/aula.git", True),
        ("FILE://localhost/srv/git/aula.git", True),
        ("./a:b", True),
        ("git@github.com:liqd/aula", False),
        ("host:aula", False),
        ("https://github.com/liqd/aula", False),
        ("ssh://localhost/srv/git/aula.git", False),
    ],
)
def test_what_is_a_path_of_this_machine(url: str, expected: bool) -> None:
    assert is_path(url) is expected
