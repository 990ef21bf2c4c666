"""A ``.travis.yml`` -> what ``guard init`` proposes: the image's name, the test command, the mount.

Pure: text in, value out. Of the phases those count that can fail the build before or in the tests
(https://docs.travis-ci.com/user/job-lifecycle); the ``after_`` ones come when it is over. Their
lines of shell are read for ``docker run``, with quotes and operators; variables that are not known
stay as they are.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from guard.errors import GuardError
from guard.haskell.yaml_tree import Mapping, Node, Scalar, documents, listed

FILE: Final = ".travis.yml"
_PHASES: Final = ("before_install", "install", "before_script", "script")
_COMMAND: Final = re.compile(r"\bdocker\b")
# Stands for the folder of the checkout once its many spellings are replaced; no file has it.
_CHECKOUT: Final = "\ue000"
_SPELLINGS: Final = frozenset({"PWD", "TRAVIS_BUILD_DIR"})

# What the shell keeps together: single quotes, an escape, double quotes, and the rest.
_PIECE: Final = re.compile(r"""'[^']*'|\\.|"(?:[^"\\]|\\.)*"|[^'"\\]+|.""", re.DOTALL)
_VARIABLE: Final = re.compile(
    r"""\\. | `\s*pwd\s*` | \$\(\s*pwd\s*\) | \$\{(?P<braced>\w+)\} | \$(?P<plain>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS: Final = ";&|"
_FLAGS: Final = frozenset("diqtP")
_LONG_FLAGS: Final = frozenset(
    {
        *("--detach", "--disable-content-trust", "--help", "--init", "--interactive"),
        *("--no-healthcheck", "--oom-kill-disable", "--privileged", "--publish-all", "--quiet"),
        *("--read-only", "--rm", "--sig-proxy", "--tty"),
    }
)
_LONG: Final = {"e": "env", "v": "volume", "w": "workdir", "u": "user"}
_SHELLS: Final = ("/bin/sh", "sh")
# A command with any of these would act on the one behind it.
_COMPOUND: Final = re.compile(r"[;&|\n(){}#]|^\s*(?:cd|exec|exit|export|set|unset|\.)\b")


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


class DockerRun(NamedTuple):
    """One ``docker run``.

    Args:
        image: as it is written, with tag or digest; variables that are not known stay.
        command: one line for a shell; empty where the image's own command runs.
        checkout: where the checkout is mounted, "" where it is not.
        line: of the file, from 1.
    """

    image: str
    command: str
    checkout: str
    line: int = 0


def read_travis(data: bytes, where: str = FILE) -> Proposal:
    """What the file proposes; ``where`` names it in messages. Raises GuardError: it is no YAML."""
    try:
        root = next(documents(data.decode()), None)
    except ValueError as error:
        raise GuardError(f"{where} cannot be read as YAML: {error}", f"correct {where}") from error
    if not isinstance(root, Mapping):
        return Proposal()
    notes: list[str] = []
    variables = _variables(root, notes)
    runs: list[DockerRun] = []
    for number, line in _shell_lines(root):
        if _COMMAND.search(line):
            try:
                runs += [run._replace(line=number) for run in docker_runs(line, variables)]
            except ValueError as error:
                notes.append(f"line {number} cannot be read as shell: {error}")
    return _proposal(runs, notes)


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


def _shell_lines(root: Mapping) -> Iterator[tuple[int, str]]:
    """Every line of shell with its number, in the order of the phases."""
    for phase in _PHASES:
        for scalar in listed(root.get(phase)):
            if not isinstance(scalar, Scalar):
                continue
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


def docker_runs(line: str, variables: dict[str, str]) -> list[DockerRun]:
    """Every ``docker run`` of a line of shell. Raises ValueError: a quotation has no end."""
    runs = []
    for words in _commands(_expanded(line, variables)):
        for index, word in enumerate(words):
            rest = words[index + 1 :]
            if word.rpartition("/")[2] != "docker" or not rest:
                continue
            if rest[0] == "container":
                rest = rest[1:]
            if rest[:1] == ["run"]:
                run = _parsed(rest[1:])
                runs += [run] if run is not None else []
            break
    return runs


def unresolved(text: str) -> list[str]:
    """The names of the variables that are still in a text, each once."""
    names = (match["braced"] or match["plain"] for match in _VARIABLE.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


def joined(commands: list[str]) -> str:
    """One line that runs them in their order, each as if alone, up to the first that fails."""
    if len(commands) == 1:
        return commands[0]
    return " && ".join(f"({one})" if _COMPOUND.search(one) else one for one in commands)


def _expanded(line: str, variables: dict[str, str]) -> str:
    def piece(match: re.Match[str]) -> str:
        text = match[0]
        quoted = text.startswith('"')
        if text[0] in "'\\":
            return text
        return _VARIABLE.sub(lambda name: _value(name, variables, quoted), text)

    return _PIECE.sub(piece, line)


def _value(match: re.Match[str], variables: dict[str, str], quoted: bool) -> str:
    text = match[0]
    if text.startswith("\\"):
        return text
    name = match["braced"] or match["plain"]
    if name is None or (name in _SPELLINGS and name not in variables):
        return _CHECKOUT
    if name not in variables:
        return text
    value = variables[name]
    return re.sub(r'(["\\`])', r"\\\1", value) if quoted else value


def _commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, as words without their quotes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in lexer:
        if word.startswith("#"):
            break
        if word and not word.strip(_OPERATORS):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _parsed(words: list[str]) -> DockerRun | None:
    options: list[tuple[str, str]] = []
    rest = iter(words)
    image = ""
    for word in rest:
        if word == "--":
            image = next(rest, "")
            break
        if not word.startswith("-") or word == "-":
            image = word
            break
        options += _option(word, rest)
    if not image:
        return None
    values = dict(options)
    command = _command(list(rest), values)
    if command:
        command = _surrounded(command, values.get("workdir", ""), _environment(options))
    return DockerRun(image, command.replace(_CHECKOUT, "$PWD"), _checkout(options))


def _option(word: str, rest: Iterator[str]) -> list[tuple[str, str]]:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if word in _LONG_FLAGS:
            return []
        return [(name[2:], value if equals else next(rest, ""))]
    for index, letter in enumerate(word[1:], 2):
        if letter not in _FLAGS:
            value = word[index:].removeprefix("=") or next(rest, "")
            return [(_LONG.get(letter, letter), value)]
    return []


def _command(words: list[str], options: dict[str, str]) -> str:
    if options.get("entrypoint"):
        words = [options["entrypoint"], *words]
    if len(words) == 3 and words[0] in _SHELLS and words[1] == "-c":
        return words[2].strip()
    return shlex.join(words)


def _surrounded(command: str, folder: str, environment: dict[str, str]) -> str:
    before = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    before += [f"cd {shlex.quote(folder)}"] if folder else []
    if before and _COMPOUND.search(command):
        command = f"{{ {command.rstrip(';')}; }}"
    return " && ".join([*before, command])


def _environment(options: list[tuple[str, str]]) -> dict[str, str]:
    """What is set with a value that is known; the rest is CI's own."""
    values = {}
    for option, text in options:
        name, equals, value = text.partition("=")
        if option == "env" and equals and not unresolved(value) and name.isidentifier():
            values[name] = value
    return values


def _checkout(options: list[tuple[str, str]]) -> str:
    for option, text in options:
        host, target = "", ""
        if option == "volume":
            host, _, target = text.partition(":")
            target = target.partition(":")[0]
        elif option == "mount":
            fields = dict(field.partition("=")[::2] for field in text.split(","))
            host = fields.get("source", fields.get("src", ""))
            target = fields.get("target", fields.get("destination", fields.get("dst", "")))
        host = host.removesuffix(".").rstrip("/") if host != "." else _CHECKOUT
        if host == _CHECKOUT and target.startswith("/") and target.strip("/"):
            return "/" + target.strip("/")
    return ""
