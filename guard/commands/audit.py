"""``guard audit``: the rules over history, as if every commit had been pushed through the gate."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from guard.errors import EXIT_ALLOWED, GuardError, without_secret
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.commands import told
from guard.git.history import LoggedCommit, PublishedLine, has_revision, listed, published_line
from guard.git.repository import Repository
from guard.model import (
    COMBINATION_RULES,
    STATIC_RULES,
    STEP_BACK,
    Decision,
    Finding,
    Outcome,
    Severity,
    outcome_of,
)
from guard.rules import image_published
from guard.screen import Screen, counted, decisions_json, tally
from guard.situation.branches import remote_head, usual_remote
from guard.situation.contents import brought_here
from guard.situation.workspace import find_workspace, repositories_of

# What is not an option of this command goes to git rev-list as it is.
PASSES_ON: Final = "range"
_NAMING: Final = ("--all", "--branches", "--tags", "--remotes", "--glob", "--stdin", "--reflog")
_BLOCKING: Final = (Severity.ERROR, Severity.UNDECIDED)
_ALWAYS: Final = "workspace"  # that nothing could be judged is told, whatever is asked
# Where a push goes, and what is merged there, was never written down.
_RULES: Final = (*COMBINATION_RULES, STEP_BACK)
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
        if name not in _RULES:
            known = ", ".join(_RULES)
            raise ArgumentTypeError(f"{name!r} is no rule that can be asked here ({known})")
    return names


def run(options: Namespace, screen: Screen) -> int:
    """Judge each commit. History is no push: the exit status is 0, whatever was found."""
    workspace = find_workspace()
    chosen: list[str] = options.range or ["--first-parent"]
    if not (has_revision(chosen) or any(word.startswith(_NAMING) for word in chosen)):
        chosen = [*chosen, "HEAD"]  # as git log does
    rules: tuple[str, ...] = options.rules or ()
    asks = options.tested or any(name not in (*STATIC_RULES, STEP_BACK) for name in rules)
    # What remotes had then nobody knows.
    with Gate(workspace, asks_verdicts=asks, by_tags_here=True) as gate:
        judged = _consumer(gate, chosen) if options.consumer else _superproject(gate, chosen)
    if rules:
        counting = {*rules, _ALWAYS}
        judged = [
            (commit, _of_rules(decision, lambda rule: rule in counting))
            for commit, decision in judged
        ]
    if options.json:
        screen.json(decisions_json(decision for _, decision in judged))
    else:
        _table(judged, (*_BLOCKING, *([Severity.WARNING] if rules else [])), screen)
    return EXIT_ALLOWED


def _of_rules(decision: Decision, counts: Callable[[str], bool]) -> Decision:
    """What a decision would be if there were only the rules that count."""
    findings = tuple(finding for finding in decision.findings if counts(finding.rule))
    run = tuple(name for name in decision.rules_run if counts(name))
    return decision._replace(findings=findings, rules_run=run, outcome=outcome_of(findings))


def _superproject(gate: Gate, chosen: Sequence[str]) -> _Judged:
    order = Order(gate)
    return [
        (commit, order.against_parents(gate.superproject(commit.commit), commit.parents))
        for commit in listed(gate.workspace.superproject, chosen)
    ]


def _consumer(gate: Gate, chosen: Sequence[str]) -> _Judged:
    line = PublishedLine(published_line(gate.workspace.superproject, _published_tip(gate)))
    judged = []
    for commit in listed(_consumer_repository(gate), chosen):
        superproject = line.at(commit.when)
        decision = gate.consumer_at(commit.commit, superproject)
        if superproject is not None:
            # Which image others had then is not known; today's would be asked for.
            decision = _of_rules(decision, lambda rule: rule != image_published.NAME)
        judged.append((commit, decision))
    return judged


def _consumer_repository(gate: Gate) -> Repository:
    workspace, config = gate.workspace, gate.present_config()
    if workspace.path(config) == config.consumer:
        return workspace.here
    # The clone with the most history: a submodule's checkout is often shallow or old.
    for repository in repositories_of(workspace, config, config.consumer):
        return repository
    raise GuardError(
        f"no repository of {config.consumer} is on this machine",
        told(brought_here(workspace.superproject, config.consumer)),
    )


def _published_tip(gate: Gate) -> str:
    """What the remote's HEAD follows as it was last fetched, else HEAD."""
    top = gate.workspace.superproject
    ref = remote_head(top, usual_remote(top, gate.pool.settings))
    tip = gate.refs[ref].id if ref in gate.refs else gate.pool.head(top)
    if tip is None:
        raise GuardError(f"{top.git_dir} has no commit yet")
    return tip


def _common(rule: str, message: str, commits: Sequence[LoggedCommit]) -> str:
    """A finding that commits have which stand beside each other in the list."""
    if len(commits) == 1:
        return f"{rule}: {message}"
    first, second, *_ = commits
    # With --reverse the oldest one comes first.
    oldest = first if first.commit in second.parents else commits[-1]
    return f"since {oldest.commit[:8]}, {counted(len(commits), 'commit')}: {rule}: {message}"


def _table(judged: _Judged, told: tuple[Severity, ...], screen: Screen) -> None:
    counts: Counter[str] = Counter()
    for (commit, decision), begun in zip(judged, _commons(judged, told), strict=True):
        word = f"{decision.outcome.value:<9}"
        painted = screen.paint(word, "green" if decision.outcome is Outcome.ALLOWED else "red")
        links = decision.gitlinks
        pinned = decision.release or (links[1].commit[:8] if len(links) > 1 else "-")
        rules = dict.fromkeys(finding.rule for finding in _told(decision, told))
        counts.update(rules.keys())
        row = f"{pinned:<9}  {', '.join(rules) or '-':<34}  "
        subject = without_secret(commit.subject)
        row += subject if len(subject) <= 50 else f"{subject[:49]}…"
        screen.say(f"{commit.commit[:8]}  {commit.date}  {painted}  {row}")
        for common in begun:
            screen.say(screen.paint(f"{'':<22}{common}", "dim"))
    screen.say()
    screen.say(tally([decision for _, decision in judged]))
    for rule, count in counts.most_common():
        screen.say(f"  {rule:<18} {count:>4}")


def _commons(judged: _Judged, told: tuple[Severity, ...]) -> list[list[str]]:
    """For each commit of the list the findings that begin with it."""
    begun: list[dict[tuple[str, str], list[LoggedCommit]]] = []
    running: dict[tuple[str, str], list[LoggedCommit]] = {}
    for commit, decision in judged:
        keys = dict.fromkeys((finding.rule, finding.message) for finding in _told(decision, told))
        begun.append({key: [] for key in keys if key not in running})
        running = {key: {**running, **begun[-1]}[key] for key in keys}
        for commits in running.values():
            commits.append(commit)
    return [[_common(*key, commits) for key, commits in starts.items()] for starts in begun]


def _told(decision: Decision, told: tuple[Severity, ...]) -> list[Finding]:
    return [finding for finding in decision.findings if finding.severity in told]
