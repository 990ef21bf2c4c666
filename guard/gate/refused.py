"""What comes after a refused push: often just the commit of what is staged."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from shlex import quote
from typing import Final, NamedTuple

from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.situation import Situation, is_behind, standing
from guard.git.commands import PERSON, as_next, git, in_turn, told
from guard.git.repository import Repository
from guard.model import PUBLISHED, TESTED, Decision, Outcome, Role, Severity
from guard.plan.following import SETTINGS, behind, preparation
from guard.plan.walk import ALIGN
from guard.screen import first_remedies
from guard.situation.branches import HEADS
from guard.situation.checkouts import (
    Link,
    Relation,
    Settings,
    checkouts,
    malformed_modules,
    settings_of,
    stage_settings,
    with_command,
)

# What these do stands in the index, or in a file that nobody has staged yet.
_EDITS: Final = ("guard align", "you: correct .gitmodules:")
# What these do is committed with it.
_COMMITS: Final = ("update-index --cacheinfo", "commit --amend", "rebase --interactive")


def next_steps(gate: Gate, decisions: Sequence[Decision]) -> list[str]:
    """What comes next for each, in the words of ``guard status``; "" where nobody can say."""
    superproject = gate.workspace.superproject
    # Git does nothing else in that checkout before.
    correct = malformed_modules(superproject) if gate.workspace.in_superproject else ""
    if correct:
        return [told(correct)] * len(decisions)
    return [
        _missing_commit(gate, each) or _lacking(gate, each) or first_step(each)
        if each.outcome is not Outcome.ALLOWED
        else ""
        for each in decisions
    ]


def placed(gate: Gate, decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions, with remedies that mend these very commits from where the user stands.

    ``guard align`` and whatever else edits the index mends what is checked out, and nothing else.
    """
    place = _Place(gate)
    return [place.placed(decision) for decision in decisions]


class _Branch(NamedTuple):
    commit: str
    name: str
    checked_out: str


class _Place:
    """Where the user stands: git is asked once for the remedies of many commits."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._top = gate.workspace.name("")
        self._listed: list[_Branch] | None = None

    @cached_property
    def _now(self) -> Situation:
        return Situation(self._gate)

    @cached_property
    def _aligned(self) -> str | None:
        """The consumer's commit for which ``guard align`` would choose."""
        now = standing(self._gate)
        return self._gate.gitlink(now, self._gate.config(now).consumer)

    def placed(self, decision: Decision) -> Decision:
        """As `placed`, of one decision."""
        is_consumers = decision.repository != self._top
        edits = (ALIGN,) if is_consumers else (*_EDITS, *_COMMITS, *SETTINGS)
        remedies = {each.remedy for each in decision.findings if each.blocks}
        remedies = {each for each in remedies if any(edit in each for edit in edits)}
        # The consumer is judged by settings that are staged.
        unset = {each.remedy for each in decision.findings if is_consumers} & {*SETTINGS}
        instead: dict[str, str] = {}
        with suppress(GuardError):  # what is wrong with the index is said of it
            if unset:
                top = self._gate.workspace.superproject
                instead = {each: with_command(top, each) for each in unset}
        with suppress(GuardError):
            head = self._gate.head
            at = self._aligned if remedies and is_consumers else head and head.commit
            if remedies and decision.commit not in (at, ""):
                elsewhere = self._of_consumer if is_consumers else self._of_superproject
                instead |= {each: elsewhere(decision, each) for each in remedies}
        findings = (
            each._replace(remedy=instead.get(each.remedy, each.remedy))
            if each.blocks or each.remedy in unset
            else each
            for each in decision.findings
        )
        return decision._replace(findings=tuple(findings))

    def _of_superproject(self, decision: Decision, remedy: str) -> str:
        switch = self._switch(self._gate.workspace.superproject, decision)
        if switch.startswith(PERSON):
            return switch
        if remedy.startswith(PERSON):
            return f"{remedy}, where it is checked out: {switch}"
        return f"{PERSON}mend it where it is checked out: {switch} && {remedy}"

    def _of_consumer(self, decision: Decision, remedy: str) -> str:
        gate, now, commit = self._gate, self._now, decision.commit
        path = now.config.consumer
        at = now.checkouts.at(path)
        if at is not None and at.head == commit:
            todo = preparation(now.checkouts, path, now.config.dependency)
            if todo is not None:
                return todo.text
        is_there = gate.workspace.role(now.config) is Role.CONSUMER
        repository = gate.workspace.here if is_there else now.consumer_checkout
        pinned = gate.gitlink(now.combination, path)
        if repository is None or pinned is None:
            return remedy
        switch = self._switch(repository, decision)
        if switch.startswith(PERSON):
            return switch
        what = f"change what {decision.repository} requires at {commit[:12]}"
        if is_behind(gate, now.config, commit, pinned):
            return f"{PERSON}{what}, or push the later commit that {self._top} pins: {switch}"
        align = f" && {remedy}" if is_there else ""
        return f"{PERSON}{what}, or align {self._top} for it: {switch}{align}"

    def _switch(self, repository: Repository, decision: Decision) -> str:
        """What checks out a commit to go on from it; of a person where that is not to be."""
        commit, name = decision.commit, f"mend-{decision.commit[:8]}"
        own = [each for each in self._branches(repository) if each.commit == commit]
        own.sort(key=lambda each: f"{HEADS}{each.name}" != decision.ref)
        for _, branch, folder in own:
            if not folder or folder == repository.work_tree:
                return git(repository, "switch", branch).text
            there = f"cd {quote(folder)} && guard status"
            return f"{PERSON}mend it where {branch} is checked out: {there}"
        if any(each.name == name for each in self._branches(repository)):
            look = git(repository, "log", "--oneline", f"{commit[:12]}..{name}").text
            return f"{PERSON}push what {name} has on top of {commit[:12]} instead: {look}"
        return git(repository, "switch", "--create", name, commit[:12]).text

    def _branches(self, repository: Repository) -> list[_Branch]:
        if self._listed is None:
            form = "--format=%(objectname)%00%(refname:lstrip=2)%00%(worktreepath)"
            lines = repository.lines("for-each-ref", form, HEADS.rstrip("/"))
            self._listed = [_Branch(*line.split("\0")) for line in lines]
        return self._listed


