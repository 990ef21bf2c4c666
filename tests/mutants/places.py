"""Where the line of a mutant stands in guard today."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants.listed import Mutant

MODULE = "<module>"


class Place(NamedTuple):
    """A line of a file.

    Args:
        file: relative to the root of the project.
        number: of the line, from 0.
        function: the innermost one that the line is in.
    """

    file: str
    number: int
    function: str


Places = Mapping[str, Sequence[Place]]


def places(root: Path) -> Places:
    """All lines of guard by their text without indentation."""
    by_text = defaultdict(list)
    for path in sorted((root / "guard").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        functions = dict(_functions(ast.parse(text), ""))
        for number, line in enumerate(text.split("\n")):
            function = functions.get(number, MODULE)
            by_text[line.strip()].append(Place(str(path.relative_to(root)), number, function))
    return by_text


def candidates(mutant: Mutant, places: Places) -> Sequence[Place]:
    """The places that a mutant may mean; it can be applied where that is one.

    The function decides only between lines that read the same: renaming it does not matter.
    """
    alike = places.get(mutant.line, ())
    if len(alike) == 1:
        return alike
    return [place for place in alike if place.function == mutant.function]


def broken(text: str, number: int, replacement: str) -> str:
    """A file's text with another line in place of one, indented as that was."""
    lines = text.split("\n")
    indentation = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    lines[number] = indentation + replacement
    return "\n".join(lines)


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[int, str]]:
    """(number of a line, name) for the lines of each function or class; inner ones come later."""
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{outer}.{child.name}".removeprefix(".")
            yield from ((number - 1, name) for number in range(child.lineno, _end(child) + 1))
        yield from _functions(child, name)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
