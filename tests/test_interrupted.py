"""Ctrl-C before guard has begun."""

from __future__ import annotations

import subprocess
import sys

EARLY = """
import runpy, sys

class CtrlC:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "guard.errors":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC)
runpy.run_module("guard", run_name="__main__")
"""


def test_while_its_modules_are_read_no_traceback_is_shown() -> None:
    ran = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, "guard: interrupted\n")
