"""All the shapes, and the file in which their outcomes are recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from tests.golden import (
    shapes_aula,
    shapes_dependency,
    shapes_image,
    shapes_order,
    shapes_places,
    shapes_policy,
    shapes_refs,
    shapes_verdicts,
)
from tests.golden.scene import Scene

Shape = Callable[[Scene], str]

FILE = Path(__file__).with_name("outcomes.txt")
_MODULES = (
    shapes_aula,
    shapes_dependency,
    shapes_image,
    shapes_order,
    shapes_places,
    shapes_policy,
    shapes_refs,
    shapes_verdicts,
)
_HEADING = "== "


def shapes() -> dict[str, Shape]:
    """Every shape by its name, such as `refs: an annotated tag`, in order."""
    return dict(sorted(item for module in _MODULES for item in _of_module(module).items()))


def _of_module(module: ModuleType) -> dict[str, Shape]:
    """The public functions that a module defines itself."""
    subject = module.__name__.rpartition("shapes_")[2]
    return {
        f"{subject}: {name.replace('_', ' ')}": function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def recorded(text: str) -> dict[str, str]:
    """The outcomes in the file's text, by the names of their shapes."""
    sections = text.split(f"\n{_HEADING}")
    parts = (section.removeprefix(_HEADING).partition("\n") for section in sections)
    return {name: outcome.rstrip("\n") + "\n" for name, _, outcome in parts}


def as_text(outcomes: Mapping[str, str]) -> str:
    """The file's text."""
    return "\n".join(f"{_HEADING}{name}\n{outcomes[name]}" for name in sorted(outcomes))
