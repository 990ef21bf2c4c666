"""Three small repositories that ship together, each with a bare remote, built with real git."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from guard.config import Config, read_config
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.repository import Repository, open_any
from guard.git.store import Store
from guard.model import Gitlink, Result
from guard.situation.assembly import assemble
from guard.situation.contents import Submodules, of_commit
from guard.situation.workspace import Workspace
from guard.verdicts.record import EngineFacts, ImageFacts, Record
from guard.verdicts.verdicts import Verdicts
from tests.forks import Ran as Ran
from tests.forks import run_guard

ZERO = "0" * 40
COMMAND = '["/bin/sh", "/liqd/aula/test.sh"]'
GUARD_TOML = f'[image]\nname = "localhost/aula"\n\n[test]\ncommand = {COMMAND}\ntimeout = "60s"\n'
STACK = "resolver: lts-3.20\npackages:\n- '.'\n- ../thentos/thentos-core/\n"
CABAL = """\
name: {name}
version: {version}
cabal-version: >=1.10
build-type: Simple

library
  build-depends:
      base >=4
{depends}  default-language: Haskell2010
"""


def cabal(name: str, version: str, *depends: str) -> str:
    """A small .cabal file."""
    lines = "".join(f"    , {item}\n" for item in depends)
    return CABAL.format(name=name, version=version, depends=lines)


class Repo:
    """A checkout on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(
        self, *arguments: str, data: bytes | None = None, env: dict[str, str] | None = None
    ) -> str:
        """Run git here and return what it prints; a failure fails the test."""
        ran = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            input=data,
            capture_output=True,
            check=False,
            env={**os.environ, **(env or {})},
        )
        assert ran.returncode == 0, f"git {arguments}: {ran.stderr.decode()}"
        return ran.stdout.decode(errors="surrogateescape").strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the working tree."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self, message: str = "a commit", files: Mapping[str, str | bytes] | None = None
    ) -> str:
        """Write files, commit everything, and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def repository(self) -> Repository:
        found = open_any(str(self.folder))
        assert found is not None
        return found


class Workshop:
    """aula-docker with its submodules aula and thentos, as a developer has them.

    ``docker``, ``aula`` and ``thentos`` are the checkouts; aula and thentos are submodules of
    aula-docker. thentos has the releases v0.2.1 and v0.3.0; aula requires thentos-core >=0.3 &&
    <0.4; aula-docker pins v0.3.0. Nothing has been tested.

    Args:
        of: the root of a workshop to be copied, for what many tests begin with.
    """

    def __init__(
        self, root: Path, object_format: str = "sha1", of: Path | None = None, first: bool = False
    ) -> None:
        self.root = root
        self._format = object_format
        self.docker = Repo(root / "aula-docker")
        self.aula = Repo(root / "aula-docker/aula")
        self.thentos = Repo(root / "aula-docker/thentos")
        if first:
            self._build()
        else:
            copy_repositories(of or _first(object_format), root)

    def _build(self) -> None:
        root = self.root
        for name in ("thentos", "aula", "aula-docker"):
            self._init(root / "remotes" / f"{name}.git", bare=True)
        source = Repo(root / "source")
        self._init(source.folder)
        self._fill_thentos(source)
        source.git("push", "--quiet", "--tags", str(root / "remotes/thentos.git"), "HEAD:master")
        self._init(root / "other")
        other = Repo(root / "other")
        other.commit("Start aula", self.aula_files(">=0.3 && <0.4"))
        other.git("push", "--quiet", str(root / "remotes/aula.git"), "HEAD:master")
        self._init(self.docker.folder)
        self.docker.git("remote", "add", "origin", str(root / "remotes/aula-docker.git"))
        for name in ("aula", "thentos"):
            # By a relative URL, so that the copies have the same commits.
            self.docker.git("submodule", "--quiet", "add", f"../{name}.git", name)
        self.docker.commit("Pin thentos v0.3.0", self.docker_files())

    def _init(self, folder: Path, bare: bool = False) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        flags = ["--bare"] if bare else []
        subprocess.run(
            ["git", "init", "--quiet", *flags, f"--object-format={self._format}", str(folder)],
            check=True,
        )

    def _fill_thentos(self, source: Repo) -> None:
        for version in ("0.2.1", "0.3.0"):
            source.commit(f"Release {version}", self.thentos_files(version))
            source.git("tag", f"v{version}")

    def thentos_files(self, version: str) -> dict[str, str]:
        return {
            "thentos-core/thentos-core.cabal": cabal("thentos-core", version),
            "servant-session/servant-session.cabal": cabal("servant-session", "0.5"),
            "README.md": f"thentos {version}\n",
        }

    def aula_files(self, asked: str) -> dict[str, str]:
        return {
            "aula.cabal": cabal("aula", "0.1", f"thentos-core {asked}".strip()),
            "stack.yaml": STACK,
            "test.sh": "echo the tests of aula ran\n",
        }

    def docker_files(self) -> dict[str, str]:
        return {
            "Dockerfile": "FROM localhost/base\nCOPY . /liqd/\n",
            ".guard.toml": GUARD_TOML,
        }

    def require(self, asked: str, name: str = "thentos-core") -> str:
        """Change what aula requires, and commit that in aula."""
        files = {"aula.cabal": cabal("aula", "0.1", f"{name} {asked}".strip())}
        return self.aula.commit(f"Require {name} {asked}", files)

    def release(self, version: str, files: Mapping[str, str] | None = None) -> str:
        """Commit and tag a release of thentos; its checkout stands there then."""
        commit = self.thentos.commit(
            f"Release {version}", {**self.thentos_files(version), **(files or {})}
        )
        self.thentos.git("tag", f"v{version}")
        return commit

    def pin(self, message: str = "Move the submodules", **commits: str) -> str:
        """Commit gitlinks in aula-docker, those of the checkouts unless others are given."""
        for path in ("aula", "thentos"):
            commit = commits.get(path) or Repo(self.docker.folder / path).head
            self.docker.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        self.docker.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.docker.head

    def publish(self, *names: str) -> None:
        """Push what the submodules' checkouts stand at to their masters, with all tags."""
        for name in names or ("aula", "thentos"):
            at = Repo(self.docker.folder / name)
            at.git("push", "--quiet", "--no-verify", "--force", "--tags", "origin", "HEAD:master")

    def guard(self, *arguments: str, at: Repo | None = None, data: bytes = b"", **env: str) -> Ran:
        """Run the real command."""
        folder = (at or self.docker).folder
        return run_guard(arguments, folder, {**os.environ, **env}, data)

    def run(self, command: Sequence[str], at: Repo, data: bytes | None = None, **env: str) -> Ran:
        """Run any command in a checkout."""
        ran = subprocess.run(
            command,
            cwd=at.folder,
            capture_output=True,
            check=False,
            input=data,
            env={**os.environ, **env},
            timeout=120,
        )
        return Ran(
            ran.returncode,
            ran.stdout.decode(errors="surrogateescape"),
            ran.stderr.decode(errors="surrogateescape"),
        )

    def paste(self, command: str, at: Repo | None = None) -> Ran:
        """What a user does with a remedy."""
        return self.run(["sh", "-c", command], at or self.docker)

    def install(self) -> None:
        """Install the hooks, as a developer does."""
        ran = self.guard("install")
        assert ran.status == 0, ran.text

    def push(self, at: Repo, *arguments: str, **env: str) -> Ran:
        """A real push; by default of HEAD to master."""
        words = arguments or ("origin", "HEAD:refs/heads/master")
        return self.run(["git", "push", *words], at, data=None, **env)

    def remote_head(self, name: str, ref: str = "refs/heads/master") -> str | None:
        """What a bare remote has, None where it has nothing."""
        remote = Repo(self.root / "remotes" / f"{name}.git")
        listed = remote.git("for-each-ref", "--format=%(objectname)", ref)
        return listed or None

    def verdict(
        self,
        result: Result = Result.PASSED,
        commit: str = "",
        detail: str = "",
        finished: str = "2016-03-04T15:32:00Z",
        published: bool = False,
    ) -> str:
        """Record a verdict for a commit of aula-docker, as `guard test` would, and give its key."""

        def made(key: str, config: Config) -> Record:
            record = a_record(key, config, result, detail)._replace(finished=finished)
            if published:
                digest = f"{config.image.name}@sha256:{'4' * 64}"
                record = record.publish(f"{config.image.name}:one", digest, finished)
            return record

        return self.record(made, commit)

    def record(self, made: Callable[[str, Config], Record], commit: str = "") -> str:
        """Record what is made of a commit's key and configuration, and give the key."""
        repository = self.docker.repository
        workspace = Workspace(repository, repository)
        with ObjectPool() as pool:
            combination = of_commit(repository, pool, commit or self.docker.head, "")
            config = self.config(commit or self.docker.head)
            store = Store(pool, (repository,))
            submodules = Submodules(workspace, pool, config, Memo(repository.common_dir))
            found = assemble(submodules, store, combination)
            Verdicts(repository, pool).record(made(found.key, config), found.parts)
        return found.key

    def config(self, commit: str) -> Config:
        return read_config(self.docker.git("show", f"{commit}:.guard.toml").encode())


