"""A CI file -> the project files of stack and cabal that it may have them build by.

Pure: bytes in, patterns out. ``STACK_YAML``, ``--stack-yaml`` and ``--project-file`` name one, and
so does a word that looks like one, for a list of jobs holds no more; the folders that it goes into
hold further ones. A variable, or what a command prints, may be anything in a name. Sources: the
user guides of stack and cabal, ``--stack-yaml``, ``--project-file`` and ``--project-dir``.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from guard.ci.lines import read_lines, text_of

# What CI systems go by: patterns over the paths of a repository.
FILES: Final = (
    *(".travis.yml", ".travis/*", ".github/workflows/*.y*ml", ".gitlab-ci.yml", ".circleci/*"),
    *("appveyor.yml", ".appveyor.yml", "azure-pipelines.yml", ".cirrus.yml"),
)
# Stands for a name of which nothing is known.
ANY: Final = "*"

_VARIABLE: Final = re.compile(
    r"""\$\{\w+:?[-=](?P<usual>[^${}]{1,200})\} | \$\{\{[^}]{0,200}\}\} | \$\{[^}]{0,200}\}
    | \$\((?:[^()]|\([^()]{0,200}\)){0,200}\) | `[^`]{0,200}` | \$\w+ | <<[^>]{0,200}>>""",
    re.VERBOSE,
)
_VALUE: Final = r"""["']*(?P<value>[^\s"';&|(){},]+)"""
_STACK: Final = re.compile(
    rf"""(?:(?:--)?(?i:stack[-_]yaml)\s*[:?]?=\s* | --stack-yaml\s+) {_VALUE}
    | --stack-yaml\b | (?<!name=)\bSTACK_YAML\b
    | (?<![\w./*-]) (?P<word> (?:[\w.*-]+[/\\])* stack[\w.*-]*\.ya?ml ) (?!\.?[\w*-])""",
    re.VERBOSE,
)
_CABAL: Final = re.compile(
    rf"""(?:(?:--)?(?i:project[-_]file)\s*[:?]?=\s* | --project-file\s+) {_VALUE} | --project-file\b
    | (?<![\w./*-]) (?P<word> (?:[\w.*-]+[/\\])* [\w*-]+\.project (?:\.[\w*-]+)* )""",
    re.VERBOSE,
)
# What is gone, or never there, when something is built.
_REMOVED: Final = re.compile(r"(?<![\w./-])(?:rm|git\s+rm|test\s+!\s+-[ef])\s[^;&|$`\n]{0,500}")
# Files at whose change something happens. Any other key may be one of a matrix, or a variable's.
_LABELS: Final = frozenset({"paths", "paths-ignore", "changes", "exclude", "restore-keys"})
_FOLDER: Final = re.compile(
    rf"""(?: (?<![\w.-])(?:cd|chdir|pushd|Set-Location|(?-i:-C))\s+ | --(?:project-dir|cwd)[=\s]\s*
    | \bworking[-_]?dir(?:ectory)?["']?\s*[:=]\s* ) {_VALUE}""",
    re.VERBOSE | re.IGNORECASE,
)
# More names than these, and longer ones, are taken for anything.
_MOST: Final = 50
_LONGEST: Final = 500
_MAY_NAME: Final = re.compile(rb"(?i)stack[-_]yaml|project-file|stack\S{0,200}\.ya?ml|\.project")


def project_files(data: bytes, path: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a CI file names for stack, and for cabal: patterns of `fnmatch` over paths, or `ANY`.

    A path counts from the root, or from any folder that the file goes into.

    Raises:
        UnreadableError: it may name one, and cannot be read.
    """
    text = _VARIABLE.sub(_value, text_of(data))
    stack: frozenset[str] = frozenset()
    cabal: frozenset[str] = frozenset()
    if _MAY_NAME.search(data) is not None:
        written = (_REMOVED.sub(" ", line.text) for line in read_lines(data, path, _LABELS))
        lines = [_VARIABLE.sub(_value, line) for line in written]
        stack, cabal = _names(_STACK, lines), _names(_CABAL, lines)
    folders = _few(each for found in _FOLDER.finditer(text) for each in _parents(found["value"]))
    return _within(folders, stack, "stack.yaml"), _within(folders, cabal, "cabal.project")


def _names(named: re.Pattern[str], lines: Iterable[str]) -> frozenset[str]:
    found = (match for line in lines for match in named.finditer(line))
    paths = (_path(match["value"] or match["word"] or ANY) for match in found)
    return _few(path.removesuffix(".freeze").removesuffix(".local") for path in paths)


def _within(folders: Iterable[str], names: frozenset[str], usual: str) -> frozenset[str]:
    return names | {f"{folder}/{name}" for folder in folders for name in {*names, usual} - {ANY}}


def _parents(folder: str) -> Iterator[str]:
    """A folder and those above it: both tools look there for their file."""
    path = _path(folder)
    while path != ".":
        yield path
        path = posixpath.dirname(path) or "."


def _path(written: str) -> str:
    """A path from the root or, behind a variable, from anywhere; `ANY` where nothing is left."""
    if len(written) > _LONGEST or not {"$", "`"}.isdisjoint(written):
        return ANY
    path = posixpath.normpath(written.replace("\\", "/"))
    if path.startswith(("/", "~")):  # where the checkout is mounted is not known
        path = f"*/{posixpath.basename(path)}"
    while path.startswith("../"):
        path = path.removeprefix("../")
    return path if path.strip("*./") else ANY if "*" in path else "."


def _few(patterns: Iterable[str]) -> frozenset[str]:
    several = frozenset(patterns)
    return several if len(several) <= _MOST else frozenset({ANY})


def _value(variable: re.Match[str]) -> str:
    return variable["usual"] or ANY
