"""What `.guard.toml` says of a push, what a push loosens of that, and files that are damaged."""

from __future__ import annotations

from tests.golden.scene import Scene
from tests.workshop import GUARD_TOML

_WIP = '[guard]\nprotect = ["*", "!refs/heads/wip/*"]\n'
_NEVER_TESTED = "[guard]\ntested = []\n"


def _loosen(scene: Scene, text: str, base: str = GUARD_TOML) -> str:
    """Push a `.guard.toml` that is another one than on the remote; what it says has passed."""
    scene.share()
    scene.configure(text, base)
    scene.verdict()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/master")


# protect and tested


def a_ref_that_is_not_protected(scene: Scene) -> str:
    scene.configure(_WIP)
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/wip/x")


def a_ref_that_need_not_be_tested(scene: Scene) -> str:
    scene.configure('[guard]\ntested = ["master"]\n')
    return scene.topic()


def a_ref_that_need_not_be_tested_and_breaks_another_rule(scene: Scene) -> str:
    scene.configure('[guard]\ntested = ["master"]\n')
    scene.require(">=0.4 && <0.5")
    scene.pin_untested()
    return scene.topic()


def a_ref_of_aula_that_is_not_protected(scene: Scene) -> str:
    scene.configure('[guard.consumer-push]\nprotect = ["master"]\n')
    scene.aula.commit("Change aula", {"src.hs": "x"})
    return scene.aula_topic()


def a_ref_of_aula_that_need_not_be_tested(scene: Scene) -> str:
    scene.configure("[guard.consumer-push]\ntested = []\n")
    scene.aula.commit("Change aula", {"src.hs": "x"})
    return scene.aula_topic()


def a_policy_of_aula_docker_in_a_push_of_aula(scene: Scene) -> str:
    scene.configure("[guard]\nprotect = []\ntested = []\n")
    scene.aula.commit("Change aula", {"src.hs": "x"})
    return scene.aula_topic()


# what is loosened


def a_branch_that_is_no_longer_protected(scene: Scene) -> str:
    scene.share()
    scene.configure('[guard]\nprotect = ["!master"]\n')
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/master")


def a_branch_that_need_no_longer_be_tested(scene: Scene) -> str:
    scene.share()
    scene.configure(_NEVER_TESTED)
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/master")


def a_new_branch_that_need_no_longer_be_tested(scene: Scene) -> str:
    scene.share()
    scene.configure(_NEVER_TESTED)
    return scene.topic()


def a_loosened_policy_that_is_blocked_for_more(scene: Scene) -> str:
    """Of a blocked push it is told what was and what is."""
    scene.share()
    scene.configure(_NEVER_TESTED)
    scene.require(">=0.4 && <0.5")
    scene.pin_untested()
    return scene.topic()


def a_loosened_policy_of_aula(scene: Scene) -> str:
    return _loosen(scene, "[guard.consumer-push]\nprotect = []\n")


def a_rule_that_no_longer_blocks(scene: Scene) -> str:
    scene.configure('[rules]\nimage-pin = "error"\n')
    return _loosen(scene, "")


def a_recipe_that_is_another_one(scene: Scene) -> str:
    return _loosen(scene, "", GUARD_TOML.replace("[test]", 'target = "small"\n[test]'))


def a_stricter_policy(scene: Scene) -> str:
    scene.configure(_NEVER_TESTED)
    return _loosen(scene, "")


def an_unmerged_loosening_of_the_index_in_a_push_of_aula(scene: Scene) -> str:
    """What is staged, and in no commit yet, decides over aula."""
    scene.share()
    scene.docker.write({".guard.toml": GUARD_TOML + "[guard.consumer-push]\nprotect = []\n"})
    scene.docker.git("add", ".guard.toml")
    scene.aula.commit("Change aula", {"src.hs": "x"})
    return scene.aula_topic()


# files that are damaged


def no_guard_toml(scene: Scene) -> str:
    scene.docker.git("rm", "--quiet", ".guard.toml")
    scene.docker.git("commit", "--quiet", "-m", "Remove the policy")
    return scene.topic()


def a_guard_toml_that_is_no_toml(scene: Scene) -> str:
    scene.configure("broken [", "")
    return scene.topic()


def a_guard_toml_with_an_unknown_key(scene: Scene) -> str:
    scene.configure("[image]\nnam = 'x'\n", "")
    return scene.topic()


def a_guard_toml_that_is_a_link(scene: Scene) -> str:
    path = scene.docker.folder / ".guard.toml"
    path.rename(scene.docker.folder / "policy.toml")
    path.symlink_to("policy.toml")
    scene.docker.commit("Link the policy")
    return scene.topic()


def a_damaged_guard_toml_in_a_push_of_aula(scene: Scene) -> str:
    scene.configure("broken [", "")
    return scene.aula_topic()


def a_damaged_guard_toml_on_the_remote(scene: Scene) -> str:
    scene.configure("broken [", "")
    scene.share()
    scene.configure("")
    scene.verdict()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/master")


def a_gitmodules_that_is_damaged(scene: Scene) -> str:
    scene.docker.commit("Break it", {".gitmodules": "[submodule\n"})
    return scene.topic()


def a_gitmodules_that_is_gone(scene: Scene) -> str:
    scene.docker.git("rm", "--quiet", "--cached", ".gitmodules")
    scene.docker.git("commit", "--quiet", "-m", "Remove it")
    scene.verdict()
    return scene.topic()


def a_gitmodules_without_a_url(scene: Scene) -> str:
    scene.docker.git("config", "--file=.gitmodules", "--unset", "submodule.aula.url")
    scene.docker.commit("Lose the URL")
    scene.verdict()
    return scene.topic()


def a_gitmodules_with_an_include(scene: Scene) -> str:
    """git itself reads no includes there."""
    url = scene.docker.git("config", "--file=.gitmodules", "submodule.aula.url")
    scene.docker.git("config", "--file=.gitmodules", "--unset", "submodule.aula.url")
    scene.docker.git("config", "--file=.gitmodules", "include.path", "more")
    scene.docker.commit("Include", {"more": f'[submodule "aula"]\n\turl = {url}\n'})
    return scene.topic()
