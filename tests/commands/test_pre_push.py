"""The gate, as a developer meets it: real pushes to bare remotes through the installed hook."""

from __future__ import annotations

import pytest

from guard.model import Result
from tests.workshop import Workshop


def test_a_tested_release_is_pushed(workshop: Workshop) -> None:
    workshop.install()
    workshop.verdict()
    ran = workshop.push(workshop.docker)
    assert ran.status == 0, ran.text
    assert workshop.remote_head("aula-docker") == workshop.docker.head
    said = [line for line in ran.err.splitlines() if line.startswith("guard:")]
    assert len(said) == 1
    assert "allowed" in said[0]


def test_an_untested_combination_is_blocked(workshop: Workshop) -> None:
    workshop.install()
    ran = workshop.push(workshop.docker)
    assert ran.status != 0
    assert workshop.remote_head("aula-docker") is None
    assert "error tested: this combination has not been built and tested" in ran.text
    assert f"next: guard test {workshop.docker.head[:12]}" in ran.text
