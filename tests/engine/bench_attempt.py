"""An attempt of `guard test` in a process of its own, which imports what it takes, no more."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from guard.config import Config, Image, Test
from guard.engine.ahead import Ahead, connect
from guard.engine.build import Event, Options
from guard.engine.buildkit import begin
from guard.engine.cli import find_cli
from guard.engine.context import prepared
from guard.git.memo import Memo
from guard.git.repository import Repository
from guard.git.store import Part


def main(git_dir: str, tree: str, builder: str) -> None:
    """Build the tree, run a test that does nothing, print the peak of memory in kilobytes."""
    cli = Ahead(partial(find_cli, Memo(git_dir)))
    part = Part("", "", tree, Repository(git_dir, git_dir))
    config = Config(image=Image(builder=builder), test=Test(("/bin/true",), 600))
    # The command has begun with this long before, while git was asked what is to be tested.
    engine = Ahead(connect)
    with prepared([part], config, f"{git_dir}/guard/context") as ready:
        build = begin(ready, Options(), cli.result)
        with engine.result() as found:
            from guard.engine.attempt import attempt

            made = attempt(found, ready, unheard, find=cli.result, begun=build)
    assert made.last.status == 0, made
    print(peak())


def unheard(event: Event) -> None:
    """What happens is of no interest here."""


def peak() -> int:
    """Kilobytes. Not getrusage's, which counts what the parent had at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
