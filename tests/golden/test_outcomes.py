"""Every shape of push comes to what is recorded of it."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

import pytest

from tests.golden.outcomes import FILE, Shape, as_text, recorded, shapes
from tests.golden.scene import Scene

# Where `python -m tests.golden` collects what is to be recorded.
_COLLECTED = os.environ.get("GOLDEN_OUTCOMES")

_WAYS = {
    "release-tag": {"error", "undecided", "note"},
    "dependency-match": {"error", "undecided", "warning", "note"},
    "dependency-source": {"error", "undecided", "warning"},
    "image-pin": {"error", "undecided", "warning"},
    "tested": {"error", "undecided", "warning"},
    "image-published": {"error", "undecided", "warning"},
    "published": {"error", "undecided", "warning", "note"},
    "merged": {"error", "undecided", "warning", "note"},
    "policy": {"error", "undecided", "warning"},
    "step-back": {"error", "undecided", "note"},
    "workspace": {"undecided"},
}


@pytest.mark.parametrize("name", shapes())
def test_shape(name: str, tmp_path: Path) -> None:
    shape: Shape = shapes()[name]
    outcome = shape(Scene(tmp_path))
    if _COLLECTED:
        Path(_COLLECTED, name).write_text(outcome, encoding="utf-8")
        return
    expected = recorded(FILE.read_text(encoding="utf-8")).get(name, "")
    if outcome != expected:
        pytest.fail(_difference(name, expected, outcome), pytrace=False)


def test_the_file_holds_every_shape_in_order_and_no_other() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert sorted(recorded(text)) == list(shapes())
    assert as_text(recorded(text)) == text


@pytest.mark.parametrize("rule", _WAYS)
def test_every_rule_speaks_in_each_of_its_ways(rule: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert set(re.findall(rf"^  ([a-z]+) {rule}$", text, re.MULTILINE)) == _WAYS[rule]


def _difference(name: str, expected: str, outcome: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(), outcome.splitlines(), "recorded", "now", n=99, lineterm=""
    )
    return "\n".join(
        [
            f"the push {name!r} comes to something else than what is recorded:",
            "",
            *lines,
            "",
            f"if that is meant: python -m tests.golden {name!r}",
        ]
    )
