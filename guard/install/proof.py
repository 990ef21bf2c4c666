"""The proof that hooks are effective: not what lies on the disk alone, but started as git would."""

from __future__ import annotations

from typing import Any, NamedTuple

from guard.errors import GuardError
from guard.install.configured import configured_hooks
from guard.install.health import HookHealth, HookState, hook_health
from guard.install.lasting import check_works
from guard.install.place import run_folder
from guard.install.shim import Installation, installation_of, read_hook
from guard.install.targets import Target, find_targets


class ProvedHook(NamedTuple):
    """One checkout's hook.

    Args:
        name: the part as people name it.
        place: where the checkout is.
        notes: what runs beside it, one line each.
    """

    name: str
    place: str
    health: HookHealth
    notes: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """As ``guard status --json`` and ``guard check --hooks --json`` print it."""
        return {
            "repository": self.name,
            "place": self.place,
            "state": self.health.state.value,
            "effective": self.health.effective,
            "by": self.health.by,
            "reason": self.health.reason,
            "remedy": self.health.remedy,
            "notes": list(self.notes),
        }


class Proof(NamedTuple):
    """The hooks of one workspace.

    Args:
        missing: where no repository of the consumer was found, and how to get one; else "".
    """

    hooks: tuple[ProvedHook, ...]
    missing: str = ""

    @property
    def holds(self) -> bool:
        """Whether every push from superproject and consumer is judged."""
        return not self.missing and all(hook.health.effective for hook in self.hooks)


def prove_hooks() -> Proof:
    """The hooks around the current folder; each interpreter they name is started once.

    Raises:
        GuardError: no superproject, or its configuration cannot be read.
    """
    found = find_targets()
    works: dict[Installation, str] = {}
    return Proof(tuple(_prove(target, works) for target in found.targets), found.missing)


def _prove(target: Target, works: dict[Installation, str]) -> ProvedHook:
    health = hook_health(target.repository)
    installation = installation_of(read_hook(health.path).content) if health.path else None
    if health.effective and installation is not None:
        if installation not in works:
            works[installation] = _trouble(installation)
        if works[installation]:
            health = HookHealth(
                HookState.BROKEN, health.path, works[installation], "guard install", health.by
            )
    return ProvedHook(target.name, target.place, health, _beside(target))


def _trouble(installation: Installation) -> str:
    try:
        check_works(installation)
    except GuardError as error:
        return f"it blocks every push: {error.problem}"
    return ""


def _beside(target: Target) -> tuple[str, ...]:
    try:
        found = configured_hooks(target.repository, run_folder(target.repository))
    except GuardError as error:
        return (error.problem,)
    return tuple(hook.told for hook in found)
