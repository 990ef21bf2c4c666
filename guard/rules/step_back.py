"""Rule `step-back`: a gitlink lies ahead of the one that it replaces, or somebody says why not.

A stale checkout of a submodule and ``git commit -a`` pin an older commit, which has passed once.
Source: commit 63f4c187 of aula-docker, in which both submodules go back.
"""

from typing import Final

from guard.model import STEP_BACK, STEPS_BACK, Finding, Severity
from guard.situation.publication import Direction
from guard.situation.values import StepBack

_LIES: Final = {
    Direction.BEHIND: "steps back: {new} lies behind {old}",
    Direction.BESIDE: "leaves its history: {new} does not lead to {old}",
    Direction.UNKNOWN: "may step back: whether {new} leads to {old} is not known",
}


def check(step: StepBack) -> Finding:
    """What is said of a gitlink that does not lie ahead."""
    move, setter = step.move, step.commit[:12] or "the commit"
    old, new = move.names
    lies = _LIES[move.direction].format(old=old, new=new)
    message = f"{step.name} {lies}, which {move.base[:12]} of {step.superproject.repository} has"
    if not move.path:
        message = "what this push replaces is not known, nor whether it steps back"
    if move.unknown is not None:
        message = f"{message}: {move.unknown.what}"
    evidence = (step.superproject._replace(path=move.path or None, text=move.new),)
    if step.why:
        message = f"{message}; {setter} says why: {step.why}"
        return Finding(STEP_BACK, Severity.NOTE, message, evidence=evidence)
    expected = "history that tells where this goes"
    if move.path:
        expected = f"{move.old}, or a later one; or where it is meant, "
        line = f"'{STEPS_BACK}: {move.path} <why>' in the message of {setter}"
        expected += step.instead or line
    return Finding(
        STEP_BACK,
        step.severity,
        message,
        found=f"{move.new} in {setter}" if move.path else "",
        expected=expected,
        evidence=evidence,
        missing=(message,) if step.severity is Severity.UNDECIDED else (),
    )
