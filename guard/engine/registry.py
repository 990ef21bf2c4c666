"""Images in a registry: pushed under a tag, looked up, taken back by digest and never by name.

The engine speaks to the registry, with the credentials that the user's docker CLI would send,
credential helpers among them. What the registry says reaches us as the engine's words, and is
told apart by them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, cast

from docker import auth
from docker.errors import DockerException

from guard.engine.client import Engine, explanation
from guard.engine.events import OnTransfer, Transfer
from guard.errors import EngineError

_NOT_FOUND: Final = 404
_REFUSALS: Final = (401, 403)
# The engine passes on what the registry, its own HTTP client or the credential helper said.
_REFUSED: Final = re.compile(
    r"no basic auth credentials|unauthorized|authentication required|incorrect username or password"
    r"|denied|forbidden|may require 'docker login'|credentials? store error",
    re.IGNORECASE,
)
_DOWN: Final = re.compile(
    r"dial tcp|connection re(?:fused|set)|no such host|no route to host|network is unreachable"
    r"|i/o timeout|timeout exceeded|handshake timeout|deadline exceeded|\bEOF\b"
    r"|bad gateway|gateway timeout|service unavailable",
    re.IGNORECASE,
)
_ABSENT: Final = re.compile(
    r"manifest unknown|name unknown|manifest for .* not found", re.IGNORECASE
)
_PUSHED: Final = re.compile(r"(?P<tag>\S+): digest: (?P<digest>sha256:[0-9a-f]{64}) size: \d+")
_HUB: Final = "docker.io"


class RegistryError(EngineError):
    """The registry could not do what was asked; what was asked has not happened."""


class RegistryDownError(RegistryError):
    """The registry does not answer."""


class CredentialsRefusedError(RegistryError):
    """The registry wants other credentials than the user's, or there are none."""


class NotInRegistryError(RegistryError):
    """The registry has no such image."""


def push(engine: Engine, image: str, reference: str, on_transfer: OnTransfer) -> str:
    """Push an image under a tag, which means that image afterwards, whatever it meant before.

    The tag is put onto the image in the engine, too: an engine pushes by name alone.

    Args:
        image: its id.
        reference: ``name:tag``.
        on_transfer: told of every layer, in the thread that calls.

    Returns:
        ``name@sha256:...``, by which the registry has it. Engine and registry have been asked
        that this digest is that image, and what the tag means.

    Raises:
        RegistryError: of one of the kinds of this module, or the tag means something else now.
        EngineError: the engine has no such image, or went away.
    """
    name, tag = split(reference)
    with engine.speaking(f"call the image {reference}"):
        cast(Any, engine.api).tag(image, name, tag=tag, force=True)
    digest = ""
    with _asking(engine, f"push {reference}", reference):
        lines = engine.api.push(name, tag=tag, stream=True, decode=True)
        for line in _told(lines, on_transfer):
            digest = _pushed(line, tag) or digest
    pinned = f"{name}@{digest}"
    if not digest or engine.image_id(pinned) != engine.image_id(image):
        raise RegistryError(f"the engine did not push the image {image} as {reference}")
    found = resolve(engine, reference)
    if found != digest:
        raise RegistryError(
            f"{reference} was pushed as {digest}, but means {found or 'nothing'} in the registry: "
            "somebody else pushes there as well",
            "guard publish",
        )
    return pinned


def resolve(engine: Engine, reference: str) -> str:
    """The digest that a tag means in the registry, e.g. ``sha256:9f86...``; "" where it has none.

    Args:
        reference: ``name:tag``, or ``name@sha256:...`` to ask whether that is there.

    Raises:
        RegistryError: of one of the kinds of this module.
        EngineError: the engine went away.
    """
    try:
        with _asking(engine, f"look up {reference}", reference):
            found: dict[str, Any] = cast(Any, engine.api).inspect_distribution(reference)
    except NotInRegistryError:
        return ""
    return str(found["Descriptor"]["digest"])


