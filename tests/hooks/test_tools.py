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

    def both_run(self, blocked: int = 1) -> None:
        """A good push passes, a bad one is blocked by guard, and the tool's hook runs in both.

        Args:
            blocked: how often it runs in a push that is blocked.
        """
        self.runs()
        ran = self.push(f"{self.good}:refs/heads/good")
        assert ran.status == 0, ran.text
        assert ran.text.count("guard: aula-docker") == 1, ran.text
        assert self.runs() == 1, ran.text
        ran = self.push_bad()
        assert ran.status != 0
        assert "blocked" in ran.text
        assert self.runs() == blocked, ran.text
        assert not self.is_bad_there
        self.workshop.push(self.workshop.docker, "--no-verify", "origin", ":refs/heads/good")

    def push(self, *refspecs: str) -> Ran:
        """Push with the tool and guard in PATH."""
        path = os.pathsep.join((f"{self.workshop.root}/bin", str(_HERE), os.environ["PATH"]))
        return self.workshop.push(self.workshop.docker, "origin", *refspecs, PATH=path)

    def push_bad(self) -> Ran:
        """Push what nobody has tested."""
        docker = self.workshop.docker
        blob = docker.git("hash-object", "-w", "--stdin", data=os.urandom(9))
        listed = docker.git("ls-tree", docker.git("write-tree"))
        tree = docker.git("mktree", data=f"{listed}\n100644 blob {blob}\tuntested\n".encode())
        bad = docker.git("commit-tree", "-p", self.good, "-m", "bad", tree)
        return self.push(f"{bad}:refs/heads/bad")

    @property
    def is_bad_there(self) -> bool:
        """Whether the remote took that."""
        return self.workshop.remote_head("aula-docker", "refs/heads/bad") is not None

    def lets_through(self, because: str) -> None:
        """A bad push goes through, and guard says that it may, and because of what."""
        checked = self.guard("check", "--hooks", ok=1)
        (line,) = (line for line in checked.splitlines() if "but not at every push" in line)
        assert line.endswith(because), checked
        assert self.told().state is HookState.WEAKER
        ran = self.push_bad()
        assert (ran.status, self.is_bad_there) == (0, True), ran.text

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


def test_lefthook_skips_a_job_where_it_sees_no_files(bench: Bench) -> None:
    """The line that guard itself showed once, and a push of another branch than HEAD's."""
    write_script(bench.workshop.root / "bin/guard", _call())
    plain = "pre-push:\n  jobs:\n    - run: guard pre-push {1} {2}\n      use_stdin: true\n"
    bench.workshop.docker.commit("Let lefthook run guard", {"lefthook.yml": plain})
    bench.settle()
    _lefthook(bench)
    bench.workshop.push(bench.workshop.docker, "--no-verify", "-u", "origin", "HEAD")
    bench.lets_through(": lefthook skips that job where HEAD brings the remote no files")
    bench.workshop.docker.write({"lefthook.yml": _shown("yaml")})
    _lefthook(bench)
    assert bench.health().state is HookState.RUN_BY_OTHER
    bench.workshop.push(bench.workshop.docker, "--no-verify", "origin", ":refs/heads/bad")
    assert (bench.push_bad().status, bench.is_bad_there) == (1, False)


_JOB = (
    '    - name: guard\n      run: "guard pre-push {1} {2} # {files}"\n'
    "      files: echo lefthook.yml\n      use_stdin: true\n"
)


@pytest.mark.parametrize(
    ("config", "because"),
    [
        (f"pre-push:\n  exclude_tags: [guard]\n  jobs:\n{_JOB}", ":2: exclude_tags: [guard]"),
        (
            f"pre-push:\n  exclude_tags: [slow]\n  jobs:\n{_JOB}      tags: [slow]\n",
            ":2: exclude_tags: [slow]",
        ),
        (
            "pre-push:\n  jobs:\n    - run: guard pre-push {1} {2}\n      use_stdin: true\n"
            "      root: nosuchdir/\n",
            ":5: root: nosuchdir/",
        ),
        (f"pre-push:\n  jobs:\n{_JOB}      exclude: ['*']\n", ":7: exclude: ['*']"),
        (f"pre-push:\n  only: []\n  jobs:\n{_JOB}", ":2: only: []"),
        (f"extends: [more.yml]\npre-push:\n  jobs:\n{_JOB}", ":1: extends: [more.yml]"),
        (f"rc: ./quiet\npre-push:\n  jobs:\n{_JOB}", ": [ -f ./quiet ] && . ./quiet"),
        (
            f"pre-push:\n  jobs:\n{_JOB.replace(' # ', ' || true # ')}",
            ": guard pre-push {1} {2} || true # {files}",
        ),
    ],
)
def test_a_line_of_lefthook_that_is_not_run_at_every_push(
    bench: Bench, config: str, because: str
) -> None:
    write_script(bench.workshop.root / "bin/guard", _call())
    more = {"more.yml": "pre-push: {skip: true}\n", "quiet": "exit 0\n"}
    bench.workshop.docker.commit("Let lefthook run guard", {"lefthook.yml": config, **more})
    bench.settle()
    _lefthook(bench)
    bench.lets_through(because)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ('[ -n "$HOME" ] && exit 0\n', ':1: [ -n "$HOME" ] && exit 0'),
        (
            "branch=$(git rev-parse --abbrev-ref HEAD)\n[ $branch = release ] || exit 0\n",
            ":1: branch=$(git rev-parse --abbrev-ref HEAD)",
        ),
        ("cat >/dev/null\n", ":1: cat >/dev/null"),
        ("set +e\n", ":1: set +e"),
    ],
)
def test_a_line_of_husky_that_is_not_run_at_every_push(
    bench: Bench, text: str, because: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_script(bench.workshop.root / "bin/guard", _call())
    _install_husky(bench, tmp_path_factory.mktemp("npm"))
    own = bench.folder / ".husky/pre-push"
    own.write_text(f'{text}guard pre-push "$@"\necho done\n')
    bench.lets_through(because)
    # What is said to do, done.
    own.write_text(f"{_shown('sh')}{text}echo done\n")
    assert bench.health().state is HookState.RUN_BY_OTHER
    bench.workshop.push(bench.workshop.docker, "--no-verify", "origin", ":refs/heads/bad")
    assert (bench.push_bad().status, bench.is_bad_there) == (1, False)


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
    own.write_text(_shown("sh") + "sh noted.sh\n")
    assert bench.health().state is HookState.RUN_BY_OTHER
    bench.both_run(blocked=0)
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
