"""Rule `image-published`."""

from __future__ import annotations

from guard.model import Severity
from guard.rules import image_published
from guard.situation.others import Drift
from guard.situation.publication import Unknown
from guard.situation.values import OldImage
from tests.rules.case import SUPERPROJECT, facts, with_remedies

check = with_remedies(image_published.check)

DRIFT = Drift("origin", ("Dockerfile", "thentos"))
OLD = OldImage("aula", SUPERPROJECT, "cccc-eeee", False, DRIFT)


def test_nothing_to_say() -> None:
    assert check(facts()) == []


def test_an_older_image_is_a_warning_with_the_command_that_helps() -> None:
    (finding,) = check(facts()._replace(old_image=OLD))
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "CI would test this commit of aula in an older image: the one that passed has not been "
        "published (guard publish cccc-eeee)"
    )
    assert finding.found == "unlike aula-docker on origin: Dockerfile, thentos"
    assert finding.expected == "the image of verdict cccc-eeee in its registry"
    assert finding.remedy == "guard publish cccc-eeee"
    assert finding.evidence == (SUPERPROJECT,)


def test_it_blocks_where_the_configuration_says_so() -> None:
    (finding,) = check(facts()._replace(old_image=OLD._replace(blocks=True)))
    assert finding.severity is Severity.ERROR


def test_many_differences_are_counted() -> None:
    old = OLD._replace(drift=DRIFT._replace(differs=("a", "b", "c", "d", "e", "f")))
    (finding,) = check(facts()._replace(old_image=old))
    assert finding.found == "unlike aula-docker on origin: a, b, c, d and 2 more"


def test_what_is_not_known_blocks_only_where_the_rule_does() -> None:
    unknown = OLD._replace(drift=Unknown("tree 1 is missing", "git fetch"))
    (finding,) = check(facts()._replace(old_image=unknown))
    assert finding.severity is Severity.WARNING
    assert "tree 1 is missing" in finding.message
    (finding,) = check(facts()._replace(old_image=unknown._replace(blocks=True)))
    assert (finding.severity, finding.remedy) == (Severity.UNDECIDED, "git fetch")
    assert finding.missing == (finding.message,)
