"""``guard audit``: the rules over history, as if every commit had been pushed through the gate."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from guard.errors import EXIT_ALLOWED, GuardError
from guard.gate.gate import Gate
from guard.git.commands import told
from guard.git.history import LoggedCommit, PublishedLine, published_line
from guard.git.refs import head_of
from guard.git.repository import Repository
from guard.model import (
    COMBINATION_RULES,
    STATIC_RULES,
    Decision,
    Finding,
    Outcome,
    Severity,
    outcome_of,
)
from guard.rules import image_published
from guard.screen import Screen, counted, decisions_json, tally
from guard.situation.contents import brought_here
from guard.situation.revisions import has_revision, listed
from guard.situation.workspace import find_workspace, repositories_of

# What is not an option of this command goes to git rev-list as it is.
PASSES_ON: Final = "range"
_NAMING: Final = ("--all", "--branches", "--tags", "--remotes", "--glob", "--stdin", "--reflog")
_BLOCKING: Final = (Severity.ERROR, Severity.UNDECIDED)
_ALWAYS: Final = "workspace"  # that nothing could be judged is told, whatever is asked
_Judged = list[tuple[LoggedCommit, Decision]]


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = (
        "guard audit [--json] [--tested] [--consumer] [--rules NAME,...] "
        "[git rev-list arguments ...]"
    )
    parser.epilog = "Without arguments: --first-parent HEAD."
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--tested", action="store_true", help="ask for verdicts as well")
    parser.add_argument(
        "--consumer",
        action="store_true",
        help="judge commits of the consumer, each with the superproject as it was published then",
    )
    parser.add_argument(
        "--rules",
        metavar="NAME,...",
        type=_rules,
        help="tell only what these rules say, their warnings as well",
    )


def _rules(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in COMBINATION_RULES:
            known = ", ".join(COMBINATION_RULES)
            raise ArgumentTypeError(f"{name!r} is no rule that can be asked here ({known})")
    return names


def run(options: Namespace, screen: Screen) -> int:
    """Judge each commit. History is no push: the exit status is 0, whatever was found."""
    workspace = find_workspace()
    chosen: list[str] = options.range or ["--first-parent"]
    if not (has_revision(chosen) or any(word.startswith(_NAMING) for word in chosen)):
        chosen = [*chosen, "HEAD"]  # as git log does
    rules: tuple[str, ...] = options.rules or ()
    asks = options.tested or any(name not in STATIC_RULES for name in rules)
    with Gate(workspace, asks_verdicts=asks) as gate:
        judged = _consumer(gate, chosen) if options.consumer else _superproject(gate, chosen)
    if rules:
        judged = [(item, _of_rules(decision, rules)) for item, decision in judged]
    if options.json:
        screen.json(decisions_json(decision for _, decision in judged))
    else:
        _table(judged, (*_BLOCKING, *([Severity.WARNING] if rules else [])), screen)
    return EXIT_ALLOWED


def _of_rules(decision: Decision, rules: tuple[str, ...]) -> Decision:
    """What a decision would be if there were no other rules."""
    findings = tuple(item for item in decision.findings if item.rule in (*rules, _ALWAYS))
    run = tuple(name for name in decision.rules_run if name in rules)
    return decision._replace(findings=findings, rules_run=run, outcome=outcome_of(findings))


def _superproject(gate: Gate, chosen: Sequence[str]) -> _Judged:
    commits = listed(gate.workspace.superproject, chosen)
    return [(item, gate.superproject(item.commit)) for item in commits]


def _consumer(gate: Gate, chosen: Sequence[str]) -> _Judged:
    workspace = gate.workspace
    tip = _published_tip(workspace.superproject)
    line = PublishedLine(published_line(workspace.superproject, tip))
    judged = []
    for item in listed(_consumer_repository(gate), chosen):
        superproject = line.at(item.when)
        if superproject is not None:
            judged.append((item, _then(gate.consumer_at(item.commit, superproject))))
        else:
            judged.append((item, gate.before_superproject(item.commit)))
    return judged


def _then(decision: Decision) -> Decision:
    """The decision without what was asked of today: which image others had then is not known."""
    findings = tuple(item for item in decision.findings if item.rule != image_published.NAME)
    return decision._replace(
        findings=findings,
        outcome=outcome_of(findings),
        rules_run=tuple(name for name in decision.rules_run if name != image_published.NAME),
    )


def _consumer_repository(gate: Gate) -> Repository:
    workspace = gate.workspace
    config = gate.present_config()
    if workspace.path(config) == config.consumer:
        return workspace.here
    # The clone with the most history: a submodule's checkout is often shallow or old.
    found = repositories_of(workspace, config, config.consumer)
    if not found:
        raise GuardError(
            f"no repository of {config.consumer} is on this machine",
            told(brought_here(workspace.superproject, config.consumer)),
        )
    return found[0]


def _published_tip(repository: Repository) -> str:
    """The default branch as it was last fetched, else HEAD.

    Raises:
        GuardError: there is no commit at all.
    """
    ref = "refs/remotes/origin/HEAD"
    tip = repository.text("show-ref", "--verify", "--hash", ref, ok=(0, 1, 128))
    found = tip or head_of(repository)
    if not found:
        raise GuardError(f"{repository.git_dir} has no commit yet")
    return found


class _Common(NamedTuple):
    """A finding that commits have which stand beside each other in the list."""

    rule: str
    message: str
    commits: tuple[LoggedCommit, ...]

    def __str__(self) -> str:
        text = f"{self.rule}: {self.message}"
        if len(self.commits) == 1:
            return text
        first, second, *_ = self.commits
        # With --reverse the oldest one comes first.
        oldest = first if first.commit in second.parents else self.commits[-1]
        return f"since {oldest.commit[:8]}, {counted(len(self.commits), 'commit')}: {text}"


def _table(judged: _Judged, told: tuple[Severity, ...], screen: Screen) -> None:
    for (item, decision), begun in zip(judged, _commons(judged, told), strict=True):
        word = f"{decision.outcome.value:<9}"
        painted = screen.paint(word, "green" if decision.outcome is Outcome.ALLOWED else "red")
        pinned = decision.release or _pinned(decision)
        rules = ", ".join(dict.fromkeys(found.rule for found in _told(decision, told)))
        subject = item.subject if len(item.subject) <= 50 else f"{item.subject[:49]}…"
        screen.say(
            f"{item.commit[:8]}  {item.date}  {painted}  {pinned:<9}  {rules or '-':<34}  {subject}"
        )
        for finding in begun:
            screen.say(screen.paint(f"{'':<22}{finding}", "dim"))
    _summary([decision for _, decision in judged], told, screen)


def _commons(judged: _Judged, told: tuple[Severity, ...]) -> list[list[_Common]]:
    """For each commit of the list the findings that begin with it."""
    begun: list[dict[tuple[str, str], list[LoggedCommit]]] = []
    running: dict[tuple[str, str], list[LoggedCommit]] = {}
    for commit, decision in judged:
        keys = dict.fromkeys((finding.rule, finding.message) for finding in _told(decision, told))
        begun.append({key: [] for key in keys if key not in running})
        running = {key: {**running, **begun[-1]}[key] for key in keys}
        for commits in running.values():
            commits.append(commit)
    return [[_Common(*key, tuple(commits)) for key, commits in starts.items()] for starts in begun]


def _told(decision: Decision, told: tuple[Severity, ...]) -> list[Finding]:
    return [found for found in decision.findings if found.severity in told]


def _pinned(decision: Decision) -> str:
    return decision.gitlinks[1].commit[:8] if len(decision.gitlinks) > 1 else "-"


def _summary(decisions: list[Decision], told: tuple[Severity, ...], screen: Screen) -> None:
    screen.say()
    screen.say(tally(decisions))
    rules = Counter(
        rule for decision in decisions for rule in {found.rule for found in _told(decision, told)}
    )
    for rule, count in rules.most_common():
        screen.say(f"  {rule:<18} {count:>4}")
