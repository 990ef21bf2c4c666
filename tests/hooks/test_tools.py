"""The real tools that people run beside guard: who displaces whom, and how both run in the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from guard.install.health import HookHealth, HookState, hook_health
from guard.install.shim import CHAINED
from tests.hooks.places import opened, write_script
from tests.pages import blocks, page, section
from tests.workshop import Ran, Workshop

_HERE = Path(sys.executable).parent
_PRE_COMMIT_CONFIG = """\
repos:
- repo: local
  hooks:
  - {id: noted, name: noted, entry: sh noted.sh, language: system, stages: [pre-push],
     always_run: true, pass_filenames: false}
"""
_LEFTHOOK_CONFIG = "pre-push:\n  jobs:\n    - name: noted\n      run: sh noted.sh\n"


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{_HERE}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is not installed (see `make test`)"
    return found


class Bench:
    """A workshop in which one commit may be pushed and another may not, with a tool's files."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.folder = workshop.docker.folder
        self.noted = workshop.root / "noted"
        workshop.docker.commit(
            "Let other tools run hooks",
            {
                ".pre-commit-config.yaml": _PRE_COMMIT_CONFIG,
                "lefthook.yml": _LEFTHOOK_CONFIG,
                "noted.sh": f"echo ran >> '{self.noted}'\n",
            },
        )
        self.settle()

    def settle(self) -> None:
        """What is committed now has passed."""
        self.workshop.verdict()
        self.good = self.workshop.docker.head

    def tool(self, name: str, *arguments: str) -> Ran:
        """Run a tool in the superproject."""
        return self.workshop.run([_program(name), *arguments], self.workshop.docker)

    def done(self, name: str, *arguments: str) -> str:
        """Run a tool that has to succeed."""
        ran = self.tool(name, *arguments)
        assert ran.status == 0, ran.text
        return ran.text

    def health(self) -> HookHealth:
        """The health of the superproject's hook."""
        return hook_health(opened(self.folder))

    def told(self) -> HookHealth:
        """The health; `guard status` says what is wrong, how to mend it, and not to push."""
        health = self.health()
        status = self.guard("status")
        assert not health.effective
        assert f"  {health.reason}" in status.splitlines()
        assert status.splitlines()[-1] == f"next: {health.remedy}"
        return health

    @property
    def hooks(self) -> Path:
        return self.folder / ".git" / "hooks"

    def runs(self) -> int:
        """How often the tool's own hook has run since the last time."""
        count = len(self.noted.read_text().splitlines()) if self.noted.exists() else 0
        self.noted.unlink(missing_ok=True)
        return count

    def both_run(self) -> None:
        """A good push passes, a bad one is blocked by guard, and the tool's hook runs in both."""
        self.runs()
        path = os.pathsep.join((f"{self.workshop.root}/bin", str(_HERE), os.environ["PATH"]))
        ran = self.workshop.push(
            self.workshop.docker, "origin", f"{self.good}:refs/heads/good", PATH=path
        )
        assert ran.status == 0, ran.text
        assert ran.text.count("guard: aula-docker") == 1, ran.text
        assert self.runs() == 1, ran.text
        tree = self.workshop.docker.git("write-tree")
        blob = self.workshop.docker.git("hash-object", "-w", "--stdin", data=os.urandom(9))
        tree = self.workshop.docker.git(
            "mktree",
            data=(
                self.workshop.docker.git("ls-tree", tree) + f"\n100644 blob {blob}\tuntested\n"
            ).encode(),
        )
        bad = self.workshop.docker.git("commit-tree", "-p", self.good, "-m", "bad", tree)
        ran = self.workshop.push(self.workshop.docker, "origin", f"{bad}:refs/heads/bad", PATH=path)
        assert ran.status != 0
        assert "blocked" in ran.text
        assert self.runs() == 1, ran.text
        assert self.workshop.remote_head("aula-docker", "refs/heads/bad") is None
        self.workshop.push(self.workshop.docker, "--no-verify", "origin", ":refs/heads/good")

    def guard(self, *arguments: str, ok: int = 0) -> str:
        """Run guard, with the exit status that is expected."""
        ran = self.workshop.guard(*arguments)
        assert ran.status == ok, ran.text
        return ran.text


@pytest.fixture
def bench(workshop: Workshop) -> Bench:
    return Bench(workshop)


Install = Callable[[Bench], object]


def _pre_commit(bench: Bench) -> object:
    return bench.done("pre-commit", "install", "-t", "pre-push")


def _prek(bench: Bench) -> object:
    return bench.done("prek", "install", "-t", "pre-push")


def _lefthook(bench: Bench) -> object:
    return bench.done("lefthook", "install", "--force")


def _git_lfs(bench: Bench) -> object:
    """git-lfs itself leaves no trace where there is nothing to send: its hook is given one."""
    bench.done("git", "lfs", "update", "--force")
    hook = bench.hooks / "pre-push"
    assert 'git lfs pre-push "$@"' in hook.read_text()
    hook.write_text(hook.read_text() + "status=$?\nsh noted.sh\nexit $status\n")
    return hook


FRAMEWORKS = [_pre_commit, _prek]
OTHERS = [_lefthook, _git_lfs]


