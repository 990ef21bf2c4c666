"""Reads the dependency declarations of Haskell projects as cabal, hpack and stack read them.

Pure: bytes in, a `Manifest` out. Versions and ranges are those of the Cabal library; the readers
take ``.cabal`` files, hpack's ``package.yaml``, ``stack.yaml`` with lock and snapshot files, and
``cabal.project`` with its freeze files. Everything is imported when it is first used: who
only compares versions does not wait for the readers.
"""

from __future__ import annotations

from importlib import import_module

# As in typing, whose import would take longer than this whole package may.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from guard.haskell.model import (
        AllowNewer,
        Condition,
        Import,
        Manifest,
        Reader,
        Requirement,
        Role,
        Source,
        SourceKind,
        Unread,
    )
    from guard.haskell.ranges import Interval, Version, VersionRange
    from guard.haskell.scanner import ParseError

__all__ = [
    "AllowNewer",
    "Condition",
    "Import",
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
    "read_cabal",
    "read_cabal_project",
    "read_package_yaml",
    "read_stack_lock",
    "read_stack_yaml",
    "reader_for",
]

_MODULES = {
    "Interval": "ranges",
    "ParseError": "scanner",
    "Version": "ranges",
    "VersionRange": "ranges",
}


def __getattr__(name: str) -> object:
    """A name of `__all__`, imported when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    found = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'model')}"), name)
    globals()[name] = found
    return found


def read_cabal(data: bytes, path: str) -> Manifest:
    """Read a ``.cabal`` file. Source: Cabal user guide, "Package description"."""
    from guard.haskell.cabal_file import read_cabal as read

    return read(data, path)


def read_package_yaml(data: bytes, path: str) -> Manifest:
    """Read hpack's ``package.yaml``. Source: hpack's README."""
    from guard.haskell.package_yaml import read_package_yaml as read

    return read(data, path)


def read_stack_yaml(data: bytes, path: str) -> Manifest:
    """Read ``stack.yaml`` or a custom snapshot file. Source: stack docs, "YAML configuration"."""
    from guard.haskell.stack_yaml import read_stack_yaml as read

    return read(data, path)


def read_stack_lock(data: bytes, path: str) -> Manifest:
    """Read ``stack.yaml.lock``. Source: stack docs, "Lock files"."""
    from guard.haskell.stack_yaml import read_stack_lock as read_lock

    return read_lock(data, path)


def read_cabal_project(data: bytes, path: str) -> Manifest:
    """Read ``cabal.project``, ``.local``, ``.freeze`` or ``cabal.config``.

    Source: Cabal user guide, "cabal.project reference".
    """
    from guard.haskell.cabal_project import read_cabal_project as read

    return read(data, path)


def reader_for(path: str) -> Reader | None:
    """The reader for a file of this name, or None if no tool reads dependencies from it.

    A custom snapshot file has no name of its own: it is `Manifest.imports` of a ``stack.yaml`` that
    leads to it, and `read_stack_yaml` that reads it.
    """
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    if name == "package.yaml":
        return read_package_yaml
    if name == "stack.yaml" or (name.startswith("stack-") and name.endswith(".yaml")):
        return read_stack_yaml
    if name.startswith("stack") and name.endswith(".yaml.lock"):
        return read_stack_lock
    if name == "cabal.config" or name.startswith("cabal.project"):
        return read_cabal_project
    if name.endswith(".cabal") and name != ".cabal":
        return read_cabal
    return None
