"""What is remembered between pushes changes no decision, only how long it takes."""

from __future__ import annotations

import hashlib
import marshal
import shutil
from pathlib import Path
from typing import Any

import pytest

from guard.memory import Memory
from guard.model import Gitlink, Result
from tests.workshop import Repo, Workshop


def entries(workshop: Workshop) -> list[Path]:
    return sorted((workshop.docker.folder / ".git/guard/memory").glob("*-*"))


def sealed(payload: bytes) -> bytes:
    """An entry whose checksum is right."""
    return hashlib.sha1(payload).hexdigest().encode() + payload


def test_what_is_remembered_is_recalled_for_the_same_ids_only(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path))
    memory.remember("v0.3.0", "static", "a", "b")
    assert Memory(str(tmp_path)).recall(str, "static", "a", "b") == "v0.3.0"
    assert memory.recall(str, "static", "a", "c") is None
    assert memory.recall(str, "other", "a", "b") is None


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path))
    memory.remember(Gitlink("aula", "1" * 40), "static", "a")
    (path,) = (tmp_path / "guard/memory").iterdir()
    before = path.stat()
    memory.remember(Gitlink("aula", "1" * 40), "static", "a")
    assert path.stat() == before
    memory.remember("y", "static", "a")
    assert memory.recall(str, "static", "a") == "y"
    path.write_bytes(b"damaged")
    Memory(str(tmp_path)).remember("y", "static", "a")
    assert Memory(str(tmp_path)).recall(str, "static", "a") == "y"


def test_there_is_room_for_so_much_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "guard/memory"
    folder.mkdir(parents=True)
    for number in range(4095):
        (folder / f"old-{number}").touch()
    memory = Memory(str(tmp_path))
    memory.remember("x", "static", "a")
    assert len(list(folder.iterdir())) == 4096
    memory.remember("y", "static", "b")
    memory.remember("z", "static", "c")
    assert len(list(folder.iterdir())) == 2
    assert [Memory(str(tmp_path)).recall(str, "static", name) for name in "abc"] == [None, "y", "z"]


def test_the_second_decision_is_the_first(workshop: Workshop) -> None:
    workshop.require(">=0.3")
    workshop.pin()
    workshop.verdict()
    first = workshop.guard("check", "--json")
    assert entries(workshop)
    second = workshop.guard("check", "--json")
    assert second.out == first.out
    assert "sets no upper bound on thentos-core" in second.out


def test_a_tag_that_moves_away_is_missed(workshop: Workshop) -> None:
    workshop.verdict()
    assert workshop.guard("check").status == 0
    workshop.thentos.git("tag", "--force", "v0.3.0", "v0.2.1")
    ran = workshop.guard("check")
    assert ran.status == 1
    assert "which is no release" in ran.out
    workshop.thentos.git("tag", "--delete", "v0.3.0")
    assert workshop.guard("check").status == 1


@pytest.mark.parametrize("annotated", [False, True])
def test_so_it_is_by_a_push(workshop: Workshop, annotated: bool) -> None:
    workshop.install()
    workshop.verdict()
    tag = ("tag", "--force", *(("-a", "-m", "release") if annotated else ()), "v0.3.0")
    workshop.thentos.git(*tag, "v0.3.0^{commit}")
    for name in ("one", "two", "three"):
        assert workshop.push(workshop.docker, "origin", f"HEAD:refs/heads/{name}").status == 0
    assert workshop.push(workshop.aula, "origin", "HEAD:refs/heads/one").status == 0
    workshop.thentos.git(*tag, "v0.2.1")
    for at in (workshop.docker, workshop.aula):
        ran = workshop.push(at, "origin", "HEAD:refs/heads/more")
        assert ran.status != 0
        assert "which is no release" in ran.text
    workshop.thentos.git("tag", "--delete", "v0.3.0")
    assert workshop.push(workshop.docker, "origin", "HEAD:refs/heads/more").status != 0


