"""What the steps of a release depend on, as values."""

from enum import Enum
from typing import NamedTuple

from guard.git.commands import Command, git
from guard.git.repository import Repository
from guard.model import Finding, Tested
from guard.situation.publication import Publication, Unknown
from guard.situation.values import Facts, Names, Pin


class Reach(Enum):
    """How a branch or a tag of a remote lies to what is to be there."""

    SAME = "the same"
    AHEAD_THERE = "there with more on top"
    LACKING = "behind, so that a push brings it forward"
    ABSENT = "not there"
    APART = "both have moved"


class Trouble(NamedTuple):
    """Why a step cannot be done, or why nobody knows whether it is.

    Args:
        is_persons: whether only a person can mend it, to whom the remedy shows what there is.
    """

    reason: str
    remedy: str
    undecided: bool = False
    is_persons: bool = False


class Spot(NamedTuple):
    """A branch or tag of a remote, and what has to be there.

    Args:
        source: what is pushed: a commit's id, or a tag's full name.
        ref: the full name at the remote.
        local: the full name of the branch that is checked out here at that commit, "" for none.
        spelled: what is pushed where the short name would go astray, "" where it does not.
        stale: the remote of which git knew last that it has something else, "" for none.
        obstacle: what is in the way of bringing the checkout forward to what is there.
        rebase_obstacle: the same of putting it on top.
    """

    repository: Repository
    remote: str
    source: str
    ref: str
    reach: Reach
    there: str = ""
    trouble: Trouble | None = None
    asked: bool = False
    local: str = ""
    spelled: str = ""
    stale: str = ""
    obstacle: str = ""
    rebase_obstacle: str = ""

    @property
    def branch(self) -> str:
        """The ref as people name it."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")

    @property
    def refspec(self) -> str:
        """What is pushed where; a commit by its id, for a branch may move meanwhile."""
        return f"{self.source}:{self.ref}"

    @property
    def push(self) -> Command:
        """The command, to be read and to be pasted."""
        is_named = self.ref in (self.source, self.local)
        what = f"{self.source[:12]}:{self.ref}"
        return self.git("push", self.remote, (self.spelled or self.branch) if is_named else what)

    @property
    def is_there(self) -> bool:
        """Whether nothing is left to be pushed."""
        return self.reach in (Reach.SAME, Reach.AHEAD_THERE)

    def git(self, *words: str) -> Command:
        """A git command in that repository."""
        return git(self.repository, *words)


class Published(Enum):
    """What is known of the image in the registry."""

    NO = "not published"
    YES = "published"
    OTHER = "the tag means another image"
    NOWHERE = "there is no registry"
    GONE = "the registry has it no more"


class PublishedImage(NamedTuple):
    """The image of the verdict in its registry.

    Args:
        reference: ``name:tag``, "" where it was given none yet.
    """

    state: Published
    reference: str = ""
    digest: str = ""


class ReleaseFacts(NamedTuple):
    """Everything that the state of a release depends on.

    Args:
        faults: what speaks against the combination itself, whatever is pushed when.
        dependency: where its release tag has to be, or that its remote cannot be asked as it is
            named; None where there is no gitlink.
        consumer: the same of its commit.
        message: of the commit of what is staged.
        trailers: the paragraphs behind it.
        hides_gitlinks: whether a setting keeps ``git commit`` from seeing those that are staged.
        fits_none: whether one of the releases that are here has to be chosen, and none fits.
        new_tags: what fetches the releases that the dependency's remote has and that are not here.
        unfetchable: the gitlinks that others cannot fetch, but for those two; nested ones count.
        beside: where the consumer's HEAD would be pushed that is on a feature branch of its own,
            beside a superproject on its default branch; None where it is on none.
    """

    names: Names
    top: Repository
    faults: tuple[Finding, ...]
    dependency: Spot | Trouble | Publication | None
    tested: Tested | Unknown | None
    image: PublishedImage | Trouble
    consumer: Spot | Trouble | Publication | None
    superproject: Spot | Trouble
    staged: bool = False
    message: str = ""
    trailers: tuple[str, ...] = ()
    hides_gitlinks: bool = False
    fits_none: bool = False
    new_tags: Command | None = None
    unfetchable: tuple[Publication, ...] = ()
    beside: Spot | Trouble | None = None

    @property
    def commit(self) -> tuple[str, ...]:
        """The words that commit what is staged."""
        texts = (self.message, *self.trailers)
        return ("commit", *(word for text in texts for word in ("-m", text)))


class Before(NamedTuple):
    """What is published, and what it would be with the dependency as it stands now.

    Args:
        pin: the dependency that the superproject's remote-tracking branch pins.
        facts: the consumer as its own remote-tracking branch has it, with the present dependency.
    """

    pin: Pin
    facts: Facts
    branch: str
