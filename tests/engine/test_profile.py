"""The build profile: pure, from steps, layers and the Dockerfile's text."""

from __future__ import annotations

import pytest

from guard.engine.build import StepDone
from guard.engine.images import Layer
from guard.engine.profile import Earlier, profile

DOCKERFILE = """\
# what the image is built from
FROM haskell AS build

COPY . /liqd/
RUN cd /liqd/thentos && \\
    # in a comment
    ./build
RUN true
"""
BUILD = "RUN cd /liqd/thentos && ./build"
BOTH = ["aula", "thentos"]


def step(text: str, seconds: float = 0.1, cached: bool = False) -> StepDone:
    return StepDone(1, text, seconds, cached)


def advice(dockerfile: str, *steps: StepDone) -> str:
    """The last line, where it is about the Dockerfile."""
    *_, last = profile(steps, [], dockerfile, "aula", None).splitlines()
    return last if "of the Dockerfile" in last else ""


def test_a_copy_of_everything_in_front_of_a_long_step_is_named_with_its_lines() -> None:
    assert advice(DOCKERFILE, step("COPY . /liqd/"), step(BUILD, 3000.0)) == (
        f"line 4 of the Dockerfile (COPY . /liqd/) stands in front of line 5 ({BUILD}), which took "
        "50 min 00 s: any change repeats that. Copy the manifests first, or set [image] consumer = "
        '"manifests" and [test] source'
    )
    unfinished = "FROM x\nCOPY . /liqd/\nRUN a \\"
    assert "line 3 (RUN a), which took 1 min 00 s" in advice(unfinished, step("RUN a", 60.0))


def test_no_advice_without_a_long_step_or_a_copy_of_everything() -> None:
    assert not advice(DOCKERFILE, step("COPY . /liqd/"), step(BUILD, 59.0))
    slow = step(BUILD, 3000.0)
    for copy in ("COPY --from=x . /liqd/", "COPY thentos /liqd/thentos", "COPY *.cabal ./"):
        assert not advice(DOCKERFILE.replace("COPY . /liqd/", copy), slow)
    assert not advice(f"FROM x\n{BUILD}\nCOPY . /liqd/\n", slow)
    assert not advice(f"FROM x\nCOPY . /liqd/\nFROM y\n{BUILD}\n", slow)


@pytest.mark.parametrize(
    "copy",
    [
        *("COPY ./ /x", "COPY --chown=a:b . /x", 'COPY [".", "/x"]', "ADD . /x"),
        "COPY aula/ /liqd/aula/",
    ],
)
def test_what_counts_as_everything(copy: str) -> None:
    assert advice(DOCKERFILE.replace("COPY . /liqd/", copy), step(BUILD, 3000.0))


def lost(*steps: StepDone) -> str:
    """Where the cache was lost, and why."""
    lines = profile(steps, [], "", "aula", Earlier("v", 0, BOTH)).splitlines()
    return next((line for line in lines if line.startswith("the cache was lost")), "")


def test_the_first_step_whose_cache_was_lost() -> None:
    steps = (step("FROM x"), step("RUN a", cached=True), step("COPY . /"), step("RUN b"))
    assert lost(*steps) == (
        "the cache was lost at step 1: COPY . / (aula, thentos changed since verdict v)"
    )
    assert lost(*steps[:2]) == ""
    assert "lost" not in profile(steps, [], "", "aula", None)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("COPY . /liqd/", "aula, thentos changed"),
        ("COPY ./aula/ /liqd/aula/", "aula changed"),
        ("COPY aula/stack.yaml aula/aula.cabal /liqd/aula/", "aula changed"),
        ('ADD ["thentos", "/liqd/thentos"]', "thentos changed"),
        ("COPY */*.cabal /liqd/", "aula, thentos changed"),
        ("COPY scripts thentos-notes /liqd/", "by no submodule"),
        ("COPY --from=build /aula /liqd/", "by no submodule"),
        ("RUN apt-get install -y aula", "by no submodule"),
        ("RUN --mount=type=bind,target=/src make", "aula, thentos changed"),
        ("ENV aula=1", "by no submodule"),
    ],
)
def test_which_submodules_a_step_reads(text: str, read: str) -> None:
    assert f"({read}" in lost(step(text))


@pytest.mark.parametrize(
    ("earlier", "shown"),
    [
        (None, "image: 7 B"),
        (Earlier("v", 0, []), "image: 7 B"),
        (Earlier("v", 9, []), "image: 7 B (-2 B against verdict v)"),
        (Earlier("v", 6, []), "image: 7 B (+1 B against verdict v)"),
    ],
)
def test_the_size_is_that_of_all_layers(earlier: Earlier | None, shown: str) -> None:
    layers = [Layer("RUN a", 3), Layer("", 4), Layer("ENV a=1", 0)]
    lines = profile([step("RUN a", cached=True)], layers, "", "aula", earlier).splitlines()
    assert lines[0] == "build profile: 1 step in 0.1 s"
    assert lines[1] == "        cached  1: RUN a"
    assert lines[2:5] == [shown, "           3 B  RUN a", "           4 B  (imported)"]
