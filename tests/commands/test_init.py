"""`guard init`: what is written, where it comes from, and what is never touched."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from guard.config import Config, read_config
from tests.workshop import GUARD_TOML, Repo, Workshop

TRAVIS = """\
sudo: required
services:
    - docker

before_install:
    - docker pull registry.example.org/team/aula
    - docker run --rm -it -v `pwd`:/src/aula/ team/aula /bin/sh -c "/src/aula/ci/list.sh"

script:
    - docker run --rm -it -v `pwd`:/src/aula/ team/aula /bin/sh -c "/src/aula/ci/lint.sh"
    - docker run --rm -it -v `pwd`:/src/aula/ team/aula /bin/sh -c "/src/aula/ci/build.sh 1000"

after_script:
    - docker run --rm -v `pwd`:/src/aula/ team/aula /bin/sh -c "/src/aula/ci/coverage.sh"
"""
GUARD = [sys.executable, "-I", "-m", "guard"]
COMMAND = "/src/aula/ci/list.sh && /src/aula/ci/lint.sh && /src/aula/ci/build.sh 1000"


def start(workshop: Workshop, travis: str | None = TRAVIS) -> Path:
    """aula at a commit with that CI file, staged in an aula-docker without a .guard.toml."""
    path = workshop.docker.folder / ".guard.toml"
    workshop.docker.git("rm", "--quiet", ".guard.toml")
    if travis is not None:
        workshop.aula.commit("Test on CI", {".travis.yml": travis})
        workshop.docker.git("add", "aula")
    return path


def written(path: Path) -> tuple[Config, dict[str, Any], str]:
    text = path.read_text(encoding="utf-8")
    return read_config(text.encode()), tomllib.loads(text), text


def test_it_proposes_what_ci_says_and_says_where_it_comes_from(workshop: Workshop) -> None:
    path = start(workshop)
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    config, _, text = written(path)
    assert config.image.name == "team/aula"
    assert config.test.command == ("/bin/sh", "-c", COMMAND)
    assert config.test.source == "/src/aula"
    at = workshop.aula.head[:12]
    for line in (7, 10, 11):
        assert f"aula/.travis.yml:{line}" in text
    assert f"at {at}" in text
    assert COMMAND in ran.out


def test_the_working_tree_is_not_read(workshop: Workshop) -> None:
    path = start(workshop)
    workshop.aula.write({".travis.yml": TRAVIS.replace("team/aula", "somebody/else")})
    assert workshop.guard("init").status == 0
    assert written(path)[0].image.name == "team/aula"


def test_nothing_is_staged_or_committed(workshop: Workshop) -> None:
    start(workshop)
    head = workshop.docker.head
    index = workshop.docker.git("ls-files", "--stage")
    ran = workshop.guard("init")
    assert workshop.docker.head == head
    assert workshop.docker.git("ls-files", "--stage") == index
    assert "next: git add .guard.toml && git commit" in ran.out


def test_a_file_that_is_there_stays(workshop: Workshop) -> None:
    path = workshop.docker.folder / ".guard.toml"
    ran = workshop.guard("init")
    assert ran.status == 3
    assert "is there already" in ran.err
    assert "guard init --force" in ran.err
    assert path.read_text() == GUARD_TOML


def test_force_replaces_one_that_is_malformed(workshop: Workshop) -> None:
    path = start(workshop)
    path.write_text("[image\n")
    workshop.docker.git("add", ".guard.toml")
    ran = workshop.guard("init", "--force")
    assert ran.status == 0, ran.text
    assert written(path)[0].image.name == "team/aula"
    assert sorted(name for name in os.listdir(path.parent) if "guard.toml" in name) == [path.name]


def test_print_writes_nothing(workshop: Workshop) -> None:
    path = start(workshop)
    for option in ("--print", "--dry-run"):
        ran = workshop.guard("init", option)
        assert ran.status == 0
        assert read_config(ran.out.encode()).image.name == "team/aula"
    assert not path.exists()


def test_from_inside_the_consumer_it_goes_to_the_superproject(workshop: Workshop) -> None:
    path = start(workshop)
    ran = workshop.guard("init", at=workshop.aula)
    assert ran.status == 0, ran.text
    assert path.exists()
    assert f"git -C {workshop.docker.folder} add" in ran.out


def test_without_a_ci_file_it_writes_a_template(workshop: Workshop) -> None:
    path = start(workshop, travis=None)
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    config, tables, text = written(path)
    assert config == Config()
    assert tables == {"image": {}, "test": {}}
    assert "# command = " in text
    assert "no .travis.yml" in text
    assert "fill in [test] command" in ran.out


def test_a_container_that_waits_is_not_what_is_tested(workshop: Workshop) -> None:
    run = "docker run -d --name c -v $PWD:/src registry.example.org/team/aula sleep 1000"
    path = start(workshop, f"before_script:\n- {run}\nscript:\n- docker exec c make test\n")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    config, _, text = written(path)
    assert config.test.command == ("/bin/sh", "-c", "make test")
    assert config.test.source == "/src"
    assert "aula/.travis.yml:4" in text


def test_the_ci_file_that_says_what_is_tested_counts(workshop: Workshop) -> None:
    """Of several systems the first one that does."""
    path = start(workshop, "language: haskell\nscript:\n- cabal test\n")
    gitlab = "test: {image: 'registry.example.org/team/aula:1', script: make test}\n"
    flow = "jobs: {lint: {steps: [{run: hlint .}]}}\n"
    workshop.aula.commit("CI", {".gitlab-ci.yml": gitlab, ".github/workflows/x.yml": flow})
    workshop.docker.git("add", "aula")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    config, _, text = written(path)
    assert config.image.name == "registry.example.org/team/aula"
    assert config.test.command == ("/bin/sh", "-c", "cd /src && make test")
    assert config.test.source == "/src"
    assert "aula/.gitlab-ci.yml:1" in text
    assert "note: line 1 runs in the checkout, which is put at /src" in ran.out


def test_what_other_files_say_is_noted(workshop: Workshop) -> None:
    path = start(workshop, "script:\n- docker run registry.example.org/team/aula make test\n")
    flow = "jobs: {more: {container: team/aula, steps: [{run: make more}]}}\n"
    other = "jobs: {odd: {container: team/aula, steps: [{run: make, if: failure()}]}}\n"
    workshop.aula.commit("CI", {".github/workflows/a.yml": flow, ".github/workflows/b.yml": other})
    workshop.docker.git("add", "aula")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    assert written(path)[0].test.command == ("/bin/sh", "-c", "make test")
    for note in (
        "not taken over: what is tested at aula/.github/workflows/a.yml:1",
        "aula/.github/workflows/b.yml: not taken over: line 1 has `if`, which only CI can follow",
    ):
        assert f"  note: {note}" in ran.out
        assert f"# Note: {note}." in written(path)[2]


def test_without_a_docker_run_it_writes_a_template(workshop: Workshop) -> None:
    path = start(workshop, "language: haskell\nscript:\n- cabal test\n")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    assert written(path)[0] == Config()
    assert "no docker run line" in ran.out


def test_a_ci_file_that_is_no_yaml_is_told(workshop: Workshop) -> None:
    path = start(workshop, 'script: "never closed\n')
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    assert written(path)[0] == Config()
    assert "cannot be read as YAML" in ran.out


def test_what_the_configuration_would_refuse_is_left_out(workshop: Workshop) -> None:
    path = start(workshop, "script:\n- docker run -v $PWD:/src Team/Aula:1.0 make 'a \"b\" \\ é'\n")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    config, _, text = written(path)
    assert config.image == Config().image
    assert config.test.command == ("/bin/sh", "-c", "make 'a \"b\" \\ é'")
    assert "must be the name of an image" in text


def test_a_long_command_is_broken_over_lines(workshop: Workshop) -> None:
    long = "/src/run --with " + "x" * 200
    path = start(workshop, f"script:\n- docker run team/aula {long}\n")
    assert workshop.guard("init").status == 0
    config, _, text = written(path)
    assert config.test.command[2] == long
    assert text.splitlines()[-6].startswith("command = [") or "command = [\n" in text


def test_other_names_than_the_usual_ones(workshop: Workshop) -> None:
    path = start(workshop)
    workshop.docker.git("mv", "aula", "app")
    workshop.docker.git("mv", "thentos", "lib")
    workshop.docker.git("commit", "--quiet", "-m", "Rename")
    refused = workshop.guard("init")
    assert refused.status == 3
    ran = workshop.guard("init", "--consumer", "app", "--dependency", "lib")
    assert ran.status == 0, ran.text
    config = written(path)[0]
    assert (config.consumer, config.dependency) == ("app", "lib")
    assert config.image.name == "team/aula"


def renamed(workshop: Workshop) -> Path:
    """aula-docker with the same submodules under other names, and without a .guard.toml."""
    path = start(workshop)
    workshop.docker.git("mv", "aula", "app")
    workshop.docker.git("mv", "thentos", "the lib")
    workshop.docker.git("commit", "--quiet", "-m", "Rename")
    return path


NAMES = ("--consumer", "app", "--dependency", "the lib")


@pytest.mark.parametrize("place", ["app", "the lib", "docs"])
def test_other_names_from_inside(workshop: Workshop, place: str) -> None:
    path = renamed(workshop)
    (path.parent / "docs").mkdir()
    ran = workshop.guard("init", *NAMES, at=Repo(path.parent / place))
    assert ran.status == 0, ran.text
    config = written(path)[0]
    assert (config.consumer, config.dependency) == ("app", "the lib")
    assert not (path.parent / place / ".guard.toml").exists()


def test_other_names_beside_a_clone_that_has_the_usual_ones(
    workshop: Workshop, tmp_path: Path
) -> None:
    renamed(workshop)
    other = Workshop(tmp_path / "other")
    workshop.docker.folder.rename(other.root / "team")
    before = (other.docker.folder / ".guard.toml").read_text()
    ran = workshop.guard("init", *NAMES, at=Repo(other.root / "team"))
    assert ran.status == 0, ran.text
    assert (other.root / "team/.guard.toml").exists()
    assert (other.docker.folder / ".guard.toml").read_text() == before


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        (
            "",
            "has no submodule at aula, the consumer, and none at thentos, the dependency; its "
            "submodules are app, the lib",
            "guard init --consumer PATH --dependency PATH",
        ),
        (
            "--consumer app",
            "has no submodule at thentos, the dependency; its submodules are app, the lib",
            "guard init --consumer app --dependency 'the lib'",
        ),
        (
            "--dependency ./the\\ lib/ --consumer ap",
            "has no submodule at ap, the consumer; its submodules are app, the lib",
            "guard init --consumer app --dependency 'the lib'",
        ),
        (
            "--consumer app --dependency app",
            "app cannot be the consumer and the dependency; its submodules are app, the lib",
            "guard init --consumer PATH --dependency PATH",
        ),
    ],
)
def test_which_of_the_two_is_not_there(
    workshop: Workshop, words: str, problem: str, remedy: str
) -> None:
    path = renamed(workshop)
    ran = workshop.guard("init", *shlex.split(words))
    assert (ran.status, ran.out) == (3, "")
    assert problem in ran.err
    assert f"to mend it: {remedy}\n" in ran.err
    assert not path.exists()
    if "PATH" not in remedy:
        pasted = workshop.run(["sh", "-c", f"{' '.join(GUARD)} {remedy[6:]}"], workshop.docker)
        assert pasted.status == 0, pasted.text
        assert (written(path)[0].consumer, written(path)[0].dependency) == ("app", "the lib")


def test_a_superproject_without_submodules(workshop: Workshop) -> None:
    path = start(workshop)
    workshop.docker.git("rm", "--quiet", "-f", "--cached", "aula", "thentos")
    ran = workshop.guard("init", "--consumer", "app")
    assert ran.status == 3
    assert "has no submodule at app, the consumer, and none at thentos" in ran.err
    assert "git submodule add URL app" in ran.err
    assert not path.exists()


def test_a_consumer_whose_commit_is_missing(workshop: Workshop) -> None:
    path = start(workshop)
    workshop.docker.git("update-index", "--cacheinfo", f"160000,{'1' * 40},aula")
    ran = workshop.guard("init")
    assert ran.status == 0, ran.text
    assert written(path)[0] == Config()
    assert "1" * 40 in ran.out


def test_outside_of_any_repository(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    folder.mkdir()
    ran = workshop.guard("init", at=Repo(folder))
    assert ran.status == 3
    assert "not in a git repository" in ran.err


def test_submodules_that_are_missing_are_named_before_a_file_that_is_there(
    workshop: Workshop,
) -> None:
    ran = workshop.guard("init", "--consumer", "app", "--dependency", "thentos")
    assert ran.status == 3
    assert "aula-docker has no submodule at app, the consumer" in ran.err
    pasted = ran.err.rpartition("to mend it: ")[2].split()
    assert pasted == ["guard", "init", "--consumer", "aula", "--dependency", "thentos"]


def test_submodules_of_other_names_have_status_ask_for_them(workshop: Workshop) -> None:
    renamed(workshop)
    for at in (workshop.docker, Repo(workshop.docker.folder / "app")):
        ran = workshop.guard("status", at=at)
        asked = "  to mend it: guard init --consumer PATH --dependency PATH\n"
        assert ran.err.endswith(asked), ran.text
