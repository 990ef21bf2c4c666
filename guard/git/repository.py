"""The one door to git: a repository, how it is found, and how git is started for it.

Reading goes to a repository by its git dir, never by a folder: in the empty folder of a submodule
that is not checked out, ``git -C`` would answer for the superproject. There are two environments:
`reading_environment` for what is asked of the objects, refs and settings, and `user_environment`
for what is done as the user would do it: over a network, in a checkout, through hooks. That of this
process is never changed.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError

# What ties git to one repository: ``git rev-parse --local-env-vars``, but for the settings of
# ``git -c``, which git itself passes on to submodules; and what else means something only there.
# Git exports the pushed repository's location, index and quarantine to hooks, and they would follow
# us into the repositories next door.
_TIES: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# What a user may set for git as a whole, and reading keeps. It does without every other GIT_*,
# ``git -c`` among them: what objects say depends on none.
_KEPT: Final = frozenset(
    {
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
        "GIT_TEMPLATE_DIR",
        "GIT_TRACE",
    }
)
# Objects are judged as they will be sent: no replace ref or graft shows another commit in their
# place, and a promised object is missing, not fetched. Git before 2.45 does not know
# GIT_NO_LAZY_FETCH; with no protocol allowed its fetch fails at once.
_TRUTHFUL: Final = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",  # of one that is there, git says it is deprecated
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}
# What git says is read here, too: untranslated, in the user's own encoding.
_ENGLISH: Final = {"LANGUAGE": "en"}
# Neither git nor ssh asks for a password.
_SILENT: Final = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"}


class Ended(NamedTuple):
    """What a git that was run as the user would run it has come to."""

    status: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """The first thing that git complained of, in one line."""
        lines = (line.strip() for line in self.errors.splitlines())
        first = next(
            (line for line in lines if line and not line.lower().startswith("warning: ")),
            f"exit status {self.status}",
        )
        return first.removeprefix("fatal: ").removeprefix("error: ")


class Repository(NamedTuple):
    """One git repository on this machine.

    Args:
        git_dir: absolute path of its git dir (a linked worktree's own one).
        common_dir: absolute path of the git dir that all its worktrees share.
        work_tree: absolute path of the checkout, None where it is bare.
        objects: folder of another object database that is read as well, or "".
        index_file: what stands for the index, or "".
        new_objects: folder that new objects are written to in place of the database, or "".
    """

    git_dir: str
    common_dir: str
    work_tree: str | None = None
    objects: str = ""
    index_file: str = ""
    new_objects: str = ""

    @property
    def place(self) -> str:
        """The folder that it is known by: its checkout, else its git dir."""
        return self.work_tree or self.git_dir

    @property
    def is_shallow(self) -> bool:
        """Whether history is cut off, so that what is not seen to be reachable may be so."""
        return os.path.exists(os.path.join(self.common_dir, "shallow"))

    def command(self, *arguments: str) -> list[str]:
        """The argv that runs git in this repository, wherever its checkout is."""
        return ["git", f"--git-dir={self.git_dir}", *arguments]

    def start(
        self,
        *arguments: str,
        feeds: bool = False,
        extra: Mapping[str, str] | None = None,
        umask: int = -1,
    ) -> subprocess.Popen[bytes]:
        """Start git with piped output, for reading, and return at once.

        A submodule's git dir names the folder of its checkout; git refuses everything where that is
        gone. So the git dir itself stands for the working tree, unless the arguments name another.

        Args:
            feeds: whether git is given something to read.
            umask: of the files that it makes, by default this process's own.
        """
        env = {"GIT_WORK_TREE": os.curdir, **reading_environment(self), **(extra or {})}
        return _start(self.command(*arguments), env, self.git_dir, feeds=feeds, umask=umask)

    def run(
        self,
        *arguments: str,
        data: bytes | None = None,
        ok: Iterable[int] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run git to its end, for reading or for writing objects and refs; return its output.

        Args:
            data: what git reads on its standard input.
        """
        process = self.start(*arguments, feeds=data is not None, extra=extra)
        return finish(process, data or b"", ok)

    def text(self, *arguments: str, data: bytes | None = None, ok: Iterable[int] = (0,)) -> str:
        """As `run`, decoded as git encodes names, and without the last line's end."""
        return os.fsdecode(self.run(*arguments, data=data, ok=ok)).removesuffix("\n")

    def lines(self, *arguments: str, ok: Iterable[int] = (0,)) -> list[str]:
        """As `text`, by lines."""
        return lines_of(self.run(*arguments, ok=ok))

    def start_as_user(self, *arguments: str, alone: bool = False) -> subprocess.Popen[bytes]:
        """Start git where the user would, with the user's environment, and return at once.

        Args:
            alone: nobody is asked for a password, and git ends as a whole with its helpers.
        """
        env = {**user_environment(), **(_SILENT if alone else {})}
        if self.index_file:
            env["GIT_INDEX_FILE"] = self.index_file
        # Hooks run as they do for a user: git finds the repository, and need not name it to them.
        command = ["git", *arguments]
        if self.work_tree is None:
            command = self.command(*arguments)
        elif not os.path.lexists(os.path.join(self.work_tree, ".git")):
            command = self.command(f"--work-tree={self.work_tree}", *arguments)
        return _start(command, env, self.place, own_session=alone)

    def run_as_user(
        self, *arguments: str, seconds: float | None = None, asks: bool = False
    ) -> Ended:
        """Run git to its end as the user would: it may move refs and checkouts, and run hooks.

        Args:
            seconds: how long that may take; None for as long as it does.
            asks: whether with a limit, too, git may ask for a password.
        """
        process = self.start_as_user(*arguments, alone=seconds is not None and not asks)
        if seconds is not None:
            return answer_of(process, arguments, seconds, seconds)
        try:
            return _ended(process)
        finally:
            end(process)

    def text_as_user(
        self, *arguments: str, ok: Iterable[int] = (0,), seconds: float | None = None
    ) -> str:
        """As `run_as_user`, what git printed without the last line's end; git may ask."""
        ended = self.run_as_user(*arguments, seconds=seconds, asks=True)
        if ended.status not in ok:
            name = next(word for word in arguments if not word.startswith("-"))
            said = ended.errors.strip() or f"exit status {ended.status}"
            raise GitError(
                f"git {name} failed in {self.place}: {said}",
                f"git -C {shlex.quote(self.place)} status",
            )
        return ended.output.removesuffix("\n")


def answer_of(
    process: subprocess.Popen[bytes], arguments: Sequence[str], seconds: float, left: float
) -> Ended:
    """What a git has come to that was started as the user would, with some arguments.

    Args:
        seconds: how long it may take, as it is told.
        left: how much of that is left.

    Raises:
        GitError: it takes longer; nothing of it runs on.
    """
    try:
        return _ended(process, left)
    except subprocess.TimeoutExpired:
        words = " ".join(word for word in arguments if not word.startswith("-"))
        raise GitError(f"git {words} did not answer in {seconds:g} seconds") from None
    finally:
        end_all(process)


def end_all(process: subprocess.Popen[bytes]) -> None:
    """End a git with its helpers, which outlive git: those of a git that was started alone, and of
    another, which has a terminal to ask on, as far as the system tells which they are.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in _family(process.pid) if process.returncode is None else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end(process)


def _family(pid: int) -> list[int]:
    """A process and all that it has started, which proc(5) of Linux tells."""
    children = _content(f"/proc/{pid}/task/{pid}/children").split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def user_environment() -> dict[str, str]:
    """The environment for acting as the user would: all but what ties git to one repository."""
    kept = {name: value for name, value in os.environ.items() if name not in _TIES}
    return {**kept, **_ENGLISH}


def reading_environment(repository: Repository) -> dict[str, str]:
    """The environment for reading a repository as it is: see `_KEPT` and `_TRUTHFUL`."""
    environ = os.environ.items()
    kept = {name: value for name, value in environ if not name.startswith("GIT_") or name in _KEPT}
    result = {**kept, **_TRUTHFUL, **_ENGLISH}
    others = [repository.objects] if repository.objects else []
    if repository.new_objects:
        result["GIT_OBJECT_DIRECTORY"] = repository.new_objects
        others.insert(0, os.path.join(repository.common_dir, "objects"))
    if others:
        # A path list separates at ":" and unquotes what starts with a double quote.
        escaped = (path.replace("\\", "\\\\").replace('"', '\\"') for path in others)
        result["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(f'"{path}"' for path in escaped)
    if repository.index_file:
        result["GIT_INDEX_FILE"] = repository.index_file
    return result


def _start(
    command: Sequence[str],
    env: Mapping[str, str],
    place: str | None,
    feeds: bool = False,
    own_session: bool = False,
    umask: int = -1,
) -> subprocess.Popen[bytes]:
    """Start git in a folder: every git of guard's is started here."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=place,
            start_new_session=own_session,
            umask=umask,
        )
    except OSError as error:
        raise GitError(
            f"git cannot be run in {place or os.curdir}: {error.strerror}",
            "install git, or add its folder to PATH",
        ) from error


