"""The engine: found as the Docker CLI finds it, and told apart when it is not there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast

import docker
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import kwargs_from_env
from urllib3.exceptions import HTTPError

from guard.engine.ssh import SshTunnel, command
from guard.errors import EngineError

# Seconds that an engine may take to say that it is there, and then for anything but a build and a
# test: slow disks take minutes to make or remove a large container.
_GREETING: Final = 30
_PATIENCE: Final = 600
# What the SDK lets through; urllib3's own where a reply breaks off in the middle.
_FAILURES: Final = (DockerException, requests.RequestException, HTTPError, OSError)
_LOCAL: Final = DEFAULT_UNIX_SOCKET.replace("http+unix", "unix")
_NO_ENGINE: Final = "start Docker (sudo systemctl start docker), or point DOCKER_HOST at an engine"


class Facts(NamedTuple):
    """What an engine says of itself.

    Args:
        host: where it was reached, e.g. ``unix:///var/run/docker.sock``.
        name: ``Docker Engine - Community``, ``Podman Engine``, or plainly ``Engine``.
        version: the engine's own version.
        platform: what it runs on, e.g. ``linux/amd64``.
    """

    host: str
    name: str
    version: str
    api: str
    platform: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.platform}) at {self.host}"


class _Client(docker.APIClient):
    """The SDK's, which asks for the version once: an engine takes its time over that answer."""

    _version_told: dict[str, Any] | None = None

    def version(self, api_version: bool = True) -> dict[str, Any]:
        if self._version_told is None:
            self._version_told = cast(Any, super()).version(api_version)
        return self._version_told


class Engine:
    """An open connection to an engine that answers.

    Attributes:
        api: the SDK's low-level client; for the modules of this package only.
        given_host: the URL that `connect` was given, "" where it looked for itself.
    """

    def __init__(
        self,
        api: docker.APIClient,
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
        where, tunnel = host, None
        try:
            settings = {"base_url": host} if host else _usual()
            where = str(settings.get("base_url") or _LOCAL)
            if where.startswith("ssh://"):
                tunnel = SshTunnel(where)
                settings = {"base_url": tunnel.url}
            api = _Client(**settings, version="auto", timeout=_GREETING)
            facts = _facts(api, where)
            api.timeout = _PATIENCE
            return cls(api, facts, host, tunnel)
        except (*_FAILURES, ValueError) as error:
            said = tunnel.trouble if tunnel is not None else ""
            if tunnel is not None:
                tunnel.close()
            raise _not_connected(error, where or "the current docker context", said) from error

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


def _facts(api: docker.APIClient, where: str) -> Facts:
    version = api.version()
    platform = version.get("Platform") or {}
    return Facts(
        host=where,
        name=str(platform.get("Name") or "Docker Engine"),
        version=str(version.get("Version", "")),
        api=str(version.get("ApiVersion", "")),
        platform=f"{version.get('Os', '')}/{version.get('Arch', '')}",
    )


def _usual() -> dict[str, Any]:
    """The settings by which `docker.from_env` finds an engine."""
    found: dict[str, Any] = cast(Any, kwargs_from_env)()
    if "base_url" in found:
        return found
    context = os.environ.get("DOCKER_CONTEXT", "")
    # The SDK would take the local socket instead; the CLI refuses, and so another engine is not
    # taken for the one that was meant.
    try:
        if context and ContextAPI.get_context(context) is None:
            raise _no_context(context)
        return {**cast(Any, ContextAPI).kwargs_from_context(environment=os.environ), **found}
    except EngineError:
        raise
    except Exception as error:
        # Of no class of its own where the SDK cannot read a context.
        raise EngineError(
            f"the docker context {context or 'in use'} cannot be read: {error}", "docker context ls"
        ) from error


def _no_context(name: str) -> EngineError:
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    file = os.path.join(folder, "config.json")
    if os.path.isdir(os.path.join(folder, "contexts")) and not os.path.exists(file):
        # The CLI needs no such file, the SDK takes the folder of contexts for the one beside it.
        shown = shlex.quote(file)
        return EngineError(f"no docker context can be read without {file}", f"echo '{{}}' >{shown}")
    return EngineError(f"there is no docker context {name}", "docker context ls")


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
