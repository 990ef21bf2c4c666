"""The known-good combinations: what passed, as people name it, and what of it is still here."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple

from guard.config import Config
from guard.errors import GuardError, MissingObjectError, UsageError
from guard.gate.gate import Gate
from guard.git.commands import git
from guard.git.commits import described
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import Combination, Result
from guard.situation.branches import default_branch
from guard.verdicts.record import Record

# A combination that was never committed as tested is looked for around so many of the newest.
_AROUND: Final = 50


class Good(NamedTuple):
    """A combination that passed.

    Args:
        base: a tree of the superproject and the gitlinks that give the very content that passed;
            None where it cannot be put together any more.
        parts: the superproject's share first, then every submodule's; none without `base`.
    """

    record: Record
    base: Combination | None = None
    parts: tuple[Part, ...] = ()
    missing: str = ""
    remedy: str = ""

    @property
    def superproject(self) -> str:
        """The commit of the superproject, "" where the content was never committed as it is."""
        return self.base.commit or "" if self.base is not None else self.record.superproject

    def commit(self, path: str) -> str:
        """The commit of a submodule, "" where there is none at this path."""
        return next((link.commit for link in self.record.gitlinks if link.path == path), "")

    def part(self, path: str) -> Part | None:
        """The part at a path, "" for the superproject."""
        return next((part for part in self.parts if part.path == path), None)

    def whole(self) -> Combination:
        """The `base`."""
        if self.base is None:
            name = self.record.name
            problem = f"the combination of verdict {name} cannot be put together any more"
            raise GuardError(f"{problem}: {self.missing}", self.remedy)
        return self.base


class KnownGood:
    """The known-good combinations of one workspace."""

    def __init__(self, gate: Gate, config: Config) -> None:
        self._gate = gate
        self._config = config
        self._repository = gate.workspace.superproject
        self._key_of: dict[str, str] = {}
        self._names: dict[tuple[str, str], str] = {}

    @property
    def submodules(self) -> tuple[str, str]:
        """The paths of consumer and dependency."""
        return self._config.consumer, self._config.dependency

    def all(self) -> list[Good]:
        """Every combination whose newest verdict is *passed*, the newest first."""
        return [
            self.of(record)
            for record in self._gate.verdicts.counted()
            if record.result is Result.PASSED
        ]

    def of(self, record: Record) -> Good:
        """One combination with what of it is here."""
        for combination in self._candidates(record):
            try:
                assembly = self._gate.gatherer.assembly(combination, self._config)
            except MissingObjectError as error:
                if combination.replaced:
                    # With its own submodules: so these are what is missing.
                    return Good(record, missing=error.problem, remedy=error.remedy)
                continue
            if assembly.key == record.key:
                return Good(record, combination, assembly.parts)
        return Good(
            record,
            missing=f"no commit of {self._gate.workspace.name('')} here has its content",
            remedy=git(self._repository, "fetch", "--all").text,
        )

    def named(self, name: str) -> list[Good]:
        """Those that are meant by the start of a verdict's name, or by a tag in a repository."""
        goods = self.all()
        meant = [good for good in goods if good.record.is_named(name)]
        meant = meant or [good for good in goods if self._has_tag(good, name)]
        if not meant:
            raise UsageError(
                f"no passed verdict is named {name}, and none contains a tag of that name",
                "guard recover",
            )
        return meant

    def last(self) -> Good:
        """The last one that is in the history of the superproject's default branch.

        Not the newest verdict: that may be one of a branch that was never merged, or a repetition.
        """
        branch = default_branch(self._repository, self._gate.pool.settings)
        tip = branch.tracked or branch.local
        goods = {good.record.key: good for good in reversed(self.all())}
        listed = self._repository.lines("log", "--format=%T", tip) if tip is not None else []
        for tree in dict.fromkeys(listed):
            last = goods.get(self._key(tree))
            if last is not None and last.base is not None:
                return last
        raise GuardError(
            f"no commit of {branch.name} of {self._gate.workspace.name('')} is known to be good",
            "name a verdict or a tag: guard recover",
        )

    def describe(self, path: str, commit: str) -> str:
        """A commit as people name it: ``v0.5.0-2-g1116b35``, or the start of its id."""
        if (path, commit) not in self._names:
            self._names[path, commit] = commit[:12]
            for repository in self._repositories(path) if commit else ():
                if self._gate.pool.reader(repository).read(f"{commit}^{{commit}}") is not None:
                    self._names[path, commit] = described(repository, commit)
                    break
        return self._names[path, commit]

    def _candidates(self, record: Record) -> Iterator[Combination]:
        """Trees of the superproject that may give the content, the likeliest first."""
        tested = None
        if record.superproject:
            tree = self._gate.pool.reader(self._repository).read(f"{record.superproject}^{{tree}}")
            if tree is not None:
                tested = Combination(tree.id, record.superproject)
                yield tested
        # Tested in an index, and committed afterwards.
        same = self._own_keys.get(record.key)
        if same is not None:
            yield same
        # Never committed as it was tested: around other gitlinks.
        if tested is not None:
            yield tested._replace(replaced=record.gitlinks)
        for combination in self._listed[:_AROUND]:
            yield combination._replace(commit=None, replaced=record.gitlinks)

    @cached_property
    def _listed(self) -> tuple[Combination, ...]:
        """Every tree of the superproject that a branch or a tag leads to, each once."""
        head = [] if self._gate.head is None else ["HEAD"]
        refs = ("--branches", "--tags", "--remotes", *head)
        trees: dict[str, Combination] = {}
        for line in self._repository.lines("log", "--format=%H %T", *refs):
            commit, _, tree = line.partition(" ")
            trees.setdefault(tree, Combination(tree, commit))
        return tuple(trees.values())

    @cached_property
    def _own_keys(self) -> dict[str, Combination]:
        """Key -> the newest of these that has it."""
        keys: dict[str, Combination] = {}
        for combination in self._listed:
            keys.setdefault(self._key(combination.tree), combination)
        return keys

    def _key(self, tree: str) -> str:
        """The key of a tree of the superproject, "" where its submodules are not all here."""
        if tree not in self._key_of:
            self._key_of[tree] = ""
            with suppress(GuardError):
                assembly = self._gate.gatherer.assembly(Combination(tree), self._config)
                self._key_of[tree] = assembly.key
        return self._key_of[tree]

    def _has_tag(self, good: Good, tag: str) -> bool:
        if good.record.release == tag:
            return True
        for path in ("", self._config.consumer, self._config.dependency):
            for repository in self._repositories(path):
                ref = f"refs/tags/{tag}^{{commit}}"
                commit = repository.text("rev-parse", "--verify", "--quiet", ref, ok=(0, 1))
                if commit and self._contains(good, path, commit):
                    return True
        return False

    def _contains(self, good: Good, path: str, commit: str) -> bool:
        if path:
            return good.commit(path) == commit
        tree = self._gate.pool.reader(self._repository).read(f"{commit}^{{tree}}")
        return tree is not None and self._key(tree.id) == good.record.key

    def _repositories(self, path: str) -> tuple[Repository, ...]:
        if not path:
            return (self._repository,)
        return self._gate.submodules(self._config).store(path).repositories