@cache
def _first(object_format: str) -> Path:
    """The repositories of a workshop, built once; each workshop is a copy, which takes a tenth."""
    return Workshop(lasting_folder(), object_format, first=True).root


def running_commands() -> Iterator[tuple[int, str]]:
    """The processes of this machine, in containers or not; NUL ends each word of a command."""
    for name in os.listdir("/proc"):
        # One may end while it is looked at.
        with suppress(OSError):
            if name.isdigit():
                yield (
                    int(name),
                    Path("/proc", name, "cmdline").read_bytes().decode(errors="replace"),
                )


def lasting_folder() -> Path:
    """A folder for what is made once and copied for each test, until all of them are over."""
    folder = Path(tempfile.mkdtemp(prefix="made-once-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def copy_repositories(source: Path, root: Path) -> None:
    """Copy a folder of repositories that name each other by their paths."""
    shutil.copytree(source, root, symlinks=True, dirs_exist_ok=True)
    for pattern in ("*/.git/config", "*/.git/modules/*/config"):
        for config in root.glob(pattern):
            config.write_text(config.read_text().replace(str(source), str(root)))


def a_record(key: str, config: Config, result: Result, detail: str = "") -> Record:
    """A record with made-up circumstances."""
    return Record(
        key=key,
        recipe=config.recipe.digest,
        result=result,
        detail=detail,
        finished="2016-03-04T15:32:00Z",
        build_seconds=1.5,
        test_seconds=2.5,
        exit_status=0 if result is Result.PASSED else 1,
        superproject="",
        gitlinks=(Gitlink("aula", "1" * 40), Gitlink("thentos", "2" * 40)),
        release="v0.3.0",
        image=ImageFacts("sha256:" + "3" * 64),
        engine=EngineFacts("Docker Engine", "20.10", "classic", "unix:///x", "linux/amd64"),
        guard="0.1.0",
        log="",
        log_sha256="",
        command=config.test.command,
    )
