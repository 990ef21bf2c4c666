"""What is known of building and testing a combination: `tested`, and pushes past the gate."""

from __future__ import annotations

from guard.model import Result
from tests.golden.scene import LATER, Scene
from tests.workshop import GUARD_TOML, Repo

_OURS = "refs/guard/verdicts"
_THEIRS = "refs/guard/remotes/origin/verdicts"


def _of_somebody_else(scene: Scene, trust: str) -> None:
    """Make one's own verdicts those of a colleague, as `guard sync` would have brought them."""
    scene.docker.git("update-ref", _THEIRS, _OURS)
    scene.docker.git("update-ref", "-d", _OURS)
    scene.docker.git("config", "guard.trust", trust)


def _record(key: str, recipe: str) -> str:
    """Where a verdict stands."""
    return f"{key[:2]}/{key[2:]}/{recipe}.json"


def _recipe(scene: Scene) -> str:
    return scene.config("HEAD").recipe.digest


def no_verdict(scene: Scene) -> str:
    return scene.topic()


def a_failed_build(scene: Scene) -> str:
    scene.verdict(Result.FAILED_BUILD, detail="RUN cabal build failed")
    return scene.topic()


def a_failed_test(scene: Scene) -> str:
    scene.verdict(Result.FAILED_TEST, detail="exit status 1")
    return scene.topic()


def a_failure_after_a_pass(scene: Scene) -> str:
    scene.verdict()
    scene.verdict(Result.FAILED_TEST, finished=LATER)
    return scene.topic()


def a_pass_after_a_failure(scene: Scene) -> str:
    scene.verdict(Result.FAILED_TEST)
    scene.verdict(finished=LATER)
    return scene.topic()


def a_pass_of_the_distant_future(scene: Scene) -> str:
    scene.verdict(finished="2999-01-01T00:00:00Z")
    return scene.topic()


def other_messages_and_the_same_content(scene: Scene) -> str:
    scene.verdict()
    scene.aula.git("commit", "--quiet", "--amend", "-m", "Say it better")
    scene.publish("aula")
    scene.pin("Move aula to the same content")
    return scene.topic()


def another_readme_since(scene: Scene) -> str:
    scene.verdict()
    scene.docker.commit("Say more", {"README.md": "words\n"})
    return scene.topic()


def another_policy_since(scene: Scene) -> str:
    scene.verdict()
    scene.configure('[guard]\ntested = ["*"]\n')
    return scene.topic()


def another_test_command_that_has_passed(scene: Scene) -> str:
    scene.share()
    scene.configure("", GUARD_TOML.replace("test.sh", "other.sh"))
    scene.verdict()
    return scene.topic()


def no_test_command(scene: Scene) -> str:
    scene.configure("", '[image]\nname = "localhost/aula"\n')
    return scene.topic()


def a_pass_of_somebody_else(scene: Scene) -> str:
    scene.verdict()
    _of_somebody_else(scene, "none")
    return scene.topic()


def a_pass_of_somebody_else_who_is_trusted(scene: Scene) -> str:
    scene.verdict()
    _of_somebody_else(scene, "all")
    return scene.topic()


def a_pass_of_somebody_else_that_is_not_signed(scene: Scene) -> str:
    scene.verdict()
    _of_somebody_else(scene, "signed")
    return scene.topic()


def a_later_failure_of_somebody_else_who_is_trusted(scene: Scene) -> str:
    scene.verdict(Result.FAILED_TEST, detail="it broke since", finished=LATER)
    _of_somebody_else(scene, "all")
    scene.verdict()
    return scene.topic()


def a_later_failure_of_somebody_else(scene: Scene) -> str:
    scene.verdict(Result.FAILED_TEST, detail="it broke since", finished=LATER)
    _of_somebody_else(scene, "none")
    scene.verdict()
    return scene.topic()


def a_word_for_trust_that_guard_does_not_know(scene: Scene) -> str:
    scene.verdict()
    _of_somebody_else(scene, "everybody")
    return scene.topic()


def a_verdict_of_which_the_object_is_lost(scene: Scene) -> str:
    path = _record(scene.verdict(), _recipe(scene))
    blob = scene.docker.git("rev-parse", f"{_OURS}:{path}")
    (scene.docker.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    return scene.topic()


def verdicts_whose_ref_leads_to_a_file(scene: Scene) -> str:
    scene.verdict()
    scene.docker.git("update-ref", _OURS, scene.docker.git("rev-parse", "HEAD:Dockerfile"))
    return scene.topic()


def a_verdict_that_was_copied_to_another_combination(scene: Scene) -> str:
    recipe = _recipe(scene)
    good = scene.verdict()
    scene.docker.commit("Change a byte", {"Dockerfile": "FROM localhost/base\n"})
    failed = scene.verdict(Result.FAILED_TEST)
    blob = scene.docker.git("rev-parse", f"{_OURS}:{_record(good, recipe)}")
    _replace_record(scene.docker, _record(failed, recipe), blob)
    return scene.topic()


def a_verdict_that_is_no_verdict(scene: Scene) -> str:
    path = _record(scene.verdict(), _recipe(scene))
    blob = scene.docker.git("hash-object", "-w", "--stdin", data=b"{")
    _replace_record(scene.docker, path, blob)
    return scene.topic()


def _replace_record(docker: Repo, path: str, blob: str) -> None:
    index = {"GIT_INDEX_FILE": str(docker.folder / ".git/forged")}
    docker.git("read-tree", _OURS, env=index)
    docker.git("update-index", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = docker.git("write-tree", env=index)
    docker.git("update-ref", _OURS, docker.git("commit-tree", "-m", "forged", tree))


# past the gate


def a_bypass_with_a_reason(scene: Scene) -> str:
    return scene.topic(GUARD_BYPASS="on a train")


def a_bypass_without_a_reason(scene: Scene) -> str:
    return scene.topic(GUARD_BYPASS=" ")


def a_bypass_that_is_not_needed(scene: Scene) -> str:
    scene.verdict()
    return scene.topic(GUARD_BYPASS="to be sure")
