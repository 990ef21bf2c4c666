"""Fixtures of the hook tests; what they are made of is in `tests.hooks.places`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import pytest

from tests.hooks.places import Place, StandIn, Trio

_P = TypeVar("_P", bound=Place)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A sealed folder; this process sees the same git configuration."""
    return _seal(Place(tmp_path), monkeypatch)


@pytest.fixture
def trio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trio:
    """The three repositories, in a folder whose name a careless shell would take apart."""
    root = tmp_path / "räume mit $zeichen 'und mehr'"
    root.mkdir()
    return _seal(Trio(root), monkeypatch)


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """A stand-in for guard, in a folder whose name a careless shell would take apart."""
    return StandIn(tmp_path / "inter preter 'é' \"$HOME\"")


def _seal(place: _P, monkeypatch: pytest.MonkeyPatch) -> _P:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    return place
