"""The comparison with the real histories, on made ones; and the golden text of the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audits.made import make
from tests.audits.real import CONSUMER, GOLDEN, SUPERPROJECT, Golden, compare, parsed, text, written
from tests.workshop import Repo

NOWHERE = "9" * 40


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def golden_of(clones: Path) -> Golden:
    return parsed(written(clones).splitlines())


def test_the_same_whatever_refs_a_clone_has_besides(clones: Path) -> None:
    golden = golden_of(clones)
    Repo(clones / "thentos").git("tag", "v0.3.9", "master")
    Repo(clones / "aula").git("update-ref", "-d", "refs/heads/master")
    Repo(clones / "aula-docker").git("update-ref", "refs/remotes/origin/master", "master~20")
    assert compare(clones, golden) == []


def test_what_differs_is_told_with_its_facts(clones: Path) -> None:
    golden = golden_of(clones)
    judgements = golden.judgements[SUPERPROJECT]
    commit = next(key for key, (outcome, _) in judgements.items() if outcome == "blocked")
    judgements[commit] = ("allowed", (("image-pin", "note", "0" * 12),))
    (told,) = compare(clones, golden)
    first, *lines = told.splitlines()
    assert first == f"aula-docker {commit}: allowed -> blocked"
    assert "          found:    " in told and "          expected: " in told
    assert lines[-1] == f"  gone  note image-pin  {'0' * 12}"


def test_what_is_missing_is_said_before_anything_is_audited(clones: Path) -> None:
    golden = golden_of(clones)
    golden.judgements[CONSUMER][NOWHERE] = ("allowed", ())
    assert compare(clones, golden) == [f"aula {NOWHERE}: missing in {clones / 'aula'}"]


def test_the_text_of_the_real_histories_is_in_order() -> None:
    real = GOLDEN.read_text(encoding="utf-8")
    assert text(parsed(real.splitlines())) == real
    assert len(real) < 150_000
