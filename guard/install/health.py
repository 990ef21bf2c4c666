"""Whether a repository's hook would really run at the next push, and who is in its way."""

from __future__ import annotations

import os
import shlex
from enum import Enum
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.commands import PERSON
from guard.git.repository import Repository
from guard.install.calls import Call, call_in, job_in, line_elsewhere
from guard.install.place import (
    HookPlace,
    Owner,
    hook_place,
    mend_setting,
    run_folder,
)
from guard.install.shim import HookFile, installation_of, is_current, read_hook
from guard.install.tools import LINE, NAME, Tool

_INSTALL: Final = "guard install"


class HookState(Enum):
    """What is true of one repository's hook."""

    EFFECTIVE = "effective"
    RUN_BY_OTHER = "run by another hook"
    OUTDATED = "outdated"
    WEAKER = "only pre-commit's weaker form"
    ABSENT = "absent"
    NOT_EXECUTABLE = "not executable"
    DISPLACED = "displaced"
    UNREACHED = "not reached by git"
    BROKEN = "broken"
    UNKNOWN = "unknown"


_RUNS: Final = (HookState.EFFECTIVE, HookState.RUN_BY_OTHER)


class HookHealth(NamedTuple):
    """What would happen at the next push from a repository.

    Args:
        path: where git looks for the hook, "" where git does not tell.
        reason: one line that says what was found.
        remedy: a command to paste, or what to change; "" where nothing is wrong.
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
        return self.state in _RUNS


def hook_health(repository: Repository) -> HookHealth:
    """The health of one repository's hook: one git process and a few small files.

    It sees whether the interpreter and the package are there, not whether they work:
    `guard.install.lasting.check_works` proves that.
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
        return _unreached(hook, place, folder)
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
        return _of_ours(aside, tool.value) if aside.ours else None
    if tool is Tool.HUSKY:
        own = read_hook(os.path.join(os.path.dirname(place.folder), NAME))
        return _by_line(own, folder, Tool.HUSKY.value, strict=True)
    if tool is Tool.LEFTHOOK:
        return _by_lefthook(place, folder)
    return _by_line(hook, folder, hook.path)


def _by_line(hook: HookFile, folder: str, by: str, strict: bool = False) -> HookHealth | None:
    """The health where a line of a hook may run guard; None where none does."""
    call = call_in(hook.content, folder, strict)
    if call is Call.NONE:
        return None
    reason = f"a line in {hook.path} runs guard pre-push"
    if call is Call.HEARD:
        return HookHealth(HookState.RUN_BY_OTHER, hook.path, reason, by=by)
    if call is Call.UNHEARD:
        reason += ", and the push goes on whatever that says"
        remedy = f"{PERSON}change that line in {hook.path}: {LINE}"
    else:
        reason += " after something has read what git says is pushed, so that it sees nothing"
        remedy = f"{PERSON}in {hook.path}, put before that: {LINE}"
    return HookHealth(HookState.BROKEN, hook.path, reason, remedy, by)


def _by_lefthook(place: HookPlace, folder: str) -> HookHealth | None:
    job = job_in(_texts(folder, Tool.LEFTHOOK.habits.files), folder)
    if job is None:
        return None
    state, path, remedy = HookState.WEAKER, place.hook, ""
    reason = f"a line in {job.path} runs guard pre-push"
    if job.call is Call.UNHEARD:
        state = HookState.BROKEN
        reason += ", and the push goes on whatever that says"
        remedy = f"{PERSON}let it be the last command of that job in {job.path}"
    elif job.condition:
        reason += f", and {job.condition} keeps lefthook from running it at every push"
        remedy = f"{PERSON}take {job.condition} off that job in {job.path}"
    elif job.call is Call.BLIND:
        reason = f"{job.path} runs guard pre-push without what git says is pushed"
        remedy = f"{PERSON}add use_stdin: true to that command in {job.path}"
    else:
        state, path = HookState.RUN_BY_OTHER, job.path
    return HookHealth(state, path, reason, remedy, Tool.LEFTHOOK.value)


def _unreached(hook: HookFile, place: HookPlace, folder: str) -> HookHealth:
    file, line = line_elsewhere(place, (folder,))
    by = hook.tool.value if hook.tool else place.folder
    remedy = f"{PERSON}add to {file}: {line}"
    if place.owner in (Owner.NOWHERE, Owner.OFF):
        remedy = f"{mend_setting(place, folder)} && {_INSTALL}"
    return HookHealth(HookState.UNREACHED, place.hook, place.strange, remedy, by)


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
    elif any(b"guard-pre-push" in text for _, text in _texts(folder, files)):
        state = HookState.WEAKER
        reason = (
            f"only {by} runs guard: of a push it shows the first ref, and none at all for "
            "deletions, for tags on known commits and for branches without new commits"
        )
    return HookHealth(state, hook.path, reason, _INSTALL, by)


def _texts(folder: str, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
    files = (read_hook(os.path.join(folder, name)) for name in names)
    return [(file.path, file.content) for file in files if file.content]
