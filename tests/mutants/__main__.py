"""`python -m tests.mutants [WORDS...]` breaks guard, one line at a time, and tests that it shows.

Each mutant of `mutants.txt` is applied to a copy, never to the working tree, and has to be killed:
one of the tests that it names turns red. Where a line has been changed meanwhile, its mutant is
gone, and whoever changed it writes a successor into the list. With WORDS, only the mutants whose
function, line or test has one of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.listed import Mutant, listed
from tests.mutants.places import places
from tests.mutants.run import KILLED, Fate, Run
from tests.mutants.sandbox import Sandbox


def main() -> int:
    """Run the mutants; the exit status is 1 unless all are killed."""
    options = _options()
    started = time.monotonic()
    mutants = [mutant for mutant in listed() if _chosen(mutant, options.words)]
    with TemporaryDirectory(prefix="mutants-") as folder:
        sandboxes = [Sandbox(Path(folder, str(number))) for number in range(options.jobs)]
        run = Run(sandboxes, places(sandboxes[0].tree))
        if trouble := _trouble(run, mutants, options.jobs):
            print(f"with nothing broken yet, pytest says:\n{trouble}")
            return 1
        fates = _fates(run, mutants, options.jobs)
    count = Counter(fate.word for fate in fates)
    words = ", ".join(f"{number} {word}" for word, number in count.most_common())
    print(f"{len(mutants)} mutants: {words or 'none'}; {time.monotonic() - started:.0f} s")
    return 0 if set(count) == {KILLED} else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutants")
    parser.add_argument("words", nargs="*", metavar="WORDS", help="only mutants with one of them")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at the same time (2)")
    options = parser.parse_args()
    options.jobs = max(options.jobs, 1)
    return options


def _chosen(mutant: Mutant, words: Sequence[str]) -> bool:
    text = "\n".join((str(mutant), *mutant.killers))
    return not words or any(word in text for word in words)


def _trouble(run: Run, mutants: Sequence[Mutant], jobs: int) -> str:
    """Run all the tests first with nothing broken: one that is red anyway kills no mutant."""
    tests = sorted({killer for mutant in mutants for killer in mutant.killers})
    shares = [share for number in range(jobs) if (share := tests[number::jobs])]
    with ThreadPoolExecutor(jobs) as pool:
        return "".join(pool.map(run.trouble, shares))


def _fates(run: Run, mutants: Sequence[Mutant], jobs: int) -> list[Fate]:
    """Run each of the mutants and print what becomes of it."""
    fates = []
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, fate in zip(mutants, pool.map(run.fate, mutants), strict=True):
            detail = f"  ({fate.detail})" if fate.detail else ""
            print(f"{fate.word:8}  {mutant}{detail}", flush=True)
            fates.append(fate)
    return fates


if __name__ == "__main__":
    sys.exit(main())
