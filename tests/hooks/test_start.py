"""How the hook starts Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.install.shim import Installation, this_installation
from guard.install.targets import check_works
from tests.hooks.places import Trio, write_script

ROOT = Path(__file__).parents[2]
# Which module stands for a command, so that the start alone is seen.
TELL = """\
import sys
def main(arguments=None):
    {code}
    sys.stderr.write(f"{{sys.argv[1:]}} {{sys.prefix}}")
    return 7
"""


class Environment:
    """A virtual environment with guard in it."""

    def __init__(self, folder: Path, editable: bool) -> None:
        venv.create(folder, symlinks=True)
        self.folder = folder
        paths = sysconfig.get_paths("venv", {"base": str(folder), "installed_base": str(folder)})
        self.packages = Path(paths["purelib"])
        home = folder / "it's a source" if editable else self.packages
        if editable:
            (self.packages / "guard.pth").write_text(f"{home}\n")
        others = shutil.ignore_patterns("__pycache__", "engine", "demo")
        shutil.copytree(ROOT / "guard", home / "guard", ignore=others)
        self.guard = home / "guard"
        self.installation = Installation(
            str(folder / "bin/python"), str(self.guard / "__main__.py")
        )

    def depend(self) -> None:
        """Make what guard needs importable, in the way that only `site` follows."""
        (self.packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def told(self, code: str, status: int = 7) -> str:
        """What guard says that does nothing but this."""
        (self.guard / "cli.py").write_text(TELL.format(code=code))
        ran = self.run("pre-push", "a b")
        assert ran.returncode == status, ran.stderr
        return ran.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run guard as the shim does."""
        command = self.installation.command(*arguments)
        return subprocess.run(
            command, env={}, cwd=self.folder, capture_output=True, text=True, check=False
        )


@pytest.fixture(params=["editable", "installed"])
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> Environment:
    """One without what guard needs."""
    return Environment(tmp_path / "räume", request.param == "editable")


def test_what_guard_needs_is_found_by_site(environment: Environment) -> None:
    with pytest.raises(GuardError, match="No module named 'packaging'"):
        check_works(environment.installation)
    environment.depend()
    check_works(environment.installation)


def test_nothing_beside_guard_stands_for_a_module_of_pythons(environment: Environment) -> None:
    for folder in {environment.guard, environment.guard.parent, environment.folder}:
        for name in ("gc", "os", "site", "json", "select", "__future__"):
            (folder / f"{name}.py").write_text("raise SystemExit(0)\n")
    assert environment.told("import json, select, site").startswith("['pre-push', 'a b']")


def test_what_is_written_arrives_or_fails(environment: Environment) -> None:
    (environment.guard / "cli.py").write_text(
        "import sys\ndef main():\n    sys.stdout.write('all of it')\n    return 0\n"
    )
    assert environment.run().stdout == "all of it"
    command = environment.installation.command()
    with open("/dev/full", "wb") as full:
        assert subprocess.run(command, stdout=full, check=False).returncode != 0
    closed = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    assert subprocess.run(closed, check=False).returncode != 0


def test_an_installation_that_says_nothing_does_not_work(environment: Environment) -> None:
    """A full disk leaves files empty; Python finds nothing wrong with them."""
    environment.depend()
    (environment.guard / "__main__.py").write_text("")
    with pytest.raises(GuardError, match="could not start guard"):
        check_works(environment.installation)


def test_a_hook_of_before_blocks_until_it_is_rewritten(trio: Trio) -> None:
    """It ran a file of guard by its path, which is not there any more."""
    trio.guard(trio.top, "install")
    package = this_installation().package
    start = f"{os.path.dirname(package)}/start.py"
    current = trio.hooks[2].read_text()
    old = current.replace("-I -X utf8 -m guard", '-I -S -X utf8 "$package"').replace(package, start)
    assert old.count("$package") == 5
    write_script(trio.hooks[2], old)
    told = trio.guard(trio.top, "check", "--hooks", ok=[1]).stdout
    assert f"guard is gone from {start}, so it blocks every push" in told
    assert "to mend it: guard install" in told
    done = trio.push(trio.aula)
    assert done.returncode != 0
    assert f"this push is blocked: guard was installed with {start} (the package)" in done.stderr
    assert "then run: guard install" in done.stderr
    trio.guard(trio.top, "install")
    assert trio.hooks[2].read_text() == current
    assert trio.guard(trio.top, "check", "--hooks").stdout.count("  effective  ") == 3
