"""What the rules may see: values only. A push that goes through by the memo makes none."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from guard.config import FILE
from guard.git.commands import Command, Remedy
from guard.git.repository import Repository
from guard.model import Evidence, Finding, ImageMention, Release, Severity, Tested
from guard.situation.publication import Move, Publication, Unknown

if TYPE_CHECKING:
    # A push whose findings are in the memo reads no manifest.
    from guard.haskell import Checkout, Manifest, Source, Version
    from guard.situation.others import Drift


# Asks the remotes, lets git ask for a password, and keeps what they say.
ASK: Final = "guard check --ask"
# What a person does to settings that name no test command.
FILL_IN: Final = f"fill in [test] command in {FILE}"


class Package(NamedTuple):
    """A package inside the dependency.

    Args:
        version: None where its manifest does not say one that can be read.
        folder: where it stands in the dependency's tree, "" for the root.
    """

    name: str
    version: Version | None
    folder: str
    path: str
    line: int | None


class ReleasePackages(NamedTuple):
    """A release with the packages inside it, for the search for one that fits.

    Args:
        others: those that the dependency's own project does not build.
    """

    release: Release
    packages: tuple[Package, ...]
    others: tuple[Package, ...] = ()


class PathState(Enum):
    """What a path in the consumer's manifests leads to, where it leads into the dependency."""

    PRESENT = "present"
    NESTED = "in a nested submodule"
    ABSENT = "absent"
    NO_PACKAGE = "no package there"
    NO_GITLINK = "no gitlink"
    NOWHERE = "not in the superproject"
    UNKNOWN = "unknown"
    UNREAD = "not to be read"


class PathSource(NamedTuple):
    """A path by which the consumer takes packages.

    Args:
        target: the folder inside the dependency, "" for its root; that in the superproject where it
            does not lead there.
        packages: what is in that folder of the consumer or superproject.
        checkout: the other submodule that it leads into.
    """

    manifest: str
    source: Source
    target: str
    state: PathState
    packages: tuple[Package, ...] = ()
    checkout: Checkout | None = None


class Meaning(NamedTuple):
    """A repository and a ref that the consumer names, as the dependency's repositories know them.

    Args:
        is_own: whether that is the dependency's, by its name or since they are fetched from it.
        commits: what is there by the name of the ref; nothing of a commit's id.
    """

    checkout: Checkout
    is_own: bool
    commits: frozenset[str]


class SharedState(Enum):
    """What is known of the release tags that others have at a commit."""

    THERE = "there"
    ABSENT = "not there"
    UNASKED = "not asked"
    UNKNOWN = "not known"


class Shared(NamedTuple):
    """Whether the dependency's remote has a release tag at the commit of the gitlink.

    Args:
        remote: its name, "" where none has the URL that ``.gitmodules`` names.
        repository: the one that has this remote, and the tags.
        target: what they are pushed to.
        own: the tags that are at the commit here alone, each as it is pushed.
        moved: (tag, commit) of what the remote has by the name of a tag that is at it here.
        detail: why it is not known.
        remedy: what mends that.
    """

    state: SharedState
    remote: str = ""
    repository: Repository | None = None
    target: str = ""
    own: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    remedy: Remedy = ""


class Pin(NamedTuple):
    """The dependency at its gitlink.

    Args:
        releases: those whose tag is at this very commit: what its remote has; else what is here,
            and may be there or be pushed.
        shared: what is known of its remote; None where only what is here counts.
        misnamed: whether no package has the version that one of the releases names.
        others: packages that its own project does not build.
        same_content: releases with the same tree; looked for only where `releases` is empty.
        described: ``v0.2.1-111-g16d4829b`` or a short id; only where `releases` is empty.
        contradicting: tags that mean different commits in different repositories.
    """

    commit: str
    packages: tuple[Package, ...]
    releases: tuple[Release, ...] = ()
    same_content: tuple[Release, ...] = ()
    described: str = ""
    contradicting: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    repositories: tuple[Repository, ...] = ()
    shared: Shared | None = None
    misnamed: bool = False
    others: tuple[Package, ...] = ()


