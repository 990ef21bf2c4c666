"""`guard check --hooks`: for scripts, whether the hook is effective in both repositories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from guard.git.remotes import Settings
from guard.install.place import beside
from guard.install.shim import Installation, render
from tests.hooks.places import Place, Trio, opened, write_script

LEFTHOOK = '#!/bin/sh\ncall_lefthook run "pre-push" "$@"\n'


def hooks(trio: Trio, status: int) -> str:
    return trio.guard(trio.top, "check", "--hooks", ok=[status]).stdout


def test_effective_in_both(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    out = hooks(trio, 0)
    assert out.count("  effective  ") == 3
    assert "to mend it" not in out
    found = json.loads(trio.guard(trio.aula, "check", "--hooks", "--json").stdout)
    assert (found["version"], found["effective"], found["hooks_missing"]) == (1, True, "")
    assert [hook["repository"] for hook in found["hooks"]] == ["aula-docker", "aula", "aula"]


def test_absent(trio: Trio) -> None:
    out = hooks(trio, 1)
    assert out.count("  absent  ") == 3
    assert out.splitlines()[-1] == "to mend it: guard install"


def test_one_that_is_displaced(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    write_script(trio.hooks[1], LEFTHOOK)
    out = hooks(trio, 1)
    assert out.count("  effective  ") == 2
    assert f"lefthook stands at {trio.hooks[1]}, and guard's hook does not run" in out
    assert "to mend it: guard install" in out
    done = trio.guard(trio.top, "check", "--hooks", "--json", ok=[1])
    found = json.loads(done.stdout)
    assert found["effective"] is False
    assert [hook["by"] for hook in found["hooks"]] == ["", "lefthook", ""]
    assert found["hooks"][1]["remedy"] == "guard install"


def test_one_that_was_changed_by_hand(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    text = trio.hooks[0].read_text()
    trio.hooks[0].write_text(text.replace("#!/bin/sh\n", "#!/bin/sh\nexit 0\n"))
    assert "is of another version of guard, or has been changed" in hooks(trio, 1)


def test_an_interpreter_that_does_not_start_guard(trio: Trio, tmp_path: Path) -> None:
    """It is there and executable, and so is the package: only running it tells."""
    trio.guard(trio.top, "install")
    python = write_script(tmp_path / "python", "#!/bin/sh\necho no such module >&2\nexit 1\n")
    package = tmp_path / "guard/__main__.py"
    write_script(package, "")
    trio.hooks[0].write_bytes(render(Installation(str(python), str(package))))
    out = hooks(trio, 1)
    assert "it blocks every push: the hook could not start guard" in out
    assert "says: no such module" in out
    assert "  broken  " in trio.guard(trio.top, "check", "--hooks", ok=[1]).stdout


def test_a_consumer_that_is_not_here(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    shutil.rmtree(trio.aula)
    shutil.rmtree(trio.top / "aula")
    shutil.rmtree(trio.top / ".git/modules/aula")
    assert "no repository of aula found" in hooks(trio, 1)


@pytest.mark.parametrize("words", [["--staged"], ["HEAD"]])
def test_it_goes_with_nothing_else(trio: Trio, words: list[str]) -> None:
    done = trio.guard(trio.top, "check", "--hooks", *words, ok=[2])
    assert "--hooks goes with --json alone" in done.stderr


# hooks in git's configuration


def configure(place: Place, folder: Path, *settings: str) -> None:
    for setting in settings:
        key, _, value = setting.partition("=")
        place.git(folder, "config", "--add", f"hook.{key}", value)


@pytest.fixture
def aula(place: Place) -> Path:
    return place.repository("aula")


def newer_git(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that says it is 2.54: the hooks themselves are its business, not guard's."""
    real = shutil.which("git")
    program = place.root / "bin/git"
    told = 'case "$*" in *version) echo "git version 2.54.0" ;;'
    write_script(program, f'#!/bin/sh\n{told} *) exec {real} "$@" ;; esac\n')
    path = f"{program.parent}:{place.environment['PATH']}"
    place.environment["PATH"] = path
    monkeypatch.setenv("PATH", path)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ([], []),
        (["lint.event=pre-push", "lint.command=make lint"], ["lint"]),
        (["a.b.event=pre-push", "a.b.command=x"], ["a.b"]),
        (["lint.event=pre-commit", "lint.event=pre-push", "lint.command=x"], ["lint"]),
        (["lint.event=pre-push", "lint.event=", "lint.command=x"], []),
        (["lint.event=pre-commit", "lint.command=x"], []),
        (["lint.event=pre-push"], []),
        (["lint.event=pre-push", "lint.command=x", "lint.enabled=false"], []),
    ],
)
def test_which_are_configured(
    place: Place, aula: Path, settings: list[str], names: list[str]
) -> None:
    configure(place, aula, *settings)
    assert [line.split()[0] for line in beside(opened(aula), Settings())] == [
        f"hook.{name}" for name in names
    ]


def test_an_event_that_is_switched_off(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    trio.git(trio.top, "config", "--global", "hook.pre-push.enabled", "false")
    told = hooks(trio, 1)
    assert told.count("hook.pre-push.enabled is false") == 3
    remedies = [line for line in told.splitlines() if "git" in line and "config" in line]
    trio.run(trio.top, "sh", "-c", remedies[-1].partition(": ")[2])
    assert hooks(trio, 1).count("hook.pre-push.enabled is false") == 2


def test_what_an_old_git_makes_of_them(trio: Trio) -> None:
    configure(trio, trio.top, "lint.event=pre-push", "lint.command=make lint")
    done = trio.guard(trio.top, "install")
    version = trio.git(trio.top, "version").removeprefix("git version ")
    if tuple(map(int, version.split(".")[:2])) < (2, 54):
        told = f"hook.lint is configured (make lint), but this git {version} does not run such"
    else:
        told = "git itself runs hook.lint beside this one (make lint)"
    assert told in done.stdout
    assert told in hooks(trio, 0)


def test_what_a_new_git_makes_of_them(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    newer_git(trio, monkeypatch)
    configure(trio, trio.top, "lint.event=pre-push", "lint.command=make lint")
    told = "git itself runs hook.lint beside this one (make lint); either stops a push"
    assert told in trio.guard(trio.top, "install").stdout
    assert told in hooks(trio, 0)
