"""Rule `tested`."""

from __future__ import annotations

from typing import Any

import pytest

from guard.model import Severity, VerdictState
from guard.model import Tested as Verdict
from guard.rules import tested
from guard.situation.publication import Unknown
from guard.situation.values import Facts
from tests.rules.case import SUPERPROJECT, facts, with_remedies

check = with_remedies(tested.check)

KEY, RECIPE = "c" * 40, "e" * 64


def known(state: VerdictState, **fields: Any) -> Facts:
    tested = Verdict(state, KEY, RECIPE, **fields)
    return facts()._replace(tested=tested, test_command="guard test dddddddddddd")


def test_passed_is_right() -> None:
    assert check(known(VerdictState.PASSED)) == []


def test_nobody_asked() -> None:
    assert check(facts()) == []


@pytest.mark.parametrize(
    ("state", "message", "found", "remedy"),
    [
        (
            VerdictState.UNTESTED,
            "this combination has not been built and tested",
            "no verdict",
            "guard test dddddddddddd",
        ),
        (
            VerdictState.FAILED_BUILD,
            "the image of this combination does not build: RUN false",
            "verdict cccc-eeee: failed at build, log: /x/log",
            "you: mend what fails: guard log cccc-eeee",
        ),
        (
            VerdictState.FAILED_TEST,
            "the tests of this combination fail: RUN false",
            "verdict cccc-eeee: failed at test, log: /x/log",
            "you: mend what fails: guard log cccc-eeee",
        ),
    ],
)
def test_each_state_has_its_own_message(
    state: VerdictState, message: str, found: str, remedy: str
) -> None:
    (finding,) = check(known(state, detail="RUN false", verdict="cccc-eeee", log="/x/log"))
    assert finding.severity is Severity.ERROR
    assert (finding.message, finding.found, finding.remedy) == (message, found, remedy)
    assert finding.expected == "a passed verdict for cccccccccccc"
    assert finding.evidence == (SUPERPROJECT,)


def test_without_a_command_nothing_can_pass() -> None:
    (finding,) = check(facts()._replace(tested=Verdict(VerdictState.NO_COMMAND)))
    assert finding.severity is Severity.ERROR
    assert finding.message == "no test command is set, so nothing can be known to pass"
    assert finding.remedy == "guard init"
    assert finding.expected == "a passed verdict"


def test_a_log_that_is_gone_is_not_named() -> None:
    (finding,) = check(known(VerdictState.FAILED_TEST, verdict="cccc-eeee"))
    assert finding.found == "verdict cccc-eeee: failed at test"


def test_a_damaged_verdict_is_undecided() -> None:
    (finding,) = check(known(VerdictState.UNREADABLE, detail="it is damaged", remedy="do this"))
    assert finding.severity is Severity.UNDECIDED
    assert (finding.message, finding.remedy) == ("it is damaged", "you: do this")
    assert finding.missing == ("it is damaged",)


def test_what_could_not_be_computed_is_undecided() -> None:
    (finding,) = check(facts()._replace(tested=Unknown("commit 1 of aula is missing", "fetch")))
    assert finding.severity is Severity.UNDECIDED
    assert (finding.message, finding.remedy) == ("commit 1 of aula is missing", "you: fetch")


def test_every_state_is_told() -> None:
    told = {state: check(known(state, detail="x", verdict="y")) for state in VerdictState}
    assert [state for state, findings in told.items() if not findings] == [VerdictState.PASSED]
