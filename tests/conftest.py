"""The sealed environment of every test, and the workshop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.demo.registry import registry as loopback_registry
from tests.registry import USERS, Registry
from tests.workshop import Workshop

pytest_plugins = ["tests.repositories"]

_CONFIG = """\
[user]
    name = A Developer
    email = developer@example.org
[init]
    defaultBranch = master
[protocol "file"]
    allow = always
[advice]
    detachedHead = false
[gc]
    auto = 0
[maintenance]
    auto = false
[receive]
    autoGC = false
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--more-engines",
        action="store_true",
        help="the matrix on the engines that CI has not, instead of those that it has",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun at the end, they would leave one of the jobs without work."""
    items.sort(key=lambda item: "test_days" not in item.nodeid)


@pytest.fixture(autouse=True, scope="session")
def sealed_signals() -> None:
    """Nor what it ignores: nohup the one, a shell's background job without a terminal the other."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def sealed_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """No setting of whoever runs the tests counts: a HOME of its own, dates, no GIT_ variables."""
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(_CONFIG)
    for name in list(os.environ):
        if name.startswith(("GIT_", "PRE_COMMIT", "GUARD_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2016-03-02T15:55:15+01:00")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2016-03-02T15:55:15+01:00")
    monkeypatch.setenv("GIT_EDITOR", "false")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", "")
    monkeypatch.setenv("NO_COLOR", "1")
    return home


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry on this machine's loopback, empty."""
    with loopback_registry(tmp_path / "registry") as address:
        yield Registry(address, tmp_path / "registry")


@pytest.fixture
def closed_registry(tmp_path: Path) -> Iterator[Registry]:
    """One that wants credentials."""
    with loopback_registry(tmp_path / "closed", USERS) as address:
        yield Registry(address, tmp_path / "closed")