def _ended(process: subprocess.Popen[bytes], seconds: float | None = None) -> Ended:
    output, errors = process.communicate(timeout=seconds)
    return Ended(process.returncode, os.fsdecode(output), errors.decode(errors="replace"))


def finish(process: subprocess.Popen[bytes], data: bytes = b"", ok: Iterable[int] = (0,)) -> bytes:
    """Wait for a process of `Repository.start` and return its output.

    However this ends, the process does nothing any more then.
    """
    try:
        output, errors = process.communicate(data)
    finally:
        end(process)
    if process.returncode not in ok:
        assert isinstance(process.args, list)
        command = " ".join(map(os.fsdecode, process.args))
        said = errors.decode(errors="replace").strip() or f"exit status {process.returncode}"
        raise GitError(f"{command} failed: {said}")
    return output


def end(*processes: subprocess.Popen[bytes]) -> None:
    """Hang up on processes, which need not have said all, and wait for the end of each."""
    for process in processes:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was not told yet
                    pipe.close()
    for process in processes:
        process.wait()


def run_all(
    repositories: Iterable[Repository], *arguments: str, ok: Iterable[int] = (0,)
) -> list[bytes]:
    """As `Repository.run`, in several repositories side by side."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for repository in repositories:
            processes.append(repository.start(*arguments))
        return [finish(process, ok=ok) for process in processes]
    finally:
        end(*processes)


def lines_of(output: bytes) -> list[str]:
    """What git printed, by lines, decoded as git encodes names.

    Only a line feed ends a line: names of refs, paths and subjects may hold all the others that
    `str.splitlines` takes for an end, such as U+2028.
    """
    return os.fsdecode(output).removesuffix("\n").split("\n") if output else []


def open_checkout(folder: str) -> Repository | None:
    """The repository whose checkout is this very folder, or None: unlike git this never climbs.

    Source: gitrepository-layout(5), gitfile.
    """
    dot_git = os.path.join(folder, ".git")
    if os.path.isdir(dot_git):
        return open_git_dir(dot_git, folder)
    target = _content(dot_git)
    if not target.startswith("gitdir: "):
        return None
    return open_git_dir(os.path.join(folder, target.removeprefix("gitdir: ")), folder)


def checkout_at(superproject: Repository, path: str) -> Repository | None:
    """The checkout at a path of a superproject, "" for its own; None where there is none."""
    if not path or superproject.work_tree is None:
        return None if path else superproject
    return open_checkout(os.path.join(superproject.work_tree, path))


def open_git_dir(git_dir: str, work_tree: str | None = None) -> Repository | None:
    """The repository with this git dir, or None where the folder is no git dir."""
    git_dir = os.path.realpath(git_dir)
    shared = _content(os.path.join(git_dir, "commondir"))  # which linked worktrees alone have
    common_dir = os.path.realpath(os.path.join(git_dir, shared))
    has_head = os.path.lexists(os.path.join(git_dir, "HEAD"))
    if not has_head or not os.path.isdir(os.path.join(common_dir, "objects")):
        return None
    return Repository(git_dir, common_dir, os.path.realpath(work_tree) if work_tree else None)


def _content(path: str) -> str:
    """The one line of a file, "" where there is none such."""
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(8192).rstrip(b"\r\n"))
    except OSError:
        return ""


def hook_repository() -> Repository | None:
    """The repository whose hook this is, without asking git; None where git has to be asked.

    Git runs a hook at the top of the checkout, and names a git dir that is not found from there,
    or elsewhere, in the environment (githooks(5)).
    """
    if "GIT_WORK_TREE" in os.environ or "GIT_COMMON_DIR" in os.environ:
        return None
    try:
        folder = os.getcwd()
    except OSError:
        return None
    repository = open_checkout(folder)
    named = os.environ.get("GIT_DIR")
    if repository is None or not named:
        return repository
    is_named = os.path.realpath(os.path.join(folder, named)) == repository.git_dir
    return repository if is_named else None


def find_here() -> Repository:
    """The repository that git would take where this process stands."""
    paths = ("--path-format=absolute", "--git-common-dir", "--show-toplevel")
    # The one question for which the environment of this process counts as it is.
    ended = _ended(_start(["git", "rev-parse", "--absolute-git-dir", *paths], os.environ, None))
    lines = ended.output.removesuffix("\n").split("\n")
    # A bare repository has no third answer, and git fails over that.
    if ended.status != 0 and len(lines) != 2:
        raise GuardError(
            f"not in a git repository: {ended.errors.strip()}",
            "cd into aula-docker, aula or thentos",
        )
    repository = open_git_dir(lines[0], lines[2] if len(lines) > 2 else None)
    if repository is None or len(lines) > 3:
        raise GitError(f"cannot make out the repository in {os.getcwd()}")
    return repository


def enclosing(here: Repository) -> Iterator[Repository]:
    """The checkouts around this one, the nearest first.

    ``git rev-parse --show-superproject-working-tree`` would be silent where the superproject's
    index has lost the gitlink, which is just when it has to be told.
    """
    folder = here.work_tree
    while folder is not None and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        checkout = open_checkout(folder)
        if checkout is not None and checkout.common_dir != here.common_dir:
            yield checkout


def open_any(folder: str) -> Repository | None:
    """A checkout's repository, or a bare one."""
    return open_checkout(folder) or open_git_dir(folder)


