"""Images: their names and layers in the engine; pushed to a registry, and taken back by digest.

The engine speaks to the registry, with the credentials that the user's docker CLI would send,
credential helpers among them. What the registry says reaches us as the engine's words, and is
told apart by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, cast

from docker import auth
from docker.errors import APIError, DockerException, ImageNotFound

from guard.engine.client import Engine, explanation
from guard.errors import EngineError

# The grammar of a tag in the OCI distribution specification.
_TAG_LENGTH: Final = 128
_IN_USE: Final = 409
_NOT_IN_TAGS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_FOUND: Final = 404
_REFUSALS: Final = (401, 403)
# The engine passes on what the registry or its own HTTP client said.
_REFUSED: Final = re.compile(
    r"no basic auth credentials|unauthorized|authentication required|incorrect username or password"
    r"|denied|forbidden|may require 'docker login'",
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


class Layer(NamedTuple):
    """One layer of an image.

    Args:
        text: the instruction that made it, as the image's history has it.
        size: bytes it takes on disk; 0 for one that only changes settings.
    """

    text: str
    size: int


class Transfer(NamedTuple):
    """How a push to a registry or a pull from one gets on.

    Args:
        layer: short id of the layer, "" for the whole image.
        status: the engine's words, such as ``Pushing``, ``Pushed`` or ``Layer already exists``.
        done: bytes so far, 0 where that says nothing.
        total: about how many there will be, 0 where that is not known.
    """

    layer: str
    status: str
    done: int = 0
    total: int = 0


OnTransfer = Callable[[Transfer], None]


class RegistryError(EngineError):
    """The registry could not do what was asked; what was asked has not happened."""


class RegistryDownError(RegistryError):
    """The registry does not answer."""


class CredentialsRefusedError(RegistryError):
    """The registry wants other credentials than the user's, or there are none."""


class NotInRegistryError(RegistryError):
    """The registry has no such image."""


def combination_tag(consumer: str, describe: str, dependency: str, release: str) -> str:
    """A tag that says what is in the image, e.g. ``aula-0.38-2-g1116b35-thentos-v0.5.0``.

    Args:
        describe: what ``git describe --always`` says of the consumer's commit.
        release: the dependency's release tag, "" where it stands at none.
    """
    words = [consumer, describe, dependency, release or "unreleased"]
    tag = "-".join(_NOT_IN_TAGS.sub("-", word).strip("-") for word in words if word)
    return tag[:_TAG_LENGTH].lstrip(".-")


def put_tag(engine: Engine, image: str, name: str, tag: str) -> None:
    """Call an image ``name:tag``; one that was called so before loses the name and is kept.

    Raises:
        EngineError: there is no such image, or the engine refuses the name.
    """
    with engine.speaking(f"call the image {name}:{tag}"):
        cast(Any, engine.api).tag(image, name, tag=tag, force=True)


def layers(engine: Engine, image: str) -> tuple[Layer, ...]:
    """The image's layers, the base's first; none where it is gone.

    Raises:
        EngineError: the engine could not be asked.
    """
    with engine.speaking(f"look up the layers of {image}"):
        try:
            history = cast(Any, engine.api).history(image)
        except ImageNotFound:
            return ()
    return tuple(
        Layer(_instruction(str(each.get("CreatedBy") or "")), int(each.get("Size") or 0))
        for each in reversed(history)
    )


def remove_image(engine: Engine, image: str) -> bool:
    """Remove an image with its own layers; whether it is gone.

    One that somebody else has named, or that a container uses, stays.

    Raises:
        EngineError: the engine could not be asked.
    """
    with engine.speaking(f"remove the image {image}"):
        try:
            cast(Any, engine.api).remove_image(image)
        except ImageNotFound:
            return True
        except APIError as error:
            if error.status_code != _IN_USE:
                raise
            return False
    return True


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
    put_tag(engine, image, name, tag)
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
    with engine.speaking(what):
        try:
            yield
        except DockerException as error:
            helper = engine.api.credentials.trouble
            raise _trouble(error, what, reference, helper) from error


def _trouble(
    error: DockerException, what: str, reference: str, helper: str
) -> RegistryError | DockerException:
    said = explanation(error)
    host = _host(reference)
    status = getattr(error, "status_code", None)
    if "no space left on device" in said.lower():
        return error
    if _REFUSED.search(said) or status in _REFUSALS:
        return CredentialsRefusedError(
            f"the registry {host} refuses the credentials of your docker: could not {what}: {said}"
            f"{helper and f' ({helper})'}",
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


def _instruction(created_by: str) -> str:
    """A history's line in the words of a Dockerfile."""
    text = created_by.removesuffix(" # buildkit").strip()
    shell = re.match(r"(?:RUN )?/bin/sh -c (#\(nop\)\s+)?", text)
    if shell is None:
        return text
    rest = text[shell.end() :].strip()
    return rest if shell[1] else f"RUN {rest}"
