"""Three small repositories with their remotes, git sealed from this machine, a stand-in guard."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from guard.git.repository import Repository, open_checkout
from guard.install.shim import Installation, render
from tests.forks import run_guard
from tests.workshop import copy_repositories, lasting_folder

_CONFIG = """\
[user]
    name = Someone
    email = someone@example.org
[init]
    defaultBranch = master
[protocol "file"]
    allow = always
[maintenance]
    auto = false
[receive]
    autoGC = false
"""
GUARD = [sys.executable, "-I", "-m", "guard"]


class Place:
    """A folder with git sealed: a HOME of its own, no system configuration, no templates."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            "HOME": str(root / "home"),
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TEMPLATE_DIR": "",
            "GIT_TERMINAL_PROMPT": "0",
        }
        (root / "home").mkdir()
        (root / "home/.gitconfig").write_text(_CONFIG)

    def run(
        self,
        folder: Path,
        *command: str,
        extra: Mapping[str, str] | None = None,
        data: str | None = None,
        ok: Sequence[int] | None = (0,),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; the timeout turns a hang into a failure."""
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self.environment, **(extra or {})},
            input=data or "",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ok is not None:
            assert done.returncode in ok, f"{command}: {done.stdout}{done.stderr}"
        return done

    def git(self, folder: Path, *arguments: str) -> str:
        """The output of a git command that has to succeed."""
        return self.run(folder, "git", *arguments).stdout.removesuffix("\n")

    def guard(
        self, folder: Path, *arguments: str, ok: Sequence[int] | None = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """Run guard as a person would, in a folder."""
        ran = run_guard(arguments, folder, self.environment)
        if ok is not None:
            assert ran.status in ok, f"guard {arguments}: {ran.text}"
        return subprocess.CompletedProcess(arguments, ran.status, ran.out, ran.err)

    def push(
        self, folder: Path, *arguments: str, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A push that may fail; of a new commit where no arguments say what to push."""
        if not arguments:
            self.commit(folder)
            arguments = ("origin", "HEAD:refs/heads/pushed")
        git = shutil.which("git") or "git"
        return self.run(folder, git, "push", *arguments, extra=extra, ok=None)

    def commit(self, folder: Path, text: str = "one more line") -> str:
        """A new commit; returns its id."""
        with (folder / "file").open("a") as file:
            file.write(f"{text}\n")
        self.git(folder, "add", "file")
        self.git(folder, "commit", "-q", "--no-verify", "-m", text)
        return self.git(folder, "rev-parse", "HEAD")

    def branches(self, folder: Path, count: int) -> None:
        """As many branches at HEAD, in a repository that has none packed."""
        head = self.git(folder, "rev-parse", "HEAD")
        lines = "".join(f"{head} refs/heads/some/branch-{n:05}\n" for n in range(count))
        git_dir = Path(self.git(folder, "rev-parse", "--absolute-git-dir"))
        (git_dir / "packed-refs").write_text(f"# pack-refs with: sorted\n{lines}")

    def repository(self, name: str, *options: str) -> Path:
        """A checkout with one commit and a bare remote."""
        remote = self.root / f"{name}.git"
        self.git(self.root, "init", "-q", "--bare", *options, str(remote))
        folder = self.root / name
        self.git(self.root, "init", "-q", *options, str(folder))
        self.git(folder, "remote", "add", "origin", str(remote))
        self.commit(folder, name)
        self.git(folder, "push", "-q", "-u", "origin", "master")
        return folder


class Trio(Place):
    """aula-docker with both submodules checked out, and the sibling clones aula and thentos."""

    def __init__(self, root: Path, *options: str) -> None:
        copy_repositories(_made(options), root)
        super().__init__(root)
        self.thentos, self.aula, self.top = root / "thentos", root / "aula", root / "aula-docker"

    @property
    def hooks(self) -> list[Path]:
        """Where the hook belongs: superproject, submodule checkout, sibling clone."""
        return [
            self.top / ".git/hooks/pre-push",
            self.top / ".git/modules/aula/hooks/pre-push",
            self.aula / ".git/hooks/pre-push",
        ]


@cache
def _made(options: tuple[str, ...]) -> Path:
    """The repositories of a trio, made once."""
    place = Place(lasting_folder())
    for name in ("thentos", "aula", "aula-docker"):
        top = place.repository(name, *options)
    for name in ("aula", "thentos"):
        place.git(top, "submodule", "--quiet", "add", f"../{name}.git", name)
    place.git(top, "commit", "-q", "-m", "Add the submodules")
    place.git(top, "push", "-q", "origin", "master")
    shutil.rmtree(place.root / "home")
    return place.root


class StandIn:
    """An interpreter that is none: it notes what the shim gives to it, and ends as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        package = folder / "__main__.py"
        package.touch()
        self.installation = Installation(str(folder / "python"), str(package))
        self.end_with(0)

    def end_with(self, status: int) -> None:
        """Write the program, with its exit status."""
        write_script(
            Path(self.installation.python),
            f"#!{sys.executable} -I\n"
            "import os, sys\n"
            "from pathlib import Path\n"
            f"folder = Path({str(self.folder)!r})\n"
            "(folder / 'arguments').write_text('\\n'.join(sys.argv[1:]))\n"
            "(folder / 'input').write_bytes(sys.stdin.buffer.read())\n"
            f"sys.exit({status})\n",
        )

    @property
    def text(self) -> bytes:
        """The shim that runs this."""
        return render(self.installation)

    @property
    def arguments(self) -> list[str] | None:
        """What the shim passed, None where it was not run."""
        noted = self.folder / "arguments"
        return noted.read_text().split("\n") if noted.exists() else None

    def called(self, *arguments: str) -> list[str]:
        """What the shim passes for these arguments of guard."""
        return ["-I", "-X", "utf8", "-m", "guard", *arguments]

    @property
    def input(self) -> bytes:
        """What git wrote to the hook."""
        return (self.folder / "input").read_bytes()


def write_script(path: Path, text: str, mode: int = 0o755) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def noting_hook(path: Path, noted: Path, status: int = 0, mode: int = 0o755) -> Path:
    """A hook that notes its arguments and its standard input."""
    return write_script(
        path,
        "#!/bin/sh\n"
        f'printf "%s\\n" "$@" > "{noted}.arguments"\n'
        f'cat > "{noted}.input"\n'
        f"exit {status}\n",
        mode,
    )


def picture(folder: Path) -> dict[str, tuple[str, int, bytes]]:
    """Every file below a folder: kind, mode, and bytes or the link's target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            found[str(path.relative_to(folder))] = ("link", 0, os.fsencode(path.readlink()))
        elif path.is_file():
            mode = stat.S_IMODE(state.st_mode)
            found[str(path.relative_to(folder))] = ("file", mode, path.read_bytes())
    return found


def opened(folder: Path) -> Repository:
    """The repository of a checkout."""
    repository = open_checkout(str(folder))
    assert repository is not None
    return repository
