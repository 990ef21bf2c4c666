"""A file by which people or CI pick an image -> where it names the image, and by which tag.

Pure: text in, values out. Lines are read word by word, with the variables that they set themselves.
Nothing is run, so a tag that a command prints, or the environment holds, stays as it is written.

The form of a reference: https://pkg.go.dev/github.com/distribution/reference.
"""

import posixpath
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import Final

from guard.ci.lines import Line, UnreadableError, read_lines, text_of
from guard.errors import without_secret
from guard.model import ImageMention

_LONGEST_VALUE: Final = 200
_LONGEST_LINE: Final = 200
_SUBSTITUTIONS: Final = 10_000
_FOLDED: Final = 50
_MENTIONS: Final = 200

_VARIABLE: Final = re.compile(
    r"""\$\{\{\s*+(?:\w++\.)*+(?P<action>\w++)\s*+\}\}
    | \$\{(?P<braced>\w++)(?::?[-=](?P<default>[^{}]*+))?\}
    | \$\((?P<made>\w++)\)
    | \$\$?+(?P<plain>[A-Za-z_]\w*+)""",
    re.VERBOSE,
)
# Followed by a tag or a digest, and not by a folder, as in ``-v $NAME:/data``.
_TAGGED: Final = re.compile(r"@|:(?![/\s]|$)")
_ASSIGNMENT: Final = re.compile(
    r"""(?<![\w$.{-])(?P<name>[A-Za-z_]\w*+)\s*+(?:[?+]|::?)?=[^\S\n]*+
    (?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'
    |(?P<bare>(?:\$\([^()]*+\)|`[^`]*+`|[^\s;"'])*+))""",
    re.VERBOSE,
)
# What stands before the name of an image that has no folder; ``aula`` alone may be anything.
_PLACE: Final = re.compile(
    r"""(?: \bFROM\s(?:--\S+\s)? | \w*(?:image|container|services)\w*\s?[?:]?=\s? | ancestor=
    | docker:// | library/ )["']?$""",
    re.VERBOSE | re.IGNORECASE,
)
# Docker's own registry, which a name without one means.
_DOCKER_HUB: Final = r"(?:(?:index\.|registry-1\.)?docker\.io/)"
# What a tag consists of: what is written, and what shells, make and CI systems put in its place;
# of what is nested deeper, the first word.
_TAG: Final = r"""(?:[\w.-]++|\$\{\{[^{}]*+\}\}|\$\{[^{}]*+\}|\$\([^()]*+\)|\$\$?+\w++|`[^`]*+`
    |<<[^<>]*+>>|\$\[\[[^\[\]]*+\]\]|\$\[[^\[\]]*+\]|\{\{[^{}]*+\}\}|\#\{[^{}]*+\}|%\w++%|@\w++@
    |["']?\$[({][^\s"']{0,100}+)"""


def may_name(data: bytes, names: Sequence[str]) -> bool:
    """Whether the data could hold a name, whatever variables it is put together from."""
    return any(posixpath.basename(name).encode() in data for name in names)


def mentions_in(data: bytes, path: str, names: Sequence[str]) -> list[ImageMention]:
    """Every place of a file that names the image, in the order of the lines.

    Args:
        path: says what kind of file it is, and stands in the result.

    Raises:
        UnreadableError: it names the image, and cannot be read.
    """
    if not may_name(data, names):
        return []
    lines, source = read_lines(data, path), text_of(data).split("\n")
    return _mentions_of(lines, source, path, tuple(names))


def _mentions_of(
    lines: list[Line], source: list[str], path: str, names: tuple[str, ...]
) -> list[ImageMention]:
    reference = _reference(names)
    variables = _Variables(reference)
    for line in lines:
        variables.foresee(line.text)
    # By what tells them apart, for a line may hold the same ten thousand times.
    mentions: dict[tuple[int, str, str, str], ImageMention] = {}
    for line in lines:
        text = variables.expanded(line.text)
        assigned = variables.assign(text)
        for match in reference.finditer(text):
            name, tag, digest = _parts(match)
            key = line.number, name, tag, digest
            if key in mentions:
                continue
            if not tag and not digest:
                if "/" not in name and not _is_image(match):
                    continue
                if _set_by(assigned, match.start()) in variables.tagged:
                    continue  # the tag comes where the variable is used
            mentions[key] = _mention(match, line, source, path)
            if len(mentions) == _MENTIONS:
                return list(mentions.values())
    return list(mentions.values())


