"""What the rules say, with what mends it: of what the memo does not have, and of what is not right.

A push that goes through by the memo imports none of this; the rules read Haskell.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from guard.config import Config
from guard.errors import GitError, GuardError
from guard.git.commands import ALONE, Remedy, git
from guard.git.commits import reachable
from guard.git.refs import head_of
from guard.git.remotes import Remote
from guard.git.repository import Repository
from guard.model import Combination, Evidence, Finding, Severity, Tested
from guard.plan.remedies import mended
from guard.rules import image_published, merged, published
from guard.rules.asked import ranges_on_gitlink
from guard.rules.rulebook import ASKING, STATIC, judge
from guard.situation.branches import (
    HEADS,
    default_branch,
    default_candidates,
    head_branch,
    pushed_to,
    short_name,
    tracking_ref,
    upstream,
)
from guard.situation.branches import remote_head as followed_head
from guard.situation.contents import Contents
from guard.situation.facts import Gatherer, old_image
from guard.situation.gitlinks import Links
from guard.situation.others import Drift
from guard.situation.publication import Publication, PublicationState, Unknown
from guard.situation.published import Standing
from guard.situation.tracking import Place
from guard.situation.values import Facts, Merge, Pin, Publications, SharedState, Stale
from guard.situation.workspace import Workspace

# Releases, for what would fit instead of what was found; guard align looks into all.
_LOOKED_INTO: Final = 20
_UNDECIDED: Final = (
    PublicationState.UNKNOWN,
    PublicationState.UNANSWERED,
    PublicationState.NO_REMOTE,
)


def static(
    gatherer: Gatherer, combination: Combination, tested: bool
) -> tuple[Facts, tuple[Finding, ...]]:
    """What the static rules say of a combination, and the facts that they saw."""
    facts = gatherer.gather(combination, tested=tested)
    findings = judge(facts, STATIC)
    # No list of releases makes it clearer that there is no pin, or none that can be read.
    if isinstance(facts.pin, Pin) and any(each.severity is Severity.ERROR for each in findings):
        # Which releases would fit is good to know; what is wrong is known without.
        with suppress(GuardError):
            ranges = ranges_on_gitlink(facts).values()
            facts = gatherer.explain(facts, combination, ranges, _LOOKED_INTO)
            findings = judge(facts, STATIC)
    return facts, mended(findings, facts)


def release_of(facts: Facts) -> str | None:
    """The tag at the dependency's commit."""
    return facts.pin.releases[0].tag if isinstance(facts.pin, Pin) and facts.pin.releases else None


def is_for_good(facts: Facts) -> bool:
    """Whether what the static rules say stays: it is not that some remote was not asked."""
    shared = facts.pin.shared if isinstance(facts.pin, Pin) else None
    return shared is None or shared.state is SharedState.THERE


def misfits(gatherer: Gatherer, combination: Combination) -> tuple[Finding, ...]:
    """What the static rules say of a combination, without what mends it."""
    return judge(gatherer.gather(combination, tested=False), STATIC)


def asking(facts: Facts) -> tuple[Finding, ...]:
    """What the rules say that ask for a verdict."""
    return mended(judge(facts, ASKING), facts)


def of_image(
    name: Callable[[str], str],
    combination: Combination,
    config: Config,
    tested: Tested,
    drift: Drift | Unknown,
) -> tuple[Finding, ...]:
    """What is to be said of an image that others do not have; arguments as of `old_image`."""
    image = old_image(name, combination, config, tested, drift)
    return mended(image_published.of_image(image), image)


def of_links(
    name: str, combination: Combination, links: tuple[Publication, ...]
) -> tuple[Finding, ...]:
    """What is to be pushed before the superproject, which has a name, or before the consumer."""
    evidence = Evidence(name, combination.commit, text=combination.source)
    publications = Publications(evidence, links)
    return mended(published.check(publications), publications)


def is_default(links: Links, ref: str) -> bool | Unknown:
    """Whether a push to a ref moves the remote's default branch, of which only the remote knows."""
    workspace, remote = links.contents.workspace, links.pushed_to
    if remote is None or not links.asks:
        return False
    default = links.asking.head(workspace.superproject, remote.name)
    if isinstance(default, GitError):
        what = f"the push to {ref.removeprefix(HEADS)} is one to it"
        return _unknown_default(workspace.name(""), workspace.superproject, remote, what)
    return default == ref


def nearest(
    links: Links, link: Publication, places: Sequence[Place], standings: Sequence[Standing]
) -> Standing | Unknown | None:
    """The standing that counts where none is merged; None where `published` says enough."""
    if not standings:
        where, what = places[0], "the gitlink is in it"
        return _unknown_default(link.path, where.repository, where.remote, what)
    if link.state in _UNDECIDED:
        return None
    standing = standings[0]
    place, name = standing.place, standing.place.remote.name
    if not links.present(place.repository, [standing.commit]):
        what = f"commit {standing.commit} of {standing.path} is not in {place.repository.git_dir}"
        return Unknown(what, (git(place.repository, "fetch", name, standing.commit),))
    if place.repository.is_shallow:
        what = f"the history of {standing.path} is cut off, so it cannot be seen what is merged"
        return Unknown(what, (git(place.repository, "fetch", "--unshallow", name),))
    return standing


