"""Running the hook that was there before ours, with what git gave to ours.

The shim hands over its path, since a shell has no way to give one standard input to two programs
without a temporary file or another process. This is on the hot path: without another hook it
imports nothing new.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from guard.errors import GuardError
from guard.git.files import private_folder

OPTION: Final = "--chained"
# Instead of a push: says by its exit status whether a push could be judged.
WORKS: Final = "--works"
_NAME: Final = "pre-push"
# Where a hook lies in a git dir, unless git is told of another folder.
USUAL: Final = f"hooks/{_NAME}"


def take_chained(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Split what the shim passes into the chained hook, "" for none, and git's own arguments.

    Args:
        arguments: those of ``guard pre-push``. Only the first place counts, so that no name of a
            remote is taken for the option.
    """
    if len(arguments) >= 2 and arguments[0] == OPTION:
        return arguments[1], list(arguments[2:])
    return "", list(arguments)


def run_chained(hook: str, arguments: Sequence[str], refs: bytes) -> int:
    """Run the chained hook as git would have, and return its exit status.

    Args:
        hook: its path; "" runs nothing and gives 0.

    A hook that cannot be started gives 1, and says why on standard error: git, too, stops then.
    """
    if not hook:
        return 0
    from guard.install.shim import read_hook

    tool = read_hook(hook).tool
    if tool is not None and os.environ.get(tool.habits.variable):
        # The tool runs ours, as its own predecessor: its hook, kept by us, is running already.
        # Started again it would refuse, or run us again without end.
        return 0
    path = os.path.abspath(hook)
    if tool is None or not tool.habits.goes_by_name:
        return _started(path, arguments, refs)
    try:
        with private_folder() as folder:
            link = os.path.join(folder, _NAME)
            os.symlink(path, link)
            return _started(link, arguments, refs)
    except (GuardError, OSError) as error:
        return _not_started(path, str(error))


def joined(guard: int, chained: int) -> int:
    """The exit status of both: either one stops the push, and guard's says more."""
    return guard or chained


def _started(path: str, arguments: Sequence[str], refs: bytes) -> int:
    try:
        return _run([path, *arguments], refs)
    except OSError as error:
        # As git does: a file without a "#!" line is the shell's.
        if error.errno == errno.ENOEXEC:
            return _run(["/bin/sh", path, *arguments], refs)
        reason = error.strerror or ""
        if error.errno == errno.ENOENT and os.path.exists(path):
            reason = "the interpreter of its first line is not there"
        return _not_started(path, reason)


def _run(command: Sequence[str], refs: bytes) -> int:
    with subprocess.Popen(command, stdin=subprocess.PIPE) as hook:
        hook.communicate(refs)  # a hook need not read: git minds that as little
    # Ended by a signal: the number that a shell would have given.
    return 128 - hook.returncode if hook.returncode < 0 else hook.returncode


def _not_started(path: str, reason: str) -> int:
    if sys.stderr is not None:  # closed by whoever pushes
        sys.stderr.write(f"guard: the hook {path} cannot be run: {reason}\n")
    return 1
