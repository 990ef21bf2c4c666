"""`guard install` and `guard uninstall`, as a person types them, in real repositories."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from guard.errors import GuardError
from guard.install.shim import Installation, installation_of
from guard.install.targets import check_lasts, check_works
from tests.hooks.places import Place, Trio, noting_hook, opened, picture, write_script

FOREIGN = "#!/bin/sh\necho foreign\n"


def _ours(path: Path) -> bool:
    installation = installation_of(path.read_bytes()) if path.exists() else None
    return installation is not None and installation.python == sys.executable


@pytest.mark.parametrize("where", ["aula-docker", "aula", "thentos", "aula-docker/aula"])
def test_from_inside_any_of_the_checkouts(trio: Trio, where: str) -> None:
    done = trio.guard(trio.root / where, "install")
    assert all(_ours(hook) for hook in trio.hooks)
    assert not _ours(trio.thentos / ".git/hooks/pre-push")
    for hook in trio.hooks:
        assert str(hook) in done.stdout
    assert trio.git(trio.aula, "config", "guard.superproject") == str(trio.top)


def test_it_is_idempotent_and_tells(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    before = picture(trio.root)
    done = trio.guard(trio.top, "install")
    assert picture(trio.root) == before
    assert done.stdout.count("nothing to do") == 3


def test_a_dry_run_changes_nothing(trio: Trio) -> None:
    write_script(trio.hooks[0], FOREIGN)
    before = picture(trio.root)
    done = trio.guard(trio.top, "install", "--dry-run")
    assert picture(trio.root) == before
    assert done.stdout.count("would write") == 3
    trio.guard(trio.top, "install")
    before = picture(trio.root)
    done = trio.guard(trio.top, "uninstall", "--dry-run")
    assert picture(trio.root) == before
    assert done.stdout.count("would remove") == 3


def test_uninstall_restores_every_file(trio: Trio) -> None:
    write_script(trio.hooks[0], FOREIGN, 0o751)
    write_script(trio.hooks[1].parent / "mine", FOREIGN)
    trio.hooks[1].symlink_to("mine")
    trio.hooks[2].parent.mkdir(exist_ok=True)
    before = picture(trio.root)
    trio.guard(trio.aula, "install")
    assert picture(trio.root) != before
    trio.guard(trio.top, "uninstall")
    assert picture(trio.root) == before
    done = trio.guard(trio.top, "uninstall")
    assert picture(trio.root) == before
    assert done.stdout.count("no hook of guard's") == 3


def test_the_superprojects_place_is_kept_where_a_person_has_set_it(trio: Trio) -> None:
    other = trio.root / "elsewhere"
    trio.git(trio.root, "clone", "-q", "aula-docker.git", str(other))
    trio.git(trio.aula, "config", "guard.superproject", str(other))
    done = trio.guard(trio.top, "install")
    assert trio.git(trio.aula, "config", "guard.superproject") == str(other)
    assert f"stays {shlex.quote(str(other))}" in done.stdout
    trio.guard(trio.top, "uninstall")
    assert trio.git(trio.aula, "config", "guard.superproject") == str(other)
    trio.guard(trio.aula, "install", "--superproject", str(trio.top))
    assert trio.git(trio.aula, "config", "guard.superproject") == str(trio.top)


def test_a_clone_anywhere_with_the_superproject_named(trio: Trio) -> None:
    far = trio.root / "far" / "away"
    far.parent.mkdir()
    trio.git(trio.root, "clone", "-q", "aula.git", str(far))
    refused = trio.guard(far, "install", ok=None)
    assert refused.returncode == 3
    assert "guard install --superproject" in refused.stderr
    trio.guard(far, "install", "--superproject", str(trio.top))
    assert _ours(far / ".git/hooks/pre-push")
    assert trio.git(far, "config", "guard.superproject") == str(trio.top)
    trio.guard(far, "uninstall")
    assert not (far / ".git/hooks/pre-push").exists()


def test_a_linked_worktrees_own_submodules(trio: Trio) -> None:
    linked = trio.root / "linked tree"
    trio.git(trio.top, "worktree", "add", "-q", "-b", "linked", str(linked))
    trio.git(linked, "submodule", "--quiet", "update", "--init")
    git_dir = Path(trio.git(linked / "aula", "rev-parse", "--absolute-git-dir"))
    assert "worktrees" in git_dir.parts
    own = git_dir / "hooks/pre-push"
    for where in (trio.top, linked, linked / "aula"):
        trio.guard(where, "install")
        assert _ours(own)
        assert all(_ours(hook) for hook in trio.hooks)
        assert trio.git(trio.aula, "config", "guard.superproject") == str(trio.top)
        trio.guard(where, "uninstall")
        assert not own.exists()


def test_a_worktree_that_is_gone_does_not_matter(trio: Trio) -> None:
    linked = trio.root / "linked"
    trio.git(trio.top, "worktree", "add", "-q", "-b", "linked", str(linked))
    linked.rename(trio.root / "moved by hand")
    trio.guard(trio.top, "install")
    assert all(_ours(hook) for hook in trio.hooks)


def test_submodules_that_are_not_checked_out(trio: Trio) -> None:
    fresh = trio.root / "fresh" / "aula-docker"
    fresh.parent.mkdir()
    trio.git(trio.root, "clone", "-q", "aula-docker.git", str(fresh))
    done = trio.guard(fresh, "install")
    assert _ours(fresh / ".git/hooks/pre-push")
    assert "no repository of aula found" in done.stderr


def test_a_bare_superproject(trio: Trio) -> None:
    bare = trio.root / "aula-docker.git"
    trio.guard(bare, "install")
    assert _ours(bare / "hooks/pre-push")
    trio.guard(bare, "uninstall")
    assert not (bare / "hooks/pre-push").exists()


def test_not_in_a_repository(place: Place) -> None:
    for command in ("install", "uninstall"):
        done = place.guard(place.root, command, ok=None)
        assert done.returncode == 3
        assert "Traceback" not in done.stderr
        assert "not in a git repository" in done.stderr
    done = place.guard(place.root, "install", "--superproject", "nowhere", ok=None)
    assert "nowhere is no git repository" in done.stderr


def test_sha256_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trio = Trio(tmp_path, "--object-format=sha256")
    for name, value in trio.environment.items():
        monkeypatch.setenv(name, value)
    trio.guard(trio.top, "install")
    assert all(_ours(hook) for hook in trio.hooks)


def test_it_comes_out_where_the_superproject_is_gone(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    trio.top.rename(trio.root / "renamed")
    done = trio.guard(trio.aula, "install", ok=[3])
    assert "guard install --superproject" in done.stderr
    done = trio.guard(trio.aula, "uninstall")
    assert f"only {trio.aula} is looked at" in done.stderr
    assert not trio.hooks[2].exists()
    assert not trio.run(trio.aula, "git", "config", "--get-regexp", "^guard", ok=[1]).stdout


def test_it_follows_a_superproject_that_has_moved(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    moved = trio.top.rename(trio.root / "renamed")
    trio.guard(trio.aula, "install", "--superproject", str(moved))
    assert trio.git(trio.aula, "config", "guard.superproject") == str(moved)
    assert all(_ours(moved / hook.relative_to(trio.top)) for hook in trio.hooks[:2])


# core.hooksPath, at every scope


@pytest.mark.parametrize("value", [".git/hooks", "own hooks", "{git}/hooks2"])
def test_a_hooks_path_inside_the_git_dir(trio: Trio, value: str) -> None:
    git_dir = trio.top / ".git"
    value = value.format(git=git_dir) if value != "own hooks" else str(git_dir / value)
    trio.git(trio.top, "config", "core.hooksPath", value)
    done = trio.guard(trio.top, "install")
    found = trio.git(trio.top, "rev-parse", "--git-path", "hooks/pre-push")
    assert _ours(trio.top / found)
    assert "core.hooksPath is" in done.stdout or value == ".git/hooks"
    trio.guard(trio.top, "uninstall")
    assert not (trio.top / found).exists()


@pytest.mark.parametrize("scope", ["--global", "--local"])
def test_a_hooks_path_elsewhere_is_refused(trio: Trio, scope: str) -> None:
    shared = trio.root / "my hooks"
    noting_hook(shared / "pre-push", trio.root / "noted")
    before = picture(shared)
    trio.git(trio.top, "config", scope, "core.hooksPath", str(shared))
    done = trio.guard(trio.top, "install", ok=None)
    assert done.returncode == 3
    assert picture(shared) == before
    assert not trio.hooks[0].exists()
    assert str(shared / "pre-push") in done.stderr
    assert f'{sys.executable} -I -X utf8 -m guard pre-push "$@"' in done.stderr
    assert ("your own configuration" if scope == "--global" else "this repository's") in done.stderr
    assert all(_ours(hook) == (scope == "--local") for hook in trio.hooks[1:])


def test_the_line_for_a_shared_hook_works(trio: Trio) -> None:
    shared = trio.root / "my hooks"
    write_script(shared / "pre-push", "#!/bin/sh\n")
    trio.git(trio.top, "config", "--global", "core.hooksPath", str(shared))
    done = trio.guard(trio.top, "install", ok=None)
    line = next(line for line in done.stderr.splitlines() if "case $PWD" in line)
    write_script(shared / "pre-push", f"#!/bin/sh\n{line}\n")
    # No guard is in PATH, and git needs none to find itself.
    git = shutil.which("git")
    assert git is not None
    extra = {"PATH": os.path.dirname(git)}
    assert "guard: the push is blocked" in trio.push(trio.top, extra=extra).stderr
    assert not trio.git(trio.root / "aula-docker.git", "branch", "--list", "pushed")
    assert trio.push(trio.thentos, extra=extra).returncode == 0
    assert "run by another hook" in trio.guard(trio.top, "check", "--hooks", ok=None).stdout


@pytest.mark.parametrize("scope", ["--global", "--local"])
def test_hooks_that_are_switched_off(trio: Trio, scope: str) -> None:
    trio.git(trio.top, "config", scope, "core.hooksPath", "/dev/null")
    done = trio.guard(trio.top, "install", ok=[3])
    assert "aula-docker: not installed: hooks are switched off: core.hooksPath is" in done.stderr
    line = next(line for line in done.stderr.splitlines() if "to mend it: git -C" in line)
    trio.run(trio.top, "sh", "-c", line.partition("to mend it: ")[2].partition(" && ")[0])
    trio.guard(trio.top, "install", ok=None)
    assert _ours(trio.hooks[0])


def test_a_global_hooks_path_that_is_relative_to_each_repository(trio: Trio) -> None:
    trio.git(trio.top, "config", "--global", "core.hooksPath", ".git/hooks")
    done = trio.guard(trio.top, "install", ok=[3])
    assert _ours(trio.hooks[0])
    assert _ours(trio.hooks[2])
    # In the submodule `.git` is a file: git finds no hook there at all.
    assert not _ours(trio.hooks[1])
    mend = next(line for line in done.stderr.splitlines() if "to mend it: git -C" in line)
    command = mend.partition("mend it: ")[2].partition(" && ")[0]
    trio.run(trio.root, "sh", "-c", command)
    trio.guard(trio.top, "install")
    assert _ours(trio.hooks[1])


def test_hooks_in_the_working_tree_are_the_teams(trio: Trio) -> None:
    write_script(trio.top / "tools/hooks/pre-push", FOREIGN)
    trio.git(trio.top, "add", "tools")
    trio.git(trio.top, "config", "core.hooksPath", "tools/hooks")
    done = trio.guard(trio.top / "tools", "install", ok=None)
    assert done.returncode == 3
    assert (trio.top / "tools/hooks/pre-push").read_text() == FOREIGN
    assert f"{trio.top}/tools/hooks/pre-push" in done.stderr
    assert 'guard pre-push "$@"' in done.stderr


def test_a_hooks_folder_that_is_a_link_to_elsewhere(trio: Trio) -> None:
    shared = trio.root / "shared"
    shared.mkdir()
    if trio.hooks[0].parent.exists():
        trio.hooks[0].parent.rmdir()
    trio.hooks[0].parent.symlink_to(shared)
    done = trio.guard(trio.top, "install", ok=None)
    assert done.returncode == 3
    assert not list(shared.iterdir())


def test_include_if_and_worktree_configuration(trio: Trio) -> None:
    shared = trio.root / "shared"
    (trio.root / "extra").write_text(f'[core]\n\thooksPath = "{shared}"\n')
    trio.git(trio.top, "config", "--global", f"includeIf.gitdir:{trio.top}/.path", "../extra")
    done = trio.guard(trio.aula, "install", ok=None)
    assert done.returncode == 3
    assert str(shared) in done.stderr
    assert not trio.hooks[0].exists()
    assert _ours(trio.hooks[2])
    trio.git(trio.top, "config", "--global", "--unset", f"includeIf.gitdir:{trio.top}/.path")
    linked = trio.root / "linked"
    trio.git(trio.top, "worktree", "add", "-q", "-b", "linked", str(linked))
    trio.git(trio.top, "config", "extensions.worktreeConfig", "true")
    trio.git(linked, "config", "--worktree", "core.hooksPath", str(trio.top / ".git/linked hooks"))
    trio.guard(trio.top, "install")
    assert _ours(trio.hooks[0])
    assert _ours(trio.top / ".git/linked hooks/pre-push")


# which installations may serve a hook


def test_the_interpreter_has_to_work_on_its_own(tmp_path: Path) -> None:
    lonely = Installation("/usr/bin/env", str(tmp_path / "x"))
    with pytest.raises(GuardError, match="could not start guard"):
        check_works(lonely)
    with pytest.raises(GuardError, match="could not start guard"):
        check_works(Installation(str(tmp_path / "none"), ""))


@pytest.mark.parametrize(
    "python",
    [
        "/home/x/.cache/pre-commit/repo1/py_env-python3/bin/python",
        "/home/x/.cache/uv/archive-v0/abc/bin/python",
        "/Users/x/Library/Caches/pipx/abc/bin/python",
        "/tmp/venv/bin/python",
        "/src/.tox/py/bin/python",
    ],
)
def test_environments_that_vanish_are_refused(python: str) -> None:
    with pytest.raises(GuardError, match="block every push"):
        check_lasts(Installation(python, "/opt/guard/__main__.py"), "/src/aula-docker")
    with pytest.raises(GuardError, match="block every push"):
        check_lasts(Installation("/opt/bin/python", python), "/src/aula-docker")


def test_what_vanishes_together_may_stay_together() -> None:
    check_lasts(Installation("/tmp/demo/bin/python", "/tmp/demo/lib/x"), "/tmp/demo/aula-docker")
    check_lasts(Installation("/home/x/v/bin/python", "/home/x/v/lib/x"), "/home/x/aula-docker")


def test_a_cache_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", "/elsewhere/hooks")
    with pytest.raises(GuardError, match="pre-commit's cache"):
        check_lasts(Installation("/elsewhere/hooks/r/bin/python", "/x"), "/src/aula")


# through real pushes


def test_the_hook_runs_at_a_push_from_every_checkout(trio: Trio) -> None:
    """The trio has no release, so whatever is judged is blocked."""
    trio.guard(trio.top, "install")
    trio.git(trio.top / "aula", "checkout", "-q", "master")
    for folder in (trio.top, trio.aula, trio.top / "aula"):
        done = trio.push(folder)
        assert done.returncode != 0
        assert "guard:" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert trio.push(trio.thentos).returncode == 0


@pytest.mark.parametrize("status", [0, 1])
def test_the_chained_hook_gets_what_ours_gets(trio: Trio, status: int, tmp_path: Path) -> None:
    noting_hook(trio.hooks[2], tmp_path / "noted", status)
    trio.guard(trio.top, "install")
    trio.git(trio.aula, "branch", "other")
    done = trio.push(trio.aula, "origin", ":refs/heads/master", "other", "master:new")
    assert done.returncode != 0
    head = trio.git(trio.aula, "rev-parse", "HEAD")
    url = trio.root / "aula.git"
    assert (tmp_path / "noted.arguments").read_text() == f"origin\n{url}\n"
    lines = (tmp_path / "noted.input").read_text().splitlines()
    assert sorted(lines) == sorted(
        [
            f"(delete) {'0' * 40} refs/heads/master {head}",
            f"refs/heads/other {head} refs/heads/other {'0' * 40}",
            f"refs/heads/master {head} refs/heads/new {'0' * 40}",
        ]
    )


@pytest.mark.parametrize("status", [0, 1])
def test_the_chained_hook_blocks_what_guard_allows(trio: Trio, status: int) -> None:
    write_script(trio.hooks[2], f"#!/bin/sh\nexit {status}\n")
    trio.guard(trio.top, "install")
    trio.git(trio.aula, "push", "-q", "--no-verify", "origin", "HEAD:refs/heads/gone")
    done = trio.push(trio.aula, "origin", ":refs/heads/gone")
    assert (done.returncode == 0) == (status == 0), done.stderr


def test_nothing_of_the_repository_or_of_python_variables_is_run(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    evil = "import sys\nsys.stderr.write('taken over')\nimport os\nos._exit(0)\n"
    for name in ("__init__", "__main__", "cli", "start", "values"):
        write_script(trio.aula / f"guard/{name}.py", evil)
    for name in ("sitecustomize", "usercustomize", "site", "json", "os", "yaml", "packaging"):
        write_script(trio.aula / f"{name}.py", evil)
    extra = {
        "PYTHONPATH": str(trio.aula),
        "PYTHONSTARTUP": str(trio.aula / "json.py"),
        "PYTHONHOME": str(trio.aula),
        "PYTHONUSERBASE": str(trio.aula),
        "PYTHONINSPECT": "1",
    }
    done = trio.push(trio.aula, extra=extra)
    assert done.returncode != 0
    assert "taken over" not in done.stderr
    assert "guard:" in done.stdout + done.stderr


def test_an_empty_path_and_the_real_guard(trio: Trio) -> None:
    trio.guard(trio.top, "install")
    trio.commit(trio.aula)
    done = trio.push(trio.aula, "origin", "HEAD:refs/heads/x", extra={"PATH": ""})
    assert done.returncode != 0
    assert "cannot be run" not in done.stderr
    assert "Traceback" not in done.stderr


def test_ten_thousand_refs_with_a_chained_hook(trio: Trio, tmp_path: Path) -> None:
    """Deletions, which the gate allows at once: what is tried here is the way of the lines."""
    trio.git(trio.root / "aula.git", "fetch", "-q", str(trio.aula), "+HEAD:refs/heads/x")
    trio.branches(trio.root / "aula.git", 10_000)
    noting_hook(trio.hooks[2], tmp_path / "noted")
    trio.guard(trio.top, "install")
    done = trio.push(trio.aula, "--dry-run", "--prune", "origin", "refs/heads/*")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "noted.input").read_text().splitlines()
    assert len({line for line in lines if line.startswith("(delete) ")}) == 10_001


def test_the_installed_hook_is_seen_by_the_repositories(trio: Trio) -> None:
    from guard.install.health import hook_health

    trio.guard(trio.top, "install")
    for folder in (trio.top, trio.aula, trio.top / "aula"):
        assert hook_health(opened(folder)).effective
