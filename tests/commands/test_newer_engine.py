"""The commands on the Docker that a fresh install brings: containerd image store and buildx."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from tests.commands.publishing import Shop
from tests.engine.own import CONTAINERD_STORE, NEWER, OwnEngine, own_engine
from tests.registry import Registry
from tests.workshop import Workshop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")

BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"


@pytest.fixture(scope="module")
def newer() -> Iterator[OwnEngine]:
    with own_engine(NEWER, CONTAINERD_STORE) as started:
        yield started


@pytest.fixture(params=["buildkit", "classic"])
def shop(
    request: pytest.FixtureRequest,
    newer: OwnEngine,
    workshop: Workshop,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Shop]:
    """A team on that engine."""
    plugins = tmp_path / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / BUILDX.name).symlink_to(BUILDX)
    (plugins.parent / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(plugins.parent))
    monkeypatch.setenv("DOCKER_HOST", newer.host)
    with Engine.connect() as engine:
        base = base_image(engine)
        info = engine.api.info()
    assert ["driver-type", "io.containerd.snapshotter.v1"] in info["DriverStatus"]
    shop = Shop(workshop, registry, base)
    shop.configure(f'builder = "{request.param}"')
    yield shop
    shop.remove_images()


def test_a_combination_passes_and_is_published(shop: Shop) -> None:
    verdict = shop.test()
    assert verdict["result"] == "passed"
    assert shop.has(verdict["image"]["id"])
    ran = shop.guard("publish")
    (tag,) = shop.registry.tags()
    digest = f"{shop.registry.name}@{shop.registry.digest(tag)}"
    assert f"published: {shop.registry.name}:{tag}\n  {digest}\n" in ran.out
    assert shop.newest()["image"]["digest"] == digest
    assert "published already" in shop.guard("publish").out


def test_a_combination_that_fails_is_a_verdict(shop: Shop) -> None:
    shop.break_test()
    shop.guard("test", status=1)
    assert shop.newest()["result"] == "failed at test"
