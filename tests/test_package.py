"""What a user gets who installs guard from a clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.pages import ROOT
from tests.workshop import Workshop


def _tracked(*paths: str) -> list[str]:
    ran = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, check=True
    )
    return ran.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("cli.py", "status"),
        ("errors.py", "status"),
        ("screen.py", "log"),
        ("commands/status.py", "status"),
        ("gate/judgement.py", "pre-push origin url"),
        ("haskell", "check"),
        ("docs/rules.md", "explain tested"),
        ("hooks/pre-push", "install"),
        ("yaml", "check"),
    ],
)
@pytest.mark.parametrize("how", ["gone", "half"])
def test_an_installation_that_lacks_something_says_what_and_how_to_mend_it(
    workshop: Workshop, lost: str, words: str, how: str
) -> None:
    installed = workshop.root / "installed"
    shutil.copytree(ROOT / "guard", installed / "guard", ignore=lambda *_: ["__pycache__"])
    part = installed / "guard" / lost
    code = f"import sys, runpy; sys.path.insert(0, {str(installed)!r}); sys.argv[0] = 'guard'\n"
    if lost == "yaml":
        code += "sys.modules['yaml'] = None\n"
    elif how == "gone":
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    elif lost.endswith(".py"):
        part.write_text(part.read_text().rpartition("(")[0] + "(")
    else:
        return  # any text is a page or a hook
    code += "runpy.run_module('guard', run_name='__main__')"
    line = f"HEAD {workshop.docker.head} refs/heads/x {'0' * 40}\n".encode()
    workshop.require(">=0.9")
    workshop.pin()
    command = [sys.executable, "-I", "-c", code, *words.split()]
    ran = workshop.run(command, workshop.docker, data=line)
    assert ran.status == 3, ran.text
    problem, remedy, *_ = ran.err.splitlines()
    assert problem.startswith("guard: error: guard's installation is incomplete: ")
    assert Path(lost).stem in problem or how == "half"
    assert remedy.startswith(f"  to mend it: {sys.executable} -m pip install --force-reinstall ")


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
