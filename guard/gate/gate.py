"""The gate: facts about one pushed commit, judged by every rule, make a decision."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import Config
from guard.errors import GuardError
from guard.git.index import staged_tree
from guard.git.objects import ObjectPool
from guard.git.remotes import Asking
from guard.model import (
    COMBINATION_RULES,
    STATIC_RULES,
    Combination,
    Decision,
    Finding,
    Outcome,
    Tested,
    VerdictState,
    outcome_of,
)
from guard.situation.branches import default_names, usual_remote
from guard.situation.contents import Contents, of_commit, with_consumer
from guard.situation.gitlinks import Destination
from guard.situation.others import Others
from guard.situation.publication import Unknown, undecided
from guard.situation.published import PublishedLinks
from guard.situation.workspace import Workspace, find_workspace
from guard.verdicts.verdicts import Verdicts

if TYPE_CHECKING:
    from guard.gate.ruling import Ruling
    from guard.situation.facts import Gatherer

_KIND: Final = "static"
NOWHERE: Final = Destination()
_FAILED: Final = (VerdictState.FAILED_BUILD, VerdictState.FAILED_TEST, VerdictState.UNREADABLE)


class _Judged(NamedTuple):
    """What the rules say of a combination; where nothing of it is bad, as the memo keeps it.

    Args:
        tested: the verdict, None where none was asked for or could be looked up.
        standing: as of `Verdicts`, when the verdict was looked up.
    """

    release: str | None
    findings: tuple[Finding, ...]
    tested: Tested | None = None
    standing: tuple[str, ...] = ()


class Gate(Contents, ExitStack):
    """Decides about commits of one workspace, as a context that ends its git processes.

    Args:
        asks_verdicts: whether the rules that look at a verdict are asked, besides the static ones.
        index: the file of the superproject's index, where it is not the usual one.
        destination: where the superproject is pushed to; that of the consumer says nothing of it.
        by_tags_here: whether the tags that are here say what is a release, and no remote.
    """

    def __init__(
        self,
        workspace: Workspace,
        asks_verdicts: bool = True,
        pool: ObjectPool | None = None,
        index: str = "",
        destination: Destination = NOWHERE,
        by_tags_here: bool = False,
    ) -> None:
        ExitStack.__init__(self)
        Contents.__init__(self, workspace, pool or self.enter_context(ObjectPool()))
        self.verdicts = Verdicts(workspace.superproject, self.pool)
        self._others = Others(self)
        self._asks_verdicts = asks_verdicts
        self._rules = COMBINATION_RULES if asks_verdicts else STATIC_RULES
        self._index_file = index
        self._by_tags_here = by_tags_here
        self.links = self.links_to(destination)
        self._combinations: dict[tuple[str, str], Combination] = {}
        self._decided: dict[tuple[str, str, Combination], Decision] = {}

    def links_to(self, destination: Destination) -> PublishedLinks:
        """The gitlinks on their way to where is pushed."""
        if not self.workspace.in_superproject:
            destination = NOWHERE._replace(asks=destination.asks)
        return PublishedLinks(self, destination)

    @cached_property
    def gatherer(self) -> "Gatherer":
        """Gathers the facts that the rules see."""
        # They read Haskell; a push whose findings are in the memo does not wait for that.
        from guard.situation.facts import Gatherer

        links = None if self._by_tags_here else self.links
        return Gatherer(self, self.verdicts, self._others, links)

    @cached_property
    def ruling(self) -> "Ruling":
        """What the rules say, with what mends it, of what the memo does not have."""
        # They read Haskell, as `gatherer` does.
        from guard.gate.ruling import Ruling

        return Ruling(self, self.gatherer)

    @cached_property
    def index(self) -> Combination | None:
        """The superproject's index; None where it has none."""
        staged = staged_tree(self.workspace.superproject, self._index_file, self.pool)
        return self.enter_context(staged)

    @cached_property
    def head(self) -> Combination | None:
        """The superproject's HEAD; None before its first commit."""
        head = self.pool.head(self.workspace.superproject)
        return None if head is None else self._of(head, "HEAD")

    def present(self) -> Combination:
        """What the superproject would commit next: its index, or HEAD where there is no index."""
        found = self.index or self.head
        if found is None:
            where = self.workspace.superproject.git_dir
            raise GuardError(f"{where} has neither an index nor a commit")
        return found

    def ask(self) -> None:
        """Have the remotes asked about what would be committed next, and about what is checked out
        of the consumer, as far as that can be read.

        What they have is kept, and is what a push goes by.
        """
        with suppress(GuardError):
            present = self.present()
            self.gatherer.gather(present, tested=False)
            config = self.config(present)
            self.links.of([(present, config)])
            for repository in self.submodule(present, config, config.consumer).repositories[:1]:
                if head := self.pool.head(repository):
                    self.links.of([(with_consumer(present, config.consumer, head), config)])

    def superproject(self, commit: str, ref: str | None = None, settings: str = "") -> Decision:
        """The decision for a commit of the superproject. Never raises a `GuardError`.

        Args:
            settings: as of the combination.
        """
        name = self.workspace.name("")
        try:
            return self.decide(name, commit, ref, self.combination(commit, settings=settings))
        except GuardError as error:
            return _undecided(name, commit, ref, error, self._rules)

    def consumer_in(
        self, superproject: Combination | GuardError, commit: str, ref: str | None
    ) -> Decision:
        """The decision for a commit of the consumer in a superproject, or for want of one.

        Never raises a `GuardError`.
        """
        try:
            if isinstance(superproject, GuardError):
                raise superproject
            return self._consumer_as_published(superproject, commit, ref)
        except GuardError as error:
            return _undecided(self.consumer_name(), commit, ref, error, self._rules)

    def consumer_at(self, commit: str, superproject: str | None) -> Decision:
        """The decision for a commit of the consumer with a given one of the superproject.

        Args:
            superproject: None for a commit that is older than any.
        """
        try:
            if superproject is None:
                name = self.workspace.name("")
                raise GuardError(f"{name} had not been published at that date")
            # What was published at that date is what it is held to.
            return self._consumer_in(self.combination(superproject), commit, None)
        except GuardError as error:
            return self.consumer_in(error, commit, None)

    def decide(
        self, repository: str, commit: str, ref: str | None, combination: Combination
    ) -> Decision:
        """The decision for a combination; many refs at one commit are decided once."""
        asked = (repository, commit, combination)
        if asked not in self._decided:
            self._decided[asked] = self._decide(*asked)
        return self._decided[asked]._replace(ref=ref)

    def _decide(self, repository: str, commit: str, combination: Combination) -> Decision:
        config = self.config(combination)
        links = self.gitlinks(combination, config)
        ids = self._ids(combination, config)
        judged = self._of_memo(combination, config, ids) or self._of_rules(combination, ids)
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
            combination.settings,
        )

    def _of_rules(self, combination: Combination, ids: tuple[str, ...]) -> _Judged:
        """What all the rules say; what of it is good for ever goes into the memo."""
        facts, findings = self.ruling.static(combination, self._asks_verdicts)
        tested = facts.tested if isinstance(facts.tested, Tested) and facts.tested.key else None
        judged = _Judged(facts.release, findings, tested)
        is_good = not any(each.blocks for each in findings)
        if tested is not None and is_good and facts.stay:
            self._keep(judged._replace(standing=self.verdicts.standing), ids)
        return judged._replace(findings=findings + self.ruling.asking(facts))

    def _of_memo(
        self, combination: Combination, config: Config, ids: tuple[str, ...]
    ) -> _Judged | None:
        """The same out of the memo, where that leads to an accepted push; else None.

        What it has is a function of the content. What can change is asked again: that the
        dependency's remote is known to have the tag at its commit, and the verdict.
        """
        accepted = self._kept(ids) if self._asks_verdicts else None
        if accepted is None or accepted.tested is None:
            return None
        tested = self._newest(accepted, accepted.tested, config, ids)
        if tested.state is not VerdictState.PASSED:
            return None  # a push that is blocked is told everything
        if not self._is_release(combination, config, accepted.release):
            return None
        # Two commits of the consumer with one content say the same, each of itself.
        commit = self.gitlink(combination, config.consumer)
        findings = tuple(
            item._replace(evidence=tuple(one._replace(commit=commit) for one in item.evidence))
            for item in accepted.findings
        )
        drift = self._others.unlike(combination, config, tested)
        if drift is not None:
            findings += self.ruling.of_image(combination, config, tested, drift)
        return _Judged(accepted.release, findings, tested)

    def release(self, combination: Combination, config: Config) -> str | None:
        """The release that others have at the dependency's gitlink, None where none is known."""
        accepted = self._kept(self._ids(combination, config))
        tag = accepted.release if accepted is not None else None
        if tag is not None and self._is_release(combination, config, tag):
            return tag
        return self.gatherer.release(combination, config)

    def _is_release(self, combination: Combination, config: Config, tag: str | None) -> bool:
        """Whether a tag is known to name the dependency's commit; None fits no gitlink."""
        commit = self.gitlink(combination, config.dependency)
        if commit is None or tag is None:
            return commit is None and tag is None
        if not self._by_tags_here:
            return self.links.keeps_release(combination, config, tag)
        repositories = self.submodule(combination, config, config.dependency).repositories
        name = f"refs/tags/{tag}^{{commit}}"
        tagged = [self.pool.reader(each).read_refs([name])[0] for each in repositories]
        return {one.id for one in tagged if one is not None} == {commit}

    def _newest(
        self, accepted: _Judged, tested: Tested, config: Config, ids: tuple[str, ...]
    ) -> Tested:
        """The newest verdict on what was accepted before, with the verdict of then."""
        if tested.blob and self.verdicts.is_newest(tested, accepted.standing):
            return tested
        newest = self.verdicts.look_up(tested.key, config.recipe.digest)
        standing = self.verdicts.standing
        if (newest, standing) != (tested, accepted.standing):
            self._keep(accepted._replace(tested=newest, standing=standing), ids)
        return newest

    def _ids(self, combination: Combination, config: Config) -> tuple[str, ...]:
        """What all that the memo may have of a combination is a function of.

        The superproject's tree names the settings and all other commits; the consumer's commit
        counts by its tree. Nothing where that is not here.
        """
        commit = self.gitlink(combination, config.consumer)
        others = (each.commit for each in combination.replaced if each.path != config.consumer)
        ids = self.workspace.name(""), combination.tree, combination.settings, *others
        if commit is None:
            return ids
        rooted = self.root(combination, config, config.consumer, commit)
        return () if isinstance(rooted, Unknown) else (*ids, rooted[1].tree.id)

    def _kept(self, ids: tuple[str, ...]) -> _Judged | None:
        accepted = self.memo.read(_Judged, _KIND, *ids) if ids else None
        is_bad = accepted is None or any(each.blocks for each in accepted.findings)
        return None if is_bad else accepted

    def _keep(self, accepted: _Judged, ids: tuple[str, ...]) -> None:
        if ids:
            self.memo.write(accepted, _KIND, *ids)

    def misfits(self, combination: Combination) -> tuple[Finding, ...]:
        """What the static rules have against a combination."""
        ids = self._ids(combination, self.config(combination))
        if self._kept(ids) is not None:
            return ()
        findings, stay = self.ruling.misfits(combination)
        misfits = tuple(each for each in findings if each.blocks)
        if stay and not misfits:
            self._keep(_Judged(None, findings), ids)
        return misfits

    def combination(self, commit: str, source: str = "", settings: str = "") -> Combination:
        """The combination that a commit of the superproject is.

        Args:
            source, settings: as of `Combination`.
        """
        found = self._of(commit, source or f"commit {commit[:12]}")
        return found._replace(settings=settings) if settings else found

    def has_failed(self, combination: Combination) -> bool:
        """Whether the newest verdict on a combination, as far as that is here, is no good one."""
        try:
            tested = self.gatherer.tested(combination, self.config(combination))
        except GuardError:
            return False
        return isinstance(tested, Tested) and tested.state in _FAILED

    @cached_property
    def published(self) -> Combination | None:
        """What others go by: the superproject's default branch as it was last fetched, else HEAD.

        None where none of these has a `.guard.toml` that can be read.
        """
        remote = usual_remote(self.workspace.superproject, self.pool.settings)
        names = default_names(remote) if remote else ()
        tips = (self.refs[name].id for name in names if name in self.refs)
        return self.governing(chain(tips, [self.pool.head(self.workspace.superproject) or ""]))

    def governing(self, commits: Iterable[str]) -> Combination | None:
        """The first of some commits, "" for none, with a `.guard.toml` that can be read."""
        for commit in filter(None, commits):
            with suppress(GuardError):
                combination = self.combination(commit)
                if self.settings_of(combination):
                    self.config(combination)
                    return combination
        return None

    def held(self, combination: Combination, there: Combination | None) -> Combination:
        """A combination that is held to the settings of another, where that makes it stricter."""
        settings = self.settings_of(there) if there is not None else ""
        held = combination._replace(settings=settings)
        return held if self.config(held) != self.config(combination) else combination

    def on_recipe(
        self,
        combination: Combination,
        there: Combination | None,
        tip: str = "",
        default: str = "",
    ) -> tuple[Finding, ...]:
        """What is to be said of a recipe that is another one than others have.

        Args:
            tip: what is replaced. Who has no settings has removed those that it has; a branch that
                never had any goes by those of the default one.
            default: the tip of the default branch; what was taken from there is said by who did so.
        """
        if there is None or not (self.settings_of(combination) or there.commit == tip):
            return ()
        own, theirs = self.config(combination).recipe, self.config(there).recipe
        if own == theirs or not theirs.command:
            return ()
        return self.ruling.of_recipe(combination, there, own, theirs, default)

    def present_config(self) -> Config:
        """The configuration in what the superproject would commit next."""
        return self.config(self.present())

    def consumer_name(self) -> str:
        """How people name the consumer, as far as that can be known without its configuration."""
        here = self.workspace
        return here.name(here.inside) if here.inside else Config().consumer

    def _consumer_as_published(
        self, combination: Combination, commit: str, ref: str | None
    ) -> Decision:
        """The decision for a commit of the consumer by no looser settings than others have."""
        decision = self._consumer_in(self.held(combination, self.published), commit, ref)
        findings = decision.findings + self.on_recipe(combination, self.published)
        return decision._replace(findings=findings, outcome=outcome_of(findings))

    def _consumer_in(self, combination: Combination, commit: str, ref: str | None) -> Decision:
        config = self.config(combination)
        name = self.workspace.name(config.consumer)
        if self.gitlink(combination, config.consumer) is None:
            error = GuardError(
                f"{self.workspace.name('')} ({combination.source}) has no gitlink at "
                f"{config.consumer} that this commit could replace",
                f"add a submodule at {config.consumer} of {self.workspace.name('')}",
            )
            return _undecided(name, commit, ref, error, self._rules)
        replaced = with_consumer(combination, config.consumer, commit)
        return self.decide(name, commit, ref, replaced)

    def _of(self, commit: str, source: str) -> Combination:
        if (commit, source) not in self._combinations:
            found = of_commit(self.workspace.superproject, self.pool, commit, source)
            self._combinations[commit, source] = found
        return self._combinations[commit, source]


@contextmanager
def gate_here(asking: Asking | None = None) -> Iterator[Gate]:
    """The gate of the workspace around the current folder, with what that has read.

    Args:
        asking: as of `ObjectPool`.
    """
    with ObjectPool(asking) as pool, Gate(find_workspace(pool=pool), pool=pool) as gate:
        yield gate


def _undecided(
    repository: str, commit: str, ref: str | None, error: GuardError, rules: tuple[str, ...]
) -> Decision:
    finding = undecided("workspace", Unknown(error.problem, error.remedy))
    return Decision(repository, commit, ref, Outcome.UNDECIDED, None, rules, (), None, (finding,))
