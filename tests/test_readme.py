"""What the pages name exists, and what exists is named."""

from __future__ import annotations

import ast
import json
import re
from argparse import Action, ArgumentParser
from collections.abc import Iterator
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from guard import errors, model
from guard.cli import COMMANDS
from guard.config import Config, read_config
from guard.errors import ConfigError
from guard.model import Decision, Evidence, Finding, Gitlink, Outcome, Severity
from guard.screen import RULES_PAGE, decisions_json
from tests.pages import DOCS, ROOT, anchors, blocks, code, page, rows, section
from tests.test_imports import modules

README = page("README.md")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *DOCS)
COMMANDS_PAGE = page("docs/commands.md")
CONFIGURATION = page("docs/configuration.md")


def actions(command: str) -> list[Action]:
    """What a command declares, but for its help."""
    parser = ArgumentParser(add_help=False)
    import_module(f"guard.commands.{command.replace('-', '_')}").arguments(parser)
    return parser._actions


def options(command: str) -> set[str]:
    """The options that a command declares."""
    return {name for action in actions(command) for name in action.option_strings}


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


def test_every_command_that_people_type_is_in_the_readme() -> None:
    # pre-push is what the hook calls; init and install are typed once; demo is called by make.
    named = {command for command, _ in commands(README)}
    assert set(COMMANDS) - named <= {"pre-push", "demo"}


def test_options_in_a_row_of_the_readme_are_those_of_its_command() -> None:
    for first, text, *_ in rows(
        section(README, "Use it in a team that has its repositories already")
    ):
        words = first.strip("`").split()
        if words[0] == "guard":
            used = {span.split()[0] for span in code(text) if span.startswith("--")}
            assert used <= options(words[1]), first


def test_the_commands_page_has_a_section_for_each_command_in_no_other_order() -> None:
    titles = re.findall(r"^## guard (\S+)$", COMMANDS_PAGE, re.M)
    assert titles == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_section_of_its_command_and_no_other(command: str) -> None:
    text = section(COMMANDS_PAGE, f"guard {command}")
    written = {word.split()[0] for row in rows(text) for word in code(row[0])}
    assert written == options(command)
    for action in actions(command):
        if not action.option_strings:
            assert f"`{action.metavar or action.dest.upper()}`" in text, action.dest


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.M))
    used = {piece.split()[1] for piece in code(page(name)) if piece.startswith("make ")}
    assert used <= targets


@pytest.mark.parametrize("name", PAGES)
def test_every_link_inside_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page(name)):
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


def test_the_readme_leads_to_every_page_and_is_two_screens() -> None:
    leads = re.findall(r"\]\((docs/[^)#]+)\)", section(README, "Where to read on"))
    assert sorted(leads) == list(DOCS)
    assert len(README.splitlines()) <= 90


def test_the_hook_ids_are_those_that_pre_commit_finds() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(page(".pre-commit-hooks.yaml"))}
    (text,) = blocks(section(page("docs/installing.md"), "With pre-commit"), "yaml")
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
    for row in rows(section(CONFIGURATION, ".guard.toml")):
        told.update(code(row[0]))
    known = set.union(*(known_keys(name) for name in ("guard", "image", "test", "rules")))
    known |= known_keys("guard.consumer-push")
    assert told == known - {"guard.consumer-push"}


def test_the_defaults_are_the_defaults() -> None:
    lines = [
        f"{key} = {default.strip('`')}"
        for keys, default, _ in rows(section(CONFIGURATION, ".guard.toml"))
        for key in code(keys)
        if default != "none"
    ]
    assert read_config("\n".join(lines).encode()) == Config()


def test_every_setting_of_git_is_explained_and_no_other() -> None:
    named = {str(getattr(import_module(name), "SETTING", "")) for name in modules()}
    settings = {name for name in named if name.startswith("guard.")}
    written = {row[0].strip("`") for row in rows(section(CONFIGURATION, "git config"))}
    assert written == settings | {"guard.<path>.repository"}


def test_every_variable_is_explained_and_no_other() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in modules().values())
    variables = set(re.findall(r"environ.*\"(GUARD_[A-Z_]+)\"", source))
    assert variables == {row[0].strip("`") for row in rows(section(CONFIGURATION, "Environment"))}


def test_every_rule_has_its_section_and_no_other() -> None:
    """A finding names it as `docs`, and `guard explain` prints it."""
    titles = re.findall(r"^## (.*)$", page(RULES_PAGE), re.M)
    assert titles[: len(model.RULES)] == list(model.RULES)
    assert set(titles) == {rule for name, path in modules().items() for rule in rules(name, path)}


def rules(module: str, path: Path) -> Iterator[str]:
    """The rules of which a module makes findings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("Finding", "undecided")):
            continue
        first = ast.unparse(node.args[0])
        if first != "rule":  # what is given to `undecided` is seen where that is called
            yield str(eval(first, vars(import_module(module))))


def test_a_rule_is_summed_up_in_one_line() -> None:
    for rule in re.findall(r"^## (.*)$", page(RULES_PAGE), re.M):
        summary, blank = section(page(RULES_PAGE), rule).strip().splitlines()[:2]
        assert summary.split()[0] in ("Blocks", "Warns", "Undecided")
        assert (summary[-1], blank) == (".", "")


def test_the_exit_statuses_are_those_of_the_code() -> None:
    told = {int(row[0]) for row in rows(section(COMMANDS_PAGE, "Exit status"))}
    assert told == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_json_has_the_shape_that_is_shown() -> None:
    (text,) = blocks(page("docs/json.md"), "json")
    finding = Finding("tested", Severity.ERROR, "message", evidence=(Evidence("aula"),))
    decision = Decision(
        *("aula", "1" * 40, None, Outcome.BLOCKED, None, ("tested",)),
        (Gitlink("aula", "1" * 40), Gitlink("thentos", "2" * 40)),
        *(None, (finding,)),
    )
    real = decisions_json([decision])
    assert shape(json.loads(text)) == shape(json.loads(json.dumps(real)))
    shown = json.loads(text)["decisions"][0]
    for finding in (*shown["findings"], *real["decisions"][0]["findings"]):
        assert finding["docs"] == f"{RULES_PAGE}#{finding['rule']}"
    assert shown["rules_run"] == list(model.RULES)
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
