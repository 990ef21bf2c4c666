"""Images: their names and layers in the engine; pushed to a registry, and taken back by digest.

The engine speaks to the registry, with the credentials that the user's docker CLI would send,
credential helpers among them: it alone knows the registry's certificates, the proxies and which
registries are insecure, and its network may be another than ours. A client beside it serves less:
`oras` and `python-dxf` read the CLI's credentials in part or not at all, and ``docker manifest
inspect`` says "no such manifest" of a registry that refuses as well as of one that is down. So what
the registry says reaches us as the engine's words, and is told apart by them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
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
# How a proxy, or a service that is no Docker's, says that it has no look-up; and an engine's words
# where the registry itself said the like.
_NO_CALL: Final = (403, 404, 405, 501)
_REGISTRYS: Final = re.compile(
    r"denied|unauthorized|no basic auth|(?:manifest|name) unknown|manifest "
)
# Seconds that a registry may take until it shows what was pushed, and between two look-ups.
_LATE: Final = 30
_PAUSE: Final = 0.25
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


class CredentialsRefusedError(RegistryError):
    """The registry wants other credentials than the user's, or there are none."""


class NotInRegistryError(RegistryError):
    """The registry has no such image."""


class TagFixedError(RegistryError):
    """The tag is there, and the registry lets nobody move it."""


class NoLookupError(RegistryError):
    """The engine looks into no registry."""


class _Row(NamedTuple):
    """What the engine's words mean: the registry's own, or those of its HTTP client."""

    words: str
    kind: type[RegistryError]
    problem: str
    remedy: str = ""


# The first row that fits decides. Each engine words the same answer in its own way.
_TABLE: Final = (
    _Row(
        # 404 without a word: Engine 28 tells nothing of the status where it comes as plain text.
        r"(?:manifest|name) unknown|manifest for .* not found|^unknown:$"
        r'|HTTP 404 response body: unexpected end of JSON input: ""'
        r"|^unknown: (?!404)[^<\n]* not found$|failed to resolve reference .*: not found$",
        NotInRegistryError,
        "the registry {host} has no {reference}: {words}",
    ),
    _Row(
        # Engine 28 tells the words of a 429, and not its code.
        r"toomanyrequests|too many requests|HTTP 429|(?:rate|pull|request) limit|rate exceeded"
        r"|slow ?down|throttl",
        RegistryError,
        "the registry {host} takes no more requests for now: could not {what}: {words}",
        "wait, or where more are allowed with an account, {login}; then run this again",
    ),
    _Row(
        r"quota|\b413\b|\b507\b|entity too large|insufficient storage"
        r"|(?:storage|upper) limit",
        RegistryError,
        "the registry {host} has no room for it: could not {what}: {words}",
        "make room there, or ask whoever runs it for more; then run this again",
    ),
    _Row(
        r"immutab|overwr|\btag\b.* (?:already exists|protected|locked)|updating assets"
        r"|operation is disallowed",
        TagFixedError,
        "the registry {host} lets nobody move a tag that is there: could not {what}: {words}",
    ),
    _Row(
        r"<\s*(?:!doctype|html)|invalid character|page not found|no error details"
        r"|error unmarshalling content|missing signature key|unexpected end of JSON",
        RegistryError,
        "something else than the registry {host} answered, such as a proxy or a login page: "
        "could not {what}: {words}",
        "curl -iL {host}/v2/; mend what answers there, then run this again",
    ),
    _Row(
        r"no basic auth credentials|unauthorized|authentication required|denied|forbidden"
        r"|incorrect username or password|may require 'docker login'",
        CredentialsRefusedError,
        "the registry {host} refuses the credentials of your docker: could not {what}: {words}",
        "{login}",
    ),
    _Row(
        r"dial tcp|connection re(?:fused|set)|no such host|no route to host|network is unreachable"
        r"|i/o timeout|timeout exceeded|handshake timeout|deadline exceeded|\bEOF\b"
        r"|bad gateway|gateway timeout|service unavailable",
        RegistryError,
        "the registry {host} does not answer: could not {what}: {words}",
        "look whether it runs and whether the engine reaches it, then run this again; "
        "[image] name in .guard.toml says which it is, and publish = false there that there is "
        "none",
    ),
    _Row("", RegistryError, "could not {what}: the registry {host} said: {words}"),
)


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
    """Call an image ``name:tag``; one that was called so before loses the name and is kept."""
    with engine.speaking(f"call the image {name}:{tag}"):
        cast(Any, engine.api).tag(image, name, tag=tag, force=True)


