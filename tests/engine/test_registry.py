"""Images to and from a real registry, and what is said where it does not do what is asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from guard.demo.registry import registry as loopback_registry
from guard.engine import images as registries
from guard.engine.client import Engine
from guard.engine.images import (
    CredentialsRefusedError,
    NotInRegistryError,
    RegistryError,
    Transfer,
    login,
    pull,
    push,
    resolve,
    split,
)
from guard.errors import EngineError
from tests.registry import Registry, log_in
from tests.unruly import LOOKUP, error, page, unruly


@pytest.fixture
def here() -> Iterator[Engine]:
    """An engine with the credentials of this test's home."""
    with Engine.connect() as engine:
        yield engine


class Images:
    """Images of one's own, removed with every name that they were given."""

    def __init__(self, engine: Engine, base: str) -> None:
        self._api: Any = engine.api
        self._base = base
        self._made: list[str] = []

    def make(self) -> str:
        """One that nobody else has; its id."""
        container = self._api.create_container(self._base, ["true"])["Id"]
        changes = [f"LABEL guard.made={uuid.uuid4()}"]
        image = str(self._api.commit(container, changes=changes)["Id"])
        self._api.remove_container(container)
        self._made.append(image)
        return image

    def end(self) -> None:
        for image in self._made:
            with suppress(ImageNotFound):
                self._api.remove_image(image, force=True)


@pytest.fixture
def images(here: Engine, base: str) -> Iterator[Images]:
    made = Images(here, base)
    yield made
    made.end()


class Told:
    """What a transfer told."""

    def __init__(self) -> None:
        self.heard: list[Transfer] = []

    def __call__(self, transfer: Transfer) -> None:
        self.heard.append(transfer)

    def statuses(self) -> set[str]:
        return {item.status for item in self.heard if item.layer}


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_tag_means_the_image_that_was_pushed(
    here: Engine, images: Images, registry: Registry, told: Told
) -> None:
    image = images.make()
    reference = f"{registry.name}:v1"
    assert resolve(here, reference) == ""
    pinned = push(here, image, reference, told)
    digest = registry.digest("v1")
    assert pinned == f"{registry.name}@{digest}"
    assert registry.image("v1") == image
    assert resolve(here, reference) == digest
    assert resolve(here, pinned) == digest
    assert resolve(here, f"{registry.name}:v2") == ""
    assert "Pushed" in told.statuses()
    assert any(item.done and item.total for item in told.heard)


def test_it_is_the_image_of_that_id_whatever_its_name_means_by_now(
    here: Engine, images: Images, registry: Registry, told: Told
) -> None:
    passed, other = images.make(), images.make()
    api: Any = here.api
    api.tag(other, registry.name, tag="v1")
    push(here, passed, f"{registry.name}:v1", told)
    assert registry.image("v1") == passed


def test_an_image_comes_back_by_its_digest(
    here: Engine, images: Images, registry: Registry, told: Told
) -> None:
    first, second = images.make(), images.make()
    pinned = push(here, first, f"{registry.name}:v1", told)
    push(here, second, f"{registry.name}:v1", told)
    images.end()
    assert here.image_id(first) == here.image_id(pinned) == ""
    pulled = Told()
    assert pull(here, pinned, pulled) == first
    assert all(len(item.layer) == 12 for item in pulled.heard if item.layer)
    assert pulled.statuses() <= {"Already exists", "Pull complete"} and pulled.statuses()
    with pytest.raises(ValueError, match="names no digest"):
        pull(here, f"{registry.name}:v1", told)


def test_what_is_not_there(here: Engine, registry: Registry, told: Told) -> None:
    pinned = f"{registry.name}@sha256:{'0' * 64}"
    assert resolve(here, pinned) == ""
    with pytest.raises(NotInRegistryError, match=f"{registry.address} has no {registry.name}@"):
        pull(here, pinned, told)
    with pytest.raises(EngineError, match="could not call the image"):
        push(here, "sha256:" + "0" * 64, f"{registry.name}:v1", told)


