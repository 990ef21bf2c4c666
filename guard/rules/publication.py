"""What the rules of the order of a release may see: values only; `guard.gitlinks` gathers."""

from __future__ import annotations

from guard.model import Evidence
from guard.values import Enum, NamedTuple


class PublicationState(Enum):
    """Whether others can fetch the commit at a gitlink."""

    PUBLISHED = "published"
    UNPUBLISHED = "not published"
    UNASKED = "not asked"
    UNANSWERED = "no answer"
    NO_REMOTE = "no remote"
    NO_URL = "no URL"
    UNKNOWN = "unknown"


class Publication(NamedTuple):
    """The commit at one gitlink, and whether the URL that ``.gitmodules`` names has it.

    Args:
        url: as ``.gitmodules`` writes it.
        remote: the remote of the submodule's repository that has this URL, "" for none.
        detail: why it is not known.
        remedy: the command that publishes the commit, or that finds out.
        along: whether this very push publishes it first (``push.recurseSubmodules``).
    """

    path: str
    commit: str
    state: PublicationState
    url: str = ""
    remote: str = ""
    detail: str = ""
    remedy: str = ""
    along: bool = False

    @property
    def name(self) -> str:
        """How people name the submodule."""
        return self.path.rpartition("/")[2]


class Publications(NamedTuple):
    """The gitlinks of one commit of the superproject, with the evidence that it is."""

    superproject: Evidence
    links: tuple[Publication, ...]
