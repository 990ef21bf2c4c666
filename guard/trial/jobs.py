"""Which combination a command is about, made ready to be built and tested."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from guard.config import Config
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.situation import standing
from guard.git.commands import git, told
from guard.git.files import held, lock_file
from guard.git.refs import resolve
from guard.model import Combination, Role
from guard.screen import Screen
from guard.situation.assembly import Assembly
from guard.situation.contents import brought_here, with_consumer
from guard.situation.values import Pin
from guard.situation.workspace import repositories_of
from guard.verdicts.record import Record


class Job(NamedTuple):
    """What is to be tested.

    Args:
        release: the dependency's release tag, "" where it stands at none.
    """

    combination: Combination
    config: Config
    assembly: Assembly
    release: str

    @property
    def name(self) -> str:
        """The name that its verdict will have."""
        return f"{self.assembly.key[:12]}-{self.config.recipe.digest[:8]}"

    def commit(self, path: str) -> str:
        """The commit of a part, "" where there is no such part."""
        return next((part.commit for part in self.assembly.parts if part.path == path), "")


def find_job(gate: Gate, revision: str | None = None, consumer: str | None = None) -> Job:
    """What a person means: in the superproject its index, in the consumer its HEAD.

    Args:
        consumer: a commit of the consumer, in the superproject as it would be committed next.
    """
    return job_for(gate, _combination(gate, revision, consumer))


def job_for(gate: Gate, combination: Combination) -> Job:
    """A combination made ready."""
    config = gate.config(combination)
    if not config.test.command:
        # A commit older than .guard.toml is tested by the present recipe.
        config = gate.present_config()
    facts = gate.gatherer.gather(combination, tested=False)
    assembly = gate.gatherer.assembly(combination, config)
    release = facts.pin.releases[0].tag if isinstance(facts.pin, Pin) and facts.pin.releases else ""
    return Job(combination, config, assembly, release)


def job_of(gate: Gate, record: Record) -> Job | None:
    """The combination of a verdict, None where it is not at hand or its recipe is another now.

    It is looked for in the commit that the verdict was earned with, and in what stands now.
    """
    for combination in _likely(gate, record):
        with suppress(GuardError):
            job = job_for(gate, combination)
            if (job.assembly.key, job.config.recipe.digest) == (record.key, record.recipe):
                return job
    return None


@contextmanager
def at_work(
    gate: Gate, verdict: str, screen: Screen, on_wait: Callable[[], object] = lambda: None
) -> Iterator[bool]:
    """Hold what whoever makes or changes a verdict holds; says where another one is waited for.

    What was known of verdicts is looked at anew.

    Args:
        on_wait: called once before that.

    Yields:
        Whether another held it first.
    """

    def tell() -> None:
        on_wait()
        screen.say("another guard is at work on this combination; waiting for its verdict")

    folder = os.path.join(gate.workspace.superproject.common_dir, "guard")
    with held(lock_file(folder, verdict), tell) as waited:
        gate.verdicts.look_again()
        yield waited


def _likely(gate: Gate, record: Record) -> list[Combination]:
    likely = [gate.present()]
    if record.superproject:
        with suppress(GuardError):
            likely.insert(0, gate.combination(record.superproject))
    links = {link.path: link.commit for link in record.gitlinks}
    consumers = [gate.config(each).consumer for each in likely]
    return [
        with_consumer(each, path, links[path])
        for each, path in zip(likely, consumers, strict=True)
        if path in links
    ]


def _combination(gate: Gate, revision: str | None, consumer: str | None) -> Combination:
    workspace = gate.workspace
    if revision and workspace.in_superproject:
        return gate.combination(resolve(workspace.superproject, revision))
    present = gate.present()
    config = gate.config(present)
    revision = consumer or revision
    if not revision and workspace.role(config) is not Role.CONSUMER:
        return present
    if gate.gitlink(present, config.consumer) is None:
        raise GuardError(
            f"{workspace.name('')} ({present.source}) has no gitlink at {config.consumer}",
            f"add a submodule at {config.consumer} of {workspace.name('')}",
        )
    if not revision:
        return standing(gate)
    repositories = tuple(repositories_of(workspace, config, config.consumer))
    for repository in repositories:
        with suppress(GuardError):
            commit = resolve(repository, revision)
            return with_consumer(present, config.consumer, commit)
    raise GuardError(
        f"{revision} names no commit of {config.consumer}",
        git(repositories[0], "log", "--oneline", "--all").text
        if repositories
        else told(brought_here(workspace.superproject, config.consumer)),
    )
