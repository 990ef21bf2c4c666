"""``python -m tests.engine.victim STORE TREE AULA COMMAND``: a guard to be interrupted.

Tells every event as a line, and at the end how it ended.
"""

from __future__ import annotations

import sys

from guard.config import Config, Image, Test
from guard.engine.attempt import attempt
from guard.engine.build import Event, Output
from guard.engine.client import Engine
from guard.engine.context import prepared
from guard.engine.endings import terminable
from guard.errors import EngineError
from guard.git.repository import Repository
from guard.git.store import Part


def tell(event: Event) -> None:
    """One line, at once."""
    print(event.text if isinstance(event, Output) else type(event).__name__, flush=True)


def main(store: str, tree: str, aula: str, builder: str, command: str) -> None:
    """One attempt."""
    repository = Repository(store, store)
    parts = [Part("", "", tree, repository), Part("aula", "1" * 40, aula, repository)]
    config = Config(image=Image(builder=builder), test=Test(("/bin/sh", "-c", command), 60))
    with Engine.connect() as engine, terminable():
        try:
            with prepared(parts, config, f"{store}/guard/context") as made:
                print(attempt(engine, made, tell).result.value, flush=True)
        except KeyboardInterrupt as error:
            print(f"interrupted {error}".strip(), flush=True)
        except EngineError as error:
            print(f"engine: {error}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
