"""Package descriptions made by chance: by a grammar, and by mutating those and the oracle's.

Lines are moved, repeated, dropped, indented differently, words are exchanged.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

CABAL_WORDS = [
    "foo", "bar >=1", "foo ==1.*", "^>=2", "p", ",", ":", "{", "}", "if", "else", "elif flag(f)",
    "if os(linux)", "if flag(f)", "if !flag(g) && impl(ghc >= 8)", "library", "library inner",
    "inner", "executable e", "test-suite t", "type: exitcode-stdio-1.0", "main-is: M.hs",
    "build-depends: foo >=1 && <2", "build-depends:", "-- comment", "import: a", "common a",
    "custom-setup", "setup-depends: base", "\t", "  ", "\u00a0", "buildable: False",
    "cabal-version: 2.2", "cabal-version: 3.0", "version: 1.0", "name: p", "flag f", "flag g",
    "(foo)", "foo:sub", "foo:{a,b}", "-any", "-none", "{1,2}", "||", "&&", "build-type: Custom",
    "x-y: z", "source-repository head", "benchmark b", "description: hi", "license: BSD3",
    "cabal-version: 3.4", "cabal-version: 3.6", "cabal-version: 3.8", "cabal-version: 3.12",
    "cabal-version: 3.14", "build-type: Hooks", "build-tool-depends: foo:bar >=1", "foo:p",
    "build-tools: alex >=3", "p:inner", "if false", "if impl(ghc >=9 && <9.10 || >9.12)",
    "foreign-library f", "visibility: public", "mixins: foo hiding (A)", "autogen-modules: A", "..",
    "../x", "- foo", ".x: foo", "-x", "a.b", "*", "x y: z", "build-depends: foo, ..", "&",
    "pkgconfig-depends: z >=1", "elif os(osx) || !(arch(aarch64) && flag(g))", "manual: True",
]  # fmt: skip
HPACK_WORDS = [
    "foo", "bar >=1", "foo ==1.*", "^>=2", "- foo >=1", "- p", "dependencies:", "library:",
    "executables:", "when:", "- condition: os(linux)", "condition: flag(f)", "then:", "else:",
    "- condition: '!flag(f) && impl(ghc >= 9)'", "condition: true", "condition: false", "tests:",
    "benchmarks:", "internal-libraries:", "name: q", "version: 1.2", "{}", "[]", "null", "'>=1'",
    "&a", "*a", "<<: *a", "# comment", "foo: 1.0", "foo: '<5'", "foo: {version: '>=1'}", "e:",
    "foo:sub", "foo:{a,b}", "custom-setup:", "verbatim:", "build-depends: foo >=2", "main: M.hs",
    "build-tools: foo:bar", "system-build-tools: foo", "- name: foo", "version: '>=1 && <2'",
    "mixin: hiding (A)", "github: a/b", "ref: abc", "path: ../foo", "spec-version: 0.36.0", "true",
    "flags: {f: {manual: false}}", "|", ">", "\t", "  ", "_a: &a", "language: GHC2021",
    "other-modules:", "source-dirs: src", "base", "defaults:", "ghc-options: -Wall",
]  # fmt: skip
PROJECT_WORDS = [
    ".", "./", "allow-newer: base, *:foo", "allow-newer: aula:foo", "*:^thentos-core", "{", "}",
    "constraints: any.foo ==1", "foo +flag", "foo installed", "setup.foo <2", "if os(linux)", ",",
    "elif arch(x86_64)", "else", "package aula", "package *", "tests: True", "*", "(",
    "optional-packages: ./vendor/*", "extra-packages: thentos-core", "max-backjumps: 9", "true",
    "source-repository-package", "index-state: HEAD", "import: other", "^>=1", "ghc-options: -O",
    "active-repositories: :rest", "program-options", "documentation: False", ":", "-- comment",
]  # fmt: skip
_RANGES = [
    "", ">=1", ">=1 && <2", "==1.*", "^>=1.2", "<0.3 || >=0.4", "==1.2.3", "== {1, 2}", "-any",
    "^>= {1.2, 1.3}", ">1 && (<3 || ==4.*)", "<=0", "-none", "==0.3.1 || ==0.3.2 || >0.5",
]  # fmt: skip
_CONDITIONS = [
    "flag(f)", "!flag(f)", "flag(g)", "os(linux)", "os(windows)", "os(darwin)", "arch(x86_64)",
    "impl(ghc >=9)", "impl(ghc <9.6 || >=9.8)", "impl(ghcjs)", "true", "false", "os(Linux)",
]  # fmt: skip
_SPECS = [
    "1.10", ">=1.10", "1.12", "2.0", "2.2", "2.4", "3.0", "3.0", "3.4", "3.4", "3.6", "3.8", "3.12",
]  # fmt: skip
_NAMES = ["foo", "bar", "base", "thentos-core", "inner", "p", "text", "foo:sub", "Cabal"]


def condition(chance: random.Random, depth: int = 2) -> str:
    kind = chance.randrange(6) if depth else 0
    if kind < 3:
        return chance.choice(_CONDITIONS)
    if kind == 3:
        return f"!({condition(chance, depth - 1)})"
    operator = chance.choice(["&&", "||"])
    return f"({condition(chance, depth - 1)}) {operator} {condition(chance, depth - 1)}"


def dependency(chance: random.Random) -> str:
    return f"{chance.choice(_NAMES)} {chance.choice(_RANGES)}".strip()


def cabal_file(chance: random.Random) -> str:
    """One that Cabal accepts, most often."""
    lines = [f"cabal-version: {chance.choice(_SPECS)}", "name: p", "version: 1.0"]
    lines += ["build-type: Simple", "flag f", "  manual: True", "flag g", "  default: False"]
    stanzas = chance.sample(["a", "b", "c"], chance.randrange(3)) if chance.random() < 0.5 else []
    for number, name in enumerate(stanzas):
        lines += [f"common {name}"]
        lines += [f"  import: {stanzas[number - 1]}"] if number and chance.random() < 0.5 else []
        lines += _cabal_body(chance, 2, 2)
    sections = ["library", "library inner", "executable e", "test-suite t", "benchmark b"]
    for section in chance.sample(sections, chance.randint(1, 4)):
        lines += [section]
        lines += (
            [f"  import: {chance.choice(stanzas)}"] if stanzas and chance.random() < 0.7 else []
        )
        if section[0] in "etb":
            kind = [] if section[0] == "e" else ["  type: exitcode-stdio-1.0"]
            lines += ["  main-is: M.hs", *kind]
        lines += _cabal_body(chance, 2, 3)
    return "\n".join(lines) + "\n"


def _cabal_body(chance: random.Random, indent: int, depth: int) -> list[str]:
    margin = " " * indent
    lines = [f"{margin}buildable: False"] if chance.random() < 0.1 else []
    if chance.random() < 0.8:
        several = f"\n{margin}  , ".join(dependency(chance) for _ in range(chance.randint(1, 3)))
        lines += [f"{margin}build-depends: {several}"]
    if chance.random() < 0.15:
        lines += [f"{margin}build-tool-depends: foo:bar {chance.choice(_RANGES)}"]
    while depth and chance.random() < 0.4:
        lines += [f"{margin}if {condition(chance)}", *_cabal_body(chance, indent + 2, depth - 1)]
        if chance.random() < 0.3:
            lines += [f"{margin}elif {condition(chance)}"]
            lines += _cabal_body(chance, indent + 2, depth - 1)
        if chance.random() < 0.5:
            lines += [f"{margin}else", *_cabal_body(chance, indent + 2, depth - 1)]
    return lines


def package_yaml(chance: random.Random) -> str:
    """One that hpack accepts, most often."""
    lines = ["name: p", "version: 1.0"]
    lines += [
        "flags:",
        "  f: {manual: true, default: false}",
        "  g: {manual: false, default: true}",
    ]
    lines += _yaml_body(chance, 0, 1)
    for section in chance.sample(["library", "executables", "tests", "benchmarks"], 2):
        if section == "library":
            lines += [f"{section}:", "  source-dirs: []", *_yaml_body(chance, 2, 2)]
        else:
            lines += [f"{section}:", "  x:", "    main: M.hs", *_yaml_body(chance, 4, 2)]
    if chance.random() < 0.2:
        lines += ["internal-libraries:", "  inner:", "    source-dirs: []"]
        lines += _yaml_body(chance, 4, 1)
    return "\n".join(lines) + "\n"


def _yaml_body(chance: random.Random, indent: int, depth: int) -> list[str]:
    margin = " " * indent
    lines: list[str] = []
    if chance.random() < 0.8:
        lines += [f"{margin}dependencies:", *_yaml_dependencies(chance, margin)]
    if chance.random() < 0.15:
        lines += [f"{margin}build-tools: {chance.choice(['foo:bar', 'alex', 'foo:bar >=1'])}"]
    if depth and chance.random() < 0.4:
        lines += [f"{margin}when:"]
        for _ in range(chance.randint(1, 2)):
            lines += [f"{margin}- condition: '{condition(chance)}'"]
            if chance.random() < 0.3:
                for key in ("then", "else"):
                    body = _yaml_body(chance, indent + 4, depth - 1)
                    lines += [f"{margin}  {key}:" if body else f"{margin}  {key}: {{}}", *body]
            else:
                lines += _yaml_body(chance, indent + 2, depth - 1)
    return lines


def _yaml_dependencies(chance: random.Random, margin: str) -> list[str]:
    several = [dependency(chance) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.5:
        return [f"{margin}- {one}" for one in several]
    pairs = dict(one.partition(" ")[::2] for one in several)
    return [f"{margin}  {name}: '{bound}'" if bound else f"{margin}  {name}:"
            for name, bound in pairs.items()]  # fmt: skip


def mutated(text: str, words: Sequence[str], chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[at]
                lines = lines or [""]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines[at] = " " * chance.randrange(6) + lines[at].lstrip()
            case 3:
                lines.insert(at, " " * chance.randrange(6) + chance.choice(words))
            case 4:
                lines[at] += " " + chance.choice(words)
            case 5:
                parts = lines[at].split(" ")
                parts[chance.randrange(len(parts))] = chance.choice(words)
                lines[at] = " ".join(parts)
            case 6:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                cut = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + chance.choice("(),:{}-<>=&|*. \t") + lines[at][cut:]
    return "\n".join(lines)
