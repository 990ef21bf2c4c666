"""A real ``git push`` of exactly some refspecs, through the hooks; what was refused is told apart.

The format of ``--porcelain`` and the words in its brackets are those of git-push(1), "OUTPUT".
"""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import IO, Final, NamedTuple

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


class Sent(NamedTuple):
    """What came of a push.

    Args:
        refusal: None where everything has arrived.
        said: git's own word on it, one line; "" where it said none.
    """

    refusal: Refusal | None
    said: str = ""


class PushError(GuardError):
    """A push that did not happen."""

    def __init__(self, problem: str, remedy: str, refusal: Refusal) -> None:
        super().__init__(problem, remedy)
        self.refusal = refusal


def send(
    repository: Repository,
    remote: str,
    refspecs: Sequence[str],
    echo: Callable[[str], None],
    progress: bool = False,
    verify: bool = True,
) -> Sent:
    """Push some refs, all of them or none, never by force and without any others.

    Args:
        remote: its name, or a URL.
        refspecs: ``<commit>:refs/heads/master``, ``refs/tags/v1:refs/tags/v1``.
        echo: told everything that git, the hooks and the remote say, as it comes.
        progress: whether git shows how far it is.
        verify: whether this machine's hook is run; it has nothing to judge where no branch and no
            tag is pushed.

    Raises:
        GitError: git cannot be started.
    """
    words = ["push", "--porcelain", "--atomic", "--no-follow-tags", "--no-force"]
    words.append("--progress" if progress else "--no-progress")
    words.append("--verify" if verify else "--no-verify")
    # What git would push along is a step of its own.
    words.append("--recurse-submodules=no")
    process = repository.start_as_user(*words, "--", remote, *refspecs)
    assert process.stdout is not None and process.stderr is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    errors = _passed_on(process.stderr, echo)
    reader.join()
    end(process)
    return _told(process.returncode, [os.fsdecode(line).rstrip("\n") for line in lines], errors)


def push(repository: Repository, remote: str, what: str, ref: str, verify: bool = True) -> None:
    """A push of one ref, never by force.

    Args:
        what: a commit, or the full name of a ref.
        verify: as for `send`.

    Raises:
        PushError: the hook or the remote refuses; what they said is in it.
    """
    output: list[str] = []
    sent = send(repository, remote, [f"{what}:{ref}"], output.append, verify=verify)
    if sent.refusal is not None:
        words = f" ({sent.said})" if sent.said else ""
        raise PushError(
            f"{sent.refusal.value}{words}\n{''.join(output).strip()}".rstrip(),
            git(repository, "ls-remote", remote).text,
            sent.refusal,
        )


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


def _told(status: int, lines: Sequence[str], errors: str) -> Sent:
    if status == 0:
        return Sent(None)
    refused = [line.split("\t", 2)[2] for line in lines if line.startswith("!\t")]
    # In an atomic push, one refused ref refuses them all.
    whole = [_inner(text) for text in refused if "atomic push" not in text] or refused
    if whole:
        return Sent(_kind(whole[0]), whole[0])
    fatal = [line for line in errors.splitlines() if line.startswith(("fatal: ", "ssh: "))]
    if not fatal and "failed to push some refs" in errors:
        # It had the connection and sent nothing: only the hook can have stopped it.
        return Sent(Refusal.HOOK)
    reason = fatal[0].removeprefix("fatal: ") if fatal else f"git push ended with status {status}"
    if _CREDENTIALS.search(errors):
        return Sent(Refusal.CREDENTIALS, reason)
    return Sent(Refusal.SILENT if _SILENT.search(errors) else Refusal.OTHER, reason)


def _inner(summary: str) -> str:
    match = _BRACKETS.search(summary)
    return match[0] if match else summary


def _kind(summary: str) -> Refusal:
    if _EXISTS.search(summary):
        return Refusal.EXISTS
    if _BEHIND.search(summary):
        return Refusal.BEHIND
    return Refusal.REMOTE if "remote rejected" in summary else Refusal.OTHER
