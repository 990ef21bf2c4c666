"""The line that tells why a build or a test failed, out of what the tools really print."""

from __future__ import annotations

import pytest

from guard.engine.build import Lines
from guard.engine.failures import TAIL, BaseImageError, Excerpt, Trouble, judged
from guard.errors import EngineError

# The name of the case, what is printed, and the words that tell why.
PRINTED = [
    (
        "GHC 9",
        "[1 of 2] Compiling Aula\n\n"
        "src/Aula.hs:3:1: warning: [-Wunused-imports]\n    Redundant: ‘Data.List’\n\n"
        "src/Aula.hs:12:5: error: [GHC-88464]\n    Variable not in scope: foo\n   |\n12 |   foo\n"
        "src/Aula.hs:20:5: error: [GHC-83865]\n    • Couldn't match expected type ‘Int’\n"
        "Error: [Cabal-7125]\nFailed to build aula-0.38.0.\n",
        "src/Aula.hs:12:5: error: [GHC-88464] Variable not in scope: foo",
    ),
    (
        "a type error",
        "src/A.hs:20:5: error: [GHC-83865]\n    • Couldn't match type ‘Int’\n    • In f\n",
        "src/A.hs:20:5: error: [GHC-83865] Couldn't match type ‘Int’",
    ),
    (
        "GHC 8",
        "src/A.hs:4:1: error:\n    Could not find module ‘Thentos.Api’\nErrors.\n",
        "src/A.hs:4:1: error: Could not find module ‘Thentos.Api’",
    ),
    (
        "GHC 7, as in 2016",
        "src/A.hs:2:1: Warning: Tab character\n\nsrc/A.hs:12:5:\n    Not in scope: ‘foo’\n\n"
        "src/A.hs:(13,1)-(14,5):\n    Multiple declarations of ‘x’\n"
        "cabal: Error: some packages failed to install:\naula-0.38 failed to build.\n",
        "src/A.hs:12:5: Not in scope: ‘foo’",
    ),
    (
        "error, called at",
        "aula-test: Prelude.undefined\nCallStack (from HasCallStack):\n"
        "  error, called at libraries/base/GHC/Err.hs:74:14 in base:GHC.Err\n"
        "  undefined, called at test/Spec.hs:5:10 in main:Main\n",
        "aula-test: Prelude.undefined",
    ),
    (
        "GHC 9.12's uncaught exception",
        "aula-test: Uncaught exception ghc-internal:GHC.Internal.Exception.ErrorCall:\n\n"
        "no users\n\n"
        "HasCallStack backtrace:\n  error, called at test/Spec.hs:5:10 in main:Main\n",
        "aula-test: Uncaught exception ghc-internal:GHC.Internal.Exception.ErrorCall: no users",
    ),
    (
        "hspec 2.2",
        "Aula.Api\n  logs an error: on purpose\n  logs out FAILED [1]\n  goes FAILED [2]\n"
        "Failures:\n\n  test/ApiSpec.hs:31: \n  1) Aula.Api logs out\n"
        "       expected: 200\n        but got: 500\n\n"
        "Randomized with seed 1234\n\nFinished in 0.0012 seconds\n3 examples, 2 failures\n",
        "logs out FAILED [1]",
    ),
    (
        "hspec 2.11 in colour",
        "\x1b[32mAula.Api\n\x1b[0m  logs in [\x1b[32m✔\x1b[0m]\n  \x1b[31mlogs out [✘]\x1b[0m\n\n"
        "Failures:\n\n  test/ApiSpec.hs:31:5: \n  1) Aula.Api logs out\n",
        "logs out [✘]",
    ),
    (
        "hspec that shows failures only",
        "\n\nFailures:\n\n  test/ApiSpec.hs:31:5: \n  1) Aula.Api logs out\n       expected: 200\n"
        "\n\nFinished in 0.2 seconds\n12 examples, 1 failure\n",
        "test/ApiSpec.hs:31:5: 1) Aula.Api logs out",
    ),
    ("hspec's counts alone", "....F..\n7 examples, 1 failure\nbye\n", "7 examples, 1 failure"),
    (
        "tasty under cabal",
        "Running 1 test suites...\nTest suite spec: RUNNING...\nTests\n  FAIL is a word: OK\n"
        "  adds:            FAIL (0.01s)\n    test/Spec.hs:12:\n     but got: 2\n\n"
        "1 out of 2 tests failed (0.01s)\nTest suite spec: FAIL\n"
        "Test suite logged to: dist/test.log\n0 of 1 test suites (0 of 1 test cases) passed.\n"
        "Error: [Cabal-7125]\nTests failed for test:spec from aula-0.38.0.\n",
        "adds:            FAIL (0.01s)",
    ),
    (
        "HUnit",
        "### Failure in: 0:sums\ntest/Spec.hs:9\nexpected: 3\n but got: 2\n"
        "Cases: 2  Tried: 2  Errors: 0  Failures: 1\n",
        "### Failure in: 0:sums",
    ),
    (
        "doctest",
        "src/Aula.hs:14: failure in expression `add 1 2'\nexpected: 4\n but got: 3\n\n"
        "Examples: 3  Tried: 2  Errors: 0  Failures: 1\n",
        "src/Aula.hs:14: failure in expression `add 1 2'",
    ),
    (
        "QuickCheck",
        "+++ OK, passed 100 tests.\n*** Failed! Falsifiable (after 3 tests and 1 shrink):\n[1,0]\n",
        "*** Failed! Falsifiable (after 3 tests and 1 shrink): [1,0]",
    ),
    (
        "hedgehog",
        "  ✓ prop_a passed 100 tests.\n  ✗ prop_b failed at test/Spec.hs:12:3\n"
        "    after 3 tests.\n  ✗ 1 failed, 1 succeeded.\n",
        "✗ prop_b failed at test/Spec.hs:12:3",
    ),
    (
        "stack",
        "aula> test (suite: tests)\n\nspec: cannot connect\n"
        "Test suite failure for package aula-0.38.0\n    tests:  exited with: ExitFailure 1\n"
        "Logs printed to console\n",
        "Test suite failure for package aula-0.38.0",
    ),
    (
        "a build by stack",
        "thentos-core> build\naula        > [1 of 2] Compiling A\n"
        "aula        > src/A.hs:4:1: error:\naula        >     Could not find module ‘B’\n",
        "src/A.hs:4:1: error: Could not find module ‘B’",
    ),
    (
        "error, called at, under cabal",
        "Test suite spec: RUNNING...\nspec: no users\nCallStack (from HasCallStack):\n"
        "  error, called at test/Spec.hs:5:10 in main:Main\nTest suite spec: FAIL\n"
        "0 of 1 test suites (0 of 1 test cases) passed.\n",
        "spec: no users",
    ),
    (
        "what cabal cannot solve",
        "Resolving dependencies...\nError: [Cabal-7107]\nCould not resolve dependencies:\n"
        "[__0] trying: aula-0.38.0 (user goal)\n",
        "Error: [Cabal-7107] Could not resolve dependencies: [__0] trying: aula-0.38.0 (user goal)",
    ),
    (
        "C, make",
        "cc -c x.c\nx.c:1:10: fatal error: pq.h: No such file or directory\n"
        "make[1]: *** [Makefile:3: x.o] Error 1\nmake: *** [Makefile:9: all] Error 2\n",
        "x.c:1:10: fatal error: pq.h: No such file or directory",
    ),
    (
        "make",
        "stack test\nmake: stack: No such file or directory\n"
        "make: *** [Makefile:3: test] Error 127\n",
        "make: stack: No such file or directory",
    ),
    (
        "a shell",
        "starting\n/test.sh: line 3: stack: command not found\n\n---\n",
        "/test.sh: line 3: stack: command not found",
    ),
    ("a summary of no errors", "Errors: 0\nthe end\n", "the end"),
    ("no error and no failure", "no error: fine\n0 FAILED\nFAIL: test_y\nbye\n", "FAIL: test_y"),
    (
        "a mark at the end of a line",
        "test/Foo.hs:12:3: 1) Foo bar FAIL\nat the end of stderr\n",
        "test/Foo.hs:12:3: 1) Foo bar FAIL",
    ),
    ("the first of two marks", "prop_x FAILED\nerror: bad\n", "prop_x FAILED"),
    ("where error was called, cut short", "no users\naula: error, called at x\n", "no users"),
    ("one line that overwrites itself", "10%\r100% FAILED [1]\r\n", "100% FAILED [1]"),
    ("nothing with words", "\n---\n***\n", ""),
]