def pull(engine: Engine, pinned: str, on_transfer: OnTransfer) -> str:
    """Take an image out of the registry, by its digest.

    Args:
        pinned: ``name@sha256:...``.

    Returns:
        The image's id in the engine.

    Raises:
        NotInRegistryError: the registry has it no more.
        RegistryError: of another of the kinds of this module.
        EngineError: the engine went away.
        ValueError: what is asked for has no digest.
    """
    if "@" not in pinned:
        raise ValueError(f"{pinned} names no digest")
    with _asking(engine, f"pull {pinned}", pinned):
        for _ in _told(engine.api.pull(pinned, stream=True, decode=True), on_transfer):
            pass
    image = engine.image_id(pinned)
    if not image:
        raise RegistryError(f"the engine pulled {pinned}, and has it not")
    return image


def split(reference: str) -> tuple[str, str]:
    """Name and tag of ``name:tag``; a name may have a port in it."""
    name, _, tag = reference.rpartition(":")
    return (name, tag) if name and "/" not in tag else (reference, "latest")


def login(reference: str) -> str:
    """The command that gives the user's docker other credentials for a reference's registry."""
    host = _host(reference)
    return "docker login" if host == _HUB else f"docker login {host}"


def _told(lines: Any, on_transfer: OnTransfer) -> Iterator[dict[str, Any]]:
    """What the engine tells of a push or a pull; its error raised, for it comes in between."""
    # Closed even where a reader is interrupted: the engine stops then.
    with closing(cast(Any, lines)) as stream:
        for line in cast(Iterable[dict[str, Any]], stream):
            if "error" in line:
                raise DockerException(str(line["error"]))
            layer, status = str(line.get("id") or ""), str(line.get("status") or "")
            if status.startswith("Pulling from"):
                layer = ""  # the id is the image's here
            if status:
                detail = line.get("progressDetail") or {}
                done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
                on_transfer(Transfer(layer, status, done, total))
            yield line


def _pushed(line: dict[str, Any], tag: str) -> str:
    """The digest, where a line of a push tells it, else "".

    An engine with the containerd image store tells it in the status line alone, the others in
    ``aux`` as well.
    """
    told = _PUSHED.fullmatch(str(line.get("status") or ""))
    in_status = told["digest"] if told and told["tag"] == tag else ""
    return str((line.get("aux") or {}).get("Digest") or in_status)


@contextmanager
def _asking(engine: Engine, what: str, reference: str) -> Iterator[None]:
    """Tells apart why the engine could not do something with a registry."""
    with engine.speaking(what), warnings.catch_warnings():
        # The SDK warns of a credential helper that is missing, and raises then as well.
        warnings.simplefilter("ignore")
        try:
            yield
        except DockerException as error:
            raise _trouble(error, what, reference) from error


def _trouble(error: DockerException, what: str, reference: str) -> RegistryError | DockerException:
    said = explanation(error)
    host = _host(reference)
    status = getattr(error, "status_code", None)
    if "no space left on device" in said.lower():
        return error
    if _REFUSED.search(said) or status in _REFUSALS:
        return CredentialsRefusedError(
            f"the registry {host} refuses the credentials of your docker: could not {what}: {said}",
            login(reference),
        )
    if _ABSENT.search(said) or status == _NOT_FOUND:
        return NotInRegistryError(f"the registry {host} has no {reference}: {said}")
    if _DOWN.search(said):
        return RegistryDownError(
            f"the registry {host} does not answer: could not {what}: {said}",
            "look whether it runs and whether the engine reaches it, then run this again; "
            "[image] name in .guard.toml says which it is, and publish = false there that there is "
            "none",
        )
    return RegistryError(f"could not {what}: the registry {host} said: {said}")


def _host(reference: str) -> str:
    host, _ = auth.resolve_repository_name(split(reference.partition("@")[0])[0])
    return str(host)
