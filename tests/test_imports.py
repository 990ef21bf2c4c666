"""Imports point one way, and a push imports little."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from guard.model import Result
from tests.workshop import Repo, Workshop

ROOT = Path(__file__).parents[1]

# The rooms of the house, from the ground floor up. A room may import those of the floors below, and
# itself; the modules that lie flat in guard stand on floors as rooms do.
FLOORS = (
    ("guard",),
    ("guard.errors", "guard.model"),
    ("guard.haskell",),
    ("guard.ci", "guard.config", "guard.screen"),
    ("guard.git",),
    ("guard.install", "guard.verdicts", "guard.engine"),
    ("guard.situation",),
    ("guard.rules",),
    ("guard.plan",),
    ("guard.gate",),
    ("guard.trial",),
    ("guard.recovery",),
    ("guard.demo",),
    ("guard.commands",),
    ("guard.cli",),
    ("guard.__main__",),
)
# Purer than their floor.
ONLY = {
    "guard.haskell": {"guard.haskell"},
    "guard.model": {"guard.model"},
    "guard.errors": {"guard.errors"},
    "guard.rules": {
        *("guard.rules", "guard.model", "guard.haskell"),
        *("guard.situation.publication", "guard.situation.values"),  # facts, and no more of it
    },
}
# Behind these an import inside a function may stand: they are heavy, and only some commands need
# them.
HEAVY = {
    "argparse",
    "docker",
    "hashlib",
    "packaging",
    "requests",
    "rich",
    "tomllib",
    "urllib3",
    "yaml",
}
# And what an accepted push needs nothing of: what its memo has was read by these, or they speak of
# a push that is blocked.
DOORS = {
    "guard.cli": {"guard.commands.pre_push"},
    "guard.commands.pre_push": {
        *("guard.gate.bypass", "guard.install.health", "guard.install.targets"),
        *("guard.gate.judgement", "guard.screen"),  # git starts before these are imported
    },
    "guard.model": {"json"},
    "guard.gate.gate": {"guard.gate.ruling", "guard.situation.facts"},
    "guard.gate.judgement": {"guard.gate.refused"},
    "guard.install.chain": {"guard.install.shim"},
    "guard.git.remotes": {"urllib.parse"},
    "guard.situation.published": {"guard.situation.unpublished"},
    "guard.verdicts.verdicts": {
        "guard.verdicts.colleagues",
        "guard.verdicts.recording",
        "guard.verdicts.salvage",
    },
    "guard.__main__": {"guard.cli"},  # Ctrl-C may come while it is imported
}
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


class Import(NamedTuple):
    """One import statement; `lazy` where it stands in a function."""

    importer: str
    imported: str
    line: int
    lazy: bool


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "guard").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str:
    """The room that a module is in, or the module itself where it lies flat."""
    return ".".join(module.split(".")[:2])


@cache
def imports() -> list[Import]:
    found = []
    for name, path in modules().items():
        for node, lazy in _statements(ast.parse(path.read_text()).body, False):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
            found += [Import(name, target, node.lineno, lazy) for target in _targets(node)]
    return found


def _statements(body: Iterable[ast.stmt], lazy: bool) -> Iterator[tuple[ast.stmt, bool]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, lazy
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            for inner in getattr(node, part, ()):
                yield from _statements([inner], lazy or is_function)


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom) and node.module is not None
    within = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in modules() else node.module for name in within]


def ours() -> list[Import]:
    return [item for item in imports() if item.imported.split(".")[0] == "guard"]


def test_the_walk_sees_every_form_of_import() -> None:
    seen = {(item.importer, item.imported, item.lazy) for item in imports()}
    assert ("guard.gate.gate", "guard.situation.contents", False) in seen
    assert ("guard.cli", "guard.commands.pre_push", True) in seen  # from package import module
    assert ("guard.gate.gate", "guard.situation.facts", True) in seen
    assert ("guard.ci.docker_run", "shlex", False) in seen
    assert len(seen) > 300


def test_every_module_is_in_a_room() -> None:
    assert sorted({room_of(name) for name in modules()}) == sorted(FLOOR)
    assert len(list((ROOT / "guard").glob("*.py"))) <= 8
    assert len(list((ROOT / "guard").glob("*/__init__.py"))) <= 15


def test_imports_go_down_the_floors() -> None:
    upward = {f"{item.importer} -> {item.imported}" for item in ours() if not _may(item)}
    assert sorted(upward) == []


def _may(item: Import) -> bool:
    importer, imported = room_of(item.importer), room_of(item.imported)
    if importer in ONLY:
        return bool(ONLY[importer] & {imported, item.imported})
    return importer == imported or FLOOR.get(imported, 99) < FLOOR.get(importer, 99)


def test_no_cycle_not_even_by_imports_inside_functions() -> None:
    edges: dict[str, set[str]] = {name: set() for name in modules()}
    for item in ours():
        edges[item.importer].add(item.imported)
    assert _cycle(edges) == []


def test_an_import_inside_a_function_is_a_door() -> None:
    edges: dict[str, set[str]] = {}
    for item in imports():
        if not item.lazy:
            edges.setdefault(item.importer, set()).add(item.imported)
    strange = [
        f"{item.importer}:{item.line} imports {item.imported}"
        for item in imports()
        if item.lazy
        and item.imported not in DOORS.get(item.importer, ())
        and not {name.split(".")[0] for name in _behind(item.imported, edges)} & HEAVY
    ]
    assert strange == []
    found = {(item.importer, item.imported) for item in imports() if item.lazy}
    doors = {(importer, door) for importer, behind in DOORS.items() for door in behind}
    assert doors - found == set()


def _behind(name: str, edges: dict[str, set[str]]) -> set[str]:
    """What an import brings along, itself among it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += edges.get(item, ())
    return found


