"""A real ``git push`` of exactly some refspecs, through the hooks; what was refused is told apart.

The format of ``--porcelain`` and the words in its brackets are those of git-push(1), "OUTPUT".
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import IO, Final, NamedTuple

from guard.errors import GitError
from guard.git.repository import Repository

# What ties git to one repository (``git rev-parse --local-env-vars``). Everything else is how the
# user reaches the remote.
_LOCAL: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
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


def send(
    repository: Repository,
    remote: str,
    refspecs: Sequence[str],
    echo: Callable[[str], None],
    progress: bool = False,
) -> Sent:
    """Push some refs, all of them or none, never by force and without any others.

    Args:
        remote: its name, or a URL.
        refspecs: ``<commit>:refs/heads/master``, ``refs/tags/v1:refs/tags/v1``.
        echo: told everything that git, the hooks and the remote say, as it comes.
        progress: whether git shows how far it is.

    Raises:
        GitError: git cannot be started.
    """
    words = ["push", "--porcelain", "--atomic", "--no-follow-tags", "--no-force"]
    words += ["--progress"] if progress else ["--no-progress"]
    # What git would push along is a step of its own.
    words += ["--recurse-submodules=no", "--", remote, *refspecs]
    process = _started(repository, words)
    assert process.stdout is not None and process.stderr is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    errors = _passed_on(process.stderr, echo)
    reader.join()
    status = process.wait()
    return _told(status, [os.fsdecode(line).rstrip("\n") for line in lines], errors)


def bring_objects(repository: Repository, remote: str, ref: str) -> None:
    """Fetch what a branch of a remote leads to. No ref moves, and nobody is asked anything.

    Whether it worked shows in what is there afterwards.
    """
    words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
    # With an empty map, the remote's tracking ref stays where it is, too (git-fetch(1)).
    words += ["--no-auto-gc", "--refmap=", "--", remote, ref]
    extra = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"}
    process = _started(repository, words, extra)
    process.communicate()


def catch_up(repository: Repository, remote: str) -> None:
    """Let git know what a remote's branches are at: a push that was killed has not told it.

    Whether it worked shows in what is known afterwards.
    """
    words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
    extra = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"}
    _started(repository, [*words, "--", remote], extra).communicate()


def _started(
    repository: Repository, words: Sequence[str], extra: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    place = repository.work_tree or repository.git_dir
    command = ["git", *words] if repository.work_tree else repository.command(*words)
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    try:
        # Git's messages untranslated: they are read here, too.
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**kept, "LANGUAGE": "en", **(extra or {})},
            cwd=place,
        )
    except OSError as error:
        raise GitError(f"git cannot be run in {place}: {error.strerror}") from error


def _passed_on(stream: IO[bytes], echo: Callable[[str], None]) -> str:
    """Everything that a stream holds, passed on as it comes: progress has no line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found = []
    while data := os.read(stream.fileno(), _CHUNK):
        piece = decoder.decode(data)
        found.append(piece)
        echo(piece)
    rest = decoder.decode(b"", True)
    if rest:
        echo(rest)
    return "".join([*found, rest])


def _told(status: int, lines: Sequence[str], errors: str) -> Sent:
    if status == 0:
        return Sent(None)
    refused = [line.split("\t", 2)[2] for line in lines if line.startswith("!\t")]
    # The others of an atomic push only share the fate of one.
    whole = [_inner(text) for text in refused if "atomic push" not in text] or refused
    if whole:
        return Sent(_kind(whole[0]), whole[0])
    fatal = [line for line in errors.splitlines() if line.startswith(("fatal: ", "ssh: "))]
    if not fatal and "failed to push some refs" in errors:
        # It had the connection and sent nothing: only the hook can have stopped it.
        return Sent(Refusal.HOOK)
    said = fatal[0].removeprefix("fatal: ") if fatal else f"git push ended with status {status}"
    if _CREDENTIALS.search(errors):
        return Sent(Refusal.CREDENTIALS, said)
    return Sent(Refusal.SILENT if _SILENT.search(errors) else Refusal.OTHER, said)


def _inner(summary: str) -> str:
    match = _BRACKETS.search(summary)
    return match[0] if match else summary


def _kind(summary: str) -> Refusal:
    if _EXISTS.search(summary):
        return Refusal.EXISTS
    if _BEHIND.search(summary):
        return Refusal.BEHIND
    return Refusal.REMOTE if "remote rejected" in summary else Refusal.OTHER
