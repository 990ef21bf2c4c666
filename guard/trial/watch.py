"""A build and its test as a person follows them, and as the log keeps them; and a transfer.

On a terminal one line at the bottom shows where it stands, and the output runs above it;
elsewhere there are plain lines only.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import IO, TYPE_CHECKING, Final, Self

from guard.engine.build import Event, Output, Step, StepDone, Testing
from guard.engine.failures import plain
from guard.engine.profile import brief, duration, size
from guard.errors import GuardError, without_secret
from guard.model import Result
from guard.screen import Screen
from guard.verdicts.record import Record

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from guard.engine.images import Transfer

# Statuses that mean the layer is finished.
_DONE: Final = ("pushed", "layer already exists", "mounted from", "pull complete", "already exists")


class _Followed:
    """What goes on, as a context in which a line at the bottom of the terminal says where it is.

    Where the terminal can draw none, there is none; afterwards it is clean.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._began = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._screen.is_terminal and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text

            def status() -> Text:
                line = f"[{duration(time.monotonic() - self._began)}] {self._stage()}"
                return Text(plain(without_secret(line)), no_wrap=True, overflow="ellipsis")

            console = Console(no_color=not self._screen.colour, highlight=False)
            live = Live(
                console=console, get_renderable=status, refresh_per_second=4, transient=True
            )
            live.start()
            self._live = live
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _stage(self) -> str:
        """Where it stands."""
        raise NotImplementedError


class Watch(_Followed):
    """Passes the events of a build and its test on to a screen and to a log.

    Args:
        log: takes every line; the caller opens and closes it.
    """

    def __init__(self, screen: Screen, log: IO[str]) -> None:
        super().__init__(screen)
        self._log = log
        self._now = "sending the build context"

    def on_event(self, event: Event) -> None:
        """Show and log one event."""
        match event:
            case Output(text=line):
                self._line(f"  | {plain(line)}".rstrip(), line)
            case Step(number=number, total=total, text=text):
                at = f"step {number}/{total}"
                self._now = f"{at}: {brief(text)}"
                self._line(self._now, f"--- {at}: {text}")
            case StepDone(number=number, seconds=seconds, cached=cached):
                how = "cached" if cached else f"{seconds:.1f} s"
                self._line(f"step {number} done, {how}", f"--- step {number} done, {how}")
            case Testing(command=command):
                self._now = f"testing: {' '.join(command)}"
                self._line(self._now, f"--- {self._now}")

    def _line(self, shown: str, logged: str) -> None:
        write_log(self._log, f"{logged}\n")
        if self._live is not None:
            self._live.console.print(plain(without_secret(shown)), markup=False, soft_wrap=True)
        else:
            self._screen.say(shown)

    def _stage(self) -> str:
        return self._now


class Transfers(_Followed):
    """A push to a registry or a pull from one.

    Args:
        title: what is done, such as ``pushing example/aula:1``.
    """

    def __init__(self, screen: Screen, title: str) -> None:
        super().__init__(screen)
        self._title = title
        self._layers: dict[str, Transfer] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        if self._live is None:
            self._screen.say(self._title)
        return self

    def on_transfer(self, transfer: Transfer) -> None:
        """Show how far a layer is; elsewhere than on a terminal, that it has come to its end."""
        before = self._layers.get(transfer.layer)
        self._layers[transfer.layer] = transfer
        if self._live is not None or not transfer.layer or not _is_done(transfer):
            return
        if before is None or before.status != transfer.status:
            self._screen.say(f"  {transfer.layer}: {transfer.status.lower()}")

    def _stage(self) -> str:
        layers = [transfer for layer, transfer in self._layers.items() if layer]
        done = sum(_is_done(layer) for layer in layers)
        sent = sum(layer.done for layer in layers if not _is_done(layer))
        # What moves comes first: a reference may be longer than the terminal is wide.
        moved = f", {size(sent)}" if sent else ""
        return f"{done} of {len(layers)} layers{moved}: {self._title}"


def _is_done(transfer: Transfer) -> bool:
    return transfer.status.lower().startswith(_DONE)


def write_log(log: IO[str], text: str) -> None:
    """Add to a log.

    Raises:
        GuardError: the disk is full, or the file cannot be written for another reason. No
            `OSError`, which whoever speaks to the engine would take for the engine's.
    """
    try:
        log.write(without_secret(text))
    except OSError as error:
        raise GuardError(
            f"the log {log.name} cannot be written: {error.strerror}. No verdict; what the engine "
            "has built stays in its cache",
            f"df -h {shlex.quote(os.path.dirname(log.name))}",
        ) from error


def tell(record: Record, log: str, screen: Screen) -> None:
    """What building and testing came to."""
    times = f"build {duration(record.build_seconds)}, test {duration(record.test_seconds)}"
    if record.result is Result.PASSED:
        screen.say(f"{screen.paint('passed', 'green')}: verdict {record.name} ({times})")
        screen.say(f"  image: {record.image.reference}")
        return
    screen.say(f"{screen.paint(record.result.value, 'red')}: {record.detail}")
    screen.say(f"  verdict {record.name} ({times})")
    screen.say(f"  log: {log}")