class Consumer(NamedTuple):
    """The consumer at its gitlink: what its manifests say."""

    commit: str
    manifests: tuple[Manifest, ...]
    paths: tuple[PathSource, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    meanings: tuple[Meaning, ...] = ()


class OldImage(NamedTuple):
    """What CI would test a commit of the consumer in, since the image that passed is not there.

    Args:
        evidence: the combination that passed.
        verdict: the name of the verdict whose image has not been published.
        drift: where that is unlike what others have, or why it could not be found out.
    """

    consumer: str
    evidence: Evidence
    verdict: str
    blocks: bool
    drift: Drift | Unknown


class ImagePins(NamedTuple):
    """What the consumer's files say of the image.

    Args:
        blocks: whether the rule `image-pin` is more than a warning.
    """

    mentions: tuple[ImageMention, ...]
    unread: tuple[Unknown, ...] = ()
    name: str = ""
    blocks: bool = False


class Names(NamedTuple):
    """How the parts are called in messages, and where the submodules stand."""

    superproject: str
    consumer: str
    dependency: str
    consumer_path: str
    dependency_path: str
    release_tag: str


class Facts(NamedTuple):
    """Everything that a decision rests on.

    Args:
        pin: None where the superproject has no gitlink for the dependency.
        consumer: None where it has none for the consumer.
        candidates: the releases with their packages; None where nobody has asked yet.
        others: how many more releases there are, which nobody has looked into.
        tested: None where the rule `tested` is not asked.
        old_image: None where the rule `image-published` has nothing to say.
        image_pins: None where the consumer cannot be read.
    """

    names: Names
    superproject: Evidence
    consumer: Consumer | Unknown | None
    pin: Pin | Unknown | None
    candidates: tuple[ReleasePackages, ...] | None = None
    others: int = 0
    tested: Tested | Unknown | None = None
    test_command: str = "guard test"
    ask_command: str = ASK
    old_image: OldImage | None = None
    image_pins: ImagePins | None = None

    @property
    def release(self) -> str | None:
        """The tag at the dependency's commit."""
        return self.pin.releases[0].tag if isinstance(self.pin, Pin) and self.pin.releases else None

    @property
    def stay(self) -> bool:
        """Whether they stay as they are: no remote was not asked, no branch was looked up."""
        consumer, pin = self.consumer, self.pin
        if isinstance(consumer, Consumer) and any(each.commits for each in consumer.meanings):
            return False
        shared = pin.shared if isinstance(pin, Pin) else None
        return shared is None or shared.state is SharedState.THERE


class Publications(NamedTuple):
    """The gitlinks of one commit of the superproject, with the evidence that it is.

    Args:
        ask_command: as of `Facts`.
    """

    superproject: Evidence
    links: tuple[Publication, ...]
    ask_command: str = ASK


class StepBack(NamedTuple):
    """A gitlink that does not lie ahead of the one that it replaces.

    Args:
        commit: that brought it about.
        why: what its message says of that, "" for nothing.
        severity: of what is not said.
        instead: what says so, where it is meant.
        remedy: what brings the submodule back up.
    """

    superproject: Evidence
    move: Move
    commit: str
    why: str
    severity: Severity
    instead: str
    remedy: Remedy

    @property
    def name(self) -> str:
        """How people name the submodule."""
        return self.move.path.rpartition("/")[2]


class OtherRecipe(NamedTuple):
    """A recipe that is not the one that others have.

    Args:
        superproject: the commit that changes it, with no commit where that is only staged.
        there: the commit that has the other one.
        keys: of `.guard.toml` that differ.
    """

    superproject: Evidence
    there: str
    keys: tuple[str, ...]
    remedy: Remedy


class Merge(NamedTuple):
    """The consumer's commit, held against the default branch of its remote.

    Args:
        tip: where it stood when it was last fetched.
        elsewhere: the push of the superproject to another branch.
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


class Apart(NamedTuple):
    """A superproject that does not go to its default branch, beside a consumer that does.

    Args:
        branch: where it goes, "" where its HEAD is detached.
        default: its default branch, "" where that is not here.
        where: the consumer's default branch.
    """

    superproject: str
    branch: str
    default: str
    consumer: str
    where: str
    remedy: Remedy


class Stale(NamedTuple):
    """A superproject that lacks what its own remote has."""

    superproject: str
    branch: str
    tip: str
    remedy: Remedy
