"""A line of shell -> what docker runs in it, with quotes, operators and variables.

Pure: text in, values out. Variables that are not known stay as they are.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

# Stands for the folder of the checkout once its many spellings are replaced; no file has it.
_CHECKOUT: Final = "\ue000"
_SPELLINGS: Final = frozenset(
    {"PWD", "TRAVIS_BUILD_DIR", "GITHUB_WORKSPACE", "CI_PROJECT_DIR", "CIRCLE_WORKING_DIRECTORY"}
)

# What the shell keeps together: single quotes, an escape, double quotes, and the rest.
_PIECE: Final = re.compile(r"""'[^']*'|\\.|"(?:[^"\\]|\\.)*"|[^'"\\]+|.""", re.DOTALL)
_VARIABLE: Final = re.compile(
    r"""\\. | `\s*pwd\s*` | \$\(\s*pwd\s*\) | \$\{\{\s*github\.workspace\s*\}\}
    | \$\{\{\s*(?:\w+\.)?(?P<asked>\w+)\s*\}\}
    | \$\{(?P<braced>\w+)\} | \$(?P<plain>[A-Za-z_]\w*)""",
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
_LONG: Final = {"d": "detach", "i": "interactive", "e": "env", "v": "volume", "w": "workdir"}
_VERBS: Final = ("run", "create", "exec")
# What keeps the id of a container, which docker prints.
_TAKEN_ID: Final = re.compile(
    r"\b\w+=(?:\"?\$\((?P<dollar>\s*docker\b[^()]*)\)\"?|\"?`(?P<tick>\s*docker\b[^`]*)`\"?)"
)
_SHELLS: Final = ("/bin/sh", "sh")
# Redirections, which are the machine's own, stand for themselves where no quote holds them.
_INPUT, _OUTPUT = "\ue001", "\ue002"
_TO_FILE: Final = re.compile(r"(?:(?<!\S)\d+)?(?:&>>?|>[>&|]?)")
# A command with any of these would act on the one behind it.
_COMPOUND: Final = re.compile(r"[;&|\n(){}#]|^\s*(?:cd|exec|exit|export|set|unset|\.)\b")


class Call(NamedTuple):
    """One ``docker run``, ``create`` or ``exec``.

    Args:
        verb: ``exec``, or ``run`` for both others.
        subject: the image or the container.
        command: one line for a shell.
        options: by their long names without dashes; "" for a value that is none.
    """

    verb: str
    subject: str
    command: str
    options: tuple[tuple[str, str], ...]
    line: int = 0

    def option(self, name: str) -> str | None:
        """The last value of an option, None where it is not given."""
        return dict(self.options).get(name)


class DockerRun(NamedTuple):
    """One command that docker runs, by ``run`` or in a container that was started before.

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


def docker_calls(line: str, variables: dict[str, str]) -> list[Call]:
    """What a line of shell has docker run, but what must fail there, or is fed from elsewhere.

    Raises:
        ValueError: a quotation has no end.
    """
    calls = []
    line = _TAKEN_ID.sub(lambda match: match["dollar"] or match["tick"], line)
    for words, is_fed in _commands(_expanded(line, variables)):
        if any(_INPUT in word for word in words):
            continue
        for index, word in enumerate(words):
            if word.rpartition("/")[2] != "docker" or index + 1 == len(words):
                continue
            rest = words[index + 1 :]
            if rest[0] == "container":
                rest = rest[1:]
            if rest[:1] and rest[0] in _VERBS and "!" not in words[:index]:
                call = _parsed(rest[0], rest[1:])
                if call is not None and not (is_fed and call.option("interactive") is not None):
                    calls.append(call)
            break
    return calls


def docker_runs(calls: Sequence[Call], notes: list[str]) -> list[DockerRun]:
    """The commands that some calls run, those of ``exec`` with what their container was started by.

    A container that only waits for them runs no test itself.
    """
    runs: list[tuple[Call, DockerRun]] = []
    started: list[Call] = []
    used: set[Call] = set()
    for call in calls:
        container: Call | None = call
        if call.verb == "exec":
            container = _container(call, started)
        elif call.option("detach") is not None:
            started.append(call)
        if container is None:
            notes.append(f"line {call.line} runs in {call.subject}, which nothing here starts")
            continue
        runs.append((call, _run(container, call)))
        used.update([container] if call.verb == "exec" else [])
    return [run for call, run in runs if call not in used]


def _container(call: Call, started: Sequence[Call]) -> Call | None:
    """Where a command is executed: by its name, or in the last if a variable holds the id."""
    named = [each for each in started if each.option("name") == call.subject]
    found = named or (list(started) if unresolved(call.subject) else [])
    return found[-1] if found else None


def _run(container: Call, call: Call) -> DockerRun:
    options = container.options if call is container else (*container.options, *call.options)
    command = call.command
    if command:
        command = _surrounded(command, dict(options).get("workdir", ""), _environment(options))
    command = command.replace(_CHECKOUT, "$PWD")
    return DockerRun(container.subject, command, _checkout(options), call.line)


def unresolved(text: str) -> list[str]:
    """The names of the variables that are still in a text, each once."""
    names = (_name(match) for match in _VARIABLE.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


def _name(match: re.Match[str]) -> str | None:
    return match["asked"] or match["braced"] or match["plain"]


def joined(commands: list[str]) -> str:
    """One line that runs them in their order, each as if alone, up to the first that fails."""
    if len(commands) == 1:
        return commands[0]
    return " && ".join(f"({one}{_end(one)})" if _COMPOUND.search(one) else one for one in commands)


def _end(command: str) -> str:
    """What ends a command, where a comment or a here-document may have the rest of its line."""
    return "\n" if "#" in command or "\n" in command else ""


def resolved(text: str, variables: dict[str, str]) -> str:
    """A text with the variables that are known."""
    return _VARIABLE.sub(lambda name: _value(name, variables, quoted=False), text)


def _expanded(line: str, variables: dict[str, str]) -> str:
    def piece(match: re.Match[str]) -> str:
        text = match[0]
        quoted = text.startswith('"')
        if text[0] in "'\\":
            return text
        if not quoted:
            text = _TO_FILE.sub(_OUTPUT, text.replace("<", _INPUT))
        return _VARIABLE.sub(lambda name: _value(name, variables, quoted), text)

    return _PIECE.sub(piece, line)


def _value(match: re.Match[str], variables: dict[str, str], quoted: bool) -> str:
    text = match[0]
    if text.startswith("\\"):
        return text
    name = _name(match)
    if name is None or (name in _SPELLINGS and name not in variables):
        return _CHECKOUT
    if name not in variables:
        return "".join(text.split())  # an expression is one word
    value = variables[name]
    return re.sub(r'(["\\`])', r"\\\1", value) if quoted else value


def _commands(line: str) -> Iterator[tuple[list[str], bool]]:
    """The simple commands of a line, as words without their quotes, and whether a pipe feeds it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    is_fed = False
    for word in lexer:
        if word.startswith("#"):
            break
        if word and not word.strip(_OPERATORS):
            yield words, is_fed
            words, is_fed = [], word in ("|", "|&")
        elif _OUTPUT in word:
            before, _, target = word.partition(_OUTPUT)
            words += [before] if before else []
            if not target:
                next(lexer, "")
        else:
            words.append(word)
    yield words, is_fed


def _parsed(verb: str, words: list[str]) -> Call | None:
    options: list[tuple[str, str]] = []
    rest = iter(words)
    subject = ""
    for word in rest:
        if word == "--":
            subject = next(rest, "")
            break
        if not word.startswith("-") or word == "-":
            subject = word
            break
        options += _option(word, rest)
    if not subject:
        return None
    options += [("detach", "")] if verb == "create" else []
    command = _command(list(rest), dict(options))
    return Call("exec" if verb == "exec" else "run", subject, command, tuple(options))


def _option(word: str, rest: Iterator[str]) -> list[tuple[str, str]]:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if word in _LONG_FLAGS:
            return [(word[2:], "")]
        return [(name[2:], value if equals else next(rest, ""))]
    options: list[tuple[str, str]] = []
    for index, letter in enumerate(word[1:], 2):
        if letter not in _FLAGS:
            value = word[index:].removeprefix("=") or next(rest, "")
            return [*options, (_LONG.get(letter, letter), value)]
        options.append((_LONG.get(letter, letter), ""))
    return options


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
        command = f"{{ {command.rstrip(';')}{_end(command) or ';'} }}"
    return " && ".join([*before, command])


def _environment(options: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What is set with a value that is known; the rest is CI's own."""
    values = {}
    for option, text in options:
        name, equals, value = text.partition("=")
        if option == "env" and equals and not unresolved(value) and name.isidentifier():
            values[name] = value
    return values


def _checkout(options: Sequence[tuple[str, str]]) -> str:
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
