"""A real ``git push`` of exactly some refspecs, through the hooks; what was refused is told apart.

The format of ``--porcelain`` and the words in its brackets are those of git-push(1), "OUTPUT".
"""

import codecs
import os
import re
import threading
from collections.abc import Callable, Iterable
from enum import Enum
from typing import IO, Final

from guard.errors import GuardError
from guard.git.commands import git
from guard.git.repository import Repository, end

_CHUNK: Final = 4096
_BRACKETS: Final = re.compile(r"\[(?:remote )?(?:rejected|failure|no match)\].*|\(.*\)")
# The remote's branch has moved: git's own word, or that of a remote where two came at once.
_BEHIND: Final = re.compile(
    r"fetch first|non-fast-forward|stale info|cannot lock ref|incorrect old value|needs force"
    r"|atomic transaction failed",
    re.IGNORECASE,
)
_EXISTS: Final = re.compile(r"already exists", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(
    r"authentication failed|permission denied|could not read (?:username|password)|access denied"
    r"|invalid username or password|terminal prompts disabled|host key verification failed"
    r"|returned error: 40[13]|publickey|not authorized|unauthorized",
    re.IGNORECASE,
)
_SILENT: Final = re.compile(
    r"could not resolve|connection (?:refused|timed out|reset|closed)|no route to host|timed out"
    r"|network is unreachable|unable to access|couldn't connect|failed to connect|early eof"
    r"|hung up unexpectedly|does not appear to be a git repository|repository not found"
    r"|could not read from remote|unable to connect",
    re.IGNORECASE,
)


class Refusal(Enum):
    """Why a push did not happen."""

    BEHIND = "somebody else pushed first"
    EXISTS = "the tag is there already, and means something else"
    HOOK = "a hook on this machine refused it"
    REMOTE = "the remote refused it"
    CREDENTIALS = "the remote does not take your credentials"
    SILENT = "the remote does not answer"
    OTHER = "git could not push"


class PushError(GuardError):
    """A push that did not happen."""

    def __init__(self, problem: str, remedy: str, refusal: Refusal) -> None:
        super().__init__(problem, remedy)
        self.refusal = refusal


def send(
    repository: Repository,
    remote: str,
    refspec: str,
    echo: Callable[[str], None],
    progress: bool = False,
    verify: bool = True,
) -> None:
    """Push one ref, never by force and without any others.

    Args:
        refspec: ``<commit>:refs/heads/master``, ``refs/tags/v1:refs/tags/v1``.
        echo: told everything that git, the hooks and the remote say, as it comes.
        progress: whether git shows how far it is.
        verify: whether this machine's hook is run; it has nothing to judge where no branch and no
            tag is pushed.

    Raises:
        PushError: the hook or the remote refuses, or the remote does not answer.
    """
    # Of an atomic push a remote says in one way that its branch has moved meanwhile.
    words = ["push", "--porcelain", "--atomic", "--no-follow-tags", "--no-force"]
    words.append("--progress" if progress else "--no-progress")
    words.append("--verify" if verify else "--no-verify")
    # What git would push along is a step of its own.
    words.append("--recurse-submodules=no")
    process = repository.start_as_user(*words, "--", remote, refspec)
    assert process.stdout is not None and process.stderr is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    errors = _passed_on(process.stderr, echo)
    reader.join()
    end(process)
    if process.returncode != 0:
        refusal, reason = _refusal(process.returncode, map(os.fsdecode, lines), errors)
        problem = f"{refusal.value} ({reason})" if reason else refusal.value
        raise PushError(problem, git(repository, "ls-remote", remote).text, refusal)


def push(repository: Repository, remote: str, what: str, ref: str, verify: bool = True) -> None:
    """As `send`, for what nobody watches.

    Args:
        what: a commit, or the full name of a ref.

    Raises:
        PushError: as `send`; what the hook and the remote said is in it.
    """
    output: list[str] = []
    try:
        send(repository, remote, f"{what}:{ref}", output.append, verify=verify)
    except PushError as error:
        problem = f"{error.problem}\n{''.join(output).strip()}".rstrip()
        raise PushError(problem, error.remedy, error.refusal) from error


def _passed_on(stream: IO[bytes], echo: Callable[[str], None]) -> str:
    """Everything that a stream holds, passed on as it comes: progress has no line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = []
    while data := os.read(stream.fileno(), _CHUNK):
        piece = decoder.decode(data)
        pieces.append(piece)
        echo(piece)
    rest = decoder.decode(b"", True)
    if rest:
        echo(rest)
    return "".join([*pieces, rest])


def _refusal(status: int, lines: Iterable[str], errors: str) -> tuple[Refusal, str]:
    """Why git pushed nothing, and its own words for it, "" for none."""
    for line in lines:
        if line.startswith("!\t"):
            summary = line.rstrip("\n").split("\t", 2)[2]
            words = match[0] if (match := _BRACKETS.search(summary)) else summary
            if _EXISTS.search(words):
                return Refusal.EXISTS, words
            if _BEHIND.search(words):
                return Refusal.BEHIND, words
            return Refusal.REMOTE if "remote rejected" in words else Refusal.OTHER, words
    fatal = [line for line in errors.splitlines() if line.startswith(("fatal: ", "ssh: "))]
    if not fatal and "failed to push some refs" in errors:
        # It had the connection and sent nothing: only the hook can have stopped it.
        return Refusal.HOOK, ""
    reason = fatal[0].removeprefix("fatal: ") if fatal else f"git push ended with status {status}"
    if _CREDENTIALS.search(errors):
        return Refusal.CREDENTIALS, reason
    return Refusal.SILENT if _SILENT.search(errors) else Refusal.OTHER, reason
