"""How git is started: which environment, which repository, and what happens when it fails.

Every call goes to a repository by its git dir, never by a folder: in the empty folder of a
submodule that is not checked out, ``git -C`` would answer for the superproject.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from guard.errors import GitError

# What a user may set for git as a whole. Every other GIT_* variable is dropped: git exports the
# pushed repository's location, index and quarantine to hooks, and they would follow us into the
# repositories next door (``git rev-parse --local-env-vars`` lists them).
_KEPT = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_AUTHOR_DATE",
        "GIT_AUTHOR_EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_COMMITTER_DATE",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_TEMPLATE_DIR",
        "GIT_TRACE",
    }
)

# Objects are judged as they will be sent: no replace ref or graft shows another commit in their
# place, and a promised object is missing, not fetched. Git before 2.45 does not know
# GIT_NO_LAZY_FETCH; with no protocol allowed its fetch fails at once.
_TRUTHFUL = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",  # of one that is there, git says it is deprecated
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


class Repository(NamedTuple):
    """One git repository on this machine.

    Args:
        git_dir: absolute path of its git dir (a linked worktree's own one).
        common_dir: absolute path of the git dir that all its worktrees share.
        work_tree: absolute path of the checkout, None where it is bare.
        objects: folder of a private object database that is read as well, or "".
    """

    git_dir: str
    common_dir: str
    work_tree: str | None = None
    objects: str = ""

    def command(self, *arguments: str) -> list[str]:
        """The argv that runs git in this repository, and in its git dir."""
        return ["git", "-C", self.git_dir, f"--git-dir={self.git_dir}", *arguments]

    def start(
        self,
        *arguments: str,
        feeds: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start git with piped output and return at once.

        A submodule's git dir names the folder of its checkout; git refuses everything where that is
        gone. So the git dir itself stands for the working tree, unless the arguments name another.

        Args:
            feeds: whether git is given something to read.

        Raises:
            GitError: git is not installed or cannot be started.
        """
        try:
            os.stat(self.git_dir)
            return subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"GIT_WORK_TREE": os.curdir, **environment(self, extra)},
            )
        except OSError as error:
            raise GitError(f"git cannot be run in {self.git_dir}: {error.strerror}") from error

    def run(
        self,
        *arguments: str,
        data: bytes | None = None,
        ok: Iterable[int] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run git to its end and return its output.

        Args:
            data: what git reads on its standard input.
            ok: the exit statuses that are an answer.

        Raises:
            GitError: any other exit status, or git cannot be started.
        """
        process = self.start(*arguments, feeds=data is not None, extra=extra)
        return finish(process, data or b"", ok)

    def text(
        self,
        *arguments: str,
        ok: Iterable[int] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> str:
        """As `run`, decoded as git encodes names, and without the last line's end."""
        return os.fsdecode(self.run(*arguments, ok=ok, extra=extra)).removesuffix("\n")

    def lines(
        self,
        *arguments: str,
        ok: Iterable[int] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> list[str]:
        """As `text`, by lines."""
        return lines_of(self.run(*arguments, ok=ok, extra=extra))


def user_environment() -> dict[str, str]:
    """The environment without the variables that tie git to one repository."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT
    }


def command_settings() -> dict[str, str]:
    """Git's settings out of the environment, those of ``git -c`` among them (git-config(1)).

    Reading objects has to do without them. What git will do in a repository, or how a user
    reaches a network, may depend on them; to submodules git passes them on itself.
    """
    kept = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_PARAMETERS")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


def environment(repository: Repository, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for reading a repository as it is: see `_TRUTHFUL`."""
    result = user_environment()
    result.update(_TRUTHFUL)
    if repository.objects:
        result["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = _quoted(repository.objects)
    if extra:
        result.update(extra)
    return result


def objects_of(repository: Repository) -> str:
    """The object database, in the form of ``GIT_ALTERNATE_OBJECT_DIRECTORIES``."""
    return _quoted(os.path.join(repository.common_dir, "objects"))


def _quoted(path: str) -> str:
    # A path list separates at ":" and unquotes what starts with a double quote.
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def finish(process: subprocess.Popen[bytes], data: bytes = b"", ok: Iterable[int] = (0,)) -> bytes:
    """Wait for a process of `start` and return its output.

    Raises:
        GitError: it ended with a status that is not in `ok`.
    """
    output, errors = process.communicate(data)
    if process.returncode not in ok:
        assert isinstance(process.args, list)
        command = " ".join(map(os.fsdecode, process.args))
        said = errors.decode(errors="replace").strip() or f"exit status {process.returncode}"
        raise GitError(f"{command} failed: {said}")
    return output


def end(process: subprocess.Popen[bytes]) -> None:
    """Hang up on a process of `start`, which need not have said all, and wait for its end."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):  # what it was not told yet
                pipe.close()
    process.wait()


@contextmanager
def running(
    asked: Iterable[tuple[Repository, Iterable[str]]],
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of `start`, side by side; at the end of the block none is left.

    Raises:
        GitError: git cannot be started.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for repository, arguments in asked:
            processes.append(repository.start(*arguments))
        yield processes
    finally:
        for process in processes:
            end(process)


def run_all(
    asked: Iterable[tuple[Repository, Iterable[str]]], ok: Iterable[int] = (0,)
) -> list[bytes]:
    """As `run`, for several questions that git answers side by side."""
    with running(asked) as processes:
        return [finish(process, ok=ok) for process in processes]


def lines_of(output: bytes) -> list[str]:
    """What git printed, by lines, decoded as git encodes names.

    Only a line feed ends a line: names of refs, paths and subjects may hold all the others that
    `str.splitlines` takes for an end, such as U+2028.
    """
    return os.fsdecode(output).removesuffix("\n").split("\n") if output else []
