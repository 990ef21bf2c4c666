"""`guard test` without an engine: all of the command but the build and the test, which are made up.

A combination fails if its consumer has a file `broken`, or if the variable `TESTS_FAIL` is set.

    python -m tests.walks.tested ARGUMENT...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from guard.cli import main
from guard.gate.gate import Gate
from guard.model import Result
from guard.trial.jobs import Job
from guard.verdicts.record import Record
from tests.workshop import a_record

BROKEN = "broken"


def _fails(job: Job) -> bool:
    part = next(part for part in job.assembly.parts if part.path == job.config.consumer)
    listed = part.repository.run("ls-tree", "-z", "--name-only", part.tree, "--", BROKEN)
    return bool(listed or os.environ.get("TESTS_FAIL"))


def _try_out(gate: Gate, job: Job, *_: object) -> tuple[Record, str]:
    result = Result.FAILED_TEST if _fails(job) else Result.PASSED
    detail = "" if result is Result.PASSED else "exit status 1"
    record = a_record(job.assembly.key, job.config, result, detail)
    gate.verdicts.record(record, job.assembly.parts)
    return record, "nowhere"


@contextmanager
def made_up() -> Iterator[None]:
    """Nothing is built or tested for as long as this lasts."""
    nothing = patch("guard.commands.test.connect", lambda: None)
    with nothing, patch("guard.trial.trial.try_out", _try_out):
        yield


if __name__ == "__main__":
    with made_up():
        sys.exit(main(["test", *sys.argv[1:]]))
