"""The build context: exactly the combination, the same bytes every time, or an error."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from guard.config import Config, Image
from guard.engine import plan, tar
from guard.engine.context import Context
from guard.engine.plan import Item, Kind
from guard.engine.selection import build_context, source_context
from guard.errors import EngineError, GitError, GuardError, MissingObjectError
from guard.git.objects import ObjectPool
from guard.git.repository import Repository
from guard.git.store import Part
from tests.engine.trees import FILE, FOLDER, LINK, Content, Link, Program, Store, Submodule

RECIPE = Config().recipe
MANIFESTS = Config(image=Image(consumer="manifests")).recipe
DOCKERFILE: dict[str, Content] = {"Dockerfile": "FROM scratch\n"}


def context_of(parts: Sequence[Part], pool: ObjectPool, recipe: object = RECIPE) -> Context:
    assert isinstance(recipe, type(RECIPE))
    return build_context(parts, pool, recipe, "aula")


def packed(context: Context) -> dict[str, tarfile.TarInfo]:
    return {entry.name: entry for entry in tarfile.open(fileobj=archive(context))}


def archive(context: Context) -> io.BytesIO:
    context.check()
    return io.BytesIO(b"".join(context.stream()))


def content(context: Context, name: str) -> bytes:
    with tarfile.open(fileobj=archive(context)) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return file.read()


@pytest.fixture
def combination(store: Store) -> list[Part]:
    root: dict[str, Content] = {
        **DOCKERFILE,
        ".guard.toml": "[guard]\n",
        ".gitmodules": "",
        "run.sh": Program("#!/bin/sh\n"),
        "link": Link("/etc/passwd"),
        "aula": Submodule(),
        "thentos": Submodule(),
    }
    thentos: dict[str, Content] = {
        ".gitmodules": '[submodule "s"]\n\tpath = sub/servant\n\turl = x\n',
        "sub/servant": Submodule(),
        "sub/orphan": Submodule(),
    }
    return [
        store.part(root),
        store.part({"aula.cabal": "name: aula\n", "src/Main.hs": "main\n"}, "aula"),
        store.part(thentos, "thentos"),
        store.part({"servant.hs": "servant\n"}, "thentos/sub/servant"),
    ]


def test_it_holds_all_parts_and_nothing_else(combination: list[Part], pool: ObjectPool) -> None:
    assert list(packed(context_of(combination, pool))) == [
        ".gitmodules",
        "Dockerfile",
        "aula",
        "aula/aula.cabal",
        "aula/src",
        "aula/src/Main.hs",
        "link",
        "run.sh",
        "thentos",
        "thentos/.gitmodules",
        "thentos/sub",
        # No URL is known for it, so a checkout leaves it empty.
        "thentos/sub/orphan",
        "thentos/sub/servant",
        "thentos/sub/servant/servant.hs",
    ]


def test_modes_links_owners_and_times_are_fixed(combination: list[Part], pool: ObjectPool) -> None:
    entries = packed(context_of(combination, pool))
    assert {name: entry.mode for name, entry in entries.items()} == {
        name: 0o777 if entry.issym() else 0o755 if entry.isdir() or name == "run.sh" else 0o644
        for name, entry in entries.items()
    }
    assert entries["link"].issym()
    assert entries["link"].linkname == "/etc/passwd"
    assert {(each.uid, each.gid, each.uname, each.mtime) for each in entries.values()} == {
        (0, 0, "", 946684800)
    }


def test_the_same_combination_gives_the_same_bytes(
    combination: list[Part], pool: ObjectPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = context_of(combination, pool)
    data = archive(first).getvalue()
    other = tmp_path / "other.git"
    shutil.copytree(combination[0].repository.git_dir, other)
    repository = Repository(str(other), str(other))
    subprocess.run(["git", f"--git-dir={other}", "repack", "-qad"], check=True)
    _hostile_settings(tmp_path, other, monkeypatch)
    old = os.umask(0o077)
    try:
        again = context_of([part._replace(repository=repository) for part in combination], pool)
        assert archive(again).getvalue() == data
    finally:
        os.umask(old)
    assert again.digest == first.digest
    assert again.size == len(data)


def _hostile_settings(home: Path, git_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = home / "attributes"
    attributes.write_text("* text eol=crlf ident\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "settings"))
    (home / "settings").write_text(
        f"[core]\nautocrlf = true\neol = crlf\nignorecase = true\nattributesFile = {attributes}\n"
    )
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("* eol=crlf\n")
    monkeypatch.setenv("TZ", "Asia/Tokyo")


def test_one_byte_in_a_nested_submodule_changes_it(
    combination: list[Part], store: Store, pool: ObjectPool
) -> None:
    other = [*combination[:3], store.part({"servant.hs": "servanT\n"}, "thentos/sub/servant")]
    first, second = context_of(combination, pool), context_of(other, pool)
    assert archive(first).getvalue() != archive(second).getvalue()
    assert first.digest != second.digest


@pytest.mark.parametrize("name", ["ä☺.hs", "x" * 200, "y" * 90 + "/" + "z" * 250, "a\nb", "a\tb"])
def test_any_name_survives(name: str, store: Store, pool: ObjectPool) -> None:
    assert name in packed(context_of([store.part({**DOCKERFILE, name: "x"})], pool))


@pytest.mark.parametrize("path", ["a", "b" * 98, "c" * 99, "d" * 100, "e/" * 60 + "e", "é"])
@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_header_is_the_one_of_the_standard_library(path: str, size: int, kind: Kind) -> None:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.mtime = kind.mode, 946684800
    entry.size = size if kind in (Kind.FILE, Kind.PROGRAM) else 0
    entry.type = {Kind.FOLDER: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}.get(
        kind, tarfile.REGTYPE
    )
    entry.linkname = "x" if kind is Kind.SYMLINK else ""
    item = Item(path, kind, "", Part("", "", "", Repository("", "")), path)
    assert tar.header(item, entry.size, entry.linkname.encode()) == entry.tobuf(tarfile.PAX_FORMAT)


def test_a_name_that_is_not_utf8_survives(store: Store, pool: ObjectPool) -> None:
    blob = store.put("blob", b"FROM scratch\n")
    tree = store.raw_tree((FILE, b"Dockerfile", blob), (FILE, b"\xff", blob))
    context = context_of([Part("", "", tree, store.repository)], pool)
    assert [os.fsencode(each.name) for each in packed(context).values()] == [b"Dockerfile", b"\xff"]


def test_large_and_small_blobs_keep_their_content(store: Store, pool: ObjectPool) -> None:
    large = os.urandom(9 << 20)
    files: dict[str, Content] = {**DOCKERFILE, "a": large, "b": "", "c": b"x" * 513, "d": large}
    context = context_of([store.part(files)], pool)
    assert content(context, "a") == large
    assert content(context, "c") == b"x" * 513
    assert content(context, "d") == large


def test_the_stream_is_complete_only_at_its_end(combination: list[Part], pool: ObjectPool) -> None:
    context = context_of(combination, pool)
    stream = context.stream()
    next(stream)
    with pytest.raises(EngineError, match="stopped reading"):
        context.require_complete()
    assert b"".join(stream).endswith(bytes(1024))
    context.require_complete()


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_a_blob_that_is_not_there_is_named_before_and_raises_within(
    size: int, store: Store, pool: ObjectPool
) -> None:
    files: dict[str, Content] = {"lib/a.hs": b"x" * size}
    parts = [store.part({**DOCKERFILE, "thentos": Submodule()}), store.part(files, "thentos")]
    context = context_of(parts, pool)
    context.check()
    store.forget(b"x" * size)
    with pytest.raises(MissingObjectError):
        list(context.stream())
    assert not context.complete
    with pytest.raises(MissingObjectError) as caught:
        context_of(parts, pool).check()
    assert "submodule 'thentos' at commit 2222" in caught.value.problem
    assert "(thentos/lib/a.hs)" in caught.value.problem
    assert f"--git-dir={store.folder} fetch" in caught.value.remedy


def test_a_submodule_that_is_not_at_hand_is_named(store: Store, pool: ObjectPool) -> None:
    context = context_of([store.part({**DOCKERFILE, "lib/a b": Submodule()})], pool)
    with pytest.raises(MissingObjectError, match=r"submodule 'lib/a b': .*1{40}") as caught:
        context.check()
    assert caught.value.remedy == "git submodule update --init --recursive -- 'lib/a b'"


def test_a_declared_submodule_of_a_submodule_must_be_at_hand(
    combination: list[Part], pool: ObjectPool
) -> None:
    with pytest.raises(MissingObjectError, match="'thentos/sub/servant'"):
        context_of(combination[:3], pool).check()


def test_a_promised_blob_is_missing_and_not_fetched(tmp_path: Path, pool: ObjectPool) -> None:
    work, partial = tmp_path / "work", tmp_path / "partial.git"
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    (work / "Dockerfile").write_text("FROM scratch\n")
    git = ("git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    subprocess.run([*git, "config", "uploadpack.allowFilter", "true"], check=True)
    clone = ("git", "clone", "-q", "--bare", "--filter=blob:none", f"file://{work}", str(partial))
    subprocess.run(clone, check=True)
    tree = subprocess.run(
        [*git, "rev-parse", "HEAD^{tree}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    parts = [Part("", "", tree, Repository(str(partial), str(partial)))]
    with pytest.raises(MissingObjectError, match=r"\(Dockerfile\)"):
        context_of(parts, pool).check()


def test_a_git_that_dies_is_no_end_of_the_stream(store: Store, pool: ObjectPool) -> None:
    files: dict[str, Content] = {f"f{n}": os.urandom(3 << 20) for n in range(6)}
    context = context_of([store.part({**DOCKERFILE, **files})], pool)
    stream = context.stream()
    next(stream)
    assert context._blobs is not None
    os.kill(context._blobs._streams[""]._process.pid, signal.SIGKILL)
    with pytest.raises(GitError):
        list(stream)
    assert not context.complete


@pytest.mark.parametrize("name", [b"..", b".", b"", b".git", b".GiT", b"a/b", b"../x", b"/x"])
def test_a_name_that_no_checkout_has_is_refused(
    name: bytes, store: Store, pool: ObjectPool
) -> None:
    blob = store.put("blob", b"x")
    tree = store.raw_tree((FILE, name, blob))
    inner = store.raw_tree((FOLDER, b"inner", tree))
    for each in (tree, inner):
        with pytest.raises(GuardError, match=r"no checkout can have|is there twice"):
            context_of([Part("", "", each, store.repository)], pool).check()


@pytest.mark.parametrize("mode", [0o020000, 0o060000, 0o010000, 0o140000, 0])
def test_a_mode_of_a_device_is_refused(mode: int, store: Store, pool: ObjectPool) -> None:
    tree = store.raw_tree((mode, b"null", store.put("blob", b"x")))
    with pytest.raises(GuardError, match="has the mode"):
        context_of([Part("", "", tree, store.repository)], pool).check()


def test_a_name_that_is_there_twice_is_refused(store: Store, pool: ObjectPool) -> None:
    blob = store.put("blob", b"x")
    tree = store.raw_tree((FILE, b"a", blob), (FOLDER, b"a", store.tree({"b": "x"})))
    with pytest.raises(GuardError, match="twice"):
        context_of([Part("", "", tree, store.repository)], pool).check()


def test_ten_thousand_nested_folders_are_refused_and_do_no_harm(
    store: Store, pool: ObjectPool
) -> None:
    tree = store.tree({"end": "x"})
    for _ in range(10_000):
        tree = store.raw_tree((FOLDER, b"d", tree))
    with pytest.raises(GuardError, match="longer path"):
        context_of([Part("", "", tree, store.repository)], pool).check()


def test_a_tree_that_holds_itself_too_often_is_refused(
    store: Store, pool: ObjectPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_MOST_ENTRIES", 5_000)
    tree = store.tree({"end": "x"})
    for _ in range(12):
        tree = store.raw_tree(*((FOLDER, b"%x" % n, tree) for n in range(10)))
    with pytest.raises(GuardError, match="more than 5000 entries"):
        context_of([Part("", "", tree, store.repository)], pool).check()


def test_a_link_out_of_the_tree_is_a_link_and_its_target_untouched(
    store: Store, pool: ObjectPool, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    files: dict[str, Content] = {**DOCKERFILE, "out": Link(str(tmp_path))}
    data = archive(context_of([store.part(files)], pool)).getvalue()
    assert b"secret" not in data


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 4096, b"x" * (2 << 20)])
def test_a_link_to_no_possible_path_is_refused(
    target: bytes, store: Store, pool: ObjectPool
) -> None:
    link, dockerfile = store.put("blob", target), store.put("blob", b"FROM scratch\n")
    tree = store.raw_tree((FILE, b"Dockerfile", dockerfile), (LINK, b"link", link))
    with pytest.raises(GuardError, match="'link' is a symbolic link to no possible path"):
        archive(context_of([Part("", "", tree, store.repository)], pool))


def test_a_submodule_whose_path_has_a_newline(store: Store, pool: ObjectPool) -> None:
    modules = '[submodule "x"]\n\tpath = "a\\nb"\n\turl = x\n'
    root = store.part({**DOCKERFILE, ".gitmodules": modules, "a\nb": Submodule()})
    found = packed(context_of([root, store.part({"c": "x"}, "a\nb")], pool))
    assert "a\nb/c" in found
    with pytest.raises(MissingObjectError):
        context_of([root], pool).check()


def test_a_combination_without_the_dockerfile_says_so(store: Store, pool: ObjectPool) -> None:
    with pytest.raises(GuardError, match="has no Dockerfile"):
        context_of([store.part({"a": "x"})], pool).check()


def test_dockerignore_counts_from_the_root_over_all_parts(
    combination: list[Part], store: Store, pool: ObjectPool
) -> None:
    ignore = "**\n!aula/src\n!**/servant.hs\n"
    root = store.part(
        {
            **DOCKERFILE,
            ".dockerignore": ignore,
            "x": "x",
            "aula": Submodule(),
            "thentos": Submodule(),
        }
    )
    assert list(packed(context_of([root, *combination[1:]], pool))) == [
        ".dockerignore",
        "Dockerfile",
        "aula",
        "aula/src",
        "aula/src/Main.hs",
        "thentos",
        "thentos/sub",
        "thentos/sub/servant",
        "thentos/sub/servant/servant.hs",
    ]


def test_the_dockerfiles_own_ignore_file_goes_first(store: Store, pool: ObjectPool) -> None:
    files: dict[str, Content] = {
        "ci/Dockerfile": "FROM scratch\n",
        "ci/Dockerfile.dockerignore": "a\n",
        ".dockerignore": "b\n",
        "a": "x",
        "b": "x",
    }
    recipe = RECIPE._replace(dockerfile="ci/Dockerfile")
    found = packed(context_of([store.part(files)], pool, recipe))
    assert "b" in found
    assert "a" not in found


def test_an_excluded_submodule_need_not_be_at_hand(store: Store, pool: ObjectPool) -> None:
    files: dict[str, Content] = {**DOCKERFILE, ".dockerignore": "big\n", "big": Submodule()}
    assert "big" not in packed(context_of([store.part(files)], pool))


def test_of_the_consumer_only_the_manifests_where_the_recipe_says_so(
    store: Store, pool: ObjectPool
) -> None:
    aula: dict[str, Content] = {
        "aula.cabal": "name: aula\n",
        "stack.yaml": "x",
        "cabal.project.freeze": "x",
        "src/Main.hs": "main\n",
        "lib/lib.cabal": "x",
        "lib/Lib.hs": "x",
    }
    parts = [
        store.part({**DOCKERFILE, "Main.hs": "x", "aula": Submodule()}),
        store.part(aula, "aula"),
    ]
    assert list(packed(context_of(parts, pool, MANIFESTS))) == [
        "Dockerfile",
        "Main.hs",
        "aula",
        "aula/aula.cabal",
        "aula/cabal.project.freeze",
        "aula/lib",
        "aula/lib/lib.cabal",
        "aula/stack.yaml",
    ]
    changed = [parts[0], store.part({**aula, "src/Main.hs": "other\n"}, "aula")]
    first, second = (context_of(each, pool, MANIFESTS) for each in (parts, changed))
    assert archive(first).getvalue() == archive(second).getvalue()


def test_the_source_is_the_consumers_whole_tree(combination: list[Part], pool: ObjectPool) -> None:
    assert list(packed(source_context(combination, pool, "aula"))) == [
        "aula.cabal",
        "src",
        "src/Main.hs",
    ]
    below = packed(source_context(combination, pool, "thentos"))
    assert "sub/servant/servant.hs" in below
