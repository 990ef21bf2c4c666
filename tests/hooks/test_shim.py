"""The text that git runs: through real pushes, under the three shells, in odd environments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.install.change import install_hook
from guard.install.shim import (
    CHAINED,
    MARK,
    Installation,
    Tool,
    installation_of,
    is_current,
    render,
    this_installation,
    tool_of,
)
from tests.hooks.places import Place, StandIn, noting_hook

SHELLS = ("/bin/sh", "dash", "bash", "bash --posix", "busybox sh")
SHIM = Path(__file__).parents[2] / "hooks" / "pre-push"


def _shell(words: str) -> list[str]:
    program, *rest = words.split()
    found = shutil.which(program)
    assert found, f"{program} is not installed; the hook has to run under it (see `make test`)"
    return [found, *rest]


def _install(folder: Path, stand_in: StandIn, shell: str = "/bin/sh") -> Path:
    hooks = folder / ".git" / "hooks"
    text = stand_in.text.replace(b"#!/bin/sh\n", f"#!{' '.join(_shell(shell))}\n".encode(), 1)
    install_hook(str(hooks), text)
    return hooks


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "shellcheck is not installed (see `make test`)"
    done = subprocess.run([shellcheck, str(SHIM)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_template_names_what_the_installer_knows() -> None:
    text = SHIM.read_bytes()
    assert text.startswith(b"#!/bin/sh\n" + MARK)
    assert text.count(CHAINED.encode()) == 3
    # lefthook, and others like it, take a hook that mentions them for their own, and delete it.
    assert not any(tool.value.encode() in text.lower() for tool in Tool)
    assert tool_of(text) is None


@pytest.mark.parametrize("shell", SHELLS)
def test_git_arguments_and_input_come_through(place: Place, stand_in: StandIn, shell: str) -> None:
    folder = place.repository("räume mit $zeichen 'und mehr'")
    _install(folder, stand_in, shell)
    head = place.commit(folder)
    done = place.push(folder, "origin", "HEAD:refs/heads/grün")
    assert done.returncode == 0, done.stderr
    url = str(place.root / f"{folder.name}.git")
    assert stand_in.arguments == stand_in.called("pre-push", "origin", url)
    assert stand_in.input == f"HEAD {head} refs/heads/grün {'0' * 40}\n".encode()


@pytest.mark.parametrize("status", [1, 2, 3, 130])
def test_every_other_status_blocks(place: Place, stand_in: StandIn, status: int) -> None:
    folder = place.repository("aula")
    _install(folder, stand_in)
    stand_in.end_with(status)
    assert place.push(folder).returncode != 0
    assert not place.git(place.root / "aula.git", "branch", "--list", "pushed")


def test_a_chained_hook_is_handed_over(place: Place, stand_in: StandIn, tmp_path: Path) -> None:
    folder = place.repository("aula")
    noting_hook(folder / ".git/hooks/pre-push", tmp_path / "noted")
    hooks = _install(folder, stand_in)
    assert place.push(folder).returncode == 0
    assert stand_in.arguments is not None
    called = stand_in.called("pre-push", "--chained")
    assert stand_in.arguments[: len(called)] == called
    assert (folder / stand_in.arguments[len(called)]).samefile(hooks / CHAINED)


def test_a_chained_hook_that_git_would_skip_is_not(place: Place, stand_in: StandIn) -> None:
    folder = place.repository("aula")
    noting_hook(folder / ".git/hooks/pre-push", folder / "noted", mode=0o644)
    _install(folder, stand_in)
    assert place.push(folder).returncode == 0
    assert stand_in.arguments is not None
    assert "--chained" not in stand_in.arguments


def test_it_finds_the_chained_hook_when_another_tool_has_moved_it(
    place: Place, stand_in: StandIn
) -> None:
    folder = place.repository("aula")
    noting_hook(folder / ".git/hooks/pre-push", folder / "noted")
    hooks = _install(folder, stand_in)
    (hooks / "pre-push").rename(hooks / "pre-push.legacy")
    place.run(hooks, "sh", "pre-push.legacy", "origin", "url")
    chained = "./pre-push.guard-chained"
    assert stand_in.arguments == stand_in.called("pre-push", "--chained", chained, "origin", "url")


@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_path(place: Place, stand_in: StandIn, shell: str) -> None:
    folder = place.repository("aula")
    _install(folder, stand_in, shell)
    place.commit(folder)
    done = place.push(folder, "origin", "HEAD:refs/heads/pushed", extra={"PATH": ""})
    assert done.returncode == 0, done.stderr
    assert stand_in.arguments is not None


@pytest.mark.parametrize(
    "odd",
    [
        {"IFS": "/ep"},
        {"CDPATH": "/", "ENV": "/dev/null", "BASH_ENV": "/dev/null"},
        {"python": "/bin/true", "package": "/", "chained": "/bin/true", "missing": "x"},
        {"LC_ALL": "nonsense", "LANG": ""},
        {"HOME": ""},
        {"SHELLOPTS": "noglob:nounset:errexit", "POSIXLY_CORRECT": "1"},
    ],
    ids=lambda odd: "+".join(odd),
)
@pytest.mark.parametrize("shell", SHELLS)
def test_odd_environments(place: Place, stand_in: StandIn, shell: str, odd: dict[str, str]) -> None:
    folder = place.repository("aula")
    hooks = _install(folder, stand_in, shell)
    done = place.run(hooks, *_shell(shell), "./pre-push", "origin", "u r l", extra=odd, data="x\n")
    assert done.returncode == 0, done.stderr
    assert stand_in.arguments == stand_in.called("pre-push", "origin", "u r l")
    assert stand_in.input == b"x\n"


@pytest.mark.parametrize("gone", ["interpreter", "package"])
@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_missing_is_named_and_blocks(
    place: Place, stand_in: StandIn, shell: str, gone: str
) -> None:
    folder = place.repository("aula")
    _install(folder, stand_in, shell)
    python, package = stand_in.installation
    missing = python if gone == "interpreter" else package
    Path(missing).unlink()
    place.commit(folder)
    done = place.push(folder, "origin", "HEAD:refs/heads/pushed", extra={"PATH": ""})
    assert done.returncode != 0
    assert missing in done.stderr
    assert f"the {gone}" in done.stderr
    assert "guard install" in done.stderr
    assert not place.git(place.root / "aula.git", "branch", "--list", "pushed")


@pytest.mark.parametrize("closed", ["interpreter", "folder", "link"])
@pytest.mark.parametrize("shell", SHELLS)
def test_what_this_user_may_not_use_is_told_as_that(
    place: Place, stand_in: StandIn, shell: str, closed: str
) -> None:
    folder = place.repository("aula")
    hooks = _install(folder, stand_in, shell)
    text = (hooks / "pre-push").read_text()
    python = Path(stand_in.installation[0])
    reason = f"this user may not use it (ls -l {python})"
    if closed == "interpreter":
        python.chmod(0)
    elif closed == "link":
        python.unlink()
        python.symlink_to(folder / "gone/python")
        reason = f"for this user that leads nowhere (ls -l {python})"
    else:
        python.parent.chmod(0)
        reason = f"this user may not look into {python.parent}"
    # Root may look everywhere, and others not where root's tests are.
    user = 65534 if closed == "folder" and os.geteuid() == 0 else None
    for above in python.parents[1:-2] if user else ():
        above.chmod(above.stat().st_mode | 0o011)
    command = [*_shell(shell), "-c", text, "pre-push", "origin", "url"]
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", input="x\n")
    assert done.returncode == 1
    assert f"installed with {python} (the interpreter), and {reason}" in done.stderr


def test_ten_thousand_refs_do_not_hang_on_a_missing_interpreter(
    place: Place, stand_in: StandIn
) -> None:
    folder = place.repository("aula")
    _install(folder, stand_in)
    place.branches(folder, 10_000)
    Path(stand_in.installation.python).unlink()
    done = place.push(folder, "--all", "origin")
    assert done.returncode != 0
    assert "the interpreter" in done.stderr
    assert not place.git(place.root / "aula.git", "branch", "--list", "some/*")


def test_no_program_is_started_but_the_interpreter(place: Place, stand_in: StandIn) -> None:
    folder = place.repository("aula")
    hooks = _install(folder, stand_in)
    traced = place.run(hooks, "bash", "-x", "./pre-push", "origin", "url").stderr
    words = [line.split()[1] for line in traced.splitlines() if line.startswith("+ ")]
    assert [word for word in words if "=" not in word] == ["case", "'['", "'['", "'['", "exec"]


@pytest.mark.parametrize(
    "python", ["/usr/bin/python3", "/a b/python", "/it's/python", "/$HOME/`x`/\\n", "/é/\udcff"]
)
def test_rendering_can_be_read_back(python: str) -> None:
    installation = Installation(python, "/lib/guard's/__main__.py")
    text = render(installation)
    assert installation_of(text) == installation
    assert is_current(text)
    assert not is_current(text + b"\n")


def test_a_line_break_in_the_path_is_refused() -> None:
    with pytest.raises(GuardError, match="line break"):
        render(Installation("/a\nb/python", "/x"))


def test_this_installation_is_there() -> None:
    python, package = this_installation()
    assert Path(python).exists()
    assert Path(package).name == "__main__.py"
    assert Path(package).exists()
