"""Findings and state -> text or JSON. The only place that knows colours and widths."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from re import Match
from typing import IO, Any, Final

from guard.errors import (
    EXIT_ALLOWED,
    EXIT_BLOCKED,
    EXIT_UNDECIDED,
    GuardError,
    UnreadError,
    without_secret,
)
from guard.model import Decision, Evidence, Finding, Outcome, Severity, as_plain, to_json

JSON_VERSION: Final = 1
# Explains each rule in a section of its name.
RULES_PAGE: Final = "docs/rules.md"
_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}
_COLOURS: Final = {
    Severity.ERROR: "red",
    Severity.UNDECIDED: "red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "blue",
}
_PLACES: Final = 6
_REFS: Final = 5


class Screen:
    """Where a command speaks to a person: results on `out`, troubles on `errors`."""

    def __init__(self, out: IO[str], errors: IO[str], colour: bool) -> None:
        self._out = out
        self._errors = errors
        self.colour = colour
        self._begun = ""

    @classmethod
    def for_terminal(cls) -> Screen:
        """Standard output and error; colour only on a terminal and without ``NO_COLOR``."""
        out = _stream(sys.stdout)
        return cls(out, _stream(sys.stderr), _wants_colour(out))

    @classmethod
    def for_hook(cls) -> Screen:
        """Everything on standard error: a hook's standard output is not git's to read."""
        errors = _stream(sys.stderr)
        return cls(errors, errors, _wants_colour(errors))

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches, so that lines may be drawn again."""
        return self._out.isatty()

    def say(self, text: str = "") -> None:
        """One line or more of result."""
        self._end()
        _put(self._out, f"{_printable(text, self.colour)}\n")

    def warn(self, text: str) -> None:
        """One line or more beside the result."""
        self._end()
        _put(self._errors, f"{_printable(text, self.colour)}\n")

    def echo(self, piece: str) -> None:
        """A piece of what another program says, as it comes; its progress redraws one line.

        A word that has only begun waits for its end: it may be a URL with a password.
        """
        whole = re.sub(r"\S+\Z", "", self._begun + piece)
        self._begun = (self._begun + piece)[len(whole) :]
        _put(self._errors, "\r".join(_printable(part, False) for part in whole.split("\r")))

    def _end(self) -> None:
        """Say what of another program's last word was not said."""
        if self._begun:
            self.echo(" ")

    def confirms(self, question: str) -> bool:
        """Whether a person says yes; without a terminal nobody does."""
        if not (sys.stdin.isatty() and self.is_terminal):
            return False
        _put(self._out, f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def json(self, value: object) -> None:
        """One JSON object."""
        _put(self._out, _in_utf8(to_json(value, indent=2, ensure_ascii=_is_utf8())) + "\n")

    def flush(self) -> None:
        """What others have written to the same output."""
        _put(self._out, "")

    def failure(self, error: GuardError) -> None:
        """What went wrong and what to do."""
        self.warn(f"guard: {self.paint('error', 'red')}: {error.problem}")
        if error.remedy:
            self.warn(f"  to mend it: {error.remedy}")
            for line in _left_out(error.remedy):
                self.warn(f"  {line}")

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour (or ``bold``, ``dim``), where colours are wanted."""
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self.colour else text

    def decision(self, decision: Decision, following: str) -> None:
        """A decision with all its findings, and what comes next; "" for nothing."""
        self.say(self.decision_text(decision))
        if decision.outcome is not Outcome.ALLOWED and following:
            self.say(f"  next: {self.paint(following, 'bold')}")

    def explanation(self, decisions: Iterable[Decision]) -> None:
        """The command that explains the rules behind the findings of decisions, if there are any.

        One line for all of them together.
        """
        shown = (finding for decision in decisions for finding in _told_once(decision.findings))
        rules = dict.fromkeys(finding.rule for finding in shown)
        if rules:
            self.say(f"  rules: guard explain {' '.join(rules)}")

    def decision_text(
        self, decision: Decision, beside: str = "", above: Iterable[Finding] = ()
    ) -> str:
        """A decision with its findings.

        Args:
            beside: what else is said on its line.
            above: findings that were told already, and are named only.
        """
        word = {
            Outcome.ALLOWED: self.paint("allowed", "green"),
            Outcome.BLOCKED: self.paint("blocked", "red"),
            Outcome.UNDECIDED: self.paint("undecided", "red") + ", and so blocked",
        }[decision.outcome]
        if decision.outcome is Outcome.ALLOWED and decision.judge:
            word += f", judged with {decision.judge}"
        ref = f" to {decision.ref}" if decision.ref else ""
        commit = f" {decision.commit[:12]}" if decision.commit else ""
        lines = [f"{self.paint(decision.repository, 'bold')}{commit}{ref}: {word}{beside}"]
        told = {_matter(finding) for finding in above}
        findings = _told_once(decision.findings)
        again = dict.fromkeys(each.rule for each in findings if _matter(each) in told)
        if again:
            lines.append(f"  as above: {', '.join(again)}")
        for finding in findings:
            if _matter(finding) not in told:
                lines += self._finding(finding)
        return "\n".join(lines)

    def _finding(self, finding: Finding) -> list[str]:
        label = self.paint(f"{finding.severity.value} {finding.rule}", _COLOURS[finding.severity])
        rows = [("found:", finding.found), ("expected:", finding.expected)]
        places = [place(item) for item in finding.evidence]
        rows += zip(["at:", *[""] * _PLACES], places[:_PLACES], strict=False)
        if len(places) > _PLACES:
            rows.append(("", f"and {len(places) - _PLACES} more"))
        first, *more_lines = finding.remedy.split("\n")
        more_lines += _left_out(finding.remedy)
        rows += [("mend:", first), *(("", line) for line in more_lines)]
        lines = [f"  {label}: {finding.message}"]
        return lines + [f"      {name:<10}{text}" for name, text in rows if text]


def exit_status(decisions: Iterable[Decision]) -> int:
    """1 where anything is blocked, else 3 where anything is undecided, else 0."""
    outcomes = {decision.outcome for decision in decisions}
    if Outcome.BLOCKED in outcomes:
        return EXIT_BLOCKED
    return EXIT_UNDECIDED if Outcome.UNDECIDED in outcomes else EXIT_ALLOWED


def place(evidence: Evidence) -> str:
    """``aula 4e93172e2beb aula.cabal:29  thentos-core >=0.3.0``."""
    where = evidence.repository
    if evidence.commit:
        where += f" {evidence.commit[:12]}"
    if evidence.path:
        where += f" {evidence.path}" + (f":{evidence.line}" if evidence.line else "")
    return f"{where}  {evidence.text}".rstrip()


def tally(decisions: Sequence[Decision]) -> str:
    """How many there are of each outcome."""
    outcomes = [decision.outcome for decision in decisions]
    counts = ", ".join(f"{outcomes.count(outcome)} {outcome.value}" for outcome in Outcome)
    return f"{counted(len(outcomes), 'commit')}: {counts}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things, ``1 commit`` or ``2 commits``.

    Args:
        many: how more than one are called, where that is not the one with an "s".
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def moment(stamp: str) -> str:
    """``2016-03-04T15:32:00Z`` as people write it: ``2016-03-04 15:32:00 UTC``."""
    return stamp.replace("T", " ").replace("Z", " UTC")


def column(name: str, width: int) -> str:
    """A name in front of what it is the name of; one that is too long takes more room."""
    return f"{name:<{width - 1}} "


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as lines: each column is as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ((f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return ["  ".join(cells).rstrip() for cells in lines]


def named(refs: Sequence[str]) -> str:
    """Some refs, and how many more there are."""
    more = f" and {len(refs) - _REFS} more" if len(refs) > _REFS else ""
    return ", ".join(refs[:_REFS]) + more


def _told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Without the repetitions of several rules that miss the same thing."""
    seen: dict[tuple[Severity, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.severity, finding.message), finding)
    return list(seen.values())


def _matter(finding: Finding) -> Finding:
    """The finding by itself: what two commits share, whatever it takes to mend it in each."""
    return finding._replace(evidence=(), remedy="", missing=())


def first_remedies(findings: Iterable[Finding]) -> list[str]:
    """The commands that mend what blocks, in the order of the rules."""
    remedies = [
        item.remedy.split("\n")[0]  # of several edits the first one
        for item in findings
        if item.blocks and item.remedy
    ]
    return list(dict.fromkeys(remedies))


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision as ``guard check --json`` prints it."""
    return {
        "repository": decision.repository,
        "commit": decision.commit or None,
        "ref": decision.ref,
        "outcome": decision.outcome.value,
        "combination": decision.combination,
        "rules_run": list(decision.rules_run),
        "gitlinks": {link.path: link.commit for link in decision.gitlinks},
        "release": decision.release,
        "judged_with": decision.judged_with,
        "findings": [
            {**as_plain(finding), "docs": f"{RULES_PAGE}#{finding.rule}"}
            for finding in decision.findings
        ],
    }


def decisions_json(decisions: Iterable[Decision]) -> dict[str, Any]:
    """The whole object of ``--json``."""
    return {"version": JSON_VERSION, "decisions": [decision_json(item) for item in decisions]}


def _left_out(remedy: str) -> list[str]:
    """What is said below a remedy that is printed without the password of a URL."""
    if without_secret(remedy) == remedy:
        return []
    return ["(the user, password or token of the URL is left out: git asks for it, or write it in)"]


def _stream(stream: IO[str] | None) -> IO[str]:
    """An output that takes every text, as UTF-8 as git's is, whatever the locale says.

    Args:
        stream: None for whoever closed it, and so wants to read nothing.
    """
    if stream is None:
        return open(os.devnull, "w")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def _put(stream: IO[str], text: str) -> None:
    try:
        stream.write(without_secret(text))
        stream.flush()
    except OSError as error:
        # What is left of it would be written again at Python's exit, which would fail over it.
        if stream is sys.stdout:
            sys.stdout = None
        else:
            sys.stderr = None
        raise UnreadError(
            f"what guard prints cannot be written any more ({error.strerror}), so it ended",
            "run it again, with its output to a file that can be written",
        ) from error


def _wants_colour(stream: IO[str]) -> bool:
    wanted = stream.isatty() and not os.environ.get("NO_COLOR")
    return wanted and os.environ.get("TERM") != "dumb"


def _printable(text: str, colour: bool) -> str:
    """Names come from anywhere: what is no text, or would steer a terminal, is shown escaped."""
    text = _in_utf8(text)
    if text.isprintable():
        return text

    # Our own colours pass, where there are some.
    return re.sub(r"(\033\[[0-9;]*m)|([^\n\t])" if colour else r"()([^\n\t])", _escaped, text)


def _in_utf8(text: str) -> str:
    """The text as it is in UTF-8, as nearly everything in git, where it was read in a locale's."""
    return text if _is_utf8() else re.sub(r"[^\0-\x7f]+", _read_anew, text)


def _is_utf8() -> bool:
    return sys.getfilesystemencoding() == "utf-8"


def _read_anew(match: Match[str]) -> str:
    try:
        return os.fsencode(match[0]).decode()
    except UnicodeError:
        return match[0]


def _escaped(match: Match[str]) -> str:
    char = match[0]
    if match[1] or char.isprintable():
        return char
    return char.encode("unicode_escape").decode()
