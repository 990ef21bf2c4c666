"""`guard publish` to registries that answer in ways of their own, from every kind of engine."""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from guard.demo.registry import registry as loopback_registry
from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from guard.engine.images import remove_image
from tests.commands.publishing import Shop
from tests.engine.own import NEWER, NEWER_CONTAINERD, NEWER_GRAPH, own_engine
from tests.registry import Registry
from tests.unruly import (
    LOOKUP,
    UPLOAD,
    Reply,
    Request,
    Unruly,
    error,
    narrow_engine,
    page,
    unruly,
)
from tests.workshop import Workshop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")

KEPT = f"guard-kept:{os.getpid()}"
INDEX = "application/vnd.oci.image.index.v1+json"
BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"


class Fronted(Registry):
    """A registry that engines know by the address of what stands in front of it."""

    def __init__(self, address: str, folder: Path, front: Unruly) -> None:
        super().__init__(address, folder)
        self.front = front

    @property
    def name(self) -> str:
        return f"{self.front.address}/liqd/aula"

    def put(self, tag: str, kind: str, manifest: bytes) -> str:
        """Push a manifest past every engine; its digest."""
        url = f"http://{self.address}/v2/liqd/aula/manifests/{tag}"
        request = urllib.request.Request(
            url, data=manifest, method="PUT", headers={"Content-Type": kind}
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return str(reply.headers["Docker-Content-Digest"])

    def wrap(self, tag: str) -> str:
        """Let a tag mean an index around the image that it means; the index's digest."""
        digest = self.digest(tag)
        manifest = self.manifest(tag)
        config = self.blob(manifest["config"]["digest"])
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    "mediaType": manifest["mediaType"],
                    "digest": digest,
                    "size": self.size(digest),
                    "platform": {"os": config["os"], "architecture": config["architecture"]},
                }
            ],
        }
        return self.put(tag, INDEX, json.dumps(index).encode())

    def size(self, digest: str) -> int:
        url = f"http://{self.address}/v2/liqd/aula/manifests/{digest}"
        kinds = "application/vnd.docker.distribution.manifest.v2+json, "
        kinds += "application/vnd.oci.image.manifest.v1+json"
        request = urllib.request.Request(url, headers={"Accept": kinds})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return len(reply.read())


