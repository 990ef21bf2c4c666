"""Whether lefthook runs guard at every push, by its configuration.

That is read here and not by lefthook itself, which need not be in anybody's PATH. What is not known
to be harmless is what makes a job of it weaker. Source: lefthook, ``internal/config/loader.go``
(which files count, and how they are put together), ``internal/run/controller`` (what keeps a job
from being run) and its template of a hook.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from guard.install.line import Call, calls, leaves, plain_call
from guard.install.shim import NAME, HookFile, read_hook

# What a job of it has that runs guard. Lefthook skips one for which it sees no file: in a push of a
# tag, or of another branch than the one that is checked out. The shell takes "# ..." for a comment.
JOB: Final = 'run: "guard pre-push {1} {2} # {files}", files: echo lefthook.yml, use_stdin: true'
# It puts other things in their place in a comment, too, and skips a job for which one is empty.
_OTHER: Final = re.compile(r"\{(?!(?:[012]|files)\})\w")
_OWN_FILES: Final = re.compile(r"echo ([\w./-]+)")
_KINDS: Final = (".yml", ".yaml", ".json", ".jsonc", ".toml")
_MAIN: Final = ("lefthook", ".lefthook", ".config/lefthook")
_LOCAL: Final = ("lefthook-local", ".lefthook-local", ".config/lefthook-local")
# What brings in more than these files say, or runs before lefthook does.
_WHOLE: Final = ("extends", "remotes", "remote", "rc", "lefthook", "templates")
_HOOK: Final = frozenset(
    {"commands", "scripts", "jobs", "parallel", "piped", "follow", "exclude_tags"}
    | {"fail_on_changes", "fail_on_changes_diff"}
)
_GROUP: Final = frozenset({"jobs", "parallel", "piped"})
_JOB: Final = frozenset(
    {"name", "run", "group", "use_stdin", "tags", "fail_text", "priority", "files"}
)
_ABSENT: Final = "Can't find lefthook in PATH"

Section = Mapping[str, Any]


class _File(NamedTuple):
    """One file of the configuration.

    Args:
        hook: what it says of a push.
        is_read: whether it could be read.
    """

    path: str
    text: str
    whole: Section
    hook: Section
    is_read: bool = True

    def odd(self, section: Section, harmless: frozenset[str]) -> Iterator[str]:
        """Where a section says anything that is not harmless."""
        for key, value in section.items():
            # Lefthook takes an empty "only" for "never".
            if key not in harmless and (value or key == "only"):
                yield self.at(key)

    def at(self, key: str) -> str:
        """The line of a key, as far as there is one alone."""
        pattern = re.compile(rf"""\s*(?:- )?[{{[]?["']?{re.escape(str(key))}["']?\s*[:=]""")
        lines = [
            f"{self.path}:{number}: {line.strip()}"
            for number, line in enumerate(self.text.split("\n"), 1)
            if pattern.match(line)
        ]
        return lines[0] if len(lines) == 1 else f"{self.path}: {key}"


class _Job(NamedTuple):
    """A job that runs guard.

    Args:
        names: its own, its tags, and those of the groups around it.
        odd: what is said of it, or of such a group, that is not harmless.
    """

    file: _File
    run: str
    names: tuple[str, ...]
    odd: tuple[str, ...]
    has_input: bool
    files: str


def call_of_lefthook(hook: HookFile, folder: str) -> Call | None:
    """What lefthook makes of guard; None where no job of its configuration runs it.

    Args:
        hook: lefthook's own.
        folder: the checkout.
    """
    files = [file for names in (_MAIN, _LOCAL) if (file := _first(folder, names)) is not None]
    jobs = [job for file in files for job in _jobs(file, file.hook, (), ())]
    if not jobs:
        # One whose text is there, though it cannot be read, may be meant to.
        unread = (file.path for file in files if not file.is_read and calls(file.text))
        return next((Call(path, f"{path} cannot be read") for path in unread), None)
    found = [Call(job.file.path, next(_weaknesses(job, files, hook, folder), "")) for job in jobs]
    # One that runs at every push is enough.
    return min(found, key=lambda call: bool(call.weakness))


def _first(folder: str, names: tuple[str, ...]) -> _File | None:
    for kind in _KINDS:
        for name in names:
            file = read_hook(os.path.join(folder, f"{name}{kind}"))
            if file.there:
                return _read(file.path, file.content)
    return None


def _read(path: str, content: bytes) -> _File:
    import tomllib

    import yaml  # JSON, too, is YAML

    text = content.decode(errors="replace")
    try:
        whole = tomllib.loads(text) if path.endswith(".toml") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return _File(path, text, {}, {}, is_read=False)
    whole = whole if isinstance(whole, Mapping) else {}
    hook = whole.get(NAME)
    return _File(path, text, whole, hook if isinstance(hook, Mapping) else {})


def _jobs(
    file: _File, section: Section, names: tuple[str, ...], odd: tuple[str, ...]
) -> Iterator[_Job]:
    """The jobs that run guard, in a hook or a group."""
    for name, job in _entries(section):
        labels = job.get("tags") or ()
        tags = labels if isinstance(labels, list | tuple) else (labels,)
        around = (*names, *filter(None, (name, *map(str, tags))))
        strange = (*odd, *file.odd(job, _JOB))
        run, group = job.get("run"), job.get("group")
        if isinstance(group, Mapping):
            yield from _jobs(file, group, around, (*strange, *file.odd(group, _GROUP)))
        elif isinstance(run, str) and calls(run):
            has_input = job.get("use_stdin") is True
            yield _Job(file, run, around, strange, has_input, str(job.get("files") or ""))


def _entries(section: Section) -> Iterator[tuple[str, Section]]:
    commands, jobs = section.get("commands"), section.get("jobs")
    for name, job in commands.items() if isinstance(commands, Mapping) else ():
        if isinstance(job, Mapping):
            yield str(name), job
    for job in jobs if isinstance(jobs, list) else ():
        if isinstance(job, Mapping):
            yield str(job.get("name") or ""), job


def _weaknesses(job: _Job, files: list[_File], hook: HookFile, folder: str) -> Iterator[str]:
    """What keeps a job from being run at every push, or from stopping one."""
    yield from _unstarted(hook, folder)
    excluded = os.environ.get("LEFTHOOK_EXCLUDE", "").split(",")
    if {*excluded} & {*job.names}:
        yield f"LEFTHOOK_EXCLUDE={','.join(excluded)}"
    for file in files:
        if not file.is_read:
            yield f"{file.path} cannot be read"
        yield from (file.at(key) for key in _WHOLE if file.whole.get(key))
        yield from file.odd(file.hook, _HOOK)
        tags = file.hook.get("exclude_tags") or ()
        if {*map(str, tags if isinstance(tags, list) else (tags,))} & {*job.names}:
            yield file.at("exclude_tags")
        # Of two jobs or groups of one name the local file's counts.
        if file is not job.file and any(name in job.names for name, _ in _entries(file.hook)):
            yield f"{file.path}: {', '.join(job.names)}"
    yield from job.odd
    call = re.sub(r'"?\{1\}"? "?\{2\}"?|\{0\}', '"$@"', job.run)
    if not plain_call(call, folder) or _OTHER.search(job.run):
        yield f"{job.file.path}: {' '.join(job.run.split())}"
    if not job.has_input:
        yield f"{job.file.path}: no use_stdin: true in that job"
    own = _OWN_FILES.fullmatch(job.files)
    if own is None or not os.path.isfile(os.path.join(folder, own[1])):
        yield f"{job.file.path}: lefthook skips that job where HEAD brings the remote no files"
    elif "{files}" not in call:
        yield f"{job.file.path}: no {{files}} in that job's run"


def _unstarted(hook: HookFile, folder: str) -> Iterator[str]:
    """What keeps the hook from starting lefthook."""
    if left := leaves(hook.path, hook.content):
        yield left
    text = os.fsdecode(hook.content)
    if _ABSENT in text and "exit 1" not in text.partition(_ABSENT)[2]:
        programs = re.findall(r"\s(/\S+) -h >", text)
        modules = os.path.join(folder, "node_modules", "lefthook")
        if not (shutil.which("lefthook") or any(map(os.path.exists, (*programs, modules)))):
            yield f"{hook.path}: {_ABSENT}, and no assert_lefthook_installed"
