"""The audits of a made history say what they said: every outcome, and the facts of every finding.

What they said is in `made.txt`. Where a change is meant, write it anew and read the difference:
`python -m tests.audits.made --write`.
"""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

from tests.audits.made import GOLDEN, said


def test_the_audits_say_what_they_said(tmp_path: Path) -> None:
    before = GOLDEN.read_text(encoding="utf-8").splitlines()
    now = said(tmp_path).splitlines()
    difference = "\n".join(unified_diff(before, now, "as it was", "now", lineterm="", n=3))
    assert not difference, f"\n{difference}\n\nif so meant: python -m tests.audits.made --write"
