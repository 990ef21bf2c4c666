"""How a trial begins: what would spoil the record is looked for, and the build is under way.

All of it before the docker SDK is there, which takes as long to import as a cached build.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import quote

from guard.engine.ahead import Ahead
from guard.engine.build import REVISION, SOURCE, Options
from guard.engine.buildkit import CliBuild, begin
from guard.engine.cli import BuildkitCli
from guard.engine.endings import shielded, terminable
from guard.engine.prepared import Prepared, prepare
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.files import remove_abandoned
from guard.git.remotes import read_remotes, without_secret
from guard.situation.branches import remote_of
from guard.trial.jobs import Job


class Begun(NamedTuple):
    """A trial that has begun.

    Args:
        build: None where the engine must be asked first.
    """

    prepared: Prepared
    options: Options
    build: CliBuild | None


@contextmanager
def begun(gate: Gate, job: Job, fresh: bool, cli: Ahead[BuildkitCli | None]) -> Iterator[Begun]:
    """Look up all that is needed and begin to build; at the end of the block nothing goes on.

    Args:
        fresh: build without cache and pull the bases.

    Raises:
        GuardError: something that would have spoiled the record.
    """
    remove_abandoned()
    # One asks for the objects, the other for identity, key and ref: neither waits for the other.
    rehearsal = Ahead(gate.verdicts.rehearse)
    # From here on there are private folders to remove.
    with terminable():
        build = None
        try:
            try:
                options = Options(fresh, _labels(gate, job))
                # It comes up while git is asked, and waits. Whole or not at all: half a build could
                # not be closed.
                with shielded():
                    build = begin(job.config.image.builder, job.config.recipe, options, cli.result)
                prepared = prepare(job.assembly.parts, gate.pool, job.config)
            except BaseException:
                # What has happened here is what is told: a Ctrl-C reaches the other's git as well.
                with suppress(GuardError):
                    rehearsal.result()
                raise
            rehearsal.result()
            if build is not None:
                build.send(prepared.context)
            yield Begun(prepared, options, build)
        finally:
            if build is not None:
                build.close()


def _labels(gate: Gate, job: Job) -> tuple[tuple[str, str], ...]:
    """Annotations of the OCI image specification, and what exactly is in the image."""
    superproject = gate.workspace.superproject
    options = gate.workspace.options
    remote = remote_of(read_remotes(options, superproject), dict(options), superproject)
    labels = [("guard.combination", job.assembly.key)]
    labels += [
        (f"guard.gitlink.{_named(part.path)}", part.commit)
        for part in job.assembly.parts
        if part.path
    ]
    if job.combination.commit:
        labels.append((REVISION, job.combination.commit))
    if remote is not None:
        labels.append((SOURCE, without_secret(remote.urls[0])))
    return tuple(labels)


def _named(path: str) -> str:
    """A path as a part of a label's name, quoted as in a URL.

    The docker CLI refuses a name that holds a space, and ends it at the first equals sign.
    """
    return quote(os.fsencode(path))
