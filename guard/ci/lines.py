"""The lines of a CI file that say what is done, without comments.

Pure: bytes in, lines out. YAML is parsed, and its scalars are read as what they mostly are: words,
assignments and lines of shell. Makefiles, Dockerfiles and scripts are read line by line.
"""

import posixpath
import re
from collections.abc import Container, Iterator
from typing import Final, NamedTuple

from guard.haskell.yaml_tree import Mapping, Scalar, YamlError, documents
from guard.haskell.yaml_tree import Sequence as YamlSequence

# Ten times the longest CI file that people still read.
MAX_BYTES: Final = 256 * 1024
_DOCUMENTS: Final = 20

_COMMENT: Final = re.compile(
    r"""'[^']*+' | "(?:[^"\\]|\\.)*+" | \\. | (?P<comment>(?:(?<=[\s;&|()`])|^)\#.*)
    | [^'"\\\#]++ | .""",
    re.VERBOSE | re.DOTALL,
)

_EXPRESSION: Final = re.compile(r"\$\{\{[^}]{0,200}\}\}|<<[^>]{0,200}>>")


class UnreadableError(ValueError):
    """The text is not of its format; the argument says why, with the line."""


class Line(NamedTuple):
    """A line as it is read; ``number`` counts from 1."""

    number: int
    text: str


def read_lines(data: bytes, path: str, passed_over: Container[str] = ()) -> list[Line]:
    """The lines of a file; its path says of which kind it is.

    Args:
        passed_over: keys of YAML whose words and lists say nothing that is of interest.

    Raises:
        UnreadableError: it is no text, too large, or no YAML.
    """
    if b"\0" in data:
        raise UnreadableError("it is no text")
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"it is larger than {MAX_BYTES // 1024} KiB")
    text = text_of(data)
    name = posixpath.basename(path).lower()
    if name.endswith((".yml", ".yaml")):
        return list(_yaml_lines(text, passed_over))
    is_make = name.endswith(("makefile", ".mk"))
    return [
        Line(number, _without_comment(line, is_make))
        for number, line in enumerate(text.split("\n"), 1)
    ]


def text_of(data: bytes) -> str:
    """The text of a file, whatever its lines end with."""
    return data.decode(errors="replace").replace("\r\n", "\n")


def _without_comment(line: str, is_make: bool = False) -> str:
    """A line up to its comment. A quotation that is open at its end is taken for an apostrophe."""
    if "#" not in line:
        return line
    if is_make and not line.startswith("\t"):
        return re.split(r"(?<!\\)#", line, maxsplit=1)[0]
    if is_make:
        line = re.sub(r"^\t[@+-]+", "\t", line)
    for match in _COMMENT.finditer(line):
        if match["comment"] is not None:
            return line[: match.start()]
    return line


def _yaml_lines(text: str, passed_over: Container[str]) -> Iterator[Line]:
    """The scalars of every document, a single word behind its key as if it were assigned to it."""
    try:
        for number, root in enumerate(documents(text)):
            if number == _DOCUMENTS:
                raise UnreadableError(f"it has more than {_DOCUMENTS} documents")
            yield from _scalars(root, passed_over)
    except YamlError as error:
        raise UnreadableError(f"it is no YAML: line {error.line}: {error.reason}") from error


def _scalars(root: object, passed_over: Container[str]) -> Iterator[Line]:
    visited: set[int] = set()
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        key, node = waiting.pop()
        if id(node) in visited:
            continue  # aliases share their node
        if key in passed_over and not isinstance(node, Mapping):  # a map may be a job of that name
            continue
        visited.add(id(node))
        if isinstance(node, Scalar):
            first = node.line + node.block
            words = _EXPRESSION.sub("", node.text)
            is_word = key.replace("-", "_").isidentifier() and not any(map(str.isspace, words))
            for number, line in enumerate(node.text.split("\n"), first):
                yield Line(number, f"{key}={line}" if is_word else _without_comment(line))
        elif isinstance(node, YamlSequence):
            waiting += ((key, inner) for inner in reversed(node.items))
        elif isinstance(node, Mapping):
            # GitLab has the name of an image, or of a service, in a map of its own, as the value of
            # a variable, which Azure has beside the name.
            names = {"name": key} if key in ("image", "services") else {}
            named = node.get("name")
            names["value"] = named.text if isinstance(named, Scalar) else key
            pairs = [(names.get(name.text, name.text), value) for name, value in node.items()]
            waiting += reversed(pairs)
