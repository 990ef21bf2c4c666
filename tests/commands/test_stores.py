"""One image on engines with either image store: what it is known by, here and there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from tests.commands.publishing import Shop
from tests.commands.test_registries import use
from tests.engine.own import NEWER_CONTAINERD, OwnEngine, own_engine
from tests.registry import Registry
from tests.workshop import Workshop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")


@pytest.fixture(scope="module")
def newer() -> Iterator[OwnEngine]:
    with own_engine(NEWER_CONTAINERD) as started:
        yield started


class Stores:
    """A team with an old engine, which has graph drivers, and one with containerd's store."""

    def __init__(
        self, newer: OwnEngine, shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.shop = shop
        self._hosts = {"graph": "", "containerd": newer.host}
        self._folder = folder
        self._monkeypatch = monkeypatch

    def to(self, store: str) -> None:
        """Go on with the engine of that store."""
        self._monkeypatch.delenv("DOCKER_HOST", raising=False)
        use(self._hosts[store], self._folder / store, self._monkeypatch)
        with Engine.connect() as engine:
            base_image(engine)


@pytest.fixture
def stores(
    newer: OwnEngine,
    workshop: Workshop,
    registry: Registry,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stores]:
    shop = Shop(workshop, registry, base)
    shop.configure('latest-from = "any"')
    made = Stores(newer, shop, tmp_path, monkeypatch)
    yield made
    for store in ("graph", "containerd"):
        made.to(store)
        shop.remove_images()


def place(shop: Shop) -> str:
    """Where the newest verdict's image is."""
    return shop.guard("recover").out.splitlines()[1].rsplit("  ", 1)[-1].strip()


BOTH_WAYS = pytest.mark.parametrize(
    ("first", "second"), [("graph", "containerd"), ("containerd", "graph")]
)


@BOTH_WAYS
def test_what_was_published_from_one_store_is_known_on_the_other(
    stores: Stores, first: str, second: str
) -> None:
    shop = stores.shop
    stores.to(first)
    passed = shop.test()
    shop.guard("publish")
    digest = shop.newest()["image"]["digest"]
    stores.to(second)
    assert f"published already: {passed['image']['reference']}\n" in shop.guard("publish").out
    assert place(shop) == "in the registry"
    shop.docker("pull", "--quiet", digest)
    assert place(shop) == "here"
    ran = shop.guard("publish", "--latest")
    assert f"moved: {shop.registry.name}:latest, before not there" in ran.out
    assert "pulling" not in ran.out
    assert "means it already" in shop.guard("publish", "--latest").out
    assert shop.newest()["image"]["digest"] == digest
    shop.guard("publish", "--tag", "nightly")
    assert "published already" in shop.guard("publish", "--tag", "nightly").out
    stores.to(first)
    assert place(shop) == "here"


@BOTH_WAYS
def test_an_image_is_brought_back_on_the_other_store(
    stores: Stores, first: str, second: str
) -> None:
    shop = stores.shop
    stores.to(first)
    passed = shop.test()
    shop.guard("publish")
    shop.workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    stores.to(second)
    reference = passed["image"]["reference"]
    for how in (f"pulling {shop.registry.name}@", f"image: {reference}"):
        ran = shop.guard("recover", "--local", passed["name"])
        assert how in ran.out and f"image: {reference}" in ran.out
        assert shop.has(reference)
        shop.guard("recover", "--local", "-")
    assert "pulling" not in ran.out


@pytest.fixture(params=["graph", "containerd"])
def shop(stores: Stores, request: pytest.FixtureRequest) -> Shop:
    """The team on each of the two."""
    stores.to(request.param)
    return stores.shop


def change(shop: Shop) -> dict[str, Any]:
    """Test and publish an image of a commit of aula that nothing stands for in the end."""
    shop.workshop.aula.commit("Change aula", {"word": f"{uuid.uuid4()}\n"})
    shop.workshop.pin()
    shop.test()
    shop.guard("publish")
    for repo in (shop.workshop.docker, shop.workshop.aula):
        repo.git("reset", "--quiet", "--hard", "HEAD^")
    image: dict[str, Any] = shop.newest()["image"]
    return image


def test_prune_removes_an_image_with_all_names_that_guard_gave_it(shop: Shop) -> None:
    image = change(shop)
    shop.guard("publish", "--tag", "nightly", shop.newest()["name"])
    assert "1 image are needed by nothing" in shop.guard("log", "--prune", "--yes").out
    assert not shop.has(image["id"])
    assert not shop.has(image["reference"])
    assert "nothing to drop" in shop.guard("log", "--prune").out


def test_prune_leaves_an_image_that_somebody_has_named(shop: Shop) -> None:
    image = change(shop)
    mine = f"{shop.registry.name}-mine:kept"
    shop.docker("tag", image["id"], mine)
    for forgotten in ("", image["reference"]):
        if forgotten:
            shop.docker("rmi", forgotten)
        ran = shop.guard("log", "--prune", "--yes")
        assert f"the image {image['id']} is used by others and stays" in ran.err
        assert shop.has(mine)
    shop.docker("rmi", mine)


@BOTH_WAYS
def test_prune_knows_what_was_pulled_to_the_other_store(
    stores: Stores, first: str, second: str
) -> None:
    shop = stores.shop
    stores.to(first)
    shop.test()
    shop.guard("publish")
    needed = shop.newest()["image"]["digest"]
    unneeded = change(shop)["digest"]
    stores.to(second)
    for digest in (needed, unneeded):
        shop.docker("pull", "--quiet", digest)
    assert "1 image are needed by nothing" in shop.guard("log", "--prune", "--yes").out
    assert shop.has(needed)
    assert not shop.has(unneeded)
