"""The gate: facts about one pushed commit, judged by every rule, make a decision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from guard.config import Config
from guard.errors import GuardError
from guard.git.index import StagedTree
from guard.git.objects import ObjectPool
from guard.git.refs import head_of
from guard.model import (
    COMBINATION_RULES,
    RULES,
    STATIC_RULES,
    Combination,
    Decision,
    Finding,
    Gitlink,
    Outcome,
    Severity,
    Tested,
    VerdictState,
    outcome_of,
)
from guard.rules.image_published import of_image
from guard.situation.combinations import of_commit, with_consumer
from guard.situation.facts import Gatherer
from guard.situation.values import Facts, Pin, Unknown
from guard.situation.workspace import Workspace

# Releases, for what would fit instead of what was found; guard align looks into all.
_LOOKED_INTO = 20
_ACCEPTABLE = (Severity.WARNING, Severity.NOTE)
# What building, testing and pushing brings about.
_LATER = frozenset(RULES) - frozenset(STATIC_RULES)


class _Known(NamedTuple):
    """What the static rules said of a consumer's and a dependency's commit, nothing of it bad."""

    release: str | None
    findings: tuple[Finding, ...]


class Gate:
    """Decides about commits of one workspace, as a context that ends its git processes.

    Args:
        asks_verdicts: whether the rules that look at a verdict are asked, besides the static ones.
        pool: readers that are open already; the gate closes them.
        index: the file of the superproject's index, where it is not the usual one.
    """

    def __init__(
        self,
        workspace: Workspace,
        asks_verdicts: bool = True,
        pool: ObjectPool | None = None,
        index: str = "",
    ) -> None:
        self.workspace = workspace
        self.pool = pool or ObjectPool()
        self.gatherer = Gatherer(workspace, self.pool)
        self._asks_verdicts = asks_verdicts
        self._rules = COMBINATION_RULES if asks_verdicts else STATIC_RULES
        self._staged = StagedTree(workspace.superproject, index, self.gatherer.memory)
        self._index: tuple[Combination | None] | None = None
        self._head: tuple[str | None] | None = None
        self._combinations: dict[tuple[str, str], Combination] = {}
        self._decided: dict[tuple[str, str, Combination], Decision] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._staged.__exit__(kind, error, trace)
        finally:
            self.pool.__exit__(kind, error, trace)

    def index(self) -> Combination | None:
        """The superproject's index; None where it has none.

        Raises:
            GuardError: it has unmerged entries or cannot be read.
        """
        if self._index is None:
            found = self._staged.__enter__()
            if found and self._staged.recalled and not self._is_there(found):
                self._staged.forget()
                found = self._staged.__enter__()
            self._index = (found,)
        return self._index[0]

    def _is_there(self, combination: Combination) -> bool:
        return self.gatherer.store(combination).tree(combination.tree) is not None

    def head(self) -> Combination | None:
        """The superproject's HEAD; None before its first commit."""
        if self._head is None:
            self._head = (head_of(self.workspace.superproject),)
        commit = self._head[0]
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
            return self.decide(name, commit, ref, self.combination(commit))
        except GuardError as error:
            return _undecided(name, commit, ref, error, self._rules)

    def consumer(
        self,
        commit: str,
        ref: str | None = None,
        applied: Callable[[Decision], Decision] = lambda decision: decision,
    ) -> Decision:
        """The decision for a commit of the consumer, in the superproject as it stands.

        The superproject's index with this commit at the gitlink is judged; where that is not
        allowed its HEAD, then its branch of the pushed branch's name. The first that is allowed
        counts, else the index's. An index that cannot be read ends it: what would be committed
        next is not known. Never raises a `GuardError`.

        Args:
            applied: makes of each decision what a policy makes of it.
        """
        try:
            first = applied(self._consumer_in(self.present(), commit, ref))
            if first.outcome is Outcome.ALLOWED:
                return first
        except GuardError as error:
            return applied(_undecided(self.consumer_name(), commit, ref, error, self._rules))
        for make in (self.head, lambda: self._branch(ref)):
            # What is wrong with these is no news: the index is what has to be mended.
            try:
                other = make()
                if other is None:
                    continue
                decision = applied(self._consumer_in(other, commit, ref))
            except GuardError:
                continue
            if decision.outcome is Outcome.ALLOWED:
                return decision
        return first

    def consumer_at(self, commit: str, superproject: str) -> Decision:
        """The decision for a commit of the consumer with a given commit of the superproject."""
        try:
            return self._consumer_in(self.combination(superproject), commit, None)
        except GuardError as error:
            return _undecided(self.consumer_name(), commit, None, error, self._rules)

    def before_superproject(self, commit: str) -> Decision:
        """The decision for a commit of the consumer that is older than the superproject."""
        error = GuardError(f"{self.workspace.name('')} had not been published at that date")
        return _undecided(self.consumer_name(), commit, None, error, self._rules)

    def decide(
        self, repository: str, commit: str, ref: str | None, combination: Combination
    ) -> Decision:
        """The decision for a combination; many refs at one commit are decided once.

        Raises:
            GuardError: the superproject or its configuration cannot be read.
        """
        asked = (repository, commit, combination)
        if asked not in self._decided:
            self._decided[asked] = self._decide(*asked)
        return self._decided[asked]._replace(ref=ref)

    def _decide(self, repository: str, commit: str, combination: Combination) -> Decision:
        config = self.gatherer.config(combination)
        links = self._gitlinks(combination, config)
        key, found = self._of_known(combination, config, links)
        if found is None:
            key, found = self._of_rules(combination, config, links)
        return Decision(
            repository,
            commit,
            None,
            outcome_of(found.findings),
            key,
            self._rules,
            links,
            found.release,
            found.findings,
            f"{self.workspace.name('')}: {combination.source}",
            self.gatherer.verdicts.digest(config.recipe) if key else None,
        )

    def _of_rules(
        self, combination: Combination, config: Config, links: tuple[Gitlink, ...]
    ) -> tuple[str | None, _Known]:
        """What all the rules say, and to remember what of it is for ever."""
        # The rules read Haskell; a push whose facts are remembered does not wait for that.
        from guard.rules.asked import ranges_on_gitlink
        from guard.rules.rulebook import ASKING, STATIC, judge

        facts = self.gatherer.gather(combination, tested=self._asks_verdicts)
        facts = facts._replace(test_command=self._test_command(combination))
        findings = judge(facts, STATIC)
        if any(item.severity is Severity.ERROR for item in findings) and not _out_of_reach(facts):
            # Which releases would fit is good to know; what is wrong is known without.
            with suppress(GuardError):
                ranges = ranges_on_gitlink(facts).values()
                explained = self.gatherer.explain(facts, combination, ranges, _LOOKED_INTO)
                findings = judge(explained, STATIC)
        pin = facts.pin
        release = pin.releases[0].tag if isinstance(pin, Pin) and pin.releases else None
        key = facts.tested.key or None if isinstance(facts.tested, Tested) else None
        if key and all(item.severity in _ACCEPTABLE for item in findings):
            known = _Known(release, findings)
            self.gatherer.memory.remember(known, *self._ids(key, config, links))
        return key, _Known(release, findings + judge(facts, ASKING))

    def _of_known(
        self, combination: Combination, config: Config, links: tuple[Gitlink, ...]
    ) -> tuple[str | None, _Known | None]:
        """The same from memory, where that leads to an accepted push; else nothing.

        What is remembered is a function of the content and of the dependency's commit. What can
        change is asked again: that the tag still names that commit, and the verdict.
        """
        verdict = self.gatherer.tested(combination, config) if self._asks_verdicts else None
        if not isinstance(verdict, Tested) or verdict.state is not VerdictState.PASSED:
            return None, None  # a push that is blocked is told everything
        known = self.gatherer.memory.recall(_Known, *self._ids(verdict.key, config, links))
        if known is None or any(item.severity not in _ACCEPTABLE for item in known.findings):
            return None, None
        if not self.gatherer.is_still_release(combination, config, known.release):
            return None, None
        # Two commits of the consumer with one content say the same, each of itself.
        commit = dict(links).get(config.consumer)
        findings = tuple(
            item._replace(evidence=tuple(one._replace(commit=commit) for one in item.evidence))
            for item in known.findings
        )
        findings += tuple(of_image(self.gatherer.old_image(combination, config)))
        return verdict.key, known._replace(findings=findings)

    def _ids(self, key: str, config: Config, links: tuple[Gitlink, ...]) -> tuple[str, ...]:
        forms = (self.workspace.name(""), config.consumer, config.dependency, config.release_tag)
        image = (config.image.name, *config.image.also, "", *config.image.pins)
        return (
            "static",
            *forms,
            *image,
            config.rules.image_pin,
            key,
            dict(links).get(config.dependency, ""),
        )

    def misfits(self, combination: Combination) -> tuple[Finding, ...]:
        """What the static rules have against a combination; that there is nothing is remembered.

        Raises:
            GuardError: the superproject or its configuration cannot be read.
        """
        links = (word for link in combination.replaced for word in link)
        ids = ("fits", self.workspace.name(""), combination.tree, *links)
        if self.gatherer.memory.recall(bool, *ids):
            return ()
        from guard.rules.rulebook import STATIC, judge

        facts = self.gatherer.gather(combination, tested=False)
        findings = judge(facts, STATIC)
        found = tuple(item for item in findings if item.severity not in _ACCEPTABLE)
        if not found:
            self.gatherer.memory.remember(True, *ids)
        return found

    def faults(self, combination: Combination) -> tuple[Finding, ...]:
        """What the static rules have against a combination, told with all that is to be told.

        Raises:
            GuardError: the superproject or its configuration cannot be read.
        """
        decision = self.decide(self.workspace.name(""), "", None, combination)
        return tuple(
            item
            for item in decision.findings
            if item.severity not in _ACCEPTABLE and item.rule not in _LATER
        )

    def combination(self, commit: str) -> Combination:
        """The combination that a commit of the superproject is.

        Raises:
            MissingObjectError: the commit or its tree is missing.
        """
        return self._of(commit, f"commit {commit[:12]}")

    def config_at(self, commit: str) -> Config:
        """The configuration in a commit of the superproject.

        Raises:
            GuardError: it cannot be read, or the commit is missing.
        """
        return self.gatherer.config(self.combination(commit))

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

    def _gitlinks(self, combination: Combination, config: Config) -> tuple[Gitlink, ...]:
        found = (
            (path, self.gatherer.gitlink(combination, path))
            for path in (config.consumer, config.dependency)
        )
        return tuple(Gitlink(path, commit) for path, commit in found if commit is not None)

    def _branch(self, ref: str | None) -> Combination | None:
        if ref is None or not ref.startswith("refs/heads/"):
            return None
        branch = ref.removeprefix("refs/heads/")
        tip = self.gatherer.refs("refs/heads/").get(ref)
        return None if tip is None else self._of(tip.id, f"branch {branch}")

    def _of(self, commit: str, source: str) -> Combination:
        if (commit, source) not in self._combinations:
            found = of_commit(self.workspace.superproject, self.pool, commit, source)
            self._combinations[commit, source] = found
        return self._combinations[commit, source]

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
    repository: str, commit: str, ref: str | None, error: GuardError, rules: tuple[str, ...]
) -> Decision:
    finding = Finding(
        "workspace",
        Severity.UNDECIDED,
        error.problem,
        remedy=error.remedy,
        missing=(error.problem,),
    )
    return Decision(repository, commit, ref, Outcome.UNDECIDED, None, rules, (), None, (finding,))
