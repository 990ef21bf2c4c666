"""What aula-docker pins of thentos: `release-tag`, `dependency-match` and `dependency-source`."""

from __future__ import annotations

from tests.golden.scene import ABSENT, Scene
from tests.workshop import GUARD_TOML, STACK, cabal

_GIT_SOURCE = "git: https://example.org/liqd/thentos.git\n  commit: {}\n"


def _pass_manifest(scene: Scene, *depends: str, tail: str = "") -> str:
    """Push an aula whose .cabal file says this; everything but the requirements is in order."""
    scene.pass_aula({"aula.cabal": cabal("aula", "0.1", *depends) + tail})
    return scene.topic()


def _pass_stack(scene: Scene, stack: str) -> str:
    """Push an aula whose stack.yaml is this."""
    scene.pass_aula({"stack.yaml": stack})
    return scene.topic()


def _pass_thentos(scene: Scene, files: dict[str, str]) -> str:
    """Push with a published release of thentos that has these files."""
    scene.release("0.3.1", files)
    scene.publish("thentos")
    scene.pass_pinned()
    return scene.topic()


# release-tag


def a_pin_beside_every_release(scene: Scene) -> str:
    scene.thentos.commit("Change the API", {"api": "new\n"})
    scene.publish("thentos")
    scene.pass_pinned()
    return scene.topic()


def a_pin_with_the_content_of_a_release(scene: Scene) -> str:
    scene.thentos.git("commit", "--quiet", "--allow-empty", "-m", "Change nothing")
    scene.publish("thentos")
    scene.pass_pinned()
    return scene.topic()


def an_annotated_release_tag(scene: Scene) -> str:
    scene.thentos.git("tag", "--force", "--annotate", "-m", "Release", "v0.3.0", "v0.3.0^{}")
    scene.verdict()
    return scene.topic()


def a_release_tag_that_only_this_clone_has(scene: Scene) -> str:
    scene.thentos.commit("Release 0.3.1", scene.thentos_files("0.3.1"))
    scene.publish("thentos")
    scene.thentos.git("tag", "v0.3.1")
    scene.pass_pinned()
    return scene.topic()


def a_release_tag_that_only_the_remote_has(scene: Scene) -> str:
    scene.release("0.3.1")
    scene.publish("thentos")
    scene.thentos.git("tag", "--delete", "v0.3.1")
    scene.pass_pinned()
    return scene.topic()


def a_release_tag_that_was_moved_here(scene: Scene) -> str:
    scene.name("v0.3.0 as published", scene.thentos.head)
    scene.thentos.commit("Change the API", {"api": "new\n"})
    scene.publish("thentos")
    scene.thentos.git("tag", "--force", "v0.3.0")
    scene.pass_pinned()
    return scene.topic()


def a_release_tag_that_means_another_commit_in_a_sibling_clone(scene: Scene) -> str:
    scene.clone("thentos", "thentos").git("tag", "--force", "v0.3.0", "v0.2.1")
    scene.verdict()
    return scene.topic()


def release_tags_of_another_form(scene: Scene) -> str:
    scene.configure('[guard]\nrelease-tag = "thentos-{version}"\n')
    scene.verdict()
    return scene.topic()


def a_pin_of_an_older_release(scene: Scene) -> str:
    """aula takes both, and the release before was pinned last."""
    scene.require(">=0.2 && <0.4")
    scene.publish("aula")
    scene.pin()
    scene.share()
    scene.pass_pinned(thentos=scene.thentos.git("rev-parse", "v0.2.1"))
    return scene.topic()


def a_pin_that_no_repository_has(scene: Scene) -> str:
    scene.pin(thentos=scene.name("a commit that is nowhere", ABSENT))
    return scene.topic()


# dependency-match


def a_release_that_is_too_old(scene: Scene) -> str:
    scene.release("0.4.0")
    scene.release("0.4.1")
    scene.publish("thentos")
    scene.require(">=0.4 && <0.5")
    scene.publish("aula")
    scene.pass_pinned(thentos=scene.thentos.git("rev-parse", "v0.3.0"))
    return scene.topic()


def a_range_that_no_release_satisfies(scene: Scene) -> str:
    return _pass_manifest(scene, "thentos-core >=0.9 && <1")


def a_package_that_the_release_does_not_have(scene: Scene) -> str:
    return _pass_manifest(scene, "thentos-core >=0.3 && <0.4", "thentos-frontend ==0.3.*")


def no_upper_bound(scene: Scene) -> str:
    return _pass_manifest(scene, "thentos-core >=0.3")


def no_requirement_on_the_dependency(scene: Scene) -> str:
    return _pass_manifest(scene, "text")


