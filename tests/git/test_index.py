"""Combinations out of the index, which is the user's: read through a copy, and left as it is."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.index import staged_tree
from guard.git.objects import GitObject, ObjectPool
from guard.git.refs import Ref, head_of, list_refs, resolve
from guard.model import Combination
from tests.repositories import MakeRepo
from tests.workshop import Repo

PINNED, STAGED = "1" * 40, "2" * 40


def stage(repo: Repo, path: str, commit: str) -> None:
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")


def entries(repo: Repo) -> dict[str, str]:
    """Path -> id of the index's tree, read as guard reads it."""
    with staged_tree(repo.repository) as combination, ObjectPool() as pool:
        assert combination is not None
        return _listed(pool, repo, combination)


def _listed(pool: ObjectPool, repo: Repo, combination: Combination) -> dict[str, str]:
    reader = pool.reader(repo.repository._replace(objects=combination.objects))
    found: dict[str, str] = {}
    waiting = [("", combination.tree)]
    while waiting:
        prefix, name = waiting.pop()
        tree: GitObject | None = reader.read(name)
        assert tree is not None
        for entry in tree.entries:
            path = prefix + os.fsdecode(entry.name)
            if entry.mode == 0o40000:
                waiting.append((f"{path}/", entry.id))
            else:
                found[path] = entry.id
    return found


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def docker(repo: Repo) -> Repo:
    """A superproject with one gitlink whose commit nobody has."""
    stage(repo, "aula", PINNED)
    repo.write({"Dockerfile": "FROM x\n"})
    repo.git("add", "Dockerfile")
    repo.git("commit", "--quiet", "-m", "one")
    return repo


def test_nothing_of_the_users_is_touched(docker: Repo) -> None:
    docker.write({"new/file": "staged\n", "untracked": "not staged\n", "Dockerfile": "changed\n"})
    docker.git("add", "new/file")
    before = files(docker.folder)
    assert set(entries(docker)) == {"Dockerfile", "aula", "new/file"}
    assert files(docker.folder) == before
    tree = docker.git("rev-parse", "HEAD:Dockerfile")
    assert entries(docker)["Dockerfile"] == tree  # the working tree is not what is staged


def test_the_private_objects_are_gone_afterwards(docker: Repo) -> None:
    docker.write({"new/file": "staged\n"})
    docker.git("add", "new/file")
    with staged_tree(docker.repository) as combination:
        assert combination is not None
        assert os.listdir(combination.objects)
    assert not os.path.exists(combination.objects)
    assert combination.commit is None
    assert combination.source == "the index"


@pytest.mark.parametrize("how", ["config", "gitmodules"])
def test_a_staged_gitlink_cannot_be_hidden(docker: Repo, how: str) -> None:
    if how == "config":
        docker.git("config", "submodule.aula.ignore", "all")
        docker.git("config", "diff.ignoreSubmodules", "all")
    text = '[submodule "aula"]\n\tpath = aula\n\turl = x\n\tignore = all\n'
    docker.commit("two", {".gitmodules": text})
    stage(docker, "aula", STAGED)
    assert docker.git("diff", "--cached") == ""  # so git hides it
    assert entries(docker)["aula"] == STAGED


def test_unmerged_entries_are_told(docker: Repo) -> None:
    blob = docker.git("rev-parse", "HEAD:Dockerfile")
    lines = "".join(f"100644 {blob} {number}\tDockerfile\n" for number in (1, 2, 3))
    docker.git("rm", "--quiet", "--cached", "Dockerfile")
    docker.git("update-index", "--index-info", data=lines.encode())
    with (
        pytest.raises(GuardError, match=r"unmerged entries \(Dockerfile\)") as caught,
        staged_tree(docker.repository),
    ):
        pass
    assert caught.value.remedy == (
        f"you: resolve Dockerfile, and stage it: git -C {docker.folder} status"
    )


