"""Repositories of other kinds, in other places, and with objects that are not there."""

from __future__ import annotations

import shutil

from tests.golden.scene import ABSENT, TOPIC, Scene
from tests.workshop import Repo


def _cloned(scene: Scene, *options: str, bare: bool = False) -> Repo:
    """A clone of aula-docker with the hook, which takes the submodules from the first one."""
    folder = scene.root / "clone"
    source = f"file://{scene.docker.folder}"
    scene.docker.git("config", "uploadpack.allowFilter", "true")
    scene.docker.git("clone", "--quiet", *options, source, str(folder))
    clone = Repo(folder)
    clone.git("fetch", "--quiet", "--no-filter", "origin", "+refs/guard/*:refs/guard/*")
    clone.git("remote", "set-url", "origin", str(scene.root / "remotes/aula-docker.git"))
    for name in ("aula", "thentos"):
        clone.git("config", f"guard.{name}.repository", str(scene.docker.folder / name))
    assert scene.guard("install", at=clone).status == 0
    return clone


def _lose(repo: Repo, git_dir: str, name: str) -> None:
    """Take an object out of a repository."""
    found = repo.git("rev-parse", name)
    (repo.folder / git_dir / "objects" / found[:2] / found[2:]).unlink()


# kinds of repositories


def sha256_that_has_passed(scene: Scene) -> str:
    other = Scene(scene.root / "sha256", "sha256")
    other.verdict()
    return other.outcome(other.docker, "origin", "HEAD:refs/heads/master", "HEAD:refs/tags/t")


def sha256_that_has_not_passed(scene: Scene) -> str:
    other = Scene(scene.root / "sha256", "sha256")
    other.thentos.commit("Change the API", {"api": "new\n"})
    other.pin()
    return other.topic()


def a_folder_with_spaces_and_beyond_ascii(scene: Scene) -> str:
    other = Scene(scene.root / "ein Ort, grün 日本")
    other.share()
    other.aula.commit("Change aula", {"grün und mehr.hs": "x"})
    other.pass_pinned()
    return other.topic()


def a_shallow_clone(scene: Scene) -> str:
    scene.verdict()
    scene.share()
    return scene.outcome(_cloned(scene, "--depth=1"), "origin", TOPIC)


