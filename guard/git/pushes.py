"""What git tells a pre-push hook, and which of it is to be judged. Source: githooks(5)."""

import os
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from guard.errors import UsageError
from guard.git.objects import ObjectReader

_DIGITS: Final = "0123456789abcdef"
_REVIEW: Final = "refs/for/"


class RefUpdate(NamedTuple):
    """One line of a hook's standard input.

    Args:
        local_ref: what was named on this side, ``(delete)`` for a deletion; may be any revision.
        local_id: the object that is pushed, zeros for a deletion.
        remote_id: what the remote has now, zeros where it has none.
    """

    local_ref: str
    local_id: str
    remote_ref: str
    remote_id: str

    @property
    def deletes(self) -> bool:
        """Whether the destination is deleted."""
        return not self.local_id.strip("0")


class Pushed(NamedTuple):
    """A ref of a push with the commit it would bring, None where it brings no commit."""

    update: RefUpdate
    commit: str | None


def parse_updates(data: bytes) -> list[RefUpdate]:
    """The ref lines that git writes to the hook.

    A local name may hold spaces (it is whatever the user typed), so the line is read from its end.

    Raises:
        UsageError: a line is not of git's form; the hook was not called by git.
    """
    updates = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line:
            continue
        words = os.fsdecode(line).rsplit(" ", 3)
        if len(words) != 4 or not is_id(words[1]) or not is_id(words[3]):
            raise UsageError(
                f"line {number} of the hook's standard input is not of git's form "
                f"'<local ref> <local id> <remote ref> <remote id>': {line[:120]!r}",
                "run it through git push",
            )
        updates.append(RefUpdate(*words))
    return updates


def is_id(word: str) -> bool:
    """Whether a word is an object's id, whole."""
    return len(word) in (40, 64) and not word.strip(_DIGITS)


def pre_commit_updates(
    environ: Mapping[str, str], resolve: Callable[[str], str]
) -> list[RefUpdate] | None:
    """What pre-commit says of a push in the environment; it shows a hook the first ref only.

    Args:
        resolve: the commit of a revision. A push that begins with the first commit of all names
            no commits, only the branch.

    Returns:
        None where pre-commit did not call. Source: pre-commit's documentation, "pre-push".
    """
    pushed = environ.get("PRE_COMMIT_TO_REF", "")
    local = environ.get("PRE_COMMIT_LOCAL_BRANCH", "")
    remote = environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    if "PRE_COMMIT_REMOTE_NAME" not in environ or not (pushed or local):
        return None
    if not remote:
        raise UsageError(
            "pre-commit does not say which branch is pushed to", "pip install 'pre-commit>=2.10'"
        )
    pushed = pushed or resolve(local)
    old = environ.get("PRE_COMMIT_FROM_REF") or "0" * len(pushed)
    return [RefUpdate(local or pushed, pushed, remote, old)]


def peel(reader: ObjectReader, updates: Iterable[RefUpdate]) -> list[Pushed]:
    """The commits that the updates bring, tags followed to their end."""
    updates = list(updates)
    ids = sorted({update.local_id for update in updates if not update.deletes})
    commits = reader.read_all([f"{name}^{{commit}}" for name in ids])
    peeled = {name: commit.id for name, commit in zip(ids, commits, strict=True) if commit}
    others = [name for name in ids if name not in peeled]
    # What leads to no commit is there all the same, or it is missing: the gate says so then, of
    # the id that git named.
    kinds = reader.kinds(others)
    peeled.update((name, name) for name, kind in zip(others, kinds, strict=True) if kind is None)
    return [Pushed(update, peeled.get(update.local_id)) for update in updates]


def is_judged(ref: str) -> bool:
    """Whether a commit in a destination is built by somebody: notes, a stash, records never are."""
    return ref != "refs/stash" and not ref.startswith(("refs/notes/", "refs/guard/"))


def is_review(ref: str) -> bool:
    """Whether a push there asks for a review. Source: Gerrit's "Uploading Changes"."""
    return ref.startswith(_REVIEW)


def meant(ref: str) -> str:
    """The ref that a push is for: of a review, ``refs/for/<branch>%<options>``, the branch."""
    if not is_review(ref):
        return ref
    target = ref.removeprefix(_REVIEW).partition("%")[0]
    return target if target.startswith("refs/") else f"refs/heads/{target}"


def fits(ref: str, patterns: Iterable[str]) -> bool:
    """Whether a ref is meant by patterns, of which the last that fits decides; ``!`` excludes.

    ``*`` stands for anything, slashes too; a pattern without ``refs/`` is held against the short
    name as well.
    """
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    meant = False
    for pattern in patterns:
        plain = pattern.removeprefix("!")
        # Most policies are "*", and a push need not wait for the expression.
        if plain == "*" or fnmatchcase(ref, plain) or fnmatchcase(short, plain):
            meant = plain == pattern
    return meant
