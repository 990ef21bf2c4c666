"""All rules, in their order. Every one runs, whatever the others find."""

from collections.abc import Callable
from typing import Final

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

_Check = Callable[[Facts], list[Finding]]

STATIC: Final[tuple[_Check, ...]] = (
    *(release_tag.check, dependency_match.check),
    *(dependency_source.check, image_pin.check),
)
# These ask for a verdict.
ASKING: Final[tuple[_Check, ...]] = (tested.check, image_published.check)


def judge(facts: Facts, checks: tuple[_Check, ...]) -> tuple[Finding, ...]:
    """Every finding of some rules, in their order."""
    return tuple(finding for check in checks for finding in check(facts))
