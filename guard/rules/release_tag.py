"""Rule `release-tag`: the dependency's gitlink is a commit that carries a release tag, for others.

Source: the team's lesson of March 2016, "move the thentos submodule to a release tag".
"""

from collections.abc import Iterator
from typing import Final

from guard.model import Finding, Severity
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Facts, Pin, Shared, SharedState

NAME: Final = "release-tag"
_BYPASS: Final = "GUARD_BYPASS='reason' git push"


def check(facts: Facts) -> list[Finding]:
    """Nothing where the dependency's remote has a tag at the gitlink's commit, or without one."""
    if facts.pin is None:
        return []
    if isinstance(facts.pin, Unknown):
        return [undecided(NAME, facts.pin)]
    place = facts.superproject._replace(path=facts.names.dependency_path, text=facts.pin.commit)
    findings = _findings(facts, facts.pin)
    return [each._replace(rule=NAME, evidence=(place,)) for each in findings]


def _findings(facts: Facts, pin: Pin) -> Iterator[Finding]:
    name, shared = facts.names.dependency, pin.shared
    if shared is not None and shared.state is SharedState.UNKNOWN:
        yield _unknown(name, pin, shared)
    elif shared is not None and shared.state is SharedState.ABSENT and (shared.own or shared.moved):
        yield _not_shared(name, pin, shared)
    elif pin.contradicting and (shared is None or shared.state is SharedState.UNASKED):
        yield _contradicting(name, pin.contradicting)
    elif not pin.releases:
        yield _no_release(facts, pin)
    elif pin.misnamed:
        yield _misnamed(name, pin)
    if not pin.releases and pin.same_content:
        tags = ", ".join(release.tag for release in pin.same_content)
        what = f"the content of {name} at {pin.commit[:12]} is identical to {tags}"
        yield Finding(NAME, Severity.NOTE, what, found=pin.described, expected=tags)


def _unknown(name: str, pin: Pin, shared: Shared) -> Finding:
    where = f"{shared.remote} has" if shared.remote else "others have"
    message = f"whether {where} a release of {name} at {pin.commit[:12]} is not known: "
    answer = "an answer when you are online again" if shared.remote else "a remote that says so"
    return Finding(
        NAME,
        Severity.UNDECIDED,
        message + shared.detail,
        found=f"{', '.join(each.tag for each in pin.releases) or 'no release tag'} here",
        expected=f"{answer}, or {_BYPASS}",
        missing=(message + shared.detail,),
    )


def _not_shared(name: str, pin: Pin, shared: Shared) -> Finding:
    """That the tags at the commit are only here, or other commits there."""
    remote, here = shared.remote, pin.commit[:12]
    tags = ", ".join(each.tag for each in pin.releases)
    message = f"{tags} of {name} is only here: {remote} does not have this tag"
    found = f"{tags} at {pin.commit} here, and not in {remote}"
    if not tags:
        (tag, there), *_ = shared.moved
        message = f"{tag} of {name} is {there[:12]} in {remote}, and {here} only here"
        found = f"{tag} at {pin.commit} here, at {there} in {remote}"
    expected = f"a release tag at {here} that {remote} has"
    return Finding(NAME, Severity.ERROR, message, found=found, expected=expected)


def _misnamed(name: str, pin: Pin) -> Finding:
    tags = ", ".join(each.tag for each in pin.releases)
    versions = sorted({f"{each.name} {each.version}" for each in pin.packages})
    what = f"no package of {name} has the version that {tags} names"
    expected = f"a tag of the version of its packages: {', '.join(versions)}"
    return Finding(NAME, Severity.WARNING, what, found=tags, expected=expected)


def _contradicting(name: str, contradicting: tuple[str, ...]) -> Finding:
    tags = ", ".join(contradicting)
    what = f"{tags} of {name} means different commits in the repositories on this machine"
    return Finding(
        NAME,
        Severity.UNDECIDED,
        what,
        found=f"several commits for {tags}",
        expected="one commit for each tag",
        missing=(what,),
    )


def _no_release(facts: Facts, pin: Pin) -> Finding:
    names = facts.names
    form = names.release_tag.replace("{version}", "X.Y.Z")
    return Finding(
        NAME,
        Severity.ERROR,
        f"{names.dependency} is pinned to {pin.described}, which is no release",
        found=f"{pin.commit} ({pin.described})",
        expected=f"a commit of {names.dependency} with a release tag ({form})",
    )
