"""The order of a release: what a push has to wait for. It depends on where the push goes."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from guard.config import Config
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.policy import policy_of
from guard.gate.replaced import Replaced
from guard.gate.superprojects import Judge, Superprojects
from guard.git.pushes import is_review, meant
from guard.git.repository import Repository
from guard.model import (
    MERGED,
    PUBLISHED,
    STATIC_RULES,
    STEP_BACK,
    Combination,
    Decision,
    Finding,
    Outcome,
    Severity,
    outcome_of,
)
from guard.situation.branches import HEADS
from guard.situation.contents import with_consumer
from guard.situation.defaults import Default
from guard.situation.gitlinks import Destination
from guard.situation.publication import (
    Direction,
    Move,
    Publication,
    PublicationState,
    Unknown,
    undecided,
)
from guard.situation.published import PublishedLinks, Standing

_UNPUBLISHED = (PublicationState.UNPUBLISHED, PublicationState.UNASKED)


class Order:
    """Adds to decisions what the rules of the order say.

    Args:
        links: what is known of the superproject's remotes, if that is not what the gate was told.
        consumer: the repository of the consumer that is pushed, None where the superproject is.
        destination: where the consumer is pushed to.
    """

    def __init__(
        self,
        gate: Gate,
        links: PublishedLinks | None = None,
        consumer: Repository | None = None,
        destination: Destination | None = None,
    ) -> None:
        self._gate = gate
        self._links = links or gate.links
        self.destination = destination or self._links.destination
        self._here = consumer or gate.workspace.superproject
        self.superprojects = Superprojects(gate, self._links, self._here, self.destination)
        self.replaced = Replaced(gate, self._links)
        self._early: dict[Combination, tuple[Publication, ...]] = {}
        self._merged: dict[Combination, tuple[Finding, ...]] = {}

    def nothing_new(self, decisions: Iterable[Decision]) -> tuple[set[str], str]:
        """The refs of decisions that bring nothing new, and the branch that has it all.

        That is the default branch of where the push goes, as it was last fetched; it counts for
        refs that the remote does not have yet, unless the newest verdict on that content is bad.
        """
        new = frozenset(self.destination.new)
        made = {each.ref: each.commit for each in decisions if each.ref in new}
        try:
            tracked, tip = self._default_there if made else ("", "")
            if not tracked:
                return set(), ""
            leads = self._links.reached(self._here, {tip}, set(made.values()))
            refs = {ref for ref, commit in made.items() if ref and commit in leads}
            refs = {ref for ref in refs if not self._has_failed(made[ref], ref)}
            return refs, tracked.removeprefix("refs/remotes/")
        except GuardError:
            return set(), ""

    @property
    def _default_there(self) -> tuple[str, str]:
        """The ref that tracks the default branch of where the push goes, and its commit."""
        (tracking,) = self._links.tracking([self._here])
        remotes, remote = tracking.remotes, self.destination.of(tracking.remotes)
        ref = self._links.defaults.tracked(self._here, remote) if remote else ""
        if remote is None or not ref:
            return "", ""
        wanted = self.destination.places(remotes, remote)
        return (ref, tracking.refs[ref].id) if remotes.tracked(remote, wanted, [ref]) else ("", "")

    def _has_failed(self, commit: str, ref: str) -> bool:
        content = self._content(commit, ref)
        return content is not None and self._gate.has_failed(content)

    def _content(self, commit: str, ref: str) -> Combination | None:
        """What a commit is pushed as, None where that is not here."""
        if self._here == self._gate.workspace.superproject:
            return self._gate.combination(commit)
        for judge in self.superprojects.of(meant(ref)):
            if not isinstance(judge.superproject, GuardError):
                config = self._gate.config(judge.superproject)
                return with_consumer(judge.superproject, config.consumer, commit)
        return None

    def consumer(
        self,
        commit: str,
        ref: str | None = None,
        applied: Callable[[Decision], Decision] = lambda decision: decision,
    ) -> Decision:
        """The decision for a commit of the consumer, with the first superproject that allows it.

        Args:
            ref: where it is pushed to, None for where a plain push would bring it.
            applied: what the policy makes of a decision.
        """
        first: Decision | None = None
        where = meant(ref or self.destination.ref)
        for judge, judged in self.superprojects.decisions(commit, where):
            decision = applied(judged._replace(ref=ref))
            findings = self._unpublished(judge.superproject, decision)
            findings += self._behind(judge) + self._silence(judge.silence)
            decision = _with(decision, findings, (PUBLISHED, MERGED))
            if decision.outcome is Outcome.ALLOWED:
                return decision
            first = first or _with(decision, self._apart(judge, where), (), first=True)
        assert first is not None  # there is always one, or why there is none
        return first

    def _behind(self, judge: Judge) -> tuple[Finding, ...]:
        if not any(judge.behind):
            return ()
        remote = self.superprojects.goes_to.remote
        return self._gate.ruling.of_stale(remote, *judge.behind)

    def _apart(self, judge: Judge, ref: str) -> tuple[Finding, ...]:
        """Why what is checked out does not judge a push to the consumer's default branch."""
        if not judge.apart:
            return ()
        to, is_fork = self.superprojects.goes_to, not self.superprojects.goes_home
        return self._gate.ruling.of_apart(self._links, self._gate.consumer_name(), ref, to, is_fork)

    def _unpublished(
        self, superproject: Combination | GuardError, decision: Decision
    ) -> tuple[Finding, ...]:
        """What is to be pushed before the consumer; what is not known waits for the superproject.

        A push of the superproject that takes its submodules along goes through them in the order
        of their paths.
        """
        if isinstance(superproject, GuardError) or not decision.gitlinks:
            return ()
        try:
            judged = superproject._replace(replaced=decision.gitlinks)
            if judged not in self._early:
                links = self._links.before_consumer(judged, self._gate.config(judged))
                self._early[judged] = tuple(each for each in links if each.state in _UNPUBLISHED)
            early = self._early[judged]
            if not early or self._links.takes_submodules_along:
                return ()
        except GuardError:
            return ()
        return self._gate.ruling.of_links(judged, early)

    def plain(self, commits: Sequence[str]) -> list[Decision]:
        """The decisions for commits of the superproject that a plain push would bring there."""
        return self.superproject([self._by_policy(each) for each in commits])

    def _by_policy(self, commit: str) -> Decision:
        policy = policy_of(self._gate, self.replaced, commit, self.destination.ref)
        return policy.applied(self._gate.superproject(commit, None, policy.settings))

    def ahead(self, combination: Combination) -> Decision:
        """The decision for what would be committed next, whatever has to be pushed before it.

        Raises:
            GuardError: what is to be judged cannot be read.
        """
        gate, ref, commit = self._gate, self.destination.ref, combination.commit or ""
        policy = policy_of(gate, self.replaced, combination, ref)
        held = combination._replace(settings=policy.settings)
        decision = gate.decide(gate.workspace.name(""), commit, None, held)
        if not policy.protected:
            return decision
        return self._moved(policy.applied(decision), held, gate.config(held), ref)

    def superproject(self, decisions: Sequence[Decision]) -> list[Decision]:
        """As `judged`, for pushes of the superproject; what cannot be read is undecided already."""
        readable = {}
        for each in decisions:
            with suppress(GuardError):
                combination = self._gate.combination(each.commit, settings=each.settings)
                readable[_about(each)] = combination, self._gate.config(combination)
        try:
            links = dict(zip(readable, self._links.of(list(readable.values())), strict=True))
        except GuardError as error:
            unknown = undecided(PUBLISHED, Unknown(error.problem, error.remedy))
            return [
                _with(each, (unknown,), (PUBLISHED,)) if _about(each) in readable else each
                for each in decisions
            ]
        return [
            self._in_order(each, *readable[_about(each)], links[_about(each)])
            if _about(each) in readable
            else each
            for each in decisions
        ]

    def _in_order(
        self,
        decision: Decision,
        combination: Combination,
        config: Config,
        links: tuple[Publication, ...],
    ) -> Decision:
        ref = meant(decision.ref or self.destination.ref)
        decided = self._moved(decision, combination, config, ref)
        early: tuple[Finding, ...] = ()
        if any(link.state is not PublicationState.PUBLISHED for link in links):
            early = self._gate.ruling.of_links(combination, links)
        decided = _with(decided, early, (PUBLISHED,))
        settled = self._links.settled(ref)
        if settled is False:
            return decided
        link = next((each for each in links if each.path == config.consumer), None)
        if combination not in self._merged:
            self._merged[combination] = self._merged_as_known(combination, config, link)
        is_likely = settled or self._links.is_known_default(ref)
        if not self._merged[combination]:
            return _with(decided, (), (MERGED,)) if is_likely else decided
        # Of those that may be asked, first the one that is likelier to settle it.
        if is_likely and not self._merged_as_asked(combination, config, link):
            return _with(decided, (), (MERGED,))
        default = self._links.is_default(ref) if settled is None else Default(settled)
        findings = self._silence(default.silence)
        if default.holds is None:
            findings = (undecided(MERGED, self._gate.ruling.unknown_default(self._links, ref)),)
        elif default.holds:
            findings += self._merged_as_asked(combination, config, link)
        return _with(decided, findings, (MERGED,))

    def _moved(
        self, decision: Decision, combination: Combination, config: Config, ref: str
    ) -> Decision:
        """The decision with what the rule `step-back` says of a push to a branch."""
        if not ref.startswith(HEADS):
            return decision
        moves, is_default = self.moves(combination, config, ref)
        if not moves:
            return _with(decision, (), (STEP_BACK,))
        default = self.replaced.tracked_default
        findings = self._gate.ruling.of_moves(
            combination, config, moves, is_default, default=default
        )
        return _with(decision, findings, (STEP_BACK,))

    def moves(
        self, combination: Combination, config: Config, ref: str
    ) -> tuple[tuple[Move, ...], bool]:
        """The gitlinks that do not lie ahead of those that a push replaces, and whether that is a
        push to the default branch, as far as that matters.
        """
        settled = self._links.settled(ref)
        moves = self.replaced.moves(combination, config, ref, settled is not False)
        if not moves or settled is not None:
            return moves, settled is not False
        is_default = self._links.is_default(ref).holds is not False
        if not is_default:
            moves = self.replaced.moves(combination, config, ref, False)
        return moves, is_default

    def against_parents(self, decision: Decision, parents: Sequence[str]) -> Decision:
        """A decision with what goes back from a commit's parents, as if they had been published."""
        with suppress(GuardError):  # it is undecided already, or it has no readable parent
            combination = self._gate.combination(decision.commit)
            config = self._gate.config(combination)
            moves = self.replaced.against(combination, config, parents)
            moves = tuple(each for each in moves if each.direction is Direction.BEHIND)
            if moves:
                findings = self._gate.ruling.of_moves(combination, config, moves, False, True)
                return _with(decision, findings, (STEP_BACK,))
        return _with(decision, (), (STEP_BACK,))

    def _silence(self, why: str) -> tuple[Finding, ...]:
        if not why:
            return ()
        return self._gate.ruling.of_silence(why)

    def _merged_as_asked(
        self, combination: Combination, config: Config, link: Publication | None
    ) -> tuple[Finding, ...]:
        """What `merged` says after the consumer's remotes were asked for their default branches."""
        news, silence = self._links.ask_defaults(combination, config, link)
        if news:
            self._merged[combination] = self._merged_as_known(combination, config, link)
        findings = self._merged[combination]
        is_known = all(each.severity is Severity.ERROR for each in findings)
        return findings + self._silence(silence) if findings and is_known else findings

    def _merged_as_known(
        self, combination: Combination, config: Config, link: Publication | None
    ) -> tuple[Finding, ...]:
        try:
            places, standings = self._links.standings(combination, config, link)
            if link is None or not places:
                return ()
            merged = (standing for standing in standings if standing.merged)
            standing: Standing | Unknown | None = next(merged, None)
            if standing is None:
                standing = self._gate.ruling.nearest(self._links, link, places, standings)
            if standing is None:
                return ()
            if isinstance(standing, Unknown):
                return (undecided(MERGED, standing),)
            misfits: tuple[Finding, ...] = ()
            if standing.tip != standing.commit:
                # The tip of the default branch in the commit's place; what is wrong with the pushed
                # dependency itself is said of the pushed commit.
                other = with_consumer(combination, standing.path, standing.tip)
                misfits = tuple(
                    each for each in self._gate.misfits(other) if each.rule != STATIC_RULES[0]
                )
            if standing.merged and not misfits:
                return ()
            return self._gate.ruling.of_merge(self._links, combination, standing, misfits)
        except GuardError as error:
            return (undecided(MERGED, Unknown(error.problem, error.remedy)),)


def _about(decision: Decision) -> tuple[str, str]:
    """What a decision of the superproject was about."""
    return decision.commit, decision.settings


def _with(
    decision: Decision,
    findings: tuple[Finding, ...],
    rules: tuple[str, ...],
    first: bool = False,
) -> Decision:
    """A decision with what else is found.

    Args:
        first: whether that is told before the rest.
    """
    if is_review(decision.ref or "") and STEP_BACK not in rules:
        # Nothing is merged or built by others before people have looked at it.
        findings = tuple(
            each._replace(severity=Severity.WARNING) if each.blocks else each for each in findings
        )
    whole = decision.findings + findings
    if first:
        whole = findings + decision.findings
    return decision._replace(
        findings=whole, outcome=outcome_of(whole), rules_run=decision.rules_run + rules
    )
