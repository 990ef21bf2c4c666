"""Compare guard's readers with the Haskell tools of today on files made by chance.

    python -m tests.haskell.differential FOLDER COUNT SEED [PART...]

FOLDER is what ``scripts/haskell`` made. A difference that ``explained.txt`` does not explain fails
the run.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from tests.haskell.differential import packages, projects
from tests.haskell.differential.explained import Explained
from tests.haskell.differential.packages import Difference
from tests.haskell.differential.sid import sid

# How many of each are made where COUNT is 5000; what makes them, and what compares.
PARTS: dict[str, tuple[int, Any, Any]] = {
    "cabal": (5000, packages.cabal_texts, packages.compare_cabal),
    "hpack": (1000, packages.package_yaml_texts, packages.compare_hpack),
    "projects": (300, projects.projects, projects.compare),
}


def main(root: Path, count: int, seed: int, parts: list[str]) -> int:
    """How many differences are not explained."""
    explained = Explained.read()
    failures = 0
    for part in parts or list(PARTS):
        share, make, compare = PARTS[part]
        made = make(count * share // 5000, random.Random(f"{part} {seed}"))
        with sid(root) as tools:
            differences = list(compare(tools, made))
        others = [one for one in differences if not explained.covers(one)]
        for one in others:
            show(one)
        failures += len(others)
        counts = f"{len(differences) - len(others)} differences explained, {len(others)} not"
        sys.stdout.write(f"{part}: {len(made)} tried, {counts}\n")
    for pattern in explained.unmet() if not parts else []:
        sys.stdout.write(f"explained, and not met this time: {pattern}\n")
    return failures


def show(one: Difference) -> None:
    sys.stdout.write(f"{'=' * 20} {one.tool}\n{one.text}\n--- {one.what}\n")


if __name__ == "__main__":
    folder, count, seed, *parts = sys.argv[1:]
    sys.exit(main(Path(folder).resolve(), int(count), int(seed), parts) > 0)
