"""Every shape of a push, with the real hook: none lets an untested commit through, and none blocks
what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workshop import GUARD_TOML, Ran, Repo, Workshop

Shape = Callable[[Workshop, str], Ran]


def _one(workshop: Workshop, commit: str) -> Ran:
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x")


def _several(workshop: Workshop, commit: str) -> Ran:
    good = workshop.docker.head
    refs = [f"{good}:refs/heads/a", f"{commit}:refs/heads/m", f"{good}:refs/heads/z"]
    return workshop.push(workshop.docker, "origin", *refs)


def _all(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("branch", "other", commit)
    return workshop.push(workshop.docker, "--all", "origin")


def _mirror(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("branch", "other", commit)
    return workshop.push(workshop.docker, "--mirror", "origin")


def _light_tag(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("tag", "t", commit)
    return workshop.push(workshop.docker, "--tags", "origin")


def _tag_of_a_tag(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("tag", "-a", "-m", "inner", "inner", commit)
    workshop.docker.git("tag", "-a", "-m", "outer", "outer", "inner")
    return workshop.push(workshop.docker, "origin", "refs/tags/outer")


def _follow_tags(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("tag", "-a", "-m", "t", "t", commit)
    return workshop.push(workshop.docker, "--follow-tags", "origin", f"{commit}:refs/heads/x")


def _tag_and_branch_of_one_name(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("branch", "same", commit)
    workshop.docker.git("tag", "same", workshop.docker.head)
    return workshop.push(workshop.docker, "origin", "refs/heads/same:refs/heads/same")


def _force(workshop: Workshop, commit: str) -> Ran:
    tree = workshop.docker.git("write-tree")
    other = workshop.docker.git("commit-tree", "-m", "unrelated", tree)
    workshop.push(workshop.docker, "--no-verify", "origin", f"{other}:refs/heads/x")
    return workshop.push(workshop.docker, "--force", "origin", f"{commit}:refs/heads/x")


def _a_known_commit_under_a_new_name(workshop: Workshop, commit: str) -> Ran:
    workshop.push(workshop.docker, "--no-verify", "origin", f"{commit}:refs/heads/known")
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x")


def _with_a_deletion(workshop: Workshop, commit: str) -> Ran:
    good = workshop.docker.head
    workshop.push(workshop.docker, "--no-verify", "origin", f"{good}:refs/heads/old")
    return workshop.push(workshop.docker, "origin", ":refs/heads/old", f"{commit}:refs/heads/x")


def _by_url(workshop: Workshop, commit: str) -> Ran:
    url = str(workshop.root / "remotes/aula-docker.git")
    return workshop.push(workshop.docker, url, f"{commit}:refs/heads/x")


def _atomic(workshop: Workshop, commit: str) -> Ran:
    good = workshop.docker.head
    refs = [f"{good}:refs/heads/a", f"{commit}:refs/heads/x"]
    return workshop.push(workshop.docker, "--atomic", "origin", *refs)


def _detached(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("checkout", "--quiet", "--detach", commit)
    return workshop.push(workshop.docker, "origin", "HEAD:refs/heads/x")


def _linked_worktree(workshop: Workshop, commit: str) -> Ran:
    linked = Repo(workshop.root / "linked")
    workshop.docker.git("worktree", "add", "--quiet", "--detach", str(linked.folder), commit)
    return workshop.push(linked, "origin", "HEAD:refs/heads/x")


def _from_a_folder_inside(workshop: Workshop, commit: str) -> Ran:
    (workshop.docker.folder / "deep/er").mkdir(parents=True)
    at = Repo(workshop.docker.folder / "deep/er")
    return workshop.push(at, "origin", f"{commit}:refs/heads/x")


def _beyond_ascii(workshop: Workshop, commit: str) -> Ran:
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/grün/日本")


def _beyond_a_line(workshop: Workshop, commit: str) -> Ran:
    """Names that hold what ends a line by Unicode, and not for git; colleagues have some, too."""
    for repo in (workshop.docker, workshop.aula, workshop.thentos):
        repo.git("update-ref", "refs/remotes/origin/a\u2028b\x85c", repo.head)
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/a\u2029b\xa0\x85c")


def _two_hundred_refs(workshop: Workshop, commit: str) -> Ran:
    names = [f"{commit}:refs/heads/many/{n}" for n in range(200)]
    return workshop.push(workshop.docker, "origin", *names)


def _shallow_clone(workshop: Workshop, commit: str) -> Ran:
    # A remote takes nothing whose history it would not have.
    workshop.push(workshop.docker, "--no-verify", "origin", f"{commit}:refs/heads/known")
    return _from_a_clone(workshop, commit, "--depth=1")


def _partial_clone(workshop: Workshop, commit: str) -> Ran:
    workshop.docker.git("config", "uploadpack.allowFilter", "true")
    return _from_a_clone(workshop, commit, "--filter=blob:none")


def _bare_clone(workshop: Workshop, commit: str) -> Ran:
    return _from_a_clone(workshop, commit, "--bare")


def _from_a_clone(workshop: Workshop, commit: str, option: str) -> Ran:
    workshop.docker.git("branch", "--force", "cloned", commit)
    folder = workshop.root / "clone"
    source = f"file://{workshop.docker.folder}"
    workshop.docker.git("clone", "--quiet", option, "--branch=cloned", source, str(folder))
    clone = Repo(folder)
    clone.git("fetch", "--quiet", "--no-filter", "origin", "+refs/guard/*:refs/guard/*")
    for name in ("aula", "thentos"):
        clone.git("config", f"guard.repository.{name}", str(workshop.docker.folder / name))
    assert workshop.guard("install", at=clone).status == 0
    url = str(workshop.root / "remotes/aula-docker.git")
    return workshop.push(clone, url, "HEAD:refs/heads/x")


def _replaced(workshop: Workshop, commit: str) -> Ran:
    other = workshop.docker.head
    if other == commit:
        other = _untested(workshop.docker)
    workshop.docker.git("replace", commit, other)
    workshop.docker.git("replace", f"{commit}^{{tree}}", f"{other}^{{tree}}")
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x")


def _grafted(workshop: Workshop, commit: str) -> Ran:
    grafts = workshop.docker.folder / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{commit}\n")
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x")


def _names_like_our_own(workshop: Workshop, commit: str) -> Ran:
    refs = [f"refs/{kind}/refs/guard/verdicts" for kind in ("tags", "heads")]
    for ref in (*refs, "refs/tags/HEAD", "refs/heads/HEAD"):
        workshop.docker.git("update-ref", ref, commit)
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x", *refs)


def _by_git_dir(workshop: Workshop, commit: str) -> Ran:
    folder = workshop.docker.folder
    named = {"GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(folder)}
    at = Repo(workshop.root / "remotes")
    return workshop.push(at, "origin", f"{commit}:refs/heads/x", **named)


def _among_hostile_python(workshop: Workshop, commit: str) -> Ran:
    evil = "import os\nos._exit(0)\n"
    names = ("sitecustomize.py", "usercustomize.py", "site.py", "guard/__init__.py", "json.py")
    workshop.docker.write(dict.fromkeys(names, evil))
    folder = str(workshop.docker.folder)
    hostile = {"PYTHONPATH": folder, "PYTHONHOME": folder, "PYTHONUSERBASE": folder}
    return workshop.push(workshop.docker, "origin", f"{commit}:refs/heads/x", **hostile)


SHAPES: list[Shape] = [
    _one,
    _several,
    _all,
    _mirror,
    _light_tag,
    _tag_of_a_tag,
    _follow_tags,
    _tag_and_branch_of_one_name,
    _force,
    _a_known_commit_under_a_new_name,
    _with_a_deletion,
    _by_url,
    _atomic,
    _detached,
    _linked_worktree,
    _from_a_folder_inside,
    _beyond_ascii,
    _beyond_a_line,
    _two_hundred_refs,
    _shallow_clone,
    _partial_clone,
    _bare_clone,
    _replaced,
    _grafted,
    _names_like_our_own,
    _by_git_dir,
    _among_hostile_python,
]


def _untested(repo: Repo) -> str:
    """A commit with one file more than the one that has passed, in no branch."""
    blob = repo.git("hash-object", "-w", "--stdin", data=b"more\n")
    tree = repo.git("ls-tree", "HEAD") + f"\n100644 blob {blob}\tuntested\n"
    made = repo.git("mktree", data=tree.encode())
    return repo.git("commit-tree", "-p", "HEAD", "-m", "untested", made)


def _refs(workshop: Workshop, name: str = "aula-docker") -> str:
    return Repo(workshop.root / "remotes" / f"{name}.git").git("for-each-ref")


@pytest.fixture(params=["sha1"])
def ready(tmp_path: Path, request: pytest.FixtureRequest) -> Workshop:
    workshop = Workshop(tmp_path, request.param)
    workshop.install()
    workshop.verdict()
    return workshop


@pytest.mark.parametrize("shape", SHAPES)
def test_what_has_passed_is_pushed(ready: Workshop, shape: Shape) -> None:
    good = ready.docker.head
    ran = shape(ready, good)
    assert ran.status == 0, ran.text
    assert good in _refs(ready) or "tag" in _refs(ready)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_has_not_is_blocked(ready: Workshop, shape: Shape) -> None:
    bad = _untested(ready.docker)
    ran = shape(ready, bad)
    assert ran.status != 0, ran.text
    assert "guard" in ran.text
    assert "Traceback" not in ran.text
    assert bad not in _refs(ready).replace(f"{bad} commit\trefs/heads/known", "")


@pytest.mark.parametrize("ready", ["sha256"], indirect=True)
@pytest.mark.parametrize("shape", [_one, _several, _tag_of_a_tag, _linked_worktree])
def test_sha256(ready: Workshop, shape: Shape) -> None:
    bad = _untested(ready.docker)
    assert shape(ready, bad).status != 0
    assert bad not in _refs(ready)


@pytest.mark.parametrize("ready", ["sha256"], indirect=True)
def test_sha256_that_has_passed(ready: Workshop) -> None:
    ran = _several(ready, ready.docker.head)
    assert ran.status == 0, ran.text


def test_deletions_of_everything(ready: Workshop) -> None:
    ready.push(ready.docker, "--no-verify", "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/b")
    ran = ready.push(ready.docker, "origin", ":refs/heads/a", ":refs/heads/b")
    assert ran.status == 0, ran.text
    assert not _refs(ready)


def test_ten_thousand_refs(ready: Workshop) -> None:
    """One bad commit in the middle of many good ones; and the good ones alone."""
    good, bad = ready.docker.head, _untested(ready.docker)
    packed = ready.docker.folder / ".git/packed-refs"
    assert not packed.exists()

    def branches(odd: str) -> None:
        commits = {5000: odd}
        lines = (f"{commits.get(n, good)} refs/heads/some/{n:05}\n" for n in range(10_000))
        packed.write_text(f"# pack-refs with: sorted\n{''.join(lines)}")

    branches(bad)
    ran = ready.push(ready.docker, "origin", "refs/heads/some/*")
    assert ran.status != 0
    assert "to refs/heads/some/05000: blocked" in ran.text
    assert "9999 other refs are allowed by themselves" in ran.text
    assert not _refs(ready)
    branches(good)
    ran = ready.push(ready.docker, "--dry-run", "origin", "refs/heads/some/*")
    assert ran.status == 0, ran.text[-2000:]
    assert "guard: aula-docker: 10000 refs allowed" in ran.text


def test_refs_that_are_not_protected(ready: Workshop) -> None:
    protect = '[guard]\nprotect = ["*", "!refs/heads/wip/*", "!nightly-*"]\n'
    good = ready.docker.commit("Leave some out", {".guard.toml": protect + GUARD_TOML})
    ready.verdict()
    bad = _untested(ready.docker)
    free = [f"{bad}:refs/heads/wip/x", f"{bad}:refs/tags/nightly-1"]
    ran = ready.push(ready.docker, "origin", *free)
    assert ran.status == 0, ran.text
    assert "is not judged: .guard.toml does not protect it" in ran.text
    for ref in ("refs/heads/x", "refs/tags/x", "refs/heads/wipx"):
        assert ready.push(ready.docker, "origin", *free, f"{bad}:{ref}").status != 0
        assert ready.push(ready.docker, "origin", *free, f"{good}:{ref}").status == 0


# the consumer


@pytest.mark.parametrize("where", ["submodule", "sibling", "linked"])
def test_aula_from_its_places(ready: Workshop, where: str) -> None:
    aula = ready.aula
    if where == "sibling":
        aula = Repo(ready.root / "aula")
        ready.aula.git("clone", "--quiet", str(ready.root / "remotes/aula.git"), str(aula.folder))
    elif where == "linked":
        linked = ready.root / "linked"
        ready.docker.git("worktree", "add", "--quiet", "--detach", str(linked))
        Repo(linked).git("submodule", "--quiet", "update", "--init")
        aula = Repo(linked / "aula")
        assert "worktrees" in aula.git("rev-parse", "--git-dir")
    ready.install()
    ran = ready.push(aula, "origin", "HEAD:refs/heads/x")
    assert ran.status == 0, ran.text
    bad = _untested(aula)
    ran = ready.push(aula, "origin", f"{bad}:refs/heads/y")
    assert ran.status != 0
    assert "Traceback" not in ran.text
    assert bad not in _refs(ready, "aula")


def test_thentos_is_not_judged(ready: Workshop) -> None:
    """A hook that all repositories share runs for its pushes, too."""
    shared = ready.root / "shared"
    shared.mkdir()
    hook = shared / "pre-push"
    hook.write_bytes((ready.docker.folder / ".git/hooks/pre-push").read_bytes())
    hook.chmod(0o755)
    ready.docker.git("config", "--global", "core.hooksPath", str(shared))
    commit = ready.release("0.3.1")
    ran = ready.push(ready.thentos, "origin", "v0.3.1", "HEAD:refs/heads/master")
    assert ran.status == 0, ran.text
    assert "guard: a push of thentos is not judged" in ran.text
    assert ready.remote_head("thentos") == commit
    ready.aula.commit("Not tested", {"x.hs": "x"})
    assert ready.push(ready.aula, "origin", "HEAD:refs/heads/topic").status == 1


def test_aula_by_git_dir(ready: Workshop) -> None:
    """What ties git to aula must not tie it to aula in aula-docker and thentos."""
    named = {
        "GIT_DIR": str(ready.docker.folder / ".git/modules/aula"),
        "GIT_WORK_TREE": str(ready.aula.folder),
    }
    at = Repo(ready.root / "remotes")
    ran = ready.push(at, "origin", "HEAD:refs/heads/x", **named)
    assert ran.status == 0, ran.text
    bad = _untested(ready.aula)
    assert ready.push(at, "origin", f"{bad}:refs/heads/y", **named).status != 0
    assert bad not in _refs(ready, "aula")


def test_pushing_both_judges_each_once(ready: Workshop) -> None:
    ready.aula.git("checkout", "--quiet", "-B", "master")
    ready.aula.commit("Say more", {"more": "x\n"})
    ready.pin(thentos=ready.thentos.head)
    ready.verdict()
    ready.docker.git("config", "push.recurseSubmodules", "on-demand")
    ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/master")
    assert ran.status == 0, ran.text
    said = [line for line in ran.text.splitlines() if line.startswith("guard: ")]
    assert len([line for line in said if "allowed" in line]) == 2, ran.text
    assert ready.aula.head in _refs(ready, "aula")


def test_nothing_of_the_hooks_environment_leaks(ready: Workshop) -> None:
    ready.push(ready.docker, "--no-verify", "origin", "HEAD:refs/heads/x")
    index = str(ready.root / "no index")
    bad = _untested(ready.docker)
    leaks = {"GIT_INDEX_FILE": index, "GIT_PREFIX": "x/"}
    ran = ready.push(ready.docker, "origin", f"{bad}:refs/heads/y", **leaks)
    assert ran.status != 0
    ran = ready.push(ready.docker, "origin", f"{bad}:refs/heads/y", GIT_QUARANTINE_PATH=index)
    assert "blocked" in ran.text
    ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/z", **leaks)
    assert ran.status == 0, ran.text
