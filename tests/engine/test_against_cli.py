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
from tests.engine.conftest import Trial
from tests.engine.trees import Content, Store

FILES = (
    *("README.md", "a.md", "a.txt", ".hidden", "docs/a.md", "docs/keep/b.md", "docs/keep/c.txt"),
    *("src/Main.hs", "src/lib/Lib.hs", "src/lib/Lib.md", "temp1", "tempa", "some/temp1/x", "x y"),
    *("thentos/.git-like", "thentos/docs/a.md", "ä/ö.md", "deep/a/b/c/d.md", "deep/a/e.txt"),
)
# What every version of the CLI and both builders read in the same way. For the rest see the
# module: exceptions with a wildcard in front below an excluded folder.
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
)


@pytest.fixture
def docker(engine: Engine) -> str:
    """A CLI that knows both builders."""
    cli = find_cli()
    assert cli is not None
    return cli.command[0] if not cli.is_buildx else "docker"


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_the_cli_leaves_out_the_same(
    builder: str, docker: str, engine: Engine, store: Store, tmp_path: Path
) -> None:
    trial = Trial(engine, builder)
    differing = []
    for number, ignore in enumerate(IGNORED):
        files: dict[str, Content] = {
            "Dockerfile": "FROM scratch\nCOPY . /context/\n",
            ".dockerignore": ignore,
            "none": f"{builder} {number}",
            **dict.fromkeys(FILES, "x"),
        }
        with trial.stack:
            ready = trial.prepared([store.part(files)], Config(test=Test(("none",))))
            choose = choose_builder(engine, builder).build
            made = choose(engine, ready.context, ready.recipe, Options(), trial.on_event)
        ours = inside(engine, made.image)
        theirs = copied(engine, docker, builder, files, tmp_path / str(number))
        if ours != theirs:
            differing.append((ignore, ours ^ theirs))
    assert differing == []


def copied(
    engine: Engine, docker: str, builder: str, files: dict[str, Content], folder: Path
) -> set[str]:
    """What ``COPY .`` copies of a folder with these files."""
    for path, content in files.items():
        assert isinstance(content, str)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    # Without the cache: in it, the classic builder stumbles over images that others remove.
    command = [docker, "build", "-q", "--no-cache", str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": str(int(builder == "buildkit"))}
    built = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    shutil.rmtree(folder)
    return inside(engine, built.stdout.strip().splitlines()[-1])


def inside(engine: Engine, image: str) -> set[str]:
    """The files of an image that has one layer."""
    saved = io.BytesIO(b"".join(engine.api.get_image(image)))
    with tarfile.open(fileobj=saved) as archive:
        inside = archive.extractfile(
            next(each for each in archive if each.name.endswith("layer.tar"))
        )
        with tarfile.open(fileobj=inside) as layer:
            return {each.name.removeprefix("context/") for each in layer if each.isreg()}
