"""`.dockerignore` as the docker CLI really applies it, with both of its builders."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from guard.config import Config, Test
from guard.engine.attempt import choose_builder
from guard.engine.build import Options
from guard.engine.cli import find_cli
from guard.engine.client import Engine
from guard.errors import GuardError
from tests.engine.conftest import Trial
from tests.engine.own import NEWER
from tests.engine.trees import Content, Store

FILES = (
    *("README.md", "a.md", "a.txt", ".hidden", "docs/a.md", "docs/keep/b.md", "docs/keep/c.txt"),
    *("src/Main.hs", "src/lib/Lib.hs", "src/lib/Lib.md", "temp1", "tempa", "some/temp1/x", "x y"),
    *("thentos/.git-like", "thentos/docs/a.md", "ä/ö.md", "deep/a/b/c/d.md", "deep/a/e.txt"),
    *("Tests/Spec.hs", "#hash", "[x]", "q?", "qq", "back\\slash", "z^", "lit*", "literal"),
    *("m/-1", "m/a1", "m/b1", "m/!1", "dk/D", "dk/D.dockerignore"),
)
IGNORED = (
    "*.md",
    "**/*.md",
    "docs",
    "docs/",
    "/docs",
    "./docs//keep/../keep",
    "*\n!README.md",
    "docs\n!docs/keep",
    "docs/*\n!docs/keep",
    "*/temp*",
    "temp?",
    "temp[0-9]",
    "temp[^0-9]",
    "**/lib",
    "deep/**",
    "deep/**/d.md",
    "**",
    "**\n!src\nsrc/lib",
    "# docs\n\n  a.txt  \n.hidden\r\nx y",
    "ä",
    ".",
    "Dockerfile\n.dockerignore",
    "*\n!deep/a/b",
    "tests",
    "*\n/!README.md",
    "\\#hash",
    " #hash",
    "\\[x\\]",
    "q\\?",
    "back\\\\slash",
    "z^",
    "*^",
    "../a.md",
    "\ufeffa.md",
    "m/\\-1",
    "m/[!a]1",
    "m/[^!]1",
    "lit\\*",
    "lit[*]",
    "**md",
    "deep/*\n!**/d.md",
    "docs/keep\n!docs",
    "**/c.txt\n!docs/keep",
    "\\d",
)
# What it refuses, and guard as well.
REFUSED = (
    *("[", "m/[", "m/[a-]1", "[z-a]", "nowhere/[z-a]", "[]a]", "[^]", "[-a]"),
    *("!", "! ", "!/", "/ !", "!/..", "a\\", "\\p", "\\ä"),
)


@pytest.fixture
def docker(engine: Engine, builder: str) -> str:
    """The CLI that drives BuildKit here; for the classic builder, which guard imitates, a new one.

    Older ones read `z^` and exceptions below a folder that is let in in another way.
    """
    if builder == "classic":
        return str(NEWER / "usr/bin/docker")
    cli = find_cli()
    assert cli is not None
    return cli.command[0] if not cli.is_buildx else "docker"


def test_the_cli_leaves_out_the_same(
    builder: str, docker: str, engine: Engine, store: Store, tmp_path: Path
) -> None:
    differing = []
    for number, ignore in enumerate(IGNORED):
        files = context(ignore, f"{builder} {number}")
        ours = inside(engine, made_by_guard(engine, builder, store, files))
        built = made_by_cli(docker, builder, files, tmp_path / str(number))
        assert built.returncode == 0, built.stderr
        theirs = inside(engine, built.stdout.strip().splitlines()[-1])
        if ours != theirs:
            differing.append((ignore, ours ^ theirs))
    assert differing == []


def test_the_cli_refuses_the_same(
    builder: str, docker: str, engine: Engine, store: Store, tmp_path: Path
) -> None:
    for number, pattern in enumerate(REFUSED):
        files = context(f"fine\n{pattern}\n", f"{builder} refused {number}")
        with pytest.raises(GuardError) as caught:
            made_by_guard(engine, builder, store, files)
        told = f".dockerignore:2: the pattern {pattern.strip()} cannot be read: "
        assert caught.value.problem.startswith(told), (pattern, caught.value)
        built = made_by_cli(docker, builder, files, tmp_path / str(number))
        assert built.returncode != 0, pattern


def context(ignore: str, name: str) -> dict[str, Content]:
    dockerfile = "FROM scratch\nCOPY . /context/\n"
    return {
        "Dockerfile": dockerfile,
        ".dockerignore": ignore,
        "none": name,
        **dict.fromkeys(FILES, "x"),
    }


def made_by_guard(engine: Engine, builder: str, store: Store, files: dict[str, Content]) -> str:
    trial = Trial(engine, builder)
    with trial.stack:
        ready = trial.prepared([store.part(files)], Config(test=Test(("none",))))
        build = choose_builder(engine, builder).build
        return build(engine, ready.context, ready.recipe, Options(), trial.on_event).image


def made_by_cli(
    docker: str, builder: str, files: dict[str, Content], folder: Path
) -> subprocess.CompletedProcess[str]:
    """A build of a folder with these files."""
    for path, content in files.items():
        assert isinstance(content, str)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    # Without the cache: in it, the classic builder stumbles over images that others remove.
    command = [docker, "build", "-q", "--no-cache", str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": str(int(builder == "buildkit"))}
    built = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    shutil.rmtree(folder)
    return built


def inside(engine: Engine, image: str) -> set[str]:
    """The files of an image that has one layer."""
    saved = io.BytesIO(b"".join(engine.api.get_image(image)))
    with tarfile.open(fileobj=saved) as archive:
        inside = archive.extractfile(
            next(each for each in archive if each.name.endswith("layer.tar"))
        )
        with tarfile.open(fileobj=inside) as layer:
            return {each.name.removeprefix("context/") for each in layer if each.isreg()}
