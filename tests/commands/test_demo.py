"""`guard demo`: the whole story on a real engine, and what it says when something is amiss."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any, cast

import docker.errors
import pytest

from guard.commands import demo
from guard.demo.world import StepError, World
from guard.engine.client import Engine
from guard.errors import GuardError
from guard.screen import Screen
from tests.pages import DOCS, page, screens

STORY = (
    "error release-tag: thentos is pinned to v0.2.1-2-g",
    "$ guard align",
    "-> v0.3.0, checked out and staged",
    "error tested: this combination has not been built and tested",
    "$ guard test",
    "error: formHandler takes 3 arguments (action, method, fields), but is given 2",
    "failed at test",
    "error tested: the tests of this combination fail",
    "passed: verdict ",
    "published: 127.0.0.1:",
    "latest moves to releases only",
    "guard: aula: ",
    "guard: aula-docker: ",
    "Every step did what it should: 10 steps",
)


def guard(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "guard", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def demo_images() -> set[str]:
    """The images in whose history the demo's own build step stands."""
    with Engine.connect() as engine:
        images = cast(Any, engine.api).images(all=True, quiet=True)
        found = set()
        for image in set(images):
            try:
                steps = cast(Any, engine.api).history(image)
            except docker.errors.ImageNotFound:
                continue  # another test has removed its own since
            if any("test -f /liqd/aula/aula.cabal" in step["CreatedBy"] for step in steps):
                found.add(image)
        return found


def unchanging(text: str) -> str:
    """Without the engine, which is the machine's, and the commit that names the registry."""
    text = re.sub(r"(?m)^(\s+engine  ).*", r"\1...", text)
    return re.sub(r"(push of aula-docker) [0-9a-f]{12}: allowed", r"\1 ...: allowed", text)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, Screen(StringIO(), StringIO(), colour=False))
    world.step("a step", "its story")
    return world


def test_every_step_does_what_it_should_whatever_the_machine_is_set_to(tmp_path: Path) -> None:
    hostile = tmp_path / "home"
    hostile.mkdir()
    (hostile / ".gitconfig").write_text(
        "[commit]\n\tgpgSign = true\n[core]\n\thooksPath = /nowhere\n[push]\n\tdefault = nothing\n"
        '[url "https://example.org/"]\n\tinsteadOf = /\n[submodule]\n\trecurse = true\n'
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = demo_images()
    ran = guard(
        "demo",
        folder=tmp_path,
        HOME=str(hostile),
        TMPDIR=str(temporary),
        GIT_DIR=str(tmp_path / "elsewhere"),
        GIT_AUTHOR_DATE="1999-01-01T00:00:00Z",
        PYTHONPATH=str(tmp_path),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    position = 0
    for text in STORY:
        position = ran.stdout.find(text, position)
        assert position >= 0, f"{text!r} is not there, or too early:\n{ran.stdout}"
    assert list(temporary.iterdir()) == []
    folder = ran.stdout.partition("folder: ")[2].partition("\n")[0]
    told = ran.stdout.replace(folder, "/home/dev")
    told = unchanging(told)
    shown = [(name, screen) for name in ("README.md", *DOCS) for screen in screens(page(name))]
    assert len(shown) == 3
    for name, screen in shown:
        assert unchanging(screen) in told, f"{name} shows another screen than:\n{told}"
    assert "an older image" not in told
    assert demo_images() <= before


def test_without_a_registry_the_story_is_told_without_one(tmp_path: Path) -> None:
    """As on a machine that has no such program; that of the virtual environment is hidden."""
    shown = StringIO()
    stack = ExitStack()
    with Engine.connect() as engine, pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "registry", nothing)
        screen = Screen(shown, shown, colour=False)
        assert demo._registry(engine, tmp_path / "registry", stack, screen) == ""
    assert "no registry, so nothing is published here: there is none" in shown.getvalue()


def nothing(folder: Path) -> ExitStack:
    raise GuardError("there is none")


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    ran = guard("demo", folder=tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert ran.returncode == 3
    assert "no engine answers" in ran.stderr
    assert "to mend it" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_step_that_does_something_else_is_named_and_the_folder_stays() -> None:
    def story(world: World, base: str, registry: str) -> None:
        world.step("a heading")
        world.show(".", "git", "--version", status=7)

    out, errors = StringIO(), StringIO()
    assert demo.play(story, False, Screen(out, errors, colour=False)) == 1
    assert "step 1 (a heading): git --version: ended with status 0" in errors.getvalue()
    kept = re.search(r"^kept: (\S+),", out.getvalue(), re.MULTILINE)
    assert kept is not None
    assert Path(kept[1]).is_dir()
    shutil.rmtree(kept[1])


def test_a_guard_in_a_cache_plays_in_that_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.dirname(sys.prefix))
    folder = demo._folder()
    try:
        assert folder.parent == Path(sys.prefix).resolve()
    finally:
        folder.rmdir()


@pytest.mark.parametrize(
    ("status", "says", "never", "problem"),
    [
        (1, (), (), "ended with status 0, expected was status 1"),
        (None, (), (), "ended with status 0, expected was another status than 0"),
        (0, ("no such text",), (), "does not say: no such text"),
        (0, (), ("git version",), "says, and should not: git version"),
    ],
)
def test_each_way_to_go_wrong(
    world: World, status: int | None, says: tuple[str, ...], never: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(StepError) as error:
        world.show(".", "git", "--version", status=status, says=says, never=never)
    assert problem in error.value.problem
    assert "step 1 (a step)" in error.value.problem


def test_other_failures_have_their_own_words(world: World) -> None:
    with pytest.raises(StepError, match=r"step 1 .*it is not so"):
        world.expect(False, "it is not so")
    with pytest.raises(StepError, match="git nonsense"):
        world.quietly(world.folder, "git", "nonsense")
