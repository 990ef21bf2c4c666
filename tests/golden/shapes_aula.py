"""Pushes of aula, judged as the superproject that they would make."""

from __future__ import annotations

import shutil

from tests.golden.scene import TOPIC, Scene
from tests.workshop import Repo


def _change(scene: Scene) -> str:
    """A commit of aula that needs thentos 0.2, which aula-docker does not pin."""
    return scene.require("==0.2.*")


def _passing_beside(scene: Scene) -> str:
    """A commit of aula-docker beside its branch in which such a commit of aula has passed."""
    _change(scene)
    scene.docker.git("checkout", "--quiet", "--detach")
    made = scene.pin(thentos=scene.thentos.git("rev-parse", "v0.2.1"))
    scene.verdict()
    scene.docker.git("checkout", "--quiet", "--force", "master")
    return made


def _stage(scene: Scene, tag: str) -> None:
    commit = scene.thentos.git("rev-parse", tag)
    scene.docker.git("update-index", "--cacheinfo", f"160000,{commit},thentos")


def _behind(scene: Scene) -> None:
    """Others have pushed to aula-docker, and that is fetched."""
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Of another")
    scene.share()
    scene.docker.git("reset", "--quiet", "--hard", "HEAD~")


# where aula is pushed from


def the_submodule_with_what_has_passed(scene: Scene) -> str:
    scene.verdict()
    return scene.aula_topic()


def the_submodule_with_what_has_not_passed(scene: Scene) -> str:
    scene.verdict()
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    return scene.aula_topic()


def a_sibling_clone_with_what_has_not_passed(scene: Scene) -> str:
    sibling = scene.clone("aula", "aula")
    scene.install()
    scene.verdict()
    sibling.commit("Change aula", {"src.hs": "main = pure ()\n"})
    return scene.outcome(sibling, "origin", TOPIC)


