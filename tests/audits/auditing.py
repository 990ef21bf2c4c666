"""What `guard audit` says, as values that can be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """The facts of a finding, without its words."""

    rule: str
    severity: str
    found: str
    expected: str


class Audited(NamedTuple):
    """One commit and what would have become of its push.

    Args:
        judged_with: for a commit of aula, the superproject that it was put into.
    """

    commit: str
    outcome: str
    judged_with: str
    findings: tuple[Finding, ...]


def audit(folder: Path, *arguments: str) -> list[Audited]:
    """Run the real command in a repository.

    Raises:
        RuntimeError: it fails.
    """
    command = [sys.executable, "-I", "-m", "guard", "audit", "--json", *arguments]
    ran = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"guard audit fails in {folder}: {ran.stderr}")
    return [_audited(item) for item in json.loads(ran.stdout)["decisions"]]


def _environment(folder: Path) -> dict[str, str]:
    """Whoever runs it has no settings of git that count."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {**outside, **nothing, "HOME": str(folder)}


def _audited(decision: dict[str, object]) -> Audited:
    findings = decision["findings"]
    assert isinstance(findings, list)
    fields: Sequence[str] = Finding._fields
    return Audited(
        str(decision["commit"]),
        str(decision["outcome"]),
        str(decision["judged_with"]),
        tuple(sorted(Finding(*(item[field] for field in fields)) for item in findings)),
    )
