"""What a checkout would make of a file's content, by the attributes in the tree and nothing else.

Git itself evaluates the attributes: `git check-attr --cached` in a private, empty repository that
borrows the objects and has the tree as its index. So the user's and the machine's settings,
`info/attributes` and the working tree have no say, and no rule of gitattributes(5) is retold here.
What is applied is `convert.c` of git for a machine whose lines end in LF, without `core.autocrlf`
and `core.eol`; it is the same on every machine.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from guard.errors import GuardError
from guard.git.repository import Repository
from guard.git.store import Part

FILE: Final = b".gitattributes"

_ASKED: Final = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
# Nobody's configuration: core.ignoreCase and core.attributesFile change what patterns match.
_NOBODY: Final = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
}
_IDENT: Final = re.compile(rb"\$Id(?::[^$\n]*)?\$")
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
# Of 128 bytes one may be unprintable (convert.c, convert_is_binary).
_PRINTABLE: Final = bytes([8, 9, 10, 12, 13, 27, *range(32, 127), *range(128, 256)])


class Ending(Enum):
    """What happens to line ends."""

    KEEP = "keep"
    CRLF = "crlf"
    CRLF_IF_TEXT = "crlf if text"


class Conversion(NamedTuple):
    """What a checkout does to one file.

    Args:
        lfs: the content must not be a pointer to what git does not hold.
    """

    ending: Ending = Ending.KEEP
    ident: bool = False
    lfs: bool = False

    def apply(self, data: bytes, blob: str) -> bytes:
        """The file's content in a checkout.

        Args:
            blob: the id that ``$Id$`` stands for.

        Raises:
            ValueError: the content is a pointer of Git LFS.
        """
        if self.lfs and data.startswith(_POINTER):
            raise ValueError("is a pointer of Git LFS; its content is not in git")
        if self.ident:
            data = _IDENT.sub(f"$Id: {blob} $".encode(), data)
        if self.ending is Ending.CRLF or (self.ending is Ending.CRLF_IF_TEXT and _is_text(data)):
            data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
        return data


def conversions(part: Part, paths: Sequence[str]) -> dict[str, Conversion]:
    """What a checkout does to the part's files; those that stay as they are are left out.

    Args:
        paths: inside the part.

    Raises:
        GuardError: an attribute asks for something that only a program outside git can do.
        GitError: git could not answer.
    """
    found = {}
    for path, values in _attributes(part, paths):
        try:
            conversion = _conversion(values)
        except ValueError as error:
            where = f"{part.path}/{path}" if part.path else path
            raise GuardError(
                f"{where!r} {error}, which guard cannot do as a checkout does",
                "leave the file out by .dockerignore, or take the attribute away",
            ) from error
        if conversion != Conversion():
            found[path] = conversion
    return found


def _conversion(values: dict[str, str]) -> Conversion:
    encoding, driver = values["working-tree-encoding"], values["filter"]
    if encoding not in ("unspecified", "unset", "set") and encoding.lower() not in ("utf-8", ""):
        raise ValueError(f"has the attribute working-tree-encoding={encoding}")
    if driver not in ("unspecified", "unset", "set", "lfs"):
        raise ValueError(f"has the attribute filter={driver}")
    return Conversion(_ending(values), values["ident"] == "set", driver == "lfs")


def _ending(values: dict[str, str]) -> Ending:
    # convert.c, convert_attrs(): the old name counts only where the new one says nothing.
    text = values["text"] if values["text"] in _TEXT else values["crlf"]
    if text == "unset" or values["eol"] != "crlf":
        return Ending.KEEP
    return Ending.CRLF_IF_TEXT if text == "auto" else Ending.CRLF


_TEXT: Final = frozenset({"set", "unset", "auto", "input"})


def _is_text(data: bytes) -> bool:
    """Whether ``text=auto`` would touch the content: no CR yet, and not binary."""
    if b"\r" in data or b"\0" in data:
        return False
    unprintable = len(data.translate(None, _PRINTABLE))
    if data.endswith(b"\x1a"):
        unprintable -= 1
    return (len(data) - unprintable) >> 7 >= unprintable


def _attributes(part: Part, paths: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="guard-attributes-") as folder:
        repository = _borrowing(part, Path(folder))
        repository.run("read-tree", part.tree, extra=_NOBODY)
        answer = repository.run(
            *("check-attr", "--cached", "-z", "--stdin", *_ASKED),
            data=b"".join(os.fsencode(path) + b"\0" for path in paths),
            extra=_NOBODY,
        )
    words = answer.split(b"\0")
    step = 3 * len(_ASKED)
    for number, path in enumerate(paths):
        said = words[number * step : (number + 1) * step]
        yield path, dict(zip(_ASKED, map(os.fsdecode, said[2::3]), strict=True))


def _borrowing(part: Part, folder: Path) -> Repository:
    """A bare repository with nothing of its own and all objects of the part's."""
    (folder / "refs").mkdir()
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    sha256 = len(part.tree) == 64
    (folder / "config").write_text(
        f"[core]\nrepositoryformatversion = {int(sha256)}\nbare = true\n"
        + ("[extensions]\nobjectformat = sha256\n" if sha256 else "")
    )
    stores = [os.path.join(part.repository.common_dir, "objects"), part.repository.objects]
    lines = (_quoted(store) for store in stores if store)
    (folder / "objects" / "info" / "alternates").write_bytes(b"".join(lines))
    return Repository(str(folder), str(folder))


def _quoted(path: str) -> bytes:
    # Read like a line of git's own, so that a newline in a folder's name does not end it.
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + os.fsencode(escaped) + b'"\n'
