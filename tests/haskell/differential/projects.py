"""Projects that take packages of thentos: does a build plan exist, and with which versions?

Each has packages of thentos at a gitlink beside it, or takes them out of an index. guard may go by
any assignment of conditions; a tool goes by this system's, and stack by the flags as they are set.
So each project is asked of guard twice: as it is written, and with what is settled put in. A plan
has to be one for guard as written, and there has to be one exactly where what is settled fits.
"""

from __future__ import annotations

import io
import json
import random
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from guard.model import Severity
from guard.rules import dependency_match
from guard.rules.asked import fitting_releases, requirements
from tests.haskell.differential import mutants
from tests.haskell.differential.packages import Difference
from tests.haskell.differential.sid import Sid
from tests.rules import case
from tests.rules.case import a_pin, facts, releases

_RELEASES = ["0.2.0", "0.3.0", "0.3.1", "0.4.0", "0.4.2", "1.0"]
_PACKAGES = ["thentos-core", "thentos-cookie-session"]
_RANGES = [
    "", ">=0.3", ">=0.3 && <0.4", "==0.3.*", "^>=0.4.0", "<0.3 || >=0.4", "==0.4.0", ">0.4", "<1",
    ">=0.3 && <1.1", "<0.2", "^>={0.3.1, 0.4.2}",
]  # fmt: skip
# What each condition comes to on the system of the tools.
_HERE = {
    "os(linux)": "true",
    "os(windows)": "false",
    "arch(x86_64)": "true",
    "arch(aarch64)": "false",
    "impl(ghc >=9)": "true",
    "impl(ghc <9.2)": "false",
    "impl(ghc >=9.10 && <9.12)": "true",
}
_FIXED_HEAD = "snapshot: ghc-9.10.3\nsystem-ghc: true\ninstall-ghc: false\npackages: [.]\n"
_CABAL = """
cd "$1/aula"
cabal build all --dry-run --offline >cabal.out 2>&1 || echo failed >>cabal.out
"""
_STACK = """
cd "$1/aula"
stack build --dry-run --test --bench --no-run-tests --no-run-benchmarks >stack.out 2>&1 &&
    stack ls dependencies json >stack.json 2>>stack.out || echo failed >>stack.out
"""
# What a tool says where it finds no plan, and not for another reason.
_NO_PLAN = {
    "cabal": re.compile("Could not resolve dependencies"),
    # Where bounds do not fit, stack looks for versions to propose; there is no network.
    "stack": re.compile("Error: \\[S-4804\\]|No information from Hackage index"),
}


_NO_PROJECT = re.compile("Error parsing project file")
# A plan of nothing: each component is `buildable: False`.
_NOTHING = re.compile("none of the components are available to build")


class Project(NamedTuple):
    """What a consumer has in its files, each condition between percent signs; where thentos stands.

    ``flags`` are those of its package with their defaults; automatic ones are cabal's to choose.
    ``pinned`` is empty where an index has all releases. Of a project file that is ``mutated`` only
    counts whether it is one.
    """

    tool: str
    files: Mapping[str, str]
    flags: Mapping[str, str]
    automatic: tuple[str, ...]
    pinned: Mapping[str, str]
    mutated: bool

    def written(self) -> dict[str, str]:
        return {path: text.replace("%", "") for path, text in self.files.items()}

    def settled(self) -> dict[str, str]:
        """With all that the tool does not choose itself put in."""
        values = dict(_HERE)
        for name, value in self.flags.items():
            if self.tool == "stack" or name not in self.automatic:
                values[f"flag({name})"] = value
        return {
            path: re.sub("%(.*?)%", lambda match: values.get(match[1], match[1]), text)
            for path, text in self.files.items()
        }


def projects(count: int, chance: random.Random) -> list[Project]:
    """Half of them for each tool; a third of cabal's has a project file that may be none."""
    return [
        _project(["cabal", "stack"][number % 2], number % 6 == 0, chance) for number in range(count)
    ]


