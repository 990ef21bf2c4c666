"""Whether a repository's hook would really run at the next push, and who is in its way."""

import os
import re
import shlex
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.commands import PERSON
from guard.git.repository import Repository
from guard.install.lefthook import JOB, call_of_lefthook
from guard.install.line import RETURN, Call, call_in, leaves, odd_line
from guard.install.place import (
    OF_HUSKY,
    HookPlace,
    Owner,
    hook_place,
    line_elsewhere,
    mend_setting,
    run_folder,
)
from guard.install.shim import LINE, NAME, HookFile, Tool, installation_of, is_current, read_hook

_INSTALL: Final = "guard install"
# What simple-git-hooks writes before the line of its configuration.
_PREAMBLE: Final = re.compile(
    rb"""if \[ "\$SKIP_SIMPLE_GIT_HOOKS" = "1" \]; then\n(?: +echo .*\n)? +exit 0\nfi\n"""
    rb"""(?:if \[ -f "\$SIMPLE_GIT_HOOKS_RC" \]; then\n +\. "\$SIMPLE_GIT_HOOKS_RC"\nfi\n)?"""
)
# All that a hook of husky's does itself.
_OF_HUSKY: Final = '. "$(dirname "$0")/h"'


class HookState(Enum):
    """What is true of one repository's hook."""

    EFFECTIVE = "effective"
    RUN_BY_OTHER = "run by another hook"
    OUTDATED = "outdated"
    WEAKER = "weaker"
    ABSENT = "absent"
    NOT_EXECUTABLE = "not executable"
    DISPLACED = "displaced"
    UNREACHED = "not reached by git"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class HookHealth(NamedTuple):
    """What would happen at the next push from a repository.

    Args:
        path: where git looks for the hook, "" where git does not tell.
        by: the tool or the file that stands in our place or runs ours, "" for none.
    """

    state: HookState
    path: str
    reason: str
    remedy: str = ""
    by: str = ""

    @property
    def effective(self) -> bool:
        """Whether every push that runs hooks is judged, with all of its refs."""
        return self.state in (HookState.EFFECTIVE, HookState.RUN_BY_OTHER)


def hook_health(repository: Repository) -> HookHealth:
    """The health of one repository's hook: one git process and a few small files.

    It sees whether the interpreter and the package are there, not whether they work:
    `guard.install.targets.check_works` proves that.
    """
    try:
        place = hook_place(repository)
        folder = run_folder(repository)
    except GitError as error:
        git_dir = shlex.quote(repository.git_dir)
        remedy = error.remedy or f"git --git-dir={git_dir} config --list"
        return HookHealth(HookState.UNKNOWN, "", error.problem, remedy)
    hook = read_hook(place.hook)
    if hook.ours:
        return _of_ours(hook)
    called = _called(hook, place, folder)
    if called is not None:
        return called
    if place.folder != place.usual and place.owner is not Owner.REPOSITORY:
        file, line = line_elsewhere(place, (folder,))
        by = hook.tool.value if hook.tool else place.folder
        remedy = f"{PERSON}add to {file}: {line}"
        if place.owner in (Owner.NOWHERE, Owner.OFF):
            remedy = f"{mend_setting(place, folder)} && {_INSTALL}"
        return HookHealth(HookState.UNREACHED, place.hook, place.strange, remedy, by)
    if not hook.there:
        reason = f"there is no hook at {place.hook}"
        return HookHealth(HookState.ABSENT, place.hook, reason, _INSTALL)
    return _displaced(hook, folder)


def _of_ours(hook: HookFile, by: str = "") -> HookHealth:
    installation = installation_of(hook.content)
    state, remedy = HookState.BROKEN, _INSTALL
    if not hook.executable:
        state, remedy = HookState.NOT_EXECUTABLE, f"chmod +x {shlex.quote(hook.path)}"
        reason = f"{hook.path} is not executable, so git skips it"
    elif installation is None:
        reason = f"{hook.path} has been changed: it does not say which interpreter it runs"
    elif not os.access(installation.python, os.X_OK):
        reason = f"its interpreter is gone, so it blocks every push: {installation.python}"
    elif not os.path.exists(installation.package):
        reason = f"guard is gone from {installation.package}, so it blocks every push"
    elif not is_current(hook.content):
        state = HookState.OUTDATED
        reason = f"{hook.path} is of another version of guard, or has been changed"
    else:
        state, remedy = HookState.RUN_BY_OTHER if by else HookState.EFFECTIVE, ""
        reason = f"{by or 'git'} runs it at every push"
    return HookHealth(state, hook.path, reason, remedy, by)


