"""What the matrix stands on: a team on each of the engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from tests.commands.publishing import Shop
from tests.matrix.columns import COLUMNS, MORE_COLUMNS, NOT_RUN, Column, Engines
from tests.registry import Registry
from tests.workshop import Workshop, running_commands


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    with ExitStack() as stack:
        yield Engines(stack)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On the engines of CI, or with ``--more-engines`` on the others."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "column" in metafunc.fixturenames and "column" not in [mark.args[0] for mark in marks]:
        columns = MORE_COLUMNS if metafunc.config.getoption("--more-engines") else COLUMNS
        metafunc.parametrize("column", columns, ids=str, indirect=True)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--more-engines"):
        for name, reason in NOT_RUN.items():
            terminalreporter.write_line(f"not in the matrix: {name}: {reason}")


@pytest.fixture
def column(request: pytest.FixtureRequest) -> Column:
    made: Column = request.param
    return made


@pytest.fixture
def shop(
    column: Column,
    engines: Engines,
    workshop: Workshop,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Shop]:
    """A team on a column's engine; whatever a test does, nothing of it is left on the engine."""
    for name, value in engines.environment(column, tmp_path / "docker").items():
        monkeypatch.setenv(name, value)
    with Engine.connect() as engine:
        assert engine.facts.version.startswith(column.version)
        base = base_image(engine)
    made = Shop(workshop, registry, base)
    yield made
    made.remove_images()
    label = f"label=own={workshop.root}"
    for image in made.docker("images", "--all", "--quiet", "--filter", label).split():
        # A failed build of the classic builder leaves the steps that did not; each takes its own.
        workshop.run(["docker", "rmi", "--force", image], workshop.docker)
    assert containers(made) == []
    # The engine ends the step of a build when nobody listens any more.
    end = time.monotonic() + 20
    while (left := what_runs(made)) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []


def containers(shop: Shop) -> list[str]:
    """Those of images that are built in the workshop, ended ones too."""
    label = f"label=own={shop.workshop.root}"
    return shop.docker("ps", "--all", "--quiet", "--filter", label).split()


def what_runs(shop: Shop) -> list[str]:
    """The commands, in containers or not, that an ending names as its own."""
    own = f"own={shop.workshop.root};"
    return [command for _, command in running_commands() if own in command]
