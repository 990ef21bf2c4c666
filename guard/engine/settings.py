"""The docker CLI's own configuration, read as the CLI reads it, and the engine that it leads to.

The SDK reads it too, but gives up the engine where the CLI only warns, and finds another one where
the CLI refuses.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from guard.errors import EngineError

_LOCAL: Final = "unix:///var/run/docker.sock"
_PROXIES: Final = ("http", "https", "ftp", "no", "all")
# What HTTP allows (RFC 9110); others are left out.
_HEADER: Final = re.compile(r"[!#-'*+.0-9A-Z^-z|~-]+")


class Endpoint(NamedTuple):
    """Where an engine is.

    Args:
        url: e.g. ``unix:///var/run/docker.sock``.
        tls: whether it is spoken to by TLS.
        verified: whether its certificate is verified.
        ca, certificate, key: paths of PEM files, "" for none.
    """

    url: str
    tls: bool = False
    verified: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""


def config_folder() -> str:
    """Where the CLI's configuration is."""
    return os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def read_settings() -> dict[str, Any]:
    """``config.json``, its names in lower case; empty where the CLI warns and goes on without."""
    try:
        text = Path(config_folder(), "config.json").read_text("utf-8", "replace")
        # Go reads one value, and not what follows it.
        return fields(json.JSONDecoder().raw_decode(text.lstrip())[0])
    except (OSError, ValueError, RecursionError):
        return {}


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def fields(value: object) -> dict[str, Any]:
    """The fields of a mapping; Go takes their names in any case."""
    return {name.lower(): content for name, content in mapping(value).items()}


def text(value: object) -> str:
    """The value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def headers(settings: dict[str, Any]) -> dict[str, str]:
    """What is sent with every request to an engine."""
    return {
        name: value
        for name, value in mapping(settings.get("httpheaders")).items()
        if _HEADER.fullmatch(name) and re.fullmatch(r"[\t -~]*", text(value) or "\n")
    }


def proxies(settings: dict[str, Any], url: str) -> dict[str, str]:
    """The variables of proxies that builds and containers on an engine are given."""
    engines = mapping(settings.get("proxies"))
    values = fields(engines[url] if url in engines else engines.get("default"))
    variables: dict[str, str] = {}
    for name in _PROXIES:
        value = text(values.get(f"{name}proxy"))
        if value:
            variables |= {f"{name}_proxy": value, f"{name}_proxy".upper(): value}
    return variables


def default_platform() -> str:
    """What images are built for where the recipe says nothing, "" for what the engine runs on."""
    return os.environ.get("DOCKER_DEFAULT_PLATFORM", "")


def context_name() -> str:
    """The docker context in use, ``default`` for the CLI's own variables and the local socket."""
    if os.environ.get("DOCKER_HOST", "").strip():
        return "default"
    named = os.environ.get("DOCKER_CONTEXT", "")
    return named or text(read_settings().get("currentcontext")) or "default"


def endpoint() -> Endpoint:
    """The engine that the CLI would use: ``DOCKER_HOST``, the current context, the local socket.

    Raises:
        EngineError: the context that is meant is not there or damaged, or TLS lacks its CA.
    """
    context = context_name()
    if context == "default":
        return _by_variables(os.environ.get("DOCKER_HOST", "").strip())
    try:
        return _of_context(context)
    except FileNotFoundError:
        is_chosen = os.environ.get("DOCKER_CONTEXT")
        remedy = (
            "docker context ls" if is_chosen else "docker --context default context use default"
        )
        raise EngineError(f"there is no docker context {context}", remedy) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError(
            f"the docker context {context} cannot be read: {error!r}", "docker context ls"
        ) from error


def _by_variables(host: str) -> Endpoint:
    verified = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    tls = verified or bool(os.environ.get("DOCKER_TLS"))
    url = host or ("tcp://localhost" if tls else _LOCAL)
    if re.fullmatch(r"tcp://(\[.*\]|[^:/]*)/?", url):
        name = url[len("tcp://") :].rstrip("/") or "localhost"
        url = f"tcp://{name}:{2376 if tls else 2375}"
    if not tls or url.startswith(("unix:", "ssh:")):
        return Endpoint(url)
    folder = os.environ.get("DOCKER_CERT_PATH") or config_folder()
    files = _files(folder)
    if not files[0]:
        raise EngineError(
            f"the engine at {url} is to be spoken to by TLS, but {folder}/ca.pem is not there",
            "DOCKER_CERT_PATH is to name the folder of ca.pem, cert.pem and key.pem; without TLS: "
            "unset DOCKER_TLS_VERIFY DOCKER_TLS",
        )
    return Endpoint(url, True, verified, *files)


def _of_context(name: str) -> Endpoint:
    """As a context says. Raises what reading and decoding it raises."""
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()
    stored = Path(config_folder(), "contexts")
    meta = fields(json.loads(Path(stored, "meta", digest, "meta.json").read_bytes()))
    docker = fields(meta["endpoints"]["docker"])
    url = text(docker.get("host")) or _LOCAL
    files = _files(os.path.join(stored, "tls", digest, "docker"))
    skipped = docker.get("skiptlsverify") is True
    if url.startswith(("unix:", "ssh:")) or not (skipped or any(files)):
        return Endpoint(url)
    return Endpoint(url, True, not skipped, *files)


def _files(folder: str) -> list[str]:
    """Paths of the CA, the certificate and the key; "" for what is not there."""
    paths = (os.path.join(folder, f"{name}.pem") for name in ("ca", "cert", "key"))
    return [path if os.path.exists(path) else "" for path in paths]
