"""What a push of the superproject replaces, and how its gitlinks lie to those that stand there."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from guard.config import Config
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.commands import ALONE, git, told
from guard.git.releases import is_older
from guard.git.remotes import Remote
from guard.model import STEPS_BACK, Combination
from guard.situation.branches import HEADS, fetching, looking_for_default, tracking_ref
from guard.situation.contents import brought_here
from guard.situation.gitlinks import Links, Submodule
from guard.situation.publication import Direction, Move, Unknown


class Replaced:
    """Holds pushed commits against what the destination has, as git tells it or as it is tracked.

    Args:
        links: of the destination.
    """

    def __init__(self, gate: Gate, links: Links) -> None:
        self._gate = gate
        self._links = links
        self._top = gate.workspace.superproject
        self._tips = dict(links.destination.tips)

    def tip(self, ref: str) -> str:
        """The commit that the destination has at a branch, "" for none and where nobody knows.

        Raises:
            GuardError: git told which one that is, and it is not here.
        """
        if ref in self._tips:
            tip, reader = self._tips[ref], self._gate.pool.reader(self._top)
            if not tip.strip("0"):
                return ""
            if reader.read(tip) is None:
                command = git(self._top, "fetch", self._links.destination.remote or "--all", ref)
                raise GuardError(f"commit {tip}, which {ref} is at there, is missing", command.text)
            return tip
        remote, refs = self._links.pushed_to, self._gate.refs
        name = tracking_ref(remote.name, ref.removeprefix(HEADS)) if remote else ""
        return refs[name].id if name in refs else ""

    @cached_property
    def default(self) -> str:
        """Where the remote's default branch was when it was last fetched, "" where it has none.

        Of a remote of which nothing was fetched, that of the one that the superproject comes from.

        Raises:
            GuardError: nothing was fetched of it.
        """
        links, top = self._links, self._top
        if tip := self.tracked_default:
            return tip
        remote = links.pushed_to
        if remote is None or not remote.name or not links.defaults.is_there(top, remote):
            return ""
        # What it has just said is its default branch may be here.
        if tip := self._tracked([remote]):
            return tip
        raise GuardError(
            f"the default branch of {remote.name}, which this is held against, was not fetched",
            told(looking_for_default(top, remote)),
        )

    @property
    def tracked_default(self) -> str:
        """As `default`, "" where nothing was fetched of it."""
        return self._tracked(self._remotes)

    @property
    def _remotes(self) -> list[Remote]:
        return [each for each in (self._links.pushed_to, self._links.home) if each and each.name]

    def _tracked(self, remotes: Sequence[Remote]) -> str:
        """The first default branch of some remotes that is here."""
        names = (self._links.defaults.tracked(self._top, remote) for remote in remotes)
        return next((self._gate.refs[name].id for name in names if name), "")

    def before(self, ref: str) -> Iterator[str]:
        """The commits by which a push to a ref goes, what it replaces first; "" for none.

        Raises:
            GuardError: one of them is not here.
        """
        yield self.tip(ref)
        yield self.default

    def moves(
        self, combination: Combination, config: Config, ref: str, moves_default: bool
    ) -> tuple[Move, ...]:
        """The gitlinks that do not lie ahead of those that a push to a branch replaces; of what is
        still to be committed, where HEAD would be pushed.

        It replaces the tip of the branch; where it is no fast-forward, and not of the default
        branch, or where the branch is new, it replaces what it has in common with the default one.
        """
        commit = combination.commit or self._gate.pool.head(self._top)
        if commit is None:
            return ()  # the first commit of all is still to be made
        try:
            tip = self.tip(ref)
            if tip and (moves_default or self._links.leads_to(self._top, commit, tip)):
                return self.against(combination, config, [tip])
            if not self.default or self._has_pins_of(self.default, combination, config):
                return ()
            return self.against(combination, config, self._common(commit, self.default))
        except GuardError as error:
            unknown = Unknown(error.problem, error.remedy)
            return (Move("", "", "", "", Direction.UNKNOWN, unknown=unknown),)

    def lines(
        self, combination: Combination, config: Config, bases: Sequence[str], why: str
    ) -> tuple[str, ...]:
        """What the message of a commit of this content says of each gitlink that goes back."""
        try:
            moves = self.against(combination, config, bases)
        except GuardError:
            return ()  # the push says what is wrong
        return tuple(f"{STEPS_BACK}: {move.path} {why}" for move in moves)

    def against(
        self, combination: Combination, config: Config, bases: Sequence[str]
    ) -> tuple[Move, ...]:
        """The gitlinks that do not lie ahead of those that some commits have.

        Raises:
            GuardError: one of these cannot be read.
        """
        moves = dict.fromkeys(
            move for base in bases for move in self._against(combination, config, base)
        )
        return tuple(moves)

    def _has_pins_of(self, commit: str, combination: Combination, config: Config) -> bool:
        """Whether nothing is pinned otherwise than in a commit."""
        other = self._gate.combination(commit)
        pins = (list(self._links.own(each, config)) for each in (combination, other))
        return _is_same(other, combination) or next(pins) == next(pins)

    def _against(self, combination: Combination, config: Config, base: str) -> Iterator[Move]:
        before = self._gate.combination(base)
        if _is_same(before, combination):
            return
        old, new = (list(self._links.own(each, config)) for each in (before, combination))
        paths = {submodule.path for submodule, _ in new}
        for submodule, commit in new:
            pair = self._counterpart(submodule, old, paths)
            if pair is None or pair[1] == commit:
                continue
            names = pair[1][:12], commit[:12]
            move = Move(submodule.path, base, pair[1], commit, Direction.UNKNOWN, names)
            if submodule.path == config.dependency:
                move = self._released(move, before, combination, config)
            if move.direction is Direction.UNKNOWN:
                move = self._directed(move, submodule)
            if move.direction is not Direction.AHEAD:
                yield move

    def _counterpart(
        self, submodule: Submodule, old: Sequence[tuple[Submodule, str]], paths: set[str]
    ) -> tuple[Submodule, str] | None:
        """What of the same repository stood at its path, had its name, or has left its own path."""
        at_path = [each for each in old if each[0].path == submodule.path]
        by_name = [each for each in old if {*each[0].names} & {*submodule.names}]
        gone = [each for each in old if each[0].path not in paths]
        for pair in (*at_path, *by_name, *gone):
            if pair[0].url == submodule.url or self._place(pair[0]) & self._place(submodule):
                return pair
        return None

    def _place(self, submodule: Submodule) -> frozenset[str]:
        """Where the URL of a submodule leads to, however it is written."""
        urls = self._links.urls(submodule) if submodule.url else []
        return frozenset().union(*map(self._links.places_of, urls))

    def _released(
        self, move: Move, before: Combination, after: Combination, config: Config
    ) -> Move:
        """The move by the order of releases, where both sides are releases of other versions."""
        new = self._gate.release(after, config)
        old = self._gate.release(before, config) if new is not None else None
        if old is None or new is None:
            return move
        form, names = config.release_tag, (old, new)
        if is_older(old, new, form):
            return move._replace(direction=Direction.AHEAD, names=names)
        if is_older(new, old, form):
            return move._replace(direction=Direction.BEHIND, names=names)
        return move

    def _directed(self, move: Move, submodule: Submodule) -> Move:
        """The move by ancestry, in the first repository that has both commits."""
        links, ids = self._links, [move.old, move.new]
        both = (each for each in submodule.repositories if len(links.present(each, ids)) == 2)
        repository = next(both, None)
        if repository is None:
            return move._replace(unknown=self._missing(move, submodule))
        if links.leads_to(repository, move.new, move.old):
            return move._replace(direction=Direction.AHEAD)
        if links.leads_to(repository, move.old, move.new):
            return move._replace(direction=Direction.BEHIND)
        if not repository.is_shallow:
            return move._replace(direction=Direction.BESIDE)
        unshallow = (git(repository, "fetch", "--unshallow"),)
        return move._replace(unknown=Unknown(f"the history of {move.path} is cut off", unshallow))

    def _missing(self, move: Move, submodule: Submodule) -> Unknown:
        """Why no repository can say how two commits lie."""
        for repository in submodule.repositories:
            for commit in {move.old, move.new} - self._links.present(repository, move[2:4]):
                command = fetching(repository, self._gate.pool.settings, commit)
                return Unknown(f"commit {commit} of {move.path} is missing", (command,))
        top = self._gate.workspace.superproject
        return Unknown(f"no repository of {move.path} is here", brought_here(top, move.path))

    def _common(self, commit: str, other: str) -> list[str]:
        """The best common ancestors of two commits of the superproject."""
        if self._links.near(self._top, commit, {other}):
            return [other]
        bases = self._top.lines("merge-base", "--all", commit, other, ok=(0, 1))
        if not bases and self._top.is_shallow:
            raise GuardError(
                f"the history of {self._gate.workspace.name('')} is cut off, so that it cannot be "
                "seen what a new branch starts from",
                git(self._top, "fetch", "--unshallow", *ALONE).text,
            )
        return bases


def _is_same(before: Combination, after: Combination) -> bool:
    return before.tree == after.tree and not after.replaced
