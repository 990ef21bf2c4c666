"""The order of a release: what a push has to wait for. It depends on where the push goes."""

from collections.abc import Sequence
from contextlib import suppress

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.git.pushes import is_review, meant
from guard.model import (
    MERGED,
    PUBLISHED,
    STATIC_RULES,
    Combination,
    Decision,
    Finding,
    Gitlink,
    Severity,
    outcome_of,
)
from guard.situation.contents import with_consumer
from guard.situation.publication import Publication, PublicationState, Unknown, undecided
from guard.situation.published import PublishedLinks, Standing

_UNPUBLISHED = (PublicationState.UNPUBLISHED, PublicationState.UNASKED)


class Order:
    """Adds to decisions what the rules of the order say.

    Args:
        links: where they go, if that is not what the gate was told.
    """

    def __init__(self, gate: Gate, links: PublishedLinks | None = None) -> None:
        self._gate = gate
        self._links = links or gate.links
        self._defaults: dict[str, bool | Unknown] = {}
        self._merged: dict[Combination, tuple[Finding, ...]] = {}

    def judged(self, decisions: Sequence[Decision]) -> list[Decision]:
        """The decisions with the findings of the order, however many at once."""
        if not self._gate.workspace.in_superproject:
            return self.consumer(decisions)
        return self.superproject(decisions)

    def consumer(self, decisions: Sequence[Decision]) -> list[Decision]:
        """As `judged`, for pushes of the consumer."""
        if not decisions:
            return []
        stale = self._stale([item.ref for item in decisions])
        early: dict[tuple[Gitlink, ...], tuple[Finding, ...]] = {}
        result = []
        for item in decisions:
            if item.gitlinks not in early:
                early[item.gitlinks] = self._unpublished(item.gitlinks)
            rules = (PUBLISHED, MERGED)
            found = early[item.gitlinks] + stale.get(item.ref, ())
            result.append(_with(item, found, rules))
        return result

    def _unpublished(self, gitlinks: tuple[Gitlink, ...]) -> tuple[Finding, ...]:
        """What is to be pushed before the consumer; what is not known waits for the superproject.

        A push of the superproject that takes its submodules along goes through them in the order
        of their paths.

        Args:
            gitlinks: those that the consumer was judged with, none where it is undecided already.
        """
        if not gitlinks:
            return ()
        try:
            judged = self._gate.present()._replace(replaced=gitlinks)
            links = self._links.before_consumer(judged, self._gate.config(judged))
            early = tuple(link for link in links if link.state in _UNPUBLISHED)
            if not early or self._links.takes_submodules_along:
                return ()
        except GuardError:
            return ()
        from guard.gate import ruling

        return ruling.of_links(self._gate.workspace.name(""), judged, early)

    def _stale(self, refs: Sequence[str | None]) -> dict[str | None, tuple[Finding, ...]]:
        try:
            lacking = self._links.lacking()
            if not lacking:
                return {}
            from guard.gate import ruling

            return ruling.of_stale(self._links, refs, lacking)
        except GitError as error:
            unknown = undecided(MERGED, Unknown(error.problem, error.remedy))
            return dict.fromkeys(refs, (unknown,))

    def superproject(self, decisions: Sequence[Decision]) -> list[Decision]:
        """As `judged`, for pushes of the superproject; what cannot be read is undecided already."""
        readable = {}
        for commit in dict.fromkeys(each.commit for each in decisions):
            with suppress(GuardError):
                combination = self._gate.combination(commit)
                readable[commit] = combination, self._gate.config(combination)
        try:
            links = dict(zip(readable, self._links.of(list(readable.values())), strict=True))
        except GuardError as error:
            unknown = undecided(PUBLISHED, Unknown(error.problem, error.remedy))
            return [
                _with(each, (unknown,), (PUBLISHED,)) if each.commit in readable else each
                for each in decisions
            ]
        return [
            self._in_order(each, *readable[each.commit], links[each.commit])
            if each.commit in readable
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
        early: tuple[Finding, ...] = ()
        if any(link.state is not PublicationState.PUBLISHED for link in links):
            from guard.gate import ruling

            early = ruling.of_links(self._gate.workspace.name(""), combination, links)
        decided = _with(decision, early, (PUBLISHED,))
        ref = meant(decision.ref or self._links.destination.ref)
        if self._links.moves_default(ref) is False:
            return decided
        if combination not in self._merged:
            self._merged[combination] = self._merged_findings(combination, config, links)
        return _with(decided, self._where_default(ref, self._merged[combination]), (MERGED,))

    def _where_default(self, ref: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """The findings, if the push goes to the default branch; the remote may be asked for it."""
        if not findings:
            return ()
        default: bool | Unknown | None = self._links.moves_default(ref)
        if default is None:
            if ref not in self._defaults:
                from guard.gate import ruling

                self._defaults[ref] = ruling.is_default(self._links, ref)
            default = self._defaults[ref]
        if isinstance(default, Unknown):
            return (undecided(MERGED, default),)
        return findings if default else ()

    def _merged_findings(
        self, combination: Combination, config: Config, links: tuple[Publication, ...]
    ) -> tuple[Finding, ...]:
        try:
            link = next((each for each in links if each.path == config.consumer), None)
            places, standings = self._links.standings(combination, config, link)
            if link is None or not places:
                return ()
            merged = (standing for standing in standings if standing.merged)
            standing: Standing | Unknown | None = next(merged, None)
            if standing is None:
                from guard.gate import ruling

                standing = ruling.nearest(self._links, link, places, standings)
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
            from guard.gate import ruling

            return ruling.of_merge(self._links, combination, standing, misfits)
        except GuardError as error:
            return (undecided(MERGED, Unknown(error.problem, error.remedy)),)


def _with(decision: Decision, findings: tuple[Finding, ...], rules: tuple[str, ...]) -> Decision:
    if is_review(decision.ref or ""):
        # Nothing is merged or built by others before people have looked at it.
        findings = tuple(
            each._replace(severity=Severity.WARNING) if each.blocks else each for each in findings
        )
    whole = decision.findings + findings
    return decision._replace(
        findings=whole, outcome=outcome_of(whole), rules_run=decision.rules_run + rules
    )
