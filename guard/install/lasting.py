"""Whether an installation of guard can serve a hook: it works on its own, and it will stay."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from guard.errors import GuardError
from guard.install.chain import WORKS
from guard.install.shim import Installation
from guard.install.tools import NAME

_SECONDS: Final = 60
# What a push may need besides guard; an accepted one seldom does.
_PACKAGES: Final = ("packaging", "yaml")


def check_works(installation: Installation) -> None:
    """Start guard exactly as the shim does, with an empty environment.

    It also leaves guard's modules compiled, where that may be written: the first push is no slower
    than the next.

    Raises:
        GuardError: it does not start, or lacks a package; the usual reason is a user's
            site-packages, or a ``PYTHONPATH``, neither of which a hook may rely on.
    """
    try:
        process = subprocess.run(
            installation.command(NAME, WORKS),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={},
            cwd="/",
            timeout=_SECONDS,
            check=False,
        )
        # A file that a full disk has left empty ends with 0, too.
        failed = process.returncode != 0 or not process.stdout
        errors = process.stderr.decode(errors="replace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        failed, errors = True, str(error)
    if failed:
        last = errors.splitlines()[-1] if errors else "no reason given"
        raise GuardError(
            f"the hook could not start guard: {shlex.join(installation.command())}, with an "
            f"empty environment, says: {last}",
            "install guard into a virtual environment (or with pipx install), not with "
            "pip install --user or a PYTHONPATH, and run guard install from there",
        )


def import_needed() -> None:
    """What `check_works` asks for, in the process that it has started.

    Other packages are looked for, and not imported: `guard status` asks for this, too.

    Raises:
        GuardError: something is missing.
    """
    try:
        import_module("guard.gate.judgement")
    except ImportError as error:
        raise GuardError(str(error)) from error
    for name in _PACKAGES:
        if find_spec(name) is None:
            raise GuardError(f"No module named {name!r}")


def check_lasts(installation: Installation, folder: str) -> None:
    """Refuse an installation in a place that is emptied without a question.

    Args:
        folder: a repository that gets the hook. One that lies in the same passing place may have
            it: they will go together.

    Raises:
        GuardError: the interpreter or the package lies in such a place.
    """
    for path in installation:
        for passing, what in _passing_places(path):
            if _within(path, passing) and not _within(folder, passing):
                raise GuardError(
                    f"this guard runs from {what}: {path}; the hook would block every push once "
                    "that is emptied",
                    "install guard where it stays: pipx install thentos-guard, or a virtual "
                    "environment, and run guard install from there",
                )


def _passing_places(path: str) -> Iterator[tuple[str, str]]:
    for name, what in (
        ("PRE_COMMIT_HOME", "pre-commit's cache"),
        ("PREK_HOME", "prek's cache"),
        ("UV_CACHE_DIR", "uv's cache"),
        ("XDG_CACHE_HOME", "a cache"),
        ("XDG_RUNTIME_DIR", "a folder of this session"),
    ):
        if os.path.isabs(os.environ.get(name, "")):
            yield os.environ[name], what
    words = path.split(os.sep)
    for word, what in (
        (".cache", "a cache"),
        ("Caches", "a cache"),
        (".tox", "a test environment"),
        (".nox", "a test environment"),
    ):
        if word in words:
            yield os.sep.join(words[: words.index(word) + 1]), what
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):
        yield place, "a folder for temporary files"


def _within(path: str, folder: str) -> bool:
    # The interpreter of a venv is a link to a lasting one: the link counts, not where it leads.
    place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return place.startswith(os.path.realpath(folder) + os.sep)