def a_partial_clone(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(_cloned(scene, "--filter=blob:none"), "origin", TOPIC)


def a_bare_clone(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(_cloned(scene, "--bare"), "origin", "master:refs/heads/topic")


def a_bare_clone_without_submodules(scene: Scene) -> str:
    scene.verdict()
    clone = _cloned(scene, "--bare")
    for name in ("aula", "thentos"):
        clone.git("config", "--unset", f"guard.{name}.repository")
    return scene.outcome(clone, "origin", "master:refs/heads/topic")


def a_git_dir_that_the_environment_names(scene: Scene) -> str:
    folder = scene.docker.folder
    named = {"GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(folder)}
    return scene.outcome(Repo(scene.root / "remotes"), "origin", TOPIC, **named)


def an_unrelated_repository_beside_aula_docker(scene: Scene) -> str:
    """Its hook is one that all repositories share."""
    other = Repo(scene.root / "another")
    scene.docker.git("init", "--quiet", str(other.folder))
    other.commit("Start", {"x": "y"})
    other.git("config", "core.hooksPath", str(scene.docker.folder / ".git/hooks"))
    remote = str(scene.root / "remotes/aula-docker.git")
    return scene.outcome(other, remote, "HEAD:refs/heads/another")


# submodules in their places


def a_submodule_that_is_not_checked_out(scene: Scene) -> str:
    scene.verdict()
    scene.docker.git("submodule", "--quiet", "deinit", "--force", "thentos")
    return scene.topic()


def a_submodule_that_is_nowhere(scene: Scene) -> str:
    scene.verdict()
    shutil.rmtree(scene.docker.folder / "thentos")
    shutil.rmtree(scene.docker.folder / ".git/modules/thentos")
    (scene.docker.folder / "thentos").mkdir()
    return scene.topic()


def a_submodule_that_a_sibling_clone_alone_has(scene: Scene) -> str:
    scene.clone("thentos", "thentos")
    scene.verdict()
    shutil.rmtree(scene.docker.folder / "thentos")
    shutil.rmtree(scene.docker.folder / ".git/modules/thentos")
    return scene.topic()


def a_submodule_that_git_config_names(scene: Scene) -> str:
    scene.clone("thentos", "far/away")
    scene.verdict()
    shutil.rmtree(scene.docker.folder / "thentos")
    shutil.rmtree(scene.docker.folder / ".git/modules/thentos")
    scene.docker.git("config", "guard.thentos.repository", "../far/away")
    return scene.topic()


def a_submodule_for_which_git_config_names_no_repository(scene: Scene) -> str:
    scene.verdict()
    scene.docker.git("config", "guard.thentos.repository", "../gone")
    return scene.topic()


def a_nested_submodule_that_nobody_has(scene: Scene) -> str:
    commit = scene.name("nested", ABSENT)
    modules = '[submodule "servant"]\n\tpath = servant\n\turl = ../servant.git\n'
    scene.thentos.write({**scene.thentos_files("0.3.1"), ".gitmodules": modules})
    scene.thentos.git("add", ".")
    scene.thentos.git("update-index", "--add", "--cacheinfo", f"160000,{commit},servant")
    scene.thentos.git("commit", "--quiet", "-m", "Nest servant")
    scene.thentos.git("tag", "v0.3.1")
    scene.publish("thentos")
    scene.pin()
    return scene.topic()


# objects that are not there


def an_aula_that_no_repository_has(scene: Scene) -> str:
    scene.pin(aula=scene.name("a commit that is nowhere", ABSENT))
    return scene.topic()


def no_gitlink_of_aula(scene: Scene) -> str:
    scene.docker.git("rm", "--quiet", "--cached", "aula")
    scene.docker.git("commit", "--quiet", "-m", "Remove aula")
    return scene.topic()


def a_manifest_of_thentos_that_is_lost(scene: Scene) -> str:
    scene.verdict()
    path = "HEAD:thentos-core/thentos-core.cabal"
    _lose(scene.thentos, "../.git/modules/thentos", path)
    return scene.topic()


def a_manifest_of_aula_that_is_lost(scene: Scene) -> str:
    scene.verdict()
    scene.aula.commit("Touch the manifest", {"aula.cabal": scene.aula_files(">=0.3")["aula.cabal"]})
    scene.publish("aula")
    scene.pass_pinned()
    _lose(scene.aula, "../.git/modules/aula", "HEAD:aula.cabal")
    return scene.topic()


def a_guard_toml_that_is_lost(scene: Scene) -> str:
    """git itself would not push without it."""
    scene.configure("# more\n")
    scene.share()
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
    scene.verdict()
    _lose(scene.docker, ".git", "HEAD:.guard.toml")
    return scene.topic()


# what would show another commit than the one that is pushed


def a_replaced_commit(scene: Scene) -> str:
    scene.verdict()
    untested = scene.untested(scene.docker)
    scene.docker.git("replace", untested, scene.docker.head)
    return scene.outcome(scene.docker, "origin", f"{untested}:refs/heads/topic")


def a_grafted_history_of_aula(scene: Scene) -> str:
    scene.share()
    old = scene.aula.head
    new = scene.aula.commit("Change aula", {"src.hs": "x"})
    scene.pass_pinned()
    graft = scene.docker.folder / ".git/modules/aula/info/grafts"
    graft.parent.mkdir(exist_ok=True)
    graft.write_text(f"{old} {new}\n")
    return scene.topic()


def good_files_in_the_working_tree_of_a_bad_commit(scene: Scene) -> str:
    scene.verdict()
    scene.docker.git("checkout", "--quiet", "--detach", scene.untested(scene.docker))
    scene.docker.git("checkout", "--quiet", "master", "--", ".")
    return scene.topic()


def bad_files_in_the_working_tree_of_a_good_commit(scene: Scene) -> str:
    scene.verdict()
    scene.docker.write({"Dockerfile": "broken\n"})
    scene.aula.write({"aula.cabal": "broken\n"})
    scene.thentos.git("checkout", "--quiet", "v0.2.1")
    return scene.topic()
