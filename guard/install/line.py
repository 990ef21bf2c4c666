"""Whether a hook of others runs guard at every push: its text is held against a few plain forms.

No shell is understood here. A line before guard's may end the hook, take its input or be a
condition, and what follows the call may let the push go on; so whatever is not plainly harmless,
or plainly guard's line, is what makes the hook weaker.
"""

import fnmatch
import os
import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

RETURN: Final = "a line that ends with a carriage return"
_CALLS: Final = re.compile(r"\bguard\s+pre-push\b")
_SAYS: Final = re.compile(r"(?:echo|printf|:)\s[^|;&]*$")


# By its name, by its path, or as a module, as the shim does it (`place.line_elsewhere`).
_WORD: Final = r"""(?:[\w./+@%:=~-]|'[^']*'|"[^"$`\\]*")+"""
_CALL: Final = (
    rf"(?:{_WORD} -I -X utf8 -m |(?:[\w./~-]*/)?python[\d.]* (?:-I )?-m |(?:[\w./~-]*/)?)"
    r"""guard pre-push(?: "\$@"| "\$1" "\$2")?"""
).replace(" ", r"\s+")
_LINE: Final = re.compile(rf"(exec\s+)?{_CALL}(?!\S)\s*(.*)")
_IF: Final = re.compile(rf"if\s+!\s+{_CALL}\s*[;\n]\s*then\b(.*)", re.DOTALL)
_CASE: Final = re.compile(rf"case\s+\$PWD\s+in\s+(.+)\)\s+{_CALL}\s+\|\|\s+exit\s+1\s+;;\s+esac")
_ENDS: Final = re.compile(r"\|\|\s*exit(?:\s+(?:\$\?|[1-9]\d?))?\s*;?")
_SAID: Final = r"""(?:echo|printf)(?:[ \t]+(?:[\w.,:!%/+-]+|'[^'\n]*'|"[^"$`\\\n]*"))*"""
_BLOCK: Final = re.compile(rf"\s*(?:{_SAID}\s*(?:1?>&2)?\s*[;\n]\s*)*exit\s+[1-9]\d?\s*(?:[;\n]|$)")
_PASSES_ON: Final = re.compile(r"exit \$\?|(\w+)=\$\?;?\s+exit \"?\$\{?\1\}?\"?")
_STRICT: Final = re.compile(r"set\s+(?:-[ux]*e[uxe]*(?:o\s+pipefail)?|-o\s+errexit)")
_HARMLESS: Final = re.compile(
    rf"{_STRICT.pattern}|set\s+-[ux]+|set\s+-[eux]*o\s+(?:pipefail|nounset|xtrace)"
    r"""|(?:export\s+)?PATH=(?:[\w./+@%:~-]|\$\w+|\$\{\w+\}|"(?:[^"$`\\]|\$\w+|\$\{\w+\})*")+"""
)
# Their own conditions are indented.
_LEAVES: Final = re.compile(r"^(?![\s#]).*(?:\b(?:exit|return)\b(?! 1\b)|(?:^|\s)(?:\.|source)\s)")
_SHELL: Final = re.compile(
    r"#!\s*(?:/\S*/env\s+(?:-S\s*)?)?(?:/\S*/)?(?:ba|da|k|z)?sh(?:\s+-([eux]+))?\s*"
)


class Call(NamedTuple):
    """A hook, or a configuration, that runs guard.

    Args:
        weakness: the place and the text of what keeps it from running at every push, or from
            stopping one; "" where there is nothing of the kind.
    """

    path: str
    weakness: str = ""