def a_requirement_under_a_flag(scene: Scene) -> str:
    """There is a way to build it: without the flag."""
    flag = "  if flag(dev)\n    build-depends: thentos-core ==0.2.*\n"
    flag += "flag dev\n  default: False\n  manual: True\n"
    return _pass_manifest(scene, "thentos-core >=0.2 && <0.4", tail=flag)


def a_requirement_of_what_is_never_built(scene: Scene) -> str:
    never = "  if false\n    build-depends: thentos-core ==0.2.*\n"
    return _pass_manifest(scene, "thentos-core >=0.3 && <0.4", tail=never)


def _pass_branches(scene: Scene, condition: str) -> str:
    branches = f"  if {condition}\n    build-depends: thentos-core >=0.2 && <0.3\n"
    branches += "  else\n    build-depends: thentos-core >=0.3 && <0.4\n"
    return _pass_manifest(scene, "base", tail=branches)


def branches_that_exclude_each_other(scene: Scene) -> str:
    return _pass_branches(scene, "os(windows)")


def a_branch_that_fits_only_another_system(scene: Scene) -> str:
    return _pass_branches(scene, "os(linux)")


def a_package_yaml_alone(scene: Scene) -> str:
    scene.aula.git("rm", "--quiet", "aula.cabal")
    scene.pass_aula(
        {"package.yaml": "name: aula\nlibrary:\n  dependencies: thentos-core ==0.2.*\n"}
    )
    return scene.topic()


def a_package_yaml_that_disagrees_with_the_cabal_file(scene: Scene) -> str:
    scene.pass_aula({"package.yaml": "name: aula\nlibrary:\n  dependencies: thentos-core >=0.2\n"})
    return scene.topic()


def a_manifest_that_cannot_be_read(scene: Scene) -> str:
    scene.pass_aula({"package.yaml": "name: aula\nlibrary:\n  dependencies: thentos-core >=>0.3\n"})
    return scene.topic()


def a_manifest_that_the_haskell_tools_refuse(scene: Scene) -> str:
    """It is read leniently, which is told only of a push that is blocked."""
    files = scene.aula_files(">=0.3 && <0.4")
    files["aula.cabal"] = files["aula.cabal"].replace("version: 0.1", "version: v0.1")
    scene.aula.commit("Say the version as a tag does", files)
    scene.pin_untested()
    return scene.topic()


def an_aula_without_a_package(scene: Scene) -> str:
    """Its stack.yaml is there."""
    scene.aula.git("rm", "--quiet", "aula.cabal")
    scene.pass_aula({})
    return scene.topic()


def an_aula_without_a_manifest(scene: Scene) -> str:
    scene.aula.git("rm", "--quiet", "aula.cabal", "stack.yaml")
    scene.pass_aula({})
    return scene.topic()


def a_thentos_that_holds_a_package_twice(scene: Scene) -> str:
    """aula names no folder of the two."""
    scene.aula.commit("Name no folder", {"stack.yaml": "resolver: lts-3.20\npackages: ['.']\n"})
    scene.publish("aula")
    path = "examples/thentos-core/thentos-core.cabal"
    return _pass_thentos(scene, {path: cabal("thentos-core", "0.2.9")})


def a_thentos_with_packages_in_its_test_data(scene: Scene) -> str:
    scene.aula.commit("Name no folder", {"stack.yaml": "resolver: lts-3.20\npackages: ['.']\n"})
    scene.publish("aula")
    held = {
        "tests/data/thentos-core.cabal": cabal("thentos-core", "0.2.9"),
        "thentos-core/fixtures/broken.cabal": "name: [\n",
    }
    return _pass_thentos(scene, held)


def a_version_of_thentos_that_cannot_be_read(scene: Scene) -> str:
    path = "thentos-core/thentos-core.cabal"
    return _pass_thentos(scene, {path: cabal("thentos-core", "zero")})


# dependency-source


def a_path_to_a_folder_that_thentos_does_not_have(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "- ../thentos/thentos-gone\n")


def a_path_to_a_folder_without_a_package(scene: Scene) -> str:
    scene.release("0.3.1", {"docs/README": "words\n"})
    scene.publish("thentos")
    return _pass_stack(scene, STACK + "- ../thentos/docs\n")


def a_path_that_leaves_both(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "- ../elsewhere\n")


def a_path_into_a_submodule_that_was_removed(scene: Scene) -> str:
    scene.docker.git("rm", "--quiet", "--cached", "thentos")
    scene.docker.git("config", "--file=.gitmodules", "--remove-section", "submodule.thentos")
    scene.docker.git("add", ".gitmodules")
    scene.docker.git("commit", "--quiet", "-m", "Remove thentos")
    scene.verdict()
    return scene.topic()


