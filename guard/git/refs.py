"""Lists of refs: git is asked in the background, before somebody needs the answer."""

from __future__ import annotations

from subprocess import Popen
from typing import TYPE_CHECKING, NamedTuple

from guard.git.process import Repository, end, finish, lines_of, start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

# The verdicts of this repository, and what ``guard sync`` has brought of others'.
VERDICTS: Final = "refs/guard/verdicts"
REMOTES: Final = "refs/guard/remotes/"
_FORMAT: Final = "%(objectname)%00%(refname)%00%(symref)"


class Ref(NamedTuple):
    """A ref: the object that it names, and the ref that it follows, "" for none."""

    id: str
    symref: str = ""


class _Listing:
    """One ``git for-each-ref``, running or read."""

    def __init__(self, repository: Repository, patterns: Iterable[str]) -> None:
        self.git_dir = repository.git_dir
        self.open = set(patterns)
        self._process: Popen[bytes] | None = start(
            repository, "for-each-ref", f"--format={_FORMAT}", "--", *sorted(self.open)
        )
        self._refs: dict[str, Ref] = {}

    def refs(self) -> dict[str, Ref]:
        process, self._process = self._process, None
        if process is not None:
            for line in lines_of(finish(process)):
                found, name, symref = line.split("\0")
                self._refs[name] = Ref._make((found, symref))
        return self._refs

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process)


class RefLists:
    """The refs of repositories; what is known to be needed is asked for ahead.

    An answer that was asked for ahead is given once: whoever asks again wants to know what has
    become of the refs since.
    """

    def __init__(self) -> None:
        self._listings: list[_Listing] = []

    def ask(self, repository: Repository, *patterns: str) -> None:
        """Start to list refs, in one process.

        Args:
            patterns: a ref by its full name, or what is below one, with a slash at the end.

        Raises:
            GitError: git cannot be started.
        """
        for item in self._of(repository):
            item.open.difference_update(patterns)
            self._drop_if_done(item)
        self._listings.append(_Listing(repository, patterns))

    def is_asked(self, repository: Repository, pattern: str) -> bool:
        """Whether `take` would answer without another process."""
        return any(pattern in item.open for item in self._of(repository))

    def take(self, repository: Repository, pattern: str) -> dict[str, Ref]:
        """The refs of one pattern by their full names; asked for now where nobody has.

        Raises:
            GitError: git cannot list them.
        """
        if not self.is_asked(repository, pattern):
            self.ask(repository, pattern)
        item = next(item for item in self._of(repository) if pattern in item.open)
        item.open.discard(pattern)
        try:
            found = item.refs()
        finally:
            self._drop_if_done(item)
        if pattern.endswith("/"):
            return {name: ref for name, ref in found.items() if name.startswith(pattern)}
        return {name: ref for name, ref in found.items() if name == pattern}

    def close(self) -> None:
        """End what nobody has taken."""
        listings, self._listings = self._listings, []
        for item in listings:
            item.close()

    def _of(self, repository: Repository) -> list[_Listing]:
        return [item for item in self._listings if item.git_dir == repository.git_dir]

    def _drop_if_done(self, item: _Listing) -> None:
        if not item.open:
            self._listings.remove(item)
            item.close()
