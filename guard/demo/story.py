"""The incident step by step: what a person would type, and what should come of it."""

from __future__ import annotations

from pathlib import Path

from guard.demo import files
from guard.demo.world import World

_TOP = "aula-docker"
_AULA = "aula-docker/aula"


def tell(world: World, base: str, registry: str = "") -> None:
    """Tell the whole story.

    Args:
        base: the image that the superproject's Dockerfile starts from.
        registry: the address of one, "" for a story without.

    Raises:
        StepError: a step did not do what it should.
    """
    merge = _prepare(world, base)
    _install(world)
    _pin_no_release(world, merge)
    _align(world)
    _test_fails(world)
    _fix(world)
    if registry:
        _publish(world, registry)
    _push_both(world)


def _prepare(world: World, base: str) -> str:
    """The repositories; returns the merge that changes thentos's API, like 16d4829b."""
    world.step(
        "Three repositories, as they were on 2 March 2016",
        "aula-docker holds aula and thentos as submodules, and the Dockerfile of the image that",
        "CI and developers share. aula asks for thentos-core in any version, and uses the API of",
        "v0.2.1. thentos has just merged a change of that API; its packages still say 0.2.1.",
    )
    for name in ("thentos", "aula", "aula-docker"):
        remote = world.folder / "remotes" / f"{name}.git"
        world.quietly(world.folder, "git", "init", "--quiet", "--bare", str(remote))
    merge = _thentos(world, _clone(world, "thentos"))
    aula = _clone(world, "aula")
    world.commit(aula, "Log in through thentos", files.aula("", new_api=False))
    world.quietly(aula, "git", "push", "--quiet", "origin", "master")
    _superproject(world, base)
    world.show(
        "aula-docker/thentos", "git", "log", "--graph", "--oneline", "--decorate=short", "--all"
    )
    world.show(_TOP, "git", "submodule", "status", says=("(v0.2.1)",))
    world.show(_AULA, "grep", "-n", "thentos", "aula.cabal", "stack.yaml")
    return merge


def _clone(world: World, name: str) -> Path:
    """A clone of the people who write that repository, out of the way of the story."""
    folder = world.folder / "authors" / name
    remote = world.folder / "remotes" / f"{name}.git"
    world.quietly(world.folder, "git", "clone", "--quiet", str(remote), str(folder))
    return folder


def _thentos(world: World, folder: Path) -> str:
    def git(*words: str) -> str:
        return world.quietly(folder, "git", *words)

    world.commit(folder, "Release v0.2.1", files.thentos("0.2.1", new_api=False))
    git("tag", "v0.2.1")
    git("checkout", "--quiet", "-b", "form-handler")
    world.commit(folder, "Pass the method to form handlers", files.thentos("0.2.1", new_api=True))
    git("checkout", "--quiet", "master")
    git("merge", "--quiet", "--no-ff", "-m", "Merge branch form-handler", "form-handler")
    git("push", "--quiet", "origin", "master", "--tags")
    return git("rev-parse", "HEAD")


def _release(world: World) -> str:
    """What others do in thentos: a release, and the merge of it with the same tree."""
    folder = world.folder / "authors" / "thentos"

    def git(*words: str) -> str:
        return world.quietly(folder, "git", *words)

    git("checkout", "--quiet", "-b", "release")
    tagged = world.commit(folder, "Release v0.3.0", files.thentos("0.3.0", new_api=True))
    git("tag", "v0.3.0")
    git("checkout", "--quiet", "master")
    git("merge", "--quiet", "--no-ff", "-m", "Merge branch release", "release")
    git("push", "--quiet", "origin", "master", "--tags")
    return tagged


def _superproject(world: World, base: str) -> None:
    top = world.folder / _TOP
    remote = world.folder / "remotes" / "aula-docker.git"
    world.quietly(world.folder, "git", "clone", "--quiet", str(remote), str(top))
    for name in ("aula", "thentos"):
        world.quietly(
            top, "git", "submodule", "--quiet", "add", "-b", "master", f"../{name}.git", name
        )
    world.quietly(top / "thentos", "git", "checkout", "--quiet", "v0.2.1")
    world.commit(top, "Build the image with thentos v0.2.1", files.superproject(base))
    world.quietly(top, "git", "push", "--quiet", "-u", "origin", "master")


def _install(world: World) -> None:
    world.step(
        "guard is set up, once",
        "init takes the image's name and the tests from aula's .travis.yml; install puts the",
        "pre-push hook into aula-docker and aula.",
    )
    world.show(_TOP, "guard", "init", says=(".guard.toml",))
    world.show(_TOP, "git", "add", ".guard.toml")
    world.show(_TOP, "git", "commit", "--quiet", "-m", "Configure guard")
    world.quietly(world.folder / _TOP, "git", "push", "--quiet")
    world.show(_TOP, "guard", "install", says=("pre-push",))


