"""The gate: facts about one pushed commit, judged by every rule, make a decision."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from guard.config import Config
from guard.errors import GuardError
from guard.facts import Gatherer
from guard.git.combinations import branch_tip, head_of, of_commit, of_index, with_consumer
from guard.git.objects import ObjectPool
from guard.git.workspace import Workspace
from guard.model import Combination, Decision, Finding, Gitlink, Outcome, Severity, outcome_of
from guard.rules import ALL, Rule, judge
from guard.rules.facts import Facts, Pin, Tested, Unknown


class Gate:
    """Decides about commits of one workspace, as a context that ends its git processes.

    Args:
        rules: those that are asked.
    """

    def __init__(self, workspace: Workspace, rules: tuple[Rule, ...] = ALL) -> None:
        self.workspace = workspace
        self.pool = ObjectPool()
        self.gatherer = Gatherer(workspace, self.pool)
        self._rules = rules
        self._tested = len(rules) == len(ALL)
        self._open = ExitStack()
        self._index: tuple[Combination | None] | None = None

    def __enter__(self) -> Self:
        self._open.enter_context(self.pool)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def index(self) -> Combination | None:
        """The superproject's index; None where it has none.

        Raises:
            GuardError: it has unmerged entries or cannot be read.
        """
        if self._index is None:
            context = of_index(self.workspace.superproject)
            self._index = (self._open.enter_context(context),)
        return self._index[0]

    def head(self) -> Combination | None:
        """The superproject's HEAD; None before its first commit."""
        commit = head_of(self.workspace.superproject)
        return None if commit is None else self._of(commit, "HEAD")

    def present(self) -> Combination:
        """What the superproject would commit next: its index, or HEAD where there is no index.

        Raises:
            GuardError: there is neither, or the index has unmerged entries.
        """
        found = self.index() or self.head()
        if found is None:
            where = self.workspace.superproject.git_dir
            raise GuardError(f"{where} has neither an index nor a commit")
        return found

    def superproject(self, commit: str, ref: str | None = None) -> Decision:
        """The decision for a commit of the superproject. Never raises a `GuardError`."""
        name = self.workspace.name("")
        try:
            return self.decide(name, commit, ref, self._of(commit, f"commit {commit[:12]}"))
        except GuardError as error:
            return _undecided(name, commit, ref, error, self._rules)

    def consumer(self, commit: str, ref: str | None = None) -> Decision:
        """The decision for a commit of the consumer, in the superproject as it stands.

        The superproject's index with this commit at the gitlink is judged; where that is not
        allowed its HEAD, then its branch of the pushed branch's name. The first that is allowed
        counts, else the index's. An index that cannot be read ends it: what would be committed
        next is not known. Never raises a `GuardError`.
        """
        try:
            first = self._consumer_in(self.present(), commit, ref)
            if first.outcome is Outcome.ALLOWED:
                return first
            for other in (self.head(), self._branch(ref)):
                if other is not None:
                    decision = self._consumer_in(other, commit, ref)
                    if decision.outcome is Outcome.ALLOWED:
                        return decision
            return first
        except GuardError as error:
            return _undecided(self.consumer_name(), commit, ref, error, self._rules)

    def consumer_at(self, commit: str, superproject: str) -> Decision:
        """The decision for a commit of the consumer with a given commit of the superproject."""
        try:
            return self._consumer_in(
                self._of(superproject, f"commit {superproject[:12]}"), commit, None
            )
        except GuardError as error:
            return _undecided(self.consumer_name(), commit, None, error, self._rules)

    def before_superproject(self, commit: str) -> Decision:
        """The decision for a commit of the consumer that is older than the superproject."""
        error = GuardError(f"{self.workspace.name('')} had not been published at that date")
        return _undecided(self.consumer_name(), commit, None, error, self._rules)

    def decide(
        self, repository: str, commit: str, ref: str | None, combination: Combination
    ) -> Decision:
        """The decision for a combination.

        Raises:
            GuardError: the superproject or its configuration cannot be read.
        """
        facts = self.gatherer.gather(combination, tested=self._tested)
        facts = facts._replace(test_command=self._test_command(combination))
        findings = judge(facts, self._rules)
        if any(item.severity is Severity.ERROR for item in findings) and not _out_of_reach(facts):
            facts = self.gatherer.explain(facts, combination)
            findings = judge(facts, self._rules)
        tested = facts.tested
        return Decision(
            repository,
            commit,
            ref,
            outcome_of(findings),
            (tested.key or None) if isinstance(tested, Tested) else None,
            tuple(rule.name for rule in self._rules),
            self._gitlinks(combination),
            facts.pin.releases[0].tag
            if isinstance(facts.pin, Pin) and facts.pin.releases
            else None,
            findings,
            f"{facts.names.superproject}: {combination.source}",
        )

    def consumer_name(self) -> str:
        """How people name the consumer, as far as that can be known without its configuration."""
        here = self.workspace
        return here.name(here.inside) if here.inside else Config().consumer

    def _consumer_in(self, combination: Combination, commit: str, ref: str | None) -> Decision:
        config = self.gatherer.config(combination)
        name = self.workspace.name(config.consumer)
        if self.gatherer.gitlink(combination, config.consumer) is None:
            error = GuardError(
                f"{self.workspace.name('')} ({combination.source}) has no gitlink at "
                f"{config.consumer} that this commit could replace",
                f"git submodule add <url> {config.consumer}",
            )
            return _undecided(name, commit, ref, error, self._rules)
        replaced = with_consumer(combination, config.consumer, commit)
        return self.decide(name, commit, ref, replaced)

    def _gitlinks(self, combination: Combination) -> tuple[Gitlink, ...]:
        config = self.gatherer.config(combination)
        found = (
            (path, self.gatherer.gitlink(combination, path))
            for path in (config.consumer, config.dependency)
        )
        return tuple(Gitlink(path, commit) for path, commit in found if commit is not None)

    def _branch(self, ref: str | None) -> Combination | None:
        if ref is None or not ref.startswith("refs/heads/"):
            return None
        branch = ref.removeprefix("refs/heads/")
        tip = branch_tip(self.workspace.superproject, branch)
        return None if tip is None else self._of(tip, f"branch {branch}")

    def _of(self, commit: str, source: str) -> Combination:
        return of_commit(self.workspace.superproject, self.pool, commit, source)

    def _test_command(self, combination: Combination) -> str:
        if combination.replaced:
            return f"guard test --consumer {combination.replaced[0].commit[:12]}"
        if combination.commit is not None:
            return f"guard test {combination.commit[:12]}"
        return "guard test"


def _out_of_reach(facts: Facts) -> bool:
    """Whether no list of releases could make the findings clearer."""
    return facts.pin is None or isinstance(facts.pin, Unknown)


def _undecided(
    repository: str, commit: str, ref: str | None, error: GuardError, rules: tuple[Rule, ...]
) -> Decision:
    finding = Finding(
        "workspace",
        Severity.UNDECIDED,
        error.problem,
        remedy=error.remedy,
        missing=(error.problem,),
    )
    names = tuple(rule.name for rule in rules)
    return Decision(repository, commit, ref, Outcome.UNDECIDED, None, names, (), None, (finding,))
