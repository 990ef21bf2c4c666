"""Package descriptions as guard reads them, and as Cabal does, itself or after hpack."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from guard.haskell import Manifest, Requirement, VersionRange, read_cabal, read_package_yaml
from guard.haskell.__main__ import interval_json
from guard.haskell.layout import Section, read_outline
from tests.haskell import oracle
from tests.haskell.differential import mutants
from tests.haskell.differential.sid import Sid

# Each folder's package.yaml in turn; what hpack says goes where its cabal file would.
_HPACK = "for f in $(cat); do cd $f; hpack --force --silent >refusal 2>&1 || rm -f p.cabal; done"


class Difference(NamedTuple):
    """What guard and a tool do not agree on, in one line, and the text that they read."""

    tool: str
    what: str
    text: str


def cabal_texts(count: int, chance: random.Random) -> list[str]:
    cases = oracle.lines(oracle.PLACES[-1] / "cabal_files.jsonl")
    texts = [case["text"] for case in cases if case.get("text")]
    return list(_texts(count, chance, texts, mutants.cabal_file, mutants.CABAL_WORDS))


def package_yaml_texts(count: int, chance: random.Random) -> list[str]:
    texts = [case["text"] for case in oracle.cases(oracle.PLACES[-1] / "package_yaml.json")]
    return list(_texts(count, chance, texts, mutants.package_yaml, mutants.HPACK_WORDS))


def _texts(count: int, chance: random.Random, texts: list[str], make: Any, words: list[str]) -> Any:
    for _ in range(count):
        text = make(chance) if chance.random() < 0.5 else chance.choice(texts)
        yield mutants.mutated(text, words, chance) if chance.random() < 0.9 else text


def compare_cabal(tools: Sid, texts: list[str]) -> Iterator[Difference]:
    """Where Cabal reads a ``.cabal`` file otherwise."""
    paths = []
    for number, text in enumerate(texts):
        paths.append(tools.folder / f"{number}.cabal")
        paths[-1].write_bytes(text.encode())
    for text, answer in zip(texts, tools.cabal(paths), strict=True):
        manifest = read_cabal(text.encode(), "p.cabal")
        for what in differences(manifest, answer, text):
            yield Difference("Cabal", what, text)


def compare_hpack(tools: Sid, texts: list[str]) -> Iterator[Difference]:
    """Where hpack, and Cabal after it, read a ``package.yaml`` otherwise."""
    folders = []
    for number, text in enumerate(texts):
        folders.append(tools.folder / f"{number}/p")
        folders[-1].mkdir(parents=True)
        (folders[-1] / "package.yaml").write_bytes(text.encode())
    tools.run(_HPACK, text="\n".join(map(tools.inside, folders)))
    made = {folder: next(folder.glob("*.cabal"), None) for folder in folders}
    accepted = [path for path in made.values() if path]
    answers = dict(zip(accepted, tools.cabal(accepted), strict=True))
    for text, (folder, path) in zip(texts, made.items(), strict=True):
        refusal = (folder / "refusal").read_text()
        answer = answers[path] if path else {"refused": [[0, refusal]]}
        manifest = read_package_yaml(text.encode(), "p/package.yaml")
        for what in differences(manifest, answer, path.read_text() if path else ""):
            yield Difference("hpack", what, text)


def differences(manifest: Manifest, answer: dict[str, Any], text: str) -> Iterator[str]:
    """Each in one line. What the tool accepts is read whole, and what it refuses never is."""
    if "refused" in answer:
        line, message = answer["refused"][0]
        if not manifest.unread:
            place = f", in {place_of(line, text)}" if line else ""
            yield f"refuses{place}: {' '.join(message.split())}"
        return
    if manifest.unread:
        yield f"accepts, where guard says: {manifest.unread[0].reason}"
        return
    for name, ours, theirs in (
        ("package", manifest.package, answer["package"]),
        ("version", str(manifest.version), answer["version"]),
        ("requirements", _shown(manifest.requirements), _required(answer)),
        ("tools", _tools(_shown(manifest.tools)), _tools(map(_one, answer["tools"]))),
    ):
        if ours != theirs:
            yield f"{name}: {theirs}, and for guard: {ours}"


def place_of(line: int, text: str) -> str:
    """The innermost field or section of a ``.cabal`` file that this line belongs to."""
    elements, place = read_outline(text).elements, "the file"
    while before := [one for one in elements if one.line <= line]:
        place = before[-1].name
        elements = before[-1].elements if isinstance(before[-1], Section) else ()
    return place


def _required(answer: dict[str, Any]) -> list[str]:
    """Without what asks for a library of the package itself that has a name."""
    requirements = answer["requirements"]
    return sorted(
        _one(each) for each in requirements if each[1][0] != answer["package"] or not each[1][2]
    )


def _tools(shown: Iterable[str]) -> list[str]:
    """Each once, without those that hpack leaves to Cabal, which knows their packages."""
    return sorted({one for one in shown if json.loads(one)[1] not in ("alex", "happy")})


def _one(requirement: list[Any]) -> str:
    section, dependency, when = requirement
    return json.dumps([section, *dependency, when])


def _shown(requirements: tuple[Requirement, ...]) -> list[str]:
    return sorted(
        json.dumps(
            [
                one.section,
                one.package,
                [interval_json(interval) for interval in one.range.intervals],
                list(one.libraries),
                [_with_intervals(condition.to_json()) for condition in one.when],
            ]
        )
        for one in requirements
    )


def _with_intervals(condition: Any) -> Any:
    """The condition with the ranges of compilers in one form."""
    if isinstance(condition, dict):
        return {"not": _with_intervals(condition["not"])}
    parts = re.split(r"impl\((\S+) ((?:[^()]|\([^()]*\))*)\)", condition)
    for at in range(1, len(parts), 3):
        bounds = VersionRange.parse(parts[at + 1]).intervals
        parts[at : at + 2] = [
            "impl(" + parts[at],
            f" {json.dumps([interval_json(b) for b in bounds])})",
        ]
    return "".join(parts)
