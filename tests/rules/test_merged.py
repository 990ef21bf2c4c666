"""Rule `merged`: the default branches go together."""

from __future__ import annotations

from guard.git.commands import Command
from guard.model import Evidence, Finding, Severity
from guard.plan.remedies import mended
from guard.rules.merged import check, check_stale
from guard.situation.publication import Unknown
from guard.situation.values import Merge, Stale

COMMIT, TIP, DOCKER = "a" * 40, "b" * 40, "d" * 40
LINE = Evidence("aula", TIP, "aula.cabal", 29, "thentos-core ==0.2.*")
MISFIT = Finding(
    "dependency-match",
    Severity.ERROR,
    "thentos-core is 0.3.0, but aula requires >=0.2 && <0.3 (aula.cabal:29)",
    evidence=(LINE,),
    remedy="guard align",
)
MERGE = Merge(
    Evidence("aula-docker", DOCKER),
    "aula",
    COMMIT,
    "origin/master",
    TIP,
    True,
    remedy="git -C aula push origin aaaaaaaaaaaa:refs/heads/master",
    elsewhere=Command(("git", "push", "origin", "dddddddddddd:refs/heads/pin-dddddddd")),
)


def test_what_is_merged_and_fits_is_not_mentioned() -> None:
    assert check(MERGE) == []


def test_the_incident() -> None:
    merge = MERGE._replace(merged=False, misfits=(MISFIT,))
    first, second = mended(check(merge), merge)
    assert first.severity is second.severity is Severity.ERROR
    assert first.rule == second.rule == "merged"
    assert "aula aaaaaaaaaaaa is not in origin/master of aula" in first.message
    assert first.remedy == second.remedy == MERGE.remedy
    assert MERGE.elsewhere.text in first.expected
    assert second.message.startswith("origin/master of aula (bbbbbbbbbbbb) does not go with what")
    assert MISFIT.message in second.message
    assert second.evidence == (LINE,)


def test_a_tip_that_does_not_fit() -> None:
    merge = MERGE._replace(misfits=(MISFIT,))
    (finding,) = mended(check(merge), merge)
    assert finding.remedy == MERGE.elsewhere.text


def test_what_cannot_be_read_of_the_tip_is_undecided() -> None:
    unread = MISFIT._replace(severity=Severity.UNDECIDED, missing=("aula.cabal",))
    (finding,) = check(MERGE._replace(misfits=(unread,)))
    assert finding.severity is Severity.UNDECIDED
    assert finding.missing == (finding.message,)


def test_an_unknown_default_branch_is_undecided() -> None:
    (finding,) = check(Unknown("the default branch is not known", "git remote set-head"))
    assert (finding.rule, finding.severity) == ("merged", Severity.UNDECIDED)
    assert finding.remedy == "git remote set-head"


def test_a_stale_superproject() -> None:
    stale = Stale("aula-docker", "origin/master", TIP, "git -C .. pull")
    (finding,) = mended([check_stale(stale)], stale)
    assert (finding.rule, finding.severity) == ("merged", Severity.ERROR)
    assert "aula-docker's HEAD lacks what origin/master has" in finding.message
    assert finding.remedy == "git -C .. pull"
