"""What guard asks of remotes, and fetches from them: as the user would, without moving a branch."""

from __future__ import annotations

from typing import Final

from guard.errors import GitError
from guard.git.commands import git
from guard.git.remotes import without_secret
from guard.git.repository import Ended, Repository

# Seconds. A person waits, and git holds the connection of the push open meanwhile.
SECONDS: Final = 5.0
# Nothing of the user's changes: no tag comes along, FETCH_HEAD is theirs, submodules are asked by
# themselves, and no maintenance starts in the background.
_FETCH: Final = (
    *("fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules"),
    "--no-auto-maintenance",
)
# With an empty map a remote's tracking refs stay where they are, too (git-fetch(1)).
_EXACTLY: Final = ("--no-tags", "--refmap=", "--no-prune")


def ls_remote(
    repository: Repository, remote: str, *refs: str, seconds: float | None = SECONDS
) -> dict[str, str]:
    """What a remote has now: full name -> id, ``<tag>^{}`` for what an annotated tag leads to.

    Args:
        refs: their full names; by default all branches and tags.
        seconds: how long it may take, and nobody is asked for a password; None for as long as it
            does, and git may ask.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    words = ["--", remote, *refs] if refs else ["--heads", "--tags", "--", remote]
    answer = _answer(repository, remote, ("ls-remote", *words), seconds)
    shown = {ref: object_id for object_id, _, ref in answer if ref}
    # Git shows what ends in a name as well.
    return {ref: shown[ref] for ref in refs if ref in shown} if refs else shown


def remote_commit(repository: Repository, remote: str, ref: str) -> str:
    """What a ref of a remote is now, tags peeled; "" where the remote has none such.

    Raises:
        GitError: the remote does not answer or refuses.
    """
    shown = ls_remote(repository, remote, ref, f"{ref}^{{}}", seconds=None)
    return shown.get(f"{ref}^{{}}") or shown.get(ref, "")


def remote_head(repository: Repository, remote: str, seconds: float = SECONDS) -> str:
    """The full name of a remote's default branch, "" where it has none yet; as `ls_remote`.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    words = ("ls-remote", "--symref", "--", remote, "HEAD")
    answer = _answer(repository, remote, words, seconds)
    heads = (target.removeprefix("ref: ") for target, _, ref in answer if ref == "HEAD")
    return next((target for target in heads if target.startswith("refs/")), "")


def fetch(
    repository: Repository,
    remote: str,
    *refspecs: str,
    tags: bool = False,
    seconds: float | None = None,
) -> None:
    """Fetch some refs and nothing else; or, without any, all that the remote is configured for.

    Args:
        remote: its name, a URL or a path.
        refspecs: what has no destination moves no ref.
        tags: whether those that lead to what is fetched come along.
        seconds: as of `ls_remote`.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    exactly = _EXACTLY if refspecs else () if tags else ("--no-tags",)
    words = (*_FETCH, *exactly, "--", remote, *refspecs)
    ended = repository.run_as_user(*words, seconds=seconds)
    if ended.status:
        raise _refusal("fetch", repository, remote, ended)


def _answer(
    repository: Repository, remote: str, words: tuple[str, ...], seconds: float | None
) -> list[tuple[str, str, str]]:
    ended = repository.run_as_user(*words, seconds=seconds)
    if ended.status:
        raise _refusal("ls-remote", repository, remote, ended)
    return [line.partition("\t") for line in ended.output.split("\n") if line]


def _refusal(command: str, repository: Repository, remote: str, ended: Ended) -> GitError:
    return GitError(
        without_secret(f"git {command} {remote} failed: {ended.complaint}"),
        git(repository, "ls-remote", remote).text,
    )