def a_sibling_clone_that_names_no_superproject(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(_clone_with_hook(scene, "aula"), "origin", TOPIC)


def a_clone_that_names_the_superproject(scene: Scene) -> str:
    scene.verdict()
    clone = _clone_with_hook(scene, "elsewhere/aula")
    clone.git("config", "guard.superproject", str(scene.docker.folder))
    return scene.outcome(clone, "origin", TOPIC)


def a_clone_that_names_a_superproject_which_is_none(scene: Scene) -> str:
    scene.verdict()
    clone = _clone_with_hook(scene, "elsewhere/aula")
    clone.git("config", "guard.superproject", "../gone")
    return scene.outcome(clone, "origin", TOPIC)


def a_clone_without_a_superproject(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(_clone_with_hook(scene, "elsewhere/aula"), "origin", TOPIC)


def _clone_with_hook(scene: Scene, folder: str) -> Repo:
    """A clone that has the hook, and none of the settings of `guard install`."""
    clone = scene.clone("aula", folder)
    hook = scene.docker.folder / ".git/hooks/pre-push"
    (clone.folder / ".git/hooks").mkdir(exist_ok=True)
    shutil.copy(hook, clone.folder / ".git/hooks/pre-push")
    return clone


def the_submodule_of_a_linked_worktree(scene: Scene) -> str:
    scene.verdict()
    linked = Repo(scene.root / "linked")
    scene.docker.git("worktree", "add", "--quiet", "--detach", str(linked.folder))
    linked.git("submodule", "--quiet", "update", "--init")
    scene.install()
    return scene.outcome(Repo(linked.folder / "aula"), "origin", TOPIC)


def a_push_of_thentos(scene: Scene) -> str:
    """Its hook is one that all repositories share."""
    shared = scene.docker.folder / ".git/hooks"
    scene.thentos.git("config", "core.hooksPath", str(shared))
    scene.release("0.3.1")
    return scene.outcome(scene.thentos, "origin", "v0.3.1", "HEAD:refs/heads/master")


# which superproject judges it


def the_index_that_fits(scene: Scene) -> str:
    _passing_beside(scene)
    _stage(scene, "v0.2.1")
    return scene.aula_topic()


def the_head_that_fits_and_an_index_that_does_not(scene: Scene) -> str:
    scene.verdict()
    _stage(scene, "v0.2.1")
    return scene.aula_topic()


def the_branch_of_the_same_name_that_fits(scene: Scene) -> str:
    scene.docker.git("update-ref", "refs/heads/topic", _passing_beside(scene))
    return scene.aula_topic()


def an_old_branch_of_the_same_name_that_fits(scene: Scene) -> str:
    """It was published once, and the remote has gone on from there."""
    old = _passing_beside(scene)
    scene.docker.git("update-ref", "refs/heads/topic", old)
    scene.share("refs/heads/topic")
    return scene.aula_topic()


def another_branch_that_fits(scene: Scene) -> str:
    scene.docker.git("update-ref", "refs/heads/another", _passing_beside(scene))
    return scene.aula_topic()


def the_published_branch_of_the_same_name_that_fits(scene: Scene) -> str:
    scene.docker.git("update-ref", "refs/remotes/origin/topic", _passing_beside(scene))
    return scene.aula_topic()


def the_published_default_branch_that_fits(scene: Scene) -> str:
    """What is checked out here lacks it."""
    published = scene.name("published", _passing_beside(scene))
    scene.docker.git("update-ref", "refs/remotes/origin/master", published)
    return scene.aula_topic()


def nothing_that_fits(scene: Scene) -> str:
    scene.verdict()
    _change(scene)
    return scene.aula_topic()


def an_index_with_unmerged_entries(scene: Scene) -> str:
    scene.verdict()
    blob = scene.docker.git("hash-object", "-w", "Dockerfile")
    entries = f"100644 {blob} 1\tfile\n100644 {blob} 2\tfile\n"
    scene.docker.git("update-index", "--index-info", data=entries.encode())
    return scene.aula_topic()


def no_index(scene: Scene) -> str:
    scene.verdict()
    (scene.docker.folder / ".git/index").unlink()
    return scene.aula_topic()


def neither_an_index_nor_a_commit(scene: Scene) -> str:
    (scene.docker.folder / ".git/index").unlink()
    scene.docker.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    return scene.aula_topic()


def no_gitlink_of_aula(scene: Scene) -> str:
    scene.docker.git("rm", "--quiet", "--cached", "aula")
    scene.docker.git("commit", "--quiet", "-m", "Remove aula")
    return scene.aula_topic()


# what the push waits for


def a_stale_superproject(scene: Scene) -> str:
    _behind(scene)
    scene.verdict()
    return scene.aula_topic()


def a_stale_superproject_whose_remote_has_what_is_not_tested(scene: Scene) -> str:
    scene.docker.commit("Of another", {"another": "x"})
    scene.share()
    scene.docker.git("reset", "--quiet", "--hard", "HEAD~")
    scene.verdict()
    return scene.aula_topic()


def the_default_branch_beside_a_superproject_on_a_branch(scene: Scene) -> str:
    """It is tested with what is checked out, and that goes to another branch."""
    scene.share()
    scene.docker.git("checkout", "--quiet", "-b", "topic")
    scene.aula.commit("Change aula", {"src.hs": "x"})
    scene.pass_pinned()
    return scene.outcome(scene.aula, "origin", "HEAD:refs/heads/master")


def the_default_branch_beside_a_superproject_on_its_own(scene: Scene) -> str:
    scene.share()
    scene.aula.commit("Change aula", {"src.hs": "x"})
    scene.pass_pinned()
    return scene.outcome(scene.aula, "origin", "HEAD:refs/heads/master")


def a_stale_superproject_on_another_branch(scene: Scene) -> str:
    """Its default branch has another name, of which nothing is missing here."""
    _behind(scene)
    scene.verdict()
    scene.docker.git("update-ref", "refs/remotes/origin/develop", "HEAD")
    scene.docker.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    return scene.aula_topic()


def a_superproject_that_is_ahead(scene: Scene) -> str:
    scene.share()
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
    scene.verdict()
    return scene.aula_topic()


def a_release_of_thentos_that_nobody_has_pushed(scene: Scene) -> str:
    scene.release("0.3.1")
    scene.pass_pinned()
    return scene.aula_topic()


def a_release_of_thentos_that_an_offline_remote_may_lack(scene: Scene) -> str:
    scene.release("0.3.1")
    scene.pass_pinned()
    scene.take_away("thentos")
    return scene.aula_topic()


def several_refs_of_which_one_has_passed(scene: Scene) -> str:
    scene.verdict()
    refs = ("HEAD:refs/heads/a", f"{scene.untested(scene.aula)}:refs/heads/b")
    return scene.outcome(scene.aula, "origin", *refs)
