"""Rule `tested`: the newest verdict for this combination and its recipe is *passed*.

A build and a test of other bytes, or by another recipe, say nothing about these.
"""

from typing import Final

from guard.model import Finding, Severity, Tested, VerdictState
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Facts

NAME: Final = "tested"


def check(facts: Facts) -> list[Finding]:
    """Nothing where the verdict is passed, or where nobody asked."""
    tested = facts.tested
    if tested is None or (isinstance(tested, Tested) and tested.state is VerdictState.PASSED):
        return []
    if isinstance(tested, Unknown):
        return [undecided(NAME, tested)]
    if tested.state is VerdictState.UNREADABLE:
        return [undecided(NAME, Unknown(tested.detail, tested.remedy, (facts.superproject,)))]
    return [_not_passed(facts, tested)]


def _not_passed(facts: Facts, tested: Tested) -> Finding:
    seen = f", recorded by {tested.by}" if tested.by else ""
    seen += f", log: {tested.log}" if tested.log else ""
    message, found = {
        VerdictState.NO_COMMAND: (
            "no test command is set, so nothing can be known to pass",
            "no [test] command in .guard.toml",
        ),
        VerdictState.UNTESTED: (
            "this combination has not been built and tested",
            tested.uncounted or "no verdict",
        ),
        VerdictState.FAILED_BUILD: (
            f"the image of this combination does not build: {tested.detail}",
            f"verdict {tested.verdict}: failed at build{seen}",
        ),
        VerdictState.FAILED_TEST: (
            f"the tests of this combination fail: {tested.detail}",
            f"verdict {tested.verdict}: failed at test{seen}",
        ),
    }[tested.state]
    return Finding(
        NAME,
        Severity.ERROR,
        message,
        found=found,
        expected=f"a passed verdict for {tested.key[:12]}" if tested.key else "a passed verdict",
        evidence=(facts.superproject,),
    )
