"""How the hook starts Python: without `site`, which it runs as soon as something needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.git.hooks.lasting import check_works
from guard.git.hooks.shim import Installation, this_installation
from tests.hooks.places import Trio, write_script

ROOT = Path(__file__).parents[2]
# Which module stands for a command, so that the start alone is seen.
TELL = """\
import sys
def main(arguments=None):
    {code}
    sys.stderr.write(f"{{sys.argv[1:]}} {{'site' in sys.modules}} {{sys.prefix}}")
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
        self.installation = Installation(str(folder / "bin/python"), str(self.guard / "start.py"))

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


def test_site_runs_when_it_is_needed_and_no_sooner(environment: Environment) -> None:
    environment.depend()
    (environment.packages / "told.pth").write_text("import sys; sys.stderr.write('TOLD')\n")
    assert environment.told("import json, subprocess, tempfile").startswith("['pre-push', 'a b'] F")
    found = environment.told("import yaml, packaging.version, yaml.nodes")
    # Python itself reads each twice in a virtual environment.
    assert found == f"TOLDTOLD['pre-push', 'a b'] True {environment.folder}"
    # One that `site` does not know either: it is not run twice for that.
    code = "try: import none_such\n    except ImportError: import none_such_too"
    assert environment.told(code, status=1).count("TOLD") == 2


ABOUT = """
    import {module} as found, inspect
    spec = found.__spec__
    sys.stderr.write(type(spec.loader).__name__ + "\\n" + repr((
        found.__file__, found.__cached__, found.__package__, spec.origin, spec.parent,
        inspect.getsource(found), spec.submodule_search_locations)) + "\\n")
"""


@pytest.mark.parametrize("module", ["guard.errors", "guard.git.parts", "guard.git"])
def test_modules_of_guard_are_those_that_python_would_find(
    environment: Environment, module: str
) -> None:
    compiled = "SourceFileLoader" if module == "guard.git" else "Compiled"
    first, usual, _ = environment.told(ABOUT.format(module=module)).split("\n")
    second, found, _ = environment.told(ABOUT.format(module=module)).split("\n")
    assert (first, second, found) == ("SourceFileLoader", compiled, usual)


def test_what_is_compiled_of_another_source_is_not_taken(environment: Environment) -> None:
    source = environment.guard / "errors.py"
    environment.told("import guard.errors")
    cached = environment.guard / f"__pycache__/errors.{sys.implementation.cache_tag}.pyc"
    good = cached.read_bytes()
    loader = "import guard.errors as e; sys.stderr.write(type(e.__loader__).__name__ + '!')"
    bad = {
        "of another Python": b"\0\0\0\0" + good[4:],
        "of another time": good[:8] + bytes(4) + good[12:],
        "of another size": good[:12] + bytes(4) + good[16:],
        "cut off": good[:10],
        "empty": b"",
    }
    for text in bad.values():
        cached.write_bytes(text)
        assert environment.told(loader).startswith("SourceFileLoader!")
        assert environment.told(loader).startswith("Compiled!")
    source.write_text(f"{source.read_text()}MORE = 'more'\n")
    assert environment.told("import guard.errors as e; sys.stderr.write(e.MORE)").startswith("more")
    cached.unlink()
    assert environment.told(loader).startswith("SourceFileLoader!")


def test_an_environment_that_customizes_python_is_not_asked(environment: Environment) -> None:
    (environment.packages / "sitecustomize.py").write_text("raise SystemExit(0)\n")
    assert "False" in environment.told("pass")


def test_nothing_beside_guard_stands_for_a_module_of_pythons(environment: Environment) -> None:
    for folder in {environment.guard, environment.guard.parent, environment.folder}:
        for name in ("gc", "os", "site", "json", "select", "__future__"):
            (folder / f"{name}.py").write_text("raise SystemExit(0)\n")
    assert "True" in environment.told("import json, select, site")


def test_what_asks_for_the_end_is_told_of_it(environment: Environment) -> None:
    said = environment.told("import atexit; atexit.register(sys.stderr.write, 'THE END')")
    assert said.endswith("THE END")


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
    (environment.guard / "start.py").write_text("")
    with pytest.raises(GuardError, match="could not start guard"):
        check_works(environment.installation)


def test_a_hook_of_before_is_told_of_works_and_is_rewritten(trio: Trio) -> None:
    """It ran guard as a module; the package keeps that way until the hook is written anew."""
    trio.guard(trio.top, "install")
    package = this_installation().package
    current = trio.hooks[2].read_text()
    old = current.replace('-I -S -X utf8 "$package"', "-I -m guard")
    old = old.replace(package, f"{os.path.dirname(package)}/__main__.py")
    assert old.count("-m guard") == 2
    write_script(trio.hooks[2], old)
    told = trio.guard(trio.top, "check", "--hooks", ok=[1]).stdout
    assert told.count("  outdated  ") == 1
    assert f"{trio.hooks[2]} is of another version of guard" in told
    assert "to mend it: guard install" in told
    done = trio.push(trio.aula)
    assert "guard: the push is blocked" in done.stderr
    trio.guard(trio.top, "install")
    assert trio.hooks[2].read_text() == current
    assert trio.guard(trio.top, "check", "--hooks").stdout.count("  effective  ") == 3
