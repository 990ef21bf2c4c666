"""What a hook has git look for while Python still imports what needs the answers."""

from __future__ import annotations

from guard.errors import GuardError
from guard.git.locate import enclosing, hook_repository
from guard.git.objects import ObjectPool
from guard.git.process import Repository, finish, start
from guard.git.refs import REMOTES, VERDICTS
from guard.git.remotes import KEYS, Pairs, configuration
from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from guard.child import Child


class Questions:
    """Questions of one command that may be asked before anybody wants to know, as a context.

    Attributes:
        pool: the readers of the command, some of them started.
        here: the repository in which git runs the hook, None until `begin` has found it.
    """

    def __init__(self) -> None:
        self.pool = ObjectPool()
        self.here: Repository | None = None
        self._settings: dict[str, Child] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.close()
        for process in self._settings.values():
            process.close()
            process.wait()

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
        try:
            for repository in (here, around):
                if repository is not None:
                    self._settings[repository.git_dir] = _asked(repository)
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
        process = self._settings.pop(repository.git_dir, None) or _asked(repository)
        return configuration(finish(process, ok=(0, 1)))


def _asked(repository: Repository) -> Child:
    return start(repository, "config", "-z", "--get-regexp", rf"^(guard|{KEYS})\.")
