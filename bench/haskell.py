"""What reading Haskell manifests costs: a long .cabal file, a range, and the import itself."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from guard.haskell import VersionRange, read_cabal

_ROUNDS: Final = 20
_STANZAS: Final = 6
_NAMES: Final = 30
_MODULES: Final = 60


def main() -> int:
    """Measure, print, and say what holds."""
    data = long_file()
    lines = data.count(b"\n")
    report(f"a .cabal of {lines} lines", timed(lambda: read_cabal(data, "aula.cabal")), 10e-3)
    text = ">=0.3 && <0.4 || ^>=0.5.1"
    report(f"the range {text}", timed(lambda: VersionRange.parse(text), 1000), 50e-6)
    bare = started("pass")
    report("import guard.haskell", started("import guard.haskell") - bare, 10e-3)
    return 0


def long_file() -> bytes:
    """Stanzas with requirements, modules and options, as hpack wrote them in 2016."""
    head = "name: aula\nversion: 0.38.0\ncabal-version: >=1.10\nbuild-type: Simple\n"
    parts = [head]
    for stanza in range(_STANZAS):
        parts.append(f"\nexecutable part{stanza}\n  main-is: Main.hs\n  build-depends:\n")
        parts += [
            f"    {',' if index else ' '} package-{'abcdefghij'[index % 10]}x{index} >={index}.1\n"
            for index in range(_NAMES)
        ]
        parts.append("  other-modules:\n")
        parts += [f"      Module.Number{index}\n" for index in range(_MODULES)]
        parts.append("  if flag(dev)\n    build-depends: thentos-core >=0.3 && <0.4\n")
        parts.append("  default-language: Haskell2010\n")
    return "".join(parts).encode()


def timed(work: Callable[[], object], times: int = 1) -> float:
    """The median time of one call in seconds."""
    found = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        found.append((time.perf_counter() - begun) / times)
    return statistics.median(found)


def started(code: str) -> float:
    """The median time of a new interpreter that runs some code, in seconds."""
    command = [sys.executable, "-I", "-c", code]
    return timed(lambda: subprocess.run(command, check=True))


def report(what: str, seconds: float, limit: float) -> None:
    """One line."""
    held = "holds" if seconds < limit else "does not hold"
    sys.stdout.write(f"{what}: {seconds * 1e6:.0f} us, below {limit * 1e6:.0f} us: {held}\n")


if __name__ == "__main__":
    sys.exit(main())
