"""What make needs is set up on machines that have little: stand-ins for apt-get and for python3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT

SCRIPTS = ROOT / "scripts"


class Machine:
    """A PATH of its own, and an apt-get that notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.folder = folder
        self.asked = folder / "asked"
        for name in ("sh", "env", "dirname", "grep", "touch", "rm", "cp", "mkdir", "mktemp", "mv"):
            (self.bin / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        self.user(0)

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def user(self, number: int) -> None:
        self.program("id", f"echo {number}")

    def apt(self, effect: str = ":") -> None:
        self.program("apt-get", f'echo "$*" >> "{self.asked}"\n[ "$1" = update ] || {effect}')

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPTS / script), *arguments],
            cwd=self.folder,
            env={"PATH": str(self.bin), "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def installed(self) -> list[str]:
        """The packages that apt-get was asked for."""
        if not self.asked.exists():
            return []
        lines = [line for line in self.asked.read_text().splitlines() if "install" in line]
        return [word for line in lines for word in line.split() if not word.startswith("-")][1:]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_installed_where_all_is_there(machine: Machine) -> None:
    machine.apt()
    assert machine.run("tools", "sh", "grep:gnu-grep").returncode == 0
    assert machine.installed == []


def test_what_is_missing_is_installed_by_its_package(machine: Machine) -> None:
    machine.apt()
    ran = machine.run("tools", "sh", "busybox:busybox-static", "git-lfs")
    assert ran.returncode == 0, ran.stderr
    assert machine.installed == ["busybox-static", "git-lfs"]


def test_without_apt_or_root_it_says_what_is_missing(machine: Machine) -> None:
    ran = machine.run("tools", "git-lfs")
    assert ran.returncode == 1
    assert "missing, please install: git-lfs" in ran.stderr
    machine.apt()
    machine.user(1000)
    ran = machine.run("tools", "git-lfs")
    assert ran.returncode == 1
    assert "only root may install them: apt-get install git-lfs" in ran.stderr
    assert machine.installed == []


def test_a_registry_is_taken_out_of_its_package_and_not_installed(machine: Machine) -> None:
    ready = machine.folder / "ready"
    machine.program(
        "apt-get",
        f'echo "$*" >> "{machine.asked}"\n'
        f'case $1 in update) touch "{ready}" ;; download) [ -e "{ready}" ] || exit 100\n'
        "touch docker-registry_2.8_amd64.deb ;; esac",
    )
    machine.program("dpkg-deb", 'mkdir -p "$3/usr/bin"; cp /bin/true "$3/usr/bin/docker-registry"')
    for _ in ("lists that are too old", "there already"):
        ran = machine.run("registry", str(machine.folder / "bin of its own"))
        assert ran.returncode == 0, ran.stderr
        assert os.access(machine.folder / "bin of its own/docker-registry", os.X_OK)
    asked = machine.asked.read_text().splitlines()
    assert asked == ["download -q docker-registry", "update", "download -q docker-registry"]


def test_without_packages_a_registry_is_asked_for(machine: Machine) -> None:
    ran = machine.run("registry", str(machine.folder / "bin of its own"))
    assert ran.returncode == 1
    assert "missing, please install: docker-registry" in ran.stderr


def test_an_environment_is_made_once(machine: Machine) -> None:
    folder = machine.folder / "venv"
    assert machine.run("venv", sys.executable, str(folder)).returncode == 0
    kept = folder / "kept"
    kept.touch()
    assert machine.run("venv", sys.executable, str(folder)).returncode == 0
    assert kept.exists()
    (folder / "bin/python").unlink()
    assert machine.run("venv", sys.executable, str(folder)).returncode == 0
    assert not kept.exists()
    assert (folder / "bin/pip").exists()


def test_a_python_without_venv_gets_its_package(machine: Machine) -> None:
    ready = machine.folder / "ready"
    machine.program(
        "python3",
        f'case "$*" in *ensurepip*) [ -e "{ready}" ] || exit 1 ;; esac\nexec {sys.executable} "$@"',
    )
    machine.apt(f'touch "{ready}"')
    ran = machine.run("venv", "python3", str(machine.folder / "venv"))
    assert ran.returncode == 0, ran.stderr
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert machine.installed == [f"python{version}-venv"]


def test_a_package_that_does_not_help_is_told(machine: Machine) -> None:
    machine.program(
        "python3", f'case "$*" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"'
    )
    machine.apt()
    ran = machine.run("venv", "python3", str(machine.folder / "venv"))
    assert ran.returncode == 1
    assert "still has no venv" in ran.stderr


def test_an_old_python_and_none_at_all(machine: Machine) -> None:
    machine.program("python3", 'case "$2" in *exit*) exit 1 ;; *) echo 3.9 ;; esac')
    ran = machine.run("venv", "python3", str(machine.folder / "venv"))
    assert ran.returncode == 1
    assert "python3 is Python 3.9; guard needs 3.11 or later" in ran.stderr
    ran = machine.run("venv", "python9", str(machine.folder / "venv"))
    assert ran.returncode == 1
    assert "no python9 here" in ran.stderr


def test_the_scripts_are_clean(machine: Machine) -> None:
    shellcheck = shutil.which("shellcheck", path=os.environ["PATH"])
    assert shellcheck is not None
    names = ("venv", "tools", "registry", "packages")
    for script in (*map(SCRIPTS.joinpath, names), ROOT / ".ci/run"):
        done = subprocess.run([shellcheck, str(script)], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode()
