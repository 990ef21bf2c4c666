"""What commands know of the three repositories: one situation, whoever asks."""

from __future__ import annotations

import json

import pytest

from tests.workshop import Workshop


@pytest.mark.parametrize(
    ("path", "title", "remedy"),
    [
        ("aula", "push aula", "correct guard.consumer in .guard.toml"),
        ("thentos", "push thentos", "name its packages in the extra-deps of aula"),
    ],
)
def test_where_one_is_no_submodule_status_and_release_name_the_same_that_is_missing(
    workshop: Workshop, path: str, title: str, remedy: str
) -> None:
    workshop.docker.git("push", "--quiet", "--no-verify", "--set-upstream", "origin", "HEAD:master")
    workshop.install()
    workshop.docker.git("rm", "--quiet", "--cached", path)
    expected = f"you: add a submodule at {path} of aula-docker, or {remedy}"
    status, release = (
        json.loads(workshop.guard(verb, "--json").out) for verb in ("status", "release")
    )
    assert status["next"] == release["next"] == expected
    assert release["order"]["matters"] is None
    assert release["order"]["why"] == [f"there is no gitlink for {path}"]
    assert path not in status["gitlinks"]
    assert title in [step["title"] for step in release["steps"]]


def test_a_branch_that_goes_to_the_default_one_is_no_feature_branch(workshop: Workshop) -> None:
    workshop.docker.git("push", "--quiet", "--no-verify", "--set-upstream", "origin", "HEAD:master")
    workshop.install()
    workshop.docker.git("switch", "--quiet", "--create", "work", "--track", "origin/master")
    workshop.docker.git("config", "push.default", "upstream")
    workshop.aula.git("switch", "--quiet", "--create", "topic")
    tried = workshop.aula.commit("Try something", {"word": "x\n"})
    expected = f"guard test --consumer {tried[:12]}"
    assert json.loads(workshop.guard("status", "--json").out)["next"] == expected
    workshop.docker.git("branch", "--quiet", "--unset-upstream")
    assert json.loads(workshop.guard("status", "--json").out)["next"] == "git add aula"