def test_a_sibling_that_contradicts_is_seen_by_a_push(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    sibling = workshop.root / "thentos"
    workshop.run(
        ["git", "clone", "--quiet", str(workshop.thentos.folder), str(sibling)], workshop.docker
    )
    for name in ("one", "two"):
        assert workshop.push(workshop.docker, "origin", f"HEAD:refs/heads/{name}").status == 0
    Repo(sibling).git("tag", "--force", "v0.3.0", "v0.2.1")
    ran = workshop.push(workshop.docker, "origin", "HEAD:refs/heads/more")
    assert ran.status != 0
    assert "v0.3.0" in ran.text


def test_a_verdict_that_fails_later_is_seen(workshop: Workshop) -> None:
    workshop.verdict()
    assert workshop.guard("check").status == 0
    workshop.verdict(Result.FAILED_TEST, detail="exit status 1")
    assert workshop.guard("check").status == 1


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe" * 100,
        sealed(b""),
        sealed(b"\xff"),
        sealed(marshal.dumps(1)),
        sealed(marshal.dumps((1, 2, 3))),
        sealed(marshal.dumps((("another", "guard"), 1))),
    ],
)
def test_damaged_entries_are_none(workshop: Workshop, damage: bytes) -> None:
    workshop.verdict()
    before = workshop.guard("check", "--json").out
    for path in entries(workshop):
        path.write_bytes(damage)
    assert workshop.guard("check", "--json").out == before


@pytest.mark.parametrize("value", [None, 1, [], ["v0.3.0"], ["v0.3.0", [{}]], {"a": 1}])
def test_entries_of_another_shape_are_none(workshop: Workshop, value: Any) -> None:
    workshop.verdict()
    before = workshop.guard("check", "--json").out
    for path in entries(workshop):
        asked, _ = marshal.loads(path.read_bytes()[40:])
        path.write_bytes(sealed(marshal.dumps((asked, value))))
    assert workshop.guard("check", "--json").out == before


def test_an_entry_that_was_cut_short_is_none(workshop: Workshop) -> None:
    workshop.verdict()
    before = workshop.guard("check", "--json").out
    assert len(entries(workshop)) >= 4
    for path in entries(workshop):
        path.write_bytes(path.read_bytes()[:-1])
    assert workshop.guard("check", "--json").out == before


def test_what_is_of_another_shape_is_none(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path))
    memory.remember([Gitlink("aula", "1")], "kind", "a")
    for again in (memory, Memory(str(tmp_path))):
        assert again.recall(tuple[Gitlink, ...], "kind", "a") == (Gitlink("aula", "1"),)
        assert again.recall(Gitlink, "kind", "a") is None


def test_a_remembered_index_whose_tree_is_gone_is_read_again(workshop: Workshop) -> None:
    workshop.verdict()
    assert workshop.guard("check", at=workshop.aula).status == 0
    (path,) = [path for path in entries(workshop) if path.name.startswith("index-")]
    asked, tree = marshal.loads(path.read_bytes()[40:])
    assert tree == workshop.docker.git("rev-parse", "HEAD^{tree}")
    path.write_bytes(sealed(marshal.dumps((asked, "1" * 40))))
    assert workshop.guard("check", at=workshop.aula).status == 0


def test_a_staged_change_is_not_taken_for_what_was_remembered(workshop: Workshop) -> None:
    workshop.verdict()
    assert workshop.guard("check", at=workshop.aula).status == 0
    workshop.docker.write({"Dockerfile": "FROM localhost/other\n"})
    workshop.docker.git("add", "Dockerfile")
    ran = workshop.guard("check", "--json", at=workshop.aula)
    assert "aula-docker: HEAD" in ran.out  # the index is untested now


def test_nothing_bad_is_remembered(workshop: Workshop) -> None:
    workshop.require(">=0.9")
    workshop.pin()
    workshop.guard("check")
    assert not [path for path in entries(workshop) if path.name.startswith("static")]


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(workshop: Workshop) -> None:
    workshop.verdict()
    folder = workshop.docker.folder / ".git/guard/memory"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    assert workshop.guard("check").status == 0
