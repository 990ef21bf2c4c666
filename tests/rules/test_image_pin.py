"""Rule `image-pin`."""

from __future__ import annotations

import pytest

from guard.model import Finding, ImageMention, Severity
from guard.rules import image_pin
from guard.situation.publication import Unknown
from guard.situation.values import ImagePins
from tests.rules.case import AULA, facts, with_remedies

check = with_remedies(image_pin.check)

NAME = "quay.io/liqd/aula"
DIGEST = "sha256:" + "1f" * 32


def mention(path: str, reference: str, line: int = 3) -> ImageMention:
    rest, _, digest = reference.partition("@")
    name, _, tag = rest.partition(":")
    return ImageMention(path, line, f"IMAGE={reference}", name, tag, digest)


def told(*mentions: ImageMention, blocks: bool = False) -> list[Finding]:
    return check(facts()._replace(image_pins=ImagePins(mentions, (), NAME, blocks)))


@pytest.mark.parametrize(
    "references",
    [
        [],
        [f"{NAME}:0.4"],
        [f"{NAME}:0.4", f"{NAME}:0.4"],
        ["fisx/aula:0.4", "fisx/aula:0.4"],
        [f"{NAME}@{DIGEST}", f"{NAME}@{DIGEST}"],
        [f"{NAME}:latest@{DIGEST}"],
        [f"{NAME}:0.4", f"{NAME}:0.4@{DIGEST}"],
    ],
)
def test_one_tag_that_stays(references: list[str]) -> None:
    assert told(*(mention(f"f{n}", text) for n, text in enumerate(references))) == []


def test_nothing_is_asked_where_the_consumer_cannot_be_read() -> None:
    pins = ImagePins((mention("Makefile", NAME),))
    assert check(facts(consumer=Unknown("gone"))._replace(image_pins=pins)) == []
    assert check(facts()) == []


def test_different_tags_and_the_edits() -> None:
    (finding,) = told(
        mention(".travis.yml", f"{NAME}:0.5", 6), mention("Makefile", NAME), mention("run.sh", NAME)
    )
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        f"aula names its image in different ways: {NAME}:0.5 (.travis.yml:6), "
        f"{NAME} (Makefile:3, run.sh:3)"
    )
    assert finding.found == f"{NAME}:0.5, {NAME}"
    assert finding.remedy.split("\n") == [
        f"you: edit Makefile:3: {NAME} -> {NAME}:0.5",
        f"run.sh:3: {NAME} -> {NAME}:0.5",
    ]
    first = finding.evidence[0]
    assert (first.repository, first.commit, first.path, first.line, first.text) == (
        *("aula", AULA, ".travis.yml", 6, f"IMAGE={NAME}:0.5"),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NAME, "fisx/aula"),
        (f"{NAME}:0.4", "fisx/aula:0.4"),
        (f"{NAME}:0.4", f"{NAME}:latest"),
        (f"{NAME}:0.4", f"{NAME}@{DIGEST}"),
        (f"{NAME}@{DIGEST}", NAME),
        (f"{NAME}@{DIGEST}", f"{NAME}@{DIGEST[:-1]}0"),
        (f"{NAME}:0.4", f"{NAME}:$TAG"),
    ],
)
def test_what_differs(one: str, other: str) -> None:
    (finding,) = told(mention("a", one), mention("b", other))
    assert "in different ways" in finding.message


def test_what_most_of_the_files_say_is_proposed_but_never_latest() -> None:
    latest = [mention(f"l{n}", f"{NAME}:latest") for n in range(4)]
    two = [mention("z1", f"{NAME}:0.5"), mention("z2", f"{NAME}:0.5")]
    (finding,) = told(mention("a", f"{NAME}:0.4"), *latest, *two)
    assert finding.remedy.split("\n")[0] == f"you: edit a:3: {NAME}:0.4 -> {NAME}:0.5"
    assert len(finding.remedy.split("\n")) == 5


def test_a_missing_tag_alone() -> None:
    (finding,) = told(mention("Makefile", NAME), mention("run.sh", NAME))
    assert finding.message == f"aula names its image without a tag: {NAME} (Makefile:3, run.sh:3)"
    assert finding.remedy.split("\n")[1] == f"run.sh:3: {NAME} -> {NAME}:<tag>"


def test_latest_alone() -> None:
    (finding,) = told(mention("Makefile", f"{NAME}:latest"))
    assert "by the tag latest" in finding.message


def test_a_tag_that_is_not_written_down() -> None:
    shell = ("$TAG", "`git describe`", "$(TAG)", "%TAG%")
    for tag in (
        *shell,
        "${{ github.sha }}",
        "<< parameters.tag >>",
        "$[[ inputs.tag ]]",
        "{{ t }}",
    ):
        (finding,) = told(mention("Makefile", f"{NAME}:{tag}"))
        assert "does not write down the tag" in finding.message


def test_the_current_name_is_proposed() -> None:
    (finding,) = told(mention("a", "fisx/aula"), mention("b", "fisx/aula"), mention("c", NAME))
    assert finding.remedy.split("\n")[-1] == f"c:3: {NAME} -> {NAME}:<tag>"
    assert f"fisx/aula -> {NAME}:<tag>" in finding.remedy


def test_many_places_are_counted() -> None:
    (finding,) = told(*(mention(f"f{n}", NAME) for n in range(5)))
    assert finding.message.endswith(f"{NAME} (f0:3, f1:3, f2:3 and 2 more)")
    assert len(finding.evidence) == 5


def test_it_blocks_where_the_configuration_says_so() -> None:
    (finding,) = told(mention("Makefile", NAME), blocks=True)
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("blocks", "severity"), [(False, Severity.WARNING), (True, Severity.UNDECIDED)]
)
def test_a_file_that_cannot_be_read(blocks: bool, severity: Severity) -> None:
    unread = (Unknown("ci.yml cannot be read: it is no YAML", "correct ci.yml"),)
    pins = ImagePins((mention("Makefile", f"{NAME}:0.4"),), unread, NAME, blocks)
    (finding,) = check(facts()._replace(image_pins=pins))
    assert finding.severity is severity
    assert finding.message.startswith("which image aula picks is not known: ci.yml cannot be read")
    assert finding.remedy == "you: correct ci.yml"
