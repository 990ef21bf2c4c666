"""The words of the project as frozen values. No input or output happens here.

The words are those of the README's glossary: superproject, consumer, dependency, gitlink,
requirement, release, combination, verdict, finding.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

# All rules, in their order. The first are static: they ask about the combination alone; the next
# ask for its verdict, too; the last ask about a push: where it goes, and what went there before.
STATIC_RULES: Final = ("release-tag", "dependency-match", "dependency-source", "image-pin")
COMBINATION_RULES: Final = (*STATIC_RULES, "tested", "image-published")
RULES: Final = (*COMBINATION_RULES, "published", "merged")


class Severity(Enum):
    """How much a finding weighs. `UNDECIDED` blocks as `ERROR` does, but says so differently."""

    ERROR = "error"
    UNDECIDED = "undecided"
    WARNING = "warning"
    NOTE = "note"


class Outcome(Enum):
    """What the gate says of one commit."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"


class Role(Enum):
    """What a repository is to the others."""

    SUPERPROJECT = "superproject"
    CONSUMER = "consumer"
    DEPENDENCY = "dependency"


class Result(Enum):
    """What building and testing gave. Trouble of the engine is no result: it is raised."""

    PASSED = "passed"
    FAILED_BUILD = "failed at build"
    FAILED_TEST = "failed at test"


class Evidence(NamedTuple):
    """Where something was read.

    Args:
        repository: the repository as people name it, e.g. ``aula``.
        commit: the full commit id, or None where the thing is not in a commit.
        path: the file inside that commit.
        line: 1-based.
        text: the line or the declaration itself.
    """

    repository: str
    commit: str | None = None
    path: str | None = None
    line: int | None = None
    text: str = ""


class Finding(NamedTuple):
    """One thing that is wrong or noteworthy.

    Args:
        rule: the rule's name, e.g. ``release-tag``.
        message: one line.
        found: what is there.
        expected: what should be there.
        remedy: a command to paste, or what to change.
        missing: what could not be read, where that is why nothing could be decided.
    """

    rule: str
    severity: Severity
    message: str
    found: str = ""
    expected: str = ""
    evidence: tuple[Evidence, ...] = ()
    remedy: str = ""
    missing: tuple[str, ...] = ()


class Gitlink(NamedTuple):
    """The commit that a tree holds for a submodule (mode 160000)."""

    path: str
    commit: str


class Combination(NamedTuple):
    """One tree of the superproject with the commits of its submodules.

    Args:
        tree: id of the superproject's tree, as git knows it.
        commit: the superproject's commit, or None where the tree is its index.
        replaced: gitlinks that stand in place of those of `tree` (a consumer's pushed commit).
        source: where the tree comes from, in words: ``the index``, ``HEAD``, ``branch master``.
        objects: folder of a private object database that holds the tree, or "".
    """

    tree: str
    commit: str | None = None
    replaced: tuple[Gitlink, ...] = ()
    source: str = ""
    objects: str = ""


class Release(NamedTuple):
    """A commit of the dependency that carries a release tag.

    Args:
        tag: short name of the tag, e.g. ``v0.3.0``.
        commit: the commit it points at, tags peeled.
        tree: that commit's tree, empty where it was not needed.
    """

    tag: str
    commit: str
    tree: str = ""


class Decision(NamedTuple):
    """The gate's answer for one commit.

    Args:
        repository: the pushed repository as people name it.
        commit: the commit that was judged.
        ref: the destination ref, where there is one.
        combination: the combination's key, None where it could not be computed or was not asked.
        judged_with: for a consumer's commit, which superproject tree it was put into.
        recipe: the digest of the combination's recipe, where its key is known.
    """

    repository: str
    commit: str
    ref: str | None
    outcome: Outcome
    combination: str | None
    rules_run: tuple[str, ...]
    gitlinks: tuple[Gitlink, ...]
    release: str | None
    findings: tuple[Finding, ...]
    judged_with: str = ""
    recipe: str | None = None


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """Blocked by an error; undecided where something could not be read; else allowed."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return Outcome.BLOCKED
    if Severity.UNDECIDED in severities:
        return Outcome.UNDECIDED
    return Outcome.ALLOWED
