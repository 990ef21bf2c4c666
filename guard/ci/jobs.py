"""A CI file -> its jobs: the lines of shell of each, its variables, and the image they run in.

Pure: a tree of YAML in, values out. Of a job those parts count that can fail the build before or in
the tests. Sources: https://docs.travis-ci.com/user/job-lifecycle, GitHub's "Workflow syntax",
GitLab's "CI/CD YAML syntax reference", CircleCI's "Configuration reference".
"""

import re
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

# What may keep a part of a job from running, let it fail, or have it run in some way of its own;
# and the values that do not.
_TERMS: Final = {
    "if": r"(?:\$\{\{\s*)?(?:always\(\)|success\(\)|true)(?:\s*\}\})?",
    "when": "always|on_success",
    **dict.fromkeys(("continue-on-error", "allow_failure", "background"), "false"),
    **dict.fromkeys(("rules", "only", "except", "trigger"), "(?!)"),
    **dict.fromkeys(("working-directory", "working_directory"), r"(?!/)[\w./-]+"),
    "uses": "actions/(?:checkout|cache)@.*",
    "shell": r"(?:/bin/)?(?:ba)?sh(?: -e| -eo pipefail)?",
}
_DOCKER: Final = re.compile(r"\b(?:docker|podman)\b")
# What CI systems put in before any shell reads it; a shell takes it for something else.
_PUT_IN: Final = re.compile(r"<<\s*(?:pipeline|parameters|matrix)\.[\w.]+\s*>>|\$\[\[")
_SCRIPTS: Final = ("before_script", "script", "after_script")
# Steps of CircleCI's own that test nothing.
_NO_TESTS: Final = frozenset(
    {
        *("checkout", "setup_remote_docker", "save_cache", "restore_cache", "store_artifacts"),
        *("store_test_results", "attach_workspace", "persist_to_workspace", "add_ssh_keys"),
    }
)


class Line(NamedTuple):
    """A line of shell, and where it begins, from 1."""

    number: int
    text: str


class Step(NamedTuple):
    """What one shell runs, at the checkout.

    Args:
        text: all that it reads.
        lines: the same, what a backslash joins as one.
        shell: what runs a text, as words of shell.
        folder: where, below the checkout; "" for itself.
    """

    text: str
    lines: tuple[Line, ...]
    variables: dict[str, str]
    shell: str
    folder: str


class Job(NamedTuple):
    """What one job does.

    Args:
        image: that of the container it runs in, as it is written; "" where it runs on a machine.
    """

    steps: tuple[Step, ...]
    variables: dict[str, str]
    image: str = ""


def read_jobs(root: Mapping, path: str, notes: list[str]) -> list[Job]:
    """The jobs of a file, whose path says of which CI system it is; what is left out is noted."""
    if path.endswith(".travis.yml"):
        return list(_travis(root, notes))
    if path.endswith(".gitlab-ci.yml"):
        return list(_gitlab(root, notes))
    return list((_circleci if "/.circleci/" in f"/{path}" else _github)(root, notes))


def _kept(node: Mapping, image: str, steps: tuple[Step, ...], notes: list[str]) -> tuple[Step, ...]:
    """The steps of a part of a job, none where it is not said that they run, and how."""
    reasons = [
        key
        for key, usual in _TERMS.items()
        if (value := node.get(key)) is not None
        and not (isinstance(value, Scalar) and re.fullmatch(usual, value.text.strip()))
    ]
    reasons += [match[0] for step in steps if (match := _PUT_IN.search(step.text))]
    if not reasons:
        return steps
    texts = [_text(node, "uses"), *(step.text for step in steps)]
    if image or any(map(_DOCKER.search, texts)):
        notes.append(_left_out(node.line, f"has `{reasons[0]}`, which only CI can follow"))
    return ()


def _left_out(line: int, why: str) -> str:
    return f"not taken over: line {line} {why}"


def _step(node: Node | None, variables: dict[str, str], shell: str, folder: str = "") -> Step:
    text = "\n".join(scalar.text for scalar in listed(node) if isinstance(scalar, Scalar))
    return Step(text, tuple(_lines(node)), variables, shell, folder)


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
        yield _travis_job(root, _NONE, _variables(*shared, *rows[:1]), notes)
    for entry in included:
        variables = _variables(*shared, *listed(entry.get("env")))
        yield _travis_job(entry, root, variables, notes)


def _travis_job(job: Mapping, root: Mapping, variables: dict[str, str], notes: list[str]) -> Job:
    phases = (job.get(phase) or root.get(phase) for phase in _TRAVIS_PHASES)
    steps = tuple(_step(phase, variables, "bash -c") for phase in phases)
    return Job(_kept(job, "", steps, notes), variables)


def _travis_env(root: Mapping) -> tuple[list[Node], list[Node]]:
    """The variables of all jobs, and of the others, one job for each line."""
    env = root.get("env")
    if not isinstance(env, Mapping):
        return [], listed(env)
    if not env.pairs.keys() & {"global", "jobs", "matrix"}:
        return [env], []
    return listed(env.get("global")), listed(env.get("jobs") or env.get("matrix"))


