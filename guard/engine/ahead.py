"""Work begun in a thread while the main one waits for other things; the engine above all."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from math import inf
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from guard.engine.client import Engine

T = TypeVar("T")

# Seconds that an engine has to say what is only nice to know.
PATIENCE: Final = 5.0
# Seconds.
_TURN: Final = 0.5
# Seconds that imports may keep the interpreter to themselves.
_SHARE: Final = 0.0005


class Ahead(Generic[T]):
    """A result that is on its way; one that nobody asks for any more is given up at the exit.

    Args:
        work: may take no signal, and must leave nothing behind where it never ends.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self, patience: float = inf) -> T:
        """Wait for it. Raises what the work raised, or a TimeoutError after so many seconds."""
        end = monotonic() + patience
        # A signal that comes between the look for one and the wait is seen when the wait ends.
        while self._thread.is_alive():
            if (left := end - monotonic()) <= 0:
                raise TimeoutError
            self._thread.join(min(left, _TURN))
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error


def connect() -> Engine:
    """As `Engine.connect`, with all that an attempt imports; raises what that raises."""
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