@pytest.fixture(scope="module", params=["20.10", "containerd", "graph"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each kind of engine; the one that others use is an old one."""
    if request.param == "20.10":
        yield ""
    else:
        spec = NEWER_CONTAINERD if request.param == "containerd" else NEWER_GRAPH
        with own_engine(spec) as engine:
            yield engine.host


class Shelf:
    """Keeps the team whose image is built once for an engine."""

    shop: Shop | None = None
    verdicts = ""
    image = ""


@pytest.fixture(scope="module")
def shelf(host: str) -> Iterator[Shelf]:
    made = Shelf()
    yield made
    if made.image:
        with Engine.connect(host) as engine:
            remove_image(engine, made.image, [KEPT])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Fronted]:
    folder = tmp_path / "registry"
    with loopback_registry(folder) as address, unruly(address) as made:
        yield Fronted(address, folder, made)


@pytest.fixture
def shop(
    host: str,
    shelf: Shelf,
    registry: Fronted,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A team with an image that has passed, and a registry that is empty."""
    use(host, tmp_path, monkeypatch)
    if shelf.shop is None:
        with Engine.connect() as engine:
            base = base_image(engine)
        shelf.shop = Shop(Workshop(tmp_path_factory.mktemp("team")), registry, base)
        shelf.shop.configure('latest-from = "any"')
        shelf.image = shelf.shop.test()["image"]["id"]
        shelf.shop.docker("tag", shelf.image, KEPT)
        shelf.verdicts = shelf.shop.workshop.docker.git("rev-parse", "refs/guard/verdicts")
    shop = shelf.shop
    shop.registry = registry
    shop.configure('latest-from = "any"')
    shop.workshop.docker.git("update-ref", "refs/guard/verdicts", shelf.verdicts)
    yield shop
    registry.front.temper = lambda request, reply: None
    names = shop.docker("images", "--format={{.Repository}}:{{.Tag}}", registry.name)
    for name in names.split():
        # Another test's registry may get this one's port.
        shop.workshop.run(["docker", "rmi", "--force", name], shop.workshop.docker)


def use(host: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let guard and docker speak to an engine, with the buildx that came with it."""
    plugins = folder / "docker/cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins.parent / "config.json").write_text("{}")
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
        link = plugins / BUILDX.name
        link.unlink(missing_ok=True)
        link.symlink_to(BUILDX)
    monkeypatch.setenv("DOCKER_CONFIG", str(plugins.parent))


def said(registry: Fronted, reply: Reply) -> None:
    """Let the registry say so where a tag is free."""

    def temper(request: Request, forward: Callable[[], Reply]) -> Reply | None:
        is_free = request.method in LOOKUP.split("|") and request.is_of_a_tag
        return reply if is_free and forward().status == 404 else None

    registry.front.temper = temper


def published(shop: Shop, registry: Fronted) -> str:
    """Publish; the tag, which means what the newest verdict says."""
    ran = shop.guard("publish")
    (tag,) = registry.tags()
    digest = f"{registry.name}@{registry.digest(tag)}"
    assert f"published: {registry.name}:{tag}\n  {digest}\n" in ran.out
    assert shop.newest()["image"]["digest"] == digest
    return tag


FREE = {
    "MANIFEST_UNKNOWN": error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "NAME_UNKNOWN": error(404, "NAME_UNKNOWN", "repository name not known to registry"),
    "NOT_FOUND": error(404, "NOT_FOUND", "artifact liqd/aula:v1 not found"),
    "nothing": Reply(404, b"", "text/plain"),
    "nothing, as JSON": Reply(404),
}


@pytest.mark.parametrize("reply", FREE.values(), ids=FREE)
def test_a_tag_is_free_where_the_registry_says_so(
    shop: Shop, registry: Fronted, reply: Reply
) -> None:
    said(registry, reply)
    published(shop, registry)
    assert "published already" in shop.guard("publish").out


OTHERS = "something else than the registry"
UNKNOWN = {
    "a proxy's page": (page(404, "Not Found"), OTHERS),
    "a router's text": (Reply(404, b"404 page not found\n", "text/plain"), OTHERS),
    "JSON of another kind": (Reply(404, b'{"message": "Not Found"}'), OTHERS),
    "a login page": (page(200, "Please log in"), OTHERS),
    "no manifest": (Reply(200, b'{"ok": true}'), OTHERS),
    "nothing at all": (Reply(200), OTHERS),
    "a proxy that forbids": (page(403, "Forbidden"), OTHERS),
    "a proxy that wants a login": (page(407, "Proxy Authentication Required"), OTHERS),
    "too many requests": (error(429, "TOOMANYREQUESTS", "slow down"), "no more requests for now"),
    "a page of that": (page(429, "slow down"), "no more requests for now"),
    "an error": (error(500, "UNKNOWN", "unknown error"), "500 Internal Server Error"),
    "a gateway's page": (page(503, "Service Unavailable"), "does not answer"),
}


@pytest.mark.parametrize(("reply", "words"), UNKNOWN.values(), ids=UNKNOWN)
def test_nothing_is_pushed_where_it_is_not_known_what_a_tag_means(
    shop: Shop, registry: Fronted, reply: Reply, words: str
) -> None:
    said(registry, reply)
    for options in ([], ["--tag", "nightly"]):
        ran = shop.guard("publish", *options, status=3)
        assert words in ran.err and registry.front.address in ran.err
    assert "to mend it: " in ran.err or "500" in ran.err
    assert [each for each in registry.front.requests if each.method in UPLOAD] == []
    assert registry.tags() == []


def another(shop: Shop, registry: Fronted, tag: str) -> str:
    """Let a tag mean an image that is not the verdict's; its digest."""
    name = f"{registry.name}:{tag}"
    container = shop.docker("create", shop.dockerfile.split()[1], "true")
    shop.docker("commit", f"--change=LABEL made={uuid.uuid4()}", container, name)
    shop.docker("push", "--quiet", name)
    shop.docker("rm", container)
    shop.docker("rmi", "--force", name)
    registry.front.requests.clear()
    return registry.digest(tag)


def own_tag(shop: Shop) -> str:
    return str(shop.newest()["image"]["reference"]).rpartition(":")[2]


@pytest.mark.parametrize(
    "reply",
    [error(401, "UNAUTHORIZED", "authentication required"), error(403, "DENIED", "denied")],
    ids=["401", "403"],
)
def test_a_registry_that_tells_nobody_of_what_is_not_there_yet(
    shop: Shop, registry: Fronted, reply: Reply
) -> None:
    """As Docker Hub, where the first push makes the repository."""
    challenge = f'Bearer realm="http://{registry.front.address}/token",service="hub"'

    def temper(request: Request, forward: Callable[[], Reply]) -> Reply | None:
        path = urlsplit(request.path)
        if path.path == "/token":
            scopes = "&".join(parse_qs(path.query).get("scope", []))
            return Reply(200, json.dumps({"token": scopes or "none"}).encode())
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        actions = "pull" if request.method in LOOKUP.split("|") else "pull,push"
        scope = f',scope="repository:liqd/aula:{actions}"' if "/liqd/" in path.path else ""
        asks = (("WWW-Authenticate", challenge + scope),)
        if not token or (scope and any(each not in token for each in actions.split(","))):
            return reply._replace(status=401, headers=asks)
        if scope and "push" not in token and not registry.tags():
            return reply._replace(headers=asks if reply.status == 401 else ())
        return None

    registry.front.temper = temper
    ran = shop.guard("publish")
    tag = own_tag(shop)
    assert f"published: {registry.name}:{tag}\n" in ran.out
    digest = registry.digest(tag)
    assert shop.newest()["image"]["digest"] == f"{registry.name}@{digest}"
    (first,) = set(registry.tags()) - {tag}
    assert f"pushing {registry.name}:{first}" in ran.out
    assert registry.digest(first) == digest
    assert "published already" in shop.guard("publish").out


@pytest.mark.parametrize("reply", [error(401, "UNAUTHORIZED"), error(403, "DENIED")])
def test_a_tag_that_nobody_may_look_up_is_not_overwritten(
    shop: Shop, registry: Fronted, reply: Reply
) -> None:
    digest = another(shop, registry, own_tag(shop))
    registry.front.says(LOOKUP, "/manifests/", reply)
    ran = shop.guard("publish", status=3)
    assert "refuses the credentials" in ran.err
    assert f"to mend it: docker login {registry.front.address}" in ran.err
    assert registry.digest(own_tag(shop)) == digest
    assert own_tag(shop) not in registry.front.pushes()


def test_a_tag_that_shows_up_late_is_waited_for(shop: Shop, registry: Fronted) -> None:
    front = registry.front
    pushed: dict[str, tuple[float, Reply]] = {}

    def temper(request: Request, forward: Callable[[], Reply]) -> Reply | None:
        if request.is_of_a_tag and request.method == "PUT":
            before = front.forward(request._replace(method="GET"))
            pushed[request.path] = (time.monotonic(), before)
        if not request.is_of_a_tag or request.path not in pushed or request.method == "PUT":
            return None
        when, before = pushed[request.path]
        return before if time.monotonic() < when + 3 else None

    front.temper = temper
    ran = shop.guard("publish", "--latest")
    assert f"published: {registry.name}:{own_tag(shop)}\n" in ran.out
    assert f"moved: {registry.name}:latest, before not there" in ran.out
    before = another(shop, registry, "latest")
    pushed.clear()
    ran = shop.guard("publish", "--latest")
    assert f"moved: {registry.name}:latest, before {before}" in ran.out
    assert registry.digest("latest") == registry.digest(own_tag(shop))


FULL = {
    "DENIED": error(403, "DENIED", "quota exceeded for this project"),
    "Harbor": error(
        403,
        "DENIED",
        "adding 3.0 MiB of storage resource, which when updated to current usage of 9.0 MiB will "
        "exceed the configured upper limit of 10.0 MiB.",
    ),
}
# Of the engines whose push ends with that: the others try it again and again, for a minute.
PAGES = {
    "containerd-413": ("containerd", page(413, "413 Request Entity Too Large")),
    "containerd-507": ("containerd", page(507, "Insufficient Storage")),
    "20.10-413": ("20.10", page(413, "413 Request Entity Too Large")),
}


def is_told_that_there_is_no_room(shop: Shop, registry: Fronted, reply: Reply) -> None:
    registry.front.says(UPLOAD, "/v2/", reply)
    ran = shop.guard("publish", status=3)
    assert f"the registry {registry.front.address} has no room for it" in ran.err
    assert "to mend it: make room there" in ran.err
    assert shop.newest()["published"] == ""


@pytest.mark.parametrize("reply", FULL.values(), ids=FULL)
def test_a_registry_that_has_no_room(shop: Shop, registry: Fronted, reply: Reply) -> None:
    is_told_that_there_is_no_room(shop, registry, reply)


@pytest.mark.parametrize(("host", "reply"), PAGES.values(), ids=PAGES, indirect=["host"])
def test_a_registry_that_has_no_room_and_says_so_in_a_page(
    shop: Shop, registry: Fronted, reply: Reply
) -> None:
    is_told_that_there_is_no_room(shop, registry, reply)


FIXED = {
    "ECR": error(
        400,
        "TAG_INVALID",
        "The image tag 'v1' already exists in the 'aula' repository and cannot be overwritten "
        "because the tag is immutable.",
    ),
    "Harbor": error(
        412, "PRECONDITION", "Failed to process request due to 'aula:v1' configured as immutable."
    ),
    "GitLab": error(403, "DENIED", "The tag 'v1' is immutable."),
    "Artifactory": error(
        403, "DENIED", "Not enough permissions to overwrite artifact 'aula:v1' (needs DELETE)"
    ),
    "Artifact Registry": error(
        400, "MANIFEST_INVALID", "The repository has enabled tag immutability; cannot update tag"
    ),
    "409": error(409, "CONFLICT", "tag is immutable"),
    "405": error(405, "UNSUPPORTED", "tag cannot be overwritten"),
}


@pytest.mark.parametrize("reply", FIXED.values(), ids=FIXED)
def test_a_registry_whose_tags_are_immutable(shop: Shop, registry: Fronted, reply: Reply) -> None:
    registry.front.says("PUT", f"/manifests/{own_tag(shop)}$", reply)
    ran = shop.guard("publish", status=3)
    assert "lets nobody move a tag that is there" in ran.err
    remedy = ran.err.partition("to mend it: guard ")[2].splitlines()[0]
    assert registry.tags() == []
    assert "published: " in shop.guard(*remedy.split()).out


BUSY = {
    "TOOMANYREQUESTS": error(429, "TOOMANYREQUESTS", "rate limit exceeded"),
    "nothing but words": error(429, "TOOMANYREQUESTS", "slow down"),
    "ECR": error(429, "TOOMANYREQUESTS", "Rate exceeded"),
}


@pytest.mark.parametrize("reply", BUSY.values(), ids=BUSY)
def test_too_many_requests_for_a_push(shop: Shop, registry: Fronted, reply: Reply) -> None:
    registry.front.says(UPLOAD, "/v2/", reply)
    ran = shop.guard("publish", status=3)
    assert "takes no more requests for now" in ran.err
    assert f"docker login {registry.front.address}" in ran.err


def redirected(shop: Shop, registry: Fronted, methods: str) -> None:
    """Send the engine to a place that has secrets in its URL, and read what that is told as."""
    place = ("Location", "http://bob:S3cret@127.0.0.1:1/v2/?token=S3cret&x=1")
    registry.front.says(methods, "/v2/", Reply(307, headers=(place,)))
    ran = shop.guard("publish", status=3)
    assert "127.0.0.1:1" in ran.err
    status = shop.guard("status", "--verbose")
    assert "S3cret" not in ran.text + status.text + shop.guard("status", "--json").text


def test_no_secret_of_a_registrys_url_is_told(shop: Shop, registry: Fronted) -> None:
    redirected(shop, registry, LOOKUP)


# The others try that again and again, for a minute.
@pytest.mark.parametrize("host", ["containerd"], indirect=True)
def test_no_secret_of_the_url_of_a_push_is_told(shop: Shop, registry: Fronted) -> None:
    redirected(shop, registry, UPLOAD)


def test_an_index_around_the_image_means_the_image(shop: Shop, registry: Fronted) -> None:
    tag = published(shop, registry)
    index = registry.wrap(tag)
    told = f"published already: {registry.name}:{tag}\n  {registry.name}@{index}\n"
    assert told in shop.guard("publish").out
    shop.workshop.docker.git("update-ref", "refs/guard/verdicts", "refs/guard/verdicts^")
    ran = shop.guard("publish")
    assert f"{registry.name}:{tag} is in the registry already, as {index}" in ran.out
    assert shop.newest()["image"]["digest"] == f"{registry.name}@{index}"
    shop.remove_images()
    assert shop.guard("recover").out.splitlines()[1].endswith("in the registry")
    ran = shop.guard("publish", "--latest")
    assert f"moved: {registry.name}:latest" in ran.out
    assert "means it already" in shop.guard("publish", "--latest").out
    assert shop.guard("recover").out.splitlines()[1].endswith("here")


def test_an_index_around_another_image_is_another_image(shop: Shop, registry: Fronted) -> None:
    another(shop, registry, own_tag(shop))
    index = registry.wrap(own_tag(shop))
    ran = shop.guard("publish", status=1)
    assert f"means another image in the registry already: {index}" in ran.err
    assert registry.front.pushes() == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b'{"cause":"","message":"Not Found","response":404}\n'),
        Reply(404, b"Not Found\n", "text/plain"),
        page(403, "Forbidden"),
    ],
    ids=["Podman", "text", "a proxy"],
)
def test_an_engine_that_looks_into_no_registry(
    shop: Shop, registry: Fronted, reply: Reply, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tag = own_tag(shop)
    digest = another(shop, registry, tag)
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    narrow_socket = tmp_path / "narrow.sock"
    # Undone here: what takes the images away at the end speaks to the engine itself.
    with narrow_engine(engine, narrow_socket, reply) as narrow, monkeypatch.context() as through:
        through.setenv("DOCKER_HOST", narrow)
        ran = shop.guard("publish", status=1)
        assert f"{registry.name}:{tag} means another image in the registry already" in ran.err
        assert registry.digest(tag) == digest
        assert registry.front.pushes() == []
        assert "published: " in shop.guard("publish", "--tag", "nightly").out
        assert shop.newest()["image"]["digest"] == f"{registry.name}@{registry.digest('nightly')}"
        assert "published already" in shop.guard("publish", "--tag", "nightly").out
        assert ": moved" not in shop.guard("publish", "--latest", "--tag", "nightly").text
        shop.remove_images()
        listed = shop.guard("recover").out
        assert listed.splitlines()[1].endswith("not asked")
        assert "looks into no registry" in listed
