"""The order of a release: what a push has to wait for. It depends on where the push goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.gate.gate import Gate
from guard.model import Combination, Decision, Evidence, Finding, outcome_of
from guard.rules import merged, published
from guard.situation.gitlinks import Destination
from guard.situation.merging import Merges, asked_default, is_default, staleness
from guard.situation.publication import Publication, Publications, PublicationState
from guard.situation.published import PublishedLinks
from guard.situation.values import Unknown, undecided

_UNPUBLISHED = (PublicationState.UNPUBLISHED, PublicationState.UNASKED)


class Order:
    """Adds to decisions what the rules of the order say.

    Args:
        destination: where the commits are pushed to.
    """

    def __init__(self, gate: Gate, destination: Destination) -> None:
        self._gate = gate
        self._destination = destination
        # A push of the consumer says nothing of where the superproject is at home.
        at_home = gate.workspace.in_superproject
        home = destination if at_home else Destination(asks=destination.asks)
        self._published = PublishedLinks(gate.gatherer, home)
        self._links = self._published.links

    def judged(self, decisions: Sequence[Decision]) -> list[Decision]:
        """The decisions with the findings of the order, however many at once."""
        if not self._gate.workspace.in_superproject:
            return self.consumer(decisions)
        return self.superproject(decisions)

    def consumer(self, decisions: Sequence[Decision]) -> list[Decision]:
        """As `judged`, for pushes of the consumer."""
        if not decisions:
            return []
        findings = self._stale()
        releases: dict[str, tuple[Finding, ...]] = {}
        result = []
        for item in decisions:
            commit = self._release_of(item)
            if commit not in releases:
                releases[commit] = self._unpublished(commit) if commit else ()
            rules = (published.NAME, merged.NAME)
            result.append(_with(item, releases[commit] + findings, rules))
        return result

    def _release_of(self, decision: Decision) -> str:
        """The dependency's commit that a commit of the consumer was judged with."""
        try:
            config = self._gate.gatherer.config(self._gate.present())
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
            config = self._gate.gatherer.config(present)
            found = self._published.release(present, config, commit)
            if found is None or found.state not in _UNPUBLISHED:
                return ()
            if self._published.takes_submodules_along:
                return ()
        except GuardError:
            return ()
        source = Evidence(workspace.name(""), present.commit, text=present.source)
        return tuple(published.check(Publications(source, (found,))))

    def _stale(self) -> tuple[Finding, ...]:
        try:
            found = staleness(self._gate, self._links.here)
        except GitError as error:
            return (undecided(merged.NAME, Unknown(error.problem, error.remedy)),)
        return (merged.check_stale(found),) if found is not None else ()

    def superproject(self, decisions: Sequence[Decision]) -> list[Decision]:
        """As `judged`, for pushes of the superproject."""
        if not decisions:
            return []
        asked = self._readable([item.commit for item in decisions])
        links: dict[str, tuple[Publication, ...]] = {}
        found: dict[str, tuple[Finding, ...]] = {}
        try:
            links = dict(zip(asked, self._published.of(list(asked.values())), strict=True))
        except GuardError as error:
            finding = undecided(published.NAME, Unknown(error.problem, error.remedy))
            found = dict.fromkeys(asked, (finding,))
        name = self._gate.workspace.name("")
        for commit, publications in links.items():
            evidence = Evidence(name, commit, text=asked[commit][0].source)
            found[commit] = tuple(published.check(Publications(evidence, publications)))
        merges: dict[str, tuple[Finding, ...]] = {}
        defaults: dict[str, bool | Unknown | None] = {}
        result = []
        for item in decisions:
            commit, ref = item.commit, item.ref or self._destination.ref
            if commit not in found:
                result.append(item)
                continue
            decided = _with(item, found[commit], (published.NAME,))
            if ref not in defaults:
                defaults[ref] = self._is_default(ref)
            if defaults[ref] is not False and commit in links:
                if commit not in merges:
                    merges[commit] = self._merged(*asked[commit], links[commit])
                if merges[commit] and defaults[ref] is None:
                    here = self._links.here
                    defaults[ref] = asked_default(self._gate, here, self._destination, ref)
                findings = _where_default(merges[commit], defaults[ref])
                decided = _with(decided, findings, (merged.NAME,))
            result.append(decided)
        return result

    def _readable(self, commits: Iterable[str]) -> dict[str, tuple[Combination, Config]]:
        """The commits that can be read; what cannot be is undecided already."""
        asked = {}
        for commit in dict.fromkeys(commits):
            try:
                combination = self._gate.combination(commit)
                asked[commit] = combination, self._gate.gatherer.config(combination)
            except GuardError:
                continue
        return asked

    def _is_default(self, ref: str) -> bool | None:
        try:
            return is_default(self._gate, self._links.here, self._destination, ref)
        except GuardError:
            return True  # asked too much is better than too little

    def _merged(
        self, combination: Combination, config: Config, links: tuple[Publication, ...]
    ) -> tuple[Finding, ...]:
        merges = Merges(self._gate, self._links, self._destination)
        try:
            found = merges.of(combination, config, links)
        except GuardError as error:
            found = Unknown(error.problem, error.remedy)
        return tuple(merged.check(found)) if found is not None else ()


def _where_default(
    findings: tuple[Finding, ...], default: bool | Unknown | None
) -> tuple[Finding, ...]:
    if findings and isinstance(default, Unknown):
        return (undecided(merged.NAME, default),)
    return findings if default else ()


def _with(decision: Decision, findings: tuple[Finding, ...], rules: tuple[str, ...]) -> Decision:
    whole = decision.findings + findings
    return decision._replace(
        findings=whole, outcome=outcome_of(whole), rules_run=decision.rules_run + rules
    )
