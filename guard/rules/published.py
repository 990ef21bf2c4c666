"""Rule `published`: what the gitlinks of a pushed superproject name can be fetched by others.

Git's own safeguard, ``push.recurseSubmodules=check``, is off by default, takes the branch of any
remote, a fork's too, and knows nothing of tags.
"""

from typing import Final

from guard.model import Finding, Severity
from guard.situation.publication import Publication, PublicationState
from guard.situation.values import Publications

NAME: Final = "published"
_BYPASS: Final = "GUARD_BYPASS='reason' git push"


def check(facts: Publications) -> list[Finding]:
    """Nothing where the remote that `.gitmodules` names has every commit."""
    return [
        _finding(facts, link)
        for link in facts.links
        if link.state is not PublicationState.PUBLISHED
    ]


def _finding(facts: Publications, link: Publication) -> Finding:
    what = f"{link.name} {link.commit[:12]}"
    severity = Severity.UNDECIDED
    found, expected = link.state.value, f"a branch or a tag of {link.url} that leads to it"
    if link.state is PublicationState.UNPUBLISHED:
        severity = Severity.NOTE if link.along else Severity.ERROR
        message = f"{what} is not published: {link.remote} has no branch or tag that leads to it"
        if link.along:
            message = f"{what} is not published yet: this push brings it to {link.remote} first"
        found = f"{link.commit} in no ref of {link.remote}"
    elif link.state is PublicationState.UNASKED:
        severity = Severity.WARNING
        message = f"{what} is in nothing that {link.remote} is known to have: a push will ask it"
    elif link.state is PublicationState.INHERITED:
        severity = Severity.WARNING
        message = f"nothing tells that others can fetch {what}, which is no new gitlink"
        found, expected = "the same in the destination already", f"a URL that has {link.commit}"
    elif link.state is PublicationState.UNANSWERED:
        message = f"whether {link.remote} has {what} is not known: {link.detail}"
        expected = f"an answer when you are online again, or {_BYPASS}"
    elif link.state is PublicationState.NO_REMOTE:
        message = f"no remote of {link.name} has the URL that .gitmodules names, {link.url}"
        found = link.detail or "no remote"
        expected = f"a remote that says whether {link.commit[:12]} is there"
    elif link.state is PublicationState.PATH:
        severity = Severity.ERROR
        message = f".gitmodules names a path of this machine, from which others cannot fetch {what}"
        found, expected = link.url, f"a URL for {link.path} in .gitmodules that others reach"
    elif link.state is PublicationState.NO_URL:
        severity = Severity.ERROR
        message = f".gitmodules names no URL from which others could fetch {what}"
        expected = f"a URL for {link.path} in .gitmodules"
    else:
        message = link.detail
    return Finding(
        NAME,
        severity,
        message,
        found=found,
        expected=expected,
        evidence=(facts.superproject._replace(path=link.path, text=link.commit),),
        missing=(message,) if severity is Severity.UNDECIDED else (),
    )
