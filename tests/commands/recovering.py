"""The workshop after harmful pushes, and everything in it as one value."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.store import Store
from guard.model import Gitlink, Result
from guard.situation.assembly import assemble
from guard.situation.contents import Submodules, of_commit
from guard.situation.workspace import Workspace
from guard.verdicts.record import ImageFacts, Record
from guard.verdicts.verdicts import Verdicts
from tests.workshop import Ran, Repo, Workshop, a_record, lasting_folder

MASTER = "refs/heads/master"


def recorded(workshop: Workshop, finished: str = "2016-03-01T12:00:00Z", **fields: str) -> Record:
    """A passed verdict for aula-docker's HEAD, as `guard test` would record it."""
    repository = workshop.docker.repository
    commit = workshop.docker.head
    with ObjectPool() as pool:
        combination = of_commit(repository, pool, commit, "")
        config = workshop.config(commit)
        workspace = Workspace(repository, repository)
        submodules = Submodules(workspace, pool, config, Memo(repository.common_dir))
        found = assemble(submodules, Store(pool, (repository,)), combination)
        record = a_record(found.key, config, Result.PASSED)._replace(
            finished=finished,
            superproject=fields.get("superproject", commit),
            recipe=fields.get("recipe", config.recipe.digest),
            gitlinks=tuple(Gitlink(part.path, part.commit) for part in found.parts if part.path),
            release="v0.3.0",
            image=ImageFacts(fields.get("image", "")),
        )
        Verdicts(repository, pool).record(record, found.parts)
    return record


class World(NamedTuple):
    """The workshop after the harm was done: pushed with --no-verify, and on the remotes."""

    workshop: Workshop
    record: Record
    good: dict[str, str]
    bad: dict[str, str]

    def recover(self, *arguments: str) -> Ran:
        return self.workshop.guard("recover", "--no-image", *arguments)

    def tree(self, name: str) -> str:
        """The tree of a remote's master."""
        return remote(self.workshop, name).git("rev-parse", f"{MASTER}^{{tree}}")


def remote(workshop: Workshop, name: str) -> Repo:
    return Repo(workshop.root / "remotes" / f"{name}.git")


def heads(workshop: Workshop) -> dict[str, str]:
    repos = {"aula": workshop.aula, "thentos": workshop.thentos, "aula-docker": workshop.docker}
    return {name: repo.head for name, repo in repos.items()}


def all_of(workshop: Workshop) -> dict[str, str]:
    """Every ref, HEAD, index entry and file's state of all the repositories and their remotes."""
    found = {}
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        name = repo.folder.name
        # What a remote was seen to have may be kept meanwhile.
        refs = repo.git("for-each-ref").splitlines()
        found[f"{name} refs"] = "\n".join(ref for ref in refs if "refs/guard/seen/" not in ref)
        found[f"{name} HEAD"] = repo.git("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
        found[f"{name} index"] = repo.git("ls-files", "--stage")
        found[f"{name} status"] = repo.git("status", "--porcelain", "--ignored")
        found[f"{name} remote"] = remote(workshop, name).git("for-each-ref")
    return found


@pytest.fixture
def harmed(tmp_path: Path) -> World:
    """A good combination on all remotes, and two harmful pushes on top of it."""
    made = _harmed()
    return made._replace(workshop=Workshop(tmp_path, of=made.workshop.root))


@cache
def _harmed() -> World:
    workshop = Workshop(lasting_folder())
    workshop.install()
    record = recorded(workshop)
    assert workshop.push(workshop.docker).status == 0
    good = heads(workshop)
    workshop.aula.git("checkout", "--quiet", "master")
    workshop.aula.commit("Ask for more", {"aula.cabal": "broken\n", "new": "x\n"})
    workshop.aula.commit("Try\u2028again", {"new": "y\n"})
    workshop.thentos.commit("Not released", {"api": "new\n"})
    workshop.thentos.git("push", "--quiet", "origin", "HEAD:refs/heads/wip")
    workshop.push(workshop.aula, "--no-verify", "origin", "master")
    workshop.docker.commit("Move both", {"Dockerfile": "FROM nowhere\n"})
    workshop.push(workshop.docker, "--no-verify", "origin", "master")
    bad = heads(workshop)
    assert workshop.remote_head("aula") == bad["aula"]
    assert workshop.remote_head("aula-docker") == bad["aula-docker"]
    return World(workshop, record, good, bad)


def kill_at_head(workshop: Workshop, folder: str, state: str, *words: str) -> None:
    """Call guard recover, and kill it where git moves a HEAD."""
    hook = workshop.root / "aula-docker/.git" / folder / "hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = {state} ] || exit 0\n'
        "grep -q ' HEAD$' && kill -9 -\"$(ps -o pgid= -p $$ | tr -d ' ')\"\nexit 0\n"
    )
    hook.chmod(0o755)
    command = ["setsid", "--wait", sys.executable, "-I", "-m", "guard", "recover", "--no-image"]
    killed = workshop.run([*command, *words], workshop.docker)
    assert killed.status in (-9, 137), killed.text
    hook.unlink()
    for lock in (workshop.root / "aula-docker/.git").rglob("*.lock"):
        if "guard" not in lock.parts:
            lock.unlink()
