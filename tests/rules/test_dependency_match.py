"""Rule `dependency-match`."""

from __future__ import annotations

from typing import Final

import pytest

from guard.model import Evidence, Finding, Severity
from guard.rules import dependency_match
from guard.situation.publication import Unknown
from guard.situation.values import PathState
from tests.rules.case import (
    AULA,
    THENTOS,
    a_consumer,
    a_pin,
    aula_cabal,
    facts,
    releases,
    told,
    with_remedies,
)

check = with_remedies(dependency_match.check)

OPEN = "aula sets no upper bound on thentos-core: any later thentos would be accepted"
LATER = releases(
    v0_2_1={"thentos-core": "0.2.1"},
    v0_3_0={"thentos-core": "0.3.0"},
    v0_3_1={"thentos-core": "0.3.1"},
    v0_4_0={"thentos-core": "0.4.0"},
)

# What stands between, in a list that lacks a comma.
LONG = " ".join(f"word{at}" for at in range(60))


def check_cabal(*depends: str) -> list[Finding]:
    return check(facts(aula_cabal(*depends)))


class TestRanges:
    """thentos-core is 0.3.0."""

    @pytest.mark.parametrize(
        "wanted",
        [
            ">=0.3 && <0.4",
            "^>=0.3",
            "==0.3.*",
            "==0.3.0",
            "<0.4",
            ">0.2 && <=0.3.0",
            "==0.2.1 || ==0.3.0",
        ],
    )
    def test_within(self, wanted: str) -> None:
        assert check_cabal(f"thentos-core {wanted}") == []

    @pytest.mark.parametrize(
        "text",
        [
            "library: {build-tools: thentos-core:gen ==0.2.*}\n",
            "library: {verbatim: {build-tool-depends: thentos-core:gen ==0.2.*}}\n",
            "library: {}\ncustom-setup: {dependencies: thentos-core ==0.2.*}\n",
            "verbatim: |\n  custom-setup\n    setup-depends: thentos-core ==0.2.*\n",
        ],
    )
    def test_tools_and_setups_of_a_package_yaml_count(self, text: str) -> None:
        (finding,) = check(facts({"package.yaml": f"name: aula\n{text}"}))
        assert finding.severity is Severity.ERROR
        assert finding.message.startswith("thentos-core is 0.3.0, but aula requires >=0.2 && <0.3")

    @pytest.mark.parametrize(
        "wanted",
        ["<0.3", ">=0.4 && <0.5", "^>=0.2", "==0.3", "<0.3.0", ">0.3.0 && <0.4"],
    )
    def test_outside(self, wanted: str) -> None:
        (finding,) = check_cabal(f"thentos-core {wanted}")
        assert finding.severity is Severity.ERROR
        assert finding.message == (
            f"thentos-core is 0.3.0, but aula requires {wanted} (aula.cabal:9)"
        )
        assert finding.found == (
            "thentos-core 0.3.0 (thentos at v0.3.0, thentos-core/thentos-core.cabal:2)"
        )
        assert finding.evidence == (
            Evidence("aula", AULA, "aula.cabal", 9, f"thentos-core {wanted}"),
        )

    @pytest.mark.parametrize("wanted", ["", ">=0.3", ">0.2", ">=0.3 || ==0.1"])
    def test_without_an_upper_bound_is_a_warning(self, wanted: str) -> None:
        (finding,) = check_cabal(f"thentos-core {wanted}".strip())
        assert (finding.severity, finding.message) == (Severity.WARNING, OPEN)
        assert finding.remedy == (
            "you: edit aula.cabal:9 of aula (wanted: an upper bound, as in ^>=x.y or >=x.y && <x.z)"
        )

    def test_too_low_and_without_an_upper_bound_is_both(self) -> None:
        # 4e93172e, the day after the incident: >=0.3.0 against 0.2.1.
        found = told(
            check(facts(aula_cabal("thentos-core >=0.3.0"), a_pin({"thentos-core": "0.2.1"})))
        )
        message = "thentos-core is 0.2.1, but aula requires >=0.3.0 (aula.cabal:9)"
        assert found == [("error", message), ("warning", OPEN)]


