"""Which images a build started from, and whether their names mean others on that engine by now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from docker.errors import APIError

from guard.config import Config
from guard.demo.registry import registry
from guard.engine.bases import as_named, moved_bases
from guard.engine.build import Base
from guard.engine.client import Engine
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.trees import Store

RECIPE = Config().recipe


class Name:
    """A name of a test's own, which means one image after another."""

    def __init__(self, engine: Engine, base: str, repository: str) -> None:
        self._api: Any = engine.api
        self._base = base
        self._made: list[str] = []
        self.repository, self.text = repository, f"{repository}:1"

    def move(self) -> str:
        """Give the name to an image that nobody else has; its id."""
        container = self._api.create_container(self._base, ["true"])["Id"]
        changes = [f"LABEL guard.made={uuid4()}"]
        image = str(self._api.commit(container, changes=changes)["Id"])
        self._api.remove_container(container)
        self._api.tag(image, self.repository, tag="1")
        self._made.append(image)
        return image

    def end(self) -> None:
        for image in self._made:
            with suppress(APIError):  # what was built on one needs it
                self._api.remove_image(self.text, force=True)
                self._api.remove_image(image)


@pytest.fixture
def name(engine: Engine, base: str) -> Iterator[Name]:
    made = Name(engine, base, f"localhost/guard-test-{uuid4().hex[:12]}")
    yield made
    made.end()


def bases_of(
    trial: Trial, store: Store, dockerfile: str, *build_args: tuple[str, str]
) -> list[Base]:
    image = trial.image._replace(build_args=build_args)
    made = trial.run([store.part({"Dockerfile": dockerfile})], image=image)
    assert made.result is Result.PASSED, made.last
    recipe = RECIPE._replace(build_args=build_args)
    return list(as_named(trial.engine, made.build.bases, dockerfile, recipe))


@pytest.mark.parametrize(
    ("dockerfile", "argument"),
    [
        ("FROM {0}\nENV a=b\n", ""),
        ("FROM {0} AS first\nFROM first\nCOPY --from=first /bin/sh /x\n", ""),
        ("ARG BASE={0}\nFROM ${{BASE}}\nENV a=b\n", ""),
        ('ARG BASE="other"\nFROM $BASE\nENV a=b\n', "BASE"),
        ("ARG REPOSITORY\nFROM ${{REPOSITORY}}:1\nENV a=b\n", "REPOSITORY"),
        ("ARG T\nFROM ${{T:-{0}}}\nENV a=b\n", ""),
        ("ARG T=x\nFROM ${{T:+{0}}}\nENV a=b\n", ""),
        # The test needs a program.
        ("FROM scratch\nCOPY --from={0} / /\n", ""),
        ("FROM scratch AS first\nFROM scratch\nCOPY --chown=0:0 --from={0} / /\n", ""),
    ],
)
def test_a_name_that_means_another_image_by_now(
    dockerfile: str, argument: str, name: Name, trial: Trial, store: Store
) -> None:
    was, engine = name.move(), trial.engine
    value = name.repository if argument == "REPOSITORY" else name.text
    arguments = ((argument, value),) if argument else ()
    bases = bases_of(trial, store, dockerfile.format(name.text), *arguments)
    assert bases == [Base(name.text, was)]
    place = (engine.id, engine.facts.host)
    assert moved_bases(engine, place, bases) == ()
    now = name.move()
    (moved,) = moved_bases(engine, place, bases)
    assert (moved.name, moved.was, moved.now) == (name.text, was, now)
    assert str(moved) == f"{name.text} was {was[7:19]} and is {now[7:19]} now"
    # Other engines have what was pulled there.
    assert moved_bases(engine, ("another", engine.facts.host), bases) == ()
    assert moved_bases(engine, (engine.id, "tcp://elsewhere"), bases) == ()
    assert moved_bases(engine, ("", ""), bases) == ()
    name.end()
    assert moved_bases(engine, place, bases) == ()


@pytest.mark.parametrize("is_argument", [False, True])
def test_a_base_that_is_named_by_its_digest_moves_nowhere(
    is_argument: bool, base: str, trial: Trial, store: Store, tmp_path: Path
) -> None:
    with registry(tmp_path) as address:
        name = Name(trial.engine, base, f"{address}/base")
        name.move()
        trial.engine.api.push(name.repository, tag="1")
        api: Any = trial.engine.api
        (digest,) = (each.partition("@")[2] for each in api.inspect_image(name.text)["RepoDigests"])
        pinned = f"{name.text}@{digest}"
        dockerfile = f"FROM {pinned}\nENV a=b\n"
        arguments: tuple[tuple[str, str], ...] = ()
        if is_argument:
            dockerfile, arguments = f"ARG ID\nFROM {name.text}@$ID\nENV a=b\n", (("ID", digest),)
        (found,) = bases_of(trial, store, dockerfile, *arguments)
        assert found.name.startswith(f"{name.text.removesuffix(':1')}")
        assert f"@{digest}" in found.name
        name.move()
        place = (trial.engine.id, trial.engine.facts.host)
        assert moved_bases(trial.engine, place, [found]) == ()
        name.end()


def test_a_base_that_the_builder_pulled_is_known_by_what_the_registry_calls_it(
    base: str, trial: Trial, store: Store, tmp_path: Path
) -> None:
    """BuildKit may have it to itself, and names it by the digest of its manifest."""
    api: Any = trial.engine.api
    place = (trial.engine.id, trial.engine.facts.host)
    with registry(tmp_path) as address:
        name = Name(trial.engine, base, f"{address}/base")

        def publish() -> None:
            name.move()
            api.push(name.repository, tag="1")

        def pull() -> None:
            api.remove_image(name.text, force=True)
            api.pull(name.repository, tag="1")

        publish()
        api.remove_image(name.text, force=True)
        bases = bases_of(trial, store, f"FROM {name.text}\nENV a={uuid4()}\n")
        assert [each.name for each in bases] == [name.text]
        assert moved_bases(trial.engine, place, bases) == ()
        publish()
        pull()
        (moved,) = moved_bases(trial.engine, place, bases)
        assert moved.was == bases[0].id
        bases = bases_of(trial, store, f"FROM {name.text}\nENV a={uuid4()}\n")
        assert moved_bases(trial.engine, place, bases) == ()
        pull()
        assert moved_bases(trial.engine, place, bases) == ()
        name.end()


def test_what_a_builder_took_from_elsewhere_is_not_held_against_the_engine(
    engine: Engine, name: Name
) -> None:
    """Else a builder with images of its own would never be done with a name that both have."""
    name.move()
    taken = Base(name.text, f"sha256:{'1' * 64}")
    (found,) = as_named(engine, [taken], f"FROM {name.text}\n", RECIPE)
    assert found.name == f"{name.text}@{taken.id}"
    assert moved_bases(engine, (engine.id, engine.facts.host), [found]) == ()


def test_an_engine_says_who_it_is(engine: Engine) -> None:
    with Engine.connect() as other:
        assert engine.id == other.id != ""
