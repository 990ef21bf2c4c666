"""Which branch of a remote is its default one: as the remote itself says, asked once a day.

Git keeps what a remote's HEAD was when it was cloned, and never follows it to another branch. What
the remote said is kept in the memo, until a user lets git's own record say something else.
"""

from collections.abc import Iterable
from contextlib import suppress
from time import time
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.remotes import Remote, place
from guard.git.repository import Repository
from guard.situation.branches import (
    HEADS,
    all_branches,
    default_branches,
    moves_default,
    tracking_ref,
)
from guard.situation.branches import remote_head as followed_head

_KIND: Final = "default"
_DAY: Final = 86_400


class _Answer(NamedTuple):
    """The full name of a default branch, and when the remote said so, in seconds since 1970.

    Args:
        ref: "" where its HEAD was at nothing while it had a certain other branch.
    """

    ref: str
    when: float


class Default(NamedTuple):
    """Whether a branch is the default one.

    Args:
        holds: None where nothing tells.
        silence: why the remote did not say so, "" where it did or need not.
    """

    holds: bool | None
    silence: str = ""


class Defaults:
    """Knows the default branches of remotes.

    Args:
        asks: whether a remote may be asked over the network.
    """

    def __init__(self, memo: Memo, pool: ObjectPool, asks: bool) -> None:
        self._memo = memo
        self._pool = pool
        self._began = time()
        self._asks = asks and pool.asking.seconds != 0
        self._keys: dict[tuple[Repository, Remote], tuple[str, str]] = {}
        self._answers: dict[tuple[str, ...], _Answer | None] = {}

    def said(self, repository: Repository, remote: Remote) -> str:
        """What a remote said last, by its full name there; "" where it was not asked."""
        answer = self._answer(*self._key(repository, remote))
        return answer.ref if answer is not None else ""

    def tracked(self, repository: Repository, remote: Remote) -> str:
        """The tracking ref of the likeliest default branch, "" where none is here."""
        refs = self._pool.refs(repository)
        if said := self.said(repository, remote):
            ref = tracking_ref(remote.name, said.removeprefix(HEADS))
            return ref if ref in refs else ""
        return next(iter(default_branches(refs, remote.name)), "")

    def known(self, repository: Repository, remote: Remote, ref: str) -> bool | None:
        """Whether a ref is the default branch, as was known last; None where nothing is known."""
        if not ref.startswith(HEADS):
            return False
        if said := self.said(repository, remote):
            return ref == said
        followed = self._key(repository, remote)[1]
        branch, refs = ref.removeprefix(HEADS), self._pool.refs(repository)
        return moves_default(remote.name, branch, followed, refs)

    def settled(
        self, repository: Repository, remote: Remote, ref: str, is_new: bool, first: str
    ) -> bool | None:
        """Whether a ref is the default branch; None where the remote may have another one by now.

        Args:
            is_new: whether the remote has no such ref yet, so that its HEAD cannot be at it.
            first: the branch that it would be given first, which counts where it is empty.
        """
        if not ref.startswith(HEADS):
            return False
        key = self._key(repository, remote)
        if (answer := self._fresh(*key)) is not None:
            return ref == answer.ref
        if not is_new and self._fresh(*key, ref) is not None:
            return bool(self.known(repository, remote, ref))
        is_made = is_new and (ref != first or bool(self.tracked(repository, remote)))
        return False if is_made and self.known(repository, remote, ref) is False else None

    def is_default(
        self, repository: Repository, remote: Remote, ref: str, is_new: bool, first: str
    ) -> Default:
        """As `settled`; the remote is asked where it may say something else."""
        settled = self.settled(repository, remote, ref, is_new, first)
        if settled is not None:
            return Default(settled)
        last = self.known(repository, remote, ref)
        if not self._asks:
            return Default(last)
        try:
            said = self.ask(repository, remote)
            if not said and not self._has_branches(repository, remote):
                return Default(ref == first)
        except GitError as error:
            return Default(last, error.problem)
        own = tracking_ref(remote.name, ref.removeprefix(HEADS))
        if not (said or is_new) and own in self._pool.refs(repository):
            # Once that branch is made at which its HEAD is, it is the default one: this one is not.
            self._keep("", *self._key(repository, remote), ref)
        return Default(ref == said if said else bool(last))

    def ask(self, repository: Repository, remote: Remote) -> str:
        """What a remote says, asked at most once a day; "", asked each time, where its HEAD is at
        nothing.

        Raises:
            GitError: it did not answer, or refused.
        """
        key = self._key(repository, remote)
        answer = self._fresh(*key)
        if answer is not None:
            return answer.ref
        ref = self._pool.asking.head(repository, remote.name or remote.urls[0])
        if isinstance(ref, GitError):
            raise ref
        if ref:
            self._keep(ref, *key)
        return ref

    def is_there(self, repository: Repository, remote: Remote) -> bool:
        """Whether a remote has a default branch, though none is here: of a clone of one branch, and
        where git follows one that is gone. Of others, as at a first push, nobody is asked.
        """
        is_of_one = bool(all_branches(remote)) and self.tracks(repository, remote)
        if self._asks and (is_of_one or self._key(repository, remote)[1]):
            with suppress(GitError):
                return bool(self.ask(repository, remote))
        return is_of_one

    def _keep(self, ref: str, *key: str) -> None:
        self._answers[key] = answer = _Answer(ref, time())
        self._memo.write(answer, _KIND, *key)

    def _fresh(self, *key: str) -> _Answer | None:
        """What a remote said within a day; within this command where all is asked anew."""
        answer, now = self._answer(*key), time()
        since = self._began if self._pool.asking.anew else now - _DAY
        return answer if answer is not None and since < answer.when <= now else None

    def tracks(self, repository: Repository, remote: Remote) -> bool:
        """Whether anything is here of what a remote has; git lists all refs for that."""
        below = tracking_ref(remote.name, "")
        names: Iterable[str] = self._pool.refs(repository) if remote.name else ()
        return any(name.startswith(below) for name in names)

    def _has_branches(self, repository: Repository, remote: Remote) -> bool:
        if self.tracks(repository, remote):
            return True
        shown = self._pool.asking.shown(repository, remote.name or remote.urls[0])
        if isinstance(shown, GitError):
            raise shown
        return any(name.startswith(HEADS) for name in shown)

    def _answer(self, *key: str) -> _Answer | None:
        if key not in self._answers:
            self._answers[key] = self._memo.read(_Answer, _KIND, *key)
        return self._answers[key]

    def _key(self, repository: Repository, remote: Remote) -> tuple[str, str]:
        """Where the remote is, and what git follows as its HEAD."""
        if (repository, remote) not in self._keys:
            followed = followed_head(repository, remote.name) if remote.name else ""
            self._keys[repository, remote] = place(remote.urls[0], repository.place), followed
        return self._keys[repository, remote]
