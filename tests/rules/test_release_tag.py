"""Rule `release-tag`."""

from __future__ import annotations

from guard.git.repository import Repository
from guard.model import Evidence, Severity
from guard.rules import release_tag
from guard.situation.publication import Unknown
from tests.rules.case import DOCKER, NAMES, THENTOS, a_pin, facts, releases, told, with_remedies

check = with_remedies(release_tag.check)

UNRELEASED = "v0.2.1-111-g7777777"
GITLINK = Evidence("aula-docker", DOCKER, "thentos", None, THENTOS)


def test_a_release_is_right() -> None:
    assert check(facts(pin=a_pin(tags=["v0.3.0"]))) == []


def test_without_a_gitlink_the_rule_is_not_applicable() -> None:
    assert check(facts(no_pin=True)) == []


def test_a_pin_that_could_not_be_read_is_undecided() -> None:
    evidence = (Evidence("aula-docker", DOCKER),)
    missing = Unknown("commit 7777 of thentos is missing", "git fetch", evidence)
    (finding,) = check(facts(pin=missing))
    assert finding.severity is Severity.UNDECIDED
    assert finding.missing == (missing.what,) == (finding.message,)
    assert (finding.remedy, finding.evidence) == ("git fetch", evidence)


def test_what_is_no_release_is_an_error() -> None:
    (finding,) = check(facts(pin=a_pin(tags=[], described=UNRELEASED)))
    assert finding.severity is Severity.ERROR
    assert finding.message == f"thentos is pinned to {UNRELEASED}, which is no release"
    assert finding.found == f"{THENTOS} ({UNRELEASED})"
    assert finding.expected == "a commit of thentos with a release tag (vX.Y.Z)"
    assert finding.evidence == (GITLINK,)
    assert finding.remedy == "guard align"


def test_a_pre_release_is_a_release_that_somebody_asked_for() -> None:
    assert check(facts(pin=a_pin(tags=["v0.4.0rc1"]))) == []


def test_where_only_a_pre_release_fits_the_remedy_names_it() -> None:
    pin = a_pin(tags=[], described=UNRELEASED)
    held = releases(v0_2_1={"thentos-core": "0.2.1"}, v0_3_1rc1={"thentos-core": "0.3.1"})
    (finding,) = check(facts(pin=pin, candidates=held))
    assert finding.remedy == "guard align --to v0.3.1rc1"
    (finding,) = check(facts(pin=pin, candidates=held[:1]))
    assert finding.remedy.startswith("you: fetch what there is (git fetch --tags); ")


def test_a_release_whose_tag_only_the_remote_may_have_is_fetched_before_anything_moves() -> None:
    pin = a_pin({"thentos-core": "0.4.0"}, tags=[], described=UNRELEASED)
    held = releases(v0_3_0={"thentos-core": "0.3.0"})
    (finding,) = check(facts(pin=pin, candidates=held))
    assert finding.remedy == "git fetch --tags && guard align"
    (finding,) = check(facts(pin=a_pin(tags=[], described=UNRELEASED), candidates=held))
    assert finding.remedy == "guard align"


def test_another_form_of_tags_is_expected_in_that_form() -> None:
    given = facts(pin=a_pin(tags=[], described=UNRELEASED))
    names = NAMES._replace(release_tag="thentos-{version}")
    (finding,) = check(given._replace(names=names))
    assert finding.expected.endswith("(thentos-X.Y.Z)")


def test_the_same_content_as_a_release_is_noted_besides() -> None:
    # f6cf5a1: thentos at d626d9e2, whose tree is v0.3.0's.
    error, note = check(facts(pin=a_pin(tags=[], described="x", same=["v0.3.0", "v0.3.1"])))
    assert error.severity is Severity.ERROR
    assert note.severity is Severity.NOTE
    assert note.message == "the content of thentos at 777777777777 is identical to v0.3.0, v0.3.1"
    assert note.remedy == "guard align --to v0.3.0"
    assert note.evidence == (GITLINK,)


def test_two_meanings_of_its_tag_are_undecided() -> None:
    pin = a_pin(tags=[], described="x", contradicting=["v0.3.0"])
    here = Repository("/w/thentos/.git", "/w/thentos/.git", "/w/thentos")
    pin = pin._replace(repositories=(here, here._replace(work_tree="/w/beside")))
    (finding,) = check(facts(pin=pin))
    assert finding.severity is Severity.UNDECIDED
    assert "v0.3.0 of thentos means different commits" in finding.message
    fetch = "fetch --tags --force"
    assert finding.remedy == f"git -C /w/thentos {fetch} && git -C /w/beside {fetch}"
    assert finding.missing


def test_a_contradiction_says_so_even_where_another_tag_is_right() -> None:
    given = facts(pin=a_pin(tags=["v0.3.1"], contradicting=["v0.3.0"]))
    assert [severity for severity, _ in told(check(given))] == ["undecided"]