def test_each_package_is_held_against_its_own_version() -> None:
    # servant-session 0.5 lies in thentos v0.3.0.
    assert check_cabal("thentos-core ==0.3.*", "servant-session ==0.5") == []
    (finding,) = check_cabal("thentos-core ==0.3.*", "servant-session <0.4")
    assert finding.message == "servant-session is 0.5, but aula requires <0.4 (aula.cabal:10)"


def test_a_package_that_is_absent_is_a_mismatch() -> None:
    (finding,) = check_cabal("thentos-frontend-session ==0.8.*")
    assert finding.severity is Severity.ERROR
    assert finding.message == (
        "aula requires thentos-frontend-session, which thentos at v0.3.0 does not have"
    )
    assert finding.evidence[0].line == 9


def test_packages_of_others_do_not_count() -> None:
    found = told(check_cabal("servant ==99", "thentosish ==99", "mythentos-core ==99"))
    assert found == [("warning", "aula requires no package of thentos")]


def test_all_ranges_must_hold() -> None:
    text = aula_cabal("thentos-core >=0.3 && <0.4")["aula.cabal"]
    text += "test-suite tests\n  type: exitcode-stdio-1.0\n  main-is: T.hs\n"
    text += "  build-depends: thentos-core <0.3\n"
    (finding,) = check(facts({"aula.cabal": text}))
    assert finding.message == "thentos-core is 0.3.0, but aula requires <0.3 (aula.cabal:14)"
    assert [item.line for item in finding.evidence] == [14]


def test_every_place_that_refuses_is_named() -> None:
    text = aula_cabal("thentos-core <0.3")["aula.cabal"]
    text += "executable x\n  main-is: X.hs\n  build-depends: thentos-core ==0.2.*\n"
    files = {
        "aula.cabal": text,
        "sub/package.yaml": "name: sub\ndependencies:\n- thentos-core <0.3\nlibrary: {}\n",
    }
    (finding,) = check(facts(files))
    assert "(aula.cabal:9 and 2 more)" in finding.message
    places = [(item.path, item.line) for item in finding.evidence]
    assert places == [("aula.cabal", 9), ("aula.cabal", 13), ("sub/package.yaml", 3)]


def test_a_package_yaml_that_disagrees_is_a_warning() -> None:
    files = aula_cabal("thentos-core ==0.3.0")
    files["package.yaml"] = "name: aula\nversion: 0.1\ndependencies:\n- thentos-core\nlibrary: {}\n"
    (finding,) = check(facts(files))
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "aula.cabal and package.yaml of aula disagree about thentos-core: ==0.3.0, >=0"
    )
    places = [(item.path, item.line) for item in finding.evidence]
    assert places == [("aula.cabal", 9), ("package.yaml", 4)]


def test_one_line_that_reaches_several_components_is_named_once() -> None:
    text = "name: aula\ndependencies:\n- thentos-core <0.3\nlibrary: {}\n"
    text += "tests:\n  t:\n    main: T.hs\n"
    (finding,) = check(facts({"package.yaml": text}))
    assert [item.line for item in finding.evidence] == [3]


def test_a_bound_in_one_stanza_is_a_bound() -> None:
    text = aula_cabal("thentos-core >=0.3")["aula.cabal"]
    text += "executable x\n  main-is: X.hs\n  build-depends: thentos-core <0.4\n"
    assert check(facts({"aula.cabal": text})) == []


def test_the_consumers_own_packages_are_no_requirements() -> None:
    files = aula_cabal("thentos-core ==0.3.*", "thentos-glue ==9")
    files["glue/thentos-glue.cabal"] = aula_cabal(
        "thentos-core ==0.3.*", head="name: thentos-glue\nversion: 0.1\n"
    )["aula.cabal"]
    assert check(facts(files)) == []


