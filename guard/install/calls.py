"""Lines by which other hooks run guard: the one to add, and what is made of those that are there.

What lefthook's configuration says is read here and not by lefthook itself, which need not be in
anybody's PATH. Source: lefthook's documentation, "Configuration".
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

from guard.install.place import HookPlace, Owner
from guard.install.shim import read_hook, this_installation
from guard.install.tools import LINE, NAME, Tool

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


class Call(IntEnum):
    """What a hook makes of guard; the best of its lines counts."""

    NONE = 0
    UNHEARD = 1
    BLIND = 2
    HEARD = 3


def line_elsewhere(place: HookPlace, folders: tuple[str, ...] = ()) -> tuple[str, str]:
    """The file that runs guard in a place that is not guard's, and the line for it.

    Args:
        folders: where the line may act; for a hook that serves other repositories as well.
    """
    tool = read_hook(place.hook).tool
    if tool is Tool.HUSKY or os.path.basename(place.folder) == "_":
        return os.path.join(os.path.dirname(place.folder), NAME), Tool.HUSKY.habits.line
    if place.owner is Owner.ELSEWHERE and folders:
        # Of this machine alone, so that it need not depend on PATH.
        call = shlex.join(this_installation().command(NAME))
        cases = "|".join(map(shlex.quote, folders))
        return place.hook, f'case $PWD in {cases}) {call} "$@" || exit 1 ;; esac'
    return place.hook, LINE


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
        path: the file that says so.
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
    jobs: dict[object, tuple[str, dict[str, Any]]] = {}
    section: dict[str, Any] = {}
    for path, content in files:
        data = _parsed(path, content)
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


def _parsed(path: str, content: bytes) -> object:
    try:
        import tomllib

        import yaml

        if path.endswith(".toml"):
            return tomllib.loads(content.decode())
        return yaml.safe_load(content)  # JSON is YAML
    except (ValueError, yaml.YAMLError):
        return None


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
