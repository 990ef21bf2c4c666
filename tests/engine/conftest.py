"""What the engine's tests stand on: an engine on which a container runs, trees, and no settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from guard.config import Config, Image, Test
from guard.engine.attempt import Attempt, attempt
from guard.engine.baseimage import base_image
from guard.engine.build import Event, Options
from guard.engine.client import Engine
from guard.engine.context import Prepared, prepared
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


class Trial:
    """Attempts on the real engine, with what they told while they went on."""

    def __init__(self, engine: Engine, builder: str) -> None:
        self.engine = engine
        self.stack = ExitStack()
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
        entrypoint: bool = False,
    ) -> Attempt:
        self.events.clear()
        test = Test(command or ("/bin/true",), timeout, source, entrypoint)
        config = Config(image=image or self.image, test=test)
        with self.stack:
            made = self.prepared(parts, config)
            return attempt(self.engine, made, self.on_event, Options(fresh=fresh))

    def prepared(self, parts: Sequence[Part], config: Config) -> Prepared:
        """It is there until the test is over, or the stack is closed."""
        place = self.stack.enter_context(TemporaryDirectory())
        return self.stack.enter_context(prepared(parts, config, place))

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture(params=["classic", "buildkit"])
def builder(request: pytest.FixtureRequest) -> str:
    """Each of the two builders in turn."""
    name: str = request.param
    return name


@pytest.fixture
def trial(engine: Engine, builder: str) -> Iterator[Trial]:
    made = Trial(engine, builder)
    with made.stack:
        yield made
