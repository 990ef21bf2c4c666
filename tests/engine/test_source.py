"""The image holds the consumer's manifests alone, and every commit of its sources is tested."""

from __future__ import annotations

from uuid import uuid4

import pytest

from guard.engine.attempt import Attempt
from guard.git.store import Part
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.trees import Content, Store, Submodule

# As aula's: everything is copied, what takes an hour follows, CI mounts the sources.
DOCKERFILE = """FROM {base}
COPY . /liqd/
RUN cat /liqd/aula/aula.cabal /liqd/thentos/Core.hs /proc/sys/kernel/random/uuid >/built
RUN test ! -e /liqd/aula/src && mkdir -p /liqd/aula && echo old >/liqd/aula/old
WORKDIR /liqd/aula
VOLUME /liqd/aula
"""
MANIFEST, SOURCE, THENTOS = "name: aula\n", "main = first\n", "core\n"
COMMAND = ("/bin/sh", "-c", "test ! -e old && cat src/Main.hs aula.cabal && cat /built")


def combination(
    store: Store, base: str, manifest: str = MANIFEST, source: str = SOURCE, thentos: str = THENTOS
) -> list[Part]:
    aula: dict[str, Content] = {"aula.cabal": manifest, "src/Main.hs": source}
    root: dict[str, Content] = {
        "Dockerfile": DOCKERFILE.format(base=base),
        "aula": Submodule("1" * 40),
        "thentos": Submodule("2" * 40),
    }
    return [
        store.part(root),
        store.part(aula, "aula"),
        store.part({"Core.hs": thentos}, "thentos"),
    ]


def passed(trial: Trial, parts: list[Part]) -> Attempt:
    image = trial.image._replace(consumer="manifests")
    made = trial.run(parts, *COMMAND, image=image, source="/liqd/aula")
    assert made.result is Result.PASSED, (made.last.failure, made.last.tail)
    return made


def built(made: Attempt) -> list[str]:
    """The steps that the engine had not cached."""
    steps = [step for step in made.build.steps if not step.text.startswith("FROM")]
    assert len(steps) >= 4
    return [step.text for step in steps if not step.cached]


def test_a_changed_source_is_tested_and_nothing_is_rebuilt(
    trial: Trial, store: Store, base: str
) -> None:
    first = passed(trial, combination(store, base))
    assert first.last.tail[:2] == ("main = first", "name: aula")
    second = passed(trial, combination(store, base, source="main = second\n"))
    assert built(second) == []
    assert second.build.image == first.build.image
    # The same dependency build, that is: its random line is the first one's.
    assert second.last.tail == ("main = second", *first.last.tail[1:])
    assert second.context_digest == first.context_digest


@pytest.mark.parametrize("changed", ["manifest", "thentos"])
def test_a_changed_manifest_or_dependency_rebuilds(
    changed: str, trial: Trial, store: Store, base: str
) -> None:
    before = passed(trial, combination(store, base))
    # A text that no run before this one has built: the engine keeps what it built.
    news = f"name: {uuid4()}\n"
    if changed == "manifest":
        after = passed(trial, combination(store, base, manifest=news))
    else:
        after = passed(trial, combination(store, base, thentos=news))
    assert any(text.startswith("RUN cat") for text in built(after))
    assert after.last.tail[0] == before.last.tail[0]
    assert news.strip() in after.last.tail
    assert after.last.tail[-1] != before.last.tail[-1]
