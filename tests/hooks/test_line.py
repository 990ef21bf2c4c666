"""A hook whose text is taken for effective stops a push, whatever shell runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from guard.install.line import call_in
from tests.hooks.places import write_script

SHELLS = ("", "#!/bin/sh", "#!/bin/sh -e", "#!/usr/bin/env bash", "#!/bin/bash -eu", "#!/bin/sh -n")
BEFORE = (
    *("", "# \\", "set -e", "set +e", "set -euo pipefail", "set -n", "PATH=$PATH:/x", "true"),
    *("exit 0", "cat >/dev/null", "if false; then", "[ -n '' ] && \\", "trap 'exit 0' EXIT"),
    *("f() {", "guard() { true; }", "cat <<E", "exec </dev/null", "set -e; exit 0", "x=1 \\", "'"),
)
CALLS = (
    *('guard pre-push "$@"', 'exec guard pre-push "$@"', 'guard pre-push "$1" "$2"'),
    *('if ! guard pre-push "$@"; then', 'if guard pre-push "$@"; then', '! guard pre-push "$@"'),
    *('guard pre-push "$@" </dev/null', 'echo; guard pre-push "$@"', "guard pre-push -h"),
)
TAILS = (
    *("", " || exit 1", " || exit", " || exit $?", " || exit 0", " || true", " &", " | cat", " ||"),
    *(" && true", " || { echo no; exit 1; }", ' || { echo "exit 1;"; }', " || {", " || { exit; }"),
    *(
        " \\",
        " || exit 1 &",
        " exit 1; fi",
        " exit; fi",
        " || ( exit 1 )",
        "; exit 1",
        " # || true",
    ),
)
AFTER = (
    *("", "echo done", "exit 0", "exit $?", "s=$?", "exit $s", "s=$?; exit $s", "s=$?; true"),
    *(
        "fi",
        "  exit 1",
        "  exit",
        "}",
        "|| true",
        "  echo no >&2",
        "then",
        "done",
        "'",
        "E",
        "return",
    ),
)


@pytest.mark.parametrize("seed", range(4))
def test_a_hook_that_is_taken_for_effective_stops_a_push(tmp_path: Path, seed: int) -> None:
    random, hooks = Random(seed), set[str]()
    while len(hooks) < 60:
        before = random.choices(BEFORE, k=random.choice((0, 0, 1, 2)))
        after = random.choices(AFTER, k=random.choice((0, 1, 2, 3)))
        line = random.choice(CALLS) + random.choice(TAILS)
        text = "\n".join((random.choice(SHELLS), *before, line, *after))
        call = call_in("hook", f"{text}\n".encode(), str(tmp_path))
        if call is not None and not call.weakness:
            hooks.add(text)
    refuses = '[ "$*" = "pre-push origin url" ] && read -r refs && exit 1\nexit 0\n'
    write_script(tmp_path / "bin/guard", f"#!/bin/sh\n{refuses}")
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    for text in sorted(hooks):
        hook = write_script(tmp_path / "hook", f"{text}\n")
        command = [str(hook)] if text.startswith("#!") else ["/bin/sh", str(hook)]
        words = [*command, "origin", "url"]
        ran = subprocess.run(words, input=b"refs\n", capture_output=True, env=env, timeout=20)
        assert ran.returncode != 0, text


@pytest.mark.parametrize("shell", ["#!/bin/sh\r", "#!/bin/sh", "#!/usr/bin/env bash\r", "# none"])
def test_a_hook_with_the_ends_of_lines_of_windows_is_none(tmp_path: Path, shell: str) -> None:
    plain = f'{shell}\nexec guard pre-push "$@"\r\n'
    number = 1 if shell.endswith("\r") else 2
    call = call_in("hook", plain.encode(), str(tmp_path))
    assert call is not None
    assert call.weakness == f"hook:{number}: a line that ends with a carriage return"
    whole = call_in("hook", plain.replace("\r", "").encode(), str(tmp_path))
    assert whole is not None and not whole.weakness
