"""What a push of aula-docker waits for: `published`, and `merged` on the default branch."""

from __future__ import annotations

from pathlib import Path

from tests.golden.scene import MASTER, TOPIC, Scene
from tests.workshop import Repo

_ON_DEMAND = "on-demand"


def _unpublished(scene: Scene) -> None:
    """aula-docker has passed with a commit of aula that nobody has pushed."""
    scene.share()
    scene.aula.git("checkout", "--quiet", "-B", "master")
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.pass_pinned()


def _unpublished_release(scene: Scene) -> None:
    """aula-docker has passed with a release of thentos that only its author has."""
    scene.release("0.3.1")
    scene.pass_pinned()


def _on_a_branch(scene: Scene) -> None:
    """aula-docker has passed with a commit of aula that is published on a branch alone."""
    scene.share()
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/feature")
    scene.pass_pinned()


def _published_by_another(scene: Scene, ref: str, more: bool) -> None:
    """What aula-docker pins is on aula's remote, and nothing of that was fetched."""
    _unpublished(scene)
    other = Repo(scene.root / "other")
    other.git("fetch", "--quiet", str(scene.aula.folder), scene.aula.head)
    other.git("checkout", "--quiet", "--detach", scene.aula.head)
    if more:
        other.commit("Go on", {"more.hs": "x"})
    other.git("push", "--quiet", str(scene.root / "remotes/aula.git"), f"HEAD:{ref}")


def _incident(scene: Scene) -> None:
    """A branch of aula wants thentos 0.3 and has passed with it; aula's master wants 0.2."""
    scene.require("==0.2.*")
    scene.publish("aula")
    scene.aula.git("checkout", "--quiet", "-b", "thentos-0.3", "HEAD~")
    scene.require(">=0.3 && <0.4")
    scene.aula.git("push", "--quiet", "--no-verify", "origin", "thentos-0.3")
    scene.pass_pinned()


# published


def an_aula_that_nobody_has_pushed(scene: Scene) -> str:
    _unpublished(scene)
    return scene.topic()


def a_release_that_nobody_has_pushed(scene: Scene) -> str:
    _unpublished_release(scene)
    return scene.topic()


def both_that_nobody_has_pushed_to_the_default_branch(scene: Scene) -> str:
    scene.release("0.3.1")
    _unpublished(scene)
    return scene.master()


def a_release_whose_tag_alone_was_pushed(scene: Scene) -> str:
    _unpublished_release(scene)
    scene.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.1")
    return scene.topic()


def an_aula_that_another_has_pushed(scene: Scene) -> str:
    _published_by_another(scene, "refs/heads/feature", more=False)
    return scene.topic()


def an_aula_behind_what_was_never_fetched(scene: Scene) -> str:
    _published_by_another(scene, "refs/heads/feature", more=True)
    return scene.topic()


def an_aula_that_a_pull_request_alone_holds(scene: Scene) -> str:
    """What no branch and no tag leads to is gone when the pull request is."""
    _published_by_another(scene, "refs/pull/5/head", more=True)
    return scene.topic()


def an_aula_that_a_fork_alone_has(scene: Scene) -> str:
    _unpublished(scene)
    fork = scene.root / "remotes/fork.git"
    scene.docker.git("init", "--quiet", "--bare", str(fork))
    scene.aula.git("remote", "add", "fork", str(fork))
    scene.aula.git("push", "--quiet", "--no-verify", "fork", TOPIC)
    return scene.topic()


def an_aula_without_a_remote_of_that_url(scene: Scene) -> str:
    scene.verdict()
    scene.aula.git("remote", "set-url", "origin", "https://example.invalid/aula.git")
    return scene.topic()


def an_aula_whose_remote_is_offline(scene: Scene) -> str:
    _unpublished(scene)
    scene.take_away("aula")
    return scene.topic()


def remotes_that_are_offline_and_known_to_have_all(scene: Scene) -> str:
    scene.verdict()
    scene.guard("check", "--ask")
    scene.take_away("aula")
    scene.take_away("thentos")
    return scene.master()


