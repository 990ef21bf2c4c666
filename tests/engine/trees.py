"""Trees made by hand, well-formed or not, without a working tree and without git's own checks."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from guard.git.repository import Repository
from guard.git.store import Part

FILE = 0o100644
PROGRAM = 0o100755
LINK = 0o120000
FOLDER = 0o040000
GITLINK = 0o160000


class Link(NamedTuple):
    """A symbolic link."""

    target: str


class Program(NamedTuple):
    """An executable file."""

    text: str


class Submodule(NamedTuple):
    """A gitlink."""

    commit: str = "1" * 40


Content = str | bytes | Link | Program | Submodule


class Store:
    """A bare repository that takes any object."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
        self.folder = folder
        self.repository = Repository(str(folder), str(folder))

    def put(self, kind: str, data: bytes) -> str:
        whole = f"{kind} {len(data)}".encode() + b"\0" + data
        name = hashlib.sha1(whole).hexdigest()
        path = self.path(name)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return name

    def path(self, name: str) -> Path:
        return self.folder / "objects" / name[:2] / name[2:]

    def forget(self, data: bytes | str) -> str:
        """Take a blob away again."""
        name = self.put("blob", data.encode() if isinstance(data, str) else data)
        self.path(name).unlink()
        return name

    def raw_tree(self, *entries: tuple[int, bytes, str]) -> str:
        lines = (b"%o %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in entries)
        return self.put("tree", b"".join(lines))

    def tree(self, files: Mapping[str, Content]) -> str:
        """A tree of these paths."""
        entries: dict[bytes, tuple[int, bytes, str]] = {}
        below: dict[str, dict[str, Content]] = {}
        for path, content in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = content
            else:
                entries[first.encode()] = self._entry(first.encode(), content)
        for folder, inside in below.items():
            name = folder.encode()
            entries[name + b"/"] = (FOLDER, name, self.tree(inside))
        return self.raw_tree(*(entries[key] for key in sorted(entries)))

    def part(self, files: Mapping[str, Content], path: str = "") -> Part:
        return Part(path, "2" * 40 if path else "", self.tree(files), self.repository)

    def _entry(self, name: bytes, content: Content) -> tuple[int, bytes, str]:
        match content:
            case Submodule(commit):
                return GITLINK, name, commit
            case Link(target):
                return LINK, name, self.put("blob", target.encode())
            case Program(text):
                return PROGRAM, name, self.put("blob", text.encode())
            case str():
                return FILE, name, self.put("blob", content.encode())
            case bytes():
                return FILE, name, self.put("blob", content)
