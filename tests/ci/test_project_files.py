"""Which project files of stack and cabal a CI file names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ci.lines import UnreadableError
from guard.ci.project_files import ANY, project_files


def stack(text: str, path: str = ".travis.yml") -> set[str]:
    found, _ = project_files(text.encode(), path)
    return set(found)


def cabal(text: str, path: str = "run.sh") -> set[str]:
    _, found = project_files(text.encode(), path)
    return set(found)


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
        ("run: STACK_YAML=$PWD/ci/stack.yaml stack test\n", {"*/ci/stack.yaml"}),
        ("run: STACK_YAML=${{ github.workspace }}/s.yml stack test\n", {"*/s.yml"}),
        ("run: stack --stack-yaml=ci.yaml test\n", {"ci.yaml"}),
        ("run: stack test --stack-yaml stack-$GHC.yaml\n", {"stack-*.yaml"}),
        ("run: stack test --stack-yaml stack-<< parameters.ghc >>.yaml\n", {"stack-*.yaml"}),
        (
            "matrix: {stack-yaml: [stack.yaml, stack-8.yaml]}\n"
            "run: stack --stack-yaml ${{ matrix.stack-yaml }} test\n",
            {"stack.yaml", "stack-8.yaml", ANY},
        ),
        ("matrix: {plan: [ci/x.yaml]}\nenv: {STACK_YAML: '${{ matrix.plan }}'}\n", {ANY}),
        ("# STACK_YAML=stack-8.yaml\nrun: make # STACK_YAML=stack-7.yaml\n", set()),
        ("key: ${{ hashFiles('stack.yaml.lock') }}\n", set()),
        ("run: curl https://example.org/stack-8.yaml\n", set()),
        ("run: stack --stack-yaml ${FILE:-ci/x.yaml} test\n", {"ci/x.yaml"}),
        ("variables: {STACK_YAML: {value: ci/x.yaml}}\n", {"ci/x.yaml"}),
        ("variables:\n- name: STACK_YAML\n  value: ci/x.yaml\n", {"ci/x.yaml"}),
        ("with: {stack-yaml: ci/x.yaml}\n", {"ci/x.yaml"}),
        ("run: $env:STACK_YAML = 'ci\\x.yaml'\n", {"ci/x.yaml"}),
        ("run: stack --stack-yaml /src/ci/x.yaml test\n", {"*/x.yaml"}),
        ("on: {push: {paths: ['stack*.yaml'], paths-ignore: [stack-7.yaml]}}\n", set()),
        (
            "matrix: {include: [{name: stack-8.yaml}]}\nrun: b ${{ matrix.name }}\n",
            {"stack-8.yaml"},
        ),
        ("env: {files: stack-8.yaml}\nrun: ci/build.sh\n", {"stack-8.yaml"}),
        ("changes: {steps: [{run: stack --stack-yaml s.yaml build}]}\n", {"s.yaml"}),
        ("rules: [{changes: [stack-7.yaml]}]\n", set()),
        ("matrix: {y: [stack-8.yaml], exclude: [{y: stack-7.yaml}]}\n", {"stack-8.yaml"}),
        ("script: test ! -f stack-7.yaml || rm -f stack-7.yaml\n", set()),
        ("script: rm stack-7.yaml && stack --stack-yaml stack-8.yaml test\n", {"stack-8.yaml"}),
    ],
)
def test_what_is_named_for_stack(text: str, patterns: set[str]) -> None:
    assert stack(text) == patterns


@pytest.mark.parametrize(
    "text",
    [
        "run: stack --stack-yaml $FILE test\n",
        "run: stack --stack-yaml `cat which` test\n",
        "run: stack --stack-yaml=$(ls */x.yaml | head -1) test\n",
        "run: docker run -e STACK_YAML image\n",
        "args: [--stack-yaml, ci/x.yaml]\n",
        "run: |\n  stack --stack-yaml $(which\n  one) test\n",
        f"run: STACK_YAML={'a/' * 300}x.yaml stack test\n",
    ],
)
def test_a_name_that_is_not_known_may_be_any(text: str) -> None:
    assert stack(text) == {ANY}


@pytest.mark.parametrize("path", ["$(pwd)/ci", "`pwd`/ci", "$(dirname $(which $0))/ci", "${X}/ci"])
def test_what_a_command_prints_stands_for_any_folder(path: str) -> None:
    assert stack(f"run: stack --stack-yaml {path}/x.yaml\n") == {"*/ci/x.yaml"}


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("run: cd sub/src && stack build\n", {"sub", "sub/src"}),
        ("run: bash -c 'stack -C sub build'\n", {"sub"}),
        ("working-directory: ./sub\nrun: stack build\n", {"sub"}),
        ('run: cd "$DIR" && stack build\n', {"*"}),
        ("run: cd .. && cd - && stack build\n", {"-"}),
    ],
)
def test_the_folders_that_it_goes_into(text: str, folders: set[str]) -> None:
    assert stack(text) == {f"{folder}/stack.yaml" for folder in folders}
    named = stack(f"{text}env: STACK_YAML=x.yaml\n")
    assert named > {"x.yaml", *(f"{folder}/x.yaml" for folder in folders)}


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("cabal build --project-file=cabal.project.ci\n", {"cabal.project.ci"}),
        ("cabal --project-file ci/x.project build\n", {"ci/x.project"}),
        (
            "cp cabal.project.ci cabal.project.local; cabal build\n",
            {"cabal.project.ci", "cabal.project"},
        ),
        ("cat cabal.project.freeze\n", {"cabal.project"}),
        ("cabal-8.project\n", {"cabal-8.project"}),
        ("cabal build\n", set()),
        ("cabal build --project-dir=sub\n", {"sub/cabal.project"}),
        ("cabal build --project-file $FILE\n", {ANY}),
    ],
)
def test_what_is_named_for_cabal(text: str, patterns: set[str]) -> None:
    assert cabal(text) == patterns


def test_what_cannot_be_read_is_an_error_where_it_may_name_one() -> None:
    with pytest.raises(UnreadableError, match="no YAML: line 2"):
        project_files(b"STACK_YAML: [\n", "x.yml")
    assert project_files(b"[", "x.yml") == (frozenset(), frozenset())


WORDS = "STACK_YAML= cd ../ stack -8 .yaml --stack-yaml cabal .project .ci * $X / : - ' #"
PIECES = st.sampled_from([*WORDS.split(), " ", "\n"])


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(["a.yml", "a.sh"]))
def test_any_text_is_read_or_said_to_be_unreadable(text: str, path: str) -> None:
    try:
        for found in project_files(text.encode(), path):
            assert not any(each.startswith(("/", "./", "../")) for each in found)
    except UnreadableError:
        assert path == "a.yml"


@pytest.mark.parametrize(
    "piece",
    [
        *("stack", "stack-", "a/", "STACK_YAML=", "cabal.project."),
        *("$", "<<", "${{", "$(", "`", "cd a/", "cd", "a/", "../", "STACK_YAML=../"),
    ],
)
def test_a_long_line_is_read_at_once(piece: str) -> None:
    started = time.process_time()
    for text in (b"", b"STACK_YAML\n", b"cd ", b"x.project STACK_YAML="):
        project_files(text + piece.encode() * (200_000 // len(piece)), "a.sh")
    assert time.process_time() - started < 10  # it took minutes
