"""What ``guard test`` costs beside the docker CLI where every step is cached.

    make bench-build

A combination of 5 MB and one of 300 MB are tested again and again, by the whole command, on each
engine and by each of its builders; in turn with it the CLI builds the same and runs the same test.
For the small one the CLI is given a folder with the files, as a person would; for the large one a
tar, which all of it goes through, as it does for guard.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bench.push import Took, held, say, seal
from guard.engine.baseimage import base_image
from guard.engine.cli import find_cli
from guard.engine.client import Engine
from tests.engine.own import NEWER
from tests.matrix.columns import COLUMNS, Column, Engines
from tests.workshop import GUARD_TOML, Workshop

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
MOST_MEMORY: Final = 100
# Megabytes that an engine of its own has on its disk.
SPACE: Final = 3_000


class Size(NamedTuple):
    """How much is built.

    Args:
        times: how often in each of the rounds; what is over soon varies the most.
        by_tar: whether the CLI is given a tar.
        most: how many times as long as the CLI guard may take.
    """

    name: str
    files: int
    bytes: int
    times: int
    by_tar: bool
    most: float


SIZES: Final = (
    Size("5 MB", 500, 10_000, 3, False, 1.5),
    Size("300 MB in 20,000 files", 20_000, 15_000, 1, True, 2.5),
)
# The whole command, which leaves its own peak of memory behind; not getrusage's, which counts what
# the parent had at the fork.
GUARD: Final = """
import atexit, sys
from guard.__main__ import main

path = sys.argv.pop()

def peak():
    lines = open("/proc/self/status").read().splitlines()
    size = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    open(path, "w").write(size)

atexit.register(peak)
main()
"""


class World(NamedTuple):
    """A combination of a size, as guard has it and as the CLI is given it, as a folder or a tar."""

    size: Size
    workshop: Workshop
    folder: Path
    tar: Path


def main() -> int:
    """Measure, print, and tell by the exit status whether all holds."""
    holds = []
    root = Path(tempfile.mkdtemp(prefix="bench-build-"))
    try:
        seal(root)
        with ExitStack() as stack:
            engines = Engines(stack)
            for column in COLUMNS:
                if column.spec is not None:
                    column = column._replace(spec=column.spec._replace(space=SPACE))
                env = {**os.environ, **engines.environment(column, root / column.name / "docker")}
                for size in SIZES:
                    world = made(root / column.name / str(size.files), size, column, env)
                    holds.append(measured(column, world, env))
                    shutil.rmtree(world.folder.parent)
    finally:
        shutil.rmtree(root)
    return 0 if all(holds) else 1


def made(root: Path, size: Size, column: Column, env: dict[str, str]) -> World:
    """The workshop, whose aula has files that do not compress, and what the CLI is given."""
    with Engine.connect(env.get("DOCKER_HOST", "")) as engine:
        base = base_image(engine)
    source = random.Random(size.files)
    workshop = Workshop(root / "work")
    names = (f"d{number % 100}/f{number}" for number in range(size.files))
    workshop.aula.commit("Fill", {name: source.randbytes(size.bytes) for name in names})
    files = {
        "Dockerfile": f"FROM {base}\nCOPY . /liqd\nRUN echo built\n",
        ".guard.toml": GUARD_TOML.replace("[test]", f'builder = "{column.builder}"\n[test]'),
    }
    workshop.docker.commit("Build", files)
    folder, tar = root / "folder", root / "context.tar"
    for repository in (workshop.docker, workshop.aula, workshop.thentos):
        repository.git("repack", "-qad")
        below = repository.folder.relative_to(workshop.docker.folder)
        repository.git("checkout-index", "--all", f"--prefix={folder / below}/")
    # The CLI of 20.10 takes a tar for one where its first header is an old one.
    with tarfile.open(tar, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, ".")
    return World(size, workshop, folder, tar)


def measured(column: Column, world: World, env: dict[str, str]) -> bool:
    """One line; whether it holds."""
    size, top = world.size, world.workshop.docker.folder
    peak = world.folder.parent / "peak"
    docker = docker_of(column)
    environment = {**env, "DOCKER_BUILDKIT": str(int(column.builder == "buildkit"))}
    peaks = []

    def by_guard() -> None:
        run([sys.executable, "-c", GUARD, "test", "--again", str(peak)], env, top)
        peaks.append(int(peak.read_text()))

    def by_cli() -> None:
        context = "-" if size.by_tar else str(world.folder)
        with world.tar.open("rb") as tar:
            built = run([docker, "build", "-q", context], environment, stdin=tar.fileno())
        run([docker, "run", "--rm", built.strip(), "/bin/sh", "/liqd/aula/test.sh"], env)

    ours, theirs = list[Took](), list[Took]()
    for number in range(ROUNDS * size.times + 1):
        # Each is as often the one behind the other, and the first time only warms up.
        for took, work in ((ours, by_guard), (theirs, by_cli))[:: 1 if number % 2 else -1]:
            took.append(timed(work))
    ratio, memory = median(ours) / median(theirs), max(peaks) / 1024
    holds = ratio <= size.most and memory < MOST_MEMORY
    say(
        f"{column.name:15} {size.name:24} docker {shown(theirs)}  guard {shown(ours)}  "
        f"ratio {ratio:4.2f}, {memory:3.0f} MB   "
        f"at most {size.most}, {MOST_MEMORY} MB: {held(holds)}"
    )
    return holds


def docker_of(column: Column) -> str:
    """The CLI of the same release, which builds with that builder."""
    if column.spec is not None:
        return str(NEWER / "usr/bin/docker")
    cli = find_cli(plugins=())
    return cli.command[0] if cli is not None else "docker"


def timed(work: Callable[[], None]) -> Took:
    """What all took that was started here; what the engine did is seen by the clock alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    work()
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def median(took: Sequence[Took]) -> float:
    """By the clock, in seconds; the first one warmed up."""
    return statistics.median(each.wall for each in took[1:])


def shown(took: Sequence[Took]) -> str:
    """In the same words for both sides."""
    cpu = statistics.median(each.cpu for each in took[1:])
    return f"{median(took):5.2f} s ({cpu:4.2f} cpu)"


def run(
    command: Sequence[str],
    env: dict[str, str],
    folder: Path | None = None,
    stdin: int | None = None,
) -> str:
    """What it prints; it has to end well."""
    ran = subprocess.run(
        command, env=env, cwd=folder, stdin=stdin, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise SystemExit(f"{command} failed:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


if __name__ == "__main__":
    sys.exit(main())
