"""An engine on another machine, reached as the docker CLI reaches it: by the user's own ssh.

The SDK brings an ssh of its own (paramiko), which knows neither the user's settings nor the agent
as ssh does. Here it speaks to a socket in a private folder, and every connection to that is one
``ssh HOST docker system dial-stdio`` (connhelper of docker/cli).
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from guard.errors import EngineError

# Seconds, as the CLI has it.
_PATIENCE: Final = 30


class SshTunnel:
    """A socket behind which the other machine's engine is, until it is closed.

    Args:
        url: ``ssh://[user@]host[:port][/path/of/the/socket]``.

    Raises:
        EngineError: the URL names no host.
    """

    def __init__(self, url: str) -> None:
        self._command = command(url)
        self._folder = tempfile.TemporaryDirectory(prefix="guard-ssh-")
        path = Path(self._folder.name)
        self._errors = path / "errors"
        self._errors.touch()
        self.url = f"unix://{path / 'socket'}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path / "socket"))
        self._listening.listen()
        self._children: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """What ssh said last, "" where it said nothing."""
        lines = self._errors.read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End it, and the connections with it."""
        # A thread that waits for a connection does not see that the socket is closed.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for child in self._children:
            child.terminate()
            child.wait()
        self._folder.cleanup()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, self._errors.open("ab") as errors:
                    self._connect(connection, errors)

    def _connect(self, connection: socket.socket, errors: IO[bytes]) -> None:
        try:
            started = subprocess.Popen(
                self._command,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=errors,
                # Ctrl-C is guard's, which then cleans up by this connection.
                start_new_session=True,
            )
        except OSError as error:
            errors.write(f"ssh: {error.strerror}\n".encode())
        else:
            self._children.append(started)


def command(url: str) -> list[str]:
    """The argv that speaks to the engine on its standard input and output.

    Raises:
        EngineError: the URL names no host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("ssh:"), None
    if not parts.hostname:
        raise EngineError(f"{url} names no machine", "DOCKER_HOST=ssh://user@host")
    # Not `hostname`, which is lower case: names in ssh's settings are not.
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{port}").strip("[]")
    words = ["ssh", "-o", f"ConnectTimeout={_PATIENCE}", "-T"]
    if parts.username:
        words += ["-l", unquote(parts.username)]
    if port:
        words += ["-p", str(port)]
    place = parts.path.rstrip("/")
    there = f"--host {shlex.quote(f'unix://{unquote(place)}')} " if place else ""
    return [*words, "--", host, f"docker {there}system dial-stdio"]
