"""The text of the hook, rendered from `hooks/pre-push`, and any hook as it lies on the disk.

The shim holds two absolute paths, so that it works with an empty PATH: the interpreter of the
installation, and a file of the package that shows whether the package is still there.
"""

import os
import shlex
import stat
import sys
from typing import Final, NamedTuple

from guard import REINSTALL
from guard.errors import GuardError
from guard.install.tools import NAME, Tool, tool_of

CHAINED: Final = f"{NAME}.guard-chained"
MARK: Final = b"# guard:hook:pre-push\n"

_PYTHON: Final = "'@PYTHON@'"
_PACKAGE: Final = "'@PACKAGE@'"
_ENOUGH: Final = 1 << 20


class Installation(NamedTuple):
    """What a shim starts.

    Args:
        python: absolute path of the interpreter; not resolved, for a link is what makes a venv.
        package: absolute path of ``guard/__main__.py``.
    """

    python: str
    package: str

    def command(self, *arguments: str) -> list[str]:
        """The argv of guard, as the shim runs it."""
        return [self.python, "-I", "-X", "utf8", "-m", "guard", *arguments]


class HookFile(NamedTuple):
    """A hook as it lies on the disk.

    Args:
        there: whether there is anything, be it a dangling link.
        content: its bytes, those of the link's target for a link; empty where it is unreadable.
        folder: whether it is a folder, which git cannot run.
    """

    path: str
    there: bool = False
    content: bytes = b""
    executable: bool = False
    link: bool = False
    folder: bool = False

    @property
    def ours(self) -> bool:
        """Whether guard wrote it, in this version or in another."""
        return MARK in self.content

    @property
    def tool(self) -> Tool | None:
        """Which other tool wrote it, None for ours and for a person's."""
        return None if self.ours else tool_of(self.content)


def read_hook(path: str) -> HookFile:
    """The hook at a path; never fails, for what cannot be read is somebody else's."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return HookFile(path)
    content = b""
    if os.path.isfile(path):  # a pipe would wait for a writer
        try:
            with open(path, "rb") as file:
                content = file.read(_ENOUGH)
        except OSError:
            pass  # git could not run it either, or only by its exec bit: not ours
    return HookFile(
        path,
        there=True,
        content=content,
        executable=os.access(path, os.X_OK),
        link=stat.S_ISLNK(mode),
        folder=os.path.isdir(path),
    )


def this_installation() -> Installation:
    """The interpreter and the package that are running."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return Installation(os.path.abspath(sys.executable), os.path.join(package, "__main__.py"))


def render(installation: Installation) -> bytes:
    """The shim's text for an installation."""
    if "\n" in "".join(installation):
        raise GuardError(
            f"a line break in the path of guard's installation: {installation.python!r}",
            "install guard in a folder without one",
        )
    text = shipped(f"hooks/{NAME}")
    text = text.replace(_PYTHON, shlex.quote(installation.python))
    return os.fsencode(text.replace(_PACKAGE, shlex.quote(installation.package)))


def installation_of(content: bytes) -> Installation | None:
    """What a hook of ours starts, or None where its text does not tell."""
    paths = {"python": "", "package": ""}
    for line in os.fsdecode(content).split("\n"):
        name, equals, value = line.partition("=")
        if not equals or name not in paths or paths[name]:
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            return None
        paths[name] = words[0] if len(words) == 1 else ""
    return Installation(**paths) if all(paths.values()) else None


def is_current(content: bytes) -> bool:
    """Whether this version of guard would write the same text for the same installation."""
    installation = installation_of(content)
    return installation is not None and render(installation) == content


def shipped(name: str) -> str:
    """A text that guard is installed with, by its path in the package."""
    path = os.path.join(os.path.dirname(this_installation().package), name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise GuardError(
            f"guard's installation is incomplete: {path}: {error.strerror}", REINSTALL
        ) from error
