"""Whether a repository's hook would really run at the next push, and who is in its way.

Another hook may run guard by a line: that is looked for in its text. What lefthook's configuration
says is read here and not by lefthook itself, which need not be in anybody's PATH. Source:
lefthook's documentation, "Configuration".
"""

import fnmatch
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, IntEnum
from typing import Any, Final, NamedTuple

from guard.errors import GitError
from guard.git.commands import PERSON
from guard.git.repository import Repository
from guard.install.place import (
    HookPlace,
    Owner,
    hook_place,
    line_elsewhere,
    mend_setting,
    run_folder,
)
from guard.install.shim import LINE, NAME, HookFile, Tool, installation_of, is_current, read_hook

_INSTALL: Final = "guard install"
# By its name, or as a module, as the shim does it (`line_elsewhere`).
CALL: Final = re.compile(rb"guard pre-push")
_SAID: Final = re.compile(rb"\s*(?:echo|printf|:)\s[^|;&]*$")
_CASE: Final = re.compile(rb"\s*case\s+\"?\$\{?PWD\}?\"?\s+in\s+(.*?)\)\s")
_STOPS: Final = re.compile(rb"\b(?:exit|return)\b(?!\s+0\b)|\bfalse\b|[{\\]\s*$")
_ASKED: Final = re.compile(rb"\bexec\b|\bif\b|!|\$\(|`|=\s*$")
_STRICT: Final = re.compile(rb"^(?:#!.*sh\s+-\w*e|\s*set\s+-\w*e)", re.MULTILINE)
# Git gives a hook its input once.
_READS: Final = re.compile(rb"git[ -]lfs pre-push|\bread\b|/dev/stdin|\bcat\s*(?:[>|)-]|$)")
_ENDS: Final = re.compile(rb"\s*(?:fi|esac|done|else|;;|\}|\))?\s*;?\s*$")
# What lets lefthook run a job in some pushes only.
_CONDITIONS: Final = ("skip", "only", "glob", "files", "exclude", "file_types")


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
    """The health where lefthook may run guard; None where none of its jobs does."""
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


class Call(IntEnum):
    """What a hook makes of guard; the best of its lines counts."""

    NONE = 0
    UNHEARD = 1
    BLIND = 2
    HEARD = 3


def call_in(content: bytes, folder: str, strict: bool = False) -> Call:
    """What a hook makes of guard, as far as its text tells.

    Args:
        folder: where git runs the hook; a line may be for other folders.
        strict: whether the shell ends with the first command that fails.
    """
    lines = [line.partition(b" #")[0] for line in content.splitlines()]
    lines = [b"" if line.lstrip().startswith(b"#") else line for line in lines]
    first = content.partition(b"\n")[0]
    is_shell = not first.startswith(b"#!") or b"sh" in first
    strict = strict or bool(_STRICT.search(content))
    best = Call.NONE
    for number, line in enumerate(lines):
        call = CALL.search(line)
        if call is None or not _is_for(line, folder):
            continue
        if not is_shell:
            return Call.HEARD  # nobody's guess
        before, after = line[: call.start()], line[call.end() :]
        if _SAID.match(before):
            continue
        is_fed = b"|" in before.replace(b"||", b"") or b"<" in after
        if not _is_heard(before, after, lines[number + 1 :], strict):
            made = Call.UNHEARD
        elif not is_fed and any(map(_READS.search, lines[:number])):
            made = Call.BLIND
        else:
            made = Call.HEARD
        best = max(best, made)
    return best


def _is_for(line: bytes, folder: str) -> bool:
    """Whether a line acts in a folder, where it begins as those of ``guard install`` do."""
    case = _CASE.match(line)
    if case is None:
        return True
    try:
        words = shlex.shlex(os.fsdecode(case[1]), posix=True, punctuation_chars="|")
        words.whitespace_split = True
        words.commenters = ""
        return any(fnmatch.fnmatchcase(folder, word) for word in words if word != "|")
    except ValueError:
        return True


def _is_heard(before: bytes, after: bytes, following: list[bytes], strict: bool) -> bool:
    """Whether the hook fails where guard does; where that cannot be seen it is believed."""
    rest = after.rstrip()
    if b"||" in rest:
        return _STOPS.search(rest.partition(b"||")[2]) is not None
    if b"|" in rest or (rest.endswith(b"&") and not rest.endswith(b"&&")):
        return False
    if strict or b"&&" in rest or _ASKED.search(before):
        return True
    more = [line for line in following if not _ENDS.match(line)]
    return not more or b"$?" in more[0]


class Job(NamedTuple):
    """A job of lefthook that runs guard.

    Args:
        condition: what keeps lefthook from running it in every push, "" for nothing.
    """

    path: str
    call: Call
    condition: str = ""


def job_in(files: Iterable[tuple[str, bytes]], folder: str) -> Job | None:
    """The job that runs guard at a push, None where there is none.

    Args:
        files: paths and contents, in the order in which lefthook reads them; what a later one says
            of a job of the same name replaces what an earlier one said.
        folder: where git runs the hook.
    """
    import tomllib

    import yaml  # JSON, too, is YAML

    jobs: dict[object, tuple[str, dict[str, Any]]] = {}
    section: dict[str, Any] = {}
    for path, content in files:
        try:
            is_toml = path.endswith(".toml")
            data = tomllib.loads(content.decode()) if is_toml else yaml.safe_load(content)
        except (ValueError, yaml.YAMLError):
            continue
        hook = data.get(NAME) if isinstance(data, Mapping) else None
        if not isinstance(hook, Mapping):
            continue
        section.update({key: hook[key] for key in _CONDITIONS if key in hook})
        for number, (name, job) in enumerate(_jobs(hook, {})):
            key = name or (path, number)
            first, earlier = jobs.get(key, (path, {}))
            jobs[key] = (first, {**earlier, **job})
    calls = [_call(path, {**section, **job}, folder) for path, job in jobs.values()]
    # The one that blocks best is what counts.
    return max(
        (call for call in calls if call is not None),
        key=lambda call: (not call.condition, call.call),
        default=None,
    )


def _jobs(
    section: Mapping[str, Any], around: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each job by its name, with the conditions of the groups around it."""
    commands = section.get("commands")
    if isinstance(commands, Mapping):
        for name, job in commands.items():
            if isinstance(job, Mapping):
                yield str(name), {**around, **job}
    jobs = section.get("jobs")
    for job in jobs if isinstance(jobs, list) else ():
        if not isinstance(job, Mapping):
            continue
        whole = {**around, **job}
        if isinstance(job.get("group"), Mapping):
            outer = {key: whole[key] for key in _CONDITIONS if key in whole}
            yield from _jobs(job["group"], outer)
        else:
            yield str(job.get("name") or ""), whole


def _call(path: str, job: Mapping[str, Any], folder: str) -> Job | None:
    run = job.get("run")
    if not isinstance(run, str) or CALL.search(run.encode()) is None:
        return None
    call = call_in(run.encode(), folder)
    if call is Call.NONE or job.get("skip") is True:
        return None
    if call is Call.HEARD and job.get("use_stdin") is not True:
        call = Call.BLIND
    condition = next((key for key in _CONDITIONS if job.get(key)), "")
    return Job(path, call, condition)