def submodule_repositories(
    parents: Iterable[Repository], path: str, names: Iterable[str]
) -> Iterator[Repository]:
    """Where git itself keeps a submodule: its checkout, then the git dirs below ``modules/``.

    Args:
        parents: the repositories of the superproject (or of the submodule around a nested one).
        path: the submodule's path.
        names: its possible names; git takes the path where nobody chose another.

    The modules folder of the common git dir and that of a linked worktree are both looked at, and
    whether the submodule is in the current tree does not matter.
    """
    for parent in parents:
        folders = dict.fromkeys((parent.common_dir, parent.git_dir))
        places = (os.path.join(folder, "modules", name) for folder in folders for name in names)
        for repository in (checkout_at(parent, path), *map(open_git_dir, places)):
            if repository is not None:
                yield repository


def sibling_repositories(repository: Repository, name: str) -> Iterator[Repository]:
    """Clones of this name beside the checkout, and beside the main one of a linked worktree."""
    folders = []
    if repository.work_tree is not None:
        folders.append(os.path.dirname(repository.work_tree))
    if os.path.basename(repository.common_dir) == ".git":
        folders.append(os.path.dirname(os.path.dirname(repository.common_dir)))
    elif repository.work_tree is None:
        folders.append(os.path.dirname(repository.git_dir))
    for folder in dict.fromkeys(folders):
        sibling = open_any(os.path.join(folder, name))
        if sibling is not None and sibling.common_dir != repository.common_dir:
            yield sibling


def distinct(repositories: Iterable[Repository]) -> tuple[Repository, ...]:
    """Each object database once, in the first order."""
    databases: dict[str, Repository] = {}
    for repository in repositories:
        databases.setdefault(repository.common_dir, repository)
    return tuple(databases.values())