def test_constraints_of_a_project_hold_too() -> None:
    files = aula_cabal("thentos-core ==0.3.*")
    files["cabal.project"] = "packages: .\nconstraints: thentos-core ==0.2.1\n"
    (finding,) = check(facts(files))
    assert (finding.evidence[0].path, finding.evidence[0].line) == ("cabal.project", 2)


def test_constraints_on_setup_alone_do_not_count() -> None:
    files = aula_cabal("thentos-core ==0.3.*")
    files["cabal.project"] = "packages: .\nconstraints: aula:setup.thentos-core ==0.2.1\n"
    assert check(facts(files)) == []


class TestWhatWouldFit:
    def test_the_releases_that_satisfy_all_are_named(self) -> None:
        given = facts(aula_cabal("thentos-core >=0.3.1"), candidates=LATER)
        finding = check(given)[0]
        assert finding.expected == "thentos-core >=0.3.1; satisfied by thentos v0.3.1, v0.4.0"
        assert finding.remedy == "guard align"

    def test_how_many_were_looked_into_is_told(self) -> None:
        given = facts(aula_cabal("thentos-core >=0.3.1"), candidates=LATER)._replace(others=7)
        finding = check(given)[0]
        seen = f"the {len(LATER)} likeliest of {len(LATER) + 7} releases"
        assert finding.expected.endswith(f"satisfied by thentos v0.3.1, v0.4.0 (of {seen})")

    def test_none_of_those_looked_into_satisfies(self) -> None:
        given = facts(aula_cabal("thentos-core ==0.9.*"), candidates=LATER)._replace(others=7)
        (finding,) = check(given)
        assert f"none of the {len(LATER)} likeliest of {len(LATER) + 7}" in finding.expected
        assert finding.remedy == "guard align"

    def test_a_pre_release_is_named_only_where_no_other_fits(self) -> None:
        held = (
            *LATER,
            *releases(v0_5_0rc1={"thentos-core": "0.5"}, v0_5_0rc2={"thentos-core": "0.5"}),
        )
        given = facts(aula_cabal("thentos-core >=0.4"), candidates=held)
        finding = check(given)[0]
        assert finding.expected == "thentos-core >=0.4; satisfied by thentos v0.4.0"
        assert finding.remedy == "guard align"
        given = facts(aula_cabal("thentos-core >=0.5"), candidates=held)
        finding = check(given)[0]
        alone = "satisfied by thentos pre-releases alone, v0.5.0rc1, v0.5.0rc2"
        assert finding.expected == f"thentos-core >=0.5; {alone}"
        assert finding.remedy == "guard align --to v0.5.0rc2"
        # What nobody has looked into yet may be a release that fits.
        assert check(given._replace(others=1))[0].remedy == "guard align"

    def test_none_satisfies(self) -> None:
        given = facts(aula_cabal("thentos-core ==0.9.*"), candidates=LATER)
        (finding,) = check(given)
        assert "; no release of thentos satisfies all requirements together" in finding.expected
        assert finding.remedy == (
            "you: fetch what there is (git fetch --tags); if no release fits then, release thentos "
            "in a version that does, or change the requirements of aula"
        )

    def test_it_must_satisfy_the_other_requirements_too(self) -> None:
        given = facts(aula_cabal("thentos-core ==0.4.*", "servant-session ==0.5"), candidates=LATER)
        (finding,) = check(given)
        assert "no release of thentos satisfies all requirements together" in finding.expected