def test_without_an_index_there_is_no_combination(docker: Repo, make_repo: MakeRepo) -> None:
    (docker.folder / ".git/index").unlink()
    with staged_tree(docker.repository) as combination:
        assert combination is None
    with staged_tree(make_repo("bare.git", "--bare").repository) as combination:
        assert combination is None


def test_what_is_only_intended_is_not_staged(docker: Repo) -> None:
    docker.write({"intended": "x\n"})
    docker.git("add", "--intent-to-add", "intended")
    assert set(entries(docker)) == {"Dockerfile", "aula"}


def test_a_split_index(docker: Repo) -> None:
    docker.git("update-index", "--split-index")
    stage(docker, "aula", STAGED)
    before = files(docker.folder)
    assert any("sharedindex" in name for name in before)
    assert entries(docker) == {
        "aula": STAGED,
        "Dockerfile": docker.git("rev-parse", "HEAD:Dockerfile"),
    }
    after = files(docker.folder)
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in before.items()
    }


def test_a_split_index_by_configuration_leaves_no_shared_index_behind(docker: Repo) -> None:
    docker.git("config", "core.splitIndex", "true")
    docker.git("config", "splitIndex.maxPercentChange", "100")
    docker.git("update-index", "--split-index")
    docker.write({"more": "x\n"})
    docker.git("add", "more")
    docker.git("config", "splitIndex.maxPercentChange", "0")  # who writes, shares anew
    before = set(files(docker.folder))
    assert set(entries(docker)) == {"Dockerfile", "aula", "more"}
    assert set(files(docker.folder)) == before


def test_each_worktree_has_its_own_index(docker: Repo) -> None:
    linked = Repo(docker.folder.with_name("linked"))
    docker.git("worktree", "add", "--quiet", "--detach", str(linked.folder))
    stage(linked, "aula", STAGED)
    assert entries(linked)["aula"] == STAGED
    assert entries(docker)["aula"] == PINNED


def test_a_path_with_a_colon_and_quotes(make_repo: MakeRepo) -> None:
    # Both have a meaning in git's lists of object folders.
    repo = make_repo('a:b "c" \\d')
    repo.commit("one", {"sub/file": "x\n"})
    repo.write({"sub/more": "staged\n"})
    repo.git("add", "sub/more")
    assert set(entries(repo)) == {"sub/file", "sub/more"}


def test_an_index_that_git_cannot_read_is_told(docker: Repo) -> None:
    (docker.folder / ".git/index").write_bytes(b"garbage")
    with pytest.raises(GuardError, match="index"), staged_tree(docker.repository):
        pass


def test_what_a_person_types_becomes_a_commit(docker: Repo) -> None:
    docker.git("tag", "-a", "-m", "tag", "v1")
    for revision in ("HEAD", "master", "v1", docker.head[:8], "HEAD^{/one}"):
        assert resolve(docker.repository, revision) == docker.head
    for revision in ("nowhere", "HEAD:Dockerfile", "--all", ""):
        with pytest.raises(GuardError, match="names no commit"):
            resolve(docker.repository, revision)


def test_head_before_and_after_the_first_commit(repo: Repo) -> None:
    assert head_of(repo.repository) is None
    commit = repo.commit()
    assert head_of(repo.repository) == commit
    repo.git("update-ref", "refs/heads/a/b", commit)
    repo.git("tag", "master")
    assert list_refs(repo.repository, "refs/heads/") == {
        "refs/heads/master": Ref(commit),
        "refs/heads/a/b": Ref(commit),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_temporary_place_has_a_remedy(
    make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo("docker")
    repo.commit("One", {"a": "a\n"})
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        with suppress(OSError):
            (disk / "filling").write_bytes(bytes(1 << 20))
        monkeypatch.setenv("TMPDIR", str(disk))
        with pytest.raises(GuardError) as raised, staged_tree(repo.repository):
            pass
        assert "No space left on device" in raised.value.problem
        assert raised.value.remedy == f"df -h {disk}; export TMPDIR=/var/tmp"
        assert os.listdir(disk) == ["filling"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
