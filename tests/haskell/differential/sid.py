"""The Haskell tools of Debian's unstable release, where ``scripts/haskell`` has put them.

They run by chroot(8) in namespaces of their own: without a network, with ``/proc`` for GHC.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

DUMP = Path(__file__).with_name("Dump.hs")
_ENTER = 'mount -t proc proc "$1/proc" && exec chroot "$1" env -i sh -c "$2" sh'
_SETTINGS = (
    "export PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/root CABAL_CONFIG=/root/cabal.config; cd {}; {}"
)


class Sid(NamedTuple):
    """The root of that system, and a folder in it that goes in the end."""

    root: Path
    folder: Path

    def inside(self, path: Path) -> str:
        """The path as the tools know it."""
        return f"/{path.relative_to(self.root)}"

    def run(self, script: str, text: str = "") -> str:
        """What a shell script prints, run in the folder. Raises where it fails."""
        whole = _SETTINGS.format(self.inside(self.folder), script)
        command = ["unshare", "--mount", "--net", "sh", "-c", _ENTER, "sh", str(self.root), whole]
        ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{script}: status {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def cabal(self, paths: list[Path]) -> list[dict[str, Any]]:
        """What the Cabal library makes of each file."""
        shutil.copy(DUMP, self.folder)
        program = self.folder / "dump"
        if not program.exists():
            self.run("ghc -v0 -O0 -o dump Dump.hs")
        names = "".join(f"{self.inside(path)}\n" for path in paths)
        return [json.loads(line) for line in self.run("./dump", text=names).splitlines()]


@contextmanager
def sid(root: Path) -> Iterator[Sid]:
    with tempfile.TemporaryDirectory(dir=root / "tmp") as folder:
        (root / "root/cabal.config").touch()
        yield Sid(root, Path(folder))
