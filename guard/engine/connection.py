"""The engine, with all the imports that an attempt takes; for a thread that runs ahead."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from guard.engine.client import Engine

# Seconds that imports may keep the interpreter to themselves.
_SHARE: Final = 0.0005


def connect() -> Engine:
    """As `Engine.connect`, and raises what that raises."""
    # A fifth of the time goes into looking for garbage among modules.
    gc.disable()
    # Whoever has an answer of git or of the CLI goes on at once, and not 5 ms later: there are many
    # answers, and little to do with each.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SHARE)
    try:
        import guard.engine.attempt  # noqa: F401
        from guard.engine.client import Engine
    finally:
        sys.setswitchinterval(interval)
        # What is there now stays to the end; at the exit it would all be looked through again.
        gc.freeze()
        gc.enable()
    return Engine.connect()
