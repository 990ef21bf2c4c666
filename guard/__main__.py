"""``python -m guard``: the same as the command ``guard``, and what the hook runs."""

from __future__ import annotations

import gc
import os
import sys

from guard import mistake

# A push makes some ten thousand objects and hardly a cycle among them.
_OBJECTS = 100_000


def main() -> None:
    """Run one command, and exit."""
    gc.set_threshold(_OBJECTS)  # looking for cycles takes longer than it is worth
    status = _status()
    if sys.argv[1:2] == ["pre-push"]:
        _leave(status)
    sys.exit(status)


def _status() -> int:
    # Ctrl-C may come before there is anything that takes it.
    try:
        from guard.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("guard: interrupted\n")
        return 130
    except (ImportError, SyntaxError) as error:
        sys.stderr.write(mistake(error))
        return 3


def _leave(status: int) -> None:
    """Exit at once, or return where there is still something to say and nobody takes it."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(status)  # Python would take everything apart, which a person waits for


if __name__ == "__main__":
    main()
