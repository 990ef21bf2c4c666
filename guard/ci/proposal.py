"""A CI file -> what ``guard init`` proposes: the image's name, the test command, the mount.

Pure: bytes in, value out. A job on a machine tests in what it has docker run; one in a container of
the image runs its own lines there.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from guard.ci.docker_run import (
    Call,
    DockerRun,
    docker_calls,
    docker_runs,
    joined,
    resolved,
    unresolved,
)
from guard.ci.jobs import Job, Step, read_jobs
from guard.errors import GuardError
from guard.haskell.yaml_tree import Mapping, documents

# In this order: patterns over the paths of a repository.
FILES: Final = (".travis.yml", ".github/workflows/*.y*ml", ".gitlab-ci.yml", ".circleci/config.yml")
# What runs something in a container, however it is written.
_RUNS: Final = re.compile(
    r"""\b(?:docker|podman)(?:-compose)?
    (?:\s+(?:compose\b|container\b
        |-\S++(?:\s++(?!(?:run|create|exec|compose|container)\b)[^-\s]\S*+)?+)){0,20}+
    \s+(?:run|create|exec)\s""",
    re.VERBOSE,
)
# Where a job's commands run in the image; CI systems have folders of their own.
_CHECKOUT: Final = "/src"
# A line that runs one program and leaves its shell as it was.
_PLAIN: Final = re.compile(
    r"(?!(?:cd|pushd|popd|exec|exit|export|set|unset|source|eval|trap|umask|return|alias|shopt|read"
    r"|wait|shift|if|then|else|elif|fi|for|while|until|do|done|case|esac|select|function)\b|\.\s)"
    r"[\w./-]+(?:[ ]+[\w./@%+=:,-]+)*"
)


class Proposed(NamedTuple):
    """One value and the lines of the file that it was read from, 1-based."""

    value: str
    lines: tuple[int, ...]


class Proposal(NamedTuple):
    """What a file proposes; None where it says nothing.

    Args:
        image: a name without tag and digest.
        command: one line for a shell.
        source: where the checkout is mounted.
    """

    image: Proposed | None = None
    command: Proposed | None = None
    source: Proposed | None = None
    notes: tuple[str, ...] = ()


def read_ci(data: bytes, path: str, where: str = "") -> Proposal:
    """What the file proposes; ``where`` names it in messages. Raises GuardError: it is no YAML."""
    where = where or path
    try:
        root = next(documents(data.decode()), None)
    except ValueError as error:
        raise GuardError(f"{where} cannot be read as YAML: {error}", f"correct {where}") from error
    if not isinstance(root, Mapping):
        return Proposal()
    notes: list[str] = []
    runs: dict[tuple[str, str, str], DockerRun] = {}
    for job in read_jobs(root, path, notes):
        for run in _of_job(job, notes):
            runs.setdefault(run[:3], run)
    return _proposal(list(runs.values()), list(dict.fromkeys(notes)))


def _of_job(job: Job, notes: list[str]) -> list[DockerRun]:
    calls: list[Call] = []
    for number, line, variables in _lines_of(job):
        try:
            read = docker_calls(line, variables)
        except ValueError as error:
            read = []
            if _RUNS.search(line):
                notes.append(f"line {number} cannot be read as shell: {error}")
        else:
            if len(_RUNS.findall(line)) > len(read):
                notes.append(f"not taken over: line {number} runs a container in another way")
        calls += [call._replace(line=number) for call in read]
    if calls or not job.image:
        return docker_runs(calls, notes)
    return _in_container(job, notes)


def _lines_of(job: Job) -> Iterator[tuple[int, str, dict[str, str]]]:
    for step in job.steps:
        for number, text in step.lines:
            if not text.lstrip().startswith("#"):
                yield number, text, step.variables


def _in_container(job: Job, notes: list[str]) -> list[DockerRun]:
    """The steps of a job as one command in its image, each in a shell of its own."""
    steps = [step for step in job.steps if step.text.strip()]
    if not steps:
        return []
    first = steps[0].lines[0].number
    exports = _exports(job.variables, first, notes)
    texts = [_of_step(step, job.variables, notes) for step in steps]
    notes.append(f"line {first} runs in the checkout, which is put at {_CHECKOUT}")
    command = " && ".join((*exports, f"cd {_CHECKOUT}", *texts))
    return [DockerRun(resolved(job.image, job.variables), command, _CHECKOUT, first)]


def _of_step(step: Step, shared: dict[str, str], notes: list[str]) -> str:
    texts = [text for line in step.text.split("\n") if (text := line.strip())]
    texts = [text for text in texts if not text.startswith("#")]
    if not all(map(_PLAIN.fullmatch, texts)):
        texts = [f"{step.shell} {shlex.quote(step.text.strip())}"]
    own = {name: value for name, value in step.variables.items() if shared.get(name) != value}
    before = _exports(own, step.lines[0].number, notes)
    before += [f"cd {step.folder}"] if step.folder else []
    joined_texts = " && ".join([*before, *texts]) or "true"
    return f"({joined_texts})" if before else joined_texts


def _exports(variables: dict[str, str], line: int, notes: list[str]) -> list[str]:
    exports = []
    for name, value in variables.items():
        if not name.isidentifier() or re.search(r"\$|<<|\{\{", value):
            notes.append(f"not taken over: line {line} has {name} set to what only CI knows")
        else:
            exports.append(f"export {name}={shlex.quote(value)}")
    return exports


def _proposal(runs: list[DockerRun], notes: list[str]) -> Proposal:
    runs = _of_one_image(runs, notes)
    commands = []
    for each in runs:
        if each.command:
            commands.append(each)
        else:
            notes.append(f"line {each.line} runs the image's own command, which it does not say")
    command = None
    if commands:
        command = Proposed(joined([each.command for each in commands]), _lines(commands))
    for each in commands:
        names = ", ".join(
            name for name in unresolved(each.command) if not re.search(rf"\b{name}=", each.command)
        )
        if names:
            notes.append(f"line {each.line} uses variables that are set on CI only: {names}")
    return Proposal(_image(runs), command, _source(runs, notes), tuple(notes))


def _of_one_image(runs: list[DockerRun], notes: list[str]) -> list[DockerRun]:
    """Those of the image that is run most often; of several the last, for tests come last."""
    images = [each.image for each in runs]
    if len(set(images)) <= 1:
        return runs
    chosen = max(reversed(images), key=images.count)
    for each in runs:
        if each.image != chosen:
            notes.append(f"line {each.line} runs another image, {each.image}: left out")
    return [each for each in runs if each.image == chosen]


def _image(runs: list[DockerRun]) -> Proposed | None:
    if not runs or unresolved(runs[0].image):
        return None
    # A port has a colon, too, but a slash behind it.
    name = re.sub(r":[^/]*$", "", runs[0].image.partition("@")[0])
    return Proposed(name, _lines(runs))


def _source(runs: list[DockerRun], notes: list[str]) -> Proposed | None:
    mounted = [each for each in runs if each.checkout]
    if not mounted or unresolved(mounted[0].checkout):
        return None
    place = mounted[0].checkout
    for each in mounted:
        if each.checkout != place:
            notes.append(f"line {each.line} mounts the checkout elsewhere: {each.checkout}")
    return Proposed(place, _lines([each for each in mounted if each.checkout == place]))


def _lines(runs: list[DockerRun]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each.line for each in runs))
