"""``python -m tests.engine.bench_attempt GIT_DIR TREE BUILDER``: one attempt, as `guard test` does.

Prints the peak of resident memory, in kilobytes. A process of its own, that imports what the
command imports and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

from guard.ahead import Ahead
from guard.config import Config, Image, Test
from guard.git.objects import ObjectPool
from guard.git.parts import Part
from guard.git.process import Repository


def main(git_dir: str, tree: str, builder: str) -> None:
    """Build the tree, run a test that does nothing."""
    from guard.commands.test import look_for_means

    means = Ahead(look_for_means)
    part = Part("", "", tree, Repository(git_dir, git_dir))
    config = Config(image=Image(builder=builder), test=Test(("/bin/true",), 600))
    found = means.result()
    from guard.engine.attempt import attempt, prepare

    with ObjectPool() as pool:
        prepared = prepare([part], pool, config)
        with found.engine.result() as engine:
            made = attempt(engine, prepared, lambda event: None, find=found.cli.result)
    assert made.exit_status == 0, made
    print(peak())


def peak() -> int:
    """Kilobytes. Not getrusage's, which counts what the parent had at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
