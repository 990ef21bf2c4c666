"""How guard ends: at once, with nothing left unsaid or undone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop import Workshop

ENDINGS = {
    "what is buffered": "import sys; sys.stdout.write('told')",
    "who asked to be told": "import atexit; atexit.register(print, 'told')",
    "a thread at work": (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('told'))).start()"
    ),
    "a thread that may be given up": (
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "print('told')"
    ),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_nothing_is_lost(what: str) -> None:
    code = f"{ENDINGS[what]}\nfrom guard.starting import leave\nleave(3)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (3, "told", "")


def test_python_takes_nothing_apart() -> None:
    """That takes as long as two processes of git."""
    code = (
        "import threading\nclass Last:\n    def __del__(self): print('apart')\n"
        "kept = Last()\nfrom guard.starting import leave\nleave(0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("start", ["guard", "module"])
def test_a_full_disk_is_no_success(workshop: Workshop, start: str) -> None:
    workshop.verdict()
    script = Path(sys.executable).with_name("guard")
    command = [str(script)] if start == "guard" else [sys.executable, "-I", "-m", "guard"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*command, "check"],
            cwd=workshop.docker.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert ran.returncode != 0
    assert b"No space left on device" in ran.stderr
