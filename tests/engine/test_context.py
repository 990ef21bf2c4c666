"""The build context: exactly the combination, as a checkout has it, or an error."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.config import Config, Image, Test
from guard.engine import context as contexts
from guard.engine.context import Archive, Context, prepared
from guard.errors import EngineError, GuardError, MissingObjectError
from guard.git.repository import Repository
from guard.git.store import Part
from tests.engine.trees import FILE, FOLDER, LINK, Content, Link, Program, Store, Submodule
from tests.workshop import running_commands

TRUE = Test(("/bin/true",))
CONFIG = Config(test=TRUE)
MANIFESTS = Config(image=Image(consumer="manifests"), test=TRUE)
DOCKERFILE: dict[str, Content] = {"Dockerfile": "FROM scratch\n"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "context"


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A place for more nested folders than shutil.rmtree removes, not among pytest's own.

    Where the run is killed, pytest would fail to remove them at the end of every later one.
    """
    folder = tempfile.mkdtemp(prefix="guard-deep-")
    yield Path(folder) / "context"
    subprocess.run(["rm", "-rf", "--", folder], check=True)


def files_of(folder: str) -> dict[str, bytes]:
    """Path -> content; what a link says, and b"/" for a folder."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        content = b"/" if path.is_dir() else b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = content
    return found


def content(parts: Sequence[Part], place: Path, config: Config = CONFIG) -> dict[str, bytes]:
    with prepared(parts, config, str(place)) as made:
        return files_of(made.context.folder)


def digest(parts: Sequence[Part], place: Path, config: Config = CONFIG) -> str:
    with prepared(parts, config, str(place)) as made:
        return made.context.digest


@contextmanager
def checked_out(parts: Sequence[Part], place: Path) -> Iterator[Context]:
    with prepared(parts, CONFIG, str(place)) as made:
        yield made.context


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
    thentos: dict[str, Content] = {"sub/servant": Submodule(), "sub/orphan": Submodule()}
    return [
        store.part(root),
        store.part({"aula.cabal": "name: aula\n", "src/Main.hs": "main\n"}, "aula"),
        store.part(thentos, "thentos"),
        store.part({"servant.hs": "servant\n"}, "thentos/sub/servant"),
    ]


def test_it_holds_all_parts_and_nothing_else(combination: list[Part], place: Path) -> None:
    assert content(combination, place) == {
        ".gitmodules": b"",
        "Dockerfile": b"FROM scratch\n",
        "aula": b"/",
        "aula/aula.cabal": b"name: aula\n",
        "aula/src": b"/",
        "aula/src/Main.hs": b"main\n",
        "link": b"/etc/passwd",
        "run.sh": b"#!/bin/sh\n",
        "thentos": b"/",
        "thentos/sub": b"/",
        # No URL is known for it, so a checkout leaves it empty.
        "thentos/sub/orphan": b"/",
        "thentos/sub/servant": b"/",
        "thentos/sub/servant/servant.hs": b"servant\n",
    }
    assert list(place.iterdir()) == []


def modes(folder: str) -> dict[str, int]:
    paths = (path for path in Path(folder).rglob("*") if not path.is_symlink())
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o7777 for path in paths}


@pytest.mark.parametrize("parent", ["umask", "setgid", "acl"])
def test_modes_are_those_of_git_whatever_lies_around(
    parent: str, combination: list[Part], place: Path
) -> None:
    place.mkdir()
    if parent == "setgid":
        place.chmod(0o2777)
    if parent == "acl":
        # As setfacl -d -m u::rwx,u:12:rwx,g::rwx,m::rwx,o::rwx has it (acl(5), version 2).
        entries = ((1, 7, 2**32 - 1), (2, 7, 12), *((tag, 7, 2**32 - 1) for tag in (4, 16, 32)))
        data = b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(place, "system.posix_acl_default", struct.pack("<I", 2) + data)
    old = os.umask(0o077 if parent == "umask" else 0o002)
    try:
        with checked_out(combination, place) as context:
            found = modes(context.folder)
            own = os.stat(context.folder).st_mode & 0o7777
            acls = [
                name for path in Path(context.folder).rglob("aula*") for name in os.listxattr(path)
            ]
    finally:
        os.umask(old)
    folders = (
        "aula",
        "aula/src",
        "thentos",
        *(f"thentos/sub{n}" for n in ("", "/orphan", "/servant")),
    )
    assert found == {name: 0o755 if name in (*folders, "run.sh") else 0o644 for name in found}
    assert own == 0o700
    assert acls == []


def test_no_two_folders_have_one_name_and_no_time_is_set(store: Store, place: Path) -> None:
    parts = [store.part(DOCKERFILE)]
    names = set()
    for _ in range(3):
        with checked_out(parts, place) as context:
            names.add(context.folder)
            now = Path(place, "now")
            now.touch()
            assert (
                abs(Path(context.folder, "Dockerfile").stat().st_mtime - now.stat().st_mtime) < 60
            )
    assert len(names) == 3


def test_settings_attributes_and_hooks_of_others_have_no_say(
    combination: list[Part],
    store: Store,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = {**DOCKERFILE, "a.txt": "a\n$Id$\n", ".gitattributes": "A.txt eol=crlf\n"}
    parts = [store.part({**root, "aula": Submodule()}), *combination[1:2]]
    expected = content(parts, place)
    attributes = "* text eol=crlf ident\n"
    home = tmp_path / "other"
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "attributes").write_text(attributes)
    (home / "settings").write_text(
        "[core]\nautocrlf = true\neol = crlf\nignorecase = true\nsymlinks = false\n"
        f"fileMode = false\nattributesFile = {home}/.config/git/attributes\nhooksPath = {home}\n"
    )
    hook = home / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {home}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    for settings_file in ("", str(home / "settings")):
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", settings_file)
        (store.folder / "info").mkdir(exist_ok=True)
        (store.folder / "info" / "attributes").write_text(attributes)
        assert content(parts, place) == expected
    assert not (home / "ran").exists()


def test_what_has_changed_is_told_by_the_digest(
    combination: list[Part], store: Store, place: Path, tmp_path: Path
) -> None:
    first = digest(combination, place)
    other = tmp_path / "other.git"
    shutil.copytree(store.folder, other)
    subprocess.run(["git", f"--git-dir={other}", "repack", "-qad"], check=True)
    clone = Repository(str(other), str(other))
    assert digest([part._replace(repository=clone) for part in combination], place) == first
    root: dict[str, Content] = {**DOCKERFILE, "a": "x", "aula": Submodule(), "thentos": Submodule()}
    # The same content, of another commit.
    amended = {**root, "aula": Submodule("3" * 40)}
    assert digest([store.part(amended), *combination[1:]], place) == digest(
        [store.part(root), *combination[1:]], place
    )
    variants = [
        combination,
        [*combination[:3], store.part({"servant.hs": "servanT\n"}, "thentos/sub/servant")],
        [store.part(root), *combination[1:]],
        [store.part({**root, "a": Program("x")}), *combination[1:]],
        [store.part({**root, "a": Link("x")}), *combination[1:]],
        [store.part({**root, "a": Link("y")}), *combination[1:]],
        [store.part({**root, ".gitattributes": "a ident\n"}), *combination[1:]],
        [store.part({**root, ".gitattributes": "a -text\n"}), *combination[1:]],
    ]
    assert len({digest(parts, place) for parts in variants}) == len(variants)


@pytest.mark.parametrize("name", ["ä☺.hs", "x" * 200, "y" * 90 + "/" + "z" * 250, "a\nb", "a\tb"])
def test_any_name_survives(name: str, store: Store, place: Path) -> None:
    parts = [store.part({**DOCKERFILE, name: "x"})]
    assert content(parts, place)[name] == b"x"
    with checked_out(parts, place) as context:
        assert packed(Archive(context.folder))[name].size == 1


def test_a_name_that_is_not_utf8_survives(store: Store, place: Path) -> None:
    blob = store.put("blob", b"FROM scratch\n")
    tree = store.raw_tree((FILE, b"Dockerfile", blob), (FILE, b"\xff", blob))
    assert os.fsdecode(b"\xff") in content([Part("", "", tree, store.repository)], place)


@pytest.mark.parametrize("path", [".wh.a", "sub/.wh..wh..opq", ".wh.d/x"])
def test_what_an_image_would_take_for_a_mark_of_its_own_is_refused(
    path: str, store: Store, place: Path
) -> None:
    part = store.part({**DOCKERFILE, path: "x"})
    with pytest.raises(GuardError, match="cannot be in an image"):
        content([part], place)
    left_out = Config(image=Image(ignore=(path.split("/")[0],)), test=TRUE)
    assert sorted(content([part], place, left_out)) == ["Dockerfile"]
    assert "a.wh.b" in content([store.part({**DOCKERFILE, "a.wh.b": "x"})], place)


def packed(archive: Archive) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as opened:
        return {entry.name: entry for entry in opened}


def test_an_archive_has_all_of_a_folder_and_is_roots(combination: list[Part], place: Path) -> None:
    large = os.urandom(3 << 20)
    (place.parent / "large").mkdir()
    (place.parent / "large" / "x").write_bytes(large)
    os.chown(place.parent / "large" / "x", *((12, 13) if os.geteuid() == 0 else (-1, -1)))
    archive = Archive(str(place.parent / "large"))
    data = b"".join(archive)
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        file = opened.extractfile("x")
        assert file is not None
        assert file.read() == large
    assert archive.size == len(data)
    with checked_out(combination, place) as context:
        entries = packed(Archive(context.folder))
        assert sorted(entries) == sorted(files_of(context.folder))
        assert entries["link"].linkname == "/etc/passwd"
        assert {(each.uid, each.gid, each.uname, each.gname) for each in entries.values()} == {
            (0, 0, "", "")
        }


def test_an_archive_is_complete_only_at_its_end(combination: list[Part], place: Path) -> None:
    with checked_out(combination, place) as context:
        archive = Archive(context.folder)
        stream = iter(archive)
        next(stream)
        with pytest.raises(EngineError, match="stopped reading"):
            archive.require_complete()
        assert b"".join(stream).endswith(bytes(1024))
        archive.require_complete()


def test_a_blob_that_is_not_there_is_named(store: Store, place: Path) -> None:
    files: dict[str, Content] = {"lib/a.hs": "here", "lib/b.hs": "gone"}
    parts = [store.part({**DOCKERFILE, "thentos": Submodule()}), store.part(files, "thentos")]
    store.forget("gone")
    with pytest.raises(MissingObjectError) as caught:
        content(parts, place)
    assert "submodule 'thentos' at commit 2222" in caught.value.problem
    assert "(thentos/lib/b.hs)" in caught.value.problem
    assert f"--git-dir={store.folder} fetch" in caught.value.remedy
    assert list(place.iterdir()) == []


def test_a_tree_that_is_not_there_is_named(store: Store, place: Path) -> None:
    part = store.part({**DOCKERFILE, "lib/a.hs": "x"})
    tree = store.tree({"a.hs": "x"})
    store.path(tree).unlink()
    with pytest.raises(MissingObjectError, match=f"the superproject: tree {tree} is not in"):
        content([part], place)


def test_a_submodule_that_is_not_at_hand_is_named(store: Store, place: Path) -> None:
    with pytest.raises(MissingObjectError, match=r"submodule 'lib/a b': .*1{40}") as caught:
        content([store.part({**DOCKERFILE, "lib/a b": Submodule()})], place)
    assert caught.value.remedy == "git submodule update --init --recursive -- 'lib/a b'"


def test_a_promised_blob_is_missing_and_not_fetched(tmp_path: Path, place: Path) -> None:
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
    with pytest.raises(MissingObjectError, match=r"\(Dockerfile\)"):
        content([Part("", "", tree, Repository(str(partial), str(partial)))], place)


@pytest.mark.parametrize("name", [b"..", b".", b"", b".git", b".GiT", b"../x", b"/x"])
def test_a_name_that_no_checkout_has_is_refused(name: bytes, store: Store, place: Path) -> None:
    blob = store.put("blob", b"x")
    tree = store.raw_tree((FILE, name, blob))
    inner = store.raw_tree((FOLDER, b"inner", tree))
    for each in (tree, inner):
        with pytest.raises(GuardError, match=r"no checkout can have|empty filename"):
            content([Part("", "", each, store.repository)], place)
    assert [path.name for path in place.parent.rglob("x")] == []


@pytest.mark.parametrize("mode", [0o020000, 0o060000, 0o010000, 0o140000, 0])
def test_a_mode_of_a_device_is_refused(mode: int, store: Store, place: Path) -> None:
    tree = store.raw_tree((mode, b"null", store.put("blob", b"x")))
    with pytest.raises(GuardError):
        content([Part("", "", tree, store.repository)], place)


def test_ten_thousand_nested_folders_are_refused_and_do_no_harm(
    store: Store, elsewhere: Path
) -> None:
    tree = store.tree({"end": "x"})
    for _ in range(10_000):
        tree = store.raw_tree((FOLDER, b"d", tree))
    with pytest.raises(GuardError):
        content([Part("", "", tree, store.repository)], elsewhere)
    assert list(elsewhere.iterdir()) == []
    deep = [store.part({**DOCKERFILE, "d/" * depth + "end": "x"}) for depth in (500, 501)]
    assert len(content(deep[:1], elsewhere)) == 502
    with pytest.raises(GuardError, match="below more than 500 folders"):
        content(deep[1:], elsewhere)


def test_a_tree_that_holds_itself_too_often_is_refused(
    store: Store, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "_MOST_ENTRIES", 5_000)
    tree = store.tree({"end": "x"})
    for _ in range(12):
        tree = store.raw_tree(*((FOLDER, b"%x" % n, tree) for n in range(10)))
    with pytest.raises(GuardError, match="more than 5000 entries"):
        content([Part("", "", tree, store.repository)], place)


def test_nothing_is_written_through_a_link(store: Store, place: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link, blob = store.put("blob", str(outside).encode()), store.put("blob", b"FROM scratch\n")
    inner = store.raw_tree((0o160000, b"aula", "1" * 40))
    twice = store.raw_tree((FILE, b"Dockerfile", blob), (LINK, b"a", link), (FOLDER, b"a", inner))
    root = Part("", "", twice, store.repository)
    with pytest.raises(GuardError, match="cannot be checked out"):
        content([root, store.part({"x": "x"}, "a/aula")], place)
    files: dict[str, Content] = {**DOCKERFILE, "b": Link(str(outside))}
    with pytest.raises(GuardError, match="behind a symbolic link"):
        content([store.part(files), store.part({"x": "x"}, "b/aula")], place)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("target", [b"", b"x" * 4096, b"x" * (2 << 20)])
def test_a_link_to_no_possible_path_is_refused(target: bytes, store: Store, place: Path) -> None:
    link, dockerfile = store.put("blob", target), store.put("blob", b"FROM scratch\n")
    tree = store.raw_tree((FILE, b"Dockerfile", dockerfile), (LINK, b"link", link))
    with pytest.raises(GuardError, match="the superproject cannot be checked out"):
        content([Part("", "", tree, store.repository)], place)


def test_a_submodule_whose_path_has_a_newline(store: Store, place: Path) -> None:
    root = store.part({**DOCKERFILE, "a\nb": Submodule()})
    assert content([root, store.part({"c": "x"}, "a\nb")], place)["a\nb/c"] == b"x"
    with pytest.raises(MissingObjectError):
        content([root], place)


def test_a_part_that_is_file_link_and_folder_in_turn(store: Store, place: Path) -> None:
    shapes: list[dict[str, Content]] = [
        {"x": "x"},
        {"x": Link("y")},
        {"x/y": "y"},
        {"x": Submodule()},
    ]
    shapes += [{"x": Program("x")}, {}]
    kinds = []
    for shape in shapes:
        parts = [store.part({**DOCKERFILE, **shape})]
        if shape == {"x": Submodule()}:
            parts.append(store.part({"z": "z"}, "x"))
        kinds.append({path: data for path, data in content(parts, place).items() if path[0] == "x"})
    assert kinds == [
        {"x": b"x"},
        {"x": b"y"},
        {"x": b"/", "x/y": b"y"},
        {"x": b"/", "x/z": b"z"},
        {"x": b"x"},
        {},
    ]


def test_a_combination_without_the_dockerfile_says_so(store: Store, place: Path) -> None:
    with pytest.raises(GuardError, match="has no Dockerfile"):
        content([store.part({"a": "x"})], place)


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"])
@pytest.mark.parametrize("target", ["/etc/passwd", "plain", "nowhere"])
def test_what_the_builder_reads_is_no_link(
    name: str, target: str, store: Store, place: Path
) -> None:
    files: dict[str, Content] = {**DOCKERFILE, "plain": "FROM scratch\n", name: Link(target)}
    with pytest.raises(GuardError, match=f"{name} is no plain file"):
        content([store.part(files)], place)


def test_a_dockerfile_behind_a_linked_folder_is_refused(store: Store, place: Path) -> None:
    files: dict[str, Content] = {"real/Dockerfile": "FROM scratch\n", "ci": Link("real")}
    config = Config(image=Image(dockerfile="ci/Dockerfile"), test=TRUE)
    with pytest.raises(GuardError, match="ci/Dockerfile is no plain file"):
        content([store.part(files)], place, config)


def test_of_the_consumer_only_the_manifests_where_the_recipe_says_so(
    store: Store, place: Path
) -> None:
    aula: dict[str, Content] = {
        "aula.cabal": "name: aula\n",
        "stack-8.yaml": "x",
        "cabal.project.freeze": "x",
        "ci/common.config": "x",
        "src/Main.hs": "main\n",
        "lib/lib.cabal": "x",
        "lib/Lib.hs": "x",
    }
    root = store.part({**DOCKERFILE, "Main.hs": "x", "aula": Submodule()})
    parts = [root, store.part(aula, "aula")]
    assert list(content(parts, place, MANIFESTS)) == [
        "Dockerfile",
        "Main.hs",
        "aula",
        "aula/aula.cabal",
        "aula/cabal.project.freeze",
        "aula/ci",
        "aula/ci/common.config",
        "aula/lib",
        "aula/lib/lib.cabal",
        "aula/stack-8.yaml",
    ]
    changed = [root, store.part({**aula, "src/Main.hs": "other\n"}, "aula")]
    assert digest(changed, place, MANIFESTS) == digest(parts, place, MANIFESTS)


def test_attributes_count_where_they_are_left_out_themselves(store: Store, place: Path) -> None:
    root = store.part({**DOCKERFILE, "aula": Submodule()})
    digests = set()
    for end in ("crlf", "lf"):
        aula = store.part({"a.cabal": "a\n", ".gitattributes": f"* text eol={end}\n"}, "aula")
        written = content([root, aula], place, MANIFESTS)
        assert sorted(written) == ["Dockerfile", "aula", "aula/a.cabal"]
        assert written["aula/a.cabal"] == (b"a\r\n" if end == "crlf" else b"a\n")
        digests.add(digest([root, aula], place, MANIFESTS))
    assert len(digests) == 2


def test_folders_of_nested_submodules_have_the_modes_of_git_with_manifests_alone(
    store: Store, place: Path
) -> None:
    root = store.part({**DOCKERFILE, "aula": Submodule()})
    aula = store.part({"lib/deep": Submodule(), "Main.hs": "x"}, "aula")
    parts = [root, aula, store.part({"a.cabal": "x"}, "aula/lib/deep")]
    old = os.umask(0o077)
    try:
        with prepared(parts, MANIFESTS, str(place)) as made:
            written = modes(made.context.folder)
    finally:
        os.umask(old)
    folders = dict.fromkeys(("aula", "aula/lib", "aula/lib/deep"), 0o755)
    assert written == {**folders, "Dockerfile": 0o644, "aula/lib/deep/a.cabal": 0o644}


def test_the_source_is_the_consumers_whole_tree(combination: list[Part], place: Path) -> None:
    for consumer, files in (
        ("aula", ["aula.cabal", "src", "src/Main.hs"]),
        ("thentos", ["sub", "sub/orphan", "sub/servant", "sub/servant/servant.hs"]),
    ):
        config = Config(consumer=consumer, test=TRUE._replace(source="/src"))
        with prepared(combination, config, str(place)) as made:
            assert made.source is not None
            assert list(files_of(made.source.folder)) == files
    assert list(place.iterdir()) == []


FILES: dict[str, Content] = {
    "unix.txt": "a\nb\n",
    "dos.txt": "a\r\nb\r\n",
    "mixed.txt": "a\r\nb\nc\r\n",
    "binary.txt": b"a\nb\0c\n",
    "latin.txt": b"\xe4\n",
    "ident.txt": "$Id$ $Id: old $ $Id: no\nend$ $Ident$\n",
    "empty.txt": "",
    "sub/unix.txt": "a\n",
    "Dockerfile": "FROM scratch\n",
}
ATTRIBUTES = ["text", "-text", "text=auto", "!text", "eol=crlf", "eol=lf", "crlf", "-crlf"]
ATTRIBUTES += ["crlf=input", "ident", "binary", "export-ignore", "filter=lfs", "text=other"]


def checkout(store: Store, tree: str, folder: Path) -> dict[str, bytes]:
    """What git itself writes, where no configuration says anything."""
    folder.mkdir()
    git = ["git", f"--git-dir={store.folder}", f"--work-tree={folder}", "-c", "core.bare=false"]
    environment = {"GIT_INDEX_FILE": f"{folder}.index", "PATH": "/usr/bin:/bin", "HOME": "/nope"}
    for command in (["read-tree", tree], ["checkout-index", "-a", "-f"]):
        subprocess.run([*git, *command], check=True, env=environment, cwd=folder)
    return files_of(str(folder))


lines = st.lists(
    st.tuples(
        st.sampled_from(["*", "*.txt", "unix.txt", "sub/*", "/sub", "D*"]),
        st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3).map(" ".join),
    ).map(" ".join),
    max_size=4,
).map("\n".join)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(top=lines, below=lines)
def test_the_content_is_that_of_a_checkout(
    top: str, below: str, store: Store, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    part = store.part({**FILES, ".gitattributes": top, "sub/.gitattributes": below})
    expected = checkout(store, part.tree, tmp_path_factory.mktemp("checkout") / "work")
    assert content([part], place) == expected


def test_attributes_alone_change_the_content(store: Store, place: Path) -> None:
    ends = [
        content([store.part({**FILES, ".gitattributes": f"*.txt {line}\n"})], place)["unix.txt"]
        for line in ("eol=lf", "eol=crlf", "eol=lf")
    ]
    assert ends == [b"a\nb\n", b"a\r\nb\r\n", b"a\nb\n"]


def test_an_encoding_is_that_of_a_checkout(store: Store, place: Path) -> None:
    attributes = "*.txt working-tree-encoding=UTF-16LE\n"
    part = store.part({**DOCKERFILE, ".gitattributes": attributes, "a.txt": "a\n"})
    assert content([part], place)["a.txt"] == "a\n".encode("utf-16le")


def test_a_submodules_attributes_are_its_own(store: Store, place: Path) -> None:
    root = store.part({**FILES, ".gitattributes": "*.txt eol=crlf\n", "aula": Submodule()})
    aula = store.part({"a.txt": "a\n", "sub/b.txt": "b\n"}, "aula")
    found = content([root, aula], place)
    assert found["unix.txt"] == b"a\r\nb\r\n"
    assert found["aula/a.txt"] == b"a\n"


def lfs(store: Store, data: bytes, kept: bytes | None, more: str = "", line: str = "") -> Part:
    """A submodule with a file that Git LFS keeps; `kept` is what lies in its store."""
    oid = hashlib.sha256(data).hexdigest()
    pointer = "version https://git-lfs.github.com/spec/v1\n"
    pointer += f"{line}oid sha256:{oid}\nsize {len(data)}\n"
    if kept is not None:
        path = store.folder / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        path.parent.mkdir(parents=True)
        path.write_bytes(kept)
    return store.part(
        {".gitattributes": f"*.bin filter=lfs{more}\n", "a/big.bin": Program(pointer)}, "aula"
    )


@pytest.mark.parametrize("more", ["", " diff=lfs merge=lfs -text", " text eol=crlf"])
def test_an_object_of_lfs_that_is_here_is_put_in_place(
    more: str, store: Store, place: Path
) -> None:
    root = store.part({**DOCKERFILE, "aula": Submodule()})
    with checked_out([root, lfs(store, b"large", b"large", more)], place) as context:
        assert (Path(context.folder) / "aula/a/big.bin").read_bytes() == b"large"
        assert modes(context.folder)["aula/a/big.bin"] == 0o755


def test_an_object_of_lfs_that_an_extension_has_changed_is_refused(
    store: Store, place: Path
) -> None:
    root = store.part({**DOCKERFILE, "aula": Submodule()})
    line = f"ext-0-crypt sha256:{'1' * 64}\n"
    with pytest.raises(GuardError, match=r"'aula/a/big\.bin' needs an extension of Git LFS"):
        content([root, lfs(store, b"large", b"large", line=line)], place)


@pytest.mark.parametrize("kept", [None, b"damaged"])
def test_an_object_of_lfs_that_is_not_here_is_named(
    kept: bytes | None, store: Store, place: Path
) -> None:
    root = store.part({**DOCKERFILE, "aula": Submodule()})
    with pytest.raises(MissingObjectError, match=r"'aula/a/big\.bin' is a pointer") as caught:
        content([root, lfs(store, b"large", kept)], place)
    assert "lfs fetch" in caught.value.remedy


def test_another_filter_is_refused(store: Store, place: Path) -> None:
    part = store.part({**FILES, ".gitattributes": "*.bin filter=crypt", "big.bin": "x"})
    with pytest.raises(GuardError, match=r"'big\.bin' has the attribute filter=crypt"):
        content([part], place)


KILLED = """
import os, signal, sys
from guard.config import Config, Test
from guard.engine.context import prepared
from guard.git.repository import Repository
from guard.git.store import Part
store, tree, place = sys.argv[1:]
parts = [Part("", "", tree, Repository(store, store))]
with prepared(parts, Config(test=Test(("/bin/true",))), place) as made:
    print(made.context.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_guard_left_goes_with_the_next_and_what_another_uses_stays(
    store: Store, place: Path
) -> None:
    part = store.part({**DOCKERFILE, "sub/x": "x"})
    command = [sys.executable, "-c", KILLED, str(store.folder), part.tree, str(place)]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.strip())
    assert (left / "sub" / "x").exists()
    with checked_out([part], place) as other:
        assert not left.exists()
        with checked_out([part], place) as context:
            assert files_of(other.folder) == files_of(context.folder)
    assert list(place.iterdir()) == []


