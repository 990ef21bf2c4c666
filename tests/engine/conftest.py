"""What the engine's tests stand on: an engine on which a container runs, trees, and no settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from guard.config import Config, Image, Test
from guard.engine.attempt import Attempt, attempt, prepare
from guard.engine.baseimage import base_image
from guard.engine.build import Event, Options
from guard.engine.client import Engine
from guard.git.objects import ObjectPool
from guard.git.store import Part
from tests.engine.trees import Store


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine; `scripts/engine` brings one."""
    with Engine.connect() as found:
        yield found


@pytest.fixture(scope="session")
def base(engine: Engine) -> str:
    """The name of an image that has a shell."""
    return base_image(engine)


@pytest.fixture(autouse=True)
def sealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests counts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.git")


@pytest.fixture
def pool() -> Iterator[ObjectPool]:
    with ObjectPool() as opened:
        yield opened


class Trial:
    """Attempts on the real engine, with what they told while they went on."""

    def __init__(self, engine: Engine, pool: ObjectPool, builder: str) -> None:
        self.engine = engine
        self.pool = pool
        self.image = Image(builder=builder)
        self.events: list[Event] = []

    def run(
        self,
        parts: Sequence[Part],
        *command: str,
        image: Image | None = None,
        timeout: int = 60,
        source: str = "",
        fresh: bool = False,
    ) -> Attempt:
        self.events.clear()
        test = Test(command or ("/bin/true",), timeout, source)
        config = Config(image=image or self.image, test=test)
        prepared = prepare(parts, self.pool, config)
        return attempt(self.engine, prepared, self.on_event, Options(fresh=fresh))

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture(params=["classic", "buildkit"])
def builder(request: pytest.FixtureRequest) -> str:
    """Each of the two builders in turn."""
    name: str = request.param
    return name


@pytest.fixture
def trial(engine: Engine, pool: ObjectPool, builder: str) -> Trial:
    return Trial(engine, pool, builder)