class TestHackage:
    """No gitlink: the extra-dep's version is what is built with."""

    STACK = "resolver: lts-6.0\npackages: ['.']\nextra-deps:\n- thentos-cookie-session-{}\n"

    def files(self, version: str, wanted: str) -> dict[str, str]:
        files = aula_cabal(f"thentos-cookie-session {wanted}")
        return {**files, "stack.yaml": self.STACK.format(version)}

    def test_within(self) -> None:
        assert check(facts(self.files("0.9.1", ">=0.9.0 && <0.10"), no_pin=True)) == []

    def test_outside(self) -> None:
        (finding,) = check(facts(self.files("0.8.4", ">=0.9.0 && <0.10"), no_pin=True))
        assert finding.message == (
            "thentos-cookie-session is 0.8.4, but aula requires >=0.9.0 && <0.10 (aula.cabal:9)"
        )
        assert finding.found == (
            "thentos-cookie-session 0.8.4 (thentos-cookie-session-0.8.4, stack.yaml:4)"
        )
        assert finding.remedy == (
            "you: edit aula.cabal:9 of aula (wanted: thentos-cookie-session >=0.9.0 && <0.10)"
        )

    def test_nobody_says_a_version(self) -> None:
        (finding,) = check(facts(aula_cabal("thentos-core ==0.3.*"), no_pin=True))
        assert finding.severity is Severity.UNDECIDED
        assert "neither a gitlink of thentos nor an extra-dep" in finding.message
        assert finding.remedy == (
            "you: add a submodule at thentos of aula-docker, or name its packages in the "
            "extra-deps of aula"
        )

    def test_a_frozen_version_counts_where_no_extra_dep_does(self) -> None:
        files = aula_cabal("thentos-core ==0.3.*")
        files["cabal.project.freeze"] = "constraints: any.thentos-core ==0.2.1\n"
        messages = [message for _, message in told(check(facts(files, no_pin=True)))]
        assert any("thentos-core is 0.2.1" in message for message in messages)

    def test_a_path_without_a_gitlink_is_left_to_the_other_rule(self) -> None:
        files = aula_cabal("thentos-core ==0.3.*")
        files["stack.yaml"] = "resolver: lts-6.0\npackages:\n- '.'\n- ../thentos/thentos-core\n"
        consumer = a_consumer(files, {"thentos-core": PathState.NO_GITLINK})
        assert check(facts(consumer=consumer, no_pin=True)) == []


