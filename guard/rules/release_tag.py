"""Rule `release-tag`: the dependency's gitlink is a commit that carries a release tag.

Source: the team's lesson of March 2016, "move the thentos submodule to a release tag".
"""

from __future__ import annotations

from typing import Final

from guard.model import Evidence, Finding, Severity
from guard.situation.values import Facts, Pin, Unknown, undecided

NAME: Final = "release-tag"


def check(facts: Facts) -> list[Finding]:
    """Nothing where a tag points at the gitlink's commit, or where there is no gitlink."""
    pin = facts.pin
    if pin is None:
        return []
    if isinstance(pin, Unknown):
        return [undecided(NAME, pin)]
    findings = []
    if pin.contradicting:
        findings.append(_contradicting(facts, pin))
    elif not pin.releases:
        findings.append(_unreleased(facts, pin))
    if not pin.releases and pin.same_content:
        findings.append(_same_content(facts, pin))
    return findings


def _unreleased(facts: Facts, pin: Pin) -> Finding:
    name = facts.names.dependency
    form = facts.names.release_tag.replace("{version}", "X.Y.Z")
    return Finding(
        NAME,
        Severity.ERROR,
        f"{name} is pinned to {pin.described}, which is no release",
        found=f"{pin.commit} ({pin.described})",
        expected=f"a commit of {name} with a release tag ({form})",
        evidence=(_gitlink(facts, pin),),
    )


def _same_content(facts: Facts, pin: Pin) -> Finding:
    tags = ", ".join(release.tag for release in pin.same_content)
    return Finding(
        NAME,
        Severity.NOTE,
        f"the content of {facts.names.dependency} at {pin.commit[:12]} is identical to {tags}",
        found=pin.described,
        expected=tags,
        evidence=(_gitlink(facts, pin),),
    )


def _contradicting(facts: Facts, pin: Pin) -> Finding:
    tags = ", ".join(pin.contradicting)
    name = facts.names.dependency
    what = f"{tags} of {name} means different commits in the repositories on this machine"
    return Finding(
        NAME,
        Severity.UNDECIDED,
        what,
        found=f"several commits for {tags}",
        expected="one commit for each tag",
        evidence=(_gitlink(facts, pin),),
        missing=(what,),
    )


def _gitlink(facts: Facts, pin: Pin) -> Evidence:
    return facts.superproject._replace(path=facts.names.dependency_path, text=pin.commit)
