"""Lines in other people's hooks that run guard, and whether the push waits for what it says."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
from enum import IntEnum
from typing import Final

# By its name, or as a module, as the shim does it (`guard.install.place`).
CALL: Final = re.compile(rb"guard pre-push")
_SAID: Final = re.compile(rb"\s*(?:echo|printf|:)\s[^|;&]*$")
_CASE: Final = re.compile(rb"\s*case\s+\"?\$\{?PWD\}?\"?\s+in\s+(.*?)\)\s")
_STOPS: Final = re.compile(rb"\b(?:exit|return)\b(?!\s+0\b)|\bfalse\b|[{\\]\s*$")
_ASKED: Final = re.compile(rb"\bexec\b|\bif\b|!|\$\(|`|=\s*$")
_STRICT: Final = re.compile(rb"^(?:#!.*sh\s+-\w*e|\s*set\s+-\w*e)", re.MULTILINE)
# Git gives a hook its input once.
_READS: Final = re.compile(rb"git[ -]lfs pre-push|\bread\b|/dev/stdin|\bcat\s*(?:[>|)-]|$)")
_ENDS: Final = re.compile(rb"\s*(?:fi|esac|done|else|;;|\}|\))?\s*;?\s*$")


class Call(IntEnum):
    """What a hook makes of guard; the best of its lines counts."""

    NONE = 0
    UNHEARD = 1
    BLIND = 2
    HEARD = 3


def call_in(content: bytes, folder: str, strict: bool = False) -> Call:
    """What a hook makes of guard, as far as its text tells.

    Args:
        folder: where git runs the hook; a line may be for other folders.
        strict: whether the shell ends with the first command that fails.
    """
    lines = [line.partition(b" #")[0] for line in content.splitlines()]
    lines = [b"" if line.lstrip().startswith(b"#") else line for line in lines]
    first = content.partition(b"\n")[0]
    is_shell = not first.startswith(b"#!") or b"sh" in first
    strict = strict or bool(_STRICT.search(content))
    found = Call.NONE
    for number, line in enumerate(lines):
        call = CALL.search(line)
        if call is None or not _is_for(line, folder):
            continue
        if not is_shell:
            return Call.HEARD  # nobody's guess
        before, after = line[: call.start()], line[call.end() :]
        if _SAID.match(before):
            continue
        is_fed = b"|" in before.replace(b"||", b"") or b"<" in after
        if not _is_heard(before, after, lines[number + 1 :], strict):
            made = Call.UNHEARD
        elif not is_fed and any(map(_READS.search, lines[:number])):
            made = Call.BLIND
        else:
            made = Call.HEARD
        found = max(found, made)
    return found


def _is_for(line: bytes, folder: str) -> bool:
    """Whether a line acts in a folder, where it begins as those of ``guard install`` do."""
    case = _CASE.match(line)
    if case is None:
        return True
    try:
        words = shlex.shlex(os.fsdecode(case[1]), posix=True, punctuation_chars="|")
        words.whitespace_split = True
        words.commenters = ""
        return any(fnmatch.fnmatchcase(folder, word) for word in words if word != "|")
    except ValueError:
        return True


def _is_heard(before: bytes, after: bytes, following: list[bytes], strict: bool) -> bool:
    """Whether the hook fails where guard does; where that cannot be seen it is believed."""
    rest = after.rstrip()
    if b"||" in rest:
        return _STOPS.search(rest.partition(b"||")[2]) is not None
    if b"|" in rest or (rest.endswith(b"&") and not rest.endswith(b"&&")):
        return False
    if strict or b"&&" in rest or _ASKED.search(before):
        return True
    more = [line for line in following if not _ENDS.match(line)]
    return not more or b"$?" in more[0]
