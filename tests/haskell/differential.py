"""Compare `read_cabal` with the real Cabal library on files made by chance. Not part of the tests.

Needs Debian's ``ghc``:  python -m tests.haskell.differential [COUNT [SEED]]

Files are made by mutating the oracle's: lines are moved, repeated, dropped, indented differently,
words are exchanged. What Cabal accepts, this reader must read whole; section, package, range and
the number of conditions must agree. (Where Cabal refuses, this reader may give what it can read.)
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from guard.haskell import Manifest, read_cabal
from tests.haskell import oracle

WORDS = [
    "foo", "bar >=1", "foo ==1.*", "^>=2", "p", ",", ":", "{", "}", "if", "else", "elif flag(f)",
    "if os(linux)", "if flag(f)", "if !flag(g) && impl(ghc >= 8)", "library", "library inner",
    "inner", "executable e", "test-suite t", "type: exitcode-stdio-1.0", "main-is: M.hs",
    "build-depends: foo >=1 && <2", "build-depends:", "-- comment", "import: a", "common a",
    "custom-setup", "setup-depends: base", "\t", "  ", "\u00a0", "buildable: False",
    "cabal-version: 2.2", "cabal-version: 3.0", "version: 1.0", "name: p", "flag f", "flag g",
    "(foo)", "foo:sub", "foo:{a,b}", "-any", "-none", "{1,2}", "||", "&&", "build-type: Custom",
    "x-y: z", "source-repository head", "benchmark b", "description: hi", "license: BSD3",
]  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
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
                lines.insert(at, " " * chance.randrange(6) + chance.choice(WORDS))
            case 4:
                lines[at] += " " + chance.choice(WORDS)
            case 5:
                words = lines[at].split(" ")
                words[chance.randrange(len(words))] = chance.choice(WORDS)
                lines[at] = " ".join(words)
            case 6:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                cut = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + chance.choice("(),:{}-<>=&|*. \t") + lines[at][cut:]
    return "\n".join(lines)


def shown(manifest: Manifest) -> list[str]:
    return sorted(
        f"{one.section}|{one.package}|{one.range}|{len(one.when)}" for one in manifest.requirements
    )


def cabals(answer: list[str], package: str | None, text: str) -> list[str]:
    """Cabal's answer without what depends on a library of the package itself."""
    found = []
    for line in answer:
        section, name, bound, count, _ = line.split("|", 4) if "||" not in line else cut(line)
        if name != package or "library " not in text:
            found.append(f"{section}|{name}|{bound}|{count}".replace('"', "").replace("\\n", "\n"))
    return sorted(found)


def cut(line: str) -> list[str]:
    """The columns of a line whose range has a `||` in it."""
    section, name, rest = line.split("|", 2)
    bound, count, conditions = rest.rsplit("|", 2)
    return [section, name, bound, count, conditions]


def main(count: int, seed: int) -> int:
    chance = random.Random(seed)
    texts = [case["text"] for case in oracle.lines(oracle.PLACES[-1] / "cabal_files.jsonl")
             if case.get("text")]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "dump"
        source = Path(__file__).parent / "Dump.hs"
        subprocess.run(["ghc", "-v0", "-outputdir", folder, "-o", program, source], check=True)
        paths = []
        for number in range(count):
            path = Path(folder) / f"{number}.cabal"
            path.write_bytes(mutated(chance.choice(texts), chance).encode())
            paths.append(str(path))
        answers = subprocess.run(
            [program], input="\n".join(paths) + "\n", capture_output=True, text=True, check=True,
            env={"LANG": "C.UTF-8"},
        ).stdout.splitlines()  # fmt: skip
        return sum(differs(line) for line in answers)


def differs(line: str) -> bool:
    path, verdict, *answer = line.split("\t")
    data = Path(path).read_bytes()
    manifest = read_cabal(data, "p.cabal")
    text = data.decode()
    same = verdict == "refused" or (
        not manifest.lenient
        and [one for one in shown(manifest) if "|p|" not in one or "library " not in text]
        == cabals([one for one in answer if one], manifest.package, text)
    )
    if not same:
        sys.stdout.write(f"{'=' * 20} {verdict} {manifest.unread}\n{text}\n")
        sys.stdout.write(f"--- cabal {answer}\n--- guard {shown(manifest)}\n")
    return not same


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    found = main(*(numbers + [2000, 1][len(numbers) :]))
    sys.stdout.write(f"{found} differences\n")
    sys.exit(found > 0)
