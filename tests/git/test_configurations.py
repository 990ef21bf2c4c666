"""What git's configuration says to repositories, asked or remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from guard.git.configurations import Configurations
from guard.git.locate import open_checkout
from guard.git.process import Repository
from guard.git.remotes import Pairs
from tests.workshop import Workshop

Read = Callable[[], tuple[Pairs, bool]]


def repository(workshop: Workshop, name: str = "") -> Repository:
    found = open_checkout(str(workshop.docker.folder / name))
    assert found is not None
    return found


@pytest.fixture
def read(workshop: Workshop) -> Read:
    """What aula's configuration says, after the superproject's; and whether git was asked."""

    def asked() -> tuple[Pairs, bool]:
        top, aula = repository(workshop), repository(workshop, "aula")
        configurations = Configurations()
        try:
            configurations.recall_from(top.common_dir)
            configurations.read(top)
            configurations.ask(aula)
            running = aula.git_dir in configurations._asked
            configurations.remember_in(top.common_dir)
            return configurations.read(aula), running
        finally:
            configurations.close()

    return asked


def config(workshop: Workshop, *words: str) -> None:
    workshop.aula.git("config", *words)


def test_the_second_time_git_is_not_asked(read: Read) -> None:
    first, asked = read()
    assert asked
    assert ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*") in first
    assert read() == (first, False)


def test_what_git_prints_is_kept_as_it_is(workshop: Workshop, read: Read) -> None:
    config(workshop, "remote.ä b.url", "x y\n.z")
    with (workshop.docker.folder / ".git/modules/aula/config").open("a") as file:
        file.write("[submodule]\n\trecurse\n")
    for _ in ("asked", "remembered"):
        pairs, _ = read()
        assert ("remote.ä b.url", "x y\n.z") in pairs
        assert ("submodule.recurse", "true") in pairs


@pytest.mark.parametrize(
    "change",
    [
        lambda workshop: config(workshop, "remote.origin.url", "https://example.org/other"),
        lambda workshop: config(
            workshop, "--global", "url.https://example.org/.insteadOf", "https://other.org/"
        ),
        lambda workshop: config(workshop, "--global", "remote.pushDefault", "fork"),
    ],
)
def test_a_change_is_seen(
    workshop: Workshop, read: Read, change: Callable[[Workshop], None]
) -> None:
    for _ in range(2):
        before, _ = read()
    change(workshop)
    after, asked = read()
    assert asked
    assert after != before


def test_a_worktree_of_its_own_configuration(workshop: Workshop, read: Read) -> None:
    config(workshop, "extensions.worktreeConfig", "true")
    read()
    config(workshop, "--worktree", "remote.origin.url", "https://example.org/other")
    after, asked = read()
    assert asked
    assert dict(after)["remote.origin.url"] == "https://example.org/other"


@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_files_that_include_others_are_not_remembered(
    workshop: Workshop, read: Read, tmp_path: Path, scope: str
) -> None:
    other = tmp_path / "more.config"
    config(workshop, "--file", str(other), "remote.a.url", "https://example.org/a")
    config(workshop, scope, "includeIf.gitdir:**/aula.path", str(other))
    for url in ("https://example.org/a", "https://example.org/b"):
        config(workshop, "--file", str(other), "remote.a.url", url)
        pairs, asked = read()
        assert asked
        assert dict(pairs)["remote.a.url"] == url


def test_git_before_2_26(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "git"
    old.write_text(
        '#!/bin/sh\nfor word; do [ "$word" != --show-scope ] || exit 129; done\n'
        'PATH=${PATH#*:}\nexec git "$@"\n'
    )
    old.chmod(0o755)
    here = repository(workshop)
    expected = Configurations().read(here)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert Configurations().read(here) == expected != []
