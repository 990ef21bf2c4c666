"""The seven walks along `next:` from where developers ordinarily stand, all of it real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.registry import Registry
from tests.walks.team import MASTER, Developer, Team
from tests.walks.walker import Ending, Walker
from tests.workshop import Workshop, cabal

BOUND = cabal("aula", "0.1", "thentos-core >=0.4 && <0.5")
TRAVIS = """\
script:
    - docker run --rm -v `pwd`:/liqd/aula/ {image} /bin/sh -c "/bin/sh /liqd/aula/test.sh"
"""


@pytest.fixture
def image(registry: Registry) -> Iterator[str]:
    """The name of an image in a registry; what is called so leaves the engine afterwards."""
    yield registry.name
    listed = _docker("images", "--quiet", "--no-trunc", registry.name)
    for found in set(listed.split()):
        _docker("rmi", "--force", found)


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture
def team(workshop: Workshop, base: str) -> Team:
    return Team(workshop, base)


def finish(walker: Walker) -> None:
    """Walk to the end, where nothing is left and nobody has to be asked."""
    ending = walker.walk()
    walker.reaches(ending is Ending.NOTHING, "nothing is left to do")


def is_published(walker: Walker, developer: Developer, tag: str, branch: str = MASTER) -> None:
    """Others have the developer's aula, with thentos at a release, in aula-docker on a branch."""
    team = developer.team
    there = team.remote("aula").git("for-each-ref", "--format=%(objectname)", branch)
    walker.reaches(there == developer.aula.head, f"{branch} of aula is pushed")
    there = team.remote("aula-docker").git("for-each-ref", "--format=%(objectname)", branch)
    walker.reaches(there == developer.docker.head, f"{branch} of aula-docker is pushed")
    walker.reaches(team.pins("aula", branch) == developer.aula.head, "it pins the new aula")
    released = team.remote("thentos").git("rev-parse", f"{tag}^{{commit}}")
    walker.reaches(team.pins("thentos", branch) == released, f"it pins thentos {tag}")


def test_a_new_bound(team: Team) -> None:
    developer = team.join()
    team.colleague.release("0.4.0")
    team.colleague.publish("thentos")
    developer.thentos.git("fetch", "--quiet", "--tags")
    developer.aula.commit("Require thentos 0.4", {"aula.cabal": BOUND})
    walker = developer.walker()
    finish(walker)
    is_published(walker, developer, "v0.4.0")


def test_inside_aula(team: Team) -> None:
    developer = team.join()
    developer.aula.commit("Go on with aula", {"src/Main.hs": "main = pure ()\n"})
    walker = developer.walker(developer.aula)
    finish(walker)
    is_published(walker, developer, "v0.3.0")


def test_a_feature_branch_in_both(team: Team) -> None:
    developer = team.join()
    for at in (developer.docker, developer.aula):
        at.git("switch", "--quiet", "--create", "feature")
    developer.aula.commit("Begin the feature", {"src/Main.hs": "main = pure ()\n"})
    masters = [team.remote(name).git("rev-parse", MASTER) for name in ("aula", "aula-docker")]
    walker = developer.walker()
    walker.walk()  # that it has to be merged may be said or not
    is_published(walker, developer, "v0.3.0", "refs/heads/feature")
    after = [team.remote(name).git("rev-parse", MASTER) for name in ("aula", "aula-docker")]
    walker.reaches(after == masters, "the branches of others are where they were")


def test_a_fresh_clone_after_somebodys_release(team: Team) -> None:
    colleague = team.colleague
    colleague.install()
    colleague.release("0.4.0")
    colleague.aula.commit("Require thentos 0.4", {"aula.cabal": BOUND})
    colleague.docker.git("add", "aula", "thentos")
    released = colleague.guard("release", "--yes")
    assert released.status == 0, released.text
    developer = team.join()
    before = team.refs()
    walker = developer.walker()
    finish(walker)
    walker.reaches(team.refs() == before, "nothing is pushed that others have already")


def test_after_a_pull(team: Team) -> None:
    developer = team.join()
    team.release("0.4.0", ">=0.4 && <0.5")
    before = team.refs()
    developer.docker.git("pull", "--quiet")
    walker = developer.walker()
    finish(walker)
    colleague = team.colleague
    heads = [developer.docker.head, developer.aula.head, developer.thentos.head]
    theirs = [colleague.docker.head, colleague.aula.head, colleague.thentos.head]
    walker.reaches(heads == theirs, "all checkouts are where the team is")
    walker.reaches(team.refs() == before, "nothing is pushed that others have already")


def test_an_unreleased_pin(team: Team) -> None:
    developer = team.join()
    team.colleague.thentos.commit("After the release", {"api": "new\n"})
    team.colleague.publish("thentos")
    developer.thentos.git("fetch", "--quiet")
    developer.thentos.git("checkout", "--quiet", "origin/master")
    developer.aula.commit("Use the new API", {"src/Main.hs": "main = pure ()\n"})
    developer.docker.commit("Take the newest thentos")
    walker = developer.walker()
    finish(walker)
    is_published(walker, developer, "v0.3.0")


def test_no_settings(workshop: Workshop, base: str, registry: Registry, image: str) -> None:
    workshop.aula.commit("Test on CI", {".travis.yml": TRAVIS.format(image=image)})
    workshop.pin()
    team = Team(workshop, base, settings=False)
    developer = team.join()
    developer.aula.commit("Go on with aula", {"src/Main.hs": "main = pure ()\n"})
    walker = developer.walker()
    finish(walker)
    is_published(walker, developer, "v0.3.0")
    walker.reaches(bool(registry.tags()), "the image is in the registry")
