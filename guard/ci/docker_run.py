"""A ``docker run`` as somebody typed it -> which image, which command, where the checkout goes.

Pure: text in, value out. What is read is what CI files hold: a line of shell with quotes, variables
and operators. Variables that are not known stay as they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

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


class DockerRun(NamedTuple):
    """One call.

    Args:
        image: as it is written, with tag or digest; variables that are not known stay.
        command: one line for a shell; empty where the image's own command runs.
        checkout: where the checkout is mounted, "" where it is not.
    """

    image: str
    command: str
    checkout: str


def docker_runs(line: str, variables: Mapping[str, str]) -> list[DockerRun]:
    """Every ``docker run`` of a line of shell.

    Args:
        variables: those that are known.

    Raises:
        ValueError: a quotation has no end.
    """
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


def _expanded(line: str, variables: Mapping[str, str]) -> str:
    def piece(match: re.Match[str]) -> str:
        text = match[0]
        quoted = text.startswith('"')
        if text[0] in "'\\":
            return text
        return _VARIABLE.sub(lambda name: _value(name, variables, quoted), text)

    return _PIECE.sub(piece, line)


def _value(match: re.Match[str], variables: Mapping[str, str], quoted: bool) -> str:
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


def _command(words: list[str], options: Mapping[str, str]) -> str:
    if options.get("entrypoint"):
        words = [options["entrypoint"], *words]
    if len(words) == 3 and words[0] in _SHELLS and words[1] == "-c":
        return words[2].strip()
    return shlex.join(words)


def _surrounded(command: str, folder: str, environment: Mapping[str, str]) -> str:
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
