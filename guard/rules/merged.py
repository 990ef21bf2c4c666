"""Rule `merged`: the default branches go together, and not just two feature branches.

In 2016 a feature branch of aula and thentos 0.3 fitted each other, the image went out from
aula-docker's master, and aula's master still wanted thentos 0.2.
"""

from typing import Final

from guard.model import Evidence, Finding, Severity
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Apart, Merge, Stale

NAME: Final = "merged"


def check(merge: Merge | Unknown) -> list[Finding]:
    """Of a push to the superproject's default branch: nothing where the consumer's has its commit,
    and the tip of that, too, goes with the dependency that is pushed.
    """
    if isinstance(merge, Unknown):
        return [undecided(NAME, merge)]
    findings = [] if merge.merged else [_not_merged(merge)]
    return findings + [_misfit(merge, item) for item in merge.misfits]


def check_stale(stale: Stale) -> Finding:
    """Of a push of the consumer: what judges it is not the superproject that others have."""
    return Finding(
        NAME,
        Severity.ERROR,
        f"{stale.superproject}'s HEAD lacks what {stale.branch} has, so that its pin of "
        "the others would be a stale judge",
        found=f"HEAD without {stale.tip}",
        expected=f"a HEAD of {stale.superproject} that contains {stale.branch}",
        evidence=(Evidence(stale.superproject, stale.tip, text=stale.branch),),
    )


def check_apart(apart: Apart) -> Finding:
    """Of a push of the consumer's default branch that what others have does not allow."""
    goes = f"goes to {apart.branch}" if apart.branch else "has no branch checked out"
    return Finding(
        NAME,
        Severity.ERROR,
        f"{apart.superproject} {goes}, so what is checked out there does not judge a push to "
        f"{apart.where}, the default branch of {apart.consumer}",
        found=apart.branch or "a detached HEAD",
        expected=f"{apart.default or 'the default branch'} of {apart.superproject}",
        evidence=(Evidence(apart.superproject),),
    )


def check_silence(why: str) -> Finding:
    """Of a push that goes by the default branch as it was last known."""
    message = f"which branch is the default one is as it was last known: {why}"
    return Finding(NAME, Severity.NOTE, message)


def _not_merged(merge: Merge) -> Finding:
    return Finding(
        NAME,
        Severity.ERROR,
        f"{merge.name} {merge.commit[:12]} is not in {merge.branch} of {merge.name}, and this push "
        f"is to the default branch of {merge.superproject.repository}",
        found=f"{merge.branch} at {merge.tip}, which does not lead to it",
        expected=f"a commit of {merge.branch}; or a push to a branch: {merge.elsewhere.text}",
        evidence=(merge.superproject._replace(path=merge.path, text=merge.commit),),
    )


def _misfit(merge: Merge, misfit: Finding) -> Finding:
    message = (
        f"{merge.branch} of {merge.name} ({merge.tip[:12]}) does not go with what is pushed: "
        f"{misfit.message}"
    )
    missing = (message,) if misfit.missing else ()
    return misfit._replace(rule=NAME, message=message, remedy="", missing=missing)
