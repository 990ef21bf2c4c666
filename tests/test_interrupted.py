"""Ctrl-C before guard has begun."""

from __future__ import annotations

import subprocess
import sys

EARLY = """
import os, runpy

opened = os.open

def ctrl_c(path, *rest):
    if "/guard/__pycache__/errors." in path:
        raise KeyboardInterrupt
    return opened(path, *rest)

os.open = ctrl_c
runpy.run_module("guard", run_name="__main__")
"""


def test_while_its_modules_are_read_no_traceback_is_shown() -> None:
    ran = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, "guard: interrupted\n")
