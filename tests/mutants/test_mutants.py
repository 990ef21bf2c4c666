"""The list of mutants fits guard and the tests as they are. `make mutants` breaks guard by it."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from tests.mutants.listed import Mutant, listed, parse
from tests.mutants.places import Places, broken, candidates, places
from tests.mutants.run import Run
from tests.mutants.sandbox import ROOT, Sandbox

_AGAIN = "write its successor into tests/mutants/mutants.txt, and try: make mutants ARGS=WORDS"


def test_there_are_two_hundred_different_ones() -> None:
    assert len(listed()) == len(set(listed())) == 200


@pytest.mark.parametrize("mutant", listed(), ids=str)
def test_a_mutant_is_found_and_breaks_a_line(mutant: Mutant) -> None:
    alike = candidates(mutant, _places())
    if len(alike) != 1:
        pytest.fail(f"guard has {len(alike)} such lines: {mutant}\n{_AGAIN}", pytrace=False)
    text = (ROOT / alike[0].file).read_text(encoding="utf-8")
    other = broken(text, alike[0].number, mutant.replacement)
    assert ast.dump(ast.parse(other)) != ast.dump(ast.parse(text))


def test_the_killers_are_tests() -> None:
    killers = {killer for mutant in listed() for killer in mutant.killers}
    files = sorted(
        {file for killer in killers if (ROOT / (file := killer.partition("::")[0])).exists()}
    )
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=False)
    missing = sorted(killers.difference(ran.stdout.splitlines()))
    if missing:
        tests = "\n".join(missing)
        pytest.fail(
            f"tests/mutants/mutants.txt names tests that are gone:\n{tests}\n"
            "name others that are red then, and try: make mutants ARGS=WORDS",
            pytrace=False,
        )


@cache
def _places() -> Places:
    return places(ROOT)


def test_a_list_is_read() -> None:
    text = "# A subject\n\nGate.decide\n- if a:\n+ if not a:\nby x.py::test[a b]\nby y.py::test\n"
    assert parse(text) == [
        Mutant("Gate.decide", "if a:", "if not a:", ("x.py::test[a b]", "y.py::test"))
    ]


@pytest.mark.parametrize(
    "block", ["f", "f\n- a", "f\n- a\n+ b", "f\n+ b\n- a\nby t", "- a\n+ b\nby t"]
)
def test_half_a_mutant_is_none(block: str) -> None:
    with pytest.raises(ValueError, match="no mutant"):
        parse(block)


_MODULE = """\
def least(a, b):
    if a < b:
        return a
    return b


class Most:
    def of(self, a, b):
        if a > b:
            return a
        return b
"""


class TestPlaces:
    def test_the_function_decides_between_lines_that_read_the_same(self, project: Path) -> None:
        (place,) = candidates(_mutant("Most.of", "return b"), places(project))
        assert (place.file, place.number) == ("guard/numbers.py", 10)

    def test_it_does_not_matter_where_there_is_one(self, project: Path) -> None:
        (place,) = candidates(_mutant("renamed", "if a > b:"), places(project))
        assert (place.number, place.function) == (8, "Most.of")

    @pytest.mark.parametrize("line", ["return b", "return"])
    def test_else_none_is_meant(self, project: Path, line: str) -> None:
        assert candidates(_mutant("renamed", line), places(project)) == []

    def test_indentation_stays(self) -> None:
        assert broken(_MODULE, 9, "pass").split("\n")[9] == "            pass"


class TestRun:
    def test_the_fates(self, project: Path, tmp_path: Path) -> None:
        run = Run([Sandbox(tmp_path / "box", project)], places(project))
        assert run.trouble(["test_numbers.py"]) == ""
        words = [
            run.fate(_mutant("least", line, other, test)).word
            for line, other, test in [
                ("if a < b:", "if a >= b:", "test_numbers.py::test_least"),
                ("if a < b:", "if a <= b:", "test_numbers.py::test_least"),
                ("if a > b:", "if a < b:", "test_numbers.py::test_most"),
                ("if a != b:", "if a == b:", "test_numbers.py::test_least"),
                ("if a < b:", "if a >= b:", "test_numbers.py::test_gone"),
            ]
        ]
        assert words == ["killed", "survived", "killed", "gone", "unclear"]
        assert (project / "guard/numbers.py").read_text() == _MODULE

    def test_a_red_test_kills_nothing(self, project: Path, tmp_path: Path) -> None:
        run = Run([Sandbox(tmp_path / "box", project)], places(project))
        assert "test_red" in run.trouble(["test_numbers.py", "test_red.py"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two functions, one of which only a new Python finds."""
    folder = tmp_path / "project"
    tests = """\
        import subprocess, sys
        from guard.numbers import least

        def test_least():
            assert (least(1, 2), least(2, 1)) == (1, 1)

        def test_most():
            code = "from guard.numbers import Most; print(Most().of(1, 2))"
            assert subprocess.check_output([sys.executable, "-I", "-c", code]) == b"2\\n"
        """
    files = {"guard/numbers.py": _MODULE, "test_numbers.py": dedent(tests)}
    files |= {"guard/__init__.py": "", "test_red.py": "def test_red():\n    assert False\n"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def _mutant(function: str, line: str, replacement: str = "pass", *killers: str) -> Mutant:
    return Mutant(function, line, replacement, killers)
