"""`python -m tests.golden [NAME...]` records the outcomes of some shapes, or of all, anew.

A name is that of a shape, such as `refs: a light tag`; the other outcomes stay as they are. What
has changed is for `git diff` to show and for a person to judge.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.outcomes import FILE, as_text, recorded, shapes

_TEST = f"{Path(__file__).with_name('test_outcomes.py')}::test_shape"


def main(names: list[str]) -> int:
    """Run the shapes and write the file; if one of them fails, nothing is written.

    Returns:
        The exit status, that of pytest.
    """
    tests = [f"{_TEST}[{name}]" for name in names] or [_TEST]
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "--quiet", "-n", "auto", *tests]
        ran = subprocess.run(command, env={**os.environ, "GOLDEN_OUTCOMES": folder}, check=False)
        if ran.returncode != 0:
            return ran.returncode
        new = {file.name: file.read_text(encoding="utf-8") for file in Path(folder).iterdir()}
    old = recorded(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    outcomes = {name: text for name, text in {**old, **new}.items() if name in shapes()}
    FILE.write_text(as_text(outcomes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