def call_in(path: str, content: bytes, folder: str, strict: bool = False) -> Call | None:
    """What a hook makes of guard, as far as its text tells; None where it does not run it.

    Args:
        folder: where git runs the hook; a line of ``guard install`` may be for other folders.
        strict: whether the shell ends with the first command that fails.
    """
    lines = list(_code(content))
    if not any(_calls(text, folder) for _, text in lines):
        return None
    if b"\r" in content:
        # There is no program `/bin/sh\r`, and a shell takes it for a part of the last word.
        number = content.partition(b"\r")[0].count(b"\n") + 1
        return Call(path, f"{path}:{number}: {RETURN}")
    first = os.fsdecode(content.partition(b"\n")[0])
    shell = _SHELL.fullmatch(first)
    if first.startswith("#!") and shell is None:
        return Call(path, f"{path}:1: {first}")
    strict = strict or (shell is not None and "e" in (shell[1] or ""))
    for index, (number, text) in enumerate(lines):
        case = _CASE.fullmatch(text)
        if case is not None and _is_for(case[1], folder):
            return Call(path)
        if case is not None or _HARMLESS.fullmatch(text):
            strict = strict or _STRICT.fullmatch(text) is not None
            continue
        following = "\n".join(line for _, line in lines[index + 1 :])
        is_plain = _is_plain(text, following, strict)
        return Call(path, "" if is_plain else f"{path}:{number}: {text}")
    return None


def calls(text: str) -> bool:
    """Whether guard is named in a text as a hook runs it."""
    return _CALLS.search(text) is not None


def plain_call(run: str, folder: str) -> bool:
    """Whether a text that is given to a shell does nothing but to run guard."""
    call = call_in("", os.fsencode(run), folder)
    return call is not None and not call.weakness


def odd_line(path: str, content: bytes, *usual: str) -> str:
    """The place and the text of the first line of a shell's text that is not harmless; else "".

    Args:
        usual: lines that are harmless there.
    """
    odd = (
        f"{path}:{number}: {text}"
        for number, text in _code(content)
        if text not in usual and not _HARMLESS.fullmatch(text)
    )
    return next(odd, "")


def leaves(path: str, content: bytes) -> str:
    """The place and the text of what makes a program's own hook leave, or run more; else ""."""
    lines = enumerate(os.fsdecode(content).split("\n"), 1)
    left = (f"{path}:{number}: {line}" for number, line in lines if _LEAVES.search(line))
    return next(left, "")


def _code(content: bytes) -> Iterator[tuple[int, str]]:
    """What the shell acts on, by the numbers of the lines; one that goes on in the next is one."""
    whole, start = "", 0
    for number, line in enumerate(os.fsdecode(content).split("\n"), 1):
        text = re.sub(r"(?:^|\s)#.*", "", line).strip()
        start = start or number
        if text.endswith("\\"):
            whole += f"{text[:-1]} "
            continue
        if whole + text:
            yield start, whole + text
        whole, start = "", 0
    if whole:
        yield start, whole


def _calls(text: str, folder: str) -> bool:
    call, case = _CALLS.search(text), _CASE.fullmatch(text)
    if call is None or _SAYS.match(text[: call.start()]):
        return False
    return case is None or _is_for(case[1], folder)


def _is_for(patterns: str, folder: str) -> bool:
    """Whether a ``case $PWD in`` is for a folder."""
    words = shlex.shlex(patterns, posix=True, punctuation_chars="|")
    words.whitespace_split = True
    words.commenters = ""
    try:
        return any(fnmatch.fnmatchcase(folder, word) for word in words if word != "|")
    except ValueError:
        return False


def _is_plain(text: str, following: str, strict: bool) -> bool:
    """Whether a line runs guard, and the hook fails where guard does."""
    condition = _IF.match(f"{text}\n{following}")
    if condition is not None:
        return _BLOCK.match(condition[1]) is not None
    line = _LINE.fullmatch(text)
    if line is None:
        return False
    rest = line[2].rstrip("; \t")
    if line[1] or not rest:
        is_last = strict or not following or _PASSES_ON.fullmatch(following) is not None
        return not rest and (bool(line[1]) or is_last)
    if re.match(r"\|\|\s*\{\s", f"{rest}\n"):
        return _BLOCK.match(f"{rest.partition('{')[2]}\n{following}") is not None
    return _ENDS.fullmatch(rest) is not None
