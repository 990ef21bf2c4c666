"""Which refs are judged, which of them must be tested, and whether a push loosens that."""

from typing import Final, NamedTuple

from guard.config import FILE, Config, Protection
from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.git.pushes import Pushed, fits
from guard.model import TESTED, Decision, Finding, Severity, outcome_of
from guard.situation.branches import HEADS, default_names, tracking_ref

_NAME: Final = "policy"


class Policy(NamedTuple):
    """What `.guard.toml` says of one destination ref.

    Args:
        protected: whether it is judged at all.
        tested: whether the rule `tested` blocks there; elsewhere it warns.
        weaker: what is laxer than on the remote, as findings.
    """

    protected: bool
    tested: bool
    weaker: tuple[Finding, ...] = ()

    def applied(self, decision: Decision) -> Decision:
        """The decision as this policy has it."""
        findings = decision.findings
        if not self.tested:
            findings = tuple(
                item._replace(severity=Severity.WARNING) if item.rule == TESTED else item
                for item in findings
            )
        findings += self.weaker
        return decision._replace(findings=findings, outcome=outcome_of(findings))


def policy_for(gate: Gate, pushed: Pushed, remote: str) -> Policy | None:
    """The policy for a ref, as the pushed content has it.

    Returns:
        None where the configuration cannot be read: then everything is judged, and undecided.
    """
    in_superproject = gate.workspace.in_superproject
    ref = pushed.update.remote_ref
    try:
        commit = pushed.commit or ""
        config = gate.config_at(commit) if in_superproject else gate.present_config()
    except GuardError:
        return None
    protection = _protection(config, in_superproject)
    published = _published(gate, pushed, remote) if in_superproject else None
    weaker = _weaker(published, config, ref) if published is not None else ()
    return Policy(fits(ref, protection.protect), fits(ref, protection.tested), weaker)


def _protection(config: Config, in_superproject: bool) -> Protection:
    return config.superproject_push if in_superproject else config.consumer_push


def _published(gate: Gate, pushed: Pushed, remote: str) -> Config | None:
    """The configuration at what the remote has now, or had when it was last fetched.

    Of a new branch that is the remote's default branch; None where none of them is here.
    """
    if pushed.update.remote_id.strip("0"):
        found = _config_at(gate, pushed.update.remote_id)
        if found is not None:
            return found
    branch = pushed.update.remote_ref.removeprefix(HEADS)
    refs = gate.refs
    for name in (tracking_ref(remote, branch), *default_names(remote)):
        found = _config_at(gate, refs[name].id) if name in refs else None
        if found is not None:
            return found
    return None


def _config_at(gate: Gate, commit: str) -> Config | None:
    try:
        return gate.config_at(commit)
    except GuardError:
        return None


def _weaker(old: Config, new: Config, ref: str) -> tuple[Finding, ...]:
    findings = []
    for whose, before, after in (
        ("", old.superproject_push, new.superproject_push),
        (f" in pushes of {old.consumer}", old.consumer_push, new.consumer_push),
    ):
        if fits(ref, before.protect) and not fits(ref, after.protect):
            text = f"{ref} is no longer protected{whose}"
            findings.append(_finding(text, before.protect, after.protect))
        elif fits(ref, before.tested) and not fits(ref, after.tested):
            text = f"{ref} need no longer be tested{whose}"
            findings.append(_finding(text, before.tested, after.tested))
    parts = (old.consumer, old.dependency), (new.consumer, new.dependency)
    if parts[0] != parts[1]:
        findings.append(_finding("other submodules are held against each other", *parts))
    if old.test.command and old.test.command != new.test.command:
        text = "the test command is another one"
        findings.append(_finding(text, old.test.command, new.test.command))
    for key, was, now in zip(old.rules._fields, old.rules, new.rules, strict=True):
        if was == "error" != now:
            text = f"the rule {key.replace('_', '-')} no longer blocks"
            findings.append(_finding(text, (was,), (now,)))
    if old.rules.image_published == "error" and old.image.publish and not new.image.publish:
        findings.append(_finding("images are no longer published", ("true",), ("false",)))
    where = [(item.image.name, *item.image.also, *item.image.pins) for item in (old, new)]
    if old.rules.image_pin == "error" and where[0] != where[1]:
        findings.append(_finding("the image is looked for elsewhere, or by other names", *where))
    if old.release_tag != new.release_tag:
        text = "release tags are named in another way"
        findings.append(_finding(text, (old.release_tag,), (new.release_tag,)))
    return tuple(findings)


def _finding(what: str, old: tuple[str, ...], new: tuple[str, ...]) -> Finding:
    return Finding(
        _NAME,
        Severity.WARNING,
        f"the pushed {FILE} differs from the published one: {what}",
        found=" ".join(new),
        expected=" ".join(old),
    )
