"""What comes after a refused push: often just the commit of what is staged."""

from __future__ import annotations

from typing import Final

from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.situation import Situation
from guard.git.commands import as_next, git, in_turn, told
from guard.model import Decision, Severity
from guard.plan.following import behind
from guard.screen import first_remedies
from guard.situation.checkouts import (
    Link,
    Relation,
    Settings,
    checkouts,
    settings_of,
    stage_settings,
)
from guard.situation.values import FILL_IN

# What these do stands in the index, or in a file that nobody has staged yet.
_EDITS: Final = ("guard align", "you: correct .gitmodules:")
_SETTINGS: Final = ("guard init", told(FILL_IN))


def next_step(gate: Gate, decision: Decision) -> str:
    """What comes next, in the words of ``guard status``; "" where nobody can say."""
    return _missing_commit(gate, decision) or _lacking(gate, decision) or first_step(decision)


def first_step(decision: Decision) -> str:
    """What mends the first finding that blocks, by itself or by a person."""
    severe = (Severity.ERROR, Severity.UNDECIDED)
    first = (each for each in decision.findings if each.severity in severe and each.remedy)
    return next((as_next(each.message, each.remedy) for each in first), "")


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
        at = checkouts(gate.workspace.superproject, links)
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
    if not any(edit in remedies[0] for edit in (*_EDITS, *_SETTINGS)):
        return ""
    top = gate.workspace.superproject
    commit = git(top, "commit")
    try:
        head = gate.head()
        if gate.index() is None or head is None or head.commit != decision.commit:
            return ""
        left = first_remedies(Situation(gate).standing.findings)
    except GuardError:
        return ""
    if left and {left[0], remedies[0]} <= {*_SETTINGS}:
        settings = settings_of(top)
        is_written = settings in (Settings.UNSTAGED, Settings.IGNORED, Settings.CHANGED)
        return in_turn((stage_settings(top, settings), commit)) if is_written else left[0]
    return commit.text if remedies[0] not in left else ""
