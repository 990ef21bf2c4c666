"""``python -m guard``: the same as the command ``guard``."""

from __future__ import annotations

from guard.starting import command as main

if __name__ == "__main__":
    main()
