"""The build profile: pure, from steps, layers and the Dockerfile's text."""

from __future__ import annotations

import pytest

from guard.engine.build import StepDone
from guard.engine.images import Layer
from guard.engine.profile import Instruction, instructions, profile, reads

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


def step(text: str, seconds: float = 0.1, cached: bool = False) -> StepDone:
    return StepDone(1, text, seconds, cached)


def test_instructions_have_their_lines() -> None:
    assert instructions(DOCKERFILE) == [
        Instruction(2, "FROM haskell AS build"),
        Instruction(4, "COPY . /liqd/"),
        Instruction(5, BUILD),
        Instruction(8, "RUN true"),
    ]
    assert instructions("RUN a \\") == [Instruction(1, "RUN a")]


def test_a_copy_of_everything_in_front_of_a_long_step_is_named_with_its_lines() -> None:
    found = profile([step("COPY . /liqd/"), step(BUILD, 3000.0)], [], DOCKERFILE)
    assert found.advice is not None
    assert (found.advice.copy.line, found.advice.long.line) == (4, 5)
    assert found.advice.seconds == 3000.0


def test_no_advice_without_a_long_step_or_a_copy_of_everything() -> None:
    steps = [step("COPY . /liqd/"), step(BUILD, 59.0)]
    assert profile(steps, [], DOCKERFILE).advice is None
    slow = [step(BUILD, 3000.0)]
    for copy in ("COPY --from=x . /liqd/", "COPY thentos /liqd/thentos", "COPY *.cabal ./"):
        assert profile(slow, [], DOCKERFILE.replace("COPY . /liqd/", copy)).advice is None
    after = f"FROM x\n{BUILD}\nCOPY . /liqd/\n"
    assert profile(slow, [], after).advice is None
    other_stage = f"FROM x\nCOPY . /liqd/\nFROM y\n{BUILD}\n"
    assert profile(slow, [], other_stage).advice is None


def test_what_counts_as_everything() -> None:
    slow = [step(BUILD, 3000.0)]
    for copy in ("COPY ./ /x", "COPY --chown=a:b . /x", 'COPY [".", "/x"]', "ADD . /x"):
        assert profile(slow, [], DOCKERFILE.replace("COPY . /liqd/", copy)).advice is not None
    named = DOCKERFILE.replace("COPY . /liqd/", "COPY aula/ /liqd/aula/")
    assert profile(slow, [], named, whole=(".", "aula")).advice is not None


def test_the_first_step_whose_cache_was_lost() -> None:
    steps = [step("FROM x"), step("RUN a", cached=True), step("COPY . /"), step("RUN b")]
    assert profile(steps, [], "").first_lost == steps[2]
    assert profile(steps[:2], [], "").first_lost is None


@pytest.mark.parametrize(
    ("step", "read"),
    [
        ("COPY . /liqd/", {"aula", "thentos"}),
        ("COPY ./aula/ /liqd/aula/", {"aula"}),
        ("COPY aula/stack.yaml aula/aula.cabal /liqd/aula/", {"aula"}),
        ('ADD ["thentos", "/liqd/thentos"]', {"thentos"}),
        ("COPY */*.cabal /liqd/", {"aula", "thentos"}),
        ("COPY scripts thentos-notes /liqd/", set()),
        ("COPY --from=build /aula /liqd/", set()),
        ("RUN apt-get install -y aula", set()),
        ("RUN --mount=type=bind,target=/src make", {"aula", "thentos"}),
        ("ENV aula=1", set()),
    ],
)
def test_which_submodules_a_step_reads(step: str, read: set[str]) -> None:
    assert {path for path in ("aula", "thentos") if reads(step, path)} == read


def test_the_size_is_that_of_all_layers() -> None:
    assert profile([], [Layer("a", 3), Layer("b", 4)], "").size == 7