class TestWhatCannotBeRead:
    def test_no_gitlink_of_the_consumer(self) -> None:
        (finding,) = check(facts()._replace(consumer=None))
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == "aula-docker has no gitlink at aula"

    def test_a_missing_consumer(self) -> None:
        missing = Unknown("commit aaaa of aula is missing", "git fetch")
        (finding,) = check(facts(consumer=missing))
        assert (finding.severity, finding.remedy) == (Severity.UNDECIDED, "git fetch")

    def test_a_missing_dependency_does_not_hide_what_is_unread(self) -> None:
        missing = Unknown("commit 7777 of thentos is missing")
        files = {**aula_cabal("thentos-core ==0.3.*"), "sub/package.yaml": "name: [\n"}
        found = told(check(facts(files, pin=missing)))
        assert [severity for severity, _ in found] == ["undecided", "undecided"]
        assert found[0][1].startswith("sub/package.yaml:2 cannot be read: ")
        assert found[1][1] == missing.what

    def test_an_unread_requirement_is_undecided_with_its_line(self) -> None:
        files = aula_cabal("thentos-core ==0.3.*", "thentos-adhocracy >>= 1")
        findings = check(facts(files))
        assert [item.severity for item in findings] == [Severity.UNDECIDED]
        assert findings[0].message.startswith("aula.cabal:10 cannot be read: ")
        assert findings[0].evidence[0].line == 10
        assert findings[0].remedy == "you: edit aula.cabal:10 of aula"

    def test_an_unread_requirement_on_another_package_is_only_noted(self) -> None:
        found = told(check_cabal("thentos-core ==0.3.*", "servant >>= 1"))
        assert [severity for severity, _ in found] == ["note"]
        assert "aula.cabal would be refused by Cabal 3.16" in found[0][1]

    @pytest.mark.parametrize(
        "files",
        [
            aula_cabal("base >=4\n    thentos-core <0.3"),
            {"package.yaml": "name: aula\nlibrary: {dependencies: [base >=4 thentos-core <0.3]}\n"},
            {"cabal.project": "packages: .\nconstraints: base >=4\n  thentos-core <0.3\n"},
            # However far behind.
            aula_cabal(f"base {LONG} thentos-core <0.3"),
            aula_cabal(f"base >=4 -- , aeson {LONG} thentos-core"),
            {"package.yaml": f"library: {{dependencies: [base {LONG} thentos-core <0.3]}}\n"},
            {"cabal.project": f"packages: .\nconstraints: base {LONG}\n  thentos-core <0.3\n"},
            {"aula.cabal": f"name: a\nlibrary\n  build-depends: b >=\n, x {LONG} thentos-core\n"},
        ],
        ids=str,
    )
    def test_what_may_hide_one_behind_a_missing_comma_is_undecided(
        self, files: dict[str, str]
    ) -> None:
        findings = check(facts({**aula_cabal("thentos-core <0.4"), **files}))
        assert "undecided" in [severity for severity, _ in told(findings)]
        assert all(len(each.text) <= 200 for one in findings for each in one.evidence)

    def test_other_manifests_are_judged_all_the_same(self) -> None:
        files = {**aula_cabal("thentos-core ==0.2.*"), "sub/package.yaml": "name: [\n"}
        assert [severity for severity, _ in told(check(facts(files)))] == ["undecided", "error"]

    def test_what_could_not_be_read_of_the_dependency(self) -> None:
        pin = a_pin(unknown=[Unknown("thentos/x.cabal: blob 1 is missing", "git fetch")])
        assert told(check(facts(pin=pin))) == [("undecided", "thentos/x.cabal: blob 1 is missing")]

    def test_a_package_without_a_version(self) -> None:
        (finding,) = check(facts(pin=a_pin({"thentos-core": None})))
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == (
            "the version of thentos-core cannot be read (thentos/thentos-core/thentos-core.cabal)"
        )

    def test_no_manifest_at_all(self) -> None:
        (finding,) = check(facts({}))
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == "aula at aaaaaaaaaaaa has no manifest that guard can read"


class TestSeveralFolders:
    VERSIONS: Final = {"thentos-core": "0.3.0", "thentos-core@old/core": "0.2.1"}

    def test_one_package_in_two_versions_is_undecided(self) -> None:
        found = told(check(facts(aula_cabal("thentos-core <0.9"), a_pin(self.VERSIONS))))
        assert [severity for severity, _ in found] == ["undecided"]
        assert (
            "0.3.0 (thentos-core/thentos-core.cabal), 0.2.1 (old/core/thentos-core.cabal)"
            in (found[0][1])
        )

    def test_the_folder_that_the_consumer_names_counts(self) -> None:
        files = aula_cabal("thentos-core ==0.3.*")
        files["stack.yaml"] = "resolver: lts-6.0\npackages:\n- '.'\n- ../thentos/thentos-core/\n"
        assert check(facts(files, a_pin(self.VERSIONS))) == []
        files["stack.yaml"] = "resolver: lts-6.0\npackages:\n- '.'\n- ../thentos/old/core\n"
        (finding,) = check(facts(files, a_pin(self.VERSIONS)))
        assert "thentos-core is 0.2.1" in finding.message


def test_an_unreleased_pin_is_named_as_it_is_described() -> None:
    given = facts(aula_cabal("thentos-core <0.3"), a_pin(tags=[], described="v0.3.0-1-g7777777"))
    assert "thentos at v0.3.0-1-g7777777" in check(given)[0].found
    given = facts(aula_cabal("thentos-core <0.3"), a_pin(tags=[]))
    assert f"thentos at {THENTOS[:12]}" in check(given)[0].found