def test_a_lock_without_a_folder_goes_too(store: Store, place: Path) -> None:
    place.mkdir()
    (place / "guard-0123456789abcdef.lock").touch()
    content([store.part(DOCKERFILE)], place)
    assert list(place.iterdir()) == []


TERMINATED = """
import sys
from guard.config import Config, Test
from guard.engine.context import prepared
from guard.engine.endings import terminable
from guard.git.repository import Repository
from guard.git.store import Part
store, tree, place = sys.argv[1:]
parts = [Part("", "", tree, Repository(store, store))]
with terminable(), prepared(parts, Config(test=Test(("/bin/true",))), place):
    print("all is there", flush=True)
"""


def test_a_guard_that_is_terminated_while_git_writes_leaves_nothing(
    store: Store, place: Path
) -> None:
    files: dict[str, Content] = {f"d{n % 50}/f{n}": f"{n}" for n in range(2_000)}
    part = store.part({**DOCKERFILE, **files})
    command = [sys.executable, "-c", TERMINATED, str(store.folder), part.tree, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as guard:
        while not list(place.glob("guard-*/d0")):
            assert guard.poll() is None
        guard.send_signal(signal.SIGTERM)
        output, errors = guard.communicate()
    assert output == b""
    assert errors.splitlines()[-1] == b"guard.engine.endings.Terminated: SIGTERM"
    # Nor does a git go on to write.
    assert list(place.iterdir()) == []
    assert not [words for _, words in running_commands() if f"/guard-{guard.pid}-" in words]


def test_a_full_disk_leaves_nothing(store: Store, place: Path) -> None:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    try:
        part = store.part({**DOCKERFILE, "a": os.urandom(800_000), "b": os.urandom(800_000)})
        with pytest.raises(GuardError, match="unable to write") as caught:
            content([part], place)
        assert caught.value.remedy.startswith("df -h ")
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", place], check=True)


def test_two_at_once_have_each_their_own(store: Store, place: Path) -> None:
    found: dict[str, dict[str, bytes]] = {}

    def work(name: str) -> None:
        for number in range(5):
            files: dict[str, Content] = {**DOCKERFILE, "a": name, f"sub/{name}": str(number)}
            found[f"{name}{number}"] = content([store.part(files)], place)

    names = ("one", "two")
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        for number in range(5):
            assert found[f"{name}{number}"]["a"] == name.encode()
            assert found[f"{name}{number}"][f"sub/{name}"] == str(number).encode()
            assert len(found[f"{name}{number}"]) == 4
