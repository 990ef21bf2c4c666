"""Rule `release-tag`: the dependency's gitlink is a commit that carries a release tag.

Source: the team's lesson of March 2016, "move the thentos submodule to a release tag".
"""

from typing import Final

from guard.model import Finding, Severity
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Facts

NAME: Final = "release-tag"


def check(facts: Facts) -> list[Finding]:
    """Nothing where a tag points at the gitlink's commit, or where there is no gitlink."""
    pin, name = facts.pin, facts.names.dependency
    if pin is None:
        return []
    if isinstance(pin, Unknown):
        return [undecided(NAME, pin)]
    evidence = (facts.superproject._replace(path=facts.names.dependency_path, text=pin.commit),)
    findings = []
    if pin.contradicting:
        tags = ", ".join(pin.contradicting)
        what = f"{tags} of {name} means different commits in the repositories on this machine"
        findings.append(
            Finding(
                NAME,
                Severity.UNDECIDED,
                what,
                found=f"several commits for {tags}",
                expected="one commit for each tag",
                evidence=evidence,
                missing=(what,),
            )
        )
    elif not pin.releases:
        form = facts.names.release_tag.replace("{version}", "X.Y.Z")
        findings.append(
            Finding(
                NAME,
                Severity.ERROR,
                f"{name} is pinned to {pin.described}, which is no release",
                found=f"{pin.commit} ({pin.described})",
                expected=f"a commit of {name} with a release tag ({form})",
                evidence=evidence,
            )
        )
    if not pin.releases and pin.same_content:
        tags = ", ".join(release.tag for release in pin.same_content)
        findings.append(
            Finding(
                NAME,
                Severity.NOTE,
                f"the content of {name} at {pin.commit[:12]} is identical to {tags}",
                found=pin.described,
                expected=tags,
                evidence=evidence,
            )
        )
    return findings