def a_dependency_that_is_a_folder(scene: Scene) -> str:
    """The same files as in the release, and no submodule."""
    scene.docker.git("rm", "--quiet", "--cached", "thentos")
    for path, text in scene.thentos_files("0.3.0").items():
        blob = scene.docker.git("hash-object", "-w", "--stdin", data=text.encode())
        scene.docker.git("update-index", "--add", "--cacheinfo", f"100644,{blob},thentos/{path}")
    scene.docker.git("commit", "--quiet", "-m", "Vendor thentos")
    scene.verdict()
    return scene.topic()


def a_hackage_pin_beside_the_submodule(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- thentos-core-0.3.0\n")


def _pass_hackage_alone(scene: Scene, version: str) -> str:
    """Push an aula that takes thentos-core from Hackage, where thentos is no submodule."""
    scene.docker.git("rm", "--quiet", "--cached", "thentos")
    stack = f"resolver: lts-3.20\npackages: ['.']\nextra-deps:\n- thentos-core-{version}\n"
    scene.aula.commit("Take thentos from Hackage", {"stack.yaml": stack})
    scene.publish("aula")
    scene.docker.git("add", "aula")
    scene.docker.git("commit", "--quiet", "-m", "Take thentos from Hackage")
    scene.verdict()
    return scene.topic()


def a_hackage_pin_that_fits_alone(scene: Scene) -> str:
    return _pass_hackage_alone(scene, "0.3.0")


def a_hackage_pin_that_does_not_fit_alone(scene: Scene) -> str:
    return _pass_hackage_alone(scene, "0.2.1")


def a_git_source_at_another_commit(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- " + _GIT_SOURCE.format("b" * 40))


def a_git_source_at_the_gitlinks_tag(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- " + _GIT_SOURCE.format("v0.3.0"))


def a_git_source_at_the_gitlinks_commit(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- " + _GIT_SOURCE.format(scene.thentos.head))


def a_git_source_at_a_branch_at_the_gitlink(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- " + _GIT_SOURCE.format("master"))


def a_git_source_at_a_branch_that_nobody_knows(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "extra-deps:\n- " + _GIT_SOURCE.format("elsewhere"))


def a_fork_of_another_name_that_supplies_a_package(scene: Scene) -> str:
    source = _GIT_SOURCE.format("b" * 40).replace("thentos.git", "identity.git")
    return _pass_stack(scene, STACK + f"extra-deps:\n- {source}  subdirs: [thentos-core]\n")


def an_archive_of_a_forge_at_the_gitlink(scene: Scene) -> str:
    url = f"https://example.org/liqd/thentos/archive/{scene.thentos.head[:12]}.tar.gz"
    return _pass_stack(scene, STACK + f"extra-deps:\n- {url}\n")


def an_archive_of_a_package_beside_the_submodule(scene: Scene) -> str:
    url = "https://hackage.haskell.org/package/thentos-core-0.2.1/thentos-core-0.2.1.tar.gz"
    return _pass_stack(scene, STACK + f"extra-deps:\n- {url}\n")


def _pass_vendored(scene: Scene, version: str) -> str:
    scene.aula.commit("Vendor", {"vendor/core/core.cabal": cabal("thentos-core", version)})
    return _pass_stack(scene, STACK + "extra-deps:\n- vendor/core\n")


def an_older_package_in_a_folder_of_aula(scene: Scene) -> str:
    return _pass_vendored(scene, "0.2.1")


def the_same_package_in_a_folder_of_aula(scene: Scene) -> str:
    return _pass_vendored(scene, "0.3.0")


def a_copy_of_a_project_file(scene: Scene) -> str:
    """No tool reads it."""
    scene.aula.commit("Merge", {"cabal.project.orig": "constraints: thentos-core ==0.2.1\n"})
    return _pass_stack(scene, STACK)


def a_project_file_that_ci_names(scene: Scene) -> str:
    """Its extra-dep contradicts the submodule."""
    travis = {".travis.yml": "env: STACK_YAML=stack-ci.yaml\nscript: stack test\n"}
    ci = {"stack-ci.yaml": STACK + "extra-deps:\n- thentos-core-0.2.1\n"}
    scene.aula.commit("Build by another file", {**travis, **ci})
    return _pass_stack(scene, STACK + "# not in force\n")


def bounds_that_are_lifted(scene: Scene) -> str:
    return _pass_stack(scene, STACK + "allow-newer: true\n")


def a_dependency_of_a_wrong_name(scene: Scene) -> str:
    scene.configure('[guard]\ndependency = "thentoss"\n', GUARD_TOML)
    scene.verdict()
    return scene.topic()
