"""`guard explain`: the section of a rule, wherever guard runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guard.model import RULES
from guard.screen import RULES_PAGE
from tests.pages import page


def explained(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "guard", "explain", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_rule_is_explained_outside_of_any_repository(tmp_path: Path) -> None:
    ran = explained("release-tag", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    title, blank, summary, *_ = ran.stdout.splitlines()
    assert (title, blank) == ("release-tag", "")
    assert summary == "Blocks when thentos is pinned to a commit without a release tag."
    assert "To mend it: `guard align` moves thentos to the release" in ran.stdout


def test_it_is_plain_text(tmp_path: Path) -> None:
    ran = explained(*RULES, folder=tmp_path)
    assert "](" in page(RULES_PAGE)
    assert "](" not in ran.stdout
    assert "#" not in ran.stdout
    positions = [ran.stdout.index(f"{rule}\n\n") for rule in RULES]
    assert positions == sorted(positions)


def test_without_a_rule_all_are_listed_a_line_each(tmp_path: Path) -> None:
    lines = explained(folder=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(RULES)]] == list(RULES)
    assert all(len(line) <= 110 and line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("relase-tag", "release-tag"),
        ("image", "image-pin"),
        ("TESTED", "tested"),
        ("publish", "published"),
        ("dependency", "dependency-match"),
        ("zzz", ""),
    ],
)
def test_an_unknown_rule_names_the_nearest(tmp_path: Path, wrong: str, nearest: str) -> None:
    ran = explained("tested", wrong, folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"there is no rule '{wrong}'" in ran.stderr
    (command,) = (
        line.partition("to mend it: guard ")[2].split()
        for line in ran.stderr.splitlines()
        if "to mend it: " in line
    )
    assert command == ["explain", *nearest.split()]
    assert explained(*command[1:], folder=tmp_path).returncode == 0
