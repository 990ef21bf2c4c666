"""Commits in order: what a person names, and the line that a branch was published on."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from guard.errors import GuardError, UsageError
from guard.git.refs import resolve
from guard.git.repository import Repository

# How git words the merge of ``git pull`` (fmt-merge-msg): the branch of a URL, or a remote-tracking
# branch. Such a merge has the local line as its first parent and the published one as its second.
_PULL: Final = re.compile(
    r"Merge (?:branch '(?P<branch>[^']+)' of \S+"
    r"|remote-tracking branch '[^/']+/(?P<tracked>[^']+)')"
    r"(?: into (?P<into>\S+))?$"
)
# gitrevisions(7): no name of a ref holds "..", and the others stand at the end.
_RANGE: Final = re.compile(r"\.\.|\^(?:@|!|-\d*)$")
_ENDS: Final = re.compile(r"\.{2,3}")
_COMMIT: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
# With these git rev-list lists nothing, which would read as a clean bill.
_SILENT: Final = frozenset({"--quiet", "--count", "--disk-usage"})
_MAIN: Final = ("master", "main")


class LoggedCommit(NamedTuple):
    """A commit as a list shows it. `when` is the committer date in seconds since 1970."""

    commit: str
    when: int
    date: str
    subject: str
    parents: tuple[str, ...]


def rev_list(repository: Repository, arguments: Sequence[str]) -> list[LoggedCommit]:
    """What ``git rev-list`` lists for these arguments, in its order."""
    try:
        output = repository.text(
            "rev-list",
            # Verdicts are commits, too.
            "--exclude=refs/guard/*",
            "--no-commit-header",
            "--format=%H%x00%ct%x00%cs%x00%P%x00%s%x00",
            *arguments,
        )
    except GuardError as error:
        problem = error.problem.partition("\n")[0]
        raise GuardError(problem, "see git help rev-list for what a RANGE may be") from error
    fields = output.split("\0")
    commits = []
    for at in range(0, len(fields) - 4, 5):
        commit, when, date, parents, subject = fields[at : at + 5]
        if not (_COMMIT.fullmatch(commit.strip()) and when.isdigit()):
            raise _other_output(arguments)
        above = tuple(parents.split())
        commits.append(LoggedCommit(commit.strip(), int(when), date, subject, above))
    if fields[-1].strip() or _SILENT.intersection(arguments):
        raise _other_output(arguments)
    return commits


def _other_output(arguments: Sequence[str]) -> GuardError:
    return UsageError(
        f"git rev-list {' '.join(arguments)} prints something else than a list of commits",
        "leave out the options that change its output",
    )


def is_range(word: str) -> bool:
    """Whether a word stands for any number of commits: ``A..B``, ``A...B``, ``A^!``."""
    return _RANGE.search(word) is not None


def listed(repository: Repository, words: Sequence[str]) -> list[LoggedCommit]:
    """What ``git rev-list`` lists for what a person typed, in its order.

    Raises:
        GuardError: one of the words names no commit, or git takes them for another reason not.
        UsageError: they ask for something else than commits.
    """
    try:
        return rev_list(repository, words)
    except UsageError:
        raise
    except GuardError as error:
        # The command line that failed is guard's, and git's words for it are many.
        for name in _named(words):
            resolve(repository, name)
        raise GuardError(
            f"git rev-list does not take {' '.join(words)}", "git help rev-list"
        ) from error


def has_revision(words: Sequence[str]) -> bool:
    """Whether any word but the options and their numbers is there: ``-n 5`` has none."""
    return next(_revisions(words), None) is not None


def _named(words: Sequence[str]) -> Iterator[str]:
    for word in _revisions(words):
        ends = _ENDS.split(re.sub(r"^\^|\^(?:@|!|-\d*)$", "", word))
        yield from (end or "HEAD" for end in ends)


def _revisions(words: Sequence[str]) -> Iterator[str]:
    option = ""
    for word in words:
        if word == "--":
            return  # paths follow
        if not (word.startswith("-") or (option and word.isdigit())):
            yield word
        option = word if word.startswith("-") else ""


def published_line(repository: Repository, tip: str) -> list[LoggedCommit]:
    """The commits that a branch stood at for others, newest first.

    That is the first-parent history, but for merges that a ``git pull`` made of the branch with
    itself: what had been published is their second parent, and their first was private till then.
    """
    commits = {entry.commit: entry for entry in rev_list(repository, [tip])}
    line = []
    at: str | None = tip
    while at is not None and at in commits:
        entry = commits[at]
        line.append(entry)
        if not entry.parents:
            break
        at = entry.parents[1 if len(entry.parents) > 1 and _is_pull(entry.subject) else 0]
    return line


def _is_pull(subject: str) -> bool:
    match = _PULL.match(subject)
    if match is None:
        return False
    # The branch was merged with itself only where both names are one; another one's merge has the
    # published line as its first parent. "into" is left out for the main branch alone.
    branch = match["branch"] or match["tracked"]
    return branch == match["into"] if match["into"] else branch in _MAIN


class PublishedLine:
    """Which commit of a published line was the newest at a given time."""

    def __init__(self, line: Sequence[LoggedCommit]) -> None:
        # Committer dates may run backwards along a line: a commit counts from when the line had
        # reached it, which is no earlier than any before it.
        self._times: list[int] = []
        self._commits: list[str] = []
        latest = 0
        for entry in reversed(line):
            latest = max(latest, entry.when)
            self._times.append(latest)
            self._commits.append(entry.commit)

    def at(self, when: int) -> str | None:
        """The newest commit at a time in seconds since 1970, None before the first."""
        index = bisect_right(self._times, when)
        return self._commits[index - 1] if index else None
