"""What every push needs of what the rules may see: what is published, and what is unknown."""

from enum import Enum
from typing import NamedTuple

from guard.git.commands import Remedy, told
from guard.model import Evidence, Finding, Severity


class Unknown(NamedTuple):
    """Something that could not be read.

    Args:
        what: in words, with the commit, file or line.
    """

    what: str
    remedy: Remedy = ""
    evidence: tuple[Evidence, ...] = ()


def undecided(rule: str, unknown: Unknown, severity: Severity = Severity.UNDECIDED) -> Finding:
    """The finding for something that could not be read, which itself says what mends it."""
    return Finding(
        rule,
        severity,
        unknown.what,
        evidence=unknown.evidence,
        remedy=told(unknown.remedy),
        missing=(unknown.what,),
    )


class Direction(Enum):
    """How a gitlink lies to the one that it replaces."""

    AHEAD = "ahead"
    BEHIND = "behind"
    BESIDE = "beside"
    UNKNOWN = "unknown"


class Move(NamedTuple):
    """A gitlink of a pushed commit with the one that it replaces.

    Args:
        base: the commit of the superproject that has the old one.
        old: "" where the one that is replaced is not known.
        names: of old and new, as people call them.
        unknown: why the direction is not known.
    """

    path: str
    base: str
    old: str
    new: str
    direction: Direction
    names: tuple[str, str] = ("", "")
    unknown: Unknown | None = None


class PublicationState(Enum):
    """Whether others can fetch the commit at a gitlink."""

    PUBLISHED = "published"
    UNPUBLISHED = "not published"
    UNASKED = "not asked"
    UNANSWERED = "no answer"
    NO_REMOTE = "no remote"
    NO_URL = "no URL"
    PATH = "a path of this machine"
    UNKNOWN = "unknown"
    INHERITED = "in a submodule, and in the destination already"


class Publication(NamedTuple):
    """The commit at one gitlink, and whether the URL that ``.gitmodules`` names has it.

    Args:
        remote: the remote of the submodule's repository that has this URL, "" for none.
        along: the branch with which this very push publishes it first, as
            ``push.recurseSubmodules`` says; "" for none.
    """

    path: str
    commit: str
    state: PublicationState
    url: str = ""
    remote: str = ""
    detail: str = ""
    remedy: Remedy = ""
    along: str = ""

    @property
    def name(self) -> str:
        """How people name the submodule."""
        return self.path.rpartition("/")[2]

    @property
    def awaits_answer(self) -> bool:
        """Whether all that is lacking is what the remote says."""
        return self.state in (PublicationState.UNASKED, PublicationState.UNANSWERED)
