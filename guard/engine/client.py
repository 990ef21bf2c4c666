"""The engine: found as the Docker CLI finds it, and told apart when it is not there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from ssl import SSLError
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast

import requests
from docker.errors import APIError, DockerException, ImageNotFound
from urllib3.exceptions import HTTPError

from guard.engine.sdk import Client
from guard.engine.settings import Endpoint, endpoint
from guard.engine.ssh import SshTunnel, command
from guard.errors import EngineError

# Seconds that an engine may take to say that it is there, and then for anything but a build and a
# test: slow disks take minutes to make or remove a large container.
_GREETING: Final = 30
_PATIENCE: Final = 600
# What the SDK lets through; urllib3's own where a reply breaks off in the middle.
_FAILURES: Final = (DockerException, requests.RequestException, HTTPError, OSError)
_PODMAN: Final = "Podman Engine"
_NO_ENGINE: Final = "start Docker (sudo systemctl start docker), or point DOCKER_HOST at an engine"


class Facts(NamedTuple):
    """What an engine says of itself.

    Args:
        host: where it was reached, e.g. ``unix:///var/run/docker.sock``.
        name: ``Docker Engine - Community``, ``Podman Engine``, or plainly ``Docker Engine``.
        version: the engine's own version.
        platform: what it runs on, e.g. ``linux/amd64``.
        oldest_api: the oldest version of the API that it speaks.
    """

    host: str
    name: str
    version: str
    platform: str
    oldest_api: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.platform}) at {self.host}"

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman's service."""
        return self.name == _PODMAN


class Engine:
    """An open connection to an engine that answers.

    Attributes:
        api: the SDK's low-level client; for the modules of this package only.
        given_host: the URL that `connect` was given, "" where it looked for itself.
    """

    def __init__(
        self,
        api: Client,
        facts: Facts,
        given_host: str = "",
        tunnel: SshTunnel | None = None,
    ) -> None:
        self.api = api
        self.facts = facts
        self.given_host = given_host
        self._tunnel = tunnel

    @classmethod
    def connect(cls, host: str = "") -> Engine:
        """The engine that the Docker CLI would use: ``DOCKER_HOST``, the current docker context,
        the local socket.

        Args:
            host: a URL to use instead, "" for none.

        Raises:
            EngineError: none is there, it refuses permission, or it does not answer as one.
        """
        place = Endpoint(host) if host else endpoint()
        tunnel = SshTunnel(place.url) if place.url.startswith("ssh://") else None
        try:
            api = Client(place, _GREETING, tunnel.url if tunnel is not None else "")
            facts = _facts(api, place.url)
            api.timeout = _PATIENCE
            return cls(api, facts, host, tunnel)
        except (*_FAILURES, ValueError) as error:
            trouble = tunnel.trouble if tunnel is not None else ""
            if tunnel is not None:
                tunnel.close()
            raise _not_connected(error, place.url, trouble) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections."""
        self.api.close()
        if self._tunnel is not None:
            self._tunnel.close()

    @cached_property
    def id(self) -> str:
        """Who it is; "" where it does not say. An engine of Docker's says the same all its life."""
        try:
            with self.speaking("ask who it is"):
                return str(self.api.info().get("ID") or "")
        except EngineError:
            return ""

    def image_id(self, name: str) -> str:
        """The whole id of an image, e.g. ``sha256:9f86...``; "" where the engine has none such.

        Raises:
            EngineError: the engine could not be asked.
        """
        with self.speaking(f"look up the image {name}"):
            try:
                image: dict[str, Any] = cast(Any, self.api).inspect_image(name)
            except ImageNotFound:
                return ""
        return str(image["Id"])

    def image_platform(self, name: str) -> str:
        """What an image is for, e.g. ``linux/amd64``."""
        with self.speaking(f"look up the image {name}"):
            image: dict[str, Any] = cast(Any, self.api).inspect_image(name)
        return f"{image['Os']}/{image['Architecture']}"

    @contextmanager
    def speaking(self, what: str) -> Iterator[None]:
        """Turns every failure of the engine inside the block into an `EngineError`.

        Args:
            what: what was being done, for the message: ``could not <what>``.
        """
        try:
            yield
        except _FAILURES as error:
            raise engine_trouble(error, what) from error


def engine_trouble(error: Exception, what: str) -> EngineError:
    """The error that says what the engine said."""
    said = explanation(error)
    if "no space left on device" in said.lower():
        return EngineError(
            f"the engine's disk is full: could not {what}: {said}",
            "make room on it: docker system df; docker builder prune; docker image prune",
        )
    if isinstance(error, APIError):
        return EngineError(f"the engine could not {what}: {said}")
    return EngineError(
        f"the engine went away: could not {what}: {said}", "start it, then run guard test again"
    )


def explanation(error: BaseException) -> str:
    """What the engine said, without the SDK's words around it."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    return str(error).strip() or type(error).__name__


def _facts(api: Client, where: str) -> Facts:
    version = api.version()
    parts = [part.get("Name") for part in version.get("Components") or ()]
    platform = version.get("Platform") or {}
    return Facts(
        host=where,
        name=_PODMAN if _PODMAN in parts else str(platform.get("Name") or "Docker Engine"),
        version=str(version.get("Version", "")),
        platform=f"{version.get('Os', '')}/{version.get('Arch', '')}",
        oldest_api=str(version.get("MinAPIVersion", "")),
    )


def _not_connected(error: BaseException, where: str, ssh: str) -> EngineError:
    if ssh:
        shown = shlex.join(command(where))
        return EngineError(f"no engine can be used at {where}: {ssh}", f"{shown} </dev/null")
    for cause in _causes(error):
        if isinstance(cause, PermissionError):
            return EngineError(
                f"the engine at {where} refuses permission to this user",
                'join its group: sudo usermod -aG docker "$USER", then log in again',
            )
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
            return EngineError(f"no engine answers at {where}", _NO_ENGINE)
        if isinstance(cause, SSLError):
            return EngineError(
                f"no TLS with the engine at {where}: {cause}",
                "look at ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH or of the docker context",
            )
    return EngineError(f"no engine can be used at {where}: {explanation(error)}", _NO_ENGINE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it; urllib3 hides the first one in arguments."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        linked = [cause.__cause__, cause.__context__, *cause.args]
        waiting.extend(each for each in linked if isinstance(each, BaseException))
