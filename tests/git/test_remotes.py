"""URLs that lead to one place, remotes that lead there, and URLs that count from another one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guard.git.remotes import Pairs, Remotes, place, read_remotes, resolved
from guard.git.repository import Repository

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
