"""Which refs of a push are judged, and as what."""

from __future__ import annotations

from guard.model import Result
from tests.golden.scene import TOPIC, Scene
from tests.workshop import Repo


def _passed_and_untested(scene: Scene) -> tuple[str, str]:
    """A commit that has passed, and one that has no verdict."""
    scene.verdict()
    return scene.docker.head, scene.untested(scene.docker)


def _at_remote(scene: Scene, commit: str, ref: str) -> None:
    """Have the remote hold a ref already, and have that fetched."""
    scene.docker.git("push", "--quiet", "--no-verify", "origin", f"{commit}:{ref}")
    scene.docker.git("fetch", "--quiet", "origin")


# tags


def a_light_tag(scene: Scene) -> str:
    _, untested = _passed_and_untested(scene)
    scene.docker.git("tag", "t", untested)
    return scene.outcome(scene.docker, "origin", "refs/tags/t")


def an_annotated_tag(scene: Scene) -> str:
    _, untested = _passed_and_untested(scene)
    scene.docker.git("tag", "-a", "-m", "t", "t", untested)
    return scene.outcome(scene.docker, "origin", "refs/tags/t")


def a_tag_of_a_tag(scene: Scene) -> str:
    _, untested = _passed_and_untested(scene)
    scene.docker.git("tag", "-a", "-m", "inner", "inner", untested)
    scene.docker.git("tag", "-a", "-m", "outer", "outer", "inner")
    return scene.outcome(scene.docker, "origin", "refs/tags/outer")


def a_tag_of_a_tag_that_has_passed(scene: Scene) -> str:
    scene.verdict()
    scene.docker.git("tag", "-a", "-m", "inner", "inner")
    scene.docker.git("tag", "-a", "-m", "outer", "outer", "inner")
    scene.name("outer", scene.docker.git("rev-parse", "refs/tags/outer"))
    return scene.outcome(scene.docker, "origin", "refs/tags/outer")


def a_tag_of_a_file(scene: Scene) -> str:
    scene.docker.git("tag", "t", scene.docker.git("rev-parse", "HEAD:Dockerfile"))
    scene.name("Dockerfile", scene.docker.git("rev-parse", "refs/tags/t"))
    return scene.outcome(scene.docker, "origin", "refs/tags/t")


def a_tag_and_a_branch_of_one_name(scene: Scene) -> str:
    passed, untested = _passed_and_untested(scene)
    scene.docker.git("branch", "same", untested)
    scene.docker.git("tag", "same", passed)
    return scene.outcome(scene.docker, "origin", "refs/heads/same", "refs/tags/same")


# several refs