def _called(hook: HookFile, place: HookPlace, folder: str) -> HookHealth | None:
    """The health where somebody else's hook runs ours, or None."""
    if not hook.there or not hook.executable:
        return None
    tool = hook.tool
    if tool is not None and tool.habits.runs_aside:
        aside = read_hook(os.path.join(place.folder, tool.habits.aside))
        if not aside.ours:
            return None
        health, left = _of_ours(aside, tool.value), leaves(hook.path, hook.content)
        return _weaker(health, left, _INSTALL) if left and health.effective else health
    if tool is Tool.LEFTHOOK:
        return _by_lefthook(hook, folder)
    if os.path.basename(place.folder) == OF_HUSKY:
        return _by_husky(hook, place, folder)
    remedy = f"{PERSON}let this be the first line of {hook.path}: {LINE}"
    content = hook.content
    if tool is Tool.SIMPLE_GIT_HOOKS:
        content = _PREAMBLE.sub(lambda lines: b"\n" * lines[0].count(b"\n"), content)
        remedy = _INSTALL
    return _by_line(call_in(hook.path, content, folder), tool, hook.path, remedy)


def _by_line(call: Call | None, tool: Tool | None, path: str, remedy: str) -> HookHealth | None:
    """The health where a line may run guard; None where none does.

    Args:
        path: of the hook.
        remedy: what mends the file of that line.
    """
    if call is None:
        return None
    reason, by = f"a line in {call.path} runs guard pre-push", tool.value if tool else path
    health = HookHealth(HookState.RUN_BY_OTHER, call.path, reason, by=by)
    weakness = (_switched_off(tool) if tool else "") or call.weakness
    if not weakness.startswith(call.path):
        remedy = f"{PERSON}see to {weakness}"
    elif weakness.endswith(RETURN):
        remedy = f"{PERSON}take the carriage returns out of {call.path}"
    return _weaker(health, weakness, remedy) if weakness else health


def _switched_off(tool: Tool) -> str:
    """What in the environment keeps a tool from running its hooks; "" for nothing."""
    for switch in tool.habits.off:
        name, _, off = switch.partition("=")
        value = os.environ.get(name, "")
        if value and off in ("", value):
            return f"{name}={value}"
    return ""


def _weaker(health: HookHealth, weakness: str, remedy: str) -> HookHealth:
    reason = f"{health.reason}, but not at every push, or without effect: {weakness}"
    return health._replace(state=HookState.WEAKER, reason=reason, remedy=remedy)


def _by_husky(hook: HookFile, place: HookPlace, folder: str) -> HookHealth | None:
    """The health where husky may run guard: by a file that it gives to ``sh -e``."""
    own = read_hook(os.path.join(os.path.dirname(place.folder), NAME))
    call = call_in(own.path, own.content, folder, strict=True)
    if call is not None:
        settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        init = read_hook(os.path.join(settings, "husky", "init.sh"))
        odd = odd_line(hook.path, hook.content, _OF_HUSKY) or odd_line(init.path, init.content)
        call = call._replace(weakness=odd or call.weakness)
    remedy = f"{PERSON}let this be the first line of {own.path}: {Tool.HUSKY.habits.line}"
    return _by_line(call, Tool.HUSKY, hook.path, remedy)


def _by_lefthook(hook: HookFile, folder: str) -> HookHealth | None:
    """The health where lefthook may run guard."""
    call = call_of_lefthook(hook, folder)
    path = call.path if call else ""
    remedy = f"{PERSON}let guard's job in {path} have {JOB}, and no condition there or around it"
    return _by_line(call, Tool.LEFTHOOK, hook.path, remedy)


def _displaced(hook: HookFile, folder: str) -> HookHealth:
    tool = hook.tool
    by = tool.value if tool else "another hook"
    files = tool.habits.files if tool is not None and tool.habits.runs_aside else ()
    state, reason = (
        HookState.DISPLACED,
        f"{by} stands at {hook.path}, and guard's hook does not run",
    )
    if not hook.executable:
        reason = f"a hook that is not guard's is at {hook.path} (not executable: git skips it)"
    elif any(b"guard-pre-push" in read_hook(os.path.join(folder, each)).content for each in files):
        state = HookState.WEAKER
        reason = (
            f"only {by} runs guard: of a push it shows the first ref, and none at all for "
            "deletions, for tags on known commits and for branches without new commits"
        )
    return HookHealth(state, hook.path, reason, _INSTALL, by)