def _project(tool: str, mutate: bool, chance: random.Random) -> Project:
    is_pinned = tool == "stack" or chance.random() < 0.7
    flags = {name: chance.choice(["true", "false"]) for name in ("f", "g")}
    automatic = tuple(name for name in flags if is_pinned and chance.random() < 0.6)
    pinned = {name: chance.choice(_RELEASES) for name in _PACKAGES} if is_pinned else {}
    files = {"aula.cabal": _aula(tool, chance, flags, automatic)}
    if tool == "cabal":
        text = _cabal_project(chance, is_pinned)
        words = mutants.PROJECT_WORDS
        files["cabal.project"] = mutants.mutated(text, words, chance) if mutate else text
        if chance.random() < 0.1:
            files["cabal.project.freeze"] = f"constraints: any.{_constraint(chance)}\n"
    else:
        files["stack.yaml"] = _stack_yaml(chance)
    return Project(tool, files, flags, automatic, pinned, tool == "cabal" and mutate)


def _aula(
    tool: str, chance: random.Random, flags: Mapping[str, str], automatic: tuple[str, ...]
) -> str:
    # Of several ranges of a package in a component, stack 3 goes by the last one alone.
    often = 1 if tool == "stack" else 9
    lines = ["cabal-version: 3.0", "name: aula", "version: 0.1", "build-type: Simple"]
    for name, value in flags.items():
        manual = str(name not in automatic)
        lines += [f"flag {name}", f"  default: {value.capitalize()}", f"  manual: {manual}"]
    sections = ["library", "executable e", "test-suite t", "benchmark b"]
    for section in [sections[0], *chance.sample(sections[1:], chance.randrange(3))]:
        lines += [section, "  default-language: Haskell2010", "  build-depends: base"]
        lines += ["  main-is: M.hs"] if section[0] in "etb" else []
        lines += ["  type: exitcode-stdio-1.0"] if section[0] in "tb" else []
        body = _body(chance, 2, 2, _PACKAGES * often)
        # stack goes by what a library needs even where it does not build it.
        counts_anyway = tool == "stack" and section == "library"
        lines += [line for line in body if not (counts_anyway and "buildable" in line)]
    return "\n".join(lines) + "\n"


def _body(chance: random.Random, indent: int, depth: int, names: list[str]) -> list[str]:
    """What holds in a component, or under a condition; ``names`` are those not asked for yet."""
    margin = " " * indent
    lines = []
    if chance.random() < 0.07:
        lines += [f"{margin}buildable: False"]
    for _ in range(chance.choice([0, 1, 1, 2])):
        lines += [f"{margin}build-depends: {one}" for one in _dependency(chance, names)]
    while depth and chance.random() < 0.5:
        left = []
        for clause in _clauses(chance):
            left.append(names.copy())
            lines += [f"{margin}{clause}", *_body(chance, indent + 2, depth - 1, left[-1])]
        names[:] = [name for name in names if all(name in each for each in left)]
    return lines


def _clauses(chance: random.Random) -> Iterator[str]:
    yield f"if {_condition(chance)}"
    if chance.random() < 0.3:
        yield f"elif {_condition(chance)}"
    if chance.random() < 0.6:
        yield "else"


def _dependency(chance: random.Random, names: list[str]) -> Iterator[str]:
    if names:
        name = names.pop(chance.randrange(len(names)))
        yield f"{name} {chance.choice(_RANGES)}".strip()


def _constraint(chance: random.Random) -> str:
    return f"{chance.choice(_PACKAGES)} {chance.choice(_RANGES[1:])}"


def _condition(chance: random.Random, depth: int = 1) -> str:
    kind = chance.randrange(6 if depth else 4)
    if kind < 2:
        return f"%flag({chance.choice('fg')})%"
    if kind == 2:
        return f"%{chance.choice(list(_HERE))}%"
    if kind == 3:
        return f"!%{chance.choice(['flag(f)', 'flag(g)', *_HERE])}%"
    operator = chance.choice(["&&", "||"])
    return f"{_condition(chance, 0)} {operator} {_condition(chance, 0)}"


