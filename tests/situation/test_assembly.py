"""The key of a combination: every byte of the content counts, and nothing else does."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from guard.config import Config, Image
from guard.errors import ConfigError, GitError, MissingObjectError
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.store import Store
from guard.model import Combination
from guard.situation.assembly import Assembly, assemble
from guard.situation.contents import Submodules, of_commit, with_consumer
from guard.situation.workspace import Workspace
from tests.workshop import GUARD_TOML, Repo, Workshop


def assembled(
    workshop: Workshop,
    commit: str = "",
    consumer: str = "",
    config: Config | None = None,
    repo: Repo | None = None,
) -> Assembly:
    config = config or Config()
    repository = (repo or workshop.docker).repository
    with ObjectPool() as pool:
        combination = of_commit(repository, pool, commit or (repo or workshop.docker).head, "")
        if consumer:
            combination = with_consumer(combination, config.consumer, consumer)
        memo = Memo(str(workshop.root / "no-memo"))
        submodules = Submodules(Workspace(repository, repository), pool, config, memo)
        return assemble(submodules, Store(pool, (repository,)), combination)


def key(workshop: Workshop, commit: str = "") -> str:
    return assembled(workshop, commit).key


def as_git_writes_it(repo: Repo, scratch: Path, left_out: tuple[str, ...] = ()) -> str:
    """The tree of HEAD, each gitlink's id that of the submodule's content, by git's own index.

    It is written into a repository that has nothing else: git asks for no object of a gitlink.
    """
    object_format = repo.git("rev-parse", "--show-object-format")
    git_dir = scratch / "scratch.git"
    repo.git("init", "--quiet", "--bare", f"--object-format={object_format}", str(git_dir))
    lines = []
    for line in repo.git("ls-tree", "-r", "HEAD").splitlines():
        head, path = line.split("\t")
        mode, _, oid = head.split(" ")
        if mode == "160000":
            oid = as_git_writes_it(Repo(repo.folder / path), scratch)
        if path not in left_out:
            lines.append(f"{mode} {oid}\t{path}\n")
    index = {"GIT_DIR": str(git_dir), "GIT_INDEX_FILE": str(scratch / "index-of-the-whole")}
    repo.git("update-index", "--index-info", data="".join(lines).encode(), env=index)
    written = repo.git("write-tree", "--missing-ok", env=index)
    Path(index["GIT_INDEX_FILE"]).unlink()
    return written


def nest(workshop: Workshop, path: str = "submodules/servant") -> Repo:
    """Give thentos a submodule, and pin that."""
    bare = workshop.root / "remotes/servant.git"
    shutil.copytree(workshop.root / "remotes/aula.git", bare)
    workshop.thentos.git("submodule", "--quiet", "add", str(bare), path)
    workshop.thentos.commit("Take servant as a submodule")
    workshop.pin()
    return Repo(workshop.thentos.folder / path)


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_the_key_is_the_tree_that_git_would_write_of_such_gitlinks(
    tmp_path: Path, object_format: str
) -> None:
    workshop = Workshop(tmp_path, object_format)
    expected = as_git_writes_it(workshop.docker, tmp_path, (".guard.toml",))
    assert len(expected) == (40 if object_format == "sha1" else 64)
    assert key(workshop) == expected
    nest(workshop)
    nested = as_git_writes_it(workshop.docker, tmp_path, (".guard.toml",))
    assert key(workshop) == nested != expected


def test_nested_submodules_are_part_of_it(workshop: Workshop) -> None:
    servant = nest(workshop)
    assembly = assembled(workshop)
    assert [(part.path, part.commit) for part in assembly.parts] == [
        ("", workshop.docker.head),
        ("aula", workshop.aula.head),
        ("thentos", workshop.thentos.head),
        ("thentos/submodules/servant", servant.head),
    ]


class TestWhatKeepsTheKey:
    def test_other_messages(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.docker.git("commit", "--quiet", "--amend", "-m", "Said better")
        assert key(workshop) == before
        workshop.aula.git("commit", "--quiet", "--amend", "-m", "Said better")
        assert workshop.pin() and key(workshop) == before

    def test_a_squash_merge_with_the_same_content(self, workshop: Workshop) -> None:
        start = workshop.aula.head
        workshop.aula.commit("first half", {"src/a.hs": "a\n"})
        workshop.aula.commit("second half", {"src/b.hs": "b\n"})
        workshop.pin()
        before = key(workshop)
        workshop.aula.git("reset", "--quiet", "--soft", start)
        workshop.aula.commit("both")
        workshop.pin("squashed")
        assert key(workshop) == before

    def test_a_commit_that_restores(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.docker.commit("break it", {"Dockerfile": "FROM nothing\n"})
        assert key(workshop) != before
        workshop.docker.commit("restore it", workshop.docker_files())
        assert key(workshop) == before

    def test_guards_own_file(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.docker.commit("policy", {".guard.toml": GUARD_TOML + "# another line\n"})
        assert key(workshop) == before
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        workshop.docker.commit("no policy")
        assert key(workshop) == before

    def test_the_submodules_commit_that_has_the_same_tree(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.thentos.commit("nothing new")
        workshop.pin()
        assert key(workshop) == before


IGNORING = Config(image=Image(ignore=("README.md", "docs/manual", "notes")))


class TestWhatIsLeftOut:
    def test_changes_of_it_keep_the_key(self, workshop: Workshop) -> None:
        """A folder that holds nothing else is no content, either: no checkout has it."""
        before = assembled(workshop, config=IGNORING).key
        assert before == key(workshop)
        for files in (
            {"README.md": "read\n", "docs/manual/a": "a\n", "notes": "a file\n"},
            {"README.md": "read again\n", "docs/manual/b/c": "c\n"},
        ):
            workshop.docker.commit("docs", files)
            assert assembled(workshop, config=IGNORING).key == before != key(workshop)
        workshop.docker.git("rm", "--quiet", "-r", "README.md", "docs", "notes")
        workshop.docker.commit("A folder in its place", {"notes/1": "1\n", "README.md/1": "1\n"})
        assert assembled(workshop, config=IGNORING).key == before

    @pytest.mark.parametrize("path", ["README.md.in", "docs/manual.md", "docs/x", "a/README.md"])
    def test_changes_of_what_only_looks_like_it_do_not(self, workshop: Workshop, path: str) -> None:
        workshop.docker.commit("docs", {"README.md": "read\n", "docs/manual/a": "a\n"})
        before = assembled(workshop, config=IGNORING).key
        workshop.docker.commit("another file", {path: "x\n"})
        assert assembled(workshop, config=IGNORING).key != before

    @pytest.mark.parametrize("path", ["README.md", "docs/manual/a"])
    def test_the_submodules_are_whole(self, workshop: Workshop, path: str) -> None:
        before = assembled(workshop, config=IGNORING).key
        workshop.aula.commit("docs of aula", {path: "x\n"})
        workshop.pin()
        assert assembled(workshop, config=IGNORING).key != before

    @pytest.mark.parametrize("ignored", ["docs", "docs/theme", "docs/theme/fonts"])
    def test_no_submodule_hides_in_it(self, workshop: Workshop, ignored: str) -> None:
        bare = str(workshop.root / "remotes/aula.git")
        workshop.docker.git("submodule", "--quiet", "add", bare, "docs/theme")
        workshop.docker.commit("Take a theme")
        with pytest.raises(ConfigError) as caught:
            assembled(workshop, config=Config(image=Image(ignore=(ignored,))))
        assert caught.value.problem == (
            f".guard.toml: image.ignore must leave docs/theme alone, and names {ignored!r}"
        )
        assert caught.value.remedy == "correct .guard.toml"


class TestWhatLosesTheKey:
    def test_a_folder_with_the_files_of_the_submodule(self, workshop: Workshop) -> None:
        """Attributes end at a gitlink, and not at a folder."""
        before = key(workshop)
        workshop.docker.git("rm", "--quiet", "--cached", "thentos", ".gitmodules")
        (workshop.thentos.folder / ".git").unlink()
        workshop.docker.git("add", "--all", "thentos")
        own = '[submodule "aula"]\n\tpath = aula\n\turl = ../aula.git\n'
        workshop.docker.commit("Vendor thentos", {".gitmodules": own})
        tree = workshop.docker.git("rev-parse", "HEAD:thentos")
        assert tree == Repo(workshop.root / "source").git("rev-parse", "v0.3.0^{tree}")
        vendored = key(workshop)
        # With the file that names it as it was, too.
        workshop.docker.git("checkout", "--quiet", "HEAD~", "--", ".gitmodules")
        workshop.docker.commit("Name it as before")
        assert before not in (vendored, key(workshop))

    @pytest.mark.parametrize("name", ["Dockerfile", "new-file", "thentos.txt"])
    def test_one_byte_in_the_superproject(self, workshop: Workshop, name: str) -> None:
        before = key(workshop)
        content = workshop.docker_files().get(name, "")
        workshop.docker.commit("one byte", {name: content + " "})
        assert key(workshop) != before

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_one_byte_in_a_submodule(self, workshop: Workshop, path: str) -> None:
        before = key(workshop)
        Repo(workshop.docker.folder / path).commit("one byte", {"deep/er/file": "x"})
        workshop.pin()
        assert key(workshop) != before

    def test_a_guard_toml_that_is_not_guards(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.aula.commit("a file of that name", {".guard.toml": "x"})
        workshop.pin()
        assert key(workshop) != before

    def test_one_byte_in_a_nested_submodule(self, workshop: Workshop) -> None:
        servant = nest(workshop)
        before = key(workshop)
        servant.commit("one byte", {"src/file": "x"})
        workshop.thentos.commit("move servant")
        workshop.pin()
        assert key(workshop) != before

    def test_the_mode_of_a_file(self, workshop: Workshop) -> None:
        before = key(workshop)
        workshop.aula.git("update-index", "--chmod=+x", "test.sh")
        workshop.aula.git("commit", "--quiet", "-m", "executable")
        workshop.pin()
        assert key(workshop) != before


def test_the_working_tree_does_not_count(workshop: Workshop) -> None:
    before = key(workshop)
    workshop.docker.write({"Dockerfile": "changed\n", "aula/test.sh": "changed\n"})
    workshop.docker.git("add", "Dockerfile")
    assert key(workshop) == before


def test_another_commit_in_place_of_the_consumers(workshop: Workshop) -> None:
    before = workshop.docker.head
    changed = workshop.aula.commit("change", {"test.sh": "true\n"})
    replaced = assembled(workshop, before, consumer=changed)
    workshop.pin()
    assert replaced.key == key(workshop)
    assert [part.commit for part in replaced.parts][1] == changed


def test_a_consumer_in_a_folder_that_gitmodules_does_not_name(workshop: Workshop) -> None:
    """Its commit counts all the same: a verdict for one commit must not serve another."""
    aula, other = workshop.aula.head, workshop.aula.commit("other", {"test.sh": "false\n"})
    for commit, path in ((aula, "parts/aula"), (workshop.thentos.head, "parts/thentos")):
        workshop.docker.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    workshop.docker.git("rm", "--quiet", "--cached", ".gitmodules", "aula", "thentos")
    workshop.docker.git("commit", "--quiet", "-m", "move the submodules")
    for name in ("aula", "thentos"):
        folder = workshop.docker.folder / "parts" / name
        workshop.docker.git("clone", "--quiet", str(workshop.docker.folder / name), str(folder))
    config = Config(consumer="parts/aula", dependency="parts/thentos")
    first = assembled(workshop, consumer=aula, config=config)
    second = assembled(workshop, consumer=other, config=config)
    assert [part.path for part in first.parts] == ["", "parts/aula", "parts/thentos"]
    assert first.key == assembled(workshop, config=config).key != second.key


def test_gitmodules_is_read_from_whichever_repository_has_it(workshop: Workshop) -> None:
    # The checkout of thentos is older than the pin, which only the clone beside it has.
    sibling = Repo(workshop.root / "thentos")
    workshop.docker.git("clone", "--quiet", str(workshop.thentos.folder), str(sibling.folder))
    sibling.git("clone", "--quiet", str(workshop.root / "remotes/aula.git"), "deep/servant")
    servant = Repo(sibling.folder / "deep/servant").head
    sibling.write({".gitmodules": '[submodule "s"]\n\tpath = deep/servant\n\turl = x\n'})
    sibling.git("add", ".gitmodules")
    sibling.git("update-index", "--add", "--cacheinfo", f"160000,{servant},deep/servant")
    sibling.git("commit", "--quiet", "-m", "nest")
    workshop.pin(thentos=sibling.head)
    parts = assembled(workshop).parts
    assert [part.path for part in parts] == ["", "aula", "thentos", "thentos/deep/servant"]


def test_every_missing_commit_is_named(workshop: Workshop) -> None:
    workshop.pin(aula="1" * 40, thentos="2" * 40)
    with pytest.raises(MissingObjectError) as caught:
        key(workshop)
    assert caught.value.problem == (
        f"missing: commit {'1' * 40} of aula; commit {'2' * 40} of thentos"
    )
    update = "submodule update --init --recursive"
    assert caught.value.remedy == f"git -C {workshop.docker.folder} {update}"


def test_a_missing_nested_submodule_is_named(workshop: Workshop) -> None:
    servant = nest(workshop).head
    shutil.rmtree(workshop.thentos.folder / "submodules")
    shutil.rmtree(workshop.docker.folder / ".git/modules/thentos/modules")
    with pytest.raises(MissingObjectError, match=f"commit {servant} of thentos/submodules/servant"):
        key(workshop)


def test_a_submodule_whose_checkout_was_removed(workshop: Workshop) -> None:
    before = key(workshop)
    shutil.rmtree(workshop.thentos.folder)
    assert key(workshop) == before


def test_a_submodule_under_another_name(workshop: Workshop) -> None:
    before = workshop.docker.git("show", "HEAD:.gitmodules")
    text = before.replace('"thentos"', '"the name"')
    workshop.docker.commit("rename", {".gitmodules": f"{text}\n"})
    expected = key(workshop)
    modules = workshop.docker.folder / ".git/modules"
    (modules / "thentos").rename(modules / "the name")
    shutil.rmtree(workshop.thentos.folder)
    assert key(workshop) == expected


def test_gitmodules_that_is_malformed_is_told(workshop: Workshop) -> None:
    workshop.docker.commit("malformed", {".gitmodules": '[submodule "x\n'})
    with pytest.raises(GitError, match=r"^\.gitmodules:1 cannot be read"):
        key(workshop)


@pytest.mark.parametrize("section", ["include", 'includeIf "gitdir:~/"'])
@pytest.mark.parametrize("path", ["other", "~/other", "/etc/other"])
def test_what_gitmodules_includes_counts_as_little_as_for_git(
    workshop: Workshop, section: str, path: str
) -> None:
    before = key(workshop)
    text = workshop.docker.git("show", "HEAD:.gitmodules")
    included = f"{text}\n[{section}]\n\tpath = {path}\n"
    workshop.docker.commit("include", {".gitmodules": included, "other": "[broken"})
    assert [part.path for part in assembled(workshop).parts] == ["", "aula", "thentos"]
    assert key(workshop) != before


MEGABYTES = 10_000_000


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param('[submodule "x"]\n\tpath = ' + "a" * MEGABYTES, id="a long line"),
        pytest.param('[submodule "x"]\n' + "\tpath = x\n" * (MEGABYTES // 10), id="paths"),
        pytest.param("\0" * MEGABYTES, id="no text"),
    ],
)
def test_gitmodules_that_is_hostile_is_read_or_told(workshop: Workshop, hostile: str) -> None:
    text = workshop.docker.git("show", "HEAD:.gitmodules")
    workshop.docker.commit("hostile", {".gitmodules": f"{text}\n{hostile}\n"})
    start = sum(os.times()[:4])
    try:
        key(workshop)
    except GitError as error:
        assert re.match(r"\.gitmodules:\d+ cannot be read", error.problem)
    assert sum(os.times()[:4]) - start < 1.5


@pytest.mark.parametrize("path", ["../outside", "/etc", ".", "a//b", "aula/", "Dockerfile", ""])
def test_gitmodules_with_paths_that_are_none(workshop: Workshop, path: str) -> None:
    text = workshop.docker.git("show", "HEAD:.gitmodules")
    odd = f'{text}\n[submodule "odd"]\n\tpath = {path}\n\turl = x\n'
    workshop.docker.commit("odd", {".gitmodules": odd})
    assert [part.path for part in assembled(workshop).parts] == ["", "aula", "thentos"]


def test_a_commit_is_its_tree(workshop: Workshop) -> None:
    docker, gone = workshop.docker, "1" * 40
    with ObjectPool() as pool:
        found = of_commit(docker.repository, pool, docker.head, "HEAD")
        tree = docker.git("rev-parse", "HEAD^{tree}")
        assert found == Combination(tree, docker.head, source="HEAD")
        with pytest.raises(MissingObjectError, match=f"commit {gone} of the superproject"):
            of_commit(docker.repository, pool, gone, "")
