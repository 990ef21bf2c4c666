"""What `.guard.toml` says of a destination: the stricter of the pushed one and the one there.

A push may not free itself of what it has to hold: what it loosens counts from the next push on.
"""

from collections.abc import Callable
from typing import NamedTuple

from guard.config import FILE, Config, Protection
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.replaced import Replaced
from guard.git.pushes import fits
from guard.model import POLICY, TESTED, Combination, Decision, Finding, Severity, outcome_of
from guard.situation.publication import Unknown, undecided


class Policy(NamedTuple):
    """What holds for one destination ref; by default the strictest.

    Args:
        protected: whether it is judged at all.
        tested: whether the rule `tested` blocks there; elsewhere it warns.
        settings: as of `Combination`.
        findings: on what differs from the destination's.
    """

    protected: bool = True
    tested: bool = True
    settings: str = ""
    findings: tuple[Finding, ...] = ()

    def applied(self, decision: Decision) -> Decision:
        """The decision as this policy has it."""
        findings = decision.findings
        if not self.tested:
            findings = tuple(
                item._replace(severity=Severity.WARNING) if item.rule == TESTED else item
                for item in findings
            )
        findings += self.findings
        return decision._replace(findings=findings, outcome=outcome_of(findings))


def policy_of(gate: Gate, replaced: Replaced, source: str | Combination, ref: str) -> Policy:
    """The policy for a commit of the superproject, or for what would be committed next.

    Args:
        ref: the one that it would be pushed to, "" for any.
    """
    try:
        pushed = gate.combination(source) if isinstance(source, str) else source
        try:
            there = gate.governing(replaced.before(ref))
            tip = replaced.tip(ref)
        except GuardError as error:
            unknown = Unknown(error.problem, error.remedy)
            return Policy(findings=(undecided(POLICY, unknown),))
        held = gate.held(pushed, there)
        own, theirs = gate.config(pushed), gate.config(there or pushed)
        if not gate.settings_of(pushed):
            own = theirs
        findings = _looser(gate.config(held), own, theirs, ref)
        findings += gate.on_recipe(pushed, there, tip, replaced.tracked_default)
    except GuardError:
        return Policy()  # and so it is undecided
    policy = _policy(lambda config: config.superproject_push, own, theirs, ref)
    return policy._replace(settings=held.settings, findings=findings)


def policy_of_consumer(gate: Gate, ref: str) -> Policy:
    """The policy for a push of the consumer."""
    try:
        present = gate.present()
        theirs = gate.config(gate.published or present)
        own = gate.config(present) if gate.settings_of(present) else theirs
    except GuardError:
        return Policy()
    return _policy(lambda config: config.consumer_push, own, theirs, ref)


def _policy(push: Callable[[Config], Protection], own: Config, theirs: Config, ref: str) -> Policy:
    both = push(own), push(theirs)
    protected = any(fits(ref, each.protect) for each in both)
    tested = any(fits(ref, each.tested) for each in both)
    return Policy(protected or not ref, tested or not ref)


def _looser(held: Config, own: Config, theirs: Config, ref: str) -> tuple[Finding, ...]:
    """What is in force besides what the pushed one says itself, for this push."""
    keys = [
        f"guard.{prefix}{key}"
        for prefix, push in (("", "superproject_push"), ("consumer-push.", "consumer_push"))
        for key in Protection._fields
        if fits(ref, getattr(getattr(theirs, push), key))
        and not fits(ref, getattr(getattr(own, push), key))
    ]
    for table, before, after in (
        ("guard", held._replace(image=own.image, rules=own.rules), own),
        ("image", held.image, own.image),
        ("rules", held.rules, own.rules),
    ):
        pairs = zip(before._fields, before, after, strict=True)
        keys += [f"{table}.{key.replace('_', '-')}" for key, was, now in pairs if was != now]
    if not keys:
        return ()
    return (
        Finding(
            POLICY,
            Severity.WARNING,
            f"the pushed {FILE} differs from the published one, and asks for less from the next "
            f"push on: {', '.join(keys)}",
        ),
    )
