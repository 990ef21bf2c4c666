"""The workshop with an image that can be built here, and a registry that it goes to."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.registry import Registry
from tests.workshop import GUARD_TOML, Ran, Workshop


class Shop:
    """The workshop, with an image that can be built here and a registry that it goes to."""

    def __init__(self, workshop: Workshop, registry: Registry, base: str) -> None:
        self.workshop = workshop
        self.registry = registry
        self.base = base
        # Of its own each time: what is removed in one test is not another's.
        self.dockerfile = f"FROM {base}\nRUN echo {uuid.uuid4()} >/own\nCOPY . /liqd/\n"
        self.configure()

    def configure(self, more: str = "") -> None:
        toml = GUARD_TOML.replace("localhost/aula", self.registry.name)
        files = {
            "Dockerfile": self.dockerfile,
            ".guard.toml": toml.replace("[test]", f"{more}\n[test]"),
        }
        self.workshop.docker.commit("Build for a registry", files)

    def guard(self, *words: str, status: int = 0) -> Ran:
        ran = self.workshop.guard(*words)
        assert ran.status == status, ran.text
        return ran

    def test(self, *words: str) -> dict[str, Any]:
        """Build and test; the verdict."""
        self.guard("test", *words)
        return self.newest()

    def newest(self) -> dict[str, Any]:
        newest = self._listed()
        # Of two that ended in the same second the whole history alone knows which came later.
        names = [each["name"] for each in self._listed("--all")]
        ended = newest[0]["finished"]
        same = [each for each in newest if each["finished"] == ended]
        return min(same, key=lambda each: names.index(each["name"]))

    def attempts(self) -> int:
        return len(self._listed("--all"))

    def _listed(self, *words: str) -> list[dict[str, Any]]:
        verdicts: list[dict[str, Any]] = json.loads(self.guard("log", "--json", *words).out)[
            "verdicts"
        ]
        return verdicts

    def docker(self, *words: str) -> str:
        ran = self.workshop.run(["docker", *words], self.workshop.docker)
        assert ran.status == 0, ran.text
        return ran.out.strip()

    def has(self, image: str) -> bool:
        ran = self.workshop.run(["docker", "inspect", image], self.workshop.docker)
        return ran.status == 0

    def remove_images(self) -> None:
        """Take the images out of the engine, with everything that is called like them."""
        listed = self.docker("images", "--quiet", "--no-trunc", self.registry.name)
        for image in set(listed.split()):
            self.docker("rmi", "--force", image)

    def break_test(self) -> None:
        self.workshop.aula.commit("Break a test", {"test.sh": "echo it breaks; exit 7\n"})
        self.workshop.pin()

    def release_aula(self) -> None:
        self.workshop.aula.git("tag", "v0.1.0")

    def change_image(self) -> dict[str, Any]:
        """The same aula and the same thentos, in an image of another content."""
        self.workshop.docker.commit("Change the image", {"word": f"{uuid.uuid4()}\n"})
        return self.test()
