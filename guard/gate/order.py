"""The order of a release: what a push has to wait for. It depends on where the push goes."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.model import (
    MERGED,
    PUBLISHED,
    STATIC_RULES,
    Combination,
    Decision,
    Evidence,
    Finding,
    outcome_of,
)
from guard.situation.contents import with_consumer
from guard.situation.gitlinks import Destination
from guard.situation.publication import Publication, PublicationState, Unknown, undecided
from guard.situation.published import PublishedLinks, Standing

_UNPUBLISHED = (PublicationState.UNPUBLISHED, PublicationState.UNASKED)


class _Commit(NamedTuple):
    """A commit of the superproject, and what the rule `published` says of it.

    Args:
        links: None where they cannot be read.
    """

    combination: Combination
    config: Config
    links: tuple[Publication, ...] | None
    findings: tuple[Finding, ...]


class Order:
    """Adds to decisions what the rules of the order say."""

    def __init__(self, gate: Gate, destination: Destination) -> None:
        self._gate = gate
        self._destination = destination
        # A push of the consumer says nothing of where the superproject is at home.
        at_home = gate.workspace.in_superproject
        home = destination if at_home else Destination(asks=destination.asks)
        self._links = PublishedLinks(gate, home)
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
        releases: dict[str, tuple[Finding, ...]] = {}
        result = []
        for item in decisions:
            commit = self._release_of(item)
            if commit not in releases:
                releases[commit] = self._unpublished(commit) if commit else ()
            rules = (PUBLISHED, MERGED)
            found = releases[commit] + stale.get(item.ref, ())
            result.append(_with(item, found, rules))
        return result

    def _release_of(self, decision: Decision) -> str:
        """The dependency's commit that a commit of the consumer was judged with."""
        try:
            config = self._gate.present_config()
        except GuardError:
            return ""  # and so it is undecided already
        return dict(decision.gitlinks).get(config.dependency, "")

    def _unpublished(self, commit: str) -> tuple[Finding, ...]:
        """What is to be pushed before the consumer; what is not known waits for the superproject.

        A push of the superproject that takes its submodules along goes through them in the order
        of their paths.
        """
        workspace = self._gate.workspace
        try:
            present = self._gate.present()
            config = self._gate.config(present)
            found = self._links.release(present, config, commit)
            if found is None or found.state not in _UNPUBLISHED:
                return ()
            if self._links.takes_submodules_along:
                return ()
        except GuardError:
            return ()
        from guard.gate import ruling

        source = Evidence(workspace.name(""), present.commit, text=present.source)
        return ruling.of_links(source, (found,))

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
        """As `judged`, for pushes of the superproject."""
        commits = self._commits([item.commit for item in decisions])
        return [self._in_order(item, commits.get(item.commit)) for item in decisions]

    def _commits(self, names: Sequence[str]) -> dict[str, _Commit]:
        """The commits that can be read, with what is published; what cannot be is undecided."""
        readable = {}
        for name in dict.fromkeys(names):
            with suppress(GuardError):
                combination = self._gate.combination(name)
                readable[name] = combination, self._gate.config(combination)
        try:
            links = self._links.of(list(readable.values()))
        except GuardError as error:
            unknown = Unknown(error.problem, error.remedy)
            return {
                name: _Commit(*pair, None, (undecided(PUBLISHED, unknown),))
                for name, pair in readable.items()
            }
        commits = {}
        for (name, (combination, config)), found in zip(readable.items(), links, strict=True):
            commits[name] = _Commit(combination, config, found, self._early(combination, found))
        return commits

    def _early(
        self, combination: Combination, links: tuple[Publication, ...]
    ) -> tuple[Finding, ...]:
        """What is to be said of gitlinks that are not published."""
        if all(link.state is PublicationState.PUBLISHED for link in links):
            return ()
        from guard.gate import ruling

        name, text = self._gate.workspace.name(""), combination.source
        return ruling.of_links(Evidence(name, combination.commit, text=text), links)

    def _in_order(self, decision: Decision, commit: _Commit | None) -> Decision:
        if commit is None:
            return decision
        decided = _with(decision, commit.findings, (PUBLISHED,))
        ref = decision.ref or self._destination.ref
        if commit.links is None or self._links.moves_default(ref) is False:
            return decided
        if commit.combination not in self._merged:
            found = self._merged_findings(commit.combination, commit.config, commit.links)
            self._merged[commit.combination] = found
        findings = self._where_default(ref, self._merged[commit.combination])
        return _with(decided, findings, (MERGED,))

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
    whole = decision.findings + findings
    return decision._replace(
        findings=whole, outcome=outcome_of(whole), rules_run=decision.rules_run + rules
    )
