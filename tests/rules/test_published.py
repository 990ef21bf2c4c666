"""Rule `published`: each state of a gitlink's commit, as a user is told of it."""

from __future__ import annotations

import pytest

from guard.model import Evidence, Severity
from guard.plan.remedies import mended
from guard.rules import published
from guard.situation.publication import Publication, PublicationState
from guard.situation.values import Publications

COMMIT, DOCKER = "7" * 40, "d" * 40
LINK = Publication(
    "deep/thentos",
    COMMIT,
    PublicationState.PUBLISHED,
    "../thentos.git",
    "origin",
    "why",
    "git -C deep/thentos push origin v0.5.0",
)


def told(link: Publication) -> list[tuple[Severity, str]]:
    seen = Publications(Evidence("aula-docker", DOCKER), (link,))
    findings = mended(published.check(seen), seen)
    for item in findings:
        assert item.evidence == (Evidence("aula-docker", DOCKER, "deep/thentos", text=COMMIT),)
        assert item.remedy == ("guard check --ask" if link.awaits_answer else LINK.remedy)
        assert bool(item.missing) == (item.severity is Severity.UNDECIDED)
    return [(item.severity, item.message) for item in findings]


def test_what_is_published_is_not_mentioned() -> None:
    assert told(LINK) == []


@pytest.mark.parametrize(
    ("state", "severity", "text"),
    [
        ("UNPUBLISHED", Severity.ERROR, "thentos 777777777777 is not published: origin has no"),
        ("UNASKED", Severity.WARNING, "that origin is known to have: a push will ask it"),
        ("UNANSWERED", Severity.UNDECIDED, "whether origin has thentos 777777777777 is not known"),
        ("NO_REMOTE", Severity.UNDECIDED, "no remote of thentos has the URL"),
        ("NO_URL", Severity.ERROR, ".gitmodules names no URL"),
        (
            "PATH",
            Severity.ERROR,
            "a path of this machine, from which others cannot fetch",
        ),
        ("INHERITED", Severity.WARNING, "others can fetch thentos 777777777777, which is no new"),
        ("UNKNOWN", Severity.UNDECIDED, "why"),
    ],
)
def test_all_else_is_told(state: str, severity: Severity, text: str) -> None:
    ((found, message),) = told(LINK._replace(state=getattr(PublicationState, state)))
    assert found is severity
    assert text in message


def test_what_this_push_publishes_itself_is_a_note() -> None:
    link = LINK._replace(state=PublicationState.UNPUBLISHED, along="refs/heads/master")
    ((severity, message),) = told(link)
    assert severity is Severity.NOTE
    assert "this push brings it to origin first" in message


def test_offline_there_is_a_way_on() -> None:
    link = LINK._replace(state=PublicationState.UNANSWERED)
    (finding,) = published.check(Publications(Evidence("aula-docker", DOCKER), (link,)))
    assert "GUARD_BYPASS='reason' git push" in finding.expected