def _github(root: Mapping, notes: list[str]) -> Iterator[Job]:
    for job in _maps(root.get("jobs")):
        image = _image(job, "container")
        container = _map(job.get("container"))
        env = (root.get("env"), job.get("env"), container.get("env"))
        usual = [_map(_map(each.get("defaults")).get("run")) for each in (root, job)]
        steps: list[Step] = []
        for own in listed(job.get("steps")):
            if isinstance(own, Mapping):
                step = _merged(*usual, own)
                # https://docs.github.com/actions/reference/workflow-syntax, "shell".
                shell = "bash -eo pipefail -c" if _text(step, "shell") == "bash" else "sh -ec"
                variables = _variables(*env, step.get("env"))
                folder = _text(step, "working-directory")
                read = _step(step.get("run"), variables, shell, folder)
                steps += _kept(step, image, (read,), notes)
        if job.get("uses") is not None:
            notes.append(_left_out(job.line, "has its jobs in another file"))
        yield Job(_kept(job, image, tuple(steps), notes), _variables(*env), image)


def _gitlab(root: Mapping, notes: list[str]) -> Iterator[Job]:
    include = root.get("include")
    if include is not None:
        notes.append(_left_out(include.line, "includes other files"))
    for name, job in root.items():
        if name.text in _NO_JOBS or name.text.startswith(".") or not isinstance(job, Mapping):
            continue
        extended = _ancestry(root, job)
        ancestors = [*extended, _map(root.get("default")), root]
        scripts = [
            next((each.get(key) for each in ancestors if each.get(key) is not None), None)
            for key in ("before_script", "script")
        ]
        lines = [line for script in scripts for line in _flat(script, notes)]
        image = next((_image(each, "image") for each in ancestors if each.get("image")), "")
        variables = _variables(*(each.get("variables") for each in reversed(ancestors)))
        # All lines share one shell.
        step = _step(Sequence(lines, job.line), variables, "bash -eo pipefail -c")
        terms = _merged(*reversed(extended))._replace(line=job.line)
        yield Job(_kept(terms, image, (step,), notes), variables, image)


def _ancestry(root: Mapping, job: Mapping) -> list[Mapping]:
    """A job and what it extends, the nearest first."""
    found = [job]
    for each in found:
        names = (name for name in listed(each.get("extends")) if isinstance(name, Scalar))
        found += [_map(root.get(name.text)) for name in names][: _ANCESTORS - len(found)][::-1]
    return found


def _circleci(root: Mapping, notes: list[str]) -> Iterator[Job]:
    executors = _map(root.get("executors"))
    for job in _maps(root.get("jobs")):
        executor = job.get("executor")
        if isinstance(executor, Mapping):
            executor = executor.get("name")
        named = _map(executors.get(executor.text)) if isinstance(executor, Scalar) else _NONE
        containers = listed(job.get("docker") or named.get("docker"))
        container = _map(containers[0]) if containers else _NONE
        env = [each.get("environment") for each in (named, container, job)]
        image = _image(container, "image")
        steps = tuple(
            step
            for node in listed(job.get("steps"))
            for step in _circleci_step(node, image, env, notes)
        )
        yield Job(steps, _variables(*env), image)


def _circleci_step(
    node: Node, image: str, env: list[Node | None], notes: list[str]
) -> tuple[Step, ...]:
    name, run = next(iter(_map(node).items()), (node, None))
    if not isinstance(name, Scalar) or name.text != "run":
        if not isinstance(name, Scalar) or name.text not in _NO_TESTS:
            notes.append(_left_out(node.line, "is a step of another kind than `run`"))
        return ()
    settings = _map(run)
    command = settings.get("command") if isinstance(run, Mapping) else run
    # https://circleci.com/docs/configuration-reference/#default-shell-options
    shell = (_text(settings, "shell") or "bash -eo pipefail") + " -c"
    variables = _variables(*env, settings.get("environment"))
    step = _step(command, variables, shell, _text(settings, "working_directory"))
    return _kept(settings._replace(line=node.line), image, (step,), notes)


def _merged(*several: Mapping) -> Mapping:
    """Maps as one: the keys of the last count, and its line."""
    pairs = {key: pair for each in several for key, pair in each.pairs.items()}
    return Mapping(several[-1].line, pairs)


def _text(node: Mapping, key: str) -> str:
    value = node.get(key)
    return value.text.strip() if isinstance(value, Scalar) else ""


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
            if line.endswith("\\") and (pending or not line.lstrip().startswith("#")):
                pending += line[:-1]
                continue
            yield Line(begun, pending + line)
            pending, begun = "", 0
        if pending:
            yield Line(begun, pending)


def _flat(node: Node | None, notes: list[str]) -> list[Node]:
    """The lines of a list and of those in it, which come in by anchors, but not by references."""
    lines: list[Node] = []
    for part in [node] if node and _is_reference(node) else listed(node):
        inner = listed(part)
        if _is_reference(part) or not all(isinstance(line, Scalar) for line in inner):
            notes.append(_left_out(part.line, "refers to lines elsewhere"))
        else:
            lines += inner
    return lines


def _is_reference(node: Node) -> bool:
    """Whether it is what stands behind GitLab's ``!reference``: a job, and a key of it."""
    last = node.items[-1] if isinstance(node, Sequence) and len(node.items) > 1 else None
    return isinstance(last, Scalar) and last.text in _SCRIPTS


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