def several_refs_that_have_passed(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/b")


def several_refs_that_are_bad_in_different_ways(scene: Scene) -> str:
    untested = scene.untested(scene.docker)
    scene.verdict(Result.FAILED_TEST)
    return scene.outcome(
        scene.docker, "origin", "HEAD:refs/heads/failed", f"{untested}:refs/heads/untested"
    )


def seven_refs_at_one_bad_commit(scene: Scene) -> str:
    refs = [f"HEAD:refs/heads/{letter}" for letter in "abcdefg"]
    return scene.outcome(scene.docker, "origin", *refs)


def an_atomic_push_of_which_one_is_bad(scene: Scene) -> str:
    passed, untested = _passed_and_untested(scene)
    refs = (f"{passed}:refs/heads/a", f"{untested}:refs/heads/b")
    return scene.outcome(scene.docker, "--atomic", "origin", *refs)


def a_mirror(scene: Scene) -> str:
    scene.verdict()
    scene.name("verdicts", scene.docker.git("rev-parse", "refs/guard/verdicts"))
    return scene.outcome(scene.docker, "--mirror", "origin")


# deletions


def a_deletion(scene: Scene) -> str:
    _at_remote(scene, "HEAD", "refs/heads/old")
    return scene.outcome(scene.docker, "origin", ":refs/heads/old")


def a_deletion_beside_a_bad_commit(scene: Scene) -> str:
    _at_remote(scene, "HEAD", "refs/heads/old")
    return scene.outcome(scene.docker, "origin", ":refs/heads/old", TOPIC)


# what is there already


def a_new_branch_at_the_default_branch(scene: Scene) -> str:
    """It brings nothing new."""
    scene.share()
    return scene.topic()


def a_new_branch_at_the_default_branch_that_has_failed(scene: Scene) -> str:
    scene.share()
    scene.verdict(Result.FAILED_TEST)
    return scene.topic()


def a_new_branch_of_aula_at_its_default_branch(scene: Scene) -> str:
    return scene.outcome(scene.aula, "origin", TOPIC)


def a_fast_forward_to_the_default_branch(scene: Scene) -> str:
    _at_remote(scene, "HEAD", "refs/heads/topic")
    scene.docker.commit("Go on", {"more": "x"})
    scene.share()
    return scene.topic()


def a_new_tag_at_the_default_branch(scene: Scene) -> str:
    scene.share()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/tags/t")


def a_fast_forward_to_what_another_branch_has(scene: Scene) -> str:
    scene.share()
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
    _at_remote(scene, "HEAD", "refs/heads/known")
    return scene.outcome(scene.docker, "origin", "HEAD:refs/heads/master")


def a_forced_push_back_to_an_old_commit(scene: Scene) -> str:
    old = scene.name("old", scene.docker.head)
    scene.verdict()
    scene.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
    scene.share()
    return scene.outcome(scene.docker, "--force", "origin", f"{old}:refs/heads/master")


def a_forced_push_of_an_unrelated_commit(scene: Scene) -> str:
    scene.share()
    tree = scene.docker.git("write-tree")
    other = scene.name("unrelated", scene.docker.git("commit-tree", "-m", "unrelated", tree))
    return scene.outcome(scene.docker, "--force", "origin", f"{other}:refs/heads/master")


# refs outside of branches and tags


def notes(scene: Scene) -> str:
    scene.docker.git("notes", "add", "-m", "a note")
    scene.name("notes", scene.docker.git("rev-parse", "refs/notes/commits"))
    return scene.outcome(scene.docker, "origin", "refs/notes/commits")


def a_change_for_review(scene: Scene) -> str:
    return scene.outcome(scene.docker, "origin", "HEAD:refs/for/master")


def a_change_for_review_with_options(scene: Scene) -> str:
    return scene.outcome(scene.docker, "origin", "HEAD:refs/for/refs/heads/master%topic=x")


def a_change_for_review_with_an_aula_on_a_branch(scene: Scene) -> str:
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/feature")
    scene.pass_pinned()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/for/master")


def a_change_for_review_with_an_aula_that_nobody_has_pushed(scene: Scene) -> str:
    scene.share()
    scene.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    scene.pass_pinned()
    return scene.outcome(scene.docker, "origin", "HEAD:refs/for/topic")


def a_pull_request(scene: Scene) -> str:
    return scene.outcome(scene.docker, "origin", "HEAD:refs/pull/7/head")


def a_ref_of_nobodys_folder(scene: Scene) -> str:
    return scene.outcome(scene.docker, "origin", "HEAD:refs/wip/x")


# where the remote is


def a_push_by_url(scene: Scene) -> str:
    scene.verdict()
    return scene.outcome(scene.docker, str(scene.root / "remotes/aula-docker.git"), TOPIC)


def a_push_to_a_fork(scene: Scene) -> str:
    fork = scene.root / "remotes/fork.git"
    scene.docker.git("init", "--quiet", "--bare", str(fork))
    scene.docker.git("remote", "add", "fork", str(fork))
    scene.verdict()
    return scene.outcome(scene.docker, "fork", "HEAD:refs/heads/master")


def names_beyond_ascii(scene: Scene) -> str:
    passed, untested = _passed_and_untested(scene)
    refs = (f"{untested}:refs/heads/grün/日本", f"{passed}:refs/heads/über")
    return scene.outcome(scene.docker, "origin", *refs)


def a_detached_head(scene: Scene) -> str:
    scene.docker.git("checkout", "--quiet", "--detach")
    scene.docker.commit("Change a byte", {"Dockerfile": "FROM localhost/base\n"})
    scene.verdict()
    return scene.outcome(scene.docker, "origin", TOPIC, "HEAD~:refs/heads/before")


def a_linked_worktree_that_has_passed(scene: Scene) -> str:
    scene.verdict()
    linked = Repo(scene.root / "linked")
    scene.docker.git("worktree", "add", "--quiet", "--detach", str(linked.folder))
    return scene.outcome(linked, "origin", TOPIC)
