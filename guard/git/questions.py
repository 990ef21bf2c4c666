"""What a hook has git look for while Python still imports what needs the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.errors import GuardError
from guard.git.locate import enclosing, hook_repository
from guard.git.objects import ObjectPool
from guard.git.process import Repository
from guard.git.refs import REMOTES, VERDICTS
from guard.git.remotes import Pairs

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Questions:
    """Questions of one command that may be asked before anybody wants to know, as a context.

    Attributes:
        pool: the readers of the command, some of them started.
        here: the repository in which git runs the hook, None until `begin` has found it.
    """

    def __init__(self) -> None:
        self.pool = ObjectPool()
        self.here: Repository | None = None
        self._first: Repository | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.close()

    def begin(self, *tracking: str) -> None:
        """Ask what any push needs to know of where it is; whoever needs it reports what is wrong.

        The repository around this one is likely to be its superproject.

        Args:
            tracking: patterns of refs that a push of the superproject is held against.
        """
        here = hook_repository()
        if here is None:
            return
        self.here = here
        around = next(enclosing(here), None)
        self._first = around or here
        try:
            self.pool.configurations.recall_from(self._first.common_dir)
            self.pool.configurations.ask(self._first)
            for repository in (self._first, here):
                self.pool.reader(repository).start()
            if around is not None:
                self.pool.refs.ask(around, VERDICTS, REMOTES)
            else:
                self.pool.refs.ask(here, VERDICTS, REMOTES, *tracking)
        except GuardError:
            pass

    def settings(self, repository: Repository) -> Pairs:
        """The repository's ``guard.*`` settings, and what it says of its remotes.

        Raises:
            GitError: git cannot be asked.
        """
        if self._first is not None:
            # It tells what is set for both.
            self.pool.configurations.read(self._first)
        return self.pool.configurations.read(repository)
