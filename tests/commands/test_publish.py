"""`guard publish` on a real engine and a real registry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from guard.demo.registry import registry as loopback_registry
from tests.commands.publishing import Shop
from tests.registry import Registry, log_in
from tests.workshop import Workshop, running_commands


@pytest.fixture
def shop(workshop: Workshop, registry: Registry, base: str) -> Iterator[Shop]:
    made = Shop(workshop, registry, base)
    yield made
    made.remove_images()


def leave_to_a_colleague(workshop: Workshop) -> None:
    """One's own verdicts become somebody else's, as `guard sync` brings them."""
    ref = "refs/guard/verdicts"
    workshop.docker.git("update-ref", "refs/guard/remotes/origin/verdicts", ref)
    workshop.docker.git("update-ref", "-d", ref)


def tag_of(verdict: dict[str, Any]) -> str:
    return str(verdict["image"]["reference"]).rpartition(":")[2]


def test_the_tag_means_the_very_image_that_passed(shop: Shop) -> None:
    passed = shop.test()
    ran = shop.guard("publish")
    tag = tag_of(passed)
    assert tag.startswith("aula-") and tag.endswith("-thentos-v0.3.0")
    assert shop.registry.tags() == [tag]
    assert shop.registry.image(tag) == passed["image"]["id"]
    reference, digest = f"{shop.registry.name}:{tag}", shop.registry.digest(tag)
    assert f"published: {reference}\n  {shop.registry.name}@{digest}\n" in ran.out
    noted = shop.newest()
    assert noted.pop("published") >= noted["finished"]
    assert noted["image"].pop("digest") == f"{shop.registry.name}@{digest}"
    assert passed.pop("published") == passed["image"].pop("digest") == ""
    assert noted == passed
    assert shop.attempts() == 2
    assert f"published     {shop.registry.name}@{digest}" in shop.guard("log", passed["name"]).out
    assert f"published {reference}" in shop.guard("log").out


def test_the_newest_verdict_still_opens_the_push(shop: Shop) -> None:
    shop.workshop.install()
    shop.test()
    shop.guard("publish")
    assert shop.workshop.push(shop.workshop.docker).status == 0
    assert "passed already" in shop.guard("test").out


def next_of(shop: Shop) -> str:
    return shop.guard("status").out.splitlines()[-1].removeprefix("next: ")


def test_one_more_tag_leaves_the_images_own_to_be_pushed(shop: Shop) -> None:
    passed = shop.test()
    shop.workshop.install()
    nightly, own = f"{shop.registry.name}:nightly", passed["image"]["reference"]
    told = shop.guard("publish", "--tag", "nightly", "--dry-run").out
    assert f"would push {passed['image']['id']} as {nightly}" in told
    assert f"published: {nightly}\n" in shop.guard("publish", "--tag", "nightly").out
    assert shop.registry.tags() == ["nightly"]
    assert next_of(shop) == "guard publish"
    assert f"published: {own}\n" in shop.guard("publish").out
    assert sorted(shop.registry.tags()) == [tag_of(passed), "nightly"]
    assert shop.registry.digest("nightly") == shop.registry.digest(tag_of(passed))
    assert next_of(shop) != "guard publish"
    for words in ([], ["--tag", "nightly"], ["--tag", tag_of(passed)]):
        assert "published already: " in shop.guard("publish", *words).out
    assert shop.attempts() == 3
    assert shop.newest()["image"]["reference"] == own
    assert shop.newest()["tags"] == [nightly]
    assert f"published {own}, {nightly}\n" in shop.guard("log").out
    assert f"tag           {nightly}\n" in shop.guard("log", passed["name"]).out


def test_one_more_tag_comes_after_the_images_own_as_well(shop: Shop) -> None:
    passed = shop.test()
    shop.guard("publish")
    shop.guard("publish", "--tag", "nightly")
    shop.guard("publish", "--tag", "weekly")
    assert sorted(shop.registry.tags()) == [tag_of(passed), "nightly", "weekly"]
    assert f"published already: {passed['image']['reference']}\n" in shop.guard("publish").out


def test_one_more_tag_that_was_pushed_and_not_recorded_is_recorded(shop: Shop) -> None:
    passed = shop.test()
    shop.guard("publish")
    nightly = f"{shop.registry.name}:nightly"
    shop.docker("tag", passed["image"]["reference"], nightly)
    shop.docker("push", "--quiet", nightly)
    assert f"{nightly} is in the registry already" in shop.guard("publish", "--tag", "nightly").out
    assert shop.newest()["tags"] == [nightly]


def test_another_name_in_the_registry_gets_it_as_well(shop: Shop) -> None:
    passed = shop.test()
    shop.workshop.install()
    shop.guard("publish")
    assert next_of(shop) != "guard publish"
    other = f"{shop.registry.name}-moved"
    toml = (shop.workshop.docker.folder / ".guard.toml").read_text()
    shop.workshop.docker.commit(
        "Move the registry", {".guard.toml": toml.replace(shop.registry.name, other)}
    )
    assert next_of(shop) == "guard publish"
    assert f"published: {other}:{tag_of(passed)}\n" in shop.guard("publish").out
    assert f"published already: {other}:" in shop.guard("publish").out
    assert next_of(shop) != "guard publish"
    assert shop.newest()["tags"] == []


def test_one_more_tag_under_another_name_is_not_the_images_own_there(shop: Shop) -> None:
    shop.test()
    shop.workshop.install()
    shop.guard("publish")
    toml = (shop.workshop.docker.folder / ".guard.toml").read_text()
    other = f"{shop.registry.name}-moved"
    shop.workshop.docker.commit(
        "Move the registry", {".guard.toml": toml.replace(shop.registry.name, other)}
    )
    shop.guard("publish", "--tag", "nightly")
    assert next_of(shop) == "guard publish"
    assert f"published: {other}:aula-" in shop.guard("publish").out


def test_a_publishing_that_was_killed_before_it_was_recorded_is_recorded(shop: Shop) -> None:
    passed = shop.test()
    shop.docker("push", "--quiet", passed["image"]["reference"])
    ran = shop.guard("publish")
    assert f"{passed['image']['reference']} is in the registry already" in ran.out
    assert shop.newest()["image"]["digest"].endswith(shop.registry.digest(tag_of(passed)))


def test_another_content_under_that_tag_is_refused(shop: Shop) -> None:
    first = shop.test()
    shop.guard("publish")
    digest = shop.registry.digest(tag_of(first))
    second = shop.change_image()
    assert tag_of(second) == tag_of(first)
    other = f"{tag_of(second)}-{second['key'][:8]}"
    for words in ([], ["--dry-run"], [second["name"]]):
        ran = shop.guard("publish", *words, status=1)
        assert f"means another image in the registry already: {digest}" in ran.err
        assert f"the image of verdict {second['name']} is {second['image']['id']}" in ran.err
        assert (
            "  the tag tells aula and thentos alone: another Dockerfile, or other files of "
            "aula-docker, make another image under it\n"
        ) in ran.err
        assert f"to mend it: guard publish {second['name']} --tag {other}" in ran.err
    assert shop.registry.digest(tag_of(first)) == digest
    assert shop.newest()["published"] == ""
    shop.guard("publish", second["name"], "--tag", other)
    assert shop.registry.image(other) == second["image"]["id"]
    assert "published already" in shop.guard("publish").out
    assert shop.registry.digest(tag_of(first)) == digest


def test_the_same_content_tested_again_with_another_image_keeps_the_published_one(
    shop: Shop,
) -> None:
    # The other builder gives the same image again out of its cache.
    shop.configure('builder = "classic"')
    first = shop.test()
    shop.guard("publish")
    shop.remove_images()
    again = shop.test("--again")
    assert again["image"]["id"] != first["image"]["id"]
    assert again["published"] == ""
    shop.guard("publish")
    assert shop.registry.image(tag_of(first)) == first["image"]["id"]
    assert shop.newest()["image"]["id"] == first["image"]["id"]


def test_what_a_trusted_colleague_has_published_is_the_image(shop: Shop) -> None:
    """Two tested the same content, each with an image of their own; one published first."""
    shop.configure('builder = "classic"')
    first = shop.test()
    shop.guard("publish")
    leave_to_a_colleague(shop.workshop)
    shop.remove_images()
    assert shop.test()["image"]["id"] != first["image"]["id"]
    assert "means another image" in shop.guard("publish", status=1).err
    shop.workshop.docker.git("config", "guard.trust", "all")
    shop.guard("publish")
    assert shop.registry.image(tag_of(first)) == first["image"]["id"]
    assert shop.newest()["image"]["id"] == first["image"]["id"]


def test_what_a_trusted_colleague_tested_is_published(shop: Shop) -> None:
    theirs = shop.test()
    leave_to_a_colleague(shop.workshop)
    shop.remove_images()
    assert "has not been built and tested" in shop.guard("publish", status=1).err
    assert "no verdict is named" in shop.guard("publish", theirs["name"], status=2).err
    shop.workshop.docker.git("config", "guard.trust", "all")
    ran = shop.guard("publish", theirs["name"])
    assert "neither here nor in the registry: building and testing it again" in ran.out
    made = shop.newest()
    assert shop.registry.image(tag_of(made)) == made["image"]["id"]
    assert "published already" in shop.guard("publish").out


@pytest.mark.parametrize("latest", [[], ["--latest"]])
def test_what_has_not_passed_is_not_published(shop: Shop, latest: list[str]) -> None:
    shop.configure('latest-from = "any"')
    ran = shop.guard("publish", *latest, status=1)
    assert "has not been built and tested" in ran.err
    assert "to mend it: guard test" in ran.err
    shop.break_test()
    shop.guard("test", status=1)
    ran = shop.guard("publish", *latest, status=1)
    assert "has failed at test: exit status 7" in ran.err
    assert shop.registry.tags() == []


def test_the_newest_verdict_counts(shop: Shop) -> None:
    passed = shop.test()
    record = json.loads(shop.workshop.docker.git("cat-file", "blob", record_blob(shop)))
    own = record["predicate"]["guard"]
    own["result"], record["predicate"]["result"] = "failed at test", "FAILED"
    replace_record(shop, json.dumps(record))
    ran = shop.guard("publish", passed["name"], status=1)
    assert "has failed at test" in ran.err
    assert shop.registry.tags() == []


def record_blob(shop: Shop) -> str:
    listed = shop.workshop.docker.git("ls-tree", "-r", "refs/guard/verdicts").split()
    return listed[2]


def replace_record(shop: Shop, text: str) -> None:
    git = shop.workshop.docker.git
    path = git("ls-tree", "-r", "--name-only", "refs/guard/verdicts")
    blob = git("hash-object", "-w", "--stdin", data=text.encode())
    index = {"GIT_INDEX_FILE": str(shop.workshop.root / "index")}
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = git("write-tree", env=index)
    git("update-ref", "refs/guard/verdicts", git("commit-tree", "-m", "another", tree))


def test_the_tag_in_the_engine_is_not_believed(shop: Shop, base: str) -> None:
    passed = shop.test()
    shop.docker("tag", base, passed["image"]["reference"])
    shop.guard("publish")
    assert shop.registry.image(tag_of(passed)) == passed["image"]["id"]


def test_latest_moves_between_releases_only(shop: Shop) -> None:
    passed = shop.test()
    ran = shop.guard("publish", "--latest", status=1)
    assert "latest moves to releases only, and aula " in ran.err
    assert (
        "\n  to mend it: you: release it under a tag of the form vX.Y.Z, or set latest-from"
        in ran.err
    )
    assert shop.registry.tags() == []
    shop.release_aula()
    ran = shop.guard("publish", "--latest")
    assert f"moved: {shop.registry.name}:latest, before not there" in ran.out
    assert shop.registry.digest("latest") == shop.registry.digest(tag_of(passed))
    assert "means it already" in shop.guard("publish", "--latest").out
    moved = shop.workshop.thentos.commit("unreleased", {"new": "x"})
    shop.workshop.pin()
    shop.test()
    ran = shop.guard("publish", "--latest", status=1)
    assert f"thentos {moved[:12]}" in ran.err
    assert shop.registry.image("latest") == passed["image"]["id"]


def test_latest_does_not_move_to_a_pre_release(shop: Shop) -> None:
    shop.release_aula()
    commit = shop.workshop.thentos.commit("A candidate", {"new": "x"})
    shop.workshop.thentos.git("tag", "v0.3.1-rc1")
    shop.workshop.pin()
    shop.test()
    ran = shop.guard("publish", "--latest", status=1)
    assert f"thentos {commit[:12]} of verdict" in ran.err
    assert "is the pre-release v0.3.1-rc1 (vX.Y.Z)" in ran.err
    assert shop.registry.tags() == []
    shop.workshop.thentos.git("tag", "v0.3.1")
    assert "latest, before not there" in shop.guard("publish", "--latest").out


def test_latest_may_move_to_anything_where_the_configuration_says_so(shop: Shop) -> None:
    shop.configure('latest-from = "any"')
    passed = shop.test()
    told = shop.guard("publish", "--latest", "--dry-run").out
    assert f"would push {passed['image']['id']} as {passed['image']['reference']}" in told
    assert f"would move {shop.registry.name}:latest, which means nothing" in told
    assert shop.registry.tags() == []
    assert shop.attempts() == 1
    shop.guard("publish", "--latest")
    assert shop.registry.image("latest") == passed["image"]["id"]


def test_an_image_that_is_gone_comes_back_by_its_digest(shop: Shop) -> None:
    shop.release_aula()
    passed = shop.test()
    shop.guard("publish")
    shop.remove_images()
    assert not shop.has(passed["image"]["id"])
    ran = shop.guard("publish", "--latest")
    assert f"pulling {shop.registry.name}@sha256:" in ran.out
    assert shop.registry.image("latest") == passed["image"]["id"]
    assert shop.has(passed["image"]["id"])


def test_an_image_that_is_gone_everywhere_is_built_and_tested_again(shop: Shop) -> None:
    passed = shop.test()
    shop.remove_images()
    told = shop.guard("publish", "--dry-run").out
    assert f"would build again, and push, {passed['image']['id']}" in told
    ran = shop.guard("publish")
    assert "neither here nor in the registry: building and testing it again" in ran.out
    assert "  | the tests of aula ran" in ran.out
    made = shop.newest()
    assert shop.registry.image(tag_of(made)) == made["image"]["id"]
    assert shop.attempts() == 3


def test_a_registry_that_has_lost_it_gets_it_again(shop: Shop) -> None:
    passed = shop.test()
    shop.guard("publish")
    digest = shop.registry.digest(tag_of(passed))
    shop.registry.forget(digest)
    assert shop.registry.digest(tag_of(passed)) == ""
    shop.guard("publish", passed["name"])
    assert shop.registry.digest(tag_of(passed)) == digest


def test_a_verdict_of_a_combination_that_has_gone_by(shop: Shop) -> None:
    passed = shop.test()
    shop.workshop.aula.commit("Go on", {"word": "x"})
    shop.workshop.pin()
    shop.guard("publish", passed["name"])
    assert shop.registry.image(tag_of(passed)) == passed["image"]["id"]
    assert "no verdict is named ffffffff" in shop.guard("publish", "ffffffff", status=2).err


def test_a_registry_that_is_down(workshop: Workshop, base: str, registry: Registry) -> None:
    with loopback_registry(registry.folder / "other") as address:
        pass
    shop = Shop(workshop, Registry(address, registry.folder), base)
    shop.test()
    ran = shop.guard("publish", status=3)
    assert f"the registry {address} does not answer" in ran.err
    assert "Traceback" not in ran.text
    assert shop.attempts() == 1
    shop.remove_images()


def test_credentials_that_are_refused(
    workshop: Workshop, base: str, closed_registry: Registry
) -> None:
    shop = Shop(workshop, closed_registry, base)
    passed = shop.test()
    for password in ("", "wrong"):
        if password:
            log_in(closed_registry.address, password)
        ran = shop.guard("publish", status=3)
        assert f"{closed_registry.address} refuses the credentials" in ran.err
        assert f"to mend it: docker login {closed_registry.address}" in ran.err
    assert shop.attempts() == 1
    log_in(closed_registry.address)
    assert f"published: {passed['image']['reference']}" in shop.guard("publish").out
    shop.remove_images()


def test_what_cannot_be_recorded_is_not_pushed(shop: Shop) -> None:
    shop.test()
    shop.workshop.docker.git("config", "--global", "--unset", "user.email")
    shop.workshop.docker.git("config", "user.useConfigOnly", "true")
    ran = shop.guard("publish", status=3)
    assert "could not be recorded" in ran.err
    assert shop.registry.tags() == []


def test_two_at_once_publish_once(shop: Shop) -> None:
    shop.test()
    command = [sys.executable, "-I", "-m", "guard", "publish"]
    both = [
        subprocess.Popen(command, cwd=shop.workshop.docker.folder, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate()[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("published already" in text for text in told) == [False, True]
    assert shop.attempts() == 2


def test_one_that_is_interrupted_records_nothing(shop: Shop) -> None:
    passed = shop.test()
    (registry,) = pids_of(str(shop.registry.folder))
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "guard", "publish"],
        cwd=shop.workshop.docker.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("pushing "):
            break
    # So that the push does not come to its end before it is interrupted.
    os.kill(registry, signal.SIGSTOP)
    try:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        os.kill(registry, signal.SIGCONT)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert shop.attempts() == 1
    shop.guard("publish")
    assert shop.registry.image(tag_of(passed)) == passed["image"]["id"]


def pids_of(argument: str) -> list[int]:
    """The processes of registries that were started with a file in this folder."""
    commands = ((process, command.split("\0")) for process, command in running_commands())
    return [
        process
        for process, words in commands
        if words[0].endswith("docker-registry") and any(argument in word for word in words)
    ]


@pytest.mark.parametrize("tag", ["", "-x", "a b", "a/b", "x" * 129])
def test_a_tag_that_is_none(shop: Shop, tag: str) -> None:
    ran = shop.guard("publish", f"--tag={tag}", status=2)
    assert f"{tag!r} is no name of a tag" in ran.err


def test_a_tag_that_moves_has_an_option_of_its_own(shop: Shop) -> None:
    ran = shop.guard("publish", "--tag=latest", status=2)
    assert "latest moves, and --tag gives what does not" in ran.err
    assert "guard publish --latest" in ran.err
