"""What the pages name exists, and what exists is named."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from configparser import ConfigParser
from importlib import import_module

import pytest
import yaml

from guard import errors
from guard.cli import COMMANDS
from guard.config import Config, read_config
from guard.errors import ConfigError
from guard.model import Decision, Evidence, Finding, Gitlink, Outcome, Severity
from guard.rules import merged, published
from guard.rules.rulebook import ALL
from guard.screen import decisions_json
from tests.pages import ROOT, blocks, code, page, rows, section

README = page("README.md")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def options(command: str) -> set[str]:
    """The options that a command declares."""
    parser = ArgumentParser()
    import_module(f"guard.commands.{command.replace('-', '_')}").arguments(parser)
    return {name for action in parser._actions for name in action.option_strings}


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Every ``guard COMMAND`` that stands as code, with its options."""
    found = []
    for piece in code(text):
        for words in re.findall(r"(?:^|&& |: )guard ([a-z].*)", piece):
            name, *rest = words.split()
            found.append((name, [word for word in rest if word.startswith("--")]))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_command_exists_with_its_options(name: str) -> None:
    for command, used in commands(page(name)):
        assert command in COMMANDS, f"guard {command}"
        assert set(used) <= options(command), f"guard {command} {used}"


def test_every_command_is_named() -> None:
    # pre-push is what the hook calls; demo is called by make.
    named = {command for command, _ in commands(README)}
    assert set(COMMANDS) - named <= {"pre-push", "demo"}


def test_options_in_a_row_are_those_of_its_command() -> None:
    for first, text, *_ in rows(
        section(README, "Use it in a team that has its repositories already")
    ):
        words = first.strip("`").split()
        if words[0] == "guard":
            used = {span.split()[0] for span in code(text) if span.startswith("--")}
            assert used <= options(words[1]), first


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.M))
    used = {piece.split()[1] for piece in code(page(name)) if piece.startswith("make ")}
    assert used <= targets


@pytest.mark.parametrize("name", PAGES)
def test_every_link_inside_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page(name)):
        assert (ROOT / target).exists(), target


def test_the_hook_ids_are_those_that_pre_commit_finds() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(page(".pre-commit-hooks.yaml"))}
    (text,) = blocks(section(README, "With pre-commit"), "yaml")
    configured = yaml.safe_load(text)
    assert {hook["id"] for repo in configured["repos"] for hook in repo["hooks"]} == set(hooks)
    stages = {stage for hook in hooks.values() for stage in hook["stages"]}
    assert set(configured["default_install_hook_types"]) == stages - {"manual"}
    for hook in hooks.values():
        assert commands(f"`{hook['entry']}`")[0][0] in COMMANDS


def known_keys(table: str) -> set[str]:
    """The keys of a table, as the configuration's own error lists them."""
    with pytest.raises(ConfigError) as error:
        read_config(f"[{table}]\nno-such-key = 1\n".encode())
    found = re.search(r"\(([^)]*)\)", error.value.problem)
    assert found is not None
    return {f"{table}.{key}" for key in found[1].split(", ")}


def test_every_key_is_explained_and_no_other() -> None:
    told = set()
    for row in rows(section(README, "Configuration")):
        told.update(code(row[0]))
    known = set.union(*(known_keys(name) for name in ("guard", "image", "test", "rules")))
    known |= known_keys("guard.consumer-push")
    assert told == known - {"guard.consumer-push"}


def test_the_defaults_are_the_defaults() -> None:
    lines = [
        f"{key} = {default.strip('`')}"
        for keys, default, _ in rows(section(README, "Configuration"))
        for key in code(keys)
        if default != "none"
    ]
    assert read_config("\n".join(lines).encode()) == Config()


def test_the_rules_are_those_that_are_asked() -> None:
    assert [row[0].strip("`") for row in rows(section(README, "What is asked"))] == [
        *(rule.name for rule in ALL),
        published.NAME,
        merged.NAME,
    ]


def test_the_exit_statuses_are_those_of_the_code() -> None:
    told = {int(row[0]) for row in rows(section(README, "Exit status"))}
    assert told == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_json_has_the_shape_that_is_shown() -> None:
    (text,) = blocks(section(README, "JSON"), "json")
    finding = Finding("tested", Severity.ERROR, "message", evidence=(Evidence("aula"),))
    decision = Decision(
        *("aula", "1" * 40, None, Outcome.BLOCKED, None, ("tested",)),
        (Gitlink("aula", "1" * 40), Gitlink("thentos", "2" * 40)),
        *(None, (finding,)),
    )
    real = decisions_json([decision])
    assert shape(json.loads(text)) == shape(json.loads(json.dumps(real)))
    shown = json.loads(text)["decisions"][0]
    assert set(shown["outcome"].split(" | ")) == {item.value for item in Outcome}
    assert set(shown["findings"][0]["severity"].split(" | ")) == {item.value for item in Severity}


def shape(value: object) -> object:
    """The keys, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    return None


def test_the_house_is_as_it_is_described() -> None:
    (text,) = blocks(section(page("CONTRIBUTING.md"), "The house"), "")
    folder = ""
    for line in text.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name
        assert (ROOT / (name if name == folder else f"{folder}{name}")).exists(), name


def test_every_runtime_dependency_has_its_reason() -> None:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = parser["options"]["install_requires"].split()
    told = [row[0] for row in rows(section(page("CONTRIBUTING.md"), "Runtime dependencies"))]
    assert sorted(told) == sorted(re.split("[<>=~]", line)[0] for line in lines)
