"""What a user gets who installs guard from a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.pages import ROOT


def _tracked(*paths: str) -> list[str]:
    ran = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, check=True
    )
    return ran.stdout.decode().split("\0")[:-1]


def test_nothing_of_an_earlier_version_is_installed(tmp_path: Path) -> None:
    """Where it was installed from before, a clone holds what was built then."""
    clone = tmp_path / "clone"
    for name in _tracked("guard", "hooks", "setup.*", "pyproject.toml", "MANIFEST.in", "*.md"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            (clone / name).symlink_to((ROOT / name).readlink())
        else:
            (clone / name).write_bytes((ROOT / name).read_bytes())
    stale = clone / "build/lib/guard/start.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "."]
    subprocess.run([*command, str(clone)], cwd=tmp_path, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    modules = {name for name in ZipFile(wheel).namelist() if name.endswith((".py", ".typed"))}
    assert modules == {name for name in _tracked("guard") if name.endswith((".py", ".typed"))}
    assert "guard/hooks/pre-push" in ZipFile(wheel).namelist()
    # A finding names a page; who installed guard has it, and `guard explain` reads it there.
    pages = {name for name in ZipFile(wheel).namelist() if name.startswith("guard/docs/")}
    assert pages == {f"guard/{name}" for name in _tracked("docs")}
    installed = tmp_path / "installed"
    ZipFile(wheel).extractall(installed)
    code = "import sys; sys.path.insert(0, '.'); from guard.cli import main; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code, "explain", "tested"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("tested\n\nBlocks when "), ran.stderr
