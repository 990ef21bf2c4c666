"""What a refused push of the superproject lacks: often just the commit of what is staged."""

from __future__ import annotations

from guard.config import FILE
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.commands import git, in_turn
from guard.model import Decision
from guard.screen import first_remedies
from guard.situation.checkouts import Settings, settings_of

# What these do stands in the index, or in a file that nobody has staged yet.
_ALIGN, _INIT = "guard align", "guard init"


def missing_commit(gate: Gate, decision: Decision) -> str:
    """The commands that commit what mends a refused HEAD already; "" where nothing does.

    Of a person who has done what the hook said, and not committed it, it must not ask for the same.
    """
    remedies = first_remedies(decision.findings)
    if not remedies or not remedies[0].startswith((_ALIGN, _INIT)):
        return ""
    top = gate.workspace.superproject
    commit = git(top, "commit")
    try:
        head, index = gate.head(), gate.index()
        if index is None or head is None or head.commit != decision.commit:
            return ""
        staged = gate.decide(gate.workspace.name(""), "", None, index)
    except GuardError:
        return ""
    if remedies[0] not in first_remedies(staged.findings):
        return commit.text
    settings = settings_of(top) if remedies[0] == _INIT else Settings.ABSENT
    if settings in (Settings.UNSTAGED, Settings.CHANGED):
        return in_turn((git(top, "add", FILE), commit))
    return f"you: fill in [test] command in {FILE}" if settings is Settings.STAGED else ""