@pytest.mark.parametrize("install", FRAMEWORKS + OTHERS)
def test_the_tool_first(bench: Bench, install: Install) -> None:
    install(bench)
    hook = (bench.hooks / "pre-push").read_bytes()
    assert bench.health().state is HookState.DISPLACED
    bench.guard("install")
    assert bench.health().state is HookState.EFFECTIVE
    bench.both_run()
    bench.guard("uninstall")
    assert (bench.hooks / "pre-push").read_bytes() == hook


@pytest.mark.parametrize("install", FRAMEWORKS)
def test_guard_first_and_a_framework_that_keeps_it(bench: Bench, install: Install) -> None:
    bench.guard("install")
    install(bench)
    health = bench.health()
    assert (health.state, health.effective) == (HookState.RUN_BY_OTHER, True)
    bench.both_run()
    assert "nothing to do" in bench.guard("install")
    bench.both_run()
    bench.guard("uninstall")
    assert not (bench.hooks / "pre-push.legacy").exists()
    assert "File generated by pre" in (bench.hooks / "pre-push").read_text()


@pytest.mark.parametrize("install", FRAMEWORKS)
def test_a_framework_before_and_after(bench: Bench, install: Install) -> None:
    install(bench)
    bench.guard("install")
    install(bench)
    assert bench.health().effective
    bench.both_run()
    bench.guard("install")
    assert not (bench.hooks / CHAINED).exists()
    bench.both_run()


@pytest.mark.parametrize("install", OTHERS)
def test_guard_first_and_a_tool_that_drops_it(bench: Bench, install: Install) -> None:
    bench.guard("install")
    install(bench)
    health = bench.told()
    assert health.state is HookState.DISPLACED
    assert health.by in health.reason
    assert health.remedy == "guard install"
    bench.guard("install")
    bench.both_run()
    install(bench)
    assert bench.health().state is HookState.DISPLACED
    bench.guard("install")
    bench.both_run()


@pytest.mark.parametrize("name", ["pre-commit", "prek"])
def test_a_framework_by_force(bench: Bench, name: str) -> None:
    bench.guard("install")
    bench.done(name, "install", "-f", "-t", "pre-push")
    health = bench.told()
    assert (health.state, health.by) == (HookState.DISPLACED, name)
    bench.guard("install")
    bench.both_run()


def test_git_lfs_without_force_leaves_guard_alone(bench: Bench) -> None:
    bench.guard("install")
    assert bench.tool("git", "lfs", "update").status != 0
    assert bench.health().state is HookState.EFFECTIVE


@pytest.mark.parametrize("leads", ["to a folder", "to nothing"])
def test_a_global_hooks_path(bench: Bench, leads: str) -> None:
    bench.guard("install")
    shared = "/dev/null" if leads == "to nothing" else str(bench.workshop.root / "my hooks")
    bench.workshop.docker.git("config", "--global", "core.hooksPath", shared)
    health = bench.told()
    assert health.state is HookState.UNREACHED
    assert f"core.hooksPath is {shared}" in health.reason


def test_lefthook_with_a_line_of_its_own(bench: Bench) -> None:
    """What the page on installing says for teams that let lefthook run their hooks."""
    write_script(bench.workshop.root / "bin/guard", _call())
    config = yaml.safe_load(_shown("yaml"))
    config["pre-push"]["jobs"] += yaml.safe_load(_LEFTHOOK_CONFIG)["pre-push"]["jobs"]
    bench.workshop.docker.write({"lefthook.yml": yaml.safe_dump(config)})
    bench.workshop.docker.commit("Let lefthook run guard")
    bench.settle()
    _lefthook(bench)
    assert bench.health().state is HookState.RUN_BY_OTHER
    bench.both_run()


def test_husky(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    write_script(bench.workshop.root / "bin/guard", _call())
    bench.guard("install")
    _install_husky(bench, tmp_path_factory.mktemp("npm"))
    health = bench.told()
    assert (health.state, health.by) == (HookState.UNREACHED, "husky")
    told = bench.guard("install", ok=3)
    own = bench.folder / ".husky/pre-push"
    assert str(own) in told
    assert 'guard pre-push "$@"' in told
    # What the page on installing says for teams that let husky run their hooks.
    own.write_text("sh noted.sh\n" + _shown("sh"))
    assert bench.health().state is HookState.RUN_BY_OTHER
    bench.both_run()
    bench.guard("uninstall")
    assert not (bench.hooks / "pre-push").exists()
    assert own.exists()


def _shown(kind: str) -> str:
    (text,) = blocks(section(page("docs/installing.md"), "With lefthook or husky"), kind)
    return text


def _call() -> str:
    return f'#!/bin/sh\nexec {sys.executable} -I -m guard "$@"\n'


def _install_husky(bench: Bench, npm: Path) -> None:
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "husky@9"]
    command[0] = _program("npm")
    subprocess.run(command, cwd=npm, check=True, timeout=120, stdin=subprocess.DEVNULL)
    script = f'import("{npm}/node_modules/husky/index.js").then(it => console.log(it.default()))'
    bench.done("node", "-e", script)
