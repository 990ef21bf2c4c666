"""Hooks of other programs, each recognised by its text, run beside guard, and put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.install.shim import Tool
from tests.commands.recovering import recorded
from tests.hooks.places import write_script
from tests.workshop import Workshop

NOTES = 'echo ran >> "$(git rev-parse --git-common-dir)/noted"\n'
# As each program writes it, as far as guard goes by it; what it would run is a note here.
HOOKS = {
    Tool.LEFTHOOK: f"#!/bin/sh\ncall_lefthook()\n{{\n  :\n}}\n{NOTES}",
    Tool.GIT_LFS: f'#!/bin/sh\n: git lfs pre-push "$@"\n{NOTES}',
    Tool.SIMPLE_GIT_HOOKS: (
        '#!/bin/sh\n\nif [ "$SKIP_SIMPLE_GIT_HOOKS" = "1" ]; then\n    exit 0\nfi\n\n' + NOTES
    ),
    # It is told by its name which hook it is, as in overcommit-hook.
    Tool.OVERCOMMIT: (
        "#!/bin/sh\n# Entrypoint for Overcommit hook integration. Installing Overcommit\n"
        f'case $(basename "$0") in pre-push) ;; *) echo "$0"; exit 69 ;; esac\n{NOTES}'
    ),
}


def _write(hooks: Path, tool: Tool) -> Path:
    hook = hooks / "pre-push"
    if tool is Tool.OVERCOMMIT:
        write_script(hooks / "overcommit-hook", HOOKS[tool])
        hook.symlink_to("overcommit-hook")
        return hook
    return write_script(hook, HOOKS[tool])


@pytest.mark.parametrize("tool", HOOKS)
def test_each_runs_beside_guard_and_comes_back(workshop: Workshop, tool: Tool) -> None:
    recorded(workshop)
    hooks = workshop.docker.folder / ".git/hooks"
    hook = _write(hooks, tool)
    text, is_link = hook.read_text(), hook.is_symlink()
    displaced = workshop.guard("check", "--hooks")
    assert f"{tool.value} stands at {hook}, and guard's hook does not run" in displaced.text
    done = workshop.guard("install")
    assert done.status == 0, done.text
    assert f"{tool.value} is kept as pre-push.guard-chained and runs after guard" in done.out
    pushed = workshop.push(workshop.docker)
    assert pushed.status == 0, pushed.text
    assert (workshop.docker.folder / ".git/noted").read_text() == "ran\n"
    workshop.docker.commit("Untested", {"Dockerfile": "FROM nowhere\n"})
    refused = workshop.push(workshop.docker)
    assert refused.status != 0
    assert "blocked" in refused.text
    assert workshop.guard("uninstall").status == 0
    assert (hook.read_text(), hook.is_symlink()) == (text, is_link)


@pytest.mark.parametrize("tool", HOOKS)
def test_one_that_fails_stops_the_push(workshop: Workshop, tool: Tool) -> None:
    recorded(workshop)
    hook = _write(workshop.docker.folder / ".git/hooks", tool)
    program = hook.resolve()
    program.write_text(f"{program.read_text()}exit 7\n")
    assert workshop.guard("install").status == 0
    refused = workshop.push(workshop.docker)
    assert refused.status != 0
    assert (workshop.docker.folder / ".git/noted").read_text() == "ran\n"
    assert workshop.remote_head("aula-docker") != workshop.docker.head


def test_simple_git_hooks_runs_guard_by_a_line_of_its_own(workshop: Workshop) -> None:
    """package.json holds the command, and its hook is that below lines of its own."""
    line = 'guard pre-push "$@" || exit 1\n'
    hook = workshop.docker.folder / ".git/hooks/pre-push"
    write_script(hook, HOOKS[Tool.SIMPLE_GIT_HOOKS].replace(NOTES, line))
    checked = workshop.guard("check", "--hooks")
    assert "hook of aula-docker   run by another hook" in checked.out, checked.text
    off = workshop.guard("check", "--hooks", SKIP_SIMPLE_GIT_HOOKS="1")
    assert "SKIP_SIMPLE_GIT_HOOKS=1" in off.out
    assert "hook of aula-docker   weaker" in off.out
    write_script(hook, HOOKS[Tool.SIMPLE_GIT_HOOKS].replace(NOTES, f"exit 0\n{line}"))
    weaker = workshop.guard("check", "--hooks").out
    assert f"{hook}:7: exit 0" in weaker
