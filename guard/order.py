"""The order of a release: what a push has to wait for. It depends on where the push goes."""

from __future__ import annotations

from guard.config import Config
from guard.errors import GuardError
from guard.gate import Gate
from guard.git.tracking import Place
from guard.gitlinks import Destination, PublishedLinks, Submodule
from guard.model import Decision, Evidence, Finding, outcome_of
from guard.rules import published
from guard.rules.facts import Unknown, undecided
from guard.rules.publication import Publication, Publications
from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Order:
    """Adds to decisions what the rules of the order say.

    Args:
        destination: where the commits are pushed to.
    """

    def __init__(self, gate: Gate, destination: Destination) -> None:
        self._gate = gate
        self._destination = destination
        self._links = PublishedLinks(gate.gatherer, destination, self._search)

    def judged(self, decisions: Sequence[Decision]) -> list[Decision]:
        """The decisions with the findings of the order, however many at once."""
        if not self._gate.workspace.in_superproject:
            return list(decisions)
        found = self._published([item.commit for item in decisions])
        return [
            _with(item, found[item.commit], (published.NAME,)) if item.commit in found else item
            for item in decisions
        ]

    def _published(self, commits: Sequence[str]) -> dict[str, tuple[Finding, ...]]:
        """The findings of each commit that can be read; what cannot be is undecided already."""
        asked = {}
        for commit in dict.fromkeys(commits):
            try:
                combination = self._gate.combination(commit)
                asked[commit] = combination, self._gate.gatherer.config(combination)
            except GuardError:
                continue
        try:
            found = self._links.of(list(asked.values()))
        except GuardError as error:
            finding = undecided(published.NAME, Unknown(error.problem, error.remedy))
            return dict.fromkeys(asked, (finding,))
        name = self._gate.workspace.name("")
        return {
            commit: tuple(
                published.check(
                    Publications(Evidence(name, commit, text=combination.source), links)
                )
            )
            for (commit, (combination, _)), links in zip(asked.items(), found, strict=True)
        }

    def _search(
        self,
        links: PublishedLinks,
        submodule: Submodule,
        config: Config,
        places: Sequence[Place],
        commits: set[str],
    ) -> Iterable[Publication]:
        # An accepted push does not wait for the import.
        from guard.unpublished import Search

        search = Search(links, self._gate.gatherer, self._destination)
        return search.of(submodule, config, places, commits)


def _with(decision: Decision, findings: tuple[Finding, ...], rules: tuple[str, ...]) -> Decision:
    whole = decision.findings + findings
    return decision._replace(
        findings=whole, outcome=outcome_of(whole), rules_run=decision.rules_run + rules
    )