def _pin_no_release(world: World, merge: str) -> None:
    world.step(
        "15:55. The image is moved to the newest thentos, which is no release",
        "In 2016 this push went through, and broke master for 47 hours.",
    )
    before = world.tip("aula-docker")
    world.show(_TOP, "git", "-C", "thentos", "checkout", "--quiet", merge[:12])
    world.show(_TOP, "git", "commit", "--quiet", "-a", "-m", "Update thentos")
    world.show(
        _TOP,
        "git",
        "push",
        status=None,
        says=("error release-tag", "which is no release", "the push is blocked"),
    )
    world.expect(world.tip("aula-docker") == before, "the remote has moved")


def _align(world: World) -> None:
    world.step(
        "17:14. thentos is released as v0.3.0, and guard align moves the pin to it",
        "The pin is right now, but nobody has built the image with it.",
    )
    tagged = _release(world)
    before = world.tip("aula-docker")
    world.show(_TOP, "git", "-C", "thentos", "fetch", "--tags", says=("v0.3.0",))
    world.show(_TOP, "guard", "align", says=("v0.3.0",))
    staged = world.quietly(world.folder / _TOP, "git", "rev-parse", ":thentos")
    world.expect(staged == tagged, f"{staged} is staged, not v0.3.0")
    world.show(_TOP, "git", "commit", "--quiet", "-m", "Update thentos to v0.3.0")
    world.show(
        _TOP,
        "git",
        "push",
        status=None,
        says=("error tested", "has not been built and tested", "the push is blocked"),
        never=("error release-tag",),
    )
    world.expect(world.tip("aula-docker") == before, "the remote has moved")


def _test_fails(world: World) -> None:
    world.step(
        "guard test builds the image and runs aula's tests in it",
        "They fail here, and not on everybody's master: v0.3.0 has the new API.",
    )
    before = world.tip("aula-docker")
    world.show(
        _TOP,
        "guard",
        "test",
        status=1,
        says=("formHandler takes 3 arguments", "failed at test", "verdict "),
    )
    world.step("The failed verdict blocks the push")
    world.show(
        _TOP,
        "git",
        "push",
        status=None,
        says=("error tested", "failed at test", "the push is blocked"),
    )
    world.expect(world.tip("aula-docker") == before, "the remote has moved")


def _fix(world: World) -> None:
    world.step(
        "aula is fixed: it calls the new API, and says which thentos it needs",
        "guard test in aula tests that commit of aula with the image's thentos.",
    )
    folder = world.folder / _AULA
    world.write(folder, files.aula(">=0.3.0 && <0.4", new_api=True))
    world.show(_AULA, "git", "diff", "--unified=0", says=(">=0.3.0",))
    world.show(
        _AULA, "git", "commit", "--quiet", "-a", "-m", "Use the form handlers of thentos 0.3"
    )
    world.show(_AULA, "guard", "test", says=("passed: verdict ",))


def _publish(world: World, registry: str) -> None:
    world.step(
        "The image that passed is published, so that CI tests aula in it",
        "Where the images go is no part of how they are made: the verdict holds. The tag says",
        "what is in the image, and never changes; latest is for releases, and aula is at none.",
    )
    config = world.folder / _TOP / ".guard.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"example/aula"', f'"{registry}/example/aula"'), "utf-8")
    world.show(_TOP, "git", "diff", "--unified=0", ".guard.toml", says=(registry,))
    commit = ("git", "commit", "--quiet", "-m", "Publish to the registry", ".guard.toml")
    world.show(_TOP, *commit)
    world.show(_AULA, "guard", "publish", says=("published: ", "-thentos-v0.3.0", "@sha256:"))
    world.show(
        *(_AULA, "guard", "publish", "--latest"),
        status=1,
        says=("latest moves to releases only",),
    )
    world.show(_AULA, "guard", "log", "--passed", says=("published ",))


def _push_both(world: World) -> None:
    world.step("That verdict lets both pushes through: aula's first")
    world.show(_AULA, "git", "push", says=("allowed",), never=("blocked",))
    aula = world.quietly(world.folder / _AULA, "git", "rev-parse", "HEAD")
    world.expect(world.tip("aula") == aula, "the remote has not moved")
    world.step("Then aula-docker's", "The same content needs no second build.")
    world.show(_TOP, "git", "add", "aula")
    world.show(_TOP, "git", "commit", "--quiet", "-m", "Update aula to what fits thentos v0.3.0")
    world.show(_TOP, "guard", "status", says=("passed",), never=("blocked", "undecided"))
    world.show(_TOP, "git", "push", says=("allowed",), never=("blocked",))
    top = world.folder / _TOP
    head = world.quietly(top, "git", "rev-parse", "HEAD")
    world.expect(world.tip("aula-docker") == head, "the remote has not moved")
    titles = world.quietly(top, "git", "log", "--format=%s", "refs/guard/verdicts").splitlines()
    tested = [title for title in titles if not title.startswith("published")]
    passed = [title for title in tested if title.startswith("passed")]
    world.expect(len(tested) == 2 and len(passed) == 1, f"there are other verdicts: {titles}")
