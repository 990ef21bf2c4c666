"""``python -m guard.engine``: whether there is an engine on which a container runs.

Prints one line about it, or what is wrong. Exit status: 0 a container ran; 3 there is none, or it
refuses permission; 4 one answers, but no container runs on it.
"""

from __future__ import annotations

import sys
from typing import Final

from guard.engine.baseimage import base_image, run_nothing
from guard.engine.client import Engine
from guard.errors import EngineError, without_secret

_RUNS: Final = 0
_NOT_THERE: Final = 3
_RUNS_NOTHING: Final = 4


def main() -> int:
    """Probe the engine that the Docker CLI would use."""
    status = _NOT_THERE
    try:
        with Engine.connect() as engine:
            status = _RUNS_NOTHING
            run_nothing(engine, base_image(engine))
            sys.stdout.write(f"{without_secret(str(engine.facts))}\n")
            return _RUNS
    except EngineError as error:
        sys.stderr.write(f"{without_secret(error.problem)}\n")
        return status


if __name__ == "__main__":
    sys.exit(main())
