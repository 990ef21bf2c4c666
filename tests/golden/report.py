"""Reads what the hook prints of a push, and leaves out messages, places and remedies."""

from __future__ import annotations

import re
from collections.abc import Iterator

_DECISION = re.compile(
    r"(?P<repository>\S+)(?: [0-9a-f]{12})? to (?P<refs>.+): "
    r"(?P<outcome>allowed|blocked|undecided)(?:, and so blocked)?"
)
_FINDING = re.compile(r"  (?P<severity>error|undecided|warning|note) (?P<rule>[a-z-]+): .*")
_ROW = re.compile(r" {6}(?P<name>found|expected): +(?P<text>.*)")
# Three findings expect a state or a command; that is a remedy.
_COMMAND = re.compile(
    r"(?:; or a push to a branch: git push |, or GUARD_BYPASS=|; or where it is meant, ).*"
)
_ALLOWED = re.compile(
    r"guard: (?P<repository>\S+): (?:[0-9a-f]{12} to )?(?P<refs>.+) allowed"
    r"(?P<judge>, judged with .*)?"
)
_OTHERS = re.compile(
    r"guard: the push is blocked; (?P<count>\d+) other refs? (?:is|are) allowed by .*"
)
_UNJUDGED = re.compile(r"guard: (?P<what>.+) is not judged(?:: (?P<why>.*))?")
_WARNING = re.compile(r"guard: (?P<severity>warning|note): (?P<message>.*)")
_STOPPED = re.compile(r"guard: error: .*")

# Of an allowed push the hook prints the messages alone. By these words each names its rule.
_WARNINGS = {
    "the pushed .guard.toml differs from the published one": "policy",
    "CI would test": "image-published",
    "its image": "image-pin",
    "which image": "image-pin",
    "sets no upper bound": "dependency-match",
    "disagree about": "dependency-match",
    "requires no package": "dependency-match",
    "lifts bounds": "dependency-source",
    "has not been built and tested": "tested",
    "no test command is set": "tested",
    "the tests of this combination fail": "tested",
    "is not published": "published",
    "is not in origin/": "merged",
    "which branch is the default one": "merged",
}
_BYPASS = {
    "guard: this would be blocked; it goes past guard": "bypass: written down",
    "guard: GUARD_BYPASS was not needed": "bypass: not needed",
    "guard: GUARD_BYPASS is empty": "bypass: refused, no reason is given",
}


def judgement(printed: str) -> list[str]:
    """The lines that a decision comes to, out of all that git and the hook printed."""
    assert "Traceback" not in printed, printed
    return [line for text in printed.splitlines() for line in _told(text)]


def _told(text: str) -> Iterator[str]:
    """What one printed line says of the decision; most say nothing of it."""
    if match := _DECISION.fullmatch(text):
        yield f"{match['repository']} {match['refs']}: {match['outcome']}"
    elif match := _FINDING.fullmatch(text):
        yield f"  {match['severity']} {match['rule']}"
    elif match := _ROW.fullmatch(text):
        yield f"    {match['name']}: {_COMMAND.sub('', match['text'])}"
    elif match := _WARNING.fullmatch(text):
        yield f"  {match['severity']} {_rule(match['message'])}"
    elif match := _UNJUDGED.fullmatch(text):
        yield f"{match['what']}: not judged" + (f", {match['why']}" if match["why"] else "")
    elif match := _ALLOWED.fullmatch(text):
        yield f"{match['repository']} {match['refs']}: allowed{match['judge'] or ''}"
    elif match := _OTHERS.fullmatch(text):
        yield f"{match['count']} other refs: allowed"
    elif _STOPPED.fullmatch(text):
        yield "not judged at all: guard stopped with an error"
    else:
        yield from (told for start, told in _BYPASS.items() if text.startswith(start))


def _rule(message: str) -> str:
    """The rule that an allowed push is warned by."""
    rules = [rule for words, rule in _WARNINGS.items() if words in message]
    return rules[0] if rules else f"of a rule that tests/golden/report.py does not know: {message}"
