"""No image ever holds other bytes than its combination's, whatever tries to bring them in.

``make other-bytes`` does so two hundred times on each engine and with each builder; the suite does
with fewer.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from docker.errors import APIError

from guard.config import Config, Image, Test
from guard.engine.attempt import Attempt, attempt
from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from guard.engine.context import prepared
from guard.errors import GuardError
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import Result
from tests.engine.trees import FILE, LINK, Content, Link, Program, Store, Submodule
from tests.matrix.columns import Column, Engines

BUILDS: Final = int(os.environ.get("BUILDS", "8"))
# Tells all that is in the image, a line for each path.
LISTING: Final = """
cd /x
find . -type f | sort | while read f; do
  sum=$(sha256sum <"$f"); echo "$(stat -c %a "$f") ${sum%% *} $f"
done
find . -type l | sort | while read f; do echo "link $(readlink "$f") $f"; done
"""
# Seconds since 1970: what a file system that knows whole seconds gives all files of a checkout.
WHOLE: Final = 1_500_000_000


class Combination(NamedTuple):
    """What one combination may differ from another in; files are of one size throughout."""

    superproject: str = "a"
    submodule: str = "a"
    nested: str = "a"
    target: str = "one"
    is_program: bool = False
    end: str = "lf"

    def parts(self, store: Store, base: str) -> list[Part]:
        top: dict[str, Content] = {
            "Dockerfile": f"FROM {base}\nCOPY . /x/\n",
            ".gitattributes": f"*.txt text eol={self.end}\n",
            "a.txt": f"{self.superproject}\n",
            "run": Program("run\n") if self.is_program else "run\n",
            "one": "1\n",
            "two": "2\n",
            "aula": Submodule(),
            **({"link": Link(self.target)} if self.target else {}),
        }
        aula: dict[str, Content] = {"sub/Main.hs": f"{self.submodule}\n", "lib": Submodule()}
        lib: dict[str, Content] = {"Lib.hs": f"{self.nested}\n"}
        return [store.part(top), store.part(aula, "aula"), store.part(lib, "aula/lib")]

    def listing(self, base: str) -> set[str]:
        """What the image has to hold."""
        text = f"{self.superproject}\n".replace("\n", "\r\n" if self.end == "crlf" else "\n")
        files = {
            "Dockerfile": f"FROM {base}\nCOPY . /x/\n",
            ".gitattributes": f"*.txt text eol={self.end}\n",
            "a.txt": text,
            "one": "1\n",
            "two": "2\n",
            "aula/sub/Main.hs": f"{self.submodule}\n",
            "aula/lib/Lib.hs": f"{self.nested}\n",
        }
        lines = {f"644 {sha256(text)} ./{path}" for path, text in files.items()}
        mode = 755 if self.is_program else 644
        return lines | {f"{mode} {sha256('run' + chr(10))} ./run", f"link {self.target} ./link"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


CHANGES: Final = (
    Combination(superproject="b"),
    Combination(submodule="b"),
    Combination(nested="b"),
    Combination(target="two"),
    # Leads nowhere, be it into the image's own folders or out of them.
    Combination(target="nil"),
    Combination(target="nul"),
    Combination(is_program=True),
    Combination(end="crlf"),
)


class Machine(NamedTuple):
    """An engine, which the environment names, with one of its builders."""

    base: str
    builder: str

    def build(self, parts: Sequence[Part], place: Path, whole: bool = False) -> Attempt:
        """One attempt, whose test tells what is in the image.

        Args:
            whole: every file gets one and the same time.
        """
        config = Config(image=Image(builder=self.builder), test=Test(("/bin/sh", "-c", LISTING)))
        with prepared(parts, config, str(place)) as made, Engine.connect() as engine:
            if whole:
                for path in Path(made.context.folder).rglob("*"):
                    os.utime(path, (WHOLE, WHOLE), follow_symlinks=False)
            return attempt(engine, made, lambda event: None)


@pytest.fixture
def machine(
    column: Column, engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    for name, value in engines.environment(column, tmp_path / "docker").items():
        monkeypatch.setenv(name, value)
    with Engine.connect() as engine:
        return Machine(base_image(engine), column.builder)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.git")


@pytest.fixture
def images(machine: Machine) -> Iterator[set[str]]:
    """Takes the ids of images that are removed at the end, and with them what is cached."""
    ids = set[str]()
    yield ids
    with Engine.connect() as engine:
        for image in ids:
            with suppress(APIError):
                engine.api.remove_image(image, force=True)


def told(made: Attempt) -> set[str]:
    assert made.result is Result.PASSED, made.last
    return set(made.last.tail)


def test_one_byte_of_each_kind_is_in_the_image(
    machine: Machine, store: Store, tmp_path: Path, images: set[str]
) -> None:
    for combination in (Combination(), *CHANGES, Combination()):
        made = machine.build(combination.parts(store, machine.base), tmp_path / "context")
        assert told(made) == combination.listing(machine.base)
        images.add(made.build.image)
    # The classic builder uses no cache where there is a link: the last one has an id of its own.
    assert len(images) == len(CHANGES) + 1 + (machine.builder == "classic")


def test_the_same_content_is_cached_for_another_clone_and_under_another_umask(
    machine: Machine, store: Store, tmp_path: Path, images: set[str]
) -> None:
    # There is no link for the classic builder, which would use no cache.
    combination = Combination(target="" if machine.builder == "classic" else "one")
    parts = combination.parts(store, machine.base)
    first = machine.build(parts, tmp_path / "context")
    images.add(first.build.image)
    clone = tmp_path / "clone.git"
    shutil.copytree(store.folder, clone)
    subprocess.run(["git", f"--git-dir={clone}", "repack", "-qad"], check=True)
    own = Repository(str(clone), str(clone))
    old = os.umask(0o077)
    try:
        cloned = [part._replace(repository=own) for part in parts]
        second = machine.build(cloned, clone / "guard/context")
    finally:
        os.umask(old)
    images.add(second.build.image)
    assert [step.cached for step in second.build.steps[1:]] == [True]
    assert second.context_digest == first.context_digest


def test_a_name_that_is_not_utf8_is_in_the_image_or_the_reason_is_told(
    machine: Machine, column: Column, store: Store, tmp_path: Path, images: set[str]
) -> None:
    dockerfile = store.put("blob", f"FROM {machine.base}\nCOPY . /x/\n".encode())
    x, ignore = store.put("blob", b"x"), store.put("blob", b"caf*\n")
    one, two = (FILE, b"Dockerfile", dockerfile), (FILE, b"caf\xe9", x)
    own = store.put("blob", b"caf\xe9")
    for name, entries in (
        ("name", (one, two)),
        ("target", (one, (LINK, b"link", own))),
        ("listed as it is", ((FILE, b".dockerignore", own), one, two)),
    ):
        parts = [Part("", "", store.raw_tree(*entries), store.repository)]
        if column.version == "20.10.":
            made = machine.build(parts, tmp_path / "context")
            images.add(made.build.image)
            assert len(made.last.tail) == 2, name
        else:
            with pytest.raises(GuardError, match=r"not UTF-8: 'caf\\xe9'") as caught:
                machine.build(parts, tmp_path / "context")
            assert ".dockerignore with * for" in caught.value.remedy
    ignored = store.raw_tree((FILE, b".dockerignore", ignore), one, two)
    made = machine.build([Part("", "", ignored, store.repository)], tmp_path / "context")
    images.add(made.build.image)
    assert len(made.last.tail) == 2


def test_no_build_gets_the_bytes_of_another_combination(
    machine: Machine, store: Store, tmp_path: Path, images: set[str]
) -> None:
    source = random.Random(BUILDS)
    # Few, so that each comes back soon.
    few = [picked(source) for _ in range(6)]
    parts = {combination: combination.parts(store, machine.base) for combination in few}
    # Two clones of one name, each with a folder for contexts of one name.
    clones = [tmp_path / name / "aula-docker" for name in ("here", "there")]
    for clone in clones:
        shutil.copytree(store.folder, clone)

    def build(number: int) -> Attempt:
        clone = clones[number % 2]
        own = Repository(str(clone), str(clone))
        cloned = [part._replace(repository=own) for part in parts[builds[number][0]]]
        return machine.build(cloned, clone / "guard/context", builds[number][1])

    builds = [(source.choice(few), source.random() < 0.5) for _ in range(BUILDS)]
    with ThreadPoolExecutor(2) as pool:
        for (combination, whole), made in zip(builds, pool.map(build, range(BUILDS)), strict=True):
            images.add(made.build.image)
            assert told(made) == combination.listing(machine.base), whole


def picked(source: random.Random) -> Combination:
    """Any combination."""
    return Combination(
        source.choice("ab"),
        source.choice("ab"),
        source.choice("ab"),
        source.choice(("one", "two", "nil", "nul")),
        source.random() < 0.5,
        source.choice(("lf", "crlf")),
    )
