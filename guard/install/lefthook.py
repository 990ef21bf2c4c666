"""What lefthook's configuration makes of guard. Source: lefthook's documentation, "Configuration".

Read here and not by lefthook itself, which need not be in anybody's PATH.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import yaml

from guard.install.calls import CALL, Call, call_in
from guard.install.shim import NAME

# What lets lefthook run a job in some pushes only.
_CONDITIONS: Final = ("skip", "only", "glob", "files", "exclude", "file_types")


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
        found = data.get(NAME) if isinstance(data, Mapping) else None
        if not isinstance(found, Mapping):
            continue
        section.update({key: found[key] for key in _CONDITIONS if key in found})
        for number, (name, job) in enumerate(_jobs(found, {})):
            key = name or (path, number)
            first, known = jobs.get(key, (path, {}))
            jobs[key] = (first, {**known, **job})
    calls = [_call(path, {**section, **job}, folder) for path, job in jobs.values()]
    # The one that blocks best is what counts.
    return max(
        (item for item in calls if item is not None),
        key=lambda item: (not item.condition, item.call),
        default=None,
    )


def _parsed(path: str, content: bytes) -> object:
    try:
        if path.endswith(".toml"):
            return tomllib.loads(content.decode())
        return yaml.safe_load(content)  # JSON is YAML
    except (ValueError, yaml.YAMLError):
        return None


def _jobs(found: Mapping[str, Any], around: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each job by its name, with the conditions of the groups around it."""
    commands = found.get("commands")
    if isinstance(commands, Mapping):
        for name, job in commands.items():
            if isinstance(job, Mapping):
                yield str(name), {**around, **job}
    jobs = found.get("jobs")
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
