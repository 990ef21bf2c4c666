"""How a run is ended from outside: a signal, a deadline; and how cleaning up survives both.

All of it works by exceptions in the main thread, which is where commands run. In another thread
there are no signals to take, and no deadline is kept.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM or SIGHUP; ends like Ctrl-C, but not by a person."""


class DeadlinePassed(BaseException):
    """The time is over. No `Exception`: nothing between here and there may take it for its own."""


_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_SHIELDED: Final = (signal.SIGINT, *_ENDING)
# Seconds until a signal that was lost comes again.
_MOMENT: Final = 0.05


@contextmanager
def terminable() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP raise `Terminated`, so that containers are removed.

    And no signal is lost: Python ignores what is raised in a finalizer and in the callback of a
    weak reference, and each import ends in one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that the caller ignores (nohup) stays ignored.
    old = {
        number: signal.signal(number, _terminate)
        for number in _ENDING
        if signal.getsignal(number) == signal.SIG_DFL
    }
    usual = sys.unraisablehook

    def ignored(what: sys.UnraisableHookArgs) -> None:
        number = _number(what.exc_value)
        if number is None:
            usual(what)
        else:
            # No `threading`, whose locks may be held where this is called.
            start_new_thread(_send_again, (number,))

    sys.unraisablehook = ignored
    try:
        yield
    finally:
        sys.unraisablehook = usual
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises `DeadlinePassed` in the block when so many seconds are over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGALRM, _expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextmanager
def shielded() -> Iterator[None]:
    """Signals wait for the end of the block: a second Ctrl-C leaves nothing behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # Not by a mask: a signal that this thread blocks goes to another one, such as that of the live
    # view, and raises in this one all the same.
    old = {}
    try:
        for number in _SHIELDED:
            old[number] = signal.signal(number, lambda signum, frame: came.append(signum))
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        for signum in came[:1]:
            signal.raise_signal(signum)


def _number(error: BaseException | None) -> signal.Signals | None:
    """The signal that raised this, None where it was none."""
    if isinstance(error, Terminated):
        return signal.Signals[str(error)]
    if isinstance(error, DeadlinePassed):
        return signal.SIGALRM
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else None


def _send_again(number: signal.Signals) -> None:
    time.sleep(_MOMENT)
    # Whoever took it may have gone by now. It must be a real one: a wait ends with no other.
    if callable(signal.getsignal(number)):
        os.kill(os.getpid(), number)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(signal.Signals(number).name)


def _expire(number: int, frame: FrameType | None) -> None:
    raise DeadlinePassed