def _parts(match: re.Match[str]) -> tuple[str, str, str]:
    """Name, tag and digest."""
    return match["name"], re.sub("[\"']", "", match["tag"] or ""), match["digest"] or ""


def _is_image(match: re.Match[str]) -> bool:
    """Whether a word stands where the name of an image does."""
    before = match.string[max(0, match.start() - _LONGEST_LINE) : match.start()]
    return _PLACE.search(before) is not None


def _set_by(assigned: list[re.Match[str]], place: int) -> str:
    """The variable whose value holds a place of a line, "" where none does."""
    last = bisect_right(assigned, place, key=lambda match: match.start()) - 1
    return assigned[last]["name"] if last >= 0 and place < assigned[last].end() else ""


def _mention(match: re.Match[str], line: Line, source: list[str], path: str) -> ImageMention:
    # Where YAML folds a text, the line it was read from is only near.
    number = line.number
    nearby = range(number, min(number + _FOLDED, len(source)) + 1)
    number = next((near for near in nearby if match[0] in source[near - 1]), number)
    shown = without_secret(source[number - 1].strip()) if number <= len(source) else ""
    return ImageMention(path, number, shown[:_LONGEST_LINE], *_parts(match))


def canonical_name(name: str) -> str:
    """An image's name as people write it: ``docker.io/library/aula`` is ``aula``."""
    short = re.sub(rf"^{_DOCKER_HUB}", "", name)
    return short.removeprefix("library/")


@cache
def _reference(names: tuple[str, ...]) -> re.Pattern[str]:
    """One of the names as a whole word, with its tag, of which parts may vary, and digest."""
    canonical = sorted({canonical_name(name) for name in names}, key=len, reverse=True)
    either, on_hub, bare = (
        "|".join(map(re.escape, those)) or "(?!)"
        for those in (
            canonical,
            [f"library/{name}" for name in canonical if "/" not in name]
            + [name for name in canonical if not set(name.partition("/")[0]) & set(".:")],
            [name for name in canonical if "/" not in name],
        )
    )
    return re.compile(
        rf"""(?:(?<![\w./:@-])|(?<=docker://))
        (?:{_DOCKER_HUB}(?={on_hub}))?+(?:library/(?={bare}))?+ (?P<name>{either}) ["']?+
        (?>:(?P<tag>(?:{_TAG}|"{_TAG}++"|'{_TAG}++')++))?+
        (?>@(?P<digest>[a-z0-9+._-]++:[0-9a-fA-F]++))?+
        (?!\.?[\w/@-]|:/)""",
        re.VERBOSE,
    )


class _Variables:
    """What a file says itself of its variables; a tag or digest follows those ``tagged``."""

    def __init__(self, reference: re.Pattern[str]) -> None:
        self.tagged: set[str] = set()
        self._reference = reference
        self._values: dict[str, str] = {}
        self._whole: set[str] = set()
        self._left = _SUBSTITUTIONS

    def foresee(self, text: str) -> None:
        """Take up a line that may be used before it is read, as make does."""
        for match in _ASSIGNMENT.finditer(text) if "=" in text else ():
            if match["name"] not in self._values:
                self._set(match)
        for match in _VARIABLE.finditer(text) if "$" in text else ():
            if _TAGGED.match(text, match.end()):
                self.tagged.add(_name(match))

    def assign(self, text: str) -> list[re.Match[str]]:
        """Take up what an expanded line sets, in its order."""
        matches = list(_ASSIGNMENT.finditer(text)) if "=" in text else []
        for match in matches:
            self._set(match)
        return matches

    def expanded(self, text: str) -> str:
        """The text with the variables that are known. One that holds a whole reference was
        counted where it was set, unless a tag follows here. Raises UnreadableError."""

        def value(match: re.Match[str]) -> str:
            self._left -= 1
            if self._left < 0:
                raise UnreadableError(f"it uses variables more than {_SUBSTITUTIONS} times")
            name = _name(match)
            content = self._values.get(name)
            if content is None:
                return match[0] if match["default"] is None else match["default"]
            if name in self._whole and not _TAGGED.match(text, match.end()):
                return match[0]
            return content

        return _VARIABLE.sub(value, text) if "$" in text else text

    def _set(self, match: re.Match[str]) -> None:
        name = match["name"]
        value = match["double"] or match["single"] or match["bare"] or ""
        if len(value) > _LONGEST_VALUE:
            return
        self._values[name] = value.strip()
        self._whole.discard(name)
        if self._reference.search(value):
            self._whole.add(name)


def _name(match: re.Match[str]) -> str:
    return match["action"] or match["braced"] or match["made"] or match["plain"]
