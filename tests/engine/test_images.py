"""What an image is called and what is written on it, as a registry receives it."""

from __future__ import annotations

from typing import Any

import pytest

from guard import config as settings
from guard.config import Config
from guard.engine.attempt import attempt
from guard.engine.build import REVISION, SOURCE, Options
from guard.engine.images import (
    combination_tag,
    layers,
    put_tag,
    remove_image,
)
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.test_attempt import parts
from tests.engine.trees import Store
from tests.registry import Registry


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (("aula", "0.38", "thentos", "v0.5.0"), "aula-0.38-thentos-v0.5.0"),
        (("aula", "v1-2-gabc", "thentos", ""), "aula-v1-2-gabc-thentos-unreleased"),
        (("lib/aula", "feature/x+1", "th", "v1"), "lib-aula-feature-x-1-th-v1"),
        (("-aula", "x" * 200, "th", "v1"), "aula-" + "x" * 123),
        ((".aula", "", "th", "v1"), "aula-th-v1"),
    ],
)
def test_a_tag_says_what_is_in_the_image(words: tuple[str, str, str, str], tag: str) -> None:
    assert combination_tag(*words) == tag


def test_labels_cost_no_cached_step(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /labelled\nRUN echo labelled >/x\n")
    config = Config(image=trial.image, test=settings.Test(("/bin/true",)))
    images = []
    for revision in ("1" * 40, "2" * 40):
        options = Options(labels=((REVISION, revision), ("guard.key", "k")))
        found = attempt(trial.engine, trial.prepared(made, config), trial.on_event, options)
        images.append(found)
        assert _labels(trial, found.build.image) == {REVISION: revision, "guard.key": "k"}
    own = [step for step in images[1].build.steps[1:] if not step.text.startswith("LABEL")]
    assert [step.cached for step in own] == [True, True]
    sizes = [[layer.size for layer in layers(trial.engine, each.build.image)] for each in images]
    assert sizes[0] == sizes[1]


def _labels(trial: Trial, image: str) -> Any:
    api: Any = trial.engine.api
    return api.inspect_image(image)["Config"]["Labels"]


def test_a_registry_receives_the_image_with_its_tag_and_labels(
    trial: Trial, store: Store, base: str, registry: Registry
) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /pushed\n")
    config = Config(image=trial.image, test=settings.Test(("/bin/true",)))
    labels = ((REVISION, "3" * 40), (SOURCE, "https://example.org/aula-docker"))
    prepared = trial.prepared(made, config)
    found = attempt(trial.engine, prepared, trial.on_event, Options(labels=labels))
    assert found.result is Result.PASSED
    name, tag = registry.name, combination_tag("aula", "0.38", "thentos", "v0.5.0")
    put_tag(trial.engine, found.build.image, name, tag)
    for line in trial.engine.api.push(name, tag=tag, stream=True, decode=True):
        assert "error" not in line
    assert registry.image(tag) == found.build.image
    assert registry.blob(found.build.image)["config"]["Labels"] == dict(labels)
    assert remove_image(trial.engine, f"{name}:{tag}")


def test_layers_have_the_words_of_the_dockerfile(trial: Trial, store: Store, base: str) -> None:
    text = f"FROM {base}\nRUN echo layer >/l && dd if=/dev/zero of=/z bs=1k count=99\nENV A=1\n"
    found = layers(trial.engine, trial.run(parts(store, text)).build.image)
    sizes = {layer.text: layer.size for layer in found}
    assert sizes["RUN echo layer >/l && dd if=/dev/zero of=/z bs=1k count=99"] >= 99 * 1024
    assert [layer.text for layer in found[-1:]] == ["ENV A=1"]
    assert found[-1].size == 0
    assert layers(trial.engine, "sha256:" + "0" * 64) == ()


def test_an_image_that_is_not_there_cannot_be_called_anything(trial: Trial) -> None:
    with pytest.raises(EngineError, match="could not call the image example:x"):
        put_tag(trial.engine, "nope", "example", "x")
