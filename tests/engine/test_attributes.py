"""Attributes of the tree: what a checkout makes of them, or a refusal."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.config import Config
from guard.engine.context import Context
from guard.engine.selection import build_context
from guard.errors import GuardError
from guard.git.objects import ObjectPool
from tests.engine.trees import Content, Link, Store, Submodule

FILES: dict[str, Content] = {
    "unix.txt": "a\nb\n",
    "dos.txt": "a\r\nb\r\n",
    "mixed.txt": "a\r\nb\nc\r\n",
    "lonely.txt": "a\rb\nc",
    "binary.txt": b"a\nb\0c\n",
    "unprintable.txt": b"a\n" + b"\x01" * 20,
    "printable.txt": b"a\n" + b"b" * 300 + b"\x01\x1a",
    "end.txt": "a\n\x1a",
    "latin.txt": b"\xe4\n",
    "ident.txt": "$Id$ $Id: old $ $Id: no\nend$ $Ident$\n",
    "empty.txt": "",
    "sub/unix.txt": "a\n",
    "link.txt": Link("a\nb"),
    "Dockerfile": "FROM scratch\n",
}
ATTRIBUTES = ["text", "-text", "text=auto", "!text", "eol=crlf", "eol=lf", "crlf", "-crlf"]
ATTRIBUTES += ["crlf=input", "ident", "binary", "export-ignore", "filter=lfs", "text=other"]


def files_of(context: Context) -> dict[str, bytes]:
    context.check()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(context.stream()))) as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is not None:
                found[entry.name] = file.read()
    return found


def checkout(store: Store, tree: str, folder: Path) -> dict[str, bytes]:
    """What git itself writes, where no configuration says anything."""
    folder.mkdir()
    git = ["git", f"--git-dir={store.folder}", f"--work-tree={folder}", "-c", "core.bare=false"]
    environment = {"GIT_INDEX_FILE": f"{folder}.index", "PATH": "/usr/bin:/bin", "HOME": "/nope"}
    for command in (["read-tree", tree], ["checkout-index", "-a", "-f"]):
        subprocess.run([*git, *command], check=True, env=environment, cwd=folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


lines = st.lists(
    st.tuples(
        st.sampled_from(["*", "*.txt", "unix.txt", "sub/*", "/sub", "D*"]),
        st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3).map(" ".join),
    ).map(" ".join),
    max_size=4,
).map("\n".join)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(top=lines, below=lines)
def test_the_content_is_that_of_a_checkout(
    top: str, below: str, store: Store, pool: ObjectPool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {**FILES, ".gitattributes": top, "sub/.gitattributes": below}
    part = store.part(files)
    found = files_of(build_context([part], pool, Config().recipe, "aula"))
    assert found == checkout(store, part.tree, tmp_path_factory.mktemp("checkout") / "work")


def test_settings_of_the_user_and_the_repository_have_no_say(
    store: Store, pool: ObjectPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = store.part({**FILES, ".gitattributes": "UNIX.txt eol=crlf\n"})
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    (tmp_path / "settings").write_text(
        f"[core]\nignorecase = true\nautocrlf = true\nattributesFile = {tmp_path}/attributes\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    (store.folder / "info").mkdir(exist_ok=True)
    (store.folder / "info" / "attributes").write_text("* text eol=crlf\n")
    found = files_of(build_context([part], pool, Config().recipe, "aula"))
    assert found["unix.txt"] == b"a\nb\n"


def test_a_submodules_attributes_are_its_own(store: Store, pool: ObjectPool) -> None:
    root = store.part({**FILES, ".gitattributes": "*.txt eol=crlf\n", "aula": Submodule()})
    aula = store.part({"a.txt": "a\n", "sub/b.txt": "b\n"}, "aula")
    found = files_of(build_context([root, aula], pool, Config().recipe, "aula"))
    assert found["unix.txt"] == b"a\r\nb\r\n"
    assert found["aula/a.txt"] == b"a\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("*.bin filter=lfs", "'big.bin' is a pointer of Git LFS"),
        ("*.bin filter=crypt", "'big.bin' has the attribute filter=crypt"),
        ("*.bin working-tree-encoding=UTF-16", "'big.bin' has the attribute working-tree-enc"),
    ],
)
def test_what_a_checkout_needs_a_program_for_is_refused_before_the_build(
    line: str, said: str, store: Store, pool: ObjectPool
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    files: dict[str, Content] = {**FILES, ".gitattributes": line, "big.bin": pointer}
    context = build_context([store.part(files)], pool, Config().recipe, "aula")
    with pytest.raises(GuardError) as caught:
        context.check()
    assert said in caught.value.problem
    assert ".dockerignore" in caught.value.remedy
    left_out = store.part({**files, ".dockerignore": "*.bin\n"})
    assert "unix.txt" in files_of(build_context([left_out], pool, Config().recipe, "aula"))
