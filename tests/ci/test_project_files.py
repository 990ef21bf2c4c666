"""Which project files of stack and cabal a CI file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ci.lines import UnreadableError
from guard.ci.project_files import Named, project_files


def stack(text: str, path: str = ".travis.yml") -> tuple[set[str], bool]:
    found, _ = project_files(text.encode(), path)
    return set(found.patterns), found.uses_default


def cabal(text: str, path: str = "run.sh") -> tuple[set[str], bool]:
    _, found = project_files(text.encode(), path)
    return set(found.patterns), found.uses_default


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("env: STACK_YAML=stack-8.yaml\n", {"stack-8.yaml"}),
        (
            "env:\n- STACK_YAML=stack-8.yaml X=1\n- STACK_YAML='a/b.yaml'\n",
            {"stack-8.yaml", "a/b.yaml"},
        ),
        ("env: {STACK_YAML: stack-8.yaml}\n", {"stack-8.yaml"}),
        ("env: {STACK_YAML: './stack-8.yaml'}\n", {"stack-8.yaml"}),
        ("run: STACK_YAML=$PWD/ci/stack.yaml stack test\n", {"ci/stack.yaml"}),
        ("run: STACK_YAML=${{ github.workspace }}/s.yml stack test\n", {"s.yml"}),
        ("run: stack --stack-yaml=ci.yaml test\n", {"ci.yaml"}),
        ("run: stack test --stack-yaml stack-$GHC.yaml\n", {"stack-*.yaml"}),
        ("run: stack test --stack-yaml stack-<< parameters.ghc >>.yaml\n", {"stack-*.yaml"}),
        (
            "matrix: {stack-yaml: [stack.yaml, stack-8.yaml]}\n"
            "run: stack --stack-yaml ${{ matrix.stack-yaml }} test\n",
            {"stack.yaml", "stack-8.yaml"},
        ),
        ("# STACK_YAML=stack-8.yaml\nrun: make # STACK_YAML=stack-7.yaml\n", set()),
        ("key: ${{ hashFiles('stack.yaml.lock') }}\n", set()),
        ("run: curl https://example.org/stack-8.yaml\n", set()),
        ("run: stack --stack-yaml $ANY test\n", set()),
    ],
)
def test_what_is_named_for_stack(text: str, patterns: set[str]) -> None:
    assert stack(text) == (patterns, False)


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("env: ARGS=--stack-yaml=stack-8.yaml\nscript: stack $ARGS test\n", True),
        ("script:\n- cd x && stack test\n- stack --stack-yaml stack-8.yaml test\n", True),
        ("env: STACK_YAML=stack-8.yaml\nscript: stack test\n", False),
        ("script: curl -sSL https://example.org/stack | sh  # stack-8.yaml\n", False),
    ],
)
def test_a_command_by_no_name(text: str, is_plain: bool) -> None:
    assert stack(text)[1] is is_plain


@pytest.mark.parametrize(
    ("text", "patterns", "is_plain"),
    [
        ("cabal build --project-file=cabal.project.ci\n", {"cabal.project.ci"}, False),
        ("cabal --project-file ci/x.project build\n", {"ci/x.project"}, False),
        (
            "cp cabal.project.ci cabal.project.local; cabal build\n",
            {"cabal.project.ci", "cabal.project"},
            True,
        ),
        ("cat cabal.project.freeze\n", {"cabal.project"}, False),
        ("cabal-8.project\n", {"cabal-8.project"}, False),
        ("cabal build\n", set(), False),
    ],
)
def test_what_is_named_for_cabal(text: str, patterns: set[str], is_plain: bool) -> None:
    assert cabal(text) == (patterns, is_plain)


def test_what_cannot_be_read_is_an_error_where_it_may_name_one() -> None:
    with pytest.raises(UnreadableError, match="no YAML: line 2"):
        project_files(b"STACK_YAML: [\n", "x.yml")
    assert project_files(b"[", "x.yml") == (Named(), Named())


WORDS = "STACK_YAML= stack -8 .yaml --stack-yaml cabal .project .ci * $X / : - ' #"
PIECES = st.sampled_from([*WORDS.split(), " ", "\n"])


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(["a.yml", "a.sh"]))
def test_any_text_is_read_or_said_to_be_unreadable(text: str, path: str) -> None:
    try:
        for found in project_files(text.encode(), path):
            assert all(pattern.strip("*") for pattern in found.patterns)
    except UnreadableError:
        assert path == "a.yml"


@pytest.mark.parametrize(
    "piece", ["stack", "stack-", "a/", "STACK_YAML=", "cabal.project.", "$", "<<", "${{"]
)
def test_a_long_line_is_read_at_once(piece: str) -> None:
    project_files(b"STACK_YAML\n" + piece.encode() * (200_000 // len(piece)), "a.sh")
