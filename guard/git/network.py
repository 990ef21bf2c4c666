"""What guard asks over the network: which refs a remote has, and which is its default branch."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from guard.errors import GitError
from guard.git.repository import Repository, command_settings, lines_of, user_environment

# A person waits, and git holds the connection of the push open meanwhile.
SECONDS: Final = 5.0
# How a user reaches a network, besides what counts for reading repositories.
_KEPT: Final = ("GIT_ALLOW_PROTOCOL", "GIT_CURL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSL_")


def ls_remote(repository: Repository, remote: str, seconds: float = SECONDS) -> dict[str, str]:
    """What a remote has now: full name -> id, ``<tag>^{}`` for what an annotated tag leads to.

    Git asks with the user's own credentials, and nobody is asked for any.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    lines = _asked(repository, remote, ("--heads", "--tags", "--", remote), seconds)
    return {ref: found for found, _, ref in lines if ref}


def remote_head(repository: Repository, remote: str, seconds: float = SECONDS) -> str:
    """The full name of a remote's default branch, "" where it has none yet; as `ls_remote`.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    lines = _asked(repository, remote, ("--symref", "--", remote, "HEAD"), seconds)
    heads = (found.removeprefix("ref: ") for found, _, ref in lines if ref == "HEAD")
    return next((found for found in heads if found.startswith("refs/")), "")


def _asked(
    repository: Repository, remote: str, words: Sequence[str], seconds: float
) -> list[tuple[str, str, str]]:
    command = repository.command("ls-remote", *words)
    try:
        # A session of its own has no terminal to ask at, and ends as a whole.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd=repository.work_tree or repository.git_dir,
            start_new_session=True,
        )
    except OSError as error:
        raise GitError(f"git cannot be run in {repository.git_dir}: {error.strerror}") from error
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise GitError(f"git ls-remote {remote} did not answer in {seconds:g} seconds") from None
    finally:
        _end(process)
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        raise GitError(f"git ls-remote {remote} failed: {said[0] if said else 'without a word'}")
    return [line.partition("\t") for line in lines_of(output)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the question: git's helpers outlive git."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return {
        **kept,
        **user_environment(),
        **command_settings(),
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS_REQUIRE": "never",
    }