def layers(engine: Engine, image: str) -> tuple[Layer, ...]:
    """The image's layers, the base's first; none where it is gone."""
    with engine.speaking(f"look up the layers of {image}"):
        try:
            history = cast(Any, engine.api).history(image)
        except ImageNotFound:
            return ()
    return tuple(
        Layer(_instruction(str(each.get("CreatedBy") or "")), int(each.get("Size") or 0))
        for each in reversed(history)
    )


def remove_image(engine: Engine, image: str, own: Collection[str] = ()) -> bool:
    """Remove an image with its own layers; whether it is gone.

    One that somebody else has named, or that a container uses, stays.

    Args:
        image: its id, or its one name.
        own: names that go with it.
    """
    api = cast(Any, engine.api)
    with engine.speaking(f"remove the image {image}"):
        try:
            facts = api.inspect_image(image)
            # What was pulled by its digest has that for a name, too; it is no one's own choice.
            names = facts["RepoTags"] or []
            if not {image, *own}.issuperset(name for name in names if "@" not in name):
                return False
            for name in (*names, facts["Id"]):  # which goes with its last name, on most engines
                api.remove_image(name)
        except ImageNotFound:
            return True
        except APIError as error:
            if error.status_code != _IN_USE:
                raise
            return False
    return True


def local_image(engine: Engine, *names: str) -> str:
    """The id under which the engine has an image, "" where it has it not.

    Args:
        names: what it may be known by. An engine's id of it is the digest of its configuration, or
            with the containerd image store that of its manifest or index; the same image has
            another id on another engine, but the same digest in a registry.
    """
    return next(filter(None, map(engine.image_id, filter(None, names))), "")


def is_image(engine: Engine, pinned: str, image: str) -> bool:
    """Whether a digest in a registry means an image that the engine has.

    An index that somebody made around the image means it as well; it is pulled, to see that.

    Args:
        pinned: ``name@sha256:...``.
        image: its id, "" for none.
    """
    if not image or not engine.image_id(image):
        return False
    if not engine.image_id(pinned):
        if not _is_index(engine, pinned):
            return False
        pull(engine, pinned, lambda transfer: None)
    return _contents(engine, pinned) == _contents(engine, image)


def _contents(engine: Engine, name: str) -> tuple[object, ...]:
    """What is in an image's configuration: the same for an index and its manifest."""
    with engine.speaking(f"look up the image {name}"):
        image: dict[str, Any] = cast(Any, engine.api).inspect_image(name)
    return tuple(image.get(key) for key in ("Created", "Os", "Architecture", "Config", "RootFS"))


def _is_index(engine: Engine, pinned: str) -> bool:
    try:
        kind = str(_descriptor(engine, pinned)["mediaType"])
    except NoLookupError:
        return True  # pulled, if not for this
    return "image.index" in kind or "manifest.list" in kind


def send(engine: Engine, image: str, reference: str, on_transfer: OnTransfer) -> str:
    """Push an image under a tag.

    The tag is put onto the image in the engine, too: an engine pushes by name alone.

    Args:
        reference: ``name:tag``.
        on_transfer: told of every layer, in the thread that calls.

    Returns:
        The digest by which the registry has it, "" where the engine does not tell.
    """
    name, tag = split(reference)
    put_tag(engine, image, name, tag)
    digest = ""
    with _asking(engine, f"push {reference}", reference):
        lines = engine.api.push(name, tag=tag, stream=True, decode=True)
        for line in _told(lines, on_transfer):
            digest = _pushed(line, tag) or digest
    return digest


def push(
    engine: Engine, image: str, reference: str, on_transfer: OnTransfer, before: str = ""
) -> str:
    """As `send`; the tag means that image afterwards, whatever it meant before.

    Args:
        before: the digest that it meant, "" where it was free.

    Returns:
        ``name@sha256:...``, by which the registry has it. Engine and registry have been asked
        that this digest is that image, and what the tag means.
    """
    digest = send(engine, image, reference, on_transfer)
    pushed = f"{reference} was pushed{f' as {digest}' if digest else ''}, but "
    try:
        meant = _awaited(engine, reference, digest, before)
    except RegistryError as error:
        raise type(error)(
            f"{pushed}what it means now could not be found out: {error.problem}", error.remedy
        ) from error
    pinned = f"{split(reference)[0]}@{meant}"
    if meant in ("", before) and not (digest and meant == digest):
        raise RegistryError(
            f"{pushed}{_LATE} seconds later the registry shows {meant or 'nothing'} there",
            "guard publish, a little later",
        )
    if digest and meant != digest:
        raise RegistryError(
            f"{pushed}means {meant} in the registry: somebody else pushes there as well",
            "guard publish",
        )
    if not engine.image_id(pinned):
        pull(engine, pinned, on_transfer)  # its layers are here
    if not is_image(engine, pinned, image):
        raise RegistryError(f"the engine did not push the image {image} as {reference}")
    return pinned


