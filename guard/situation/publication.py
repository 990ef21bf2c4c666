"""What the rules of the order of a release may see: values, which `gitlinks` gathers."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from guard.git.commands import Command, Remedy
from guard.model import Evidence, Finding


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
        remedy: what publishes the commit, or finds out.
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


class Publications(NamedTuple):
    """The gitlinks of one commit of the superproject, with the evidence that it is."""

    superproject: Evidence
    links: tuple[Publication, ...]


class Merge(NamedTuple):
    """The consumer's commit, held against the default branch of its remote.

    Args:
        superproject: the pushed commit, as evidence.
        branch: the tracking branch, e.g. ``origin/master``.
        tip: where it stood when it was last fetched.
        merged: whether the tip leads to the commit.
        remedy: what brings the commit into the branch.
        elsewhere: the push of the superproject to another branch.
        misfits: what the static rules say of the tip in place of the commit.
    """

    superproject: Evidence
    path: str
    commit: str
    branch: str
    tip: str
    merged: bool
    remedy: Remedy
    elsewhere: Command
    misfits: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """How people name the consumer."""
        return self.path.rpartition("/")[2]


class Stale(NamedTuple):
    """A superproject that lacks what its own remote has.

    Args:
        branch: the tracking branch, e.g. ``origin/master``.
        tip: the commit that is missing.
        remedy: what brings it.
    """

    superproject: str
    branch: str
    tip: str
    remedy: Remedy
