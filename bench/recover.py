"""How long the way back takes, with the image in a registry.

    make bench

A released combination is built, tested, published and pushed; then, round after round, harm is
pushed to both repositories past the hook, the image is removed, and `guard recover` is timed: with
the pushes, and without. The registry is on this machine's loopback, the remotes are folders, and
the image is a few megabytes: a real one adds what the network takes for it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.push import held, say, seal
from guard.demo.registry import registry
from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from tests.workshop import GUARD_TOML, Workshop

_PUSHED: Final = 60.0
_LOCAL: Final = 5.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long guard recover takes.")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-recover-"))
    try:
        seal(folder)
        with registry(folder / "registry") as address, Engine.connect() as engine:
            name = f"{address}/liqd/aula"
            workshop = _prepared(folder, name, base_image(engine))
            say(f"\nguard recover, {options.rounds} rounds, image in a registry, seconds")
            for words, most in (["--push"], _PUSHED), (["--no-latest"], _LOCAL):
                seconds = [_round(workshop, engine, name, words) for _ in range(options.rounds)]
                median = statistics.median(seconds)
                what = "with the pushes" if "--push" in words else "without the pushes"
                say(f"  {what:<20}{median:>8.2f}   {min(seconds):.2f} .. {max(seconds):.2f}")
                say(f"  below {most:.0f} s: {held(median < most)}")
            _forget(engine, name)
    finally:
        shutil.rmtree(folder)
    return 0


def _prepared(folder: Path, name: str, base: str) -> Workshop:
    workshop = Workshop(folder / "work")
    files = {
        "Dockerfile": f"FROM {base}\nRUN echo {uuid.uuid4()} >/own\nCOPY . /liqd/\n",
        ".guard.toml": GUARD_TOML.replace("localhost/aula", name),
    }
    workshop.docker.commit("Build for a registry", files)
    workshop.aula.git("tag", "v0.1.0")
    workshop.install()
    for words in (["test"], ["publish", "--latest"]):
        _done(workshop, *words)
    workshop.docker.git("tag", "good")
    for at in (workshop.aula, workshop.docker):
        assert workshop.push(at, "origin", "HEAD:refs/heads/master").status == 0
    return workshop


def _round(workshop: Workshop, engine: Engine, name: str, words: list[str]) -> float:
    workshop.aula.git("checkout", "--quiet", "master")
    workshop.aula.commit("Harm", {"harm": f"{uuid.uuid4()}\n"})
    workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    for at in (workshop.aula, workshop.docker):
        pushed = workshop.push(at, "--no-verify", "origin", "HEAD:refs/heads/master")
        assert pushed.status == 0, pushed.text
    _forget(engine, name)
    seconds = _timed(lambda: _done(workshop, "recover", "good", "--yes", *words))
    _done(workshop, "recover", "good", "--yes", "--push")
    return seconds


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _done(workshop: Workshop, *words: str) -> None:
    ran = workshop.guard(*words)
    if ran.status != 0:
        sys.exit(f"guard {' '.join(words)} ended with {ran.status}:\n{ran.text}")


def _forget(engine: Engine, name: str) -> None:
    for image in engine.api.images(name):
        engine.api.remove_image(image["Id"], force=True)


if __name__ == "__main__":
    sys.exit(main())