def _cycle(edges: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges.get(name, ())):
            if target != name:
                found = visit(target, [*path, name])
                if found:
                    return found
        done.add(name)
        return []

    return next((found for found in (visit(name, []) for name in edges) if found), [])


def test_a_cycle_would_be_found() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("docker", "guard.engine"),
        ("requests", "guard.engine"),
        ("urllib3", "guard.engine"),
        ("yaml", "guard.install.lefthook guard.haskell.yaml_tree"),
        ("packaging", "guard.git.releases guard.config"),
        ("rich", "guard.trial.watch guard.screen guard.demo"),
        ("argparse", "guard.commands guard.cli guard.haskell.__main__ guard.engine.__main__"),
    ],
)
def test_each_package_is_imported_where_it_serves(package: str, allowed: str) -> None:
    importers = [item.importer for item in imports() if item.imported.split(".")[0] == package]
    assert importers
    strangers = [
        name
        for name in importers
        if not any(name == place or name.startswith(f"{place}.") for place in allowed.split())
    ]
    assert strangers == []


def test_only_the_report_writes_to_a_person() -> None:
    speakers = {"guard.screen", "guard.cli", "guard.haskell.__main__", "guard.engine.__main__"}
    found = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "sys.stdout.write",
                "sys.stderr.write",
                "sys.stdout.buffer.write",
            ):
                found.append(name)
    # These two are the hook itself: it tells its usage, and a hook beside it that cannot be run.
    # guard.__main__ tells of Ctrl-C before there is a report.
    own = {"guard.install.chain", "guard.commands.pre_push", "guard.__main__"}
    assert set(found) - speakers == own


@pytest.mark.parametrize(
    ("what", "rooms"),
    [
        # The others start Python, other hooks, docker, ssh, and what the story shows.
        ("subprocess.Popen", {"git.repository", "install.chain", "engine", "demo"}),
        ("subprocess.run", {"install.targets", "engine", "demo"}),
        ("os.replace", {"git.files", "install.change"}),
        ("fcntl.flock", {"git.files"}),
    ],
)
def test_there_is_one_door(what: str, rooms: set[str]) -> None:
    places = {
        name.removeprefix("guard.")
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == what
    }
    assert {name if name in rooms else name.partition(".")[0] for name in places} == rooms


def test_the_environment_of_the_process_is_never_changed() -> None:
    changes = [
        f"{name}: {ast.unparse(node)}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if _changes_environment(node)
    ]
    assert changes == []
    assert _changes_environment(ast.parse("del os.environ['GIT_DIR']").body[0])
    assert _changes_environment(ast.parse("os.environ['GIT_DIR'] = ''").body[0])
    assert _changes_environment(ast.parse("os.environ.pop('GIT_DIR')", mode="eval").body)


def _changes_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Delete | ast.Assign):
        return any(ast.unparse(each).startswith("os.environ[") for each in node.targets)
    changing = ("pop", "update", "clear", "setdefault", "popitem")
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called in {"os.putenv", "os.unsetenv", *(f"os.environ.{name}" for name in changing)}


class TestPush:
    """What a push imports, seen at its end."""

    SLOW = ("docker", "rich", "argparse", "pathlib", "requests", "typing_extensions")
    # Of the standard library, what a push that is in the memo can do without.
    UNNEEDED = ("hashlib", "shutil", "tempfile", "tomllib")
    CODE = """\
import sys
from guard.cli import main
status = main(["pre-push", "origin", "url"])
loaded = {name.partition(".")[0] for name in sys.modules} | set(sys.modules)
sys.stdout.write("\\n".join([str(status), *sorted(loaded)]))
"""

    def pushed(self, workshop: Workshop, at: Repo) -> tuple[int, set[str]]:
        line = f"HEAD {at.head} refs/heads/master {'0' * 40}\n"
        ran = workshop.run([sys.executable, "-I", "-c", self.CODE], at, data=line.encode())
        status, *loaded = ran.out.splitlines()
        assert "guard.gate.gate" in loaded, ran.text
        return int(status), set(loaded)

    def test_an_accepted_one(self, workshop: Workshop) -> None:
        workshop.verdict()
        for at in (workshop.docker, workshop.aula):
            for _ in ("first", "remembered"):
                status, loaded = self.pushed(workshop, at)
                assert status == 0
                assert not loaded.intersection(self.SLOW)
            assert not loaded.intersection(self.UNNEEDED)
        assert "yaml" not in loaded

    def test_blocked_ones(self, workshop: Workshop) -> None:
        workshop.verdict(Result.FAILED_TEST)
        status, loaded = self.pushed(workshop, workshop.docker)
        assert (status, loaded.intersection(self.SLOW)) == (1, set())
        workshop.require(">=0.9")
        workshop.thentos.commit("unreleased", {"new": "x"})
        workshop.pin()
        status, loaded = self.pushed(workshop, workshop.docker)
        assert (status, loaded.intersection(self.SLOW)) == (1, set())
        assert "yaml" in loaded