@pytest.mark.parametrize(
    ("printed", "words"), [case[1:] for case in PRINTED], ids=[case[0] for case in PRINTED]
)
def test_the_line_that_tells_why(printed: str, words: str) -> None:
    excerpt = Excerpt()
    for line in printed.split("\n"):
        excerpt.add(line)
    assert excerpt.outcome("", None).words == words


def test_the_first_one_counts_however_much_follows() -> None:
    excerpt = Excerpt()
    for line in ("a FAILED [1]", *map(str, range(1000)), "b FAILED [2]", "x.hs:1:1: error: c"):
        excerpt.add(line)
    assert excerpt.outcome("", None).words == "a FAILED [1]"
    assert len(excerpt.tail) == TAIL
    assert excerpt.tail[-1] == "x.hs:1:1: error: c"


def test_pieces_of_a_stream_become_lines() -> None:
    told: list[str] = []
    lines = Lines(told.append)
    for piece in (b"a\xe2\x9c", b"\x98b\r", b"\nlast \xe2"):
        lines.take(piece)
    assert told == ["a✘b"]
    lines.flush()
    assert told == ["a✘b", "last \N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize("source", ["tools", "TOOLS", "0"])
def test_a_stage_is_no_image_that_the_engine_lacks(source: str) -> None:
    trouble = Trouble("strange", 0, f"COPY --from={source} /x /", Excerpt(), buildkit=True)
    with pytest.raises(EngineError, match="could not build at 'COPY") as caught:
        judged(trouble, "FROM base AS tools\nFROM base\n")
    assert not isinstance(caught.value, BaseImageError)


def test_a_program_that_prints_what_the_runtime_would_has_a_status_of_its_own() -> None:
    output = Excerpt()
    output.add("runc run failed: boom")
    ended = 'process "/bin/sh -c x" did not complete successfully: exit code: 5'
    outcome = judged(Trouble(ended, 0, "RUN x", output, buildkit=True), "FROM base\nRUN x\n")
    assert (outcome.failure, outcome.status) == ("exit status 5: RUN x", 5)
