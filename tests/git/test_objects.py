"""Objects: there, missing, promised, replaced, damaged."""

from __future__ import annotations

import subprocess

import pytest

from guard.errors import GitError
from guard.git.objects import GitObject, ObjectKind, ObjectPool, ObjectReader
from guard.git.repository import Repository
from tests.repositories import MakeRepo
from tests.workshop import Repo

ABSENT = "1" * 40


def read(repository: Repository, *names: str) -> list[GitObject | None]:
    with ObjectPool() as pool:
        return pool.reader(repository).read_all(names)


def loose(repo: Repo, name: str) -> str:
    path = repo.folder / ".git/objects" / name[:2] / name[2:]
    path.chmod(0o644)
    return str(path)


def test_objects_come_in_the_order_they_were_asked_for(repo: Repo) -> None:
    commit = repo.commit("one", {"a": "A\n", "b": b"\0binary \xff\n\n", "empty": ""})
    tree, first, none, binary, empty, again = read(
        repo.repository,
        f"{commit}^{{tree}}",
        f"{commit}:a",
        ABSENT,
        f"{commit}:b",
        f"{commit}:empty",
        f"{commit}:a",
    )
    assert none is None
    assert tree is not None and first is not None and binary is not None and empty is not None
    assert (tree.type, [item.name for item in tree.entries]) == ("tree", [b"a", b"b", b"empty"])
    assert (first.data, binary.data, empty.data) == (b"A\n", b"\0binary \xff\n\n", b"")
    assert again == first


def test_more_questions_than_a_pipe_holds(repo: Repo) -> None:
    commit = repo.commit("big", {"big": b"x" * 100_000})
    names = [f"{commit}:big", ABSENT] * 3000  # 300 MB of answers, 180 kB of questions
    with ObjectPool() as pool:
        reader = pool.reader(repo.repository)
        found = reader.read_all(names[:600])
        kinds = reader.kinds(names)
    assert [item is None for item in found] == [False, True] * 300
    assert [kind.type if kind else None for kind in kinds] == ["blob", None] * 3000


def test_kinds_peel_tags(repo: Repo) -> None:
    commit = repo.commit()
    repo.git("tag", "-a", "-m", "tag", "v1")
    repo.git("tag", "-a", "-m", "tag of a tag", "v2", "v1")
    tag = repo.git("rev-parse", "v2")
    reader = ObjectReader(repo.repository)
    assert reader.kinds([tag, f"{tag}^{{}}", f"{ABSENT}^{{}}"]) == [
        ObjectKind(tag, "tag"),
        ObjectKind(commit, "commit"),
        None,
    ]
    assert reader.kinds([]) == []


def test_a_large_object_is_streamed_whole(repo: Repo) -> None:
    content = bytes(range(256)) * 20_000
    commit = repo.commit("big", {"big": content})
    with ObjectPool() as pool:
        reader = pool.reader(repo.repository)
        streamed = reader.stream(f"{commit}:big")
        assert streamed is not None
        size, pieces = streamed
        assert size == len(content)
        assert b"".join(pieces) == content
        assert reader.stream(ABSENT) is None
        assert reader.read(commit) is not None


def test_a_blob_is_no_tree(repo: Repo) -> None:
    commit = repo.commit("one", {"a": "not a tree\n"})
    (found,) = read(repo.repository, f"{commit}:a")
    assert found is not None
    with pytest.raises(GitError, match=f"object {found.id} is no readable tree"):
        _ = found.entries


def test_a_truncated_object_is_an_error_and_not_missing(repo: Repo) -> None:
    commit = repo.commit("big", {"big": bytes(range(256)) * 4000, "small": "small\n"})
    name = repo.git("rev-parse", f"{commit}:big")
    with open(loose(repo, name), "r+b") as file:
        file.truncate(300)
    with ObjectPool() as pool:
        reader = pool.reader(repo.repository)
        with pytest.raises(GitError, match="ended too early") as caught:
            reader.read_all([f"{commit}:small", name])
        assert caught.value.remedy == f"git --git-dir={repo.folder}/.git fsck"
        small = reader.read(f"{commit}:small")  # another process serves what is sound
        assert small is not None and small.data == b"small\n"


