"""The checkouts whose pushes are to be judged: what each is told, and the proof of its hook.

A proof goes by more than what lies on the disk: what the hook names is started, as git would.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from shlex import join, quote
from typing import Any, Final, NamedTuple

from guard.errors import GuardError
from guard.git.commands import git
from guard.git.remotes import Settings
from guard.git.repository import Repository
from guard.install.chain import WORKS
from guard.install.health import HookHealth, HookState, hook_health
from guard.install.place import beside, is_enabled
from guard.install.shim import NAME, Installation, installation_of, read_hook

SETTING: Final = "guard.superproject"
# Says that `SETTING` was written by an installation, and which value, so that taking the hook out
# leaves alone what a person has set.
_WRITTEN: Final = "guard.installedSuperproject"
_SECONDS: Final = 60
# What a push may need besides guard; an accepted one seldom does.
_PACKAGES: Final = ("packaging", "yaml")


class Target(NamedTuple):
    """One checkout whose pushes are to be judged.

    Args:
        repository: the checkout's repository; linked worktrees come one by one.
        superproject: the superproject's checkout, where the repository has to be told; else "".
    """

    name: str
    repository: Repository
    superproject: str = ""

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return self.repository.place


def settle(target: Target, force: bool, dry_run: bool = False) -> str:
    """Tell a repository where its superproject is; returns what was done, "" for nothing."""
    if not target.superproject:
        return ""
    repository = target.repository
    present = _get(repository, SETTING)
    if present and not _get(repository, _WRITTEN) and not force:
        place = os.path.join(target.place, os.path.expanduser(present))
        if os.path.realpath(place) == os.path.realpath(target.superproject):
            return ""
        return f"git config {SETTING} stays {quote(present)}, as you have set it"
    if present == target.superproject:
        return ""
    if not dry_run:
        # The record first: a kill between the two leaves no setting without it.
        for key in (_WRITTEN, SETTING):
            repository.run("config", "--local", key, target.superproject)
    return f"git config {SETTING} {quote(target.superproject)}"


def unsettle(target: Target, dry_run: bool = False) -> str:
    """Take away what `settle` has written; returns what was done, "" for nothing."""
    repository = target.repository
    written = _get(repository, _WRITTEN)
    if not written:
        return ""
    ours = _get(repository, SETTING) == written
    if not dry_run:
        for key in (SETTING, _WRITTEN) if ours else (_WRITTEN,):
            repository.run("config", "--local", "--unset-all", key, ok=(0, 5))
    return f"git config --unset {SETTING}" if ours else ""


def _get(repository: Repository, key: str) -> str:
    return repository.text("config", "--local", "--get", key, ok=(0, 1))


class ProvedHook(NamedTuple):
    """One checkout's hook.

    Args:
        notes: what runs beside it, one line each.
    """

    target: Target
    health: HookHealth
    notes: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """As ``guard status --json`` and ``guard check --hooks --json`` print it."""
        return {
            "repository": self.target.name,
            "place": self.target.place,
            "state": self.health.state.value,
            "effective": self.health.effective,
            "by": self.health.by,
            "reason": self.health.reason,
            "remedy": self.health.remedy,
            "notes": list(self.notes),
        }


class Proof(NamedTuple):
    """The hooks of one workspace."""

    hooks: tuple[ProvedHook, ...]
    missing: str = ""

    @property
    def holds(self) -> bool:
        """Whether every push from superproject and consumer is judged."""
        return not self.missing and all(hook.health.effective for hook in self.hooks)


def prove_hooks(
    targets: Iterable[Target],
    missing: str,
    settings: Settings,
    health_of: Callable[[Repository], HookHealth] = hook_health,
) -> Proof:
    """Prove the hooks of some targets; each interpreter they name is started once."""
    works: dict[Installation, str] = {}
    hooks = []
    for target in targets:
        health = health_of(target.repository)
        installation = installation_of(read_hook(health.path).content) if health.path else None
        if health.effective and installation is not None:
            if installation not in works:
                works[installation] = ""
                try:
                    check_works(installation)
                except GuardError as error:
                    works[installation] = f"it blocks every push: {error.problem}"
            if works[installation]:
                health = health._replace(
                    state=HookState.BROKEN, reason=works[installation], remedy="guard install"
                )
        try:
            notes = beside(target.repository, settings)
            if health.effective and not is_enabled(target.repository, settings):
                health = health._replace(
                    state=HookState.WEAKER,
                    reason=f"hook.{NAME}.enabled is false: some git may not run it",
                    remedy=git(target.repository, "config", f"hook.{NAME}.enabled", "true").text,
                )
        except GuardError as error:
            notes = [error.problem]
        hooks.append(ProvedHook(target, health, tuple(notes)))
    return Proof(tuple(hooks), missing)


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
            f"the hook could not start guard: {join(installation.command())}, with an "
            f"empty environment, says: {last}",
            "install guard into a virtual environment (or with pipx install), not with "
            "pip install --user or a PYTHONPATH, and run guard install from there",
        )


def import_needed() -> None:
    """What `check_works` asks for, in the process that it has started.

    Other packages are looked for, and not imported: `guard status` asks for this, too.
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
            if _lies_in(path, passing) and not _lies_in(folder, passing):
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


def _lies_in(path: str, folder: str) -> bool:
    # The interpreter of a venv is a link to a lasting one: the link counts, not where it leads.
    place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return place.startswith(os.path.realpath(folder) + os.sep)
