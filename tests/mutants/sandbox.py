"""A copy of the project in which it is safe to break something."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# Seconds; a test that kills a mutant takes a few.
PATIENCE: Final = 120


class Sandbox:
    """A copy of the files that git knows, and a virtual environment that imports them.

    Tests and hooks start ``python -I``, which heeds no PYTHONPATH: the environment itself has to
    name the copy. It borrows the packages of this one, but not its ``.pth`` files, one of which
    leads to the working tree.
    """

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.tree = folder / "tree"
        self._temporary = folder / "temporary"
        self._python = folder / "venv/bin/python"
        # Python tells from a file's second and size whether it is compiled already: each text that
        # is written gets a second of its own.
        self._second = 1_000_000_000
        self._copy(root)
        venv.create(folder / "venv", symlinks=True)
        scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        packages = Path(sysconfig.get_path("purelib", "venv", scheme))
        lines = (str(self.tree), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
        (packages / "sandbox.pth").write_text("\n".join(dict.fromkeys(lines)) + "\n")

    def _copy(self, root: Path) -> None:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True)
        for name in os.fsdecode(listed.stdout).split("\0"):
            if name and os.path.lexists(root / name):
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.tree / name, follow_symlinks=False)

    @contextmanager
    def broken(self, file: str, text: str) -> Iterator[None]:
        """Have another text in one file of the copy meanwhile."""
        path = self.tree / file
        before = path.read_bytes()
        self._write(path, text.encode())
        try:
            yield
        finally:
            self._write(path, before)

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        self._second += 1
        os.utime(path, (self._second, self._second))

    def test(self, tests: Sequence[str], patience: float = PATIENCE) -> tuple[int, str]:
        """Run tests on the copy up to the first that is red.

        Returns:
            pytest's exit status, and the end of what it printed.

        Raises:
            subprocess.TimeoutExpired: they did not end, and have been ended.
        """
        command = [str(self._python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += [f"--basetemp={self._temporary}", *tests]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with subprocess.Popen(
            command,
            cwd=self.tree,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as pytest:
            try:
                out, _ = pytest.communicate(timeout=patience)
            except BaseException:
                # The leader is not waited for yet, so its id is still that of its group.
                os.killpg(pytest.pid, signal.SIGKILL)
                raise
        return pytest.returncode, out.decode(errors="replace")[-2000:]