def _cabal_project(chance: random.Random, is_pinned: bool) -> str:
    lines = ["packages: ."] + [f"  ../thentos/{name}" for name in _PACKAGES if is_pinned]
    lines += ["tests: True", "benchmarks: True"]
    if chance.random() < 0.3:
        scope = chance.choice(["", "", "any.", "setup."])
        lines += [f"constraints: {scope}{_constraint(chance)}"]
    if chance.random() < 0.2:
        lines += [f"if {chance.choice(['', '!'])}%{chance.choice(list(_HERE))}%"]
        lines += [f"  constraints: {_constraint(chance)}"]
        if chance.random() < 0.5:
            lines += ["else", f"  constraints: {_constraint(chance)}"]
    if chance.random() < 0.3:
        scopes = ["thentos-core", "*:thentos-core", "aula:thentos-core", "all", "aula:*",
                  "other:thentos-core", "aula-0.1:thentos-core", "*:^thentos-core", "*",
                  "thentos-core, thentos-cookie-session"]  # fmt: skip
        lines += [f"{chance.choice(['allow-newer', 'allow-older'])}: {chance.choice(scopes)}"]
    return "\n".join(lines) + "\n"


def _stack_yaml(chance: random.Random) -> str:
    lines = ["extra-deps:", *[f"- ../thentos/{name}" for name in _PACKAGES]]
    if chance.random() < 0.3:
        lines += [f"allow-newer: {chance.choice(['true', 'true', 'false'])}"]
    if chance.random() < 0.15:
        lines += [f"allow-newer-deps: [{chance.choice(['aula', 'thentos-core', 'other'])}]"]
    return _FIXED_HEAD + "\n".join(lines) + "\n"


def compare(tools: Sid, made: list[Project]) -> Iterator[Difference]:
    """Where there is a plan that guard refuses, or none that it takes; or another version's."""
    _write_index(tools)
    folders = [tools.folder / str(number) for number in range(len(made))]
    for folder, project in zip(folders, made, strict=True):
        _write(folder, project)
    for tool, script in (("cabal", _CABAL), ("stack", _STACK)):
        own = [
            folder for folder, project in zip(folders, made, strict=True) if project.tool == tool
        ]
        (tools.folder / f"{tool}.sh").write_text(script)
        # The first one makes what is common to all.
        tools.run(f"sh ./{tool}.sh {tools.inside(own[0])}")
        names = "\n".join(map(tools.inside, own))
        tools.run(f"xargs --no-run-if-empty -P 2 -n 1 sh ./{tool}.sh", text=names)
    for folder, project in zip(folders, made, strict=True):
        text = "".join(f"-- {path}\n{text}" for path, text in project.written().items())
        text += f"-- thentos: {dict(project.pinned) or 'in the index'}\n"
        for what in _differences(folder / "aula", project):
            yield Difference(project.tool, what, text)


def _differences(folder: Path, project: Project) -> Iterator[str]:
    output = (folder / f"{project.tool}.out").read_text()
    if project.mutated:
        yield from _of_file(project, output)
        return
    versions = None if output.endswith("failed\n") else _versions(folder, project.tool)
    if _NOTHING.search(output):
        versions = {}
    if versions is None and not _NO_PLAN[project.tool].search(output):
        yield f"fails: {_end(output)}"
    elif project.pinned:
        yield from _at_gitlink(project, versions, output)
    else:
        yield from _from_index(project, versions)


def _of_file(project: Project, output: str) -> Iterator[str]:
    """Whether what is read as a project file is one; packages that are missing do not count."""
    unread = case.manifest("cabal.project", project.written()["cabal.project"]).unread
    if unread and not _NO_PROJECT.search(output):
        yield f"reads the project, where guard says: {unread[0].reason}"
    elif not unread and _NO_PROJECT.search(output):
        yield f"refuses the project: {_end(output)}"


