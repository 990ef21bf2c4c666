"""What is asked of the dependency, by whom, and which releases give it."""

from __future__ import annotations

import pytest

from guard.haskell import SourceKind, VersionRange
from guard.rules.asked import (
    given,
    in_family,
    pinned_sources,
    ranges_on_gitlink,
    requirements,
    satisfying,
    whole_range,
)
from guard.situation.values import Consumer
from tests.rules.case import aula_cabal, facts, packages, releases


@pytest.mark.parametrize(
    ("package", "belongs"),
    [
        ("thentos", True),
        ("thentos-core", True),
        ("Thentos-Core", True),
        ("thentos-of-next-year", True),
        ("servant-session", True),
        ("thentosis", False),
        ("my-thentos", False),
        ("servant", False),
    ],
)
def test_the_family_is_what_is_there_and_what_is_called_so(package: str, belongs: bool) -> None:
    assert in_family(package, "thentos", packages({"servant-session": "0.5"})) is belongs


def test_all_that_is_asked_is_found() -> None:
    files = aula_cabal("thentos-core >=0.3", "servant-session", "servant ==1", "thentos-core <0.4")
    asked = requirements(facts(files))
    assert {
        name: [(item.manifest, item.requirement.line) for item in items]
        for name, items in asked.items()
    } == {
        "thentos-core": [("aula.cabal", 9), ("aula.cabal", 12)],
        "servant-session": [("aula.cabal", 10)],
    }
    assert str(whole_range(asked["thentos-core"])) == ">=0.3 && <0.4"
    assert whole_range(asked["servant-session"]) == VersionRange.any()


def test_the_same_range_in_several_stanzas_counts_once() -> None:
    files = aula_cabal("thentos-core <0.4", "thentos-core", "thentos-core <0.4")
    assert str(whole_range(requirements(facts(files))["thentos-core"])) == "<0.4"


def test_an_extra_dep_comes_before_the_gitlink() -> None:
    files = aula_cabal("thentos-core <0.4", "servant-session ==0.5")
    assert [item.origin for item in given(facts(files), "thentos-core")] == ["gitlink"]
    files["stack.yaml"] = "resolver: lts-6.0\nextra-deps:\n- thentos-core-0.2.9\n"
    (found,) = given(facts(files), "thentos-core")
    assert (found.origin, str(found.version), found.path, found.line) == (
        "hackage",
        "0.2.9",
        "stack.yaml",
        3,
    )
    assert set(ranges_on_gitlink(facts(files))) == {"servant-session"}


def test_a_frozen_version_is_the_last_resort() -> None:
    files = aula_cabal("thentos-core <0.4")
    files["cabal.project.freeze"] = "constraints: any.thentos-core ==0.2.1\n"
    assert [item.origin for item in given(facts(files), "thentos-core")] == ["gitlink"]
    (found,) = given(facts(files, no_pin=True), "thentos-core")
    assert (found.origin, str(found.version)) == ("constraint", "0.2.1")


def test_sources_without_a_version_are_not_pinned() -> None:
    files = aula_cabal("thentos-core")
    files["stack.yaml"] = "resolver: lts-6.0\nextra-deps:\n- thentos-core\n- thentos-core-0.2\n"
    consumer = facts(files).consumer
    assert isinstance(consumer, Consumer)
    manifests = consumer.manifests
    assert [
        str(source.version)
        for _, source in pinned_sources(manifests, "thentos-core", SourceKind.HACKAGE)
    ] == ["0.2"]


def test_releases_must_hold_every_package_in_range() -> None:
    held = releases(
        v1={"thentos-core": "0.2"},
        v2={"thentos-core": "0.3", "servant-session": "0.5"},
        v3={"thentos-core": "0.3", "servant-session": "0.7"},
        v4={"thentos-core": "0.3", "thentos-core@old": "0.2", "servant-session": "0.5"},
    )

    def tags(**wanted: str) -> list[str]:
        ranges = {name.replace("_", "-"): VersionRange.parse(text) for name, text in wanted.items()}
        return [item.release.tag for item in satisfying(held, ranges)]

    assert tags(thentos_core=">=0.3") == ["v2", "v3"]
    assert tags(thentos_core=">=0.2", servant_session="==0.5") == ["v2", "v4"]
    assert tags(thentos_core=">=0.2", thentos_gone=">=0") == []
    assert tags() == ["v1", "v2", "v3", "v4"]


def test_a_version_that_cannot_be_read_satisfies_nothing() -> None:
    (held,) = releases(v1={"thentos-core": "0.3"})
    unread = held._replace(packages=packages({"thentos-core": None}))
    assert satisfying([unread], {"thentos-core": VersionRange.any()}) == []
