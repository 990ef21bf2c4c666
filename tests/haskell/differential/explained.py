"""The differences that are meant, each with the tool's reason: ``explained.txt``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.haskell.differential.packages import Difference

FILE = Path(__file__).with_name("explained.txt")


class Explained(NamedTuple):
    """Patterns, each for one tool, and how often each was met."""

    patterns: list[tuple[str, re.Pattern[str]]]
    met: Counter[str]

    @classmethod
    def read(cls) -> Explained:
        lines = [line for line in FILE.read_text().splitlines() if line and line[0] != "#"]
        pairs = [line.split(" ", 1) for line in lines]
        return cls([(tool, re.compile(pattern)) for tool, pattern in pairs], Counter())

    def covers(self, difference: Difference) -> bool:
        for tool, pattern in self.patterns:
            if tool == difference.tool and pattern.search(difference.what):
                self.met[pattern.pattern] += 1
                return True
        return False

    def unmet(self) -> list[str]:
        return [pattern.pattern for _, pattern in self.patterns if not self.met[pattern.pattern]]
