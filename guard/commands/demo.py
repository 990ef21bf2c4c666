"""``guard demo``: the incident of 2016, replayed with real hooks and a real engine."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.demo.registry import registry
from guard.demo.story import tell
from guard.demo.world import StepError, World
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError
from guard.git.objects import ObjectPool
from guard.git.repository import open_checkout
from guard.install.shim import this_installation
from guard.install.targets import check_lasts, check_works
from guard.screen import Screen
from guard.verdicts.verdicts import Verdicts

if TYPE_CHECKING:
    from guard.engine.client import Engine

_PREFIX: Final = "guard-demo-"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--keep", action="store_true", help="leave the folder and the images for a closer look"
    )


def run(options: Namespace, screen: Screen) -> int:
    """Replay the incident; 0 only if every step did what it should."""
    return play(tell, options.keep, screen)


def play(story: Callable[[World, str, str], None], keep: bool, screen: Screen) -> int:
    """Play a story, as `run` does the incident; it gets a base image and a registry's address."""
    from guard.engine.baseimage import base_image
    from guard.engine.client import Engine

    begun = time.monotonic()
    check_works(this_installation())
    with Engine.connect() as engine:
        screen.say(f"engine: {engine.facts}")
        base = base_image(engine)
        folder = _folder()
        screen.say(f"folder: {folder}")
        try:
            world = World(folder, screen)
            with ExitStack() as stack:
                story(world, base, _registry(engine, folder / "registry", stack, screen))
        except StepError as error:
            keep = True
            screen.warn(f"\nguard: {screen.paint('error', 'red')}: {error.problem}")
            return EXIT_BLOCKED
        finally:
            if keep:
                screen.say(f"\nkept: {folder}, with its remotes and its images")
            else:
                _remove(engine, folder)
    screen.say()
    screen.say(
        f"{screen.paint('Every step did what it should', 'green')}: {world.steps} steps, "
        f"{time.monotonic() - begun:.0f} s."
    )
    return EXIT_ALLOWED


def _registry(engine: Engine, folder: Path, stack: ExitStack, screen: Screen) -> str:
    """The address of a registry that the engine reaches; "" without, and why that is so is told.

    An engine on another machine, or in another one's network, has another loopback.
    """
    from guard.engine.images import resolve

    try:
        address = stack.enter_context(registry(folder))
        resolve(engine, f"{address}/none:none")
    except GuardError as error:
        screen.say(f"no registry, so nothing is published here: {error.problem}")
        return ""
    screen.say(f"registry: {address}")
    return address


def _folder() -> Path:
    """A new folder, where this installation of guard may put its hook.

    ``guard install`` refuses a guard that lies in a cache, unless the repository lies there, too.
    """
    installation = this_installation()
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    try:
        check_lasts(installation, folder)
    except GuardError:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix=_PREFIX, dir=sys.prefix)
    return Path(folder).resolve()


def _remove(engine: Engine, folder: Path) -> None:
    from guard.engine.images import remove_image

    names = _images(folder)
    for name in names:
        remove_image(engine, name, names)
    shutil.rmtree(folder, ignore_errors=True)


def _images(folder: Path) -> list[str]:
    """What the verdicts name, the newest first, for it may stand on the older; names before ids:
    an image of several names stays.
    """
    superproject = open_checkout(str(folder / "aula-docker"))
    if superproject is None:
        return []
    with ObjectPool() as pool:
        try:
            records = Verdicts(superproject, pool).history()
        except GuardError:
            return []
    images = [record.image for record in records if record.image.id]
    names = dict.fromkeys(image.reference for image in images if image.reference)
    names |= {f"{name.rpartition(':')[0]}:latest": None for name in names}
    return [*names, *dict.fromkeys(image.id for image in images)]
