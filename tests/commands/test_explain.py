"""`guard explain`: the section of a rule, wherever guard runs; and every finding names its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from guard.model import RULES
from guard.screen import RULES_PAGE
from tests.forks import Ran, run_guard
from tests.pages import anchors, page
from tests.workshop import Workshop

TOPIC = ("origin", "HEAD:refs/heads/topic")


def explained(*words: str, folder: Path) -> Ran:
    return run_guard(("explain", *words), folder, os.environ)


def explaining(ran: Ran) -> list[str]:
    """The commands that a screen names for its findings."""
    lines = (line.partition("rules: ")[::2] for line in ran.text.splitlines())
    return [command for before, command in lines if command and not before.strip()]


@pytest.fixture
def unreleased(workshop: Workshop) -> Workshop:
    """The pin is no release, and nobody has tested it; both repositories have the hook."""
    workshop.install()
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    return workshop


def test_a_rule_is_explained_outside_of_any_repository(tmp_path: Path) -> None:
    ran = explained("release-tag", folder=tmp_path)
    assert ran.status == 0, ran.err
    title, blank, summary, *_ = ran.out.splitlines()
    assert (title, blank) == ("release-tag", "")
    expected = "Blocks when thentos is pinned to a commit at which others have no release tag."
    assert summary == expected
    assert "To mend it: push the tag that only you have" in ran.out


def test_it_is_plain_text(tmp_path: Path) -> None:
    ran = explained(*RULES, folder=tmp_path)
    assert "](" in page(RULES_PAGE)
    assert "](" not in ran.out
    assert "#" not in ran.out
    positions = [f"\n{ran.out}".index(f"\n{rule}\n\n") for rule in RULES]
    assert positions == sorted(positions)


def test_without_a_rule_all_are_listed_a_line_each(tmp_path: Path) -> None:
    lines = explained(folder=tmp_path).out.splitlines()
    assert [line.split()[0] for line in lines[: len(RULES)]] == list(RULES)
    assert all(len(line) <= 110 and line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("relase-tag", "release-tag"),
        ("image", "image-pin"),
        ("TESTED", "tested"),
        ("publish", "published"),
        ("dependency", "dependency-match"),
        ("zzz", ""),
    ],
)
def test_an_unknown_rule_names_the_nearest(tmp_path: Path, wrong: str, nearest: str) -> None:
    ran = explained("tested", wrong, folder=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert f"there is no rule '{wrong}'" in ran.err
    (command,) = (
        line.partition("to mend it: guard ")[2].split()
        for line in ran.err.splitlines()
        if "to mend it: " in line
    )
    assert command == ["explain", *nearest.split()]
    assert explained(*command[1:], folder=tmp_path).status == 0


def test_a_blocked_push_says_in_one_line_what_explains_it(unreleased: Workshop) -> None:
    for refs in (TOPIC[1:], ("HEAD:refs/heads/one", "HEAD^:refs/heads/two", "HEAD:refs/tags/x")):
        ran = unreleased.push(unreleased.docker, "origin", *refs)
        assert ran.status == 1
        (command,) = explaining(ran)
        assert command.startswith("guard explain release-tag ")
        assert "tested" in command.split()
        assert unreleased.guard(*command.split()[1:]).out.startswith("release-tag\n")
        last = [line for line in ran.text.splitlines() if line.startswith(("guard: the", "  rul"))]
        assert last == [f"  rules: {command}", last[-1]], "it stands right before the last word"


def test_of_a_push_that_is_allowed_nothing_is_explained(workshop: Workshop) -> None:
    workshop.install()
    workshop.require(">=0.3")
    workshop.pin()
    workshop.verdict()
    workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
    ran = workshop.push(workshop.docker, *TOPIC)
    assert ran.status == 0
    assert "warning" in ran.text
    assert explaining(ran) == []
    # Who asks has the time to read.
    assert explaining(workshop.guard("check")) == ["guard explain dependency-match"]


def test_check_and_status_say_it_as_well(unreleased: Workshop) -> None:
    for words in (["check"], ["check", "--staged"], ["check", "HEAD", "HEAD^"], ["status"]):
        (command,) = explaining(unreleased.guard(*words))
        assert command.startswith("guard explain release-tag"), words
        assert unreleased.guard(*command.split()[1:]).status == 0
    assert unreleased.guard("status").out.splitlines()[-1].startswith("next: ")


def test_where_nothing_is_found_nothing_is_explained(workshop: Workshop) -> None:
    workshop.verdict()
    for words in (["check", "--staged"], ["status"]):
        ran = workshop.guard(*words)
        assert ran.status == 0
        assert explaining(ran) == []


def test_what_cannot_be_judged_is_explained_too(workshop: Workshop) -> None:
    workshop.docker.write({".guard.toml": "[guard]\nnonsense = 1\n"})
    workshop.docker.commit("Nonsense", {})
    (command,) = explaining(workshop.guard("check"))
    assert command == "guard explain workspace"
    assert workshop.guard("explain", "workspace").status == 0


def test_a_finding_names_its_section_in_json(unreleased: Workshop) -> None:
    decisions = [
        *json.loads(unreleased.guard("check", "--json").out)["decisions"],
        *json.loads(unreleased.guard("audit", "--json").out)["decisions"],
        *json.loads(unreleased.guard("status", "--json").out)["pushes"].values(),
    ]
    findings = [finding for decision in decisions for finding in decision["findings"]]
    assert {finding["rule"] for finding in findings} >= {"release-tag", "tested", "published"}
    for finding in findings:
        assert finding["docs"] == f"docs/rules.md#{finding['rule']}"
        path, _, anchor = finding["docs"].partition("#")
        assert anchor in anchors(page(path))
