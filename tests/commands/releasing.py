"""Three repositories with a release to be made, remotes that note what arrives, a registry."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.registry import Registry
from tests.workshop import GUARD_TOML, Ran, Repo, Workshop

NAMES = ("thentos", "aula", "aula-docker")
# Killed by whom the test says, at the moment that it says; `$$` is guard's own process.
_LEAD = 'echo $$ >"$0"; exec "$@"'


def refs_of(at: Repo) -> list[str]:
    """All refs but those that keep what a remote was seen to have, which asking it changes."""
    lines = at.git("for-each-ref").splitlines()
    return [line for line in lines if "\trefs/guard/seen/" not in line]


class Release:
    """thentos v0.4.0 and an aula that needs it, both only here; aula-docker has them staged."""

    def __init__(
        self, workshop: Workshop, image: str, base: str, registry: Registry | None = None
    ) -> None:
        self.workshop = workshop
        self.image = image
        self.registry = registry
        self.log = workshop.root / "arrived"
        self.pid = workshop.root / "pid"
        self.log.touch()
        self._publish_what_was(base)
        for name in NAMES:
            self.remote_hook(name, "post-receive", self.writes(name))
        self.new_release("0.4.0", ">=0.4 && <0.5")

    def writes(self, name: str) -> str:
        """The line of a hook that writes down what has arrived."""
        return f'sed "s/^/{name} /" >>{self.log}'

    def _publish_what_was(self, base: str) -> None:
        workshop = self.workshop
        toml = GUARD_TOML.replace("localhost/aula", self.image)
        # Of its own each time: what is removed in one test is not another's.
        dockerfile = f"FROM {base}\nRUN echo {uuid.uuid4()} >/own\nCOPY . /liqd/\n"
        workshop.docker.commit("As it was", {".guard.toml": toml, "Dockerfile": dockerfile})
        workshop.docker.git("push", "--quiet", "--set-upstream", "origin", "master")
        workshop.install()

    def new_release(self, version: str, asked: str, test: str = "", tag: bool = True) -> None:
        """A release of thentos, an aula that asks for it, and both staged."""
        workshop = self.workshop
        if tag:
            workshop.release(version)
        if test:
            workshop.aula.write({"test.sh": test})
        workshop.require(asked)
        workshop.docker.git("add", "aula", "thentos")

    def remote_hook(self, name: str, hook: str, body: str) -> None:
        folder = self.workshop.root / "remotes" / f"{name}.git" / "hooks"
        write_hook(folder / hook, body)

    def own_hook(self, at: Repo, body: str) -> None:
        """A hook that was there before guard's, which runs it."""
        self.guard("uninstall")
        write_hook(Path(at.repository.git_dir) / "hooks/pre-push", body)
        self.guard("install")

    def guard(self, *words: str, status: int = 0) -> Ran:
        ran = self.workshop.guard(*words)
        assert ran.status == status, ran.text
        return ran

    def release(self, status: int = 0) -> Ran:
        return self.guard("release", "--yes", status=status)

    def killed(self, when: Callable[[str], bool] = lambda line: False) -> str:
        """Run the release until something kills it: a hook, or we at a line; what it said."""
        command = [sys.executable, "-I", "-m", "guard", "release", "--yes"]
        with subprocess.Popen(
            ["/bin/sh", "-c", _LEAD, str(self.pid), *command],
            cwd=self.workshop.docker.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if when(line):
                    process.send_signal(signal.SIGKILL)
                    break
            process.wait(timeout=120)
        assert process.returncode == -signal.SIGKILL, said
        return said

    def arrived(self) -> list[str]:
        """What the remotes were given, in order: ``aula refs/heads/master``."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [f"{name} {ref}" for name, _, _, ref in lines]

    def states(self) -> list[str]:
        return [step["state"] for step in self.state()["steps"]]

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.guard("release", "--json").out)
        return found

    def refs(self) -> dict[str, object]:
        """Every ref of every repository, the index and the working trees besides."""
        workshop = self.workshop
        places = [workshop.docker, workshop.aula, workshop.thentos]
        places += [Repo(workshop.root / "remotes" / f"{name}.git") for name in NAMES]
        found: dict[str, object] = {str(at.folder): refs_of(at) for at in places}
        for at in places[:3]:
            found[f"{at.folder} status"] = at.git("status", "--porcelain=v2", "--branch")
        return found

    def is_done(self) -> None:
        """Everything is where it has to be, came there once, and in the right order."""
        workshop = self.workshop
        assert self.arrived() == [
            "thentos refs/tags/v0.4.0",
            "aula refs/heads/master",
            "aula-docker refs/heads/master",
        ]
        assert workshop.remote_head("thentos", "refs/tags/v0.4.0") == workshop.thentos.head
        assert workshop.remote_head("aula") == workshop.aula.head
        assert workshop.remote_head("aula-docker") == workshop.docker.head
        pinned = workshop.docker.git("ls-tree", "HEAD", "aula", "thentos")
        assert workshop.aula.head in pinned and workshop.thentos.head in pinned
        assert self.registry is not None
        (tag,) = self.registry.tags()
        verdict = json.loads(self.guard("log", "--json").out)["verdicts"][0]
        assert verdict["image"]["digest"].endswith(self.registry.digest(tag))
        assert self.states() == ["done"] * 6

    def remove_images(self) -> None:
        """Take the images out of the engine, with everything that is called like them."""
        ran = self.docker("images", "--quiet", "--no-trunc", self.image)
        for image in set(ran.out.split()):
            self.docker("rmi", "--force", image)

    def docker(self, *words: str) -> Ran:
        return self.workshop.run(["docker", *words], self.workshop.docker)


def write_hook(path: Path, body: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
