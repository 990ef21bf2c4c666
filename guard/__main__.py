"""``python -m guard``: the same as the command ``guard``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command and return the exit status."""
    # Ctrl-C may come before there is anything that takes it.
    try:
        from guard.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("guard: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
