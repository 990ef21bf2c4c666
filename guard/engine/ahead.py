"""Work begun in a thread while the main one waits for other things."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Final, Generic, TypeVar

T = TypeVar("T")

# Seconds.
_TURN: Final = 0.5


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

    def result(self) -> T:
        """Wait for it. Raises what the work raised."""
        # A signal that comes between the look for one and the wait is seen when the wait ends.
        while self._thread.is_alive():
            self._thread.join(_TURN)
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error
