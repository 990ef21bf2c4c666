"""The gate: facts about one pushed commit, judged by every rule, make a decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import Config
from guard.errors import GuardError
from guard.git.index import staged_tree
from guard.git.objects import ObjectPool
from guard.model import (
    COMBINATION_RULES,
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
from guard.situation.contents import of_commit, with_consumer
from guard.situation.facts import Gatherer
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Facts, Pin
from guard.situation.workspace import Workspace

if TYPE_CHECKING:
    from guard.plan.remedies import Saw

# Releases, for what would fit instead of what was found; guard align looks into all.
_LOOKED_INTO = 20
_KIND: Final = "static"


class _Judged(NamedTuple):
    """What the rules say of a combination; where nothing of it is bad, as the memo keeps it.

    Args:
        release: the tag at the dependency's commit.
        tested: the verdict, None where none was asked for or could be looked up.
    """

    release: str | None
    findings: tuple[Finding, ...]
    tested: Tested | None = None


class Gate(ExitStack):
    """Decides about commits of one workspace, as a context that ends its git processes.

    Args:
        asks_verdicts: whether the rules that look at a verdict are asked, besides the static ones.
        pool: readers that are open already, and that their owner closes.
        index: the file of the superproject's index, where it is not the usual one.
    """

    def __init__(
        self,
        workspace: Workspace,
        asks_verdicts: bool = True,
        pool: ObjectPool | None = None,
        index: str = "",
    ) -> None:
        super().__init__()
        self.workspace = workspace
        self.pool = pool or self.enter_context(ObjectPool())
        self.gatherer = Gatherer(workspace, self.pool)
        self.verdicts = self.gatherer.verdicts
        self._asks_verdicts = asks_verdicts
        self._rules = COMBINATION_RULES if asks_verdicts else STATIC_RULES
        self._index_file = index
        self._combinations: dict[tuple[str, str], Combination] = {}
        self._decided: dict[tuple[str, str, Combination], Decision] = {}

    def index(self) -> Combination | None:
        """The superproject's index; None where it has none.

        Raises:
            GuardError: it has unmerged entries or cannot be read.
        """
        return self._index

    @cached_property
    def _index(self) -> Combination | None:
        staged = staged_tree(self.workspace.superproject, self._index_file, self.pool)
        return self.enter_context(staged)

    def head(self) -> Combination | None:
        """The superproject's HEAD; None before its first commit."""
        return self._head

    @cached_property
    def _head(self) -> Combination | None:
        head = self.pool.reader(self.workspace.superproject).read("HEAD^{commit}")
        return None if head is None else self._of(head.id, "HEAD")

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

    def consumer(self, commit: str, ref: str | None = None) -> Decision:
        """The decision for a commit of the consumer, in the superproject as it stands.

        Never raises a `GuardError`.
        """
        return first_allowed(self.consumer_in_turn(commit, ref))

    def consumer_in_turn(self, commit: str, ref: str | None) -> Iterator[Decision]:
        """Decisions for a commit of the consumer, of which the first that is allowed counts.

        The superproject's index with this commit at the gitlink is judged; then its HEAD, then its
        branch of the pushed branch's name. An index that cannot be read ends it: what would be
        committed next is not known. Never raises a `GuardError`.
        """
        try:
            yield self._consumer_in(self.present(), commit, ref)
        except GuardError as error:
            yield _undecided(self.consumer_name(), commit, ref, error, self._rules)
            return
        for make in (self.head, partial(self._branch, ref)):
            # What is wrong with these is no news: the index is what has to be mended.
            with suppress(GuardError):
                combination = make()
                if combination is not None:
                    yield self._consumer_in(combination, commit, ref)

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
        ids = self._ids(combination, config)
        judged = self._of_memo(combination, config, ids) or self._of_rules(combination, config, ids)
        tested = judged.tested
        return Decision(
            repository,
            commit,
            None,
            outcome_of(judged.findings),
            tested.key if tested else None,
            self._rules,
            links,
            judged.release,
            judged.findings,
            f"{self.workspace.name('')}: {combination.source}",
            tested.recipe if tested else None,
        )

    def _of_rules(self, combination: Combination, config: Config, ids: tuple[str, ...]) -> _Judged:
        """What all the rules say; what of it is good for ever goes into the memo."""
        # The rules read Haskell; a push whose findings are in the memo does not wait for that.
        from guard.rules.asked import ranges_on_gitlink
        from guard.rules.rulebook import ASKING, STATIC, judge

        facts = self.gatherer.gather(combination, tested=self._asks_verdicts)
        facts = facts._replace(test_command=self._test_command(combination))
        findings = judge(facts, STATIC)
        if any(item.severity is Severity.ERROR for item in findings) and not _out_of_reach(facts):
            # Which releases would fit is good to know; what is wrong is known without.
            with suppress(GuardError):
                ranges = ranges_on_gitlink(facts).values()
                facts = self.gatherer.explain(facts, combination, ranges, _LOOKED_INTO)
                findings = judge(facts, STATIC)
        findings = with_remedies(findings, facts)
        pin, tested = facts.pin, facts.tested
        release = pin.releases[0].tag if isinstance(pin, Pin) and pin.releases else None
        known = tested if isinstance(tested, Tested) and tested.key else None
        judged = _Judged(release, findings, known)
        if known is not None and not any(each.blocks for each in findings):
            self._keep(judged, ids)
        return judged._replace(findings=findings + with_remedies(judge(facts, ASKING), facts))

    def _of_memo(
        self, combination: Combination, config: Config, ids: tuple[str, ...]
    ) -> _Judged | None:
        """The same out of the memo, where that leads to an accepted push; else None.

        What it has is a function of the content. What can change is asked again: that the tag still
        names the dependency's commit, and the verdict.
        """
        accepted = self._kept(ids) if self._asks_verdicts else None
        if accepted is None or accepted.tested is None:
            return None
        tested = self._newest(accepted, accepted.tested, config, ids)
        if tested.state is not VerdictState.PASSED:
            return None  # a push that is blocked is told everything
        if not self.gatherer.is_release(combination, config, accepted.release):
            return None
        # Two commits of the consumer with one content say the same, each of itself.
        commit = self.gatherer.gitlink(combination, config.consumer)
        findings = tuple(
            item._replace(evidence=tuple(one._replace(commit=commit) for one in item.evidence))
            for item in accepted.findings
        )
        image = self.gatherer.old_image(combination, config, tested)
        findings += with_remedies(tuple(of_image(image)), image)
        return _Judged(accepted.release, findings, tested)

    def _newest(
        self, accepted: _Judged, tested: Tested, config: Config, ids: tuple[str, ...]
    ) -> Tested:
        """The newest verdict on what was accepted before, with the verdict of then."""
        if tested.blob and self.verdicts.is_newest(tested):
            return tested
        newest = self.verdicts.look_up(tested.key, config.recipe)
        if newest != tested:
            self._keep(accepted._replace(tested=newest), ids)
        return newest

    def _ids(self, combination: Combination, config: Config) -> tuple[str, ...]:
        """What all that the memo may have of a combination is a function of.

        The superproject's tree names the settings and all other commits; the consumer's commit
        counts by its tree. Nothing where that is not here.
        """
        commit = self.gatherer.gitlink(combination, config.consumer)
        if commit is None:
            return self.workspace.name(""), combination.tree
        rooted = self.gatherer.root(combination, config, config.consumer, commit)
        if isinstance(rooted, Unknown):
            return ()
        return self.workspace.name(""), combination.tree, rooted[1].tree.id

    def _kept(self, ids: tuple[str, ...]) -> _Judged | None:
        accepted = self.gatherer.memo.read(_Judged, _KIND, *ids) if ids else None
        is_bad = accepted is None or any(each.blocks for each in accepted.findings)
        return None if is_bad else accepted

    def _keep(self, accepted: _Judged, ids: tuple[str, ...]) -> None:
        if ids:
            self.gatherer.memo.write(accepted, _KIND, *ids)

    def misfits(self, combination: Combination) -> tuple[Finding, ...]:
        """What the static rules have against a combination.

        Raises:
            GuardError: the superproject or its configuration cannot be read.
        """
        ids = self._ids(combination, self.gatherer.config(combination))
        if self._kept(ids) is not None:
            return ()
        from guard.rules.rulebook import STATIC, judge

        facts = self.gatherer.gather(combination, tested=False)
        findings = judge(facts, STATIC)
        misfits = tuple(each for each in findings if each.blocks)
        if not misfits:
            self._keep(_Judged(None, findings), ids)
        return misfits

    def combination(self, commit: str) -> Combination:
        """The combination that a commit of the superproject is.

        Raises:
            MissingObjectError: the commit or its tree is missing.
        """
        return self._of(commit, f"commit {commit[:12]}")

    def present_config(self) -> Config:
        """The configuration in what the superproject would commit next.

        Raises:
            GuardError: it cannot be read, or there is neither an index nor a commit.
        """
        return self.gatherer.config(self.present())

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
                f"add a submodule at {config.consumer} of {self.workspace.name('')}",
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
        tip = self.pool.reader(self.workspace.superproject).read(f"{ref}^{{commit}}")
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


def first_allowed(decisions: Iterable[Decision]) -> Decision:
    """The first of several decisions that is allowed, else the first of all."""
    decisions = iter(decisions)
    first = next(decisions)
    if first.outcome is Outcome.ALLOWED:
        return first
    return next((each for each in decisions if each.outcome is Outcome.ALLOWED), first)


def with_remedies(findings: Sequence[Finding], facts: Saw | None) -> tuple[Finding, ...]:
    """Findings with what mends each, as the plan decides from the facts that the rule saw."""
    if not findings or facts is None:
        return tuple(findings)
    # Nearly always an accepted push has none.
    from guard.plan.remedies import mended

    return mended(findings, facts)


def _out_of_reach(facts: Facts) -> bool:
    """Whether no list of releases could make the findings clearer."""
    return facts.pin is None or isinstance(facts.pin, Unknown)


def _undecided(
    repository: str, commit: str, ref: str | None, error: GuardError, rules: tuple[str, ...]
) -> Decision:
    finding = undecided("workspace", Unknown(error.problem, error.remedy))
    return Decision(repository, commit, ref, Outcome.UNDECIDED, None, rules, (), None, (finding,))
