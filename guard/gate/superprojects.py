"""Which superproject a push of the consumer is judged with: the one that it would make."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.commands import ALONE, git
from guard.git.index import LostIndexError
from guard.git.remotes import Remote, read_remotes
from guard.git.repository import Repository
from guard.model import Combination, Decision
from guard.situation.branches import (
    HEADS,
    PushedTo,
    all_branches,
    goes_to,
    tracking_ref,
)
from guard.situation.defaults import Default
from guard.situation.gitlinks import Destination, Links


class Judge(NamedTuple):
    """A superproject that a commit of the consumer is put into.

    Args:
        superproject: it, or why there is none that can be read.
        behind: the ref that tracks its branch on the remote, and what HEAD lacks of that; "" where
            it has all.
        silence: why a remote that was asked for its default branch does not say, or "".
        apart: whether it is what others have, for what is checked out goes to another branch than
            the superproject's default one, or to a fork, and the consumer to its default one.
    """

    superproject: Combination | GuardError
    behind: tuple[str, str] = ("", "")
    silence: str = ""
    apart: bool = False


class Superprojects:
    """The superprojects that may judge pushes of a consumer's repository.

    Args:
        links: what is known of the superproject's remotes.
        destination: where the consumer is pushed to.
    """

    def __init__(
        self, gate: Gate, links: Links, consumer: Repository, destination: Destination
    ) -> None:
        self._gate = gate
        self._links = links
        self._consumer = consumer
        self._destination = destination
        self._new, self._first = frozenset(destination.new), destination.first
        self._silences: list[str] = []

    def decisions(self, commit: str, ref: str) -> Iterator[tuple[Judge, Decision]]:
        """What each says of a commit; the first that allows it counts. Raises no `GuardError`."""
        for judge in self.of(ref):
            yield judge, self._gate.consumer_in(judge.superproject, commit, ref or None)

    def of(self, ref: str) -> Iterator[Judge]:
        """In their order, for a push to a ref; "" where that is not known.

        First what is checked out: the index, and HEAD where it has all that its branch has on the
        remote. For the consumer's default branch it does not count unless it goes to the
        superproject's one. Then what is published: the branch of that name, else the default one.
        """
        try:
            is_apart, behind = self._is_apart(ref), self._behind
        except GuardError as error:
            yield Judge(error)
            return
        silence = self._silences[0] if self._silences else ""
        if not is_apart:
            present = _read(self._gate.present) or self._nothing_published
            yield Judge(present, behind, silence)
            if isinstance(present, LostIndexError):
                return  # what would be committed next is not known
            head = None if any(behind) else _read(lambda: self._gate.head)
            if head is not None:
                yield Judge(head, silence=silence)
        published = _read(lambda: self._published(ref))
        if published is not None or is_apart:
            yield Judge(published or self._nothing_published, silence=silence, apart=is_apart)

    @cached_property
    def goes_to(self) -> PushedTo:
        """Where the superproject's HEAD would be pushed."""
        workspace = self._gate.workspace
        return goes_to(workspace.superproject, workspace.options, self._gate.refs)

    @cached_property
    def goes_home(self) -> bool:
        """Whether that is where the superproject's default branch comes from, as far as anything
        says where that is, and not a fork.

        By which URL it is pushed there says nothing: git wants it to lead to the same place
        (git-remote(1), "set-url").
        """
        here, home, remote = self._links.here, self._links.home, self._goes_to_remote
        if home is None or remote is None:
            return True
        url = self.goes_to.url or remote.urls[0]
        return bool(self._links.places_of(url) & here.fetch_places(home))

    @property
    def _goes_to_remote(self) -> Remote | None:
        return self._links.here.named(self.goes_to.remote)

    @cached_property
    def _tracked(self) -> str:
        """The ref that tracks it, "" where the remote is not known to have it."""
        to, remote = self.goes_to, self._goes_to_remote
        ref = tracking_ref(to.remote, to.ref.removeprefix(HEADS))
        if ref in self._gate.refs:
            return ref
        top = self._gate.workspace.superproject
        # Under its old name, where it was renamed.
        if remote is None or not self._links.defaults.known(top, remote, to.ref):
            return ""
        return self._links.defaults.tracked(top, remote)

    @cached_property
    def _behind(self) -> tuple[str, str]:
        """What HEAD lacks of what the remote has where it goes: its index is out of date then."""
        top, refs = self._gate.workspace.superproject, self._gate.refs
        if not self._tracked:
            return "", ""
        head, tip = self._gate.pool.head(top), refs[self._tracked].id
        has_all = head is not None and self._links.leads_to(top, head, tip)
        return ("", "") if has_all else (self._tracked, tip)

    def _is_apart(self, ref: str) -> bool:
        """Whether the consumer goes to its default branch, and the superproject does not."""
        defaults, top, to = self._links.defaults, self._gate.workspace.superproject, self.goes_to
        remote = self._goes_to_remote
        if not ref.startswith(HEADS) or remote is None:
            return False
        goes_home = self.goes_home and not to.detached
        if goes_home and self._tracked and defaults.known(top, remote, to.ref):
            return False
        is_known = goes_home and bool(self._tracked)
        if not (is_known or defaults.tracks(top, self._links.home or remote)):
            return False  # nothing of it is published: its first branch will be the default one
        if self._to_fork or self._of_consumer(ref).holds is False:
            return False
        if not goes_home:
            return True
        own = defaults.is_default(top, remote, to.ref, not self._tracked, to.ref)
        return not self._heard(own).holds

    @property
    def _to_fork(self) -> bool:
        """Whether the consumer has a remote that is what `.gitmodules` names, and goes to no such
        one: not to what others take for it.
        """
        links, submodule = self._links, None
        with suppress(GuardError):  # as in the middle of a merge; what others have may be read
            present = self._gate.present()
            config = self._gate.config(present)
            submodule = links.submodule(present, config, config.consumer)
        if submodule is None:
            return False
        remotes = read_remotes(self._gate.pool.settings.of(self._consumer), self._consumer)
        homes = links.homes(submodule, remotes)[1]
        return bool(homes) and self._remote not in homes

    def _of_consumer(self, ref: str) -> Default:
        """Whether a ref is the default branch of where the consumer goes."""
        defaults, remote, is_new = self._links.defaults, self._remote, ref in self._new
        return self._heard(
            defaults.is_default(self._consumer, remote, ref, is_new, self._first or ref)
        )

    @cached_property
    def _remote(self) -> Remote:
        pairs = self._gate.pool.settings.of(self._consumer)
        return self._destination.of(read_remotes(pairs, self._consumer)) or Remote("", ("",))

    def _heard(self, default: Default) -> Default:
        if default.silence:
            self._silences.append(default.silence)
        return default

    def _published(self, ref: str) -> Combination | None:
        """What others have of the superproject, as it was last fetched."""
        top, home, refs = self._gate.workspace.superproject, self._links.home, self._gate.refs
        if home is None:
            return None
        names = [self._links.defaults.tracked(top, home)]
        is_default = self._links.defaults.known(self._consumer, self._remote, ref)
        if ref.startswith(HEADS) and not is_default:
            names.insert(0, tracking_ref(home.name, ref.removeprefix(HEADS)))
        here = self._links.here
        own = here.tracked(home, here.fetch_places(home), filter(None, names))
        name = next((each for each in own if each in refs), "")
        if not name:
            return None
        return self._gate.combination(refs[name].id, name.removeprefix("refs/remotes/"))

    @property
    def _nothing_published(self) -> GuardError:
        workspace, remote = self._gate.workspace, self._links.home
        words = (remote.name, *all_branches(remote)) if remote else ("--all",)
        return GuardError(
            f"what others have of {workspace.name('')} is not here, to judge this push with",
            git(workspace.superproject, "fetch", *ALONE, *words).text,
        )


def _read(superproject: Callable[[], Combination | None]) -> Combination | GuardError | None:
    """A superproject, or why it cannot be read."""
    try:
        return superproject()
    except GuardError as error:
        return error