def test_a_damaged_pack_is_an_error_and_not_missing(repo: Repo) -> None:
    commit = repo.commit("big", {"big": bytes(range(256)) * 4000})
    name = repo.git("rev-parse", f"{commit}:big")
    repo.git("gc", "--quiet")
    (pack,) = (repo.folder / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    offset = int(
        next(
            line.split()[4]
            for line in repo.git("verify-pack", "-v", str(pack)).splitlines()
            if line.startswith(name)
        )
    )
    with open(pack, "r+b") as file:
        file.seek(offset + 40)
        file.write(b"\xff" * 20)
    with pytest.raises(GitError, match=r"ended too early.*corrupt"):
        read(repo.repository, name)


def test_a_folder_that_is_no_repository_is_an_error(make_repo: MakeRepo) -> None:
    folder = str(make_repo("repo").folder)
    with pytest.raises(GitError, match="not a git repository"):
        read(Repository(folder, folder), ABSENT)
    with pytest.raises(GitError, match="cannot be run"):
        read(Repository(f"{folder}/gone", f"{folder}/gone"), ABSENT)


def test_a_replace_ref_does_not_show(repo: Repo) -> None:
    bad = repo.commit("bad", {"a": "bad\n"})
    good = repo.commit("good", {"a": "good\n"})
    repo.git("replace", bad, good)
    assert repo.git("show", f"{bad}:a") == "good"
    (found,) = read(repo.repository, f"{bad}:a")
    assert found is not None and found.data == b"bad\n"


def test_other_repositories_in_the_environment_have_no_effect(
    repo: Repo, make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit("one", {"a": "A\n"})
    other = make_repo("other")
    foreign = other.commit("foreign", {"b": "B\n"})
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.folder / ".git/index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.folder / ".git/objects"))
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(other.folder / ".git/objects"))
    monkeypatch.setenv("GIT_NAMESPACE", "elsewhere")
    monkeypatch.setenv("GIT_COMMON_DIR", str(other.folder / ".git"))
    found, missing = read(repo.repository, f"{commit}:a", foreign)
    assert found is not None and found.data == b"A\n"
    assert missing is None


class TestPartialClone:
    @pytest.fixture
    def partial(self, repo: Repo, make_repo: MakeRepo) -> Repo:
        repo.commit("one", {"a": "A\n", "b": "B\n"})
        repo.git("config", "uploadpack.allowFilter", "true")
        repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
        folder = repo.folder.with_name("partial")
        url = f"file://{repo.folder}"
        command = ["git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", url]
        subprocess.run([*command, str(folder)], check=True)
        return Repo(folder)

    def test_a_promised_object_is_missing_and_is_not_fetched(self, partial: Repo) -> None:
        names = [f"{partial.head}:{path}" for path in ("a", "b")]
        tree, first, second, commit = read(
            partial.repository, f"{partial.head}^{{tree}}", *names, partial.head
        )
        assert tree is not None and commit is not None
        assert (first, second) == (None, None)
        missing = partial.git("rev-list", "--objects", "--missing=print", "HEAD").splitlines()
        assert len([line for line in missing if line.startswith("?")]) == 2

    def test_git_itself_would_have_fetched_it(self, partial: Repo) -> None:
        # That the test above can fail: the same question, asked as git usually is.
        assert partial.git("cat-file", "blob", f"{partial.head}:a") == "A"


def test_a_ref_is_no_tag_of_its_name(repo: Repo) -> None:
    first, second = repo.commit("one", {"a": "1"}), repo.commit("two", {"a": "2"})
    for name, commit in (("refs/tags/gone", first), ("refs/tags/both", first), ("both", second)):
        repo.git("update-ref", f"refs/tags/{name}", commit)
    with ObjectPool() as pool:
        names = [
            "refs/tags/gone",
            "refs/tags/gone:a",
            "refs/tags/both^{commit}",
            "refs/tags/both:a",
        ]
        gone, file, both, content = pool.reader(repo.repository).read_refs(names)
    assert (gone, file) == (None, None)
    assert both is not None and both.id == second
    assert content is not None and content.data == b"2"
