"""`guard recover` where an image matters: a real engine, a real registry, real remotes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guard.demo.registry import registry as loopback_registry
from tests.commands.publishing import Shop
from tests.commands.recovering import MASTER, all_of, remote
from tests.commands.test_publish import tag_of
from tests.registry import Registry, log_in
from tests.workshop import Repo, Workshop


@pytest.fixture
def shop(workshop: Workshop, registry: Registry, base: str) -> Iterator[Shop]:
    made = Shop(workshop, registry, base)
    yield made
    made.remove_images()


def release(shop: Shop) -> str:
    """A released combination, tested, published as latest and pushed; its digest."""
    workshop = shop.workshop
    workshop.install()
    shop.release_aula()
    shop.test()
    shop.guard("publish", "--latest")
    assert workshop.push(workshop.aula, "origin", "v0.1.0").status == 0
    assert workshop.push(workshop.docker, "origin", "master").status == 0
    return str(shop.newest()["image"]["digest"]).partition("@")[2]


def harm(shop: Shop) -> None:
    """What happened in March 2016: everything is pushed past the gate, and so is an image."""
    workshop = shop.workshop
    workshop.aula.git("checkout", "--quiet", "master")
    workshop.aula.commit("Use the new api", {"test.sh": "echo it breaks; exit 7\n"})
    workshop.push(workshop.aula, "--no-verify", "origin", "master")
    workshop.thentos.commit("Not released", {"api": "new\n"})
    workshop.thentos.git("push", "--quiet", "origin", "HEAD:refs/heads/wip")
    workshop.docker.commit("Update thentos", {"Dockerfile": shop.dockerfile + "RUN exit 3\n"})
    workshop.push(workshop.docker, "--no-verify", "origin", "master")
    (workshop.root / "image").mkdir()
    (workshop.root / "image/Dockerfile").write_text(shop.dockerfile.partition("COPY")[0])
    latest = f"{shop.registry.name}:latest"
    shop.docker("build", "--quiet", "--tag", latest, str(workshop.root / "image"))
    shop.docker("push", "--quiet", latest)


def test_the_incident_to_its_end(shop: Shop) -> None:
    workshop = shop.workshop
    digest = release(shop)
    image = shop.newest()["image"]
    good = {
        "aula": workshop.aula.git("rev-parse", "HEAD^{tree}"),
        "aula-docker": workshop.docker.git("rev-parse", "HEAD:Dockerfile"),
    }
    harm(shop)
    assert shop.registry.digest("latest") not in ("", digest)
    bad = {name: workshop.remote_head(name) for name in ("aula", "aula-docker")}
    shop.remove_images()
    listed = shop.guard("recover").out
    assert listed.splitlines()[1].endswith("in the registry")
    ran = shop.guard("recover", "--push", "--yes")
    assert shop.registry.digest("latest") == digest
    assert shop.has(image["reference"])
    for name in ("aula", "aula-docker"):
        assert remote(workshop, name).git("rev-parse", f"{MASTER}^") == bad[name]
    assert remote(workshop, "aula").git("rev-parse", f"{MASTER}^{{tree}}") == good["aula"]
    found = remote(workshop, "aula-docker").git("rev-parse", f"{MASTER}:Dockerfile")
    assert found == good["aula-docker"]
    assert ran.out.index("aula: pushed") < ran.out.index("aula-docker: pushed")
    assert "built" not in ran.out and "| the tests of aula ran" not in ran.out
    clone = Repo(workshop.root / "fresh" / "aula-docker")
    url = str(workshop.root / "remotes/aula-docker.git")
    workshop.docker.git("clone", "--quiet", "--recurse-submodules", url, str(clone.folder))
    tested = workshop.guard("test", at=clone)
    assert tested.status == 0, tested.text
    assert "| the tests of aula ran" in tested.out
    assert workshop.guard("check", at=clone).status == 0


def test_an_image_that_is_nowhere_is_built_again_first(shop: Shop) -> None:
    workshop = shop.workshop
    passed = shop.test()
    workshop.install()
    workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    shop.remove_images()
    assert shop.guard("recover").out.splitlines()[1].endswith("gone")
    ran = shop.guard("recover", passed["name"], "--yes")
    assert "image: gone; built and tested again first" in ran.out
    assert "| the tests of aula ran" in ran.out
    assert shop.has(passed["image"]["reference"])
    assert workshop.docker.git("show", "HEAD:Dockerfile") == shop.dockerfile.strip()
    assert shop.guard("recover").out.splitlines()[1].endswith("here")


def test_one_that_does_not_build_any_more_changes_nothing(shop: Shop) -> None:
    """The base image has gone since: no verdict, and no repository has moved."""
    workshop = shop.workshop
    base = f"localhost/base-{shop.registry.address.partition(':')[2]}:1"
    shop.docker("tag", shop.dockerfile.split()[1], base)
    workshop.docker.commit("Another base", {"Dockerfile": f"FROM {base}\nCOPY . /liqd/\n"})
    passed = shop.test()
    workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    shop.remove_images()
    shop.docker("rmi", base)
    before = all_of(workshop)
    ran = shop.guard("recover", passed["name"], "--yes", status=3)
    assert base in ran.err
    assert all_of(workshop) == before


def test_local_has_the_image_ready(shop: Shop) -> None:
    release(shop)
    harm(shop)
    passed = shop.newest()
    shop.remove_images()
    ran = shop.guard("recover", "--local", passed["name"])
    assert f"image: {passed['image']['reference']}" in ran.out
    assert shop.has(passed["image"]["reference"])
    shop.guard("recover", "--local", "-")
    assert shop.workshop.docker.git("symbolic-ref", "HEAD") == MASTER


@pytest.fixture
def gone(workshop: Workshop, base: str) -> Iterator[Shop]:
    """A registry that has what is good, and is down when it is needed."""
    folder = workshop.root / "going"
    with loopback_registry(folder) as address:
        made = Shop(workshop, Registry(address, folder), base)
        release(made)
        harm(made)
    yield made
    made.remove_images()


def test_a_registry_that_is_down(gone: Shop) -> None:
    workshop, name = gone.workshop, gone.newest()["name"]
    gone.remove_images()
    before = all_of(workshop)
    for words in (["--push"], ["--local", name]):
        ran = gone.guard("recover", *words, "--yes", status=3)
        assert f"the registry {gone.registry.address} does not answer" in ran.err
        assert "nothing was changed" in ran.err and "--no-image" in ran.err
        assert all_of(workshop) == before
    listed = gone.guard("recover").out
    assert "not asked" in listed.splitlines()[1]
    assert f"registry not asked: the registry {gone.registry.address} does not answer" in listed
    latest = gone.guard("recover", "--no-image", "--push", "--yes", status=3)
    assert "nothing was changed" in latest.err and "--no-latest" in latest.err
    assert all_of(workshop) == before
    done = gone.guard("recover", "--no-image", "--no-latest", "--push", "--yes")
    assert "aula-docker: pushed" in done.out


def test_credentials_that_are_refused(
    workshop: Workshop, base: str, closed_registry: Registry
) -> None:
    shop = Shop(workshop, closed_registry, base)
    log_in(closed_registry.address)
    release(shop)
    workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    shop.remove_images()
    log_in(closed_registry.address, "wrong")
    before = all_of(workshop)
    ran = shop.guard("recover", "--push", "--yes", status=3)
    assert f"{closed_registry.address} refuses the credentials" in ran.err
    assert f"docker login {closed_registry.address}" in ran.err
    assert all_of(workshop) == before
    log_in(closed_registry.address)
    shop.guard("recover", "--push", "--yes")
    shop.remove_images()


def test_latest_moves_to_what_was_published_and_released_alone(shop: Shop) -> None:
    workshop = shop.workshop
    workshop.install()
    passed = shop.test()
    assert workshop.push(workshop.docker, "origin", "master").status == 0
    workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    workshop.push(workshop.docker, "--no-verify", "origin", "master")
    ran = shop.guard("recover", passed["name"], "--latest", "--yes", status=1)
    assert "was never published, so latest cannot mean it" in ran.err
    shop.guard("publish", passed["name"])
    before = all_of(workshop)
    ran = shop.guard("recover", passed["name"], "--latest", "--yes", status=1)
    assert "latest moves to releases only" in ran.err
    assert all_of(workshop) == before
    done = shop.guard("recover", "--push", "--yes")
    assert "note: latest stays: latest moves to releases only" in done.out
    assert shop.registry.tags() == [tag_of(passed)]
