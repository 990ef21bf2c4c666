"""A CI file -> its jobs: the lines of shell of each, its variables, and the image they run in.

Pure: a tree of YAML in, values out. Of a job those parts count that can fail the build before or in
the tests. Sources: https://docs.travis-ci.com/user/job-lifecycle, GitHub's "Workflow syntax",
GitLab's "CI/CD YAML syntax reference", CircleCI's "Configuration reference".
"""

import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from guard.haskell.yaml_tree import Mapping, Node, Scalar, Sequence, listed

_TRAVIS_PHASES: Final = ("before_install", "install", "before_script", "script")
# What stands beside the jobs of GitLab's.
_NO_JOBS: Final = frozenset(
    {
        *("default", "include", "stages", "types", "variables", "workflow", "image", "services"),
        *("cache", "before_script", "after_script", "spec", "pages"),
    }
)
# `extends` may go round in circles.
_ANCESTORS: Final = 10
_NONE: Final = Mapping(0, {})


class Line(NamedTuple):
    """A line of shell, and where it begins, from 1."""

    number: int
    text: str


class Job(NamedTuple):
    """What one job does.

    Args:
        image: that of the container it runs in, as it is written; "" where it runs on a machine.
    """

    lines: tuple[Line, ...]
    variables: dict[str, str]
    image: str = ""


def read_jobs(root: Mapping, path: str, notes: list[str]) -> list[Job]:
    """The jobs of a file, whose path says of which CI system it is."""
    if path.endswith(".travis.yml"):
        return list(_travis(root, notes))
    if path.endswith(".gitlab-ci.yml"):
        return list(_gitlab(root))
    return list(_circleci(root) if "/.circleci/" in f"/{path}" else _github(root))


def _travis(root: Mapping, notes: list[str]) -> Iterator[Job]:
    """The job of the file itself, unless it only lists others, and each of those with what it has
    from the file."""
    shared, rows = _travis_env(root)
    included = [
        entry
        for key in ("jobs", "matrix")
        for entry in listed(_map(root.get(key)).get("include"))
        if isinstance(entry, Mapping)
    ]
    if len(rows) > 1:
        line = rows[0].line
        notes.append(f"env has {len(rows)} jobs; taken are the variables of the first, line {line}")
    if rows or not included:
        yield Job(_travis_lines(root, _NONE), _variables(*shared, *rows[:1]))
    for entry in included:
        yield Job(_travis_lines(entry, root), _variables(*shared, *listed(entry.get("env"))))


def _travis_lines(job: Mapping, root: Mapping) -> tuple[Line, ...]:
    phases = (job.get(phase) or root.get(phase) for phase in _TRAVIS_PHASES)
    return tuple(line for phase in phases for line in _lines(phase))


def _travis_env(root: Mapping) -> tuple[list[Node], list[Node]]:
    """The variables of all jobs, and of the others, one job for each line."""
    env = root.get("env")
    if not isinstance(env, Mapping):
        return [], listed(env)
    if not env.pairs.keys() & {"global", "jobs", "matrix"}:
        return [env], []
    return listed(env.get("global")), listed(env.get("jobs") or env.get("matrix"))


def _github(root: Mapping) -> Iterator[Job]:
    for job in _maps(root.get("jobs")):
        steps = [step for step in listed(job.get("steps")) if isinstance(step, Mapping)]
        lines = tuple(line for step in steps for line in _lines(step.get("run")))
        env = (each.get("env") for each in (root, job, *steps))
        yield Job(lines, _variables(*env), _image(job, "container"))


def _gitlab(root: Mapping) -> Iterator[Job]:
    for name, job in root.items():
        if name.text in _NO_JOBS or name.text.startswith(".") or not isinstance(job, Mapping):
            continue
        ancestors = [*_ancestry(root, job), _map(root.get("default")), root]
        before, script = (
            next((each.get(key) for each in ancestors if each.get(key) is not None), None)
            for key in ("before_script", "script")
        )
        image = next((_image(each, "image") for each in ancestors if each.get("image")), "")
        variables = _variables(*(each.get("variables") for each in reversed(ancestors)))
        yield Job((*_lines(_flat(before)), *_lines(_flat(script))), variables, image)


def _ancestry(root: Mapping, job: Mapping) -> list[Mapping]:
    """A job and what it extends, the nearest first."""
    found = [job]
    for each in found:
        names = (name for name in listed(each.get("extends")) if isinstance(name, Scalar))
        found += (_map(root.get(name.text)) for name in names if len(found) < _ANCESTORS)
    return found


def _circleci(root: Mapping) -> Iterator[Job]:
    executors = _map(root.get("executors"))
    for job in _maps(root.get("jobs")):
        executor = job.get("executor")
        if isinstance(executor, Mapping):
            executor = executor.get("name")
        named = _map(executors.get(executor.text)) if isinstance(executor, Scalar) else _NONE
        containers = listed(job.get("docker") or named.get("docker"))
        runs = (step.get("run") for step in listed(job.get("steps")) if isinstance(step, Mapping))
        commands = (run.get("command") if isinstance(run, Mapping) else run for run in runs)
        lines = tuple(line for command in commands for line in _lines(command))
        image = _image(_map(containers[0]), "image") if containers else ""
        yield Job(lines, _variables(named.get("environment"), job.get("environment")), image)


def _maps(node: Node | None) -> Iterator[Mapping]:
    for _, value in _map(node).items():
        if isinstance(value, Mapping):
            yield value


def _map(node: Node | None) -> Mapping:
    return node if isinstance(node, Mapping) else _NONE


def _image(job: Mapping, key: str) -> str:
    """An image by itself, or in a map with more that is said of it."""
    node = job.get(key)
    if isinstance(node, Mapping):
        node = node.get("image") or node.get("name")
    return node.text if isinstance(node, Scalar) else ""


def _lines(node: Node | None) -> Iterator[Line]:
    """Every line of shell; what a backslash joins is one."""
    for scalar in listed(node):
        if not isinstance(scalar, Scalar):
            continue
        pending, begun = "", 0
        for number, line in enumerate(scalar.text.split("\n"), scalar.line + scalar.block):
            begun = begun or number
            if line.endswith("\\"):
                pending += line[:-1]
                continue
            yield Line(begun, pending + line)
            pending, begun = "", 0
        if pending:
            yield Line(begun, pending)


def _flat(node: Node | None) -> Node | None:
    """A list without lists in it, which come in by anchors."""
    if not isinstance(node, Sequence):
        return node
    return Sequence([inner for each in node.items for inner in listed(each)], node.line)


def _variables(*nodes: Node | None) -> dict[str, str]:
    """Those of maps, and of lines with assignments; the last that is set counts."""
    variables: dict[str, str] = {}
    for several in nodes:
        for node in listed(several):
            variables.update(_pairs(node))
    return variables


def _pairs(node: Node) -> dict[str, str]:
    if isinstance(node, Mapping):
        values = (
            (key.text, value.get("value") if isinstance(value, Mapping) else value)
            for key, value in node.items()
            if key.text != "secure"
        )
        return {name: value.text for name, value in values if isinstance(value, Scalar)}
    try:
        words = shlex.split(node.text) if isinstance(node, Scalar) else []
    except ValueError:
        return {}
    pairs = (word.partition("=") for word in words)
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}
