"""``python -m guard``: the same as the command ``guard``."""

from __future__ import annotations

import sys

from guard.cli import main

sys.exit(main())
