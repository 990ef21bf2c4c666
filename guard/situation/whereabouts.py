"""How branches of remotes lie to the commits that are to be on them."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from guard.errors import GitError
from guard.git.commands import git
from guard.git.network import fetch, ls_remote
from guard.git.repository import Repository
from guard.install.health import hook_health
from guard.situation.branches import tracking_ref
from guard.situation.checkouts import in_way_of_checkout, in_way_of_rebase
from guard.situation.gitlinks import Links
from guard.situation.release import Reach, Spot, Trouble
from guard.situation.tracking import Tracking, reachable
from guard.situation.workspace import Workspace

# Seconds that bringing the commits of one branch may take; nobody is asked for a password.
_FETCHING: Final = 60.0


class Whereabouts:
    """Compares, and asks each remote once.

    Args:
        patience: the seconds that a remote has to answer; 0 where none is asked, and what git
            knew last counts.
    """

    def __init__(self, workspace: Workspace, links: Links, patience: float) -> None:
        self._workspace = workspace
        self._links = links
        self._patience = patience
        self._answers: dict[tuple[str, str], dict[str, str] | Trouble] = {}

    def compared(self, spot: Spot, tracking: Tracking, remote: str, path: str) -> Spot | Trouble:
        """A branch of a remote, compared with the commit that is to be on it."""
        repository = tracking.repository
        if spot.trouble is None:
            spot = spot._replace(trouble=self._hook(repository, path))
        ref = tracking.refs.get(tracking_ref(remote, spot.branch))
        known = ref.id if ref else ""
        spot = spot._replace(there=known)
        if self._patience:
            shown = self.shown(repository, remote)
            if isinstance(shown, Trouble):
                return shown
            there = shown.get(spot.ref, "")
            stale = remote if there != known else ""
            spot = spot._replace(there=there, asked=True, stale=stale)
        if not spot.there:
            return spot
        if spot.there != spot.source and not self._links.present(repository, [spot.there]):
            with suppress(GitError):  # whether it worked shows in what is there afterwards
                fetch(repository, remote, spot.ref, seconds=_FETCHING)
        try:
            spot = spot._replace(reach=_reach(repository, spot.source, spot.there))
            return _with_obstacles(spot, path)
        except GitError as error:
            return Trouble(
                f"{spot.branch} of {remote} is at {spot.there[:12]}, which cannot be compared: "
                f"{error.problem}",
                spot.git("fetch", remote).text,
                True,
            )

    def _hook(self, repository: Repository, path: str) -> Trouble | None:
        health = hook_health(repository)
        if health.effective:
            return None
        name = self._workspace.name(path)
        reason = f"guard's hook in {name} is {health.state.value}: {health.reason}"
        return Trouble(reason, health.remedy or "guard install")

    def shown(self, repository: Repository, remote: str) -> dict[str, str] | Trouble:
        """The refs of a remote, asked for once."""
        key = (repository.common_dir, remote)
        if key not in self._answers:
            try:
                self._answers[key] = ls_remote(repository, remote, seconds=self._patience)
            except GitError as error:
                remedy = git(repository, "fetch", remote).text
                self._answers[key] = Trouble(error.problem, remedy, True, is_persons=True)
        return self._answers[key]


def _with_obstacles(spot: Spot, path: str) -> Spot:
    """With what is in the way where the checkout is to be brought up to the remote's branch."""
    if spot.reach not in (Reach.AHEAD_THERE, Reach.APART):
        return spot
    at, there = spot.repository, spot.there
    # What is staged in the superproject is committed first.
    return spot._replace(
        obstacle=in_way_of_checkout(at, there),
        rebase_obstacle=in_way_of_rebase(at, there, staged=bool(path)),
    )


def _reach(repository: Repository, commit: str, there: str) -> Reach:
    if commit == there:
        return Reach.SAME
    if not commit:
        return Reach.APART
    if reachable(repository, [commit], [there]):
        return Reach.AHEAD_THERE
    return Reach.LACKING if reachable(repository, [there], [commit]) else Reach.APART