def every_way(engine: Engine, image: str, name: str) -> list[Callable[[], str]]:
    """All that can be asked of a registry."""
    told = Told()
    return [
        lambda: resolve(engine, f"{name}:v1"),
        lambda: push(engine, image, f"{name}:v1", told),
        lambda: pull(engine, f"{name}@sha256:{'0' * 64}", told),
    ]


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_registry_that_wants_other_credentials(
    images: Images, closed_registry: Registry, told: Told, password: str
) -> None:
    image = images.make()
    if password:
        log_in(closed_registry.address, password)
    with Engine.connect() as engine:
        for ask in every_way(engine, image, closed_registry.name):
            with pytest.raises(CredentialsRefusedError) as refused:
                ask()
            assert f"{closed_registry.address} refuses the credentials" in refused.value.problem
            assert refused.value.remedy == f"docker login {closed_registry.address}"


def test_the_credentials_are_those_of_the_users_docker(
    images: Images, closed_registry: Registry, told: Told
) -> None:
    log_in(closed_registry.address)
    reference = f"{closed_registry.name}:v1"
    with Engine.connect() as engine:
        pinned = push(engine, images.make(), reference, told)
        assert pinned == f"{closed_registry.name}@{resolve(engine, reference)}"


def test_a_credential_helper_that_fails(closed_registry: Registry) -> None:
    config = Path.home() / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text('{"credsStore": "nowhere"}')
    with Engine.connect() as engine, pytest.raises(CredentialsRefusedError, match="nowhere"):
        resolve(engine, f"{closed_registry.name}:v1")


def test_a_registry_that_is_down(here: Engine, images: Images, tmp_path: Path) -> None:
    with loopback_registry(tmp_path / "gone") as address:
        pass
    for ask in every_way(here, images.make(), f"{address}/liqd/aula"):
        with pytest.raises(RegistryError, match=f"{address} does not answer") as down:
            ask()
        assert "[image] name" in down.value.remedy


def test_somebody_else_who_pushes_at_the_same_time_is_seen(
    here: Engine,
    images: Images,
    registry: Registry,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = images.make(), images.make()
    resolved = registries.resolve

    def late(engine: Engine, reference: str) -> str:
        monkeypatch.setattr(registries, "resolve", resolved)
        push(engine, theirs, reference, told)
        return resolved(engine, reference)

    monkeypatch.setattr(registries, "resolve", late)
    with pytest.raises(RegistryError, match="somebody else pushes there as well"):
        push(here, ours, f"{registry.name}:v1", told)


def test_what_was_pushed_and_is_not_shown_is_told_as_that(
    here: Engine,
    images: Images,
    registry: Registry,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registries, "_LATE", 1)
    image = images.make()
    with unruly(registry.address) as front:
        reference = f"{front.address}/liqd/aula:v1"
        for reply, words in (
            (
                error(404, "MANIFEST_UNKNOWN"),
                "but 1 seconds later the registry shows nothing there",
            ),
            (page(503, "Later"), "but what it means now could not be found out"),
        ):
            front.says(LOOKUP, "/manifests/v1$", reply)
            with pytest.raises(RegistryError, match=words) as trouble:
                push(here, image, reference, told)
            assert f"pushed as {registry.digest('v1')}" in trouble.value.problem
    assert registry.image("v1") == image


@pytest.mark.parametrize(
    ("reference", "parts", "command"),
    [
        ("liqd/aula:1", ("liqd/aula", "1"), "docker login"),
        ("quay.io/liqd/aula:1", ("quay.io/liqd/aula", "1"), "docker login quay.io"),
        ("localhost:5000/aula", ("localhost:5000/aula", "latest"), "docker login localhost:5000"),
        ("localhost/aula:x", ("localhost/aula", "x"), "docker login localhost"),
        ("aula", ("aula", "latest"), "docker login"),
    ],
)
def test_references(reference: str, parts: tuple[str, str], command: str) -> None:
    assert split(reference) == parts
    assert login(reference) == command
