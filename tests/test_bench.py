"""The measurements run; what they measure is not held against anything here."""

from __future__ import annotations

import subprocess
import sys

from tests.pages import ROOT


def test_the_measurements_run() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.push", "--rounds", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("aula-docker", "aula"):
        assert f"of {name}, 2 rounds" in ran.stdout
        assert f"of {name}, new to the memo, 2 rounds" in ran.stdout
    assert "guard audit over" in ran.stdout
    for name in ("guard", "pre-commit", "prek", "lefthook", "git-lfs", "husky"):
        assert ran.stdout.count(f"\n  {name}") >= 4, ran.stdout
    assert "not on this machine" not in ran.stdout


def test_growth_is_measured() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.growth", "--rounds", "1", "--divide", "500"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == ("does not hold" in ran.stdout), ran.stdout + ran.stderr
    for text in (
        "of one commit of aula-docker, 1 rounds",
        "of one commit of aula, 1 rounds",
        "tags in thentos, 15 to 20",
        "verdicts, 10 to 40",
        "commits of history, 100 to 200",
        "a push of 2 new refs",
        "thentos does not fit",
    ):
        assert text in ran.stdout


def test_the_way_back_is_measured() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.recover", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for text in ("with the pushes", "without the pushes"):
        assert text in ran.stdout