def a_bypass_of_an_offline_remote(scene: Scene) -> str:
    _unpublished(scene)
    scene.take_away("aula")
    return scene.topic(GUARD_BYPASS="on a train")


def an_aula_with_its_history_cut_off(scene: Scene) -> str:
    scene.verdict()
    old = scene.aula.head
    scene.aula.commit("Go on", {"n": "1"})
    scene.publish("aula")
    shallow = scene.docker.folder / ".git/modules/aula/shallow"
    shallow.write_text(f"{scene.aula.head}\n")
    scene.aula.git("checkout", "--quiet", old)
    return scene.topic()


def a_third_submodule_that_nobody_has_pushed(scene: Scene) -> str:
    scene.docker.git("init", "--quiet", "--bare", str(scene.root / "remotes/third.git"))
    third = Repo(scene.docker.folder / "parts/third")
    scene.docker.git("init", "--quiet", str(third.folder))
    scene.name("third HEAD", third.commit("Start", {"x": "y"}))
    third.git("remote", "add", "origin", str(scene.root / "remotes/third.git"))
    for key, value in (("path", "parts/third"), ("url", "../third.git")):
        scene.docker.git("config", "--file=.gitmodules", f"submodule.third.{key}", value)
    scene.docker.commit("Add a third")
    scene.verdict()
    return scene.topic()


def submodules_that_git_pushes_first(scene: Scene) -> str:
    _unpublished(scene)
    scene.docker.git("config", "push.recurseSubmodules", _ON_DEMAND)
    return scene.master()


def submodules_that_git_pushes_first_without_a_hook(scene: Scene) -> str:
    _unpublished(scene)
    scene.docker.git("config", "push.recurseSubmodules", _ON_DEMAND)
    (scene.docker.folder / ".git/modules/aula/hooks/pre-push").unlink()
    return scene.topic()


def submodules_that_git_would_push_and_a_flag_forbids(scene: Scene) -> str:
    _unpublished(scene)
    scene.docker.git("config", "push.recurseSubmodules", _ON_DEMAND)
    return scene.outcome(scene.docker, "--no-recurse-submodules", "origin", TOPIC)


def an_untested_push_that_git_pushes_submodules_for(scene: Scene) -> str:
    scene.aula.git("checkout", "--quiet", "-B", "master")
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.pin()
    scene.docker.git("config", "push.recurseSubmodules", _ON_DEMAND)
    return scene.topic()


# merged


def all_in_order_to_the_default_branch(scene: Scene) -> str:
    scene.verdict()
    return scene.master()


def an_aula_on_a_branch_to_the_default_branch(scene: Scene) -> str:
    _on_a_branch(scene)
    return scene.master()


def an_aula_on_a_branch_to_a_branch(scene: Scene) -> str:
    _on_a_branch(scene)
    return scene.topic()


def the_incident_of_2016(scene: Scene) -> str:
    _incident(scene)
    return scene.master()


def an_aula_whose_master_has_moved_on_and_does_not_fit(scene: Scene) -> str:
    scene.verdict()
    scene.require("==0.4.*")
    scene.publish("aula")
    return scene.master()


def an_aula_whose_master_has_moved_on_and_fits(scene: Scene) -> str:
    scene.verdict()
    scene.aula.commit("Go on", {"more.hs": "x"})
    scene.publish("aula")
    return scene.master()


def a_default_branch_of_another_name(scene: Scene) -> str:
    _on_a_branch(scene)
    _rename_default(scene)
    scene.docker.git("remote", "set-head", "origin", "--auto")
    return scene.outcome(scene.docker, "origin", MASTER, "HEAD:refs/heads/develop")


def _rename_default(scene: Scene) -> None:
    """The remote of aula-docker calls its default branch develop from now on, and that is fetched.

    What is pushed to it brings one commit more.
    """
    scene.share("refs/heads/develop")
    remote = Repo(scene.root / "remotes/aula-docker.git")
    remote.git("symbolic-ref", "HEAD", "refs/heads/develop")
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")


