"""Reads the dependency declarations of Haskell projects as cabal, hpack and stack read them.

Pure: bytes in, a `Manifest` out; what a file takes in of others is asked of a function. Versions
and ranges are those of the Cabal library; the readers take ``.cabal`` files, hpack's
``package.yaml``, ``stack.yaml`` with lock and snapshot files, and ``cabal.project`` with its freeze
files.
"""

from guard.haskell.archive import Checkout, checkout_of
from guard.haskell.cabal_file import read_cabal
from guard.haskell.cabal_project import glob_patterns, leads_to, read_cabal_project
from guard.haskell.model import (
    AllowNewer,
    Condition,
    Files,
    Manifest,
    Reader,
    Requirement,
    Role,
    Source,
    SourceKind,
    Unread,
)
from guard.haskell.package_yaml import read_package_yaml
from guard.haskell.ranges import Interval, Version, VersionRange
from guard.haskell.scanner import ParseError
from guard.haskell.stack_yaml import read_stack_lock, read_stack_yaml

__all__ = [
    "AllowNewer",
    "Checkout",
    "Condition",
    "Files",
    "Interval",
    "Manifest",
    "ParseError",
    "Reader",
    "Requirement",
    "Role",
    "Source",
    "SourceKind",
    "Unread",
    "Version",
    "VersionRange",
    "checkout_of",
    "glob_patterns",
    "leads_to",
    "read_cabal",
    "read_cabal_project",
    "read_package_yaml",
    "read_stack_lock",
    "read_stack_yaml",
    "reader_for",
    "tool_for",
]


# The versions of the tools that the readers were held against.
_TOOLS = {
    read_cabal: "Cabal 3.16",
    read_package_yaml: "hpack 0.38",
    read_cabal_project: "cabal-install 3.12",
}


def tool_for(path: str) -> str:
    """The tool of today that reads a file of this name."""
    reader = reader_for(path)
    return _TOOLS.get(reader, "stack 3.7") if reader else "stack 3.7"


def reader_for(path: str) -> Reader | None:
    """The reader for a file of this name, or None if no tool reads dependencies from it.

    What another file takes in (a custom snapshot, an import) has no name of its own.
    """
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    if name == "package.yaml":
        return read_package_yaml
    if name == "stack.yaml" or (name.startswith("stack-") and name.endswith(".yaml")):
        return read_stack_yaml
    if name.startswith("stack") and name.endswith(".yaml.lock"):
        return read_stack_lock
    if name in ("cabal.config", "cabal.project", "cabal.project.local", "cabal.project.freeze"):
        return read_cabal_project
    if name.endswith(".cabal") and name != ".cabal":
        return read_cabal
    return None