def first_step(decision: Decision) -> str:
    """What mends the first finding that blocks, by itself or by a person."""
    severe = (Severity.ERROR, Severity.UNDECIDED)
    blocking = [each for each in decision.findings if each.severity in severe and each.remedy]
    if not blocking:
        return ""
    first = blocking[0]
    if first.rule == TESTED and first.missing:
        # What is not here to be tested may be nowhere: `published` knows whom to ask for it.
        fetching = (each for each in blocking if each.rule == PUBLISHED and each.missing)
        first = next((each for each in fetching if each.evidence[0].text in first.message), first)
    return as_next(first.message, first.remedy)


def _lacking(gate: Gate, decision: Decision) -> str:
    """What brings a submodule's commit that is nowhere here, or who has to push it first."""
    if not any(each.missing for each in decision.findings):
        return ""
    try:
        submodules = gate.submodules(gate.present_config())
        links = {
            link.path: Link(link.commit, submodules.store(link.path).repositories)
            for link in decision.gitlinks
        }
        at = checkouts(gate.workspace.superproject, links, gate.pool)
    except GuardError:
        return ""
    lacking = (Relation.MISSING, Relation.NOWHERE)
    todo = (behind(at, each) for each in at.submodules if each.relation in lacking)
    return next((each.text for each in todo if each is not None), "")


def _missing_commit(gate: Gate, decision: Decision) -> str:
    """The commands that commit what mends a refused HEAD already; "" where nothing does.

    Of a person who has done what the hook said, and not committed it, it must not ask for the same.
    """
    remedies = first_remedies(decision.findings)
    if not gate.workspace.in_superproject or not remedies:
        return ""
    if not any(edit in remedies[0] for edit in (*_EDITS, *SETTINGS)):
        return ""
    top = gate.workspace.superproject
    commit = git(top, "commit")
    try:
        head = gate.head
        if gate.index is None or head is None or head.commit != decision.commit:
            return ""
        left = first_remedies(Situation(gate).standing.findings)
    except GuardError:
        return ""
    if left and {left[0], remedies[0]} <= {*SETTINGS}:
        settings = settings_of(top)
        is_written = settings in (Settings.UNSTAGED, Settings.IGNORED, Settings.CHANGED)
        return in_turn((stage_settings(top, settings), commit)) if is_written else left[0]
    return commit.text if remedies[0] not in left else ""
