"""A ``.travis.yml`` -> what ``guard init`` proposes: the image's name, the test command, the mount.

Pure: text in, value out. Of the phases those count that can fail the build before or in the tests
(https://docs.travis-ci.com/user/job-lifecycle); the ``after_`` ones come when it is over.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from guard.ci.docker_run import DockerRun, docker_runs, joined, unresolved
from guard.errors import GuardError
from guard.haskell.yaml_tree import Mapping, Node, Scalar, documents, listed

FILE: Final = ".travis.yml"
_PHASES: Final = ("before_install", "install", "before_script", "script")
_COMMAND: Final = re.compile(r"\bdocker\b")


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
        notes: what was left out, and why.
    """

    image: Proposed | None = None
    command: Proposed | None = None
    source: Proposed | None = None
    notes: tuple[str, ...] = ()


class _Call(NamedTuple):
    line: int
    run: DockerRun


def read_travis(data: bytes, where: str = FILE) -> Proposal:
    """What the file proposes.

    Args:
        where: how messages name the file.

    Raises:
        GuardError: it is no YAML.
    """
    try:
        root = next(documents(data.decode()), None)
    except ValueError as error:
        raise GuardError(f"{where} cannot be read as YAML: {error}", f"correct {where}") from error
    if not isinstance(root, Mapping):
        return Proposal()
    notes: list[str] = []
    variables = _variables(root, notes)
    runs = []
    for number, line in _shell_lines(root):
        if _COMMAND.search(line):
            try:
                runs += [_Call(number, run) for run in docker_runs(line, variables)]
            except ValueError as error:
                notes.append(f"line {number} cannot be read as shell: {error}")
    return _proposal(runs, notes)


def _proposal(runs: list[_Call], notes: list[str]) -> Proposal:
    runs = _of_one_image(runs, notes)
    commands = []
    for each in runs:
        if each.run.command:
            commands.append(each)
        else:
            notes.append(f"line {each.line} runs the image's own command, which it does not say")
    command = None
    if commands:
        command = Proposed(joined([each.run.command for each in commands]), _lines(commands))
        notes += [note for each in commands if (note := _unknown(each))]
    return Proposal(_image(runs), command, _source(runs, notes), tuple(notes))


def _unknown(call: _Call) -> str:
    command = call.run.command
    names = [name for name in unresolved(command) if not re.search(rf"\b{name}=", command)]
    if not names:
        return ""
    return f"line {call.line} uses variables that are set on CI only: {', '.join(names)}"


def _of_one_image(runs: list[_Call], notes: list[str]) -> list[_Call]:
    """Those of the image that is run most often; of several the last, for tests come last."""
    images = [each.run.image for each in runs]
    if len(set(images)) <= 1:
        return runs
    chosen = max(reversed(images), key=images.count)
    for each in runs:
        if each.run.image != chosen:
            notes.append(f"line {each.line} runs another image, {each.run.image}: left out")
    return [each for each in runs if each.run.image == chosen]


def _image(runs: list[_Call]) -> Proposed | None:
    if not runs or unresolved(runs[0].run.image):
        return None
    # A port has a colon, too, but a slash behind it.
    name = re.sub(r"@.*$|:[^/]*$", "", runs[0].run.image.partition("@")[0])
    return Proposed(name, _lines(runs))


def _source(runs: list[_Call], notes: list[str]) -> Proposed | None:
    mounted = [each for each in runs if each.run.checkout]
    if not mounted or unresolved(mounted[0].run.checkout):
        return None
    place = mounted[0].run.checkout
    for each in mounted:
        if each.run.checkout != place:
            notes.append(f"line {each.line} mounts the checkout elsewhere: {each.run.checkout}")
    return Proposed(place, _lines([each for each in mounted if each.run.checkout == place]))


def _lines(runs: list[_Call]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each.line for each in runs))


def _shell_lines(root: Mapping) -> Iterator[tuple[int, str]]:
    """Every line of shell with its number, in the order of the phases."""
    for phase in _PHASES:
        for scalar in listed(root.get(phase)):
            if isinstance(scalar, Scalar):
                yield from _split(scalar)


def _split(scalar: Scalar) -> Iterator[tuple[int, str]]:
    pending, begun = "", 0
    for number, line in enumerate(scalar.text.split("\n"), scalar.line + scalar.block):
        begun = begun or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        yield begun, pending + line
        pending, begun = "", 0
    if pending:
        yield begun, pending


def _variables(root: Mapping, notes: list[str]) -> dict[str, str]:
    """Those of ``env``: the global ones, and of the others, one job for each line, the first's."""
    env = root.get("env")
    shared, jobs = None, env
    if isinstance(env, Mapping):
        if not env.pairs.keys() & {"global", "jobs", "matrix"}:
            return _pairs(env)
        shared, jobs = env.get("global"), env.get("jobs") or env.get("matrix")
    rows = listed(jobs)
    if len(rows) > 1:
        line = rows[0].line
        notes.append(f"env has {len(rows)} jobs; taken are the variables of the first, line {line}")
    variables: dict[str, str] = {}
    for node in (*listed(shared), *rows[:1]):
        variables.update(_pairs(node))
    return variables


def _pairs(node: Node) -> dict[str, str]:
    if isinstance(node, Mapping):
        return {
            key.text: value.text
            for key, value in node.items()
            if isinstance(value, Scalar) and key.text != "secure"
        }
    try:
        words = shlex.split(node.text) if isinstance(node, Scalar) else []
    except ValueError:
        return {}
    pairs = (word.partition("=") for word in words)
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}
