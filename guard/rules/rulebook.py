"""All rules, in their order. Every one runs, whatever the others find."""

from collections.abc import Callable
from typing import Final, NamedTuple

from guard.model import Finding
from guard.rules import (
    dependency_match,
    dependency_source,
    image_pin,
    image_published,
    release_tag,
    tested,
)
from guard.situation.values import Facts


class Rule(NamedTuple):
    """A rule's name and its check."""

    name: str
    check: Callable[[Facts], list[Finding]]


STATIC: Final = (
    Rule(release_tag.NAME, release_tag.check),
    Rule(dependency_match.NAME, dependency_match.check),
    Rule(dependency_source.NAME, dependency_source.check),
    Rule(image_pin.NAME, image_pin.check),
)
# These ask for a verdict.
ASKING: Final = (
    Rule(tested.NAME, tested.check),
    Rule(image_published.NAME, image_published.check),
)
ALL: Final = (*STATIC, *ASKING)


def judge(facts: Facts, rules: tuple[Rule, ...] = ALL) -> tuple[Finding, ...]:
    """Every finding of every rule, in the order of the rules."""
    return tuple(finding for rule in rules for finding in rule.check(facts))