def of_merge(
    links: Links, combination: Combination, standing: Standing, misfits: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """What is to be merged before a push to the superproject's default branch."""
    workspace = links.contents.workspace
    commit, remote = combination.commit or "HEAD", links.destination.remote or "<remote>"
    elsewhere = f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
    merge = Merge(
        Evidence(workspace.name(""), combination.commit, text=combination.source),
        standing.path,
        standing.commit,
        standing.ref.removeprefix("refs/remotes/"),
        standing.tip,
        standing.merged,
        _into(standing),
        git(workspace.superproject, "push", remote, elsewhere),
        misfits,
    )
    return mended(merged.check(merge), merge)


def _unknown_default(where: str, repository: Repository, remote: Remote, what: str) -> Unknown:
    name = remote.name
    steps = [("fetch", *ALONE, name), ("remote", "set-head", name, "--auto")]
    if f"refs/remotes/{name}/*" not in remote.tracking:
        # A clone of one branch, or of none: what is fetched is not kept where it is looked for.
        steps.insert(0, ("remote", "set-branches", "--add", name, "*"))
    return Unknown(
        f"the default branch of {name} in {where} is not known, so neither is whether {what}",
        tuple(git(repository, *words) for words in steps),
    )


def _into(standing: Standing) -> Remedy:
    """What brings a commit into the default branch of its remote."""
    place, ref, commit = standing.place, standing.ref, standing.commit[:12]
    repository, branch = place.repository, HEADS + short_name(place.remote.name, ref)
    try:
        ahead = bool(reachable(repository, [standing.tip], [standing.commit]))
    except GitError:
        ahead = False
    if ahead:
        return (git(repository, "push", place.target, f"{commit}:{branch}"),)
    return (
        git(repository, "checkout", "--detach", ref.removeprefix("refs/remotes/")),
        git(repository, "merge", commit),
        git(repository, "push", place.target, f"HEAD:{branch}"),
    )


def of_stale(
    links: Links, refs: Collection[str | None], lacking: Mapping[str, str]
) -> dict[str | None, tuple[Finding, ...]]:
    """What a push of the consumer is told where the superproject lacks what its remote has.

    Where superproject and consumer are both on a branch beside their default ones, it is what that
    branch of the superproject lacks: others see the two together.

    Args:
        refs: those that the consumer is pushed to, None where that is not known.
    """
    contents, workspace, remote = links.contents, links.contents.workspace, links.home
    head = contents.pool.head(workspace.superproject)
    assert remote is not None and head is not None  # else nothing would be lacking
    options = dict(workspace.options)
    followed = followed_head(workspace.superproject, remote.name)
    names = default_candidates(remote.name, followed)
    branch = head_branch(workspace.superproject)
    own = tracking_ref(remote.name, pushed_to(options, (), branch, {}).ref.removeprefix(HEADS))
    beside = _beside(contents, refs) if branch and own not in names else set()
    stale: dict[str | None, tuple[Finding, ...]] = {}
    tip = contents.refs[own].id if own in contents.refs else head
    if beside and not links.leads_to(workspace.superproject, [head], tip):
        stale = dict.fromkeys(beside, _of_stale(workspace, remote, own, tip))
    name = followed if followed in lacking else next(iter(lacking))
    # What HEAD follows is gone where it was renamed on the remote, and pruned here.
    tracked = [name for name in names if name in contents.refs]
    if name != followed and (followed in tracked or len(tracked) > 1):
        return stale
    whole = _of_stale(workspace, remote, name, lacking[name])
    return stale | dict.fromkeys(set(refs) - beside, whole)


def _of_stale(workspace: Workspace, remote: Remote, name: str, tip: str) -> tuple[Finding, ...]:
    top, target = workspace.superproject, short_name(remote.name, name)
    words, head = ["pull", *ALONE], head_of(top)
    if head is None or not reachable(top, [head], [tip]):
        words.append("--no-rebase")
    branch = head_branch(top).removeprefix(HEADS)
    if upstream(dict(workspace.options), branch) != (remote.name, HEADS + target):
        words += [remote.name, target]
    pull = (git(top, *words),)
    stale = Stale(workspace.name(""), name.removeprefix("refs/remotes/"), tip, pull)
    return mended([merged.check_stale(stale)], stale)


def _beside(contents: Contents, refs: Collection[str | None]) -> set[str | None]:
    """The refs of which a push leaves the consumer's default branch alone."""
    default = default_branch(contents.workspace.here, contents.pool.settings)
    usual = (default.ref,) if default.tracked else (HEADS + "main", HEADS + "master")
    return set(refs).difference(usual)
