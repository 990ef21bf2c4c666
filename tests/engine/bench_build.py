"""``python -m tests.engine.bench_build``: guard's cost over the docker CLI's, cached builds.

Prints, for a combination of 5 MB and one of 300 MB in 20,000 files and for each builder, the
medians of building from the same tar by the CLI plus ``docker run`` and of guard's attempt, side
by side, and guard's peak of resident memory.
"""

from __future__ import annotations

import compileall
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import guard
from guard.config import Config, Test
from guard.engine.baseimage import base_image
from guard.engine.cli import find_cli
from guard.engine.client import Engine
from guard.engine.context import Archive, prepared
from guard.git.repository import Repository
from guard.git.store import Part

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MOST_MEMORY = 100
# Files, their bytes, how often for each of the rounds (what is over soon varies the most), and how
# much longer than the CLI guard may take at the most.
SIZES = {"5 MB": (500, 10_000, 4, 1.5), "300 MB in 20,000 files": (20_000, 15_000, 1, 2.5)}

ATTEMPT = """
import sys
from tests.engine.bench_attempt import main
main(*sys.argv[1:])
"""


def repository(folder: Path, count: int, size: int, base: str) -> Part:
    """A packed repository of so many files of so many bytes that do not compress."""
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    made = Repository(str(folder), str(folder))
    dockerfile = f"FROM {base}\nCOPY . /x\nRUN echo built\n".encode()
    source = random.Random(count)
    lines = [b"commit refs/heads/x\ncommitter a <a> 0 +0000\ndata 0\n"]
    lines.append(b"M 644 inline Dockerfile\ndata %d\n%s\n" % (len(dockerfile), dockerfile))
    for number in range(count):
        data = source.randbytes(size)
        path = f"d{number % 100}/f{number}".encode()
        lines.append(b"M 644 inline %s\ndata %d\n%s\n" % (path, size, data))
    made.run("fast-import", "--quiet", data=b"".join(lines))
    return Part("", "", made.text("rev-parse", "refs/heads/x^{tree}"), made)


def by_cli(docker: str, tar: Path, builder: str) -> None:
    """The same by hand."""
    environment = {**os.environ, "DOCKER_BUILDKIT": str(int(builder == "buildkit"))}
    with tar.open("rb") as context:
        built = subprocess.run(
            [docker, "build", "-q", "-"],
            stdin=context,
            env=environment,
            check=True,
            capture_output=True,
        )
    image = built.stdout.decode().strip()
    subprocess.run([docker, "run", "--rm", image, "/bin/true"], check=True)


def timed(work: Callable[[], None]) -> float:
    """Seconds."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def main() -> int:
    """Measure, print, and tell by the exit status whether all holds."""
    holds = []
    # As pip leaves what it installs.
    for folder in (Path(guard.__file__).parent, Path(__file__).parent):
        compileall.compile_dir(str(folder), quiet=1)
    with Engine.connect() as engine, tempfile.TemporaryDirectory() as made:
        base, cli = base_image(engine), find_cli()
        docker = cli.command[0] if cli is not None and not cli.is_buildx else "docker"
        for name, (count, size, times, most) in SIZES.items():
            part = repository(Path(made) / f"{count}.git", count, size, base)
            tar = Path(made) / f"{count}.tar"
            config = Config(test=Test(("/bin/true",)))
            with tar.open("wb") as file, prepared([part], config, f"{made}/place") as ready:
                file.writelines(Archive(ready.context.folder))
            for builder in ("classic", "buildkit"):
                holds.append(measure(name, part, builder, docker, tar, ROUNDS * times, most))
    return 0 if all(holds) else 1


def measure(
    name: str, part: Part, builder: str, docker: str, tar: Path, rounds: int, most: float
) -> bool:
    """One line; whether it holds."""
    # guard runs in a process of its own, so that its memory is its own.
    ours = [sys.executable, "-c", ATTEMPT, part.repository.git_dir, part.tree, builder]
    theirs_seconds, ours_seconds, peaks = [], [], []

    def by_guard() -> None:
        told = subprocess.run(ours, check=True, capture_output=True, text=True)
        peaks.append(int(told.stdout))

    by_guard()
    by_cli(docker, tar, builder)
    for number in range(rounds):
        # Each is as often the one behind the other.
        if number % 2:
            ours_seconds.append(timed(by_guard))
        theirs_seconds.append(timed(lambda: by_cli(docker, tar, builder)))
        if not number % 2:
            ours_seconds.append(timed(by_guard))
    theirs, own = statistics.median(theirs_seconds), statistics.median(ours_seconds)
    ratio, memory = own / theirs, max(peaks) / 1024
    holds = ratio <= most and memory < MOST_MEMORY
    print(
        f"{name:24} {builder:9} docker {theirs:6.2f} s  guard {own:6.2f} s  ratio {ratio:4.2f}  "
        f"memory {memory:4.0f} MB   at most {most} and {MOST_MEMORY} MB: "
        f"{'holds' if holds else 'does not hold'}",
        flush=True,
    )
    return holds


if __name__ == "__main__":
    sys.exit(main())
