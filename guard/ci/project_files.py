"""A CI file -> the project files of stack and cabal that it has them build by.

Pure: bytes in, patterns out. ``STACK_YAML``, ``--stack-yaml`` and ``--project-file`` name one, and
so does a word that looks like one, for a list of jobs holds no more. A variable in a name may be
anything. Sources: the user guides of stack and cabal, ``--stack-yaml`` and ``--project-file``.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from guard.ci.lines import read_lines

# What CI systems go by: patterns over the paths of a repository.
FILES: Final = (
    *(".travis.yml", ".travis/*", ".github/workflows/*", ".gitlab-ci.yml", ".circleci/*"),
    *("appveyor.yml", ".appveyor.yml", "azure-pipelines.yml", ".cirrus.yml"),
)

_VARIABLE: Final = re.compile(r"\$\{\{[^}]{0,200}\}\}|\$\{[^}]{0,200}\}|\$\w+|<<[^>]{0,200}>>")
_VALUE: Final = r"""["']?(?:\*/)?(?:\./)?(?P<{}>[^\s"';&|()]+)"""
_STACK: Final = re.compile(
    rf"""(?:\bSTACK_YAML=|--stack-yaml[=\s]\s*) {_VALUE.format("value")}
    | (?<![\w./*-]) (?P<word> (?:[\w.*-]+/)* stack[\w.*-]*\.ya?ml ) (?!\.?[\w*-])""",
    re.VERBOSE,
)
_CABAL: Final = re.compile(
    rf"""--project-file[=\s]\s* {_VALUE.format("value")}
    | (?<![\w./*-]) (?P<word> (?:[\w.*-]+/)* cabal[\w*-]*\.project (?:\.[\w*-]+)* )""",
    re.VERBOSE,
)
# A command without a name goes by the default, if no variable says otherwise.
_COMMAND: Final = r"(?:^|[\s;&|(])(?<!-){}\s+(?!.*--{})[\w$*-]"
_PLAIN_STACK: Final = re.compile(_COMMAND.format("stack", "stack-yaml"))
_PLAIN_CABAL: Final = re.compile(_COMMAND.format("cabal", "project-file"))
_ALWAYS: Final = re.compile(r"\bSTACK_YAML=")
_MAY_NAME: Final = re.compile(
    rb"STACK_YAML|--stack-yaml|--project-file|stack[^\s]*\.ya?ml|\.project"
)


class Named(NamedTuple):
    """The project files of one tool.

    Args:
        patterns: of `fnmatch` over paths from the root.
        uses_default: whether the tool is run by no name, too.
    """

    patterns: frozenset[str] = frozenset()
    uses_default: bool = False

    def __or__(self, other: "Named") -> "Named":
        return Named(self.patterns | other.patterns, self.uses_default or other.uses_default)


def project_files(data: bytes, path: str) -> tuple[Named, Named]:
    """What a CI file names for stack, and for cabal.

    Raises:
        UnreadableError: it may name one, and cannot be read.
    """
    if _MAY_NAME.search(data) is None:
        return Named(), Named()
    lines = [_VARIABLE.sub("*", line.text) for line in read_lines(data, path)]
    is_always = any(map(_ALWAYS.search, lines))
    stack, cabal = _patterns(_STACK, lines), _patterns(_CABAL, lines)
    plain_stack = not is_always and any(map(_PLAIN_STACK.search, lines))
    return Named(stack, plain_stack), Named(cabal, any(map(_PLAIN_CABAL.search, lines)))


def _patterns(named: re.Pattern[str], lines: Iterable[str]) -> frozenset[str]:
    words = (match["value"] or match["word"] for line in lines for match in named.finditer(line))
    projects = (word.removesuffix(".freeze").removesuffix(".local") for word in words)
    # Of a name that a variable holds as a whole nothing is known.
    return frozenset(project for project in projects if project.strip("*"))
