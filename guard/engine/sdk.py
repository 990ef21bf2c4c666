"""The SDK's client, with the docker CLI's configuration in place of what the SDK reads of it.

The SDK gives up for an entry of another registry that is broken, for a credential helper that is
gone, and takes ``REQUESTS_CA_BUNDLE`` for the engine's own CA.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast
from urllib.parse import urlsplit

import docker
import urllib3
from docker import auth
from docker.credentials import Store
from docker.credentials.errors import CredentialsNotFound, StoreError
from docker.errors import APIError
from docker.tls import TLSConfig
from docker.utils.proxy import ProxyConfig
from urllib3.exceptions import InsecureRequestWarning

from guard.engine.settings import (
    Endpoint,
    fields,
    headers,
    mapping,
    proxies,
    read_settings,
    text,
)

# The SDK passes on what a helper's program does and what its answer is.
_FAILURES: Final = (StoreError, OSError, ValueError, KeyError, TypeError)


class Credentials(auth.AuthConfig):
    """What the CLI would send to a registry: damage costs the entry that it is in.

    Attributes:
        trouble: how a credential helper failed, "" where none did.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__({})
        self.trouble = ""
        self._entries = {
            registry: _entry(registry, fields(entry))
            for registry, entry in mapping(settings.get("auths")).items()
        }
        self._helpers = mapping(settings.get("credhelpers"))
        self._store = text(settings.get("credsstore"))

    @property
    def is_empty(self) -> bool:
        """Never: the SDK would read the file by itself."""
        return False

    def resolve_authconfig(self, registry: str | None = None) -> dict[str, Any]:
        """For one registry, nothing where there are none."""
        if not registry or registry == auth.INDEX_NAME:
            registry = auth.INDEX_URL
        helper = text(self._helpers.get(registry, self._store))
        credentials = self._of_helper(helper, registry) if helper else None
        if credentials is not None:
            return credentials
        names = {auth.convert_to_hostname(name): name for name in reversed(self._entries)}
        name = registry if registry in self._entries else names.get(registry, "")
        return self._entries.get(name, {})

    def get_all_credentials(self) -> dict[str, Any]:
        """For every registry."""
        registries = {*self._entries, *self._helpers}
        if self._store:
            with self._noted():
                registries.update(cast(Any, _helper(self._store)).list())
        every = {registry: self.resolve_authconfig(registry) for registry in registries}
        return {registry: credentials for registry, credentials in every.items() if credentials}

    def _of_helper(self, helper: str, registry: str) -> dict[str, str] | None:
        """What a credential helper has, None where it fails."""
        with self._noted():
            try:
                reply = fields(cast(Any, _helper(helper)).get(registry))
            except CredentialsNotFound:
                return {}
            user, secret = text(reply.get("username")), text(reply.get("secret"))
            if user == auth.TOKEN_USERNAME:
                return {"identitytoken": secret, "serveraddress": registry}
            return {"username": user, "password": secret, "serveraddress": registry}
        return None

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            self.trouble = str(error)


def _helper(name: str) -> Store:
    """Raises `StoreError` where there is no such program; the SDK's warning of it goes unheard."""
    if shutil.which(f"docker-credential-{name}") is None:
        raise StoreError(f"docker-credential-{name} is not installed")
    return Store(name)


def _entry(registry: str, entry: dict[str, Any]) -> dict[str, str]:
    """What one entry of ``auths`` says, nothing where it is broken."""
    user, password = text(entry.get("username")), text(entry.get("password"))
    encoded = text(entry.get("auth"))
    if encoded:
        try:
            # Go skips line ends, which a shell's base64 puts in.
            whole = "".join(encoded.splitlines())
            decoded = base64.b64decode(whole, validate=True).decode(errors="replace")
        except ValueError:
            return {}
        user, colon, password = decoded.partition(":")
        if not colon:
            return {}
    values = {"username": user, "password": password.strip("\0")}
    values |= {name: text(entry.get(name)) for name in ("identitytoken", "registrytoken")}
    kept = {name: value for name, value in values.items() if value}
    return {**kept, "serveraddress": registry} if kept else {}


class _Proxies(ProxyConfig):
    """Variables and their values."""

    def get_environment(self) -> Any:
        return dict(self)


class Client(docker.APIClient):
    """The SDK's, for one engine. It asks for the version once: an engine takes its time over that.

    Args:
        url: what the endpoint is reached by, where that is another one.

    Attributes:
        credentials: for registries.
    """

    _version_told: dict[str, Any] | None = None

    def __init__(self, endpoint: Endpoint, timeout: int, url: str = "") -> None:
        settings = read_settings()
        self._headers = headers(settings)
        self.credentials = Credentials(settings)
        tls = _tls(endpoint) if endpoint.tls else False
        super().__init__(url or endpoint.url, version="auto", timeout=timeout, tls=tls)
        self._auth_configs = self.credentials
        self._proxy_configs = _Proxies(proxies(settings, endpoint.url))

    @property
    def _general_configs(self) -> dict[str, Any]:
        """What the SDK looks up in the file. An entry of ``auths`` keeps it from a second look."""
        return {"HttpHeaders": self._headers, "auths": {"": {}}}

    @_general_configs.setter
    def _general_configs(self, read: object) -> None:
        """What it has read itself does not count."""

    def version(self, api_version: bool = True) -> dict[str, Any]:
        if self._version_told is None:
            self._version_told = cast(Any, super()).version(api_version)
        return self._version_told

    def _raise_for_status(self, response: Any) -> None:
        try:
            cast(Any, super())._raise_for_status(response)
        except KeyError as error:
            # Podman says it of a push as it would in the middle of one.
            words = text(response.json().get("error")) or response.text
            raise APIError(words, response=response, explanation=words) from error

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """As Go does: neither another CA than the engine's own, nor a proxy to this machine."""
        verify = self.verify if verify is None else verify
        merged = super().merge_environment_settings(url, proxies, stream, verify, cert)
        host = urlsplit(url).hostname or ""
        if host in ("localhost", "::1") or host.startswith("127."):
            merged["proxies"] = {}
        return merged


def _tls(endpoint: Endpoint) -> TLSConfig:
    if not endpoint.verified:
        # Whoever says so need not be told so.
        urllib3.disable_warnings(InsecureRequestWarning)
    pair = (endpoint.certificate, endpoint.key)
    return TLSConfig(
        client_cert=pair if all(pair) else None,
        ca_cert=endpoint.ca or None,
        verify=endpoint.verified,
    )
