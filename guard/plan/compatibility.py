"""Whether the order of the pushes matters: what a new release of the dependency promises.

Source: https://pvp.haskell.org: of ``A.B.C``, the same ``A.B`` and a ``C`` that is not lower take
nothing away.
"""

from __future__ import annotations

from typing import NamedTuple

from guard.git.releases import numbers
from guard.model import Evidence
from guard.rules.asked import ranges_on_gitlink, requirements
from guard.situation.release import Before
from guard.situation.values import Consumer, Pin, Unknown


class Order(NamedTuple):
    """Whether it matters when the dependency is pushed.

    Args:
        matters: None where that cannot be told.
        why: one line each.
        evidence: the requirements that it rests on.
    """

    matters: bool | None
    why: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()


def order(before: Before | Unknown) -> Order:
    """Whether the consumer that others have admits the new release, and its number promises it."""
    if isinstance(before, Unknown):
        return Order(None, (before.what,))
    now, name, form = (
        before.facts.pin,
        before.facts.names.dependency,
        before.facts.names.release_tag,
    )
    if isinstance(before.facts.consumer, Unknown):
        return Order(None, (before.facts.consumer.what,))
    if not isinstance(now, Pin):
        return Order(None, (now.what if now else f"there is no gitlink for {name}",))
    if now.commit == before.pin.commit:
        at = now.releases[0].tag if now.releases else now.commit[:12]
        return Order(False, (f"{name} stays at {at}",))
    old, new = _number(before.pin, form), _number(now, form)
    if old is None or new is None:
        which = "is pinned now" if new is None else "was pinned before"
        releases = (now if new is None else before.pin).releases
        what = f"the pre-release {releases[0].tag}" if releases else "no release"
        return Order(True, (f"the {name} that {which} is {what}, so nothing is promised",))
    tags = before.pin.releases[0].tag, now.releases[0].tag
    reasons = (
        []
        if _compatible(old, new)
        else [f"{tags[1]} after {tags[0]} is no compatible change by its number (PVP)"]
    )
    refused, evidence = _refused(before, now)
    reasons += refused
    if reasons:
        return Order(True, tuple(reasons), evidence)
    return Order(
        False,
        (
            f"{tags[1]} after {tags[0]} is a compatible change by its number (PVP), and "
            f"{before.facts.names.consumer} at {before.branch} admits it",
        ),
        evidence,
    )


def _number(pin: Pin, form: str) -> tuple[int, ...] | None:
    for release in pin.releases:
        if not release.is_pre:
            return numbers(release.tag, form)
    return None


def _compatible(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    def major(version: tuple[int, ...]) -> tuple[int, ...]:
        return (*version, 0)[:2]

    return major(old) == major(new) and old <= new


def _refused(before: Before, now: Pin) -> tuple[list[str], tuple[Evidence, ...]]:
    """Why the consumer that others have would not build with it, and the requirements asked."""
    reasons, evidence = [], []
    facts = before.facts
    held = facts.consumer
    consumer, commit = facts.names.consumer, held.commit if isinstance(held, Consumer) else None
    from_gitlink = ranges_on_gitlink(facts)
    for package, asked in requirements(facts).items():
        if package not in from_gitlink:
            continue
        versions = [item.version for item in now.packages if item.name == package]
        wanted = from_gitlink[package]
        places = [
            Evidence(consumer, commit, item.manifest, item.requirement.line, item.requirement.text)
            for item in asked
        ]
        evidence += places
        if versions and all(item is not None and item in wanted for item in versions):
            continue
        has = ", ".join(str(item) for item in versions) or "not in it"
        at = f"{places[0].path}:{places[0].line}"
        reasons.append(
            f"{consumer} at {before.branch} asks for {package} {wanted} ({at}); "
            f"in {now.releases[0].tag} it is {has}"
        )
    return reasons, tuple(evidence)