def _go_away(scene: Scene) -> None:
    """What is pushed to aula-docker's remote goes another way than what is asked for."""
    remote, away = (str(scene.root / f"remotes/{name}.git") for name in ("aula-docker", "away"))
    Path(remote).rename(away)
    scene.docker.git("config", f"url.{away}.pushInsteadOf", remote)


def a_default_branch_that_only_the_remote_knows(scene: Scene) -> str:
    _on_a_branch(scene)
    _rename_default(scene)
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/develop")


def a_branch_that_is_the_default_one_no_more(scene: Scene) -> str:
    _on_a_branch(scene)
    _rename_default(scene)
    return scene.master()


def a_default_branch_that_an_offline_remote_was_known_to_have(scene: Scene) -> str:
    _on_a_branch(scene)
    _rename_default(scene)
    _go_away(scene)
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/develop")


def a_default_branch_that_only_an_offline_remote_knows(scene: Scene) -> str:
    _on_a_branch(scene)
    _rename_default(scene)
    _go_away(scene)
    scene.docker.git("update-ref", "-d", "refs/remotes/origin/master")
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/develop")


def the_first_branch_of_an_empty_remote(scene: Scene) -> str:
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/feature")
    scene.pass_pinned()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/b")


def a_default_branch_of_aula_that_is_not_known(scene: Scene) -> str:
    scene.verdict()
    scene.aula.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    scene.aula.git("update-ref", "refs/remotes/origin/main", scene.aula.head)
    return scene.master()


def a_default_branch_of_aula_that_nobody_tells(scene: Scene) -> str:
    scene.verdict()
    scene.aula.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    scene.aula.git("update-ref", "refs/remotes/origin/main", scene.aula.head)
    scene.take_away("aula")
    return scene.master()


def a_sibling_clone_that_was_fetched_later(scene: Scene) -> str:
    scene.verdict()
    sibling = scene.clone("aula", "aula")
    scene.name("sibling HEAD", sibling.commit("Back to 0.2", scene.aula_files("==0.2.*")))
    sibling.git("push", "--quiet", "--no-verify", "origin", MASTER)
    return scene.master()


# what goes back


def _stale(scene: Scene, message: str = "Some other work") -> None:
    """Others have aula-docker with a newer aula, and an old checkout is committed; that passed."""
    old = scene.aula.head
    scene.pass_aula({"src.hs": "main = pure ()\n"})
    scene.share()
    scene.pin(message, aula=old)
    scene.verdict()


def a_stale_aula(scene: Scene) -> str:
    _stale(scene)
    return scene.master()


def a_stale_aula_on_a_new_branch(scene: Scene) -> str:
    _stale(scene)
    return scene.topic()


def an_aula_that_goes_back_with_a_reason(scene: Scene) -> str:
    _stale(scene, "Go back\n\nGuard-Step-Back: aula the login is broken")
    return scene.master()


def an_aula_that_goes_back_with_a_reason_and_another_commit_without(scene: Scene) -> str:
    """Of a blocked push a reason that was given is a note."""
    scene.require(">=0.3")
    _stale(scene, "Go back\n\nGuard-Step-Back: aula the login is broken")
    scene.docker.write({"Dockerfile": "FROM localhost/other\n"})
    scene.docker.git("commit", "--quiet", "-m", "Another base", "Dockerfile")
    return scene.master()


def an_aula_beside_the_one_of_others(scene: Scene) -> str:
    old = scene.aula.head
    scene.pass_aula({"src.hs": "main = pure ()\n"})
    scene.share()
    scene.aula.git("checkout", "--quiet", "--detach", old)
    scene.pass_aula({"src.hs": "main = undefined\n"}, "Write it anew")
    return scene.master()


def a_tip_of_others_that_nobody_fetched(scene: Scene) -> str:
    other = scene.clone("aula-docker", "their docker")
    other.git("fetch", "--quiet", str(scene.docker.folder), "HEAD")
    other.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    scene.name("theirs", other.commit("Theirs", {"their": "x"}))
    other.git("push", "--quiet", "origin", "HEAD:refs/heads/master")
    scene.verdict()
    return scene.outcome(scene.docker, "--force", "origin", MASTER)