def _awaited(engine: Engine, reference: str, digest: str, before: str) -> str:
    """What a tag means that was pushed; a registry may show that late."""
    end = time.monotonic() + _LATE
    pause = _PAUSE
    while True:
        meant = resolve(engine, reference)
        is_shown = meant == digest if digest else meant not in ("", before)
        if is_shown or time.monotonic() + pause > end:
            return meant
        time.sleep(pause)
        pause *= 2


def looked_up(engine: Engine, reference: str) -> str:
    """The digest that a tag means in the registry, e.g. ``sha256:9f86...``; "" where it has none.

    What the registry does not say itself is a `RegistryError`.

    Args:
        reference: ``name:tag``, or ``name@sha256:...`` to ask whether that is there.
    """
    try:
        return str(_descriptor(engine, reference)["digest"])
    except NotInRegistryError:
        return ""


def _descriptor(engine: Engine, reference: str) -> dict[str, Any]:
    """What the registry says of a tag or a digest."""
    with _asking(engine, f"look up {reference}", reference):
        try:
            answer: dict[str, dict[str, Any]] = cast(Any, engine.api).inspect_distribution(
                reference
            )
            return answer["Descriptor"]
        except APIError as error:
            words = explanation(error)
            if error.status_code not in _NO_CALL or _REGISTRYS.match(words):
                raise
            raise NoLookupError(
                f"the engine at {engine.facts.host} looks into no registry: could not look up "
                f"{reference}: {words}",
                f"docker pull {reference}",
            ) from error


def resolve(engine: Engine, reference: str) -> str:
    """As `looked_up`; where the engine looks into no registry, by pulling what is there.

    Podman's service is such an engine, and one behind a proxy that lets no look-up through.
    """
    try:
        return looked_up(engine, reference)
    except NoLookupError:
        before = "" if "@" in reference else engine.image_id(reference)
    try:
        digest = _pulled(engine, reference, lambda transfer: None)
    except NotInRegistryError:
        return ""
    if "@" in reference:
        return reference.partition("@")[2]
    name, tag = split(reference)
    with engine.speaking(f"look up the image {reference}"):
        known = cast(Any, engine.api).inspect_image(reference)["RepoDigests"]
    if before and before != engine.image_id(reference):
        put_tag(engine, before, name, tag)
    # Podman's service does not say which one it was, and the image may have digests of its own.
    digests = (each.partition("@")[2] for each in known)
    return digest or next(filter(None, (resolve(engine, f"{name}@{each}") for each in digests)), "")


def pull(engine: Engine, pinned: str, on_transfer: OnTransfer) -> str:
    """Take an image out of the registry, by ``name@sha256:...``; its id in the engine."""
    if "@" not in pinned:
        raise ValueError(f"{pinned} names no digest")
    _pulled(engine, pinned, on_transfer)
    image = engine.image_id(pinned)
    if not image:
        raise RegistryError(f"the engine pulled {pinned}, and has it not")
    return image


def _pulled(engine: Engine, reference: str, on_transfer: OnTransfer) -> str:
    """Pull; the digest that the engine tells."""
    digest = ""
    with _asking(engine, f"pull {reference}", reference):
        for line in _told(engine.api.pull(reference, stream=True, decode=True), on_transfer):
            label, _, value = str(line.get("status")).partition(": ")
            digest = value if label == "Digest" else digest
    return digest


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
            raise _trouble(engine, error, what, reference) from error


def _trouble(
    engine: Engine, error: DockerException, what: str, reference: str
) -> RegistryError | DockerException:
    words = explanation(error)
    if "no space left on device" in words.lower():
        return error
    row = next(row for row in _TABLE if re.search(row.words, words, re.IGNORECASE))
    if row.kind is CredentialsRefusedError and engine.api.credentials.trouble:
        words += f" ({engine.api.credentials.trouble})"
    fields = {"what": what, "words": words, "reference": reference}
    fields |= {"host": _host(reference), "login": login(reference)}
    return row.kind(row.problem.format(**fields), row.remedy.format(**fields))


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
