"""guard with a made-up build (`tests.walks.tested`), which says of each verdict: it is recorded.

python -m tests.chaos.telling COMMAND ARGUMENT...
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from unittest.mock import patch

from guard.cli import main
from guard.git.store import Part
from guard.verdicts.record import Record
from guard.verdicts.verdicts import Verdicts
from tests.walks.tested import made_up

_record = Verdicts.record


def _recorded(verdicts: Verdicts, record: Record, parts: Iterable[Part]) -> list[str]:
    troubles = _record(verdicts, record, parts)
    sys.stdout.write(f"recorded: {record.name} {record.result.value}\n")
    sys.stdout.flush()
    return troubles


if __name__ == "__main__":
    with made_up(), patch.object(Verdicts, "record", _recorded):
        sys.exit(main())