def _at_gitlink(project: Project, versions: dict[str, str] | None, output: str) -> Iterator[str]:
    written, settled = _refusal(project, project.written()), _refusal(project, project.settled())
    # That it builds the packages of thentos alone is none of the consumer.
    is_built = project.tool == "stack" or "- aula-0.1" in output
    way = _lifted(project) if is_built else " of nothing"
    if versions is not None and written:
        yield f"has a plan{way}, where guard says: {written}"
    elif versions is not None and settled:
        yield f"has a plan{way}, where guard says of what is settled: {settled}"
    elif versions is None and not settled:
        yield f"has no plan, where guard sees one: {_end(output)}"
    for name, version in (versions or {}).items():
        if version != project.pinned[name]:
            yield f"takes {name} {version}, which is {project.pinned[name]} at the gitlink"


def _lifted(project: Project) -> str:
    """That the project lifts bounds: guard says so, and goes by what is declared."""
    manifests = [case.manifest(path, text) for path, text in project.written().items()]
    return " by bounds that are lifted" if any(one.allow_newer for one in manifests) else ""


def _end(output: str) -> str:
    return " ".join(output.split())[-700:]


def _from_index(project: Project, versions: dict[str, str] | None) -> Iterator[str]:
    """The solver takes the newest release that fits; guard names all that do."""
    held = {
        f"v{version.replace('.', '_')}": dict.fromkeys(_PACKAGES, version) for version in _RELEASES
    }
    consumer = facts(project.settled(), no_pin=True, candidates=releases(**held))
    fitting = [each.release.tag.removeprefix("v") for each in fitting_releases(consumer)]
    if versions is None and fitting:
        yield f"has no plan, where guard sees {fitting}"
    # Packages that are not released together may be of different releases.
    taken = set((versions or {}).values())
    if len(taken) == 1 and taken != set(fitting[-1:]):
        left_out = requirements(consumer).keys() - (versions or {}).keys()
        way = " without what only a constraint names" if left_out else ""
        yield f"takes{_lifted(project)}{way} {versions}, and for guard fit {fitting}"


def _refusal(project: Project, files: dict[str, str]) -> str:
    """What guard says against it, "" for nothing."""
    findings = dependency_match.check(facts(files, a_pin(project.pinned)))
    return "; ".join(one.message for one in findings if one.severity is Severity.ERROR)


def _versions(folder: Path, tool: str) -> dict[str, str]:
    """The versions of thentos' packages in the plan."""
    if tool == "stack":
        pairs = [(one["name"], one["version"]) for one in _json(folder / "stack.json")]
    else:
        plan = _json(folder / "dist-newstyle/cache/plan.json")["install-plan"]
        pairs = [(one["pkg-name"], one["pkg-version"]) for one in plan]
    return {name: version for name, version in pairs if name in _PACKAGES}


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _thentos(name: str, version: str) -> str:
    return (
        f"cabal-version: 3.0\nname: {name}\nversion: {version}\nbuild-type: Simple\nlibrary\n"
        "  default-language: Haskell2010\n  build-depends: base\n"
    )


def _write(folder: Path, project: Project) -> None:
    texts = {f"aula/{path}": text for path, text in project.written().items()}
    for name, version in project.pinned.items():
        texts[f"thentos/{name}/{name}.cabal"] = _thentos(name, version)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _write_index(tools: Sid) -> None:
    """All releases of thentos' packages, and a cabal that knows them and nothing else."""
    index = tools.folder / "index"
    index.mkdir()
    for name in _PACKAGES:
        for version in _RELEASES:
            with tarfile.open(index / f"{name}-{version}.tar.gz", "w:gz") as archive:
                entry = tarfile.TarInfo(f"{name}-{version}/{name}.cabal")
                data = _thentos(name, version).encode()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    config = f"repository thentos\n  url: file+noindex://{tools.inside(index)}\n"
    (tools.root / "root/cabal.config").write_text(config)
    tools.run("cabal update")
