"""Plain repositories, for what needs no workshop: fixtures of all tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workshop import Repo

MakeRepo = Callable[..., Repo]


@pytest.fixture
def make_repo(tmp_path: Path) -> MakeRepo:
    """Makes a repository in a folder of the test's own: ``make_repo("name", "--bare")``."""

    def make(name: str, *flags: str) -> Repo:
        folder = tmp_path / name
        subprocess.run(["git", "init", "--quiet", *flags, str(folder)], check=True)
        return Repo(folder)

    return make


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo("repo")
